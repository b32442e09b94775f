/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An exec from its start until its unit has ended, also across a restart of vpcd. */

#include "units/private.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#define LOOK_AGAIN (1 * SECOND)

void exec_free(Exec *exec) {
    Units *units = exec->units;

    if (exec->previous)
        exec->previous->next = exec->next;
    else if (units->execs == exec)
        units->execs = exec->next;
    if (exec->next)
        exec->next->previous = exec->previous;
    units->n_execs--;

    if (exec->task)
        exec->task->exec = NULL;
    if (exec->sys)
        sys_unmount(exec->sys);
    sd_event_source_disable_unref(exec->io);
    sd_event_source_disable_unref(exec->timer);
    sd_bus_slot_unref(exec->kill);
    sd_bus_slot_unref(exec->changed);
    sd_bus_slot_unref(exec->look);
    close_descriptor(&exec->control);
    free(exec->unit);
    free(exec->path);
    free(exec->sys);
    free(exec);
}

void store_put(const char *unit, int control) {
    _cleanup_free_ char *state = NULL;

    /* FDPOLL=0: by default a socket whose peer is gone is dropped from the store, and then a program whose client left
     * while vpcd was down would be forgotten and run on. */
    if (asprintf(&state, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", unit) >= 0)
        (void)sd_pid_notify_with_fds(0, 0, state, &control, 1);
}

void store_remove(const char *unit) {
    _cleanup_free_ char *state = NULL;

    if (asprintf(&state, "FDSTOREREMOVE=1\nFDNAME=%s", unit) >= 0)
        (void)sd_notify(0, state);
}

void exec_forget(Exec *exec) {
    manager_tell(exec->units, "ResetFailedUnit", exec->unit, NULL);
    manager_tell(exec->units, "UnrefUnit", exec->unit, NULL);
    store_remove(exec->unit);
    exec_free(exec);
}

/* Why a unit that never ran its program did not, from the status that systemd's own child ended with (systemd.exec(5),
 * "Process exit codes"). */
static void exec_fail(Exec *exec) {
    Task *task = exec->task;
    int code = exec->code, status = exec->status;
    _cleanup_free_ char *unit = TAKE_PTR(exec->unit);

    exec->unit = strdup(unit ? unit : "");
    exec_forget(exec);
    if (!task)
        return;
    if (code == CLD_EXITED && status == 203)
        task_fail(task, ERROR_INVALID, "cannot run '%s': no such program, or it is not executable", task->subject);
    else if (code == CLD_EXITED && status == 200)
        task_fail(task, ERROR_INVALID, "cannot run '%s': the working directory cannot be entered", task->subject);
    else if (code == CLD_EXITED && (status == 216 || status == 217))
        task_fail(task, ERROR_FAILED, "cannot run '%s': the system does not know the user's account", task->subject);
    else if (code == CLD_EXITED && (status == 225 || status == 226))
        task_fail(task, ERROR_FAILED, "cannot run '%s': the subnet's namespace cannot be entered", task->subject);
    else
        task_fail(task, ERROR_FAILED,
                "cannot run '%s': systemd could not start it (status %d; 'journalctl -u %s' may "
                "know more)",
                task->subject, status, unit ? unit : "");
}

static void exec_over(Exec *exec) {
    /* systemd forgets a unit that ended well as soon as nobody holds it, and vpcd may have been dead then. */
    int32_t result[2] = { exec->code ? exec->code : CLD_EXITED, exec->status };

    (void)send(exec->control, result, sizeof(result), MSG_DONTWAIT | MSG_NOSIGNAL);
    exec_forget(exec);
}

static const struct {
    const char *interface, *property;
} looks[] = {
    { SYSTEMD_UNIT, "ActiveState" },
    { SYSTEMD_SERVICE, "ExecMainCode" },
    { SYSTEMD_SERVICE, "ExecMainStatus" },
};

static int on_look(sd_bus_message *reply, void *data, sd_bus_error *error);

static int on_look_again(sd_event_source *source, uint64_t usec, void *data) {
    exec_look(data);
    return 0;
}

/* systemd did not answer: it may be executing itself anew. */
static void exec_look_later(Exec *exec) {
    exec->timer = sd_event_source_disable_unref(exec->timer);
    (void)sd_event_add_time_relative(
            exec->units->event, &exec->timer, CLOCK_MONOTONIC, LOOK_AGAIN, 0, on_look_again, exec);
}

static void exec_look_next(Exec *exec) {
    exec->look = sd_bus_slot_unref(exec->look);
    if (sd_bus_call_method_async(exec->units->bus, &exec->look, SYSTEMD, exec->path, "org.freedesktop.DBus.Properties",
                "Get", on_look, exec, "ss", looks[exec->stage].interface, looks[exec->stage].property) < 0)
        exec_look_later(exec);
}

void exec_look(Exec *exec) {
    if (exec->look) {
        exec->again = true;
        return;
    }
    exec->again = false;
    exec->stage = 0;
    exec->code = exec->status = 0;
    exec_look_next(exec);
}

/* A program that ends at once, with anything but 0, may have done so before systemd has seen that it was executed: then its
 * start has failed, in systemd's eyes. */
static bool exec_has_run(const Exec *exec) {
    return exec->code == CLD_KILLED || exec->code == CLD_DUMPED ||
            (exec->code == CLD_EXITED && (exec->status < 200 || exec->status > 243));
}

/* All that was asked for is known. */
static void exec_known(Exec *exec) {
    bool again = exec->again;

    exec->look = sd_bus_slot_unref(exec->look);
    if (exec->over && exec->start_failed && exec_has_run(exec)) {
        if (exec->task)
            task_end(exec->task, ERROR_NONE, NULL);
        exec_over(exec);
    } else if (exec->over && exec->start_failed)
        exec_fail(exec);
    else if (exec->over && exec->started)
        exec_over(exec);
    else if (again)
        exec_look(exec);
}

static int on_look(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Exec *exec = data;
    const sd_bus_error *refusal = sd_bus_message_get_error(reply);
    const char *state;
    int32_t number;
    int r;

    if (refusal) {
        if (sd_bus_error_has_name(refusal, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
                sd_bus_error_has_name(refusal, SYSTEMD ".NoSuchUnit")) {
            exec->over = true;
            exec_known(exec);
        } else {
            exec->look = sd_bus_slot_unref(exec->look);
            exec_look_later(exec);
        }
        return 0;
    }

    if (exec->stage == 0) {
        r = sd_bus_message_read(reply, "v", "s", &state);
        if (r >= 0) {
            exec->over = streq(state, "inactive") || streq(state, "failed");
            if (!exec->over) {
                exec_known(exec);
                return 0;
            }
        }
    } else {
        r = sd_bus_message_read(reply, "v", "i", &number);
        if (r >= 0)
            *(exec->stage == 1 ? &exec->code : &exec->status) = number;
    }
    if (r < 0) { /* an answer of another type will not get better by asking again */
        exec->over = true;
        exec_known(exec);
    } else if (++exec->stage < ELEMENTSOF(looks))
        exec_look_next(exec);
    else
        exec_known(exec);
    return 0;
}

static int on_changed(sd_bus_message *signal, void *data, sd_bus_error *error) {
    exec_look(data);
    return 0;
}

/* The client has gone or talks nonsense: the program ends, and its end is awaited as ever. */
static void exec_stop(Exec *exec) {
    exec->io = sd_event_source_disable_unref(exec->io);
    manager_tell(exec->units, "StopUnit", exec->unit, "replace");
}

static int on_killed(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Exec *exec = data;

    exec->kill = sd_bus_slot_unref(exec->kill);
    if (exec->io)
        (void)sd_event_source_set_enabled(exec->io, SD_EVENT_ON);
    return 0;
}

static int on_control(sd_event_source *source, int fd, uint32_t events, void *data) {
    Exec *exec = data;
    uint8_t bytes[2];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != 1 || bytes[0] < 1 || bytes[0] > SIGRTMAX) {
        exec_stop(exec);
        return 0;
    }
    /* "all", since a terminal signals a whole group of processes too. */
    if (sd_bus_call_method_async(exec->units->bus, &exec->kill, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "KillUnit",
                on_killed, exec, "ssi", exec->unit, "all", (int32_t)bytes[0]) < 0)
        exec_stop(exec);
    else
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return 0;
}

void exec_started(Exec *exec) {
    exec->started = true;
    if (exec->task) {
        exec->task->exec = NULL;
        exec->task = NULL;
    }
    if (exec->sys) {
        sys_unmount(exec->sys);
        free(exec->sys);
        exec->sys = NULL;
    }
    if (sd_event_add_io(exec->units->event, &exec->io, exec->control, EPOLLIN, on_control, exec) < 0)
        exec_stop(exec);
    exec_look(exec);
}

int exec_new(Units *units, const char *unit, int control, Exec **ret) {
    _cleanup_(exec_free_pointer) Exec *exec = calloc(1, sizeof(Exec));
    int r;

    if (!exec)
        return -ENOMEM;
    *exec = (Exec){ .units = units, .next = units->execs, .unit = strdup(unit), .control = -1 };
    if (exec->next)
        exec->next->previous = exec;
    units->execs = exec;
    units->n_execs++;

    if (!exec->unit)
        return -ENOMEM;
    exec->uid = (uid_t)strtoul(unit + strlen(EXEC_PREFIX), NULL, 10);
    r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &exec->path);
    if (r >= 0)
        r = sd_bus_match_signal_async(units->bus, &exec->changed, SYSTEMD, exec->path,
                "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed, NULL, exec);
    if (r < 0)
        return r;
    exec->control = control;
    *ret = TAKE_PTR(exec);
    return 0;
}

unsigned execs_of(const Units *units, uid_t uid) {
    unsigned n = 0;

    for (const Exec *exec = units->execs; exec; exec = exec->next)
        n += exec->uid == uid;
    return n;
}

bool is_seqpacket(int fd) {
    int domain = 0, type = 0;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) >= 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) >= 0 && type == SOCK_SEQPACKET;
}

