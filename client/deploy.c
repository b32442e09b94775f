/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "program.h"
#include "table.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#define NAME_DEFAULT "webserver"

static const Column in_list[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "subnet", "SUBNET", CELL_PLAIN },
    { "name", "NAME", CELL_PLAIN },
    { "kind", "KIND", CELL_PLAIN },
    { "address", "ADDRESS", CELL_PLAIN },
    { "port", "PORT", CELL_PLAIN },
    { "uid", "USER", CELL_USER },
    { "state", "STATE", CELL_PLAIN },
};

static const Column in_full[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "subnet", "Subnet", CELL_PLAIN },
    { "name", "Name", CELL_PLAIN },
    { "kind", "Kind", CELL_PLAIN },
    { "address", "Address", CELL_PLAIN },
    { "port", "Port", CELL_PLAIN },
    { "command", "Command", CELL_PLAIN },
    { "directory", "Directory", CELL_PLAIN },
    { "restart", "Restart", CELL_PLAIN },
    { "uid", "User", CELL_USER },
    { "unit", "Unit", CELL_PLAIN },
    { "state", "State", CELL_PLAIN },
};

static const char *workload_name(const Context *context) {
    return context_given(context, OPTION_NAME) ? context->values[OPTION_NAME] : NAME_DEFAULT;
}

/* Sets "state" of the workloads, which are found by unit, from the service manager's answer: a(ssssssouso), of which
 * the first is the unit and the fourth its active state. */
static void read_states(sd_bus_message *reply, json_object *by_unit) {
    const char *unit, *state;
    int r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssssssouso)");

    while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &unit, NULL, NULL, &state, NULL, NULL, NULL, NULL,
                              NULL, NULL)) > 0) {
        json_object *workload = NULL;

        if (json_object_object_get_ex(by_unit, unit, &workload))
            json_object_object_add(workload, "state", json_object_new_string(state));
    }
}

/* Which of them run is known to the service manager, which tells everybody, all of them in one call. Where it does not
 * answer the state is "unknown", and the list is still worth showing. */
static void add_states(Context *context, json_object *workloads) {
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_json_ json_object *by_unit = json_object_new_object();
    int r = sd_bus_message_new_method_call(context->bus, &call, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager", "ListUnitsByNames");

    if (r >= 0)
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");
    for (size_t i = 0; i < json_object_array_length(workloads); i++) {
        json_object *workload = json_object_array_get_idx(workloads, i);

        json_object_object_add(workload, "state", json_object_new_string("unknown"));
        if (!context_given(context, OPTION_JSON) && json_object_get_int(json_object_object_get(workload, "port")) == 0)
            json_object_object_add(workload, "port", NULL); /* shown as a dash */
        if (r >= 0)
            r = sd_bus_message_append(call, "s", json_text(workload, "unit"));
        if (by_unit)
            json_object_object_add(by_unit, json_text(workload, "unit"), json_object_get(workload));
    }
    if (r < 0 || !by_unit || json_object_array_length(workloads) == 0)
        return;
    r = sd_bus_message_close_container(call);
    if (r >= 0 && sd_bus_call(context->bus, call, 0, NULL, &reply) >= 0)
        read_states(reply, by_unit);
}

static void add_state(Context *context, json_object *workload) {
    _cleanup_json_ json_object *one = json_object_new_array();

    if (one && json_object_array_add(one, json_object_get(workload)) == 0)
        add_states(context, one);
}

int deploy_webserver(Context *context) {
    const char *names[] = { context->values[OPTION_VPC], context->values[OPTION_SUBNET], workload_name(context) };
    const char *directory = context->values[OPTION_ROOT];
    _cleanup_message_ sd_bus_message *call = NULL;
    _cleanup_json_ json_object *workload = NULL;
    _cleanup_close_ int root = -1;
    int status, r;

    if (directory) {
        /* Opened here, with the caller's own rights: no path crosses the bus. */
        root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
            return report_usage(context, "--root %s: %s", directory, strerror(errno));
    }
    status = call_new(
            context, "DeployWebserver", &call, "ssq", names[0], names[1], (int)context_number(context, OPTION_PORT));
    if (status != EXIT_DONE)
        return status;
    r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(call, "{sv}", "name", "s", names[2]);
    if (r >= 0 && root >= 0)
        r = sd_bus_message_append(call, "{sv}", "root", "h", root);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r < 0)
        return report_errno(context, r, "call");
    status = call_send(context, call, NULL);
    if (status != EXIT_DONE)
        return status;

    workload = call_object_quiet(context, OBJECT_WORKLOAD, names);
    if (workload && context_given(context, OPTION_JSON)) {
        add_state(context, workload);
        return print_json(context, workload);
    }
    if (workload)
        printf("webserver %s/%s/%s deployed (http://%s:%s/)\n", names[0], names[1], names[2],
                json_text(workload, "address"), context->values[OPTION_PORT]);
    else
        printf("webserver %s/%s/%s deployed\n", names[0], names[1], names[2]);
    return EXIT_DONE;
}

