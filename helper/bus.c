/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus.h"

#include "callers.h"
#include "names.h"
#include "objects.h"

#include <inttypes.h>
#include <stdio.h>

/* An exec, told apart by what it needs. */
#define EXEC_AS_ROOT "exec-as-root"

/* A call between its arrival and its reply. */
typedef struct Call {
    Bus *bus;
    sd_bus_message *message;
    Ticket *ticket;
    const Op *op;     /* NULL: of one of D-Bus's own interfaces, which sd-bus answers */
    bool passes;      /* that one has had its turn */
    const char *verb; /* for log and rules: that of the operation, or more exactly */
    Request *request;     /* handed to the engine after the verdict */
    unsigned permissions; /* that were asked for */
    char *object;         /* for log and signal */
    uid_t uid;
    uid_t owner;          /* of the VPC, or (uid_t)-1 */
    uint64_t made[2];     /* when the VPCs that it names were made, 0 for one that is not there */
    struct Call *next;
} Call;

struct Bus {
    sd_bus *connection;
    Engine *engine;
    Authz *authz;
    Callers *callers;
    Audit *audit;
    const Limits *limits;
    Objects *objects;
    sd_bus_vtable *vtable;
    sd_bus_slot *slot, *filter;
    Call *calls;
    unsigned pending;
    char **deleted; /* names of the VPCs that the last change deleted */
    size_t n_deleted;
};

unsigned bus_pending(const Bus *bus) {
    return bus->pending;
}

/* --- replies --- */

static void set_error(sd_bus_error *error, ErrorCode code, const char *message) {
    const ErrorInfo *info = error_info(code);

    (void)sd_bus_error_set(error, info->name, message ? message : info->name);
}

/* A refusal as the handler's result. */
static int refuse(sd_bus_error *error, const Failure *failure) {
    set_error(error, failure->code, failure->message);
    return -error_info(failure->code)->number;
}

/* A refusal that nobody needs to be told of afterwards, before anything has begun. */
static void answer_error(sd_bus_message *message, ErrorCode code, const char *text) {
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

    set_error(&error, code, text);
    (void)sd_bus_reply_method_error(message, &error);
}

static uid_t owner_of(const Bus *bus, const Request *request) {
    const Vpc *vpc = NULL;

    if (request->vpc || request->name)
        vpc = model_vpc(engine_model(bus->engine), request->vpc ? request->vpc : request->name);
    return vpc ? vpc->owner : (uid_t)-1;
}

static uint64_t made(const Bus *bus, const char *name) {
    const Vpc *vpc = name ? model_vpc(engine_model(bus->engine), name) : NULL;

    return vpc ? vpc->created : 0;
}

/* The VPCs that a call is about, as of now. A name can be given up and taken again. */
static void note_vpcs(const Bus *bus, const Request *request, uint64_t ret[static 2]) {
    ret[0] = made(bus, request->vpc ? request->vpc : request->name);
    ret[1] = made(bus, request->other_vpc);
}

static void call_free(Call *call) {
    for (Call **link = &call->bus->calls; *link; link = &(*link)->next)
        if (*link == call) {
            *link = call->next;
            call->bus->pending--;
            break;
        }
    ticket_free(call->ticket);
    sd_bus_message_unref(call->message);
    request_free(call->request);
    free(call->object);
    free(call);
}

static AuditEntry audit_entry(const Call *call, ErrorCode code, const char *message, uint64_t generation) {
    return (AuditEntry){
        .uid = call->uid,
        .owner = call->owner,
        .verb = call->verb,
        .object = call->object,
        .result = code,
        .message = message,
        .generation = generation,
    };
}

/* Answers with an error, notes it and ends the call. */
static void fail_call(Call *call, ErrorCode code, const char *message) {
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    AuditEntry entry = audit_entry(call, code, message, 0);

    audit_write(call->bus->audit, &entry);
    set_error(&error, code, message);
    (void)sd_bus_reply_method_error(call->message, &error);
    audit_tell(&entry);
    call_free(call);
}

