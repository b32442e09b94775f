/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "core/cidr.h"
#include "table.h"

#include <stdio.h>

static const Column in_list[] = {
    { "name", "VPC", CELL_PLAIN },
    { "cidr", "CIDR", CELL_PLAIN },
    { "gateway", "GATEWAY", CELL_PLAIN },
    { "owner_uid", "OWNER", CELL_USER },
    { "nat_interface", "NAT", CELL_PLAIN },
    { "subnets", "SUBNETS", CELL_PLAIN },
    { "peers", "PEERS", CELL_PLAIN },
};

static const Column in_full[] = {
    { "name", "Name", CELL_PLAIN },
    { "cidr", "CIDR", CELL_PLAIN },
    { "gateway", "Gateway", CELL_PLAIN },
    { "owner_uid", "Owner", CELL_USER },
    { "created", "Created", CELL_TIME },
    { "namespace", "Namespace", CELL_PLAIN },
    { "nat_interface", "NAT interface", CELL_PLAIN },
    { "host_access", "Host access", CELL_PLAIN },
    { "subnets", "Subnets", CELL_PLAIN },
    { "peers", "Peers", CELL_PLAIN },
};

static const Column subnets_in_overview[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "name", "SUBNET", CELL_PLAIN },
    { "cidr", "CIDR", CELL_PLAIN },
    { "type", "TYPE", CELL_PLAIN },
    { "address", "ADDRESS", CELL_PLAIN },
    { "namespace", "NAMESPACE", CELL_PLAIN },
};

int vpc_create(Context *context) {
    const char *name = context->values[OPTION_NAME], *cidr = context->values[OPTION_CIDR];
    _cleanup_json_ json_object *vpc = NULL;
    char text[ADDRESS_TEXT_MAX];
    Address gateway;
    Cidr block;
    int status;

    if (context_given(context, OPTION_NO_HOST_ACCESS))
        status = call_method(context, "CreateVpc", NULL, "ssa{sv}", name, cidr, 1, "host-access", "b", 0);
    else
        status = call_method(context, "CreateVpc", NULL, "ssa{sv}", name, cidr, 0);
    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON)) {
        vpc = call_object_quiet(context, OBJECT_VPC, &name);
        if (vpc)
            return print_json(context, vpc);
    }
    /* The gateway is always the first address, so there is no need to ask. */
    if (cidr_parse(cidr, &block) == 0 && cidr_nth(&block, 1, &gateway) == 0)
        printf("vpc %s created (%s, gateway %s)\n", name, cidr, address_format(&gateway, text));
    else
        printf("vpc %s created\n", name);
    return EXIT_DONE;
}

int vpc_list(Context *context) {
    _cleanup_json_ json_object *vpcs = NULL;
    int status = call_list(context, "ListVpcs", NULL, &vpcs);

    if (status != EXIT_DONE)
        return status;
    return table_list(context, vpcs, in_list, ELEMENTSOF(in_list), "There are no VPCs.");
}

int vpc_show(Context *context) {
    _cleanup_json_ json_object *vpc = NULL;
    int status = call_object(context, OBJECT_VPC, &context->values[OPTION_NAME], &vpc);

    if (status != EXIT_DONE)
        return status;
    return table_show(context, vpc, in_full, ELEMENTSOF(in_full));
}

int vpc_delete(Context *context) {
    const char *name = context->values[OPTION_NAME];
    int status = call_method(context, "DeleteVpc", NULL, "sa{sv}", name, 0);

    return status == EXIT_DONE ? print_gone(context, "vpc", name, "deleted") : status;
}

static int overview_json(Context *context, json_object *vpcs, json_object *subnets) {
    _cleanup_json_ json_object *both = json_object_new_object();

    if (!both || json_object_object_add(both, "vpcs", json_object_get(vpcs)) < 0 ||
            json_object_object_add(both, "subnets", json_object_get(subnets)) < 0)
        return report_errno(context, -ENOMEM, "output");
    return print_json(context, both);
}

int overview(Context *context) {
    _cleanup_json_ json_object *vpcs = NULL, *subnets = NULL;
    int status = call_list(context, "ListVpcs", NULL, &vpcs);

    if (status == EXIT_DONE)
        status = call_list(context, "ListSubnets", "", &subnets);
    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON))
        return overview_json(context, vpcs, subnets);
    if (json_object_array_length(vpcs) == 0) {
        printf("There are no VPCs yet. This makes one:\n\n    vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16\n\n"
               "'vpcctl --help' shows all commands.\n");
        return EXIT_DONE;
    }
    status = table_list(context, vpcs, in_list, ELEMENTSOF(in_list), "");
    if (status != EXIT_DONE || json_object_array_length(subnets) == 0)
        return status;
    printf("\n");
    return table_list(context, subnets, subnets_in_overview, ELEMENTSOF(subnets_in_overview), "");
}