int deploy_list(Context *context) {
    const char *vpc = context->values[OPTION_VPC];
    _cleanup_json_ json_object *workloads = NULL;
    int status = call_list(context, "ListWorkloads", vpc ? vpc : "", &workloads);

    if (status != EXIT_DONE)
        return status;
    add_states(context, workloads);
    return table_list(context, workloads, in_list, ELEMENTSOF(in_list), "Nothing is deployed.");
}

int deploy_show(Context *context) {
    _cleanup_json_ json_object *workload = NULL;
    int status = call_object(context, OBJECT_WORKLOAD,
            (const char *const[]){
                    context->values[OPTION_VPC], context->values[OPTION_SUBNET], workload_name(context) },
            &workload);

    if (status != EXIT_DONE)
        return status;
    add_state(context, workload);
    return table_show(context, workload, in_full, ELEMENTSOF(in_full));
}

int deploy_run(Context *context) {
    const char *names[] = { context->values[OPTION_VPC], context->values[OPTION_SUBNET], context->values[OPTION_NAME] };
    _cleanup_message_ sd_bus_message *call = NULL;
    _cleanup_json_ json_object *workload = NULL;
    _cleanup_close_ int directory = -1;
    int status, r;

    status = program_directory(context, &directory);
    if (status == EXIT_DONE)
        status = call_new(context, "Deploy", &call, "sss", names[0], names[1], names[2]);
    if (status == EXIT_DONE)
        status = program_append(context, call);
    if (status != EXIT_DONE)
        return status;
    r = program_open_options(call, directory);
    if (r >= 0 && context_given(context, OPTION_RESTART))
        r = sd_bus_message_append(call, "{sv}", "restart", "s", context->values[OPTION_RESTART]);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r < 0)
        return report_errno(context, r, "call");
    status = call_send(context, call, NULL);
    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON) && (workload = call_object_quiet(context, OBJECT_WORKLOAD, names))) {
        add_state(context, workload);
        return print_json(context, workload);
    }
    printf("program %s/%s/%s started\n", names[0], names[1], names[2]);
    return EXIT_DONE;
}

int deploy_restart(Context *context) {
    const char *vpc = context->values[OPTION_VPC], *subnet = context->values[OPTION_SUBNET];
    _cleanup_free_ char *full = NULL;
    int status = call_method(context, "RestartWorkload", NULL, "sssa{sv}", vpc, subnet, workload_name(context), 0);

    if (status != EXIT_DONE)
        return status;
    if (asprintf(&full, "%s/%s/%s", vpc, subnet, workload_name(context)) < 0)
        full = NULL;
    return print_gone(context, "workload", full ? full : "", "restarted");
}

/* --- logs --- */

#define LINES_DEFAULT 20
#define LINES_AT_ONCE 1000
#define FOLLOW_MSEC 500

/* How far the log has been shown: entries are told apart by their time, and those of one time by their number. */
typedef struct Shown {
    char time[sizeof("2026-11-25T12:00:00.123456Z")];
    unsigned n;
} Shown;

