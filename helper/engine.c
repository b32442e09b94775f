/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine.h"

#include "check.h"
#include "core/ident.h"
#include "core/plan.h"
#include "core/validate.h"

#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define REST_USEC_MAX 20000

/* A request on its way. */
typedef struct Task {
    Engine *engine;
    const Op *op;
    Request *request;
    EngineAllowed allowed;
    EngineDone done;
    void *data;
    Draft draft;
    Plan plan;
    uint64_t generation;
    Failure failure; /* why it is being undone */
    char *unit;
    unsigned repaired;
    char **displaced; /* namespaces that a repair made anew */
    int terminal;
    uint64_t round; /* in which its turn is */
    struct Task *next;
} Task;

struct Engine {
    Kernel *kernel;
    Units *units;
    Store *store;
    const Limits *limits;
    Model *model;
    EngineListener listener;
    Task *first;        /* the one under way */
    uint64_t round;     /* of that */
    Task *starting;     /* execs, on their way beside it */
    sd_event_source *when_idle, *when_due; /* start the next one */
    uint64_t began;                        /* when the last one did */
    bool running;       /* guards against starting the next one from within a callback of this one */
    unsigned pending;
};

static void task_free(Task *task) {
    request_free(task->request);
    draft_clear(&task->draft);
    plan_clear(&task->plan);
    failure_clear(&task->failure);
    free(task->unit);
    strings_free(task->displaced);
    close_descriptor(&task->terminal);
    free(task);
}

const Model *engine_model(const Engine *engine) {
    return engine->model;
}

void engine_listen(Engine *engine, EngineListener listener) {
    engine->listener = listener;
}

unsigned engine_pending(const Engine *engine) {
    return engine->pending;
}

/* --- one task, step by step. Each step either goes on to the next or ends in finish() or undo(). --- */

static uint64_t now_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void start_next(Engine *engine);

/* The next change begins when nothing else is to be done, or else after as long as the last one took: questions, answers
 * and reading go on between changes, however many of these wait. */
static void schedule_next(Engine *engine) {
    uint64_t now, rest;

    if (!engine->first)
        return;
    now = now_usec();
    rest = now - engine->began < REST_USEC_MAX ? now - engine->began : REST_USEC_MAX;
    if (sd_event_source_set_time(engine->when_idle, now) < 0 ||
            sd_event_source_set_enabled(engine->when_idle, SD_EVENT_ONESHOT) < 0 ||
            sd_event_source_set_time(engine->when_due, now + rest) < 0 ||
            sd_event_source_set_enabled(engine->when_due, SD_EVENT_ONESHOT) < 0)
        start_next(engine);
}

static int on_turn(sd_event_source *source, uint64_t usec, void *data) {
    Engine *engine = data;

    (void)sd_event_source_set_enabled(engine->when_idle, SD_EVENT_OFF);
    (void)sd_event_source_set_enabled(engine->when_due, SD_EVENT_OFF);
    start_next(engine);
    return 0;
}

/* The task is gone after this. */
static void answer(Task *task) {
    EngineResult result = {
        .code = task->failure.code,
        .message = task->failure.message,
        .generation = task->failure.code == ERROR_NONE ? task->generation : 0,
        .unit = task->unit,
        .repaired = task->repaired,
        .terminal = task->terminal,
    };

    task->engine->pending--;
    task->done(task->data, &result);
    task_free(task);
}

/* The task is no longer the one under way. */
static void leave(Task *task) {
    Engine *engine = task->engine;

    engine->first = task->next;
    engine->running = false;
}

/* Answers and makes way for the next. The task is gone after this. */
static void finish(Task *task) {
    Engine *engine = task->engine;

    leave(task);
    answer(task);
    schedule_next(engine);
}

/* The kernel refused something on the way back too: say so, since `vpcctl` can only report the first cause. */
static void log_failure(const char *what, const Failure *failure) {
    sd_journal_print(LOG_ERR, "%s: %s", what, failure->message ? failure->message : error_info(failure->code)->name);
}

