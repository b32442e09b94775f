/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Task is what a caller waits for: one or more jobs of systemd. An Exec is a program that runs for a connected
 * client; it starts as a task and goes on until its unit has ended. systemd's word about a unit is always asked for anew
 * after a signal, so a lost, doubled or forged signal does no harm.
 *
 * What a program sees of the machine. It must be able to ping, and must hold no capability; Debian's ping has a file
 * capability, and the kernel refuses to execute such a file when the capability is outside the bounding set. On a
 * nosuid mount file capabilities do not count, ping starts, and uses the unprivileged ICMP socket that the namespace
 * allows. systemd mounts everything nosuid for a unit that has NoNewPrivileges= and a mount namespace with an entry for
 * "/" (systemd.exec(5), NoNewPrivileges=), and ReadWritePaths=/ is such an entry that changes nothing else: the file
 * system stays the host's. /sys shows the network namespace of whoever mounted it, and NetworkNamespacePath= keeps the
 * host's; so a sysfs is mounted from within the namespace, bound over /sys in the unit, and taken away when the unit
 * has started (the unit keeps its own reference). */

#include "units.h"

#include "core/ident.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD ".Manager"
#define SYSTEMD_UNIT SYSTEMD ".Unit"
#define SYSTEMD_SERVICE SYSTEMD ".Service"

#define EXEC_PREFIX "vpcctl-exec-"
#define SYS_DIRECTORY "/run/vpcctl/sys"
#define PAGE_DIRECTORY "/run/vpcctl/www"

#define EXECS_MAX 256u /* each keeps a descriptor here and in the service manager's store (FileDescriptorStoreMax=) */
#define SECOND UINT64_C(1000000)
#define START_TIMEOUT (30 * SECOND) /* of a unit, by systemd */
#define TASK_TIMEOUT (60 * SECOND)  /* systemd has lost the job, for instance when it was re-executed */
#define STOP_TIMEOUT (2 * SECOND)
#define LOOK_AGAIN (1 * SECOND)

typedef struct Task Task;
typedef struct Exec Exec;

struct Units {
    sd_bus *bus;
    sd_event *event;
    Task *tasks;
    Exec *execs;
    unsigned n_tasks, n_execs;
    sd_bus_slot *job_removed, *orphans;
};

typedef enum TaskKind { TASK_STOP, TASK_WORKLOAD, TASK_EXEC } TaskKind;

typedef struct Job {
    Task *task;
    char *unit;
    char *path;    /* of the job, once systemd has told it */
    char *manager; /* systemd's unique name, the only one whose word about the job counts */
    sd_bus_slot *slot;
    bool finished;
} Job;

struct Task {
    Units *units;
    Task *previous, *next;
    TaskKind kind;
    UnitsDone done;
    void *data;
    Job *jobs;
    size_t n_jobs, n_waiting;
    sd_event_source *timer;

    char *subject; /* what is started, for messages: a program, or ADDRESS:PORT */
    int errors;    /* TASK_WORKLOAD: what the program wrote to its standard error */
    Exec *exec;    /* TASK_EXEC: borrowed */

    /* A verdict that waits for its turn in the event loop. */
    sd_event_source *later;
    ErrorCode code;
    char *message;
};

