/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "table.h"

#include <stdio.h>

static const Column in_list[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "name", "SUBNET", CELL_PLAIN },
    { "cidr", "CIDR", CELL_PLAIN },
    { "type", "TYPE", CELL_PLAIN },
    { "address", "ADDRESS", CELL_PLAIN },
    { "namespace", "NAMESPACE", CELL_PLAIN },
    { "firewall", "POLICY", CELL_PLAIN },
};

static const Column in_full[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "name", "Name", CELL_PLAIN },
    { "cidr", "CIDR", CELL_PLAIN },
    { "type", "Type", CELL_PLAIN },
    { "address", "Address", CELL_PLAIN },
    { "namespace", "Namespace", CELL_PLAIN },
    { "firewall", "Firewall policy", CELL_PLAIN },
};

int subnet_add(Context *context) {
    const char *vpc = context->values[OPTION_VPC], *name = context->values[OPTION_NAME];
    const char *type = context_given(context, OPTION_TYPE) ? context->values[OPTION_TYPE] : "private";
    _cleanup_json_ json_object *subnet = NULL;
    int status = call_method(context, "AddSubnet", NULL, "ssssa{sv}", vpc, name, context->values[OPTION_CIDR], type, 0);

    if (status != EXIT_DONE)
        return status;
    subnet = call_object_quiet(context, OBJECT_SUBNET, (const char *const[]){ vpc, name });
    if (subnet && context_given(context, OPTION_JSON))
        return print_json(context, subnet);
    if (subnet)
        print_told("subnet %s/%s added (%s, %s, address %s, namespace %s)", vpc, name, json_text(subnet, "cidr"),
                json_text(subnet, "type"), json_text(subnet, "address"), json_text(subnet, "namespace"));
    else
        printf("subnet %s/%s added\n", vpc, name);
    return EXIT_DONE;
}

int subnet_list(Context *context) {
    const char *vpc = context->values[OPTION_VPC];
    _cleanup_json_ json_object *subnets = NULL;
    int status = call_list(context, "ListSubnets", vpc ? vpc : "", &subnets);

    if (status != EXIT_DONE)
        return status;
    return table_list(context, subnets, in_list, ELEMENTSOF(in_list), "There are no subnets.");
}

int subnet_show(Context *context) {
    _cleanup_json_ json_object *subnet = NULL;
    int status = call_object(context, OBJECT_SUBNET,
            (const char *const[]){ context->values[OPTION_VPC], context->values[OPTION_NAME] }, &subnet);

    if (status != EXIT_DONE)
        return status;
    return table_show(context, subnet, in_full, ELEMENTSOF(in_full));
}

int subnet_delete(Context *context) {
    _cleanup_free_ char *subject = context_subject(context);
    int status = call_method(
            context, "DeleteSubnet", NULL, "ssa{sv}", context->values[OPTION_VPC], context->values[OPTION_NAME], 0);

    if (status != EXIT_DONE)
        return status;
    return print_gone(context, "subnet", subject ? subject : "", "deleted");
}
