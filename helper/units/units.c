/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "units/private.h"

#include "core/ident.h"

void manager_tell(Units *units, const char *method, const char *unit, const char *mode) {
    if (mode)
        (void)sd_bus_call_method_async(
                units->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, method, NULL, NULL, "ss", unit, mode);
    else
        (void)sd_bus_call_method_async(
                units->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, method, NULL, NULL, "s", unit);
}

/* --- stopping --- */

static void stop_finished(Task *task, Job *job, bool success) {
    manager_tell(task->units, "ResetFailedUnit", job->unit, NULL);
    if (task->n_waiting > 0)
        return;
    pages_forget(task->jobs, task->n_jobs);
    task_end(task, ERROR_NONE, NULL);
}

static void stop_refused(Task *task, Job *job, const sd_bus_error *error) {
    if (!sd_bus_error_has_name(error, SYSTEMD ".NoSuchUnit")) {
        task_fail(task, ERROR_FAILED, "systemd does not stop %s: %s", job->unit,
                error->message ? error->message : error->name);
        return;
    }
    job->finished = true;
    task->n_waiting--;
    stop_finished(task, job, true);
}

static const TaskKind stopping = { .finished = stop_finished, .refused = stop_refused };

int units_stop(Units *units, char *const *names, size_t n_names, UnitsDone done, void *data) {
    _cleanup_(task_free_pointer) Task *task = NULL;
    int r;

    r = task_new(units, &stopping, names, n_names, done, data, &task);
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

/* --- start and end --- */

/* Subscribes to systemd's signals and takes up what is in the store. */
int units_new(sd_bus *bus, sd_event *event, const Limits *limits, Units **ret) {
    _cleanup_(units_free_pointer) Units *units = calloc(1, sizeof(Units));
    int r;

    if (!units)
        return -ENOMEM;
    units->bus = bus;
    units->event = event;
    units->limits = limits;

    r = sd_bus_match_signal_async(bus, &units->job_removed, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved",
            on_job_removed, NULL, units);
    if (r >= 0) /* without a subscriber systemd sends no signals */
        r = sd_bus_call_method_async(bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", NULL, NULL, NULL);
    if (r < 0)
        return r;

    sys_sweep();
    r = execs_resume(units);
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