struct Exec {
    Units *units;
    Exec *previous, *next;
    char *unit, *path;
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

static void exec_look(Exec *exec);
static void exec_free(Exec *exec);
static void exec_forget(Exec *exec);
static void exec_started(Exec *exec);

/* --- calls to systemd --- */

/* Calls a method of the manager that takes one or two strings, without waiting for what it says. */
static void manager_tell(Units *units, const char *method, const char *unit, const char *mode) {
    if (mode)
        (void) sd_bus_call_method_async(units->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, method, NULL, NULL,
                "ss", unit, mode);
    else
        (void) sd_bus_call_method_async(units->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, method, NULL, NULL,
                "s", unit);
}

/* --- /sys of a namespace --- */

/* An ordinary file under /run/netns is not a namespace, whatever its name. */
static int netns_open(const char *netns) {
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;

    if (asprintf(&path, "/run/netns/%s", netns) < 0)
        return -ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
        return -EINVAL;
    return TAKE_FD(fd);
}

static void sys_unmount(const char *path) {
    (void) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    (void) rmdir(path);
}

/* Mounts the sysfs of the namespace at a place of the unit's own, where only root comes. */
static int sys_mount(int netns, const char *unit, char **ret) {
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int own = -1;
    int r = 0;

    if (asprintf(&path, SYS_DIRECTORY "/%s", unit) < 0)
        return -ENOMEM;
    if (mkdir(SYS_DIRECTORY, 0700) < 0 && errno != EEXIST)
        return -errno;
    own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || mkdir(path, 0700) < 0)
        return -errno;

    if (setns(netns, CLONE_NEWNET) < 0)
        r = -errno;
    else {
        if (mount("sysfs", path, "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
            r = -errno;
        /* A service that stayed in a tenant's namespace would do its next work there: better to be restarted. */
        if (setns(own, CLONE_NEWNET) < 0)
            abort();
    }
    if (r < 0) {
        (void) rmdir(path);
        return r;
    }
    *ret = TAKE_PTR(path);
    return 0;
}

/* What a run of vpcd left that was killed between mount and unmount. */
static void sys_sweep(void) {
    DIR *directory = opendir(SYS_DIRECTORY);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        _cleanup_free_ char *path = NULL;

        if (entry->d_name[0] != '.' && asprintf(&path, SYS_DIRECTORY "/%s", entry->d_name) >= 0)
            sys_unmount(path);
    }
    closedir(directory);
}

/* --- the web server's default page --- */

static void put_html(FILE *file, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '&': fputs("&amp;", file); break;
        case '"': fputs("&quot;", file); break;
        default: fputc(*text, file);
        }
}

static int make_directory(const char *path) {
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    return chmod(path, 0755) < 0 ? -errno : 0; /* vpcd's umask is tight; others must read the page */
}

static void page_remove(const char *directory) {
    _cleanup_free_ char *file = NULL;

    if (asprintf(&file, "%s/index.html", directory) >= 0)
        (void) unlink(file);
    (void) rmdir(directory);
}

/* *ret: the directory to serve. Only root can write where it is made, so no link can be in the way. */
static int page_write(const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const Workload *workload,
        const char *address, char **ret) {
    _cleanup_free_ char *directory = NULL, *path = NULL;
    FILE *file;
    int r;

    if (asprintf(&directory, PAGE_DIRECTORY "/%s.%s.%s.%s", vpc->name, subnet->name, endpoint->name,
                workload->name) < 0)
        directory = NULL;
    if (!directory || asprintf(&path, "%s/index.html", directory) < 0)
        path = NULL;
    if (!path)
        return -ENOMEM;

    r = make_directory(PAGE_DIRECTORY);
    if (r >= 0)
        r = make_directory(directory);
    if (r < 0)
        return r;

    file = fopen(path, "we");
    if (!file)
        return -errno;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>", file);
    put_html(file, vpc->name);
    fputc('/', file);
    put_html(file, subnet->name);
    fputs("</title></head>\n<body>\n<h1>Hello from ", file);
    put_html(file, vpc->name);
    fputc('/', file);
    put_html(file, subnet->name);
    fputs("</h1>\n<p>This is the web server \"", file);
    put_html(file, workload->name);
    fputs("\" at ", file);
    put_html(file, address);
    fputs(".</p>\n</body>\n</html>\n", file);
    r = ferror(file) || fchmod(fileno(file), 0644) < 0 ? -EIO : 0;
    if (fclose(file) != 0)
        r = -EIO;
    if (r < 0) {
        page_remove(directory);
        return r;
    }
    *ret = TAKE_PTR(directory);
    return 0;
}

