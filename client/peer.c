/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "table.h"

#include <stdio.h>

static const Column in_list[] = {
    { "vpc1", "VPC1", CELL_PLAIN },
    { "cidr1", "CIDR1", CELL_PLAIN },
    { "vpc2", "VPC2", CELL_PLAIN },
    { "cidr2", "CIDR2", CELL_PLAIN },
};

static const Column in_full[] = {
    { "vpc1", "VPC", CELL_PLAIN },
    { "cidr1", "CIDR", CELL_PLAIN },
    { "vpc2", "Peer", CELL_PLAIN },
    { "cidr2", "Peer's CIDR", CELL_PLAIN },
};

int peer_create(Context *context) {
    const char *names[] = { context->values[OPTION_VPC1], context->values[OPTION_VPC2] };
    _cleanup_json_ json_object *peering = NULL;
    int status = call_method(context, "CreatePeering", NULL, "ssa{sv}", names[0], names[1], 0);

    if (status != EXIT_DONE)
        return status;
    peering = call_object_quiet(context, OBJECT_PEERING, names);
    if (peering && context_given(context, OPTION_JSON))
        return print_json(context, peering);
    if (peering)
        printf("peering %s/%s created (%s and %s)\n", json_text(peering, "vpc1"), json_text(peering, "vpc2"),
                json_text(peering, "cidr1"), json_text(peering, "cidr2"));
    else
        printf("peering %s/%s created\n", names[0], names[1]);
    return EXIT_DONE;
}

int peer_list(Context *context) {
    const char *vpc = context->values[OPTION_VPC];
    _cleanup_json_ json_object *peerings = NULL;
    int status = call_list(context, "ListPeerings", vpc ? vpc : "", &peerings);

    if (status != EXIT_DONE)
        return status;
    return table_list(context, peerings, in_list, ELEMENTSOF(in_list), "There are no peerings.");
}

int peer_show(Context *context) {
    _cleanup_json_ json_object *peering = NULL;
    int status = call_object(context, OBJECT_PEERING,
            (const char *const[]){ context->values[OPTION_VPC1], context->values[OPTION_VPC2] }, &peering);

    if (status != EXIT_DONE)
        return status;
    return table_show(context, peering, in_full, ELEMENTSOF(in_full));
}

int peer_delete(Context *context) {
    _cleanup_free_ char *subject = context_subject(context);
    int status = call_method(
            context, "DeletePeering", NULL, "ssa{sv}", context->values[OPTION_VPC1], context->values[OPTION_VPC2], 0);

    if (status != EXIT_DONE)
        return status;
    return print_gone(context, "peering", subject ? subject : "", "deleted");
}
