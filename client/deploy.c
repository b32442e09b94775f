/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "table.h"

#include <fcntl.h>
#include <stdio.h>

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
