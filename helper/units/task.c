/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd's word about a unit is always asked for anew after a signal, so a lost, doubled or forged signal does no
 * harm. */

#include "units/private.h"

#include <stdarg.h>
#include <stdio.h>

#define TASK_TIMEOUT (60 * SECOND) /* systemd has lost the job, for instance when it was re-executed */

void task_free(Task *task) {
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

void task_end(Task *task, ErrorCode code, const char *message) {
    UnitsDone done = task->done;
    void *data = task->data;
    _cleanup_free_ char *copy = message ? strdup(message) : NULL;

    task_free(task);
    done(data, code, copy);
}

void task_fail(Task *task, ErrorCode code, const char *format, ...) {
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

int task_end_later(Task *task, ErrorCode code, char *message) {
    task->code = code;
    task->message = message;
    return sd_event_add_defer(task->units->event, &task->later, on_later, task);
}

static int on_task_timeout(sd_event_source *source, uint64_t usec, void *data) {
    Task *task = data;

    if (task->kind->timed_out)
        task->kind->timed_out(task);
    task_fail(task, ERROR_FAILED, "systemd did not finish its job for %s in time",
            task->n_jobs > 0 ? task->jobs[0].unit : "a unit");
    return 0;
}

int task_new(Units *units, const TaskKind *kind, char *const *names, size_t n_names, UnitsDone done, void *data,
        Task **ret) {
    _cleanup_(task_free_pointer) Task *task = calloc(1, sizeof(Task));
    int r;

    if (!task)
        return -ENOMEM;
    *task = (Task){ .units = units, .next = units->tasks, .kind = kind, .done = done, .data = data, .errors = -1 };
    if (task->next)
        task->next->previous = task;
    units->tasks = task;
    units->n_tasks++;

    task->jobs = calloc(n_names + 1, sizeof(Job));
    if (!task->jobs)
        return -ENOMEM;
    for (; task->n_jobs < n_names; task->n_jobs++) {
        task->jobs[task->n_jobs] = (Job){ .task = task, .unit = strdup(names[task->n_jobs]) };
        if (!task->jobs[task->n_jobs].unit)
            return -ENOMEM;
    }
    task->n_waiting = n_names;

    r = sd_event_add_time_relative(
            units->event, &task->timer, CLOCK_MONOTONIC, TASK_TIMEOUT, SECOND, on_task_timeout, task);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(task);
    return 0;
}

int task_refuse(Task *task, ErrorCode code, const char *format, ...) {
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

int task_refuse_no_namespace(Task *task, const char *netns, int error) {
    return task_refuse(task, ERROR_FAILED, "there is no namespace '%s' to run it in (%s)", netns, strerror(-error));
}

/* systemd's job has come to its end, or there was none to do. */
static void job_finished(Job *job, bool success) {
    job->finished = true;
    job->task->n_waiting--;
    job->task->kind->finished(job->task, job, success);
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

int on_job_removed(sd_bus_message *signal, void *data, sd_bus_error *error) {
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

int on_job(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Job *job = data;
    const char *path, *sender = sd_bus_message_get_sender(reply);

    job->slot = sd_bus_slot_unref(job->slot);
    if (sd_bus_message_is_method_error(reply, NULL)) {
        job->task->kind->refused(job->task, job, sd_bus_message_get_error(reply));
        return 0;
    }
    if (sender && sd_bus_message_read(reply, "o", &path) >= 0) {
        job->path = strdup(path);
        job->manager = strdup(sender);
    }
    /* Without a path the job's end would pass unnoticed; the task's time-out covers that. */
    return 0;
}