static void undo_apply(Task *task) {
    _cleanup_plan_ Plan back = { 0 };
    _cleanup_failure_ Failure failure = { 0 };

    if (plan_make(&task->draft, true, &back) < 0 ||
            kernel_apply(task->engine->kernel, &back, APPLY_CONVERGE, &failure) < 0)
        log_failure("undoing a failed change", &failure);
    store_journal_end(task->engine->store);
    finish(task);
}

static void undo_stopped(void *data, ErrorCode code, const char *message) {
    undo_apply(data);
}

/* Puts everything back to where the task began. */
static void undo(Task *task) {
    _cleanup_plan_ Plan back = { 0 };

    if (task->failure.code == ERROR_NONE)
        (void)failure_set(&task->failure, ERROR_FAILED, "out of memory");
    if (plan_make(&task->draft, true, &back) == 0 && back.n_stop_units > 0 &&
            units_stop(task->engine->units, back.stop_units, back.n_stop_units, undo_stopped, task) >= 0)
        return;
    undo_apply(task);
}

static void ignore_stopped(void *data, ErrorCode code, const char *message) {
}

/* Everything is to go, also what no stored object tells of any more. */
static void clear_leftovers(Engine *engine) {
    _cleanup_failure_ Failure failure = { 0 };

    char slice[] = UNIT_SLICE, *units[] = { slice };

    (void)units_stop(engine->units, units, 1, ignore_stopped, NULL);
    if (check_clear(engine->kernel, engine->model, &failure) < 0)
        log_failure("removing what is left over", &failure);
    if (engine->model->n_vpcs > 0)
        return;
    failure_clear(&failure);
    if (store_clear(engine->store, &failure) < 0)
        log_failure("removing what is left over", &failure);
    else
        engine->model->incomplete = false;
}

static void persist_and_commit(Task *task) {
    Engine *engine = task->engine;
    _cleanup_failure_ Failure failure = { 0 };

    if (store_save(engine->store, &task->draft, false, task->generation, &task->failure) < 0) {
        if (store_save(engine->store, &task->draft, true, engine->model->generation, &failure) < 0)
            log_failure("putting back state files", &failure);
        undo(task);
        return;
    }
    if (engine->listener.before_commit)
        engine->listener.before_commit(engine->listener.data, &task->draft);
    if (draft_commit(&task->draft, engine->model, task->generation) < 0) {
        if (store_save(engine->store, &task->draft, true, engine->model->generation, &failure) < 0)
            log_failure("putting back state files", &failure);
        undo(task);
        return;
    }
    if (task->op->change == change_purge && task->request->all)
        clear_leftovers(engine);
    store_journal_end(engine->store);
    /* Who waits is answered before everybody else is told. */
    leave(task);
    answer(task);
    if (engine->listener.after_commit)
        engine->listener.after_commit(engine->listener.data);
    schedule_next(engine);
}

static void workload_started(void *data, ErrorCode code, const char *message) {
    Task *task = data;

    if (code != ERROR_NONE) {
        (void)failure_set(&task->failure, code, "%s", message ? message : "the program could not be started");
        undo(task);
        return;
    }
    persist_and_commit(task);
}

static void start_workload(Task *task) {
    const Request *request = task->request;
    const Vpc *vpc = draft_see_vpc(&task->draft, request->vpc, false);
    const Subnet *subnet = vpc_subnet(vpc, request->subnet);
    const Endpoint *endpoint = subnet_first_endpoint(subnet);
    const Workload *workload = endpoint_workload(endpoint, request->name);

    if (units_start_workload(task->engine->units, vpc, subnet, endpoint, workload, false, workload_started, task) < 0) {
        (void)failure_set(&task->failure, ERROR_FAILED, "the service manager cannot be asked to start the program");
        undo(task);
    }
}