/* Whether the unit is the one, or a slice around the one, that serves the page of that name. */
static bool page_belongs(const char *page, const char *unit) {
    _cleanup_free_ char *copy = strdup(page), *service = NULL, *inner = NULL, *outer = NULL;
    char *rest = copy, *part[4];

    for (size_t i = 0; i < ELEMENTSOF(part); i++) {
        part[i] = rest ? strsep(&rest, ".") : NULL;
        if (!part[i])
            return false;
    }
    service = unit_workload(part[0], part[1], part[2], part[3]);
    inner = unit_slice_subnet(part[0], part[1]);
    outer = unit_slice_vpc(part[0]);
    return streq_null(service, unit) || streq_null(inner, unit) || streq_null(outer, unit);
}

/* Removes the pages of units that were stopped: found by what is there, so a restart of vpcd loses none. */
static void pages_forget(const Job *jobs, size_t n_jobs) {
    DIR *directory = opendir(PAGE_DIRECTORY);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        for (size_t i = 0; i < n_jobs; i++)
            if (page_belongs(entry->d_name, jobs[i].unit)) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, PAGE_DIRECTORY "/%s", entry->d_name) >= 0)
                    page_remove(path);
                break;
            }
    closedir(directory);
}

/* --- tasks --- */

static void task_free(Task *task) {
    Units *units = task->units;

    if (task->previous)
        task->previous->next = task->next;
    else if (units->tasks == task)
        units->tasks = task->next;
    if (task->next)
        task->next->previous = task->previous;
    units->n_tasks--;

    if (task->exec)
        task->exec->task = NULL;
    for (size_t i = 0; i < task->n_jobs; i++) {
        sd_bus_slot_unref(task->jobs[i].slot);
        free(task->jobs[i].unit);
        free(task->jobs[i].path);
        free(task->jobs[i].manager);
    }
    free(task->jobs);
    sd_event_source_disable_unref(task->timer);
    sd_event_source_disable_unref(task->later);
    close_descriptor(&task->errors);
    free(task->subject);
    free(task->message);
    free(task);
}
DEFINE_CLEANUP(Task *, task_free)

/* From the event loop only. The task is gone when the callback runs, which may do as it likes. */
static void task_end(Task *task, ErrorCode code, const char *message) {
    UnitsDone done = task->done;
    void *data = task->data;
    _cleanup_free_ char *copy = message ? strdup(message) : NULL;

    task_free(task);
    done(data, code, copy);
}

_printf_(3, 4) static void task_fail(Task *task, ErrorCode code, const char *format, ...) {
    _cleanup_free_ char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    va_end(arguments);
    task_end(task, code, message);
}

static int on_later(sd_event_source *source, void *data) {
    Task *task = data;
    _cleanup_free_ char *message = TAKE_PTR(task->message);

    task_end(task, task->code, message);
    return 0;
}

/* Ends the task once the event loop runs again; takes the message. */
static int task_end_later(Task *task, ErrorCode code, char *message) {
    task->code = code;
    task->message = message;
    return sd_event_add_defer(task->units->event, &task->later, on_later, task);
}

static int on_task_timeout(sd_event_source *source, uint64_t usec, void *data) {
    Task *task = data;
    Exec *exec = task->exec;

    if (exec) {
        manager_tell(exec->units, "StopUnit", exec->unit, "replace");
        exec_forget(exec);
    }
    task_fail(task, ERROR_FAILED, "systemd did not finish its job for %s in time",
            task->n_jobs > 0 ? task->jobs[0].unit : "a unit");
    return 0;
}

