/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that run for a client, until they end or it goes. */

#include "units/private.h"

#include "core/ident.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/random.h>

#define EXECS_MAX 448u /* each keeps a descriptor in the service manager's store (FileDescriptorStoreMax=512) */
#define START_TIMEOUT (30 * SECOND)

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

/* What the start of one exec is put together from. */
typedef struct Start {
    const UnitsExec *exec;
    char *unit, *slice, *netns, *path;
    char **argv;
    int terminal;
    char *terminal_path;
} Start;

static void start_clear(Start *start) {
    free(start->unit);
    free(start->slice);
    free(start->netns);
    free(start->path);
    strings_free(start->argv);
    close_descriptor(&start->terminal);
    free(start->terminal_path);
}

/* As root the program starts behind ours, which also finds it. A shell that is a login shell is told so by the first
 * character of its name. */
static int start_command(Start *start) {
    const UnitsExec *exec = start->exec;
    size_t n = strings_length(exec->argv), before = exec->as_root ? 3 : 0;
    const char *directory = exec->directory ? exec->directory : exec->as_root ? "/" : NULL;
    int r = unit_program_path(exec->argv[0], directory, &start->path);

    if (r < 0 || !start->path)
        return r;
    start->argv = calloc(before + n + 1, sizeof(char *));
    if (!start->argv)
        return -ENOMEM;
    if (exec->as_root) {
        start->argv[0] = strdup("vpcd-root");
        start->argv[1] = strdup("--");
        start->argv[2] = TAKE_PTR(start->path);
        start->path = strdup(VPCCTL_LIBEXEC "/vpcd-root");
        if (!start->path || !start->argv[0] || !start->argv[1])
            return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const char *slash = strrchr(exec->argv[0], '/');

        if (i > 0 || !exec->login_shell)
            start->argv[before + i] = strdup(exec->argv[i]);
        else if (asprintf(&start->argv[before], "-%s", slash ? slash + 1 : exec->argv[0]) < 0)
            start->argv[before] = NULL;
        if (!start->argv[before + i])
            return -ENOMEM;
    }
    return 0;
}

static int append_stdio(sd_bus_message *message, const Start *start) {
    const int *stdio = start->exec->stdio;

    if (!start->exec->terminal)
        return sd_bus_message_append(message, "(sv)(sv)(sv)",
                "StandardInputFileDescriptor", "h", stdio[0],
                "StandardOutputFileDescriptor", "h", stdio[1],
                "StandardErrorFileDescriptor", "h", stdio[2]);
    /* Not TTYVHangup: what reads on our side would take the hang-up before the start for the end. Not TTYReset: a
     * new terminal needs none, and a reset throws away what has not been read yet. */
    return sd_bus_message_append(message, "(sv)(sv)(sv)(sv)",
            "StandardInput", "s", "tty",
            "StandardOutput", "s", "tty",
            "StandardError", "s", "tty",
            "TTYPath", "s", start->terminal_path);
}

static int start_unit(Task *task, const Start *start, const char *sys) {
    const UnitsExec *exec = start->exec;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_free_ char *description = NULL, *resolver = NULL;
    const char *home = exec->as_root ? "/" : "-~";
    const uint64_t recursive = MS_REC;
    int r;

    if (asprintf(&description, "vpcctl exec in %s", start->netns) < 0)
        description = NULL;
    if (asprintf(&resolver, "/etc/netns/%s/resolv.conf", start->netns) < 0)
        resolver = NULL;
    if (!description || !resolver)
        return -ENOMEM;

    r = unit_begin(task->units, &(UnitBasics){ start->unit, description, start->slice, start->netns,
                                        exec->as_root ? NULL : &exec->as, START_TIMEOUT }, &message);
    if (r >= 0)
        r = unit_append_command(message, start->path, start->argv);
    if (r >= 0) /* entered with the rights of the one it runs as */
        r = sd_bus_message_append(message, "(sv)", "WorkingDirectory", "s", exec->directory ? exec->directory : home);
    if (r >= 0)
        r = unit_append_strings(message, "Environment", exec->environment);
    if (r >= 0) /* what systemd adds of its own */
        r = sd_bus_message_append(message, "(sv)", "UnsetEnvironment", "as", 3, "INVOCATION_ID", "JOURNAL_STREAM",
                "SYSTEMD_EXEC_PID");
    if (r >= 0) /* the job fails when the program cannot be executed */
        r = sd_bus_message_append(message, "(sv)", "Type", "s", "exec");
    if (r >= 0)
        r = append_stdio(message, start);
    if (r >= 0) /* as `ip netns exec` does, and no harm when there is none */
        r = sd_bus_message_append(message, "(sv)", "BindReadOnlyPaths", "a(ssbt)", 1, resolver, "/etc/resolv.conf",
                true, UINT64_C(0));
    if (r >= 0 && sys) /* a sysfs of our own has no cgroups in it, which some programs read their limits from */
        r = sd_bus_message_append(message, "(sv)", "BindReadOnlyPaths", "a(ssbt)", 2, sys, "/sys", false, UINT64_C(0),
                "/sys/fs/cgroup", "/sys/fs/cgroup", true, recursive);
    else if (r >= 0) /* better none than the host's */
        r = sd_bus_message_append(message, "(sv)", "InaccessiblePaths", "as", 1, "/sys");
    return r < 0 ? r : unit_start(task, message);
}