static void apply(Task *task) {
    Engine *engine = task->engine;

    if (store_journal_begin(engine->store, &task->draft, task->generation, &task->failure) < 0) {
        finish(task);
        return;
    }
    if (kernel_apply(engine->kernel, &task->plan, APPLY_STRICT, &task->failure) < 0)
        undo(task);
    else if (task->op->kind == OP_DEPLOY)
        start_workload(task);
    else
        persist_and_commit(task);
}

static void units_stopped(void *data, ErrorCode code, const char *message) {
    Task *task = data;

    /* A program that cannot be stopped loses its network all the same: the links are taken from under it. */
    if (code != ERROR_NONE)
        sd_journal_print(LOG_WARNING, "stopping programs: %s", message ? message : error_info(code)->name);
    apply(task);
}

static int observe(Engine *engine, const Task *task, Facts *facts, Failure *failure) {
    int r = 0;

    switch (task->op->facts) {
    case OP_FACTS_INTERFACE:
        facts->interface = observe_interface(engine->kernel, task->request->interface);
        if (facts->interface == 1)
            r = observe_forwarding(task->request->interface);
        if (r >= 0)
            facts->forwarding = r == 1;
        break;
    case OP_FACTS_HOST_ROUTE:
        r = observe_host_route(engine->kernel, &task->request->cidr, &facts->host_route);
        break;
    default:
        break;
    }
    return r < 0 ? failure_set(failure, ERROR_KERNEL, "the host's network cannot be looked at: %s", strerror(-r)) : 0;
}

static int change_validate_plan(Task *task) {
    Engine *engine = task->engine;
    _cleanup_free_ char *in_the_way = NULL;
    Facts facts = { .limits = engine->limits };
    int r;

    r = observe(engine, task, &facts, &task->failure);
    if (r >= 0)
        r = task->op->change(&task->draft, task->request, &facts, &task->failure);
    free(facts.host_route);
    if (r >= 0)
        r = validate(&task->draft, &task->failure);
    if (r >= 0)
        r = plan_make(&task->draft, false, &task->plan);
    if (r >= 0)
        r = observe_in_the_way(engine->kernel, &task->plan, &in_the_way);
    if (r >= 0 && in_the_way)
        r = failure_set(&task->failure, ERROR_CONFLICT,
                "%s is there already and is not ours; remove it or choose another name", in_the_way);
    if (r < 0)
        (void)failure_set(&task->failure, ERROR_FAILED, "%s", strerror(-r));
    return r;
}

/* --- what changes nothing --- */

static void exec_started(void *data, ErrorCode code, const char *message) {
    Task *task = data;

    for (Task **link = &task->engine->starting; *link; link = &(*link)->next)
        if (*link == task) {
            *link = task->next;
            break;
        }
    if (code != ERROR_NONE)
        (void)failure_set(&task->failure, code, "%s", message ? message : "the program could not be started");
    answer(task);
}

/* Others need not wait for a program's start, which may hang on the caller's own file system: what is under way here only
 * looks at the model, and systemd does what it was told to do in order, so that a deletion that comes next still finds the
 * unit. */
static void start_exec(Task *task) {
    Engine *engine = task->engine;
    Request *request = task->request;
    UnitsExec exec = {
        .as = { request->uid, request->gid, request->groups, request->n_groups },
        .as_root = request->as_root,
        .argv = request->argv,
        .login_shell = request->login_shell,
        .environment = request->environment,
        .directory = request->directory,
        .stdio = request->stdio,
        .terminal = request->terminal,
        .rows = request->rows,
        .columns = request->columns,
        .control = request->control,
    };
    const Vpc *vpc;
    const Subnet *subnet;
    int r = find_subnet(engine->model, request->vpc, request->subnet, &vpc, &subnet, &task->failure);

    if (r >= 0) {
        r = units_exec(engine->units, vpc, subnet, subnet_first_endpoint(subnet), &exec, exec_started, task, &task->unit,
                &task->terminal);
        if (r >= 0)
            (void)TAKE_FD(request->control);
        else
            (void)failure_set(&task->failure, ERROR_FAILED, "the service manager cannot be asked: %s", strerror(-r));
    }
    leave(task);
    if (r < 0)
        answer(task);
    else {
        task->next = engine->starting;
        engine->starting = task;
    }
    schedule_next(engine);
}

