/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that are kept running: they outlive the caller and us. */

#include "units/private.h"

#include "core/ident.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/mman.h>

/* Less than for an exec: a change waits for it, and other changes for that one. */
#define START_TIMEOUT (10 * SECOND)

/* What the program said before it failed, on one line, without anything that a terminal would obey. */
static void read_errors(int fd, char *buffer, size_t size) {
    ssize_t n = pread(fd, buffer, size - 1, 0);

    buffer[n > 0 ? n : 0] = '\0';
    for (char *p = buffer; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = ' ';
    for (size_t length = strlen(buffer); length > 0 && buffer[length - 1] == ' '; length--)
        buffer[length - 1] = '\0';
}

static void webserver_failed(Task *task, const char *unit) {
    char said[256];

    read_errors(task->errors, said, sizeof(said));
    if (strstr(said, "bind: Address already in use"))
        task_fail(task, ERROR_IN_USE, "another program listens at %s already; choose another port", task->subject);
    else if (strstr(said, "chdir") || strstr(said, "can't change directory"))
        task_fail(task, ERROR_INVALID, "the directory to serve cannot be entered as the user who asked (%s)", said);
    else if (*said)
        task_fail(task, ERROR_FAILED, "the web server for %s did not start: %s", task->subject, said);
    else
        task_fail(task, ERROR_FAILED, "the web server for %s did not start (is busybox installed? 'journalctl -u %s' "
                "may know more)", task->subject, unit);
}

/* status: of systemd's own child (systemd.exec(5), "Process exit codes"). */
static void program_failed(Task *task, const char *unit, int status) {
    if (status == 203)
        task_fail(task, ERROR_INVALID, "cannot run '%s': no such program, or it is not executable", task->subject);
    else if (status == 200)
        task_fail(task, ERROR_INVALID, "cannot run '%s': the working directory cannot be entered", task->subject);
    else
        task_fail(task, ERROR_FAILED, "cannot run '%s': systemd could not start it (status %d; 'journalctl -u %s' may "
                "know more)", task->subject, status, unit);
}

static int on_failure_status(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Job *job = data;
    Task *task = job->task;
    _cleanup_free_ char *unit = strdup(job->unit);
    int32_t status = 0;

    if (!sd_bus_message_is_method_error(reply, NULL))
        (void)sd_bus_message_read(reply, "v", "i", &status);
    /* systemd would try again, and fail again: whoever asked is told instead. */
    manager_tell(task->units, "StopUnit", job->unit, "replace");
    manager_tell(task->units, "ResetFailedUnit", job->unit, NULL);
    manager_tell(task->units, "UnrefUnit", job->unit, NULL);
    pages_forget(job, 1);
    if (task->errors >= 0)
        webserver_failed(task, unit ? unit : "");
    else
        program_failed(task, unit ? unit : "", status);
    return 0;
}

static void workload_finished(Task *task, Job *job, bool success) {
    _cleanup_free_ char *path = NULL;

    if (success) {
        manager_tell(task->units, "UnrefUnit", job->unit, NULL);
        task_end(task, ERROR_NONE, NULL);
        return;
    }
    job->slot = sd_bus_slot_unref(job->slot);
    if (sd_bus_path_encode(SYSTEMD_PATH "/unit", job->unit, &path) < 0 ||
            sd_bus_call_method_async(task->units->bus, &job->slot, SYSTEMD, path, "org.freedesktop.DBus.Properties", "Get",
                    on_failure_status, job, "ss", SYSTEMD_SERVICE, "ExecMainStatus") < 0)
        task_fail(task, ERROR_FAILED, "%s did not start", job->unit);
}

static void workload_refused(Task *task, Job *job, const sd_bus_error *error) {
    const char *why = error->message ? error->message : error->name;

    if (sd_bus_error_has_name(error, SYSTEMD ".UnitExists")) {
        task_fail(task, ERROR_EXISTS, "%s is there already", job->unit);
        return;
    }
    pages_forget(job, 1);
    task_fail(task, sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS) ? ERROR_INVALID : ERROR_FAILED,
            "systemd does not start %s: %s", job->unit, why);
}

static const TaskKind starting = { .finished = workload_finished, .refused = workload_refused };

/* --- who it runs as --- */

/* After a while the account may be gone, and its groups others: what was given at first is not given back. 1 with *as and
 * *ret_groups (which it points to) set, 0 when there is no such user. */
static int identity_now(const Workload *workload, RunAs *as, gid_t **ret_groups) {
    _cleanup_free_ gid_t *now = NULL, *kept = calloc(workload->n_groups + 1, sizeof(gid_t));
    struct passwd entry, *found = NULL;
    char buffer[16384];
    int n = 1024;

    now = calloc((size_t)n, sizeof(gid_t));
    if (!now || !kept)
        return -ENOMEM;
    if (getpwuid_r(workload->uid, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return 0;
    if (getgrouplist(found->pw_name, found->pw_gid, now, &n) < 0)
        n = 0;
    *as = (RunAs){ workload->uid, found->pw_gid, kept, 0 };
    for (size_t i = 0; i < workload->n_groups; i++)
        for (int j = 0; j < n; j++)
            if (workload->groups[i] == now[j]) {
                kept[as->n_groups++] = now[j];
                break;
            }
    *ret_groups = TAKE_PTR(kept);
    return 1;
}

/* --- starting --- */

typedef struct Start {
    const Workload *workload;
    char *unit, *slice, *netns;
    RunAs as;
} Start;

static void start_clear(Start *start) {
    free(start->unit);
    free(start->slice);
    free(start->netns);
}

static int begin(Task *task, const Start *start, const char *description, sd_bus_message **ret) {
    return unit_begin(task->units, &(UnitBasics){ start->unit, description, start->slice, start->netns, &start->as,
                                           START_TIMEOUT }, ret);
}

static int start_webserver(Task *task, const Start *start, char *directory) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    char name[] = "busybox", applet[] = "httpd", port[] = "-p", home[] = "-h";
    char *const argv[] = { name, applet, port, task->subject, home, directory, NULL };
    _cleanup_free_ char *description = NULL;
    int r;

    if (asprintf(&description, "vpcctl web server at %s", task->subject) < 0)
        return -ENOMEM;
    r = begin(task, start, description, &message);
    if (r >= 0)
        r = unit_append_command(message, argv[0], argv);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "Type", "s", "forking", /* httpd binds before it goes to the background: started means serving */
                "Restart", "s", restart_name(start->workload->restart),
                "RestartUSec", "t", SECOND,
                "CollectMode", "s", "inactive-or-failed",
                "Environment", "as", 1, "LC_ALL=C", /* its errors are read by us */
                "InaccessiblePaths", "as", 1, "/sys", /* it is the host's, and of no use to a web server */
                "StandardErrorFileDescriptor", "h", task->errors);
    return r < 0 ? r : unit_start(task, message);
}