static int task_new(Units *units, TaskKind kind, char *const *names, size_t n_names, UnitsDone done, void *data,
        Task **ret) {
    _cleanup_(task_free_pointer) Task *task = calloc(1, sizeof(Task));
    int r;

    if (!task)
        return -ENOMEM;
    *task = (Task) { .units = units, .next = units->tasks, .kind = kind, .done = done, .data = data, .errors = -1 };
    if (task->next)
        task->next->previous = task;
    units->tasks = task;
    units->n_tasks++;

    task->jobs = calloc(n_names + 1, sizeof(Job));
    if (!task->jobs)
        return -ENOMEM;
    for (; task->n_jobs < n_names; task->n_jobs++) {
        task->jobs[task->n_jobs] = (Job) { .task = task, .unit = strdup(names[task->n_jobs]) };
        if (!task->jobs[task->n_jobs].unit)
            return -ENOMEM;
    }
    task->n_waiting = n_names;

    r = sd_event_add_time_relative(units->event, &task->timer, CLOCK_MONOTONIC, TASK_TIMEOUT, SECOND, on_task_timeout,
            task);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(task);
    return 0;
}

/* Says no in the callback, where there is room for the reason. 1 on success. */
_printf_(3, 4) static int refuse(Task *task, ErrorCode code, const char *format, ...) {
    char *message;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (r < 0)
        return -ENOMEM;
    r = task_end_later(task, code, message);
    return r < 0 ? r : 1;
}

static int refuse_no_namespace(Task *task, const char *netns, int error) {
    return refuse(task, ERROR_FAILED, "there is no namespace '%s' to run it in (%s)", netns, strerror(-error));
}

/* What the program said before it failed, on one line, without anything that a terminal would obey. */
static void read_errors(int fd, char *buffer, size_t size) {
    ssize_t n = pread(fd, buffer, size - 1, 0);

    buffer[n > 0 ? n : 0] = '\0';
    for (char *p = buffer; *p; p++)
        if ((unsigned char) *p < 0x20 || (unsigned char) *p >= 0x7f)
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
        task_fail(task, ERROR_FAILED, "the web server for %s did not start (is busybox installed? 'journalctl -u %s' "
                "may know more)", task->subject, job->unit);
}

/* systemd's job has come to its end, or there was none to do. */
static void job_finished(Job *job, bool success) {
    Task *task = job->task;

    job->finished = true;
    task->n_waiting--;
    switch (task->kind) {
    case TASK_STOP:
        manager_tell(task->units, "ResetFailedUnit", job->unit, NULL);
        if (task->n_waiting > 0)
            return;
        pages_forget(task->jobs, task->n_jobs);
        task_end(task, ERROR_NONE, NULL);
        return;
    case TASK_WORKLOAD:
        if (!success) {
            workload_failed(task);
            return;
        }
        manager_tell(task->units, "UnrefUnit", job->unit, NULL);
        task_end(task, ERROR_NONE, NULL);
        return;
    case TASK_EXEC:
        if (success) {
            exec_started(task->exec);
            task_end(task, ERROR_NONE, NULL);
        } else {
            /* The unit knows how far it came; the answer follows from that. */
            task->exec->start_failed = true;
            exec_look(task->exec);
        }
        return;
    }
}

static Job *job_find(Units *units, const char *path, const char *manager) {
    for (Task *task = units->tasks; task; task = task->next)
        for (size_t i = 0; i < task->n_jobs; i++) {
            Job *job = &task->jobs[i];

            if (!job->finished && streq_null(job->path, path) && streq_null(job->manager, manager))
                return job;
        }
    return NULL;
}

static int on_job_removed(sd_bus_message *signal, void *data, sd_bus_error *error) {
    Units *units = data;
    const char *path, *unit, *result, *sender = sd_bus_message_get_sender(signal);
    uint32_t id;
    Job *job;

    if (!sender || sd_bus_message_read(signal, "uoss", &id, &path, &unit, &result) < 0)
        return 0;
    /* Two tasks share a job when both stop the same unit. The search starts again each time, since a callback may have
     * changed the list. */
    while ((job = job_find(units, path, sender)))
        job_finished(job, streq(result, "done"));
    return 0;
}