static void emit_changed(const Call *call, const char *object, uint64_t generation) {
    (void)sd_bus_emit_signal(call->bus->connection, VPCD_PATH, VPCD_MANAGER, "Changed", "sssut", call->op->object_kind,
            object, call->op->object_verb, (uint32_t)call->uid, generation);
}

static void reply_done(const Call *call, const EngineResult *result) {
    switch (call->op->kind) {
    case OP_EXEC:
        if (result->terminal >= 0)
            (void)sd_bus_reply_method_return(call->message, "sh", result->unit, result->terminal);
        else
            (void)sd_bus_reply_method_return(call->message, "s", result->unit);
        return;
    case OP_REPAIR:
        (void)sd_bus_reply_method_return(call->message, "u", result->repaired);
        return;
    default:
        (void)sd_bus_reply_method_return(call->message, "t", result->generation);
    }
}

/* Who asked is answered first; then everybody is told. */
static void engine_done(void *data, const EngineResult *result) {
    Call *call = data;
    AuditEntry entry = audit_entry(call, ERROR_NONE, NULL, result->generation);
    bool changed = call->op->kind != OP_EXEC && (call->op->kind != OP_REPAIR || result->repaired > 0);

    if (result->code != ERROR_NONE) {
        fail_call(call, result->code, result->message);
        return;
    }
    audit_write(call->bus->audit, &entry);
    reply_done(call, result);
    if (changed && *call->object)
        emit_changed(call, call->object, result->generation);
    for (size_t i = 0; changed && !*call->object && i < call->bus->n_deleted; i++) /* a purge names none, and is about many */
        emit_changed(call, call->bus->deleted[i], result->generation);
    audit_tell(&entry);
    call_free(call);
}

static int make_reply(Bus *bus, sd_bus_message *message, const Op *op, const Request *request, Failure *failure,
        sd_bus_message **ret) {
    OpContext context = { engine_model(bus->engine), bus->audit, bus->engine };
    int r = sd_bus_message_new_method_return(message, ret);

    return r < 0 ? r : op->read(&context, request, *ret, failure);
}

/* A person may have thought for minutes, and the queue may have been long: what was allowed has to be what is needed now,
 * for the same VPCs. */
static int still_allowed(void *data, const Request *request, Failure *failure) {
    const Call *call = data;
    uint64_t now[ELEMENTSOF(call->made)];

    note_vpcs(call->bus, request, now);
    for (size_t i = 0; i < ELEMENTSOF(now); i++) {
        if (call->made[i] && !now[i])
            return 0; /* gone: the operation says so itself */
        if (call->made[i] && call->made[i] != now[i])
            return failure_set(failure, ERROR_CHANGED, "while authorization was asked for, the VPC was deleted and another "
                    "one of its name made");
    }
    if (call->op->permissions(engine_model(call->bus->engine), request) & ~call->permissions)
        return failure_set(failure, ERROR_CHANGED, "the VPC changed hands while authorization was asked for");
    return 0;
}

static void read_authorized(Call *call) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_failure_ Failure failure = { 0 };

    if (still_allowed(call, call->request, &failure) < 0 ||
            make_reply(call->bus, call->message, call->op, call->request, &failure, &reply) < 0) {
        fail_call(call, failure.code != ERROR_NONE ? failure.code : ERROR_FAILED, failure.message);
        return;
    }
    (void)sd_bus_send(NULL, reply, NULL);
    call_free(call);
}

static void authorized(void *data, ErrorCode verdict, const char *message) {
    Call *call = data;
    Request *request = call->request;

    if (verdict != ERROR_NONE) {
        fail_call(call, verdict, message);
        return;
    }
    if (call->op->kind == OP_READ) {
        read_authorized(call);
        return;
    }
    call->owner = owner_of(call->bus, request);
    call->request = NULL;
    if (engine_submit(call->bus->engine, call->op, request, still_allowed, engine_done, call) < 0) {
        request_free(request);
        fail_call(call, ERROR_FAILED, "out of memory");
    }
}

/* --- dispatch --- */