/* Whose it is stands in the name, for a vpcd that takes it up later. */
static int exec_unit_name(uid_t uid, char **ret) {
    uint64_t random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        return -EIO;
    return asprintf(ret, EXEC_PREFIX "%u-%016" PRIx64 ".service", uid, random) < 0 ? -ENOMEM : 0;
}

/* 1 when something forbids the start, and the task will say so. */
static int check(Task *task, const Start *start, int netns_fd) {
    const UnitsExec *exec = start->exec;
    unsigned limit = task->units->limits->execs_per_user;

    if (!is_seqpacket(exec->control))
        return task_refuse(task, ERROR_INVALID, "the control socket must be of the kind SOCK_SEQPACKET");
    if (!start->path)
        return task_refuse(task, ERROR_INVALID, "cannot run '%s': give the program's whole path, without '..'",
                exec->argv[0]);
    if (netns_fd < 0)
        return task_refuse_no_namespace(task, start->netns, netns_fd);
    if (exec->as.uid != 0 && execs_of(task->units, exec->as.uid) >= limit)
        return task_refuse(task, ERROR_LIMIT, "%u programs of yours run already ('execs-per-user'); wait until one ends",
                limit);
    if (task->units->n_execs >= EXECS_MAX)
        return task_refuse(task, ERROR_LIMIT, "%u programs run already; wait until one ends", EXECS_MAX);
    return 0;
}

int units_exec(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const UnitsExec *spec,
        UnitsDone done, void *data, char **ret_unit, int *ret_terminal) {
    _cleanup_(start_clear) Start start = {
        .exec = spec,
        .slice = unit_slice_subnet(vpc->name, subnet->name),
        .netns = netns_endpoint(vpc, subnet, endpoint),
        .terminal = -1,
    };
    _cleanup_(task_free_pointer) Task *task = NULL;
    _cleanup_close_ int netns_fd = -1;
    Exec *exec = NULL;
    int r;

    if (!spec->argv || str_empty(spec->argv[0]))
        return -EINVAL;
    if (!start.slice || !start.netns)
        return -ENOMEM;
    r = start_command(&start);
    if (r >= 0)
        r = exec_unit_name(spec->as.uid, &start.unit);
    if (r >= 0)
        r = task_new(units, &starting, &start.unit, 1, done, data, &task);
    if (r < 0)
        return r;
    task->subject = strdup(spec->argv[0]);
    if (!task->subject)
        return -ENOMEM;

    netns_fd = netns_open(start.netns);
    r = check(task, &start, netns_fd);
    if (r < 0)
        return r;
    if (r > 0) {
        close(spec->control);
        TAKE_PTR(task);
        *ret_unit = TAKE_PTR(start.unit);
        return 0;
    }
    if (spec->terminal) {
        r = terminal_new(spec->rows, spec->columns, &start.terminal, &start.terminal_path);
        if (r < 0)
            return r;
    }

    r = exec_new(units, start.unit, spec->control, &exec);
    if (r < 0)
        return r;
    /* A container may forbid the mount; then the program has no /sys. */
    (void)sys_mount(netns_fd, start.unit, &exec->sys);

    /* Stored before the unit starts: a vpcd that is killed in between finds at worst a socket without a unit. */
    store_put(start.unit, spec->control);
    r = start_unit(task, &start, exec->sys);
    if (r < 0) {
        exec->control = -1; /* stays with the caller */
        store_remove(start.unit);
        exec_free(exec);
        return r;
    }
    exec->task = task;
    task->exec = exec;
    TAKE_PTR(task);
    *ret_unit = TAKE_PTR(start.unit);
    *ret_terminal = TAKE_FD(start.terminal);
    return 0;
}