static void job_refused(Job *job, const sd_bus_error *error) {
    Task *task = job->task;
    const char *why = error->message ? error->message : error->name;
    bool invalid = sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS);
    Exec *exec = task->exec;

    switch (task->kind) {
    case TASK_STOP:
        if (sd_bus_error_has_name(error, SYSTEMD ".NoSuchUnit"))
            job_finished(job, true);
        else
            task_fail(task, ERROR_FAILED, "systemd does not stop %s: %s", job->unit, why);
        return;
    case TASK_WORKLOAD:
        if (sd_bus_error_has_name(error, SYSTEMD ".UnitExists"))
            task_fail(task, ERROR_EXISTS, "%s is there already", job->unit);
        else {
            pages_forget(job, 1);
            task_fail(task, ERROR_FAILED, "systemd does not start %s: %s", job->unit, why);
        }
        return;
    case TASK_EXEC:
        exec_forget(exec);
        task_fail(task, invalid ? ERROR_INVALID : ERROR_FAILED, "cannot run '%s': %s", task->subject, why);
        return;
    }
}

static int on_job(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Job *job = data;
    const char *path, *sender = sd_bus_message_get_sender(reply);

    job->slot = sd_bus_slot_unref(job->slot);
    if (sd_bus_message_is_method_error(reply, NULL)) {
        job_refused(job, sd_bus_message_get_error(reply));
        return 0;
    }
    if (sender && sd_bus_message_read(reply, "o", &path) >= 0) {
        job->path = strdup(path);
        job->manager = strdup(sender);
    }
    /* Without a path the job's end would pass unnoticed; the task's time-out covers that. */
    return 0;
}

/* Stops each unit or slice; the callback comes when the last job is over. */
int units_stop(Units *units, char *const *names, size_t n_names, UnitsDone done, void *data) {
    _cleanup_(task_free_pointer) Task *task = NULL;
    int r;

    r = task_new(units, TASK_STOP, names, n_names, done, data, &task);
    if (r >= 0 && n_names == 0)
        r = task_end_later(task, ERROR_NONE, NULL);
    for (size_t i = 0; r >= 0 && i < n_names; i++)
        r = sd_bus_call_method_async(units->bus, &task->jobs[i].slot, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
                "StopUnit", on_job, &task->jobs[i], "ss", names[i], "replace");
    if (r < 0)
        return r;
    TAKE_PTR(task);
    return 0;
}

/* --- properties of a unit --- */

static int append_array(sd_bus_message *message, char *const *strings) {
    int r = sd_bus_message_open_container(message, 'a', "s");

    for (; r >= 0 && strings && *strings; strings++)
        r = sd_bus_message_append_basic(message, 's', *strings);
    return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_strings(sd_bus_message *message, const char *property, char *const *strings) {
    int r = sd_bus_message_open_container(message, 'r', "sv");

    if (r >= 0)
        r = sd_bus_message_append(message, "s", property);
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'v', "as");
    if (r >= 0)
        r = append_array(message, strings);
    if (r >= 0)
        r = sd_bus_message_close_container(message);
    return r < 0 ? r : sd_bus_message_close_container(message);
}

/* Users and groups go as numbers: systemd looks a name up, and a name can be made to look like a number. */
static int append_identity(sd_bus_message *message, const RunAs *as) {
    char user[16], group[16], *digits;
    _cleanup_free_ char *text = calloc(as->n_groups + 1, sizeof(group));
    _cleanup_free_ char **groups = calloc(as->n_groups + 1, sizeof(char *));
    int r;

    if (!text || !groups)
        return -ENOMEM;
    digits = text;
    for (size_t i = 0; i < as->n_groups; i++, digits += sizeof(group)) {
        snprintf(digits, sizeof(group), "%u", as->groups[i]);
        groups[i] = digits;
    }
    snprintf(user, sizeof(user), "%u", as->uid);
    snprintf(group, sizeof(group), "%u", as->gid);
    r = sd_bus_message_append(message, "(sv)(sv)", "User", "s", user, "Group", "s", group);
    return r < 0 ? r : append_strings(message, "SupplementaryGroups", groups);
}