/* argv as one line for the prompt and the rules; authz escapes and cuts it. */
static char *join_arguments(char *const *argv) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    for (char *const *argument = argv; argument && *argument; argument++)
        fprintf(stream, "%s%s", argument == argv ? "" : " ", *argument);
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* --- asking about authorization only --- */

static void access_known(void *data, ErrorCode verdict, const char *message) {
    Call *call = data;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);

    if (r >= 0)
        r = sd_bus_message_append(reply, "b", (int)(verdict == ERROR_NONE));
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "s");
    for (unsigned bit = 1; r >= 0 && bit <= PERMISSION_PURGE; bit <<= 1)
        if (call->permissions & bit)
            r = sd_bus_message_append(reply, "s", authz_action((Permission)bit));
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_message_append(reply, "s", verdict != ERROR_NONE && message ? message : "");
    if (r >= 0)
        (void)sd_bus_send(NULL, reply, NULL);
    call_free(call);
}

/* The operation that is asked about, with the names it would have: whose VPC it is decides what is needed. */
static int permissions_asked_about(const Bus *bus, const Request *request, unsigned *ret, Failure *failure) {
    const Op *op = op_find_verb(streq(request->name, EXEC_AS_ROOT) ? "exec" : request->name);
    char none[] = "";
    char *vpc = request->vpc ? request->vpc : none;
    bool as_root = streq(request->name, EXEC_AS_ROOT);
    Request imagined = { .uid = request->uid, .vpc = vpc, .other_vpc = vpc, .name = vpc, .all = true, .as_root = as_root };

    if (!op)
        return failure_set(failure, ERROR_INVALID, "verb '%s': there is none of that name; 'vpcctl log' shows verbs, such "
                "as 'vpc-create'", request->name);
    if (op->permissions == NULL)
        return -EINVAL;
    *ret = op->permissions(engine_model(bus->engine), &imagined);
    return 0;
}

/* --- beginning --- */

/* What the call needs is asked for. */
static int ask_for_it(Call *call, Failure *failure) {
    _cleanup_free_ char *arguments = join_arguments(call->request->argv);
    const Request *request = call->request;
    Bus *bus = call->bus;
    const Op *op = call->op;
    char owner[16] = "";
    int r = 0;

    call->uid = request->uid;
    call->owner = owner_of(bus, request);
    call->verb = request->as_root ? EXEC_AS_ROOT : op->verb;
    call->object = op_object(op, request);
    note_vpcs(bus, request, call->made);
    if (!call->object || !arguments)
        return -ENOMEM;
    if (op->kind == OP_CHECK)
        r = permissions_asked_about(bus, request, &call->permissions, failure);
    else
        call->permissions = op->permissions(engine_model(bus->engine), request);
    if (r < 0)
        return r;
    if (call->owner != (uid_t)-1)
        snprintf(owner, sizeof(owner), "%u", call->owner);

    AuthzDetail details[] = {
        { "verb", op->kind == OP_CHECK ? request->name : call->verb },
        { "vpc", request->vpc ? request->vpc : request->name ? request->name : "" },
        { "peer", request->other_vpc ? request->other_vpc : "" },
        { "subnet", request->subnet ? request->subnet : "" },
        { "name", request->name && op->kind != OP_CHECK ? request->name : "" },
        { "interface", request->interface ? request->interface : "" },
        { "owner", owner },
        { "user", request->as_root ? "root" : "" },
        { "arguments", arguments },
    };
    if (op->kind == OP_CHECK && call->permissions == 0) { /* reading what is one's own */
        access_known(call, ERROR_NONE, NULL);
        return 0;
    }
    return authz_check(bus->authz, call->message, call->uid, call->permissions, op->kind == OP_CHECK, details,
            ELEMENTSOF(details), op->kind == OP_CHECK ? access_known : authorized, call);
}

static int read_reply(Call *call, Failure *failure) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = make_reply(call->bus, call->message, call->op, call->request, failure, &reply);

    if (r < 0)
        return r;
    (void)sd_bus_send(NULL, reply, NULL);
    call_free(call);
    return 0;
}