static void restarted(void *data, ErrorCode code, const char *message) {
    Task *task = data;

    if (code != ERROR_NONE)
        (void)failure_set(&task->failure, code, "%s", message ? message : "the program could not be started");
    task->generation = task->engine->model->generation;
    finish(task);
}

static void start_again(void *data, ErrorCode code, const char *message) {
    Task *task = data;
    const Vpc *vpc;
    const Subnet *subnet;
    const Endpoint *endpoint;
    const Workload *workload;

    if (code != ERROR_NONE)
        (void)failure_set(&task->failure, code, "%s", message ? message : "the program could not be stopped");
    else if (find_workload(task->engine->model, task->request, &vpc, &subnet, &endpoint, &workload, &task->failure) >= 0) {
        if (units_start_workload(task->engine->units, vpc, subnet, endpoint, workload, true, restarted, task) >= 0)
            return;
        (void)failure_set(&task->failure, ERROR_FAILED, "the service manager cannot be asked to start the program");
    }
    finish(task);
}

static void restart(Task *task) {
    const Vpc *vpc;
    const Subnet *subnet;
    const Endpoint *endpoint;
    const Workload *workload;
    _cleanup_free_ char *unit = NULL;

    if (find_workload(task->engine->model, task->request, &vpc, &subnet, &endpoint, &workload, &task->failure) >= 0) {
        unit = unit_workload(vpc->name, subnet->name, endpoint->name, workload->name);
        if (unit && units_stop(task->engine->units, &unit, 1, start_again, task) >= 0)
            return;
        (void)failure_set(&task->failure, ERROR_FAILED, "the service manager cannot be asked to stop the program");
    }
    finish(task);
}

/* --- what is, and what should be --- */

static void workload_is_back(void *data, ErrorCode code, const char *message) {
    if (code != ERROR_NONE)
        sd_journal_print(LOG_WARNING, "starting a program again: %s", message ? message : error_info(code)->name);
}

int engine_check(Engine *engine, const char *vpc, uid_t uid, Findings *findings, Failure *failure) {
    return check(engine->kernel, engine->model, &(Scope){ vpc, uid }, findings, failure);
}

static bool has_string(char *const *strings, const char *wanted) {
    for (; strings && *strings; strings++)
        if (streq(*strings, wanted))
            return true;
    return false;
}

typedef int (*WorkloadVisit)(Task *task, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload);

/* Those whose namespace was made anew. */
static int each_displaced(Task *task, WorkloadVisit visit) {
    const Model *model = task->engine->model;
    int r = 0;

    for (size_t i = 0; i < model->n_vpcs; i++)
        for (size_t j = 0; j < model->vpcs[i]->n_subnets; j++) {
            const Subnet *subnet = model->vpcs[i]->subnets[j];

            for (size_t k = 0; k < subnet->n_endpoints; k++) {
                const Endpoint *endpoint = subnet->endpoints[k];
                _cleanup_free_ char *netns = netns_endpoint(model->vpcs[i], subnet, endpoint);

                if (!netns)
                    return -ENOMEM;
                for (size_t l = 0; r >= 0 && l < endpoint->n_workloads && has_string(task->displaced, netns); l++)
                    r = visit(task, model->vpcs[i], subnet, endpoint, endpoint->workloads[l]);
            }
        }
    return r;
}

static int note_unit(Task *task, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload) {
    char *unit = unit_workload(vpc->name, subnet->name, endpoint->name, workload->name);

    if (!unit || GROW(task->plan.stop_units, task->plan.n_stop_units) < 0) {
        free(unit);
        return -ENOMEM;
    }
    task->plan.stop_units[task->plan.n_stop_units++] = unit;
    return 0;
}

static int bring_back(Task *task, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload) {
    return units_start_workload(task->engine->units, vpc, subnet, endpoint, workload, true, workload_is_back, NULL);
}