/* systemd puts variables in where an argument has '$', which is the caller's own; "$$" stands for one. */
static char *double_dollars(const char *text) {
    char *doubled = malloc(strlen(text) * 2 + 1), *end = doubled;

    if (!doubled)
        return NULL;
    for (; *text; text++) {
        if (*text == '$')
            *end++ = '$';
        *end++ = *text;
    }
    *end = '\0';
    return doubled;
}

/* Not ExecStartEx, which could switch the variables off: systemd 252 writes that word into the unit's file and does not
 * know it when it reads the file again ("systemctl daemon-reload"), and then the unit has lost its slice. */
static int append_command(sd_bus_message *message, const char *path, char *const *argv) {
    int r = sd_bus_message_open_container(message, 'r', "sv");

    if (r >= 0)
        r = sd_bus_message_append(message, "s", "ExecStart");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'v', "a(sasb)");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "(sasb)");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'r', "sasb");
    if (r >= 0)
        r = sd_bus_message_append(message, "s", path);
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "s");
    for (; r >= 0 && *argv; argv++) {
        _cleanup_free_ char *argument = double_dollars(*argv);

        r = argument ? sd_bus_message_append_basic(message, 's', argument) : -ENOMEM;
    }
    if (r >= 0)
        r = sd_bus_message_close_container(message);
    if (r >= 0)
        r = sd_bus_message_append(message, "b", false);
    for (unsigned depth = 0; r >= 0 && depth < 4; depth++)
        r = sd_bus_message_close_container(message);
    return r;
}

/* Opens the call and gives what every unit of ours has. The list of properties stays open. */
static int unit_begin(Units *units, const char *unit, const char *description, const char *slice, const char *netns,
        const RunAs *as, sd_bus_message **ret) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_free_ char *path = NULL;
    int r;

    if (asprintf(&path, "/run/netns/%s", netns) < 0)
        return -ENOMEM;
    r = sd_bus_message_new_method_call(units->bus, &message, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
            "StartTransientUnit");
    if (r >= 0)
        r = sd_bus_message_append(message, "ss", unit, "fail");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "(sv)");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)",
                "Description", "s", description,
                "Slice", "s", slice,
                "NetworkNamespacePath", "s", path,
                "AddRef", "b", true); /* keeps the unit's state until we have read it, however soon it ends */
    if (r >= 0)
        r = append_identity(message, as);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "NoNewPrivileges", "b", true,
                "CapabilityBoundingSet", "t", UINT64_C(0),
                "AmbientCapabilities", "t", UINT64_C(0),
                "RestrictSUIDSGID", "b", true,
                "KeyringMode", "s", "private",
                "UMask", "u", UINT32_C(0022),
                "LimitCORE", "t", UINT64_C(0),
                "ReadWritePaths", "as", 1, "/"); /* everything nosuid: see the top of this file */
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)",
                "KillMode", "s", "control-group",
                "SendSIGHUP", "b", true,
                "TimeoutStartUSec", "t", START_TIMEOUT,
                "TimeoutStopUSec", "t", STOP_TIMEOUT,
                "TasksMax", "t", UINT64_C(1024),
                "MemoryMax", "t", UINT64_C(4) << 30);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(message);
    return 0;
}

/* Closes the list and sends the call for the task's one job. */
static int unit_start(Task *task, sd_bus_message *message) {
    int r;

    r = sd_bus_message_close_container(message);
    if (r >= 0)
        r = sd_bus_message_append(message, "a(sa(sv))", 0);
    if (r >= 0)
        r = sd_bus_call_async(task->units->bus, &task->jobs[0].slot, message, on_job, &task->jobs[0], 0);
    return r;
}

/* --- workloads --- */

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
        r = append_command(message, argv[0], argv);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "Type", "s", "forking", /* httpd binds before it goes to the background: started means serving */
                "Restart", "s", "on-failure",
                "RestartUSec", "t", SECOND,
                "CollectMode", "s", "inactive-or-failed",
                "Environment", "as", 1, "LC_ALL=C", /* its errors are read by us */
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

