/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of this folder share.
 *
 * A Task is what a caller waits for: one or more jobs of systemd. An Exec is a program that runs for a connected
 * client; it starts as a task and goes on until its unit has ended. */

#include "units.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD ".Manager"
#define SYSTEMD_UNIT SYSTEMD ".Unit"
#define SYSTEMD_SERVICE SYSTEMD ".Service"

#define SECOND UINT64_C(1000000)

typedef struct Task Task;
typedef struct Exec Exec;

struct Units {
    sd_bus *bus;
    sd_event *event;
    const Limits *limits;
    Task *tasks;
    Exec *execs;
    unsigned n_tasks, n_execs;
    sd_bus_slot *job_removed, *orphans;
};

/* Calls a method of the manager that takes one or two strings, without waiting for what it says. */
void manager_tell(Units *units, const char *method, const char *unit, const char *mode);

/* --- task.c --- */

typedef struct Job {
    Task *task;
    char *unit;
    char *path;    /* of the job, once systemd has told it */
    char *manager; /* systemd's unique name, the only one whose word about the job counts */
    sd_bus_slot *slot;
    bool finished;
} Job;

/* What becomes of a task. Each of these may end it. */
typedef struct TaskKind {
    void (*finished)(Task *task, Job *job, bool success);
    void (*refused)(Task *task, Job *job, const sd_bus_error *error); /* systemd made no job */
    void (*timed_out)(Task *task);                                    /* before the task fails; NULL: nothing to do */
} TaskKind;

struct Task {
    Units *units;
    Task *previous, *next;
    const TaskKind *kind;
    UnitsDone done;
    void *data;
    Job *jobs;
    size_t n_jobs, n_waiting;
    sd_event_source *timer;

    char *subject; /* what is started, for messages: a program, or ADDRESS:PORT */
    int errors;    /* of a workload: what the program wrote to its standard error */
    Exec *exec;    /* borrowed */

    /* A verdict that waits for its turn in the event loop. */
    sd_event_source *later;
    ErrorCode code;
    char *message;
};

int task_new(
        Units *units, const TaskKind *kind, char *const *names, size_t n_names, UnitsDone done, void *data, Task **ret);
void task_free(Task *task);
DEFINE_CLEANUP(Task *, task_free)

/* From the event loop only. The task is gone when the callback runs, which may do as it likes. */
void task_end(Task *task, ErrorCode code, const char *message);
void task_fail(Task *task, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* Ends the task once the event loop runs again; takes the message. */
int task_end_later(Task *task, ErrorCode code, char *message);

/* Says no in the callback, where there is room for the reason. 1 on success. */
int task_refuse(Task *task, ErrorCode code, const char *format, ...) _printf_(3, 4);
int task_refuse_no_namespace(Task *task, const char *netns, int error);

/* Handlers of systemd's answer to a call that makes a job, and of its JobRemoved signal. */
int on_job(sd_bus_message *reply, void *data, sd_bus_error *error);
int on_job_removed(sd_bus_message *signal, void *data, sd_bus_error *error);

/* --- unit-properties.c --- */

/* What every unit of ours has. */
typedef struct UnitBasics {
    const char *unit, *description, *slice, *netns;
    const RunAs *as; /* NULL: root, as far as that goes here */
    uint64_t start_timeout;
} UnitBasics;

/* Opens the call. The list of properties stays open. */
int unit_begin(Units *units, const UnitBasics *basics, sd_bus_message **ret);

/* The program as systemd takes it: an absolute path, or a bare name that it looks up in its own search path. NULL in
 * *ret when it is neither. directory: where a relative path begins, or NULL. */
int unit_program_path(const char *program, const char *directory, char **ret);

int unit_append_strings(sd_bus_message *message, const char *property, char *const *strings);
int unit_append_command(sd_bus_message *message, const char *path, char *const *argv);

/* Closes the list and sends the call for the task's one job. */
int unit_start(Task *task, sd_bus_message *message);

/* --- sysfs.c --- */

/* An ordinary file under /run/netns is not a namespace, whatever its name. A descriptor. */
int netns_open(const char *netns);

/* Mounts the sysfs of the namespace at a place of the unit's own, where only root comes. */
int sys_mount(int netns, const char *unit, char **ret);
void sys_unmount(const char *path);

/* What a run of vpcd left that was killed between mount and unmount. */
void sys_sweep(void);

/* --- page.c --- */

/* *ret: the directory to serve. */
int page_write(const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const Workload *workload,
        const char *address, char **ret);

/* Removes the pages of units that were stopped: found by what is there, so a restart of vpcd loses none. */
void pages_forget(const Job *jobs, size_t n_jobs);

/* --- terminal.c --- */

/* A new pseudo-terminal: our side of it, and the path of the program's. */
int terminal_new(uint16_t rows, uint16_t columns, int *ret_fd, char **ret_path);

/* --- session.c --- */

#define EXEC_PREFIX "vpcctl-exec-"

struct Exec {
    Units *units;
    Exec *previous, *next;
    char *unit, *path;
    uid_t uid;  /* who asked for it */
    char *sys;  /* the mount to take away when the unit has started */
    Task *task; /* borrowed, while the unit starts */
    bool started, start_failed;

    int control;
    sd_event_source *io;
    sd_bus_slot *kill; /* a signal on its way: no further one is read, so a client cannot flood systemd */

    /* One look at a time: properties are asked for one after the other. */
    sd_bus_slot *changed, *look;
    sd_event_source *timer;
    unsigned stage;
    bool again;
    bool over;
    int code, status;
};

/* Takes the control socket on success. The unit's name says whose it is. */
int exec_new(Units *units, const char *unit, int control, Exec **ret);
void exec_free(Exec *exec);
DEFINE_CLEANUP(Exec *, exec_free)

/* The program runs: now the client's signals have somebody to go to. */
void exec_started(Exec *exec);

/* Asks systemd how the unit is. */
void exec_look(Exec *exec);

/* The exec is over for good. */
void exec_forget(Exec *exec);

/* The service manager keeps a second reference to the control socket, by the unit's name. */
void store_put(const char *unit, int control);
void store_remove(const char *unit);

/* How many run for a user. */
unsigned execs_of(const Units *units, uid_t uid);

bool is_seqpacket(int fd);

/* Takes up what a killed vpcd left: the control sockets of the store; programs without one are stopped. */
int execs_resume(Units *units);