static void displaced_stopped(void *data, ErrorCode code, const char *message) {
    Task *task = data;

    if (code != ERROR_NONE || each_displaced(task, bring_back) < 0)
        (void)failure_set(&task->failure, ERROR_FAILED, "the networks are mended, but programs in them could not be started "
                "again%s%s", message ? ": " : "", message ? message : "");
    finish(task);
}

static void repair(Task *task) {
    Engine *engine = task->engine;
    Scope scope = { task->request->vpc, task->request->uid };

    task->generation = engine->model->generation;
    if (check_repair(engine->kernel, engine->model, &scope, &task->repaired, &task->displaced, &task->failure) < 0)
        (void)failure_set(&task->failure, ERROR_FAILED, "out of memory");
    else if (task->repaired > 0)
        sd_journal_print(LOG_NOTICE, "%u things in the kernel were not as they should be and have been mended",
                task->repaired);
    /* A program is in the namespace that it was started in, though that has lost its name. */
    if (task->failure.code == ERROR_NONE && each_displaced(task, note_unit) >= 0 && task->plan.n_stop_units > 0 &&
            units_stop(engine->units, task->plan.stop_units, task->plan.n_stop_units, displaced_stopped, task) >= 0)
        return;
    finish(task);
}

/* --- the queue --- */

static void start_next(Engine *engine) {
    Task *task = engine->first;

    if (!task || engine->running)
        return;
    engine->running = true;
    engine->round = task->round;
    engine->began = now_usec();
    if (task->allowed(task->data, task->request, &task->failure) < 0) {
        finish(task);
        return;
    }
    switch (task->op->kind) {
    case OP_EXEC:
        start_exec(task);
        return;
    case OP_RESTART:
        restart(task);
        return;
    case OP_REPAIR:
        repair(task);
        return;
    default:
        break;
    }
    task->draft.model = engine->model;
    task->generation = engine->model->generation + 1;
    if (change_validate_plan(task) < 0) {
        finish(task);
        return;
    }
    if (task->plan.n_stop_units > 0 && units_stop(engine->units, task->plan.stop_units, task->plan.n_stop_units,
                                               units_stopped, task) >= 0)
        return;
    apply(task);
}

/* Each user's in the order of their coming, and in each round one of every user: who asks for much keeps nobody else
 * waiting for all of it. */
static void put_in_queue(Engine *engine, Task *task) {
    Task **link = &engine->first;

    task->round = engine->round;
    for (const Task *other = engine->first; other; other = other->next)
        if (other->request->uid == task->request->uid && other->round > task->round)
            task->round = other->round;
    task->round++;
    if (*link && engine->running)
        link = &(*link)->next;
    while (*link && (*link)->round <= task->round)
        link = &(*link)->next;
    task->next = *link;
    *link = task;
}

int engine_submit(
        Engine *engine, const Op *op, Request *request, EngineAllowed allowed, EngineDone done, void *data) {
    Task *task = calloc(1, sizeof(Task));

    if (!task)
        return -ENOMEM;
    *task = (Task){ .engine = engine, .op = op, .request = request, .allowed = allowed, .done = done, .data = data,
        .terminal = -1 };
    put_in_queue(engine, task);
    engine->pending++;
    start_next(engine);
    return 0;
}

/* --- start and end --- */