/* The call's turn has come. It has been answered and freed, or goes on by itself, when this is not negative. */
static int begin(Call *call, const Caller *caller, Failure *failure) {
    const Op *op = call->op;
    int r;

    if (!op) { /* back to sd-bus, past the filter */
        call->passes = true;
        r = sd_bus_message_rewind(call->message, true);
        return r < 0 ? r : sd_bus_enqueue_for_read(call->bus->connection, call->message);
    }
    r = decode_fill(caller, call->request);
    if (r < 0)
        return r;
    if (op->kind == OP_READ &&
            (!op->permissions || op->permissions(engine_model(call->bus->engine), call->request) == 0))
        return read_reply(call, failure);
    r = decode_shell(call->request, failure);
    return r < 0 ? r : ask_for_it(call, failure);
}

static void called(void *data, Fate fate, const Caller *caller) {
    _cleanup_failure_ Failure failure = { 0 };
    Call *call = data;
    int r = -ENOMEM;

    switch (fate) {
    case FATE_TURN:
        r = begin(call, caller, &failure);
        if (r >= 0)
            return;
        break;
    case FATE_UNKNOWN:
        (void)failure_set(&failure, ERROR_ACCESS_DENIED, "the bus does not say who the caller is");
        break;
    case FATE_TOO_MANY:
        (void)failure_set(&failure, ERROR_LIMIT, "%u calls of yours are under way already ('calls-per-user'); wait for one to "
                "end", call->bus->limits->calls_per_user);
        break;
    case FATE_GONE:
        call_free(call);
        return;
    }
    answer_error(call->message, failure.code != ERROR_NONE ? failure.code : ERROR_FAILED,
            failure.code != ERROR_NONE ? failure.message : strerror(-r));
    call_free(call);
}

/* Queues a call, of which nothing is kept if that fails. Takes the request over when it does not. */
static int queue_call(Bus *bus, sd_bus_message *message, const Op *op, Request *request) {
    Call *call = calloc(1, sizeof(Call));
    int r;

    if (!call)
        return -ENOMEM;
    *call = (Call){ .bus = bus, .message = sd_bus_message_ref(message), .op = op, .owner = (uid_t)-1, .next = bus->calls };
    bus->calls = call;
    bus->pending++;
    call->request = request;
    r = callers_queue(bus->callers, message, called, call, &call->ticket);
    if (r < 0) {
        call->request = NULL;
        call_free(call);
    }
    return r;
}

int bus_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Bus *bus = userdata;
    const Op *op = op_find(sd_bus_message_get_member(message));
    _cleanup_(request_free_pointer) Request *request = NULL;
    _cleanup_failure_ Failure failure = { 0 };
    int r;

    if (!op) {
        set_error(error, ERROR_ACCESS_DENIED, "no such operation");
        return -EACCES;
    }
    request = request_new();
    if (!request)
        return -ENOMEM;
    /* At once, so that only what is of bounded size waits for its turn. */
    r = op->decode(message, request, &failure);
    if (r < 0)
        return failure.code != ERROR_NONE ? refuse(error, &failure) : r;
    r = queue_call(bus, message, op, request);
    if (r < 0)
        return r;
    TAKE_PTR(request);
    return 1;
}

/* What sd-bus answers from all objects waits for its turn as well; what it answers from one or none passes. */
static int on_incoming(sd_bus_message *message, void *data, sd_bus_error *error) {
    Bus *bus = data;

    for (Call *call = bus->calls; call; call = call->next)
        if (call->passes && call->message == message) {
            call_free(call);
            return 0;
        }
    if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") &&
            !sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Introspectable", "Introspect"))
        return 0;
    if (!sd_bus_message_has_signature(message, "")) /* sd-bus refuses it */
        return 0;
    return queue_call(bus, message, NULL, NULL) < 0 ? -ENOMEM : 1;
}

static void gone(void *data, const char *name) {
    Bus *bus = data;

    authz_gone(bus->authz, name);
}

