/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that run for a client, until they end or it goes. */

#include "units/private.h"

#include "core/ident.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/random.h>

#define EXECS_MAX 256u /* each keeps a descriptor here and in the service manager's store (FileDescriptorStoreMax=) */

static void started(Task *task, Job *job, bool success) {
    if (success) {
        exec_started(task->exec);
        task_end(task, ERROR_NONE, NULL);
    } else {
        /* The unit knows how far it came; the answer follows from that. */
        task->exec->start_failed = true;
        exec_look(task->exec);
    }
}

static void refused(Task *task, Job *job, const sd_bus_error *error) {
    bool invalid = sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS);

    exec_forget(task->exec);
    task_fail(task, invalid ? ERROR_INVALID : ERROR_FAILED, "cannot run '%s': %s", task->subject,
            error->message ? error->message : error->name);
}

static void timed_out(Task *task) {
    if (!task->exec) /* refused, and about to say so */
        return;
    manager_tell(task->units, "StopUnit", task->exec->unit, "replace");
    exec_forget(task->exec);
}

static const TaskKind starting = { .finished = started, .refused = refused, .timed_out = timed_out };

/* Where the program starts: the caller's own directory, which its environment tells, else its home. The change of
 * directory happens with the caller's rights. */
static int append_directory(sd_bus_message *message, const char *directory) {
    return sd_bus_message_append(message, "(sv)", "WorkingDirectory", "s", directory ? directory : "-~");
}

static const char *environment_get(char *const *environment, const char *name) {
    size_t length = strlen(name);

    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

/* systemd refuses a path with ".." in it, and only once the unit is to be loaded. */
static bool path_goes_up(const char *path) {
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return true;
    return false;
}

/* The program as systemd takes it: an absolute path, or a bare name that it looks up in its own search path. NULL in
 * *ret when it is neither. */
static int program_path(const char *program, const char *directory, char **ret) {
    bool relative = program[0] != '/' && strchr(program, '/');

    /* In front of a name these are modifiers in the unit file that systemd writes. */
    if (strchr("-@:+!|", program[0]) || (relative && !directory) || path_goes_up(program)) {
        *ret = NULL;
        return 0;
    }
    return asprintf(ret, "%s%s%s", relative ? directory : "", relative ? "/" : "", program) < 0 ? -ENOMEM : 0;
}

static int start_exec(Task *task, const char *slice, const char *netns, const char *sys, const RunAs *as,
        const char *path, char *const *argv, char *const *environment, const char *directory, const int stdio[3]) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_free_ char *description = NULL, *resolver = NULL;
    const uint64_t recursive = MS_REC;
    int r;

    if (asprintf(&description, "vpcctl exec in %s", netns) < 0)
        description = NULL;
    if (asprintf(&resolver, "/etc/netns/%s/resolv.conf", netns) < 0)
        resolver = NULL;
    if (!description || !resolver)
        return -ENOMEM;

    r = unit_begin(task->units, task->jobs[0].unit, description, slice, netns, as, &message);
    if (r >= 0)
        r = unit_append_command(message, path, argv);
    if (r >= 0)
        r = append_directory(message, directory);
    if (r >= 0)
        r = unit_append_strings(message, "Environment", environment);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)", "Type", "s",
                "exec", /* the job fails when the program cannot be executed */
                "StandardInputFileDescriptor", "h", stdio[0], "StandardOutputFileDescriptor", "h", stdio[1],
                "StandardErrorFileDescriptor", "h", stdio[2]);
    if (r >= 0) /* as `ip netns exec` does, and no harm when there is none */
        r = sd_bus_message_append(
                message, "(sv)", "BindReadOnlyPaths", "a(ssbt)", 1, resolver, "/etc/resolv.conf", true, UINT64_C(0));
    if (r >= 0 && sys) /* a sysfs of our own has no cgroups in it, which some programs read their limits from */
        r = sd_bus_message_append(message, "(sv)", "BindReadOnlyPaths", "a(ssbt)", 2, sys, "/sys", false, UINT64_C(0),
                "/sys/fs/cgroup", "/sys/fs/cgroup", true, recursive);
    else if (r >= 0) /* better none than the host's */
        r = sd_bus_message_append(message, "(sv)", "InaccessiblePaths", "as", 1, "/sys");
    return r < 0 ? r : unit_start(task, message);
}

static int exec_unit_name(char **ret) {
    uint64_t random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        return -EIO;
    return asprintf(ret, EXEC_PREFIX "%016" PRIx64 ".service", random) < 0 ? -ENOMEM : 0;
}

int units_exec(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const RunAs *as,
        char *const *argv, char *const *environment, const int stdio[static 3], int control, UnitsDone done, void *data,
        char **ret_unit) {
    _cleanup_free_ char *unit = NULL, *path = NULL, *slice = unit_slice_subnet(vpc->name, subnet->name),
                        *netns = netns_endpoint(vpc, subnet, endpoint);
    const char *directory = environment_get(environment, "PWD");
    _cleanup_(task_free_pointer) Task *task = NULL;
    _cleanup_close_ int netns_fd = -1;
    Exec *exec = NULL;
    int r;

    if (!argv || str_empty(argv[0]))
        return -EINVAL;
    if (!slice || !netns)
        return -ENOMEM;
    if (directory && (directory[0] != '/' || path_goes_up(directory)))
        directory = NULL;

    r = program_path(argv[0], directory, &path);
    if (r >= 0)
        r = exec_unit_name(&unit);
    if (r >= 0)
        r = task_new(units, &starting, &unit, 1, done, data, &task);
    if (r < 0)
        return r;
    task->subject = strdup(argv[0]);
    if (!task->subject)
        return -ENOMEM;

    netns_fd = netns_open(netns);
    if (!is_seqpacket(control))
        r = task_refuse(task, ERROR_INVALID, "the control socket must be of the kind SOCK_SEQPACKET");
    else if (!path)
        r = task_refuse(task, ERROR_INVALID, "cannot run '%s': give the program's whole path", argv[0]);
    else if (netns_fd < 0)
        r = task_refuse_no_namespace(task, netns, netns_fd);
    else if (units->n_execs >= EXECS_MAX)
        r = task_refuse(task, ERROR_LIMIT, "%u programs run already; wait until one ends", EXECS_MAX);
    if (r != 0) {
        if (r < 0)
            return r;
        close(control);
        TAKE_PTR(task);
        *ret_unit = TAKE_PTR(unit);
        return 0;
    }

    r = exec_new(units, unit, control, &exec);
    if (r < 0)
        return r;
    /* A container may forbid the mount; then the program has no /sys. */
    (void)sys_mount(netns_fd, unit, &exec->sys);

    /* Stored before the unit starts: a vpcd that is killed in between finds at worst a socket without a unit. */
    store_put(unit, control);
    r = start_exec(task, slice, netns, exec->sys, as, path, argv, environment, directory, stdio);
    if (r < 0) {
        exec->control = -1; /* stays with the caller */
        store_remove(unit);
        exec_free(exec);
        return r;
    }
    exec->task = task;
    task->exec = exec;
    TAKE_PTR(task);
    *ret_unit = TAKE_PTR(unit);
    return 0;
}