/* What a killed vpcd left half done becomes the old state or the new one, whole. */
static int recover(Engine *engine) {
    _cleanup_draft_ Draft draft = { .model = engine->model };
    _cleanup_plan_ Plan plan = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    uint64_t generation;
    bool forward;
    int r = store_journal_read(engine->store, engine->model, &draft, &forward, &generation);

    if (r <= 0) {
        if (r < 0)
            sd_journal_print(LOG_ERR, "the journal of changes cannot be used (%s); see 'vpcctl cleanup'", strerror(-r));
        return 0;
    }
    sd_journal_print(LOG_NOTICE, "vpcd ended during a change; it is %s", forward ? "finished now" : "undone now");
    r = plan_make_converging(&draft, !forward, &plan);
    if (r < 0)
        return r;
    if (plan.n_stop_units > 0)
        (void)units_stop(engine->units, plan.stop_units, plan.n_stop_units, ignore_stopped, NULL);
    if (kernel_apply(engine->kernel, &plan, APPLY_CONVERGE, &failure) < 0)
        log_failure("bringing the kernel in line", &failure);
    if (forward) {
        r = store_save(engine->store, &draft, false, generation, &failure);
        if (r >= 0)
            r = draft_commit(&draft, engine->model, generation);
    } else
        r = store_save(engine->store, &draft, true, engine->model->generation, &failure);
    if (r < 0)
        log_failure("state after recovery", &failure);
    else
        store_journal_end(engine->store);
    return 0;
}

/* Those that are to be kept running. Nobody waits for them: the service is there as soon as the networks are. */
static void start_workloads(const Engine *engine) {
    for (size_t i = 0; i < engine->model->n_vpcs; i++) {
        const Vpc *vpc = engine->model->vpcs[i];

        for (size_t j = 0; j < vpc->n_subnets; j++)
            for (size_t k = 0; k < vpc->subnets[j]->n_endpoints; k++) {
                const Endpoint *endpoint = vpc->subnets[j]->endpoints[k];

                for (size_t l = 0; l < endpoint->n_workloads; l++)
                    if (endpoint->workloads[l]->restart != RESTART_NO &&
                            units_start_workload(engine->units, vpc, vpc->subnets[j], endpoint, endpoint->workloads[l],
                                    true, workload_is_back, NULL) < 0)
                        sd_journal_print(LOG_WARNING, "the service manager cannot be asked to start '%s' in %s/%s",
                                endpoint->workloads[l]->name, vpc->name, vpc->subnets[j]->name);
            }
    }
}

static int rebuild(Engine *engine) {
    static const Scope everything;
    _cleanup_whole_ Whole whole = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    int r = whole_make(&whole, engine->model, &everything);

    if (r < 0)
        return r;
    if (kernel_apply(engine->kernel, &whole.plan, APPLY_CONVERGE, &failure) < 0)
        log_failure("rebuilding after a boot", &failure);
    start_workloads(engine);
    return store_set_booted(engine->store);
}

int engine_new(
        sd_event *event, Kernel *kernel, Units *units, Store *store, const Limits *limits, Engine **ret) {
    _cleanup_(engine_free_pointer) Engine *engine = calloc(1, sizeof(Engine));
    _cleanup_free_ char *warnings = NULL;
    int r;

    if (!engine)
        return -ENOMEM;
    engine->kernel = kernel;
    engine->units = units;
    engine->store = store;
    engine->limits = limits;
    r = sd_event_add_time(event, &engine->when_idle, CLOCK_MONOTONIC, 0, 1, on_turn, engine);
    if (r >= 0)
        r = sd_event_source_set_priority(engine->when_idle, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_add_time(event, &engine->when_due, CLOCK_MONOTONIC, 0, 1, on_turn, engine);
    if (r >= 0)
        r = store_load(store, &engine->model, &warnings);
    if (r < 0)
        return r;
    if (warnings)
        sd_journal_print(LOG_WARNING, "%s", warnings);
    r = recover(engine);
    if (r >= 0 && !store_is_booted(store))
        r = rebuild(engine);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(engine);
    return 0;
}

Engine *engine_free(Engine *engine) {
    if (!engine)
        return NULL;
    sd_event_source_disable_unref(engine->when_idle);
    sd_event_source_disable_unref(engine->when_due);
    while (engine->first) {
        Task *task = engine->first;

        engine->first = task->next;
        task_free(task);
    }
    while (engine->starting) {
        Task *task = engine->starting;

        engine->starting = task->next;
        task_free(task);
    }
    model_free(engine->model);
    free(engine);
    return NULL;
}
