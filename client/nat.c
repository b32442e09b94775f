/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "table.h"

#include <stdio.h>

static const Column in_list[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "interface", "INTERFACE", CELL_PLAIN },
};

static const Column in_full[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "interface", "Interface", CELL_PLAIN },
};

/* The NAT of a VPC as an object of its own; interface "" when there is none. NULL without memory. */
static json_object *nat_object(const char *vpc, const char *interface) {
    _cleanup_json_ json_object *nat = json_object_new_object();

    if (!nat || json_object_object_add(nat, "vpc", json_object_new_string(vpc)) < 0 ||
            json_object_object_add(nat, "interface", json_object_new_string(interface)) < 0)
        return NULL;
    return TAKE_PTR(nat);
}

static int print_nat(Context *context, const char *vpc, const char *interface) {
    _cleanup_json_ json_object *nat = nat_object(vpc, interface);

    return nat ? table_show(context, nat, in_full, ELEMENTSOF(in_full)) : report_errno(context, -ENOMEM, "output");
}

int nat_enable(Context *context) {
    const char *vpc = context->values[OPTION_VPC], *interface = context->values[OPTION_INTERFACE];
    int status = call_method(context, "EnableNat", NULL, "ssa{sv}", vpc, interface, 0);

    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON))
        return print_nat(context, vpc, interface);
    printf("nat of %s enabled (its public subnets leave by %s)\n", vpc, interface);
    return EXIT_DONE;
}

int nat_disable(Context *context) {
    const char *vpc = context->values[OPTION_VPC];
    int status = call_method(context, "DisableNat", NULL, "sa{sv}", vpc, 0);

    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON))
        return print_nat(context, vpc, "");
    printf("nat of %s disabled\n", vpc);
    return EXIT_DONE;
}

int nat_list(Context *context) {
    _cleanup_json_ json_object *vpcs = NULL, *nats = json_object_new_array();
    int status = call_list(context, "ListVpcs", NULL, &vpcs);

    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; nats && i < json_object_array_length(vpcs); i++) {
        json_object *vpc = json_object_array_get_idx(vpcs, i), *nat;

        if (str_empty(json_text(vpc, "nat_interface")))
            continue;
        nat = nat_object(json_text(vpc, "name"), json_text(vpc, "nat_interface"));
        if (!nat || json_object_array_add(nats, nat) < 0) {
            json_object_put(nat);
            return report_errno(context, -ENOMEM, "output");
        }
    }
    if (!nats)
        return report_errno(context, -ENOMEM, "output");
    return table_list(context, nats, in_list, ELEMENTSOF(in_list), "No VPC has NAT.");
}

int nat_show(Context *context) {
    const char *name = context->values[OPTION_VPC];
    _cleanup_json_ json_object *vpc = NULL;
    int status = call_object(context, OBJECT_VPC, &name, &vpc);

    return status == EXIT_DONE ? print_nat(context, name, json_text(vpc, "nat_interface")) : status;
}