/* Microseconds since 1970 of "2026-11-25T12:00:00.123456Z", 0 for anything else. */
static uint64_t entry_usec(const char *time) {
    struct tm tm = { 0 };
    const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S.", &tm);

    return rest ? (uint64_t)timegm(&tm) * 1000000 + strtoull(rest, NULL, 10) : 0;
}

static int show_entry(Context *context, const char *entry) {
    _cleanup_free_ char *safe = text_escape(entry);

    if (context_given(context, OPTION_JSON)) {
        _cleanup_json_ json_object *text = json_object_new_string(entry);

        return text && puts(json_object_to_json_string_ext(text, JSON_C_TO_STRING_NOSLASHESCAPE)) >= 0
                ? EXIT_DONE
                : report_errno(context, -ENOMEM, "output");
    }
    if (!safe)
        return report_errno(context, -ENOMEM, "output");
    puts(safe);
    return EXIT_DONE;
}

/* Shows what is new. *ret_n: how many entries there were. */
static int show_logs(Context *context, unsigned lines, Shown *shown, unsigned *ret_n) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *vpc = context->values[OPTION_VPC], *subnet = context->values[OPTION_SUBNET], *entry;
    unsigned known = 0, before = shown->n;
    Shown first = *shown;
    int status, r;

    status = *shown->time ? call_method(context, "GetWorkloadLog", &reply, "sssua{sv}", vpc, subnet,
                                    workload_name(context), lines, 1, "since", "t", entry_usec(shown->time))
                          : call_method(context, "GetWorkloadLog", &reply, "sssua{sv}", vpc, subnet,
                                    workload_name(context), lines, 0);
    if (status != EXIT_DONE)
        return status;
    *ret_n = 0;
    r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "s");
    while (r >= 0 && (r = sd_bus_message_read_basic(reply, SD_BUS_TYPE_STRING, &entry)) > 0) {
        size_t length = strcspn(entry, " ");

        ++*ret_n;
        if (length >= sizeof(shown->time))
            continue;
        if (*first.time && strlen(first.time) == length && strncmp(entry, first.time, length) == 0 && known < before) {
            known++;
            continue;
        }
        if (strlen(shown->time) != length || strncmp(entry, shown->time, length) != 0)
            shown->n = 0;
        memcpy(shown->time, entry, length);
        shown->time[length] = '\0';
        shown->n++;
        status = show_entry(context, entry);
        if (status != EXIT_DONE)
            return status;
    }
    return r < 0 ? report_errno(context, r, "the answer of vpcd") : EXIT_DONE;
}

int deploy_logs(Context *context) {
    unsigned lines = context_given(context, OPTION_LINES) ? context_number(context, OPTION_LINES) : LINES_DEFAULT, n = 0;
    Shown shown = { 0 };
    int status;

    if (lines > LINES_AT_ONCE)
        lines = LINES_AT_ONCE;
    status = show_logs(context, lines, &shown, &n);
    while (status == EXIT_DONE && context_given(context, OPTION_FOLLOW)) {
        if (fflush(stdout) != 0)
            return report_errno(context, -errno, "output");
        if (n < LINES_AT_ONCE)
            nanosleep(&(struct timespec){ .tv_nsec = FOLLOW_MSEC * 1000000L }, NULL);
        status = show_logs(context, LINES_AT_ONCE, &shown, &n);
    }
    return status;
}

int deploy_stop(Context *context) {
    const char *vpc = context->values[OPTION_VPC], *subnet = context->values[OPTION_SUBNET];
    _cleanup_free_ char *full = NULL;
    int status = call_method(context, "StopWorkload", NULL, "sssa{sv}", vpc, subnet, workload_name(context), 0);

    if (status != EXIT_DONE)
        return status;
    if (asprintf(&full, "%s/%s/%s", vpc, subnet, workload_name(context)) < 0)
        full = NULL;
    return print_gone(context, "workload", full ? full : "", "stopped");
}