/* --- the manager's properties --- */

static int get_version(sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    return sd_bus_message_append(reply, "s", VPCCTL_VERSION);
}

static int get_features(sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    return sd_bus_message_append(reply, "as", 8, "nat", "peering", "firewall", "webserver", "exec", "host-access",
            "terminal", "deploy");
}

static int get_generation(sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    const Bus *bus = userdata;

    return sd_bus_message_append(reply, "t", engine_model(bus->engine)->generation);
}

static const sd_bus_vtable properties[] = {
    SD_BUS_SIGNAL_WITH_ARGS("Changed",
            SD_BUS_ARGS("s", kind, "s", name, "s", verb, "u", uid, "t", generation), 0),
    SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Features", "as", get_features, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Generation", "t", get_generation, 0, 0),
};

/* The rows of ops.c, then signal and properties. */
static sd_bus_vtable *make_vtable(void) {
    size_t n_ops;
    const Op *rows = op_all(&n_ops);
    sd_bus_vtable *vtable = calloc(n_ops + ELEMENTSOF(properties) + 2, sizeof(*vtable));

    if (!vtable)
        return NULL;
    vtable[0] = (sd_bus_vtable)SD_BUS_VTABLE_START(0);
    for (size_t i = 0; i < n_ops; i++)
        vtable[1 + i] = rows[i].entry;
    memcpy(&vtable[1 + n_ops], properties, sizeof(properties));
    vtable[1 + n_ops + ELEMENTSOF(properties)] = (sd_bus_vtable)SD_BUS_VTABLE_END;
    return vtable;
}

static void forget_deleted(Bus *bus) {
    for (size_t i = 0; i < bus->n_deleted; i++)
        free(bus->deleted[i]);
    free(bus->deleted);
    bus->deleted = NULL;
    bus->n_deleted = 0;
}

static void before_commit(void *data, const Draft *draft) {
    Bus *bus = data;

    forget_deleted(bus);
    for (size_t i = 0; i < draft->n_vpcs; i++) {
        const DraftVpc *pair = &draft->vpcs[i];
        char *name = pair->before && !pair->after ? strdup(pair->before->name) : NULL;

        if (name && GROW(bus->deleted, bus->n_deleted) == 0)
            bus->deleted[bus->n_deleted++] = name;
        else
            free(name);
    }
    (void)objects_before_commit(bus->objects, draft);
}

static void after_commit(void *data) {
    Bus *bus = data;

    objects_after_commit(bus->objects);
}

int bus_new(sd_bus *connection, Engine *engine, Authz *authz, Audit *audit, const Limits *limits, Bus **ret) {
    _cleanup_(bus_free_pointer) Bus *bus = calloc(1, sizeof(Bus));
    int r;

    if (!bus)
        return -ENOMEM;
    *bus = (Bus){ .connection = connection, .engine = engine, .authz = authz, .audit = audit, .limits = limits,
        .vtable = make_vtable() };
    if (!bus->vtable)
        return -ENOMEM;
    r = callers_new(connection, limits, gone, bus, &bus->callers);
    if (r >= 0)
        r = sd_bus_add_filter(connection, &bus->filter, on_incoming, bus);
    if (r >= 0)
        r = sd_bus_add_object_vtable(connection, &bus->slot, VPCD_PATH, VPCD_MANAGER, bus->vtable, bus);
    if (r >= 0)
        r = objects_new(connection, engine_model(engine), &bus->objects);
    if (r < 0)
        return r;
    engine_listen(engine, (EngineListener){ before_commit, after_commit, bus });
    *ret = TAKE_PTR(bus);
    return 0;
}

Bus *bus_free(Bus *bus) {
    if (!bus)
        return NULL;
    while (bus->calls)
        call_free(bus->calls);
    callers_free(bus->callers);
    sd_bus_slot_unref(bus->filter);
    forget_deleted(bus);
    objects_free(bus->objects);
    sd_bus_slot_unref(bus->slot);
    free(bus->vtable);
    free(bus);
    return NULL;
}