/* Starts a workload and waits until it serves (or failed). */
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
    r = task_new(units, TASK_WORKLOAD, &unit, 1, done, data, &task);
    if (r < 0)
        return r;
    if (asprintf(&task->subject, "%s:%u", address_format(&endpoint->address, address), workload->port) < 0) {
        task->subject = NULL;
        return -ENOMEM;
    }
    netns_fd = netns_open(netns);
    if (netns_fd < 0) {
        r = refuse_no_namespace(task, netns, netns_fd);
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

/* --- exec: until the unit has ended --- */

static void exec_free(Exec *exec) {
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
DEFINE_CLEANUP(Exec *, exec_free)

/* The service manager keeps a second reference to the control socket, by the unit's name. */
static void store_put(const char *unit, int control) {
    _cleanup_free_ char *state = NULL;

    /* FDPOLL=0: by default a socket whose peer is gone is dropped from the store, and then a program whose client left
     * while vpcd was down would be forgotten and run on. */
    if (asprintf(&state, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", unit) >= 0)
        (void) sd_pid_notify_with_fds(0, 0, state, &control, 1);
}

static void store_remove(const char *unit) {
    _cleanup_free_ char *state = NULL;

    if (asprintf(&state, "FDSTOREREMOVE=1\nFDNAME=%s", unit) >= 0)
        (void) sd_notify(0, state);
}

/* The exec is over for good. */
static void exec_forget(Exec *exec) {
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
        task_fail(task, ERROR_FAILED, "cannot run '%s': systemd could not start it (status %d; 'journalctl -u %s' may "
                "know more)", task->subject, status, unit ? unit : "");
}

static void exec_over(Exec *exec) {
    /* systemd forgets a unit that ended well as soon as nobody holds it, and vpcd may have been dead then. */
    int32_t result[2] = { exec->code ? exec->code : CLD_EXITED, exec->status };

    (void) send(exec->control, result, sizeof(result), MSG_DONTWAIT | MSG_NOSIGNAL);
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
    (void) sd_event_add_time_relative(exec->units->event, &exec->timer, CLOCK_MONOTONIC, LOOK_AGAIN, 0, on_look_again,
            exec);
}

static void exec_look_next(Exec *exec) {
    exec->look = sd_bus_slot_unref(exec->look);
    if (sd_bus_call_method_async(exec->units->bus, &exec->look, SYSTEMD, exec->path, "org.freedesktop.DBus.Properties",
                "Get", on_look, exec, "ss", looks[exec->stage].interface, looks[exec->stage].property) < 0)
        exec_look_later(exec);
}

/* Asks systemd how the unit is. */
static void exec_look(Exec *exec) {
    if (exec->look) {
        exec->again = true;
        return;
    }
    exec->again = false;
    exec->stage = 0;
    exec->code = exec->status = 0;
    exec_look_next(exec);
}

/* All that was asked for is known. */
static void exec_known(Exec *exec) {
    bool again = exec->again;

    exec->look = sd_bus_slot_unref(exec->look);
    if (exec->over && exec->start_failed)
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
        (void) sd_event_source_set_enabled(exec->io, SD_EVENT_ON);
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
                on_killed, exec, "ssi", exec->unit, "all", (int32_t) bytes[0]) < 0)
        exec_stop(exec);
    else
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return 0;
}

/* The program runs: now the client's signals have somebody to go to. */
static void exec_started(Exec *exec) {
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

/* Takes the control socket on success. */
static int exec_new(Units *units, const char *unit, int control, Exec **ret) {
    _cleanup_(exec_free_pointer) Exec *exec = calloc(1, sizeof(Exec));
    int r;

    if (!exec)
        return -ENOMEM;
    *exec = (Exec) { .units = units, .next = units->execs, .unit = strdup(unit), .control = -1 };
    if (exec->next)
        exec->next->previous = exec;
    units->execs = exec;
    units->n_execs++;

    if (!exec->unit)
        return -ENOMEM;
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
        r = append_command(message, path, argv);
    if (r >= 0)
        r = append_directory(message, directory);
    if (r >= 0)
        r = append_strings(message, "Environment", environment);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)",
                "Type", "s", "exec", /* the job fails when the program cannot be executed */
                "StandardInputFileDescriptor", "h", stdio[0],
                "StandardOutputFileDescriptor", "h", stdio[1],
                "StandardErrorFileDescriptor", "h", stdio[2]);
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

static int exec_unit_name(char **ret) {
    uint64_t random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t) sizeof(random))
        return -EIO;
    return asprintf(ret, EXEC_PREFIX "%016" PRIx64 ".service", random) < 0 ? -ENOMEM : 0;
}