/* --- taking up what a killed vpcd left --- */

static Exec *exec_find(const Units *units, const char *unit) {
    for (Exec *exec = units->execs; exec; exec = exec->next)
        if (streq(exec->unit, unit))
            return exec;
    return NULL;
}

/* Programs that nobody watches over: their clients' sockets were lost, so their clients know that it is over. */
static int on_orphans(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Units *units = data;
    const char *unit;

    units->orphans = sd_bus_slot_unref(units->orphans);
    if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
        return 0;
    while (sd_bus_message_enter_container(reply, 'r', "ssssssouso") > 0) {
        if (sd_bus_message_read(reply, "s", &unit) < 0 || sd_bus_message_skip(reply, "sssssouso") < 0 ||
                sd_bus_message_exit_container(reply) < 0)
            return 0;
        if (!exec_find(units, unit)) {
            manager_tell(units, "StopUnit", unit, "replace");
            manager_tell(units, "ResetFailedUnit", unit, NULL);
        }
    }
    return 0;
}

static int resume(Units *units, const char *name, int fd) {
    Exec *exec;
    int r;

    if (strncmp(name, EXEC_PREFIX, strlen(EXEC_PREFIX)) != 0 || !is_seqpacket(fd) || exec_find(units, name))
        return -EINVAL;
    r = exec_new(units, name, fd, &exec);
    if (r < 0)
        return r;
    /* Our reference to the unit went with our old connection. */
    (void)sd_bus_call_method_async(units->bus, NULL, SYSTEMD, exec->path, SYSTEMD_UNIT, "Ref", NULL, NULL, NULL);
    exec_started(exec);
    return 0;
}

int execs_resume(Units *units) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    char **names = NULL;
    int n = sd_listen_fds_with_names(true, &names), r;

    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;

        if (resume(units, names[i], fd) < 0) {
            store_remove(names[i]);
            close(fd);
        }
        free(names[i]);
    }
    free(names);

    r = sd_bus_message_new_method_call(
            units->bus, &message, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitsByPatterns");
    if (r >= 0) /* in any state */
        r = sd_bus_message_append(message, "asas", 0, 1, EXEC_PREFIX "*.service");
    return r < 0 ? r : sd_bus_call_async(units->bus, &units->orphans, message, on_orphans, units, 0);
}