/* Of /sys, which is the host's, what tells of interfaces is hidden. A sysfs of the namespace (sysfs.c) would have to stay
 * mounted as long as systemd may start the program again. */
static int start_program(Task *task, const Start *start, const char *path) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_free_ char *description = NULL, *resolver = NULL;
    const Workload *workload = start->workload;
    int r;

    if (asprintf(&description, "vpcctl program %s in %s", workload->name, start->netns) < 0)
        description = NULL;
    if (asprintf(&resolver, "/etc/netns/%s/resolv.conf", start->netns) < 0)
        resolver = NULL;
    if (!description || !resolver)
        return -ENOMEM;
    r = begin(task, start, description, &message);
    if (r >= 0)
        r = unit_append_command(message, path, workload->argv);
    if (r >= 0)
        r = unit_append_strings(message, "Environment", workload->environment);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)",
                "Type", "s", "exec",
                "WorkingDirectory", "s", workload->directory ? workload->directory : "-~",
                "Restart", "s", restart_name(workload->restart),
                "RestartUSec", "t", 2 * SECOND, /* for ever, at a pace that hurts nobody */
                "StartLimitIntervalUSec", "t", UINT64_C(0),
                "CollectMode", "s", "inactive-or-failed");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)",
                "StandardInput", "s", "null",
                "StandardOutput", "s", "journal",
                "StandardError", "s", "journal",
                "SyslogIdentifier", "s", workload->name,
                "InaccessiblePaths", "as", 2, "-/sys/class/net", "-/sys/devices/virtual/net",
                "BindReadOnlyPaths", "a(ssbt)", 1, resolver, "/etc/resolv.conf", true, UINT64_C(0));
    return r < 0 ? r : unit_start(task, message);
}

static int start_one(Task *task, const Start *start, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint) {
    const Workload *workload = start->workload;
    _cleanup_free_ char *directory = NULL, *path = NULL;
    char address[ADDRESS_TEXT_MAX];
    int r;

    if (workload->kind == WORKLOAD_PROGRAM) {
        task->subject = strdup(workload->argv[0]);
        if (!task->subject)
            return -ENOMEM;
        r = unit_program_path(workload->argv[0], workload->directory, &path);
        if (r < 0)
            return r;
        if (!path)
            return task_refuse(task, ERROR_INVALID, "cannot run '%s': give the program's whole path, without '..'",
                    workload->argv[0]);
        return start_program(task, start, path);
    }

    if (asprintf(&task->subject, "%s:%u", address_format(&endpoint->address, address), workload->port) < 0) {
        task->subject = NULL;
        return -ENOMEM;
    }
    task->errors = memfd_create("vpcctl-errors", MFD_CLOEXEC);
    if (task->errors < 0)
        return -errno;
    if (workload->directory)
        r = (directory = strdup(workload->directory)) ? 0 : -ENOMEM;
    else
        r = page_write(vpc, subnet, endpoint, workload, task->subject, &directory);
    if (r < 0)
        return r;
    r = start_webserver(task, start, directory);
    if (r < 0)
        pages_forget(task->jobs, 1);
    return r;
}

int units_start_workload(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload, bool again, UnitsDone done, void *data) {
    _cleanup_(start_clear) Start start = {
        .workload = workload,
        .unit = unit_workload(vpc->name, subnet->name, endpoint->name, workload->name),
        .slice = unit_slice_subnet(vpc->name, subnet->name),
        .netns = netns_endpoint(vpc, subnet, endpoint),
        .as = { workload->uid, workload->gid, workload->groups, workload->n_groups },
    };
    _cleanup_(task_free_pointer) Task *task = NULL;
    _cleanup_free_ gid_t *groups = NULL;
    _cleanup_close_ int netns_fd = -1;
    int r;

    if (!start.unit || !start.slice || !start.netns)
        return -ENOMEM;
    r = task_new(units, &starting, &start.unit, 1, done, data, &task);
    if (r < 0)
        return r;
    netns_fd = netns_open(start.netns);
    if (netns_fd < 0)
        r = task_refuse_no_namespace(task, start.netns, netns_fd);
    else if (again && (r = identity_now(workload, &start.as, &groups)) == 0)
        r = task_refuse(task, ERROR_FAILED, "workload '%s': the user %u it runs as is gone", workload->name, workload->uid);
    else if (r >= 0)
        r = start_one(task, &start, vpc, subnet, endpoint);
    if (r < 0)
        return r;
    TAKE_PTR(task);
    return 0;
}
