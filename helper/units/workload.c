/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that are kept running: they outlive the caller and us. */

#include "units/private.h"

#include "core/ident.h"

#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>

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

static void workload_failed(Task *task) {
    Job *job = task->jobs;
    char said[256];

    /* systemd would try again, and fail again: whoever asked is told instead. */
    manager_tell(task->units, "StopUnit", job->unit, "replace");
    manager_tell(task->units, "UnrefUnit", job->unit, NULL);
    pages_forget(job, 1);

    read_errors(task->errors, said, sizeof(said));
    if (strstr(said, "bind: Address already in use"))
        task_fail(task, ERROR_IN_USE, "another program listens at %s already; choose another port", task->subject);
    else if (strstr(said, "chdir") || strstr(said, "can't change directory"))
        task_fail(task, ERROR_INVALID, "the directory to serve cannot be entered as the user who asked (%s)", said);
    else if (*said)
        task_fail(task, ERROR_FAILED, "the web server for %s did not start: %s", task->subject, said);
    else
        task_fail(task, ERROR_FAILED,
                "the web server for %s did not start (is busybox installed? 'journalctl -u %s' "
                "may know more)",
                task->subject, job->unit);
}

static void workload_finished(Task *task, Job *job, bool success) {
    if (!success) {
        workload_failed(task);
        return;
    }
    manager_tell(task->units, "UnrefUnit", job->unit, NULL);
    task_end(task, ERROR_NONE, NULL);
}

static void workload_refused(Task *task, Job *job, const sd_bus_error *error) {
    if (sd_bus_error_has_name(error, SYSTEMD ".UnitExists")) {
        task_fail(task, ERROR_EXISTS, "%s is there already", job->unit);
        return;
    }
    pages_forget(job, 1);
    task_fail(task, ERROR_FAILED, "systemd does not start %s: %s", job->unit,
            error->message ? error->message : error->name);
}

static const TaskKind starting = { .finished = workload_finished, .refused = workload_refused };

static int start_webserver(Task *task, const char *slice, const char *netns, const RunAs *as, char *directory) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    char name[] = "busybox", applet[] = "httpd", port[] = "-p", home[] = "-h";
    char *const argv[] = { name, applet, port, task->subject, home, directory, NULL };
    _cleanup_free_ char *description = NULL;
    int r;

    if (asprintf(&description, "vpcctl web server at %s", task->subject) < 0)
        return -ENOMEM;
    r = unit_begin(task->units, task->jobs[0].unit, description, slice, netns, as, &message);
    if (r >= 0)
        r = unit_append_command(message, argv[0], argv);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Type", "s",
                "forking", /* httpd binds before it goes to the background: started means serving */
                "Restart", "s", "on-failure", "RestartUSec", "t", SECOND, "CollectMode", "s", "inactive-or-failed",
                "Environment", "as", 1, "LC_ALL=C",   /* its errors are read by us */
                "InaccessiblePaths", "as", 1, "/sys", /* it is the host's, and of no use to a web server */
                "StandardErrorFileDescriptor", "h", task->errors);
    return r < 0 ? r : unit_start(task, message);
}

/* The path of an open directory. The server gets that rather than the descriptor, which systemd would drop when it
 * restarts the server; it enters the directory with the user's own rights either way. */
static int directory_path(int fd, char **ret) {
    char link[64], path[PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    *ret = strdup(path);
    return *ret ? 0 : -ENOMEM;
}

int units_start_workload(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload, int root_fd, UnitsDone done, void *data) {
    _cleanup_free_ char *unit = unit_workload(vpc->name, subnet->name, endpoint->name, workload->name),
                        *slice = unit_slice_subnet(vpc->name, subnet->name),
                        *netns = netns_endpoint(vpc, subnet, endpoint), *directory = NULL;
    RunAs as = { workload->uid, workload->gid, workload->groups, workload->n_groups };
    _cleanup_(task_free_pointer) Task *task = NULL;
    _cleanup_close_ int netns_fd = -1;
    char address[ADDRESS_TEXT_MAX];
    int r;

    if (workload->kind != WORKLOAD_WEBSERVER)
        return -EINVAL;
    if (!unit || !slice || !netns)
        return -ENOMEM;
    r = task_new(units, &starting, &unit, 1, done, data, &task);
    if (r < 0)
        return r;
    if (asprintf(&task->subject, "%s:%u", address_format(&endpoint->address, address), workload->port) < 0) {
        task->subject = NULL;
        return -ENOMEM;
    }
    netns_fd = netns_open(netns);
    if (netns_fd < 0) {
        r = task_refuse_no_namespace(task, netns, netns_fd);
        if (r < 0)
            return r;
        TAKE_PTR(task);
        return 0;
    }
    task->errors = memfd_create("vpcctl-errors", MFD_CLOEXEC);
    if (task->errors < 0)
        return -errno;
    r = root_fd >= 0 ? directory_path(root_fd, &directory)
                     : page_write(vpc, subnet, endpoint, workload, task->subject, &directory);
    if (r < 0)
        return r;
    r = start_webserver(task, slice, netns, &as, directory);
    if (r < 0) {
        pages_forget(task->jobs, 1);
        return r;
    }
    TAKE_PTR(task);
    return 0;
}
