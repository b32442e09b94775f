/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"

#include "names.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#define AGENT "/usr/bin/pkttyagent"
#define AGENT_READY_MSEC 5000
#define USEC_PER_SEC 1000000ULL
/* Reading asks nobody; vpcd may have to be started first, and after a boot it rebuilds what there was. */
#define READ_TIMEOUT_SEC 90

/* The password agent. */

/* The terminal as it was. pkttyagent switches echo off while a password is typed, and an interrupt ends it and us at
 * that moment. */
static struct termios terminal;
static bool terminal_saved;

static void restore_terminal(void) {
    if (terminal_saved)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

/* Only what signal-safety(7) allows. The handler resets itself, so that the signal then ends us as it would have. */
static void interrupted(int number) {
    restore_terminal();
    raise(number);
}

static void guard_terminal(bool on) {
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    struct sigaction action = { .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };

    if (on)
        action.sa_handler = interrupted;
    else
        action.sa_handler = SIG_DFL;
    for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
        struct sigaction before;

        /* What our parent had us ignore (nohup) stays ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

/* In the child. Nothing here allocates; the process has one thread anyway. */
static _Noreturn void agent_exec(int notify_fd, pid_t client) {
    char notify[sizeof("4294967295")], process[sizeof("4294967295")]; /* numbers, not user text */

    /* Whatever ends the client ends the agent. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != client)
        _exit(EXIT_FAILURE);
    snprintf(notify, sizeof(notify), "%u", (unsigned)notify_fd);
    snprintf(process, sizeof(process), "%u", (unsigned)client);
    fcntl(notify_fd, F_SETFD, 0);
    execl(AGENT, AGENT, "--notify-fd", notify, "--fallback", "--process", process, (char *)NULL);
    _exit(EXIT_FAILURE);
}

/* Starts pkttyagent beside a person's terminal; it gets ready while we connect. Without it the call still works where
 * no password is needed or a desktop's own agent asks, so its absence is no error. */
static void agent_start(Context *context) {
    pid_t client = getpid();
    int ends[2];

    if (context_given(context, OPTION_NO_ASK_PASSWORD) || geteuid() == 0 || !isatty(STDIN_FILENO) ||
            !isatty(STDERR_FILENO) || access(AGENT, X_OK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return;
    terminal_saved = tcgetattr(STDIN_FILENO, &terminal) == 0;
    context->agent = fork();
    if (context->agent == 0)
        agent_exec(ends[1], client);
    close(ends[1]);
    if (context->agent < 0) {
        context->agent = 0;
        close(ends[0]);
        return;
    }
    context->agent_fd = ends[0];
    guard_terminal(true);
}

/* Until the agent has registered itself, which it tells by closing its end, or is gone. */
static void agent_wait(Context *context) {
    struct pollfd ready = { .fd = context->agent_fd, .events = POLLIN };

    if (context->agent_fd < 0)
        return;
    while (poll(&ready, 1, AGENT_READY_MSEC) < 0 && errno == EINTR)
        ;
    close_descriptor(&context->agent_fd);
}

static void agent_stop(Context *context) {
    close_descriptor(&context->agent_fd);
    if (context->agent == 0)
        return;
    kill(context->agent, SIGTERM);
    kill(context->agent, SIGCONT);
    while (waitpid(context->agent, NULL, 0) < 0 && errno == EINTR)
        ;
    context->agent = 0;
    restore_terminal();
    guard_terminal(false);
}

/* The connection. */

int call_open(Context *context) {
    int r;

    if (context->bus)
        return EXIT_DONE;
    r = sd_bus_open_system(&context->bus);
    if (r < 0)
        return report(context, SD_BUS_ERROR_NO_SERVER, EXIT_UNREACHABLE, "the system bus cannot be reached",
                "is D-Bus running here?");
    return EXIT_DONE;
}

void call_close(Context *context) {
    agent_stop(context);
    context->bus = sd_bus_flush_close_unref(context->bus);
}

/* Errors. */

/* Names that are not vpcd's own: of the bus, of sd-bus, of the service manager that should start vpcd. */
static const struct {
    const char *name;
    bool prefix; /* and whatever begins with it */
    int exit_status;
    const char *hint;
} foreign[] = {
    { SD_BUS_ERROR_SERVICE_UNKNOWN, false, EXIT_UNREACHABLE, "vpcd is not installed, or D-Bus has not read its files" },
    { SD_BUS_ERROR_NAME_HAS_NO_OWNER, false, EXIT_UNREACHABLE, "is vpcd installed?" },
    { "org.freedesktop.DBus.Error.Spawn.", true, EXIT_UNREACHABLE,
            "see 'journalctl -u vpcd' for why it did not start" },
    { "org.freedesktop.DBus.Error.TimedOut", false, EXIT_UNREACHABLE,
            "see 'journalctl -u vpcd' for why it did not start" },
    { "org.freedesktop.systemd1.", true, EXIT_UNREACHABLE, "see 'systemctl status vpcd' for why it did not start" },
    { SD_BUS_ERROR_NO_SERVER, false, EXIT_UNREACHABLE, "is D-Bus running here?" },
    { SD_BUS_ERROR_DISCONNECTED, false, EXIT_UNREACHABLE, "is D-Bus running here?" },
    { SD_BUS_ERROR_FILE_NOT_FOUND, false, EXIT_UNREACHABLE, "is D-Bus running here?" },
    { "System.Error.ENOTCONN", false, EXIT_UNREACHABLE, "is D-Bus running here?" },
    { "System.Error.ECONNRESET", false, EXIT_UNREACHABLE, "is D-Bus running here?" },
    { "System.Error.EPIPE", false, EXIT_UNREACHABLE, "is D-Bus running here?" },
    { SD_BUS_ERROR_NO_REPLY, false, EXIT_TIMED_OUT,
            "nobody knows whether it was done: look with 'vpcctl', and at 'journalctl -u vpcd'" },
    { SD_BUS_ERROR_TIMEOUT, false, EXIT_TIMED_OUT,
            "nobody knows whether it was done: look with 'vpcctl', and at 'journalctl -u vpcd'" },
    { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, false, EXIT_NOT_AUTHORIZED,
            "repeat it on a terminal, without --no-ask-password" },
    { SD_BUS_ERROR_UNKNOWN_METHOD, false, EXIT_FAILED, "is the vpcd that runs older than this vpcctl?" },
};

int call_failed(Context *context, const sd_bus_error *error, int number) {
    _cleanup_bus_error_ sd_bus_error local = SD_BUS_ERROR_NULL;
    const ErrorInfo *info;
    const char *why;

    if (!sd_bus_error_is_set(error)) {
        sd_bus_error_set_errno(&local, number);
        error = &local;
    }
    why = str_empty(error->message) ? error->name : error->message;
    for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
        if (foreign[i].prefix ? strncmp(error->name, foreign[i].name, strlen(foreign[i].name)) == 0
                              : streq(error->name, foreign[i].name))
            return report(context, error->name, foreign[i].exit_status, why, foreign[i].hint);
    info = error_info(error_from_name(error->name));
    return report(context, error->name, info->exit_status, why, info->hint);
}

/* Calls. */

/* Only a change asks for a password. The API's reading methods are the List… and Get… ones. */
static bool method_changes(const char *method) {
    return strncmp(method, "List", 4) != 0 && strncmp(method, "Get", 3) != 0 && strncmp(method, "Check", 5) != 0;
}

int call_send(Context *context, sd_bus_message *call, sd_bus_message **ret_reply) {
    _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    bool changes = method_changes(sd_bus_message_get_member(call));
    int r;

    if (changes) {
        r = sd_bus_message_set_allow_interactive_authorization(call, !context_given(context, OPTION_NO_ASK_PASSWORD));
        if (r < 0)
            return report_errno(context, r, "call");
        agent_wait(context);
    }
    r = sd_bus_call(
            context->bus, call, (changes ? VPCD_CALL_TIMEOUT_SEC : READ_TIMEOUT_SEC) * USEC_PER_SEC, &error, ret_reply);
    if (changes)
        /* It has asked what there was to ask, and its terminal is ours again. */
        agent_stop(context);
    if (r < 0)
        return call_failed(context, &error, r);
    return EXIT_DONE;
}

static int call_new_arguments(
        Context *context, const char *method, sd_bus_message **ret, const char *types, va_list arguments) {
    _cleanup_message_ sd_bus_message *call = NULL;
    int status, r;

    if (method_changes(method))
        agent_start(context);
    status = call_open(context);
    if (status != EXIT_DONE)
        return status;
    r = sd_bus_message_new_method_call(context->bus, &call, VPCD_BUS_NAME, VPCD_PATH, VPCD_MANAGER, method);
    if (r >= 0)
        r = sd_bus_message_appendv(call, types, arguments);
    if (r < 0)
        return report_errno(context, r, "call");
    *ret = TAKE_PTR(call);
    return EXIT_DONE;
}

int call_new(Context *context, const char *method, sd_bus_message **ret, const char *types, ...) {
    va_list arguments;
    int status;

    va_start(arguments, types);
    status = call_new_arguments(context, method, ret, types, arguments);
    va_end(arguments);
    return status;
}

int call_method(Context *context, const char *method, sd_bus_message **ret_reply, const char *types, ...) {
    _cleanup_message_ sd_bus_message *call = NULL;
    va_list arguments;
    int status;

    va_start(arguments, types);
    status = call_new_arguments(context, method, &call, types, arguments);
    va_end(arguments);
    return status == EXIT_DONE ? call_send(context, call, ret_reply) : status;
}

/* Replies as JSON. */

const char *json_text(json_object *object, const char *key) {
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* "NatInterface" is "nat_interface". */
static char *snake_case(const char *name) {
    char *key = malloc(strlen(name) * 2 + 1), *out = key;

    if (!key)
        return NULL;
    for (const char *in = name; *in; in++) {
        bool capital = *in >= 'A' && *in <= 'Z';

        if (capital && in > name)
            *out++ = '_';
        *out++ = capital ? (char)(*in - 'A' + 'a') : *in;
    }
    *out = '\0';
    return key;
}

static int read_value(sd_bus_message *message, json_object **ret);

/* The elements up to the end of the container that the message is in. */
static int read_elements(sd_bus_message *message, json_object *array) {
    int r;

    while ((r = sd_bus_message_at_end(message, false)) == 0) {
        json_object *value = NULL;

        r = read_value(message, &value);
        if (r < 0)
            return r;
        if (json_object_array_add(array, value) < 0) {
            json_object_put(value);
            return -ENOMEM;
        }
    }
    return r;
}

static int read_members(sd_bus_message *message, json_object *object) {
    int r;

    while ((r = sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
        _cleanup_free_ char *key = NULL;
        json_object *value = NULL;
        const char *name;

        r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &name);
        if (r < 0)
            return r;
        key = snake_case(name);
        if (!key)
            return -ENOMEM;
        r = read_value(message, &value);
        if (r < 0)
            return r;
        if (json_object_object_add(object, key, value) < 0) {
            json_object_put(value);
            return -ENOMEM;
        }
        r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
    }
    return r;
}

static int read_container(sd_bus_message *message, char type, const char *contents, json_object **ret) {
    bool dictionary = type == SD_BUS_TYPE_ARRAY && streq(contents, "{sv}");
    _cleanup_json_ json_object *container = dictionary ? json_object_new_object() : json_object_new_array();
    int r;

    if (!container)
        return -ENOMEM;
    r = sd_bus_message_enter_container(message, type, contents);
    if (r < 0)
        return r;
    r = dictionary ? read_members(message, container) : read_elements(message, container);
    if (r < 0)
        return r;
    r = sd_bus_message_exit_container(message);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(container);
    return 0;
}

static int read_basic(sd_bus_message *message, char type, json_object **ret) {
    union {
        const char *text;
        int truth;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        double real;
    } value;
    int r = sd_bus_message_read_basic(message, type, &value);

    if (r < 0)
        return r;
    switch (type) {
    case SD_BUS_TYPE_STRING:
    case SD_BUS_TYPE_OBJECT_PATH:
    case SD_BUS_TYPE_SIGNATURE:
        *ret = json_object_new_string(value.text);
        break;
    case SD_BUS_TYPE_BOOLEAN:
        *ret = json_object_new_boolean(value.truth);
        break;
    case SD_BUS_TYPE_BYTE:
        *ret = json_object_new_int64(value.u8);
        break;
    case SD_BUS_TYPE_INT16:
        *ret = json_object_new_int64(value.i16);
        break;
    case SD_BUS_TYPE_UINT16:
        *ret = json_object_new_int64(value.u16);
        break;
    case SD_BUS_TYPE_INT32:
        *ret = json_object_new_int64(value.i32);
        break;
    case SD_BUS_TYPE_UINT32:
        *ret = json_object_new_int64(value.u32);
        break;
    case SD_BUS_TYPE_INT64:
        *ret = json_object_new_int64(value.i64);
        break;
    case SD_BUS_TYPE_UINT64:
        *ret = json_object_new_uint64(value.u64);
        break;
    case SD_BUS_TYPE_DOUBLE:
        *ret = json_object_new_double(value.real);
        break;
    default: /* a descriptor: nothing of ours sends one, and JSON has no such thing */
        return -EBADMSG;
    }
    return *ret ? 0 : -ENOMEM;
}

/* The next value of whatever type. Containers of a message nest 64 deep at most, so recursion is bounded. */
static int read_value(sd_bus_message *message, json_object **ret) {
    const char *contents;
    char type;
    int r = sd_bus_message_peek_type(message, &type, &contents);

    if (r < 0)
        return r;
    if (r == 0)
        return -EBADMSG;
    if (type == SD_BUS_TYPE_VARIANT) {
        r = sd_bus_message_enter_container(message, type, contents);
        if (r >= 0)
            r = read_value(message, ret);
        if (r < 0)
            return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0) {
            json_object_put(*ret);
            *ret = NULL;
        }
        return r;
    }
    if (type == SD_BUS_TYPE_ARRAY || type == SD_BUS_TYPE_STRUCT)
        return read_container(message, type, contents, ret);
    return read_basic(message, type, ret);
}

static bool is_list_of_objects(json_object *list) {
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_object))
            return false;
    return true;
}

int call_list(Context *context, const char *method, const char *vpc, json_object **ret) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    int status, r;

    if (vpc)
        status = call_method(context, method, &reply, "sa{sv}", vpc, 0);
    else
        status = call_method(context, method, &reply, "a{sv}", 0);
    if (status != EXIT_DONE)
        return status;
    r = read_value(reply, ret);
    if (r < 0)
        return report_errno(context, r, "the answer of vpcd");
    if (is_list_of_objects(*ret))
        return EXIT_DONE;
    json_object_put(*ret);
    *ret = NULL;
    return report_errno(context, -EBADMSG, "the answer of vpcd");
}

static const struct {
    const char *interface, *prefix;
    size_t n_names;
    ErrorCode missing;
} objects[] = {
    [OBJECT_VPC] = { VPCD_VPC, VPCD_PATH_VPC, 1, ERROR_NO_SUCH_VPC },
    [OBJECT_SUBNET] = { VPCD_SUBNET, VPCD_PATH_SUBNET, 2, ERROR_NO_SUCH_SUBNET },
    [OBJECT_PEERING] = { VPCD_PEERING, VPCD_PATH_PEERING, 2, ERROR_NO_SUCH_PEERING },
    [OBJECT_WORKLOAD] = { VPCD_WORKLOAD, VPCD_PATH_WORKLOAD, 3, ERROR_NO_SUCH_WORKLOAD },
};
_Static_assert(ELEMENTSOF(objects) == _OBJECT_MAX, "every kind of object has a row");

/* prefix/NAME/NAME…, each name encoded as one element. NULL without memory. */
static char *object_path(ObjectKind kind, const char *const names[]) {
    bool swap = kind == OBJECT_PEERING && strcmp(names[0], names[1]) > 0;
    char *path = strdup(objects[kind].prefix);

    for (size_t i = 0; path && i < objects[kind].n_names; i++) {
        char *longer = NULL;

        sd_bus_path_encode(path, names[swap ? 1 - i : i], &longer);
        free(path);
        path = longer;
    }
    return path;
}

/* Negative errno with the bus's error, if it came from there. */
static int get_properties(
        Context *context, ObjectKind kind, const char *const names[], sd_bus_error *error, json_object **ret) {
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_free_ char *path = object_path(kind, names);
    int r;

    if (!path)
        return -ENOMEM;
    r = sd_bus_message_new_method_call(
            context->bus, &call, VPCD_BUS_NAME, path, "org.freedesktop.DBus.Properties", "GetAll");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", objects[kind].interface);
    if (r >= 0)
        r = sd_bus_call(context->bus, call, READ_TIMEOUT_SEC * USEC_PER_SEC, error, &reply);
    return r < 0 ? r : read_value(reply, ret);
}

static bool object_is_missing(const sd_bus_error *error) {
    return sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_OBJECT, SD_BUS_ERROR_UNKNOWN_INTERFACE,
            SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_PROPERTY);
}

/* The object is not there: which of its names is the first that is wrong? */
static int report_missing(Context *context, ObjectKind kind, const char *const names[]) {
    size_t n_vpcs = kind == OBJECT_PEERING ? 2 : 1;

    for (size_t i = 0; kind != OBJECT_VPC && i < n_vpcs; i++) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_object *vpc = NULL;

        if (get_properties(context, OBJECT_VPC, &names[i], &error, &vpc) < 0 && object_is_missing(&error))
            return report_missing(context, OBJECT_VPC, &names[i]);
    }
    switch (kind) {
    case OBJECT_VPC:
        return report_error(context, objects[kind].missing, "there is no VPC %s", names[0]);
    case OBJECT_SUBNET:
        return report_error(context, objects[kind].missing, "VPC %s has no subnet %s", names[0], names[1]);
    case OBJECT_PEERING:
        return report_error(context, objects[kind].missing, "VPCs %s and %s are not peered", names[0], names[1]);
    default:
        return report_error(
                context, objects[kind].missing, "there is no workload %s in %s/%s", names[2], names[0], names[1]);
    }
}

int call_object(Context *context, ObjectKind kind, const char *const names[], json_object **ret) {
    _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int status = call_open(context);
    int r;

    if (status != EXIT_DONE)
        return status;
    r = get_properties(context, kind, names, &error, ret);
    if (r >= 0)
        return EXIT_DONE;
    if (object_is_missing(&error))
        return report_missing(context, kind, names);
    return call_failed(context, &error, r);
}

json_object *call_object_quiet(Context *context, ObjectKind kind, const char *const names[]) {
    _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    json_object *object = NULL;

    return get_properties(context, kind, names, &error, &object) < 0 ? NULL : object;
}