static bool is_seqpacket(int fd) {
    int domain = 0, type = 0;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) >= 0 && domain == AF_UNIX &&
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) >= 0 && type == SOCK_SEQPACKET;
}

/* Starts argv in the endpoint's namespace and watches over it. */
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
        r = task_new(units, TASK_EXEC, &unit, 1, done, data, &task);
    if (r < 0)
        return r;
    task->subject = strdup(argv[0]);
    if (!task->subject)
        return -ENOMEM;

    netns_fd = netns_open(netns);
    if (!is_seqpacket(control))
        r = refuse(task, ERROR_INVALID, "the control socket must be of the kind SOCK_SEQPACKET");
    else if (!path)
        r = refuse(task, ERROR_INVALID, "cannot run '%s': give the program's whole path", argv[0]);
    else if (netns_fd < 0)
        r = refuse_no_namespace(task, netns, netns_fd);
    else if (units->n_execs >= EXECS_MAX)
        r = refuse(task, ERROR_LIMIT, "%u programs run already; wait until one ends", EXECS_MAX);
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
    (void) sys_mount(netns_fd, unit, &exec->sys);

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
    (void) sd_bus_call_method_async(units->bus, NULL, SYSTEMD, exec->path, SYSTEMD_UNIT, "Ref", NULL, NULL, NULL);
    exec_started(exec);
    return 0;
}

static void resume_all(Units *units) {
    char **names = NULL;
    int n = sd_listen_fds_with_names(true, &names);

    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;

        if (resume(units, names[i], fd) < 0) {
            store_remove(names[i]);
            close(fd);
        }
        free(names[i]);
    }
    free(names);
}

/* Subscribes to systemd's signals and takes up what is in the store. */
int units_new(sd_bus *bus, sd_event *event, Units **ret) {
    _cleanup_(units_free_pointer) Units *units = calloc(1, sizeof(Units));
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    int r;

    if (!units)
        return -ENOMEM;
    units->bus = bus;
    units->event = event;

    r = sd_bus_match_signal_async(bus, &units->job_removed, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved",
            on_job_removed, NULL, units);
    if (r >= 0) /* without a subscriber systemd sends no signals */
        r = sd_bus_call_method_async(bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", NULL, NULL, NULL);
    if (r < 0)
        return r;

    sys_sweep();
    resume_all(units);

    r = sd_bus_message_new_method_call(bus, &message, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitsByPatterns");
    if (r >= 0) /* in any state */
        r = sd_bus_message_append(message, "asas", 0, 1, EXEC_PREFIX "*.service");
    if (r >= 0)
        r = sd_bus_call_async(bus, &units->orphans, message, on_orphans, units, 0);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(units);
    return 0;
}

/* Programs go on: their sockets are in the store. */
Units *units_free(Units *units) {
    if (!units)
        return NULL;
    while (units->tasks)
        task_free(units->tasks);
    while (units->execs)
        exec_free(units->execs);
    sd_bus_slot_unref(units->job_removed);
    sd_bus_slot_unref(units->orphans);
    free(units);
    return NULL;
}

unsigned units_busy(const Units *units) {
    return units->n_tasks + units->n_execs;
}
