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
    { "state", "STATE", CELL_PLAIN },
};

static const Column in_full[] = {
    { "vpc1", "VPC", CELL_PLAIN },
    { "cidr1", "CIDR", CELL_PLAIN },
    { "vpc2", "Peer", CELL_PLAIN },
    { "cidr2", "Peer's CIDR", CELL_PLAIN },
    { "state", "State", CELL_PLAIN },
    { "awaits", "Awaits the owner of", CELL_PLAIN },
};

/* After a change: what there is now, which may be a request only. */
static int tell(Context *context, const char *const names[2]) {
    _cleanup_json_ json_object *peering = call_object_quiet(context, OBJECT_PEERING, names);

    if (peering && context_given(context, OPTION_JSON))
        return print_json(context, peering);
    if (peering && *json_text(peering, "awaits"))
        print_told("peering %s/%s requested; the owner of %s agrees with 'vpcctl peer accept %s %s'",
                json_text(peering, "vpc1"), json_text(peering, "vpc2"), json_text(peering, "awaits"),
                json_text(peering, "vpc1"), json_text(peering, "vpc2"));
    else if (peering)
        print_told("peering %s/%s created (%s and %s)", json_text(peering, "vpc1"), json_text(peering, "vpc2"),
                json_text(peering, "cidr1"), json_text(peering, "cidr2"));
    else
        printf("peering %s/%s created\n", names[0], names[1]);
    return EXIT_DONE;
}

static int change(Context *context, const char *method) {
    const char *names[] = { context->values[OPTION_VPC1], context->values[OPTION_VPC2] };
    int status = call_method(context, method, NULL, "ssa{sv}", names[0], names[1], 0);

    return status == EXIT_DONE ? tell(context, names) : status;
}

int peer_create(Context *context) {
    return change(context, "CreatePeering");
}

int peer_accept(Context *context) {
    return change(context, "AcceptPeering");
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
