/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What each changing operation does to the intent. Every function works on a draft and leaves it unfinished when it
 * refuses; the caller then drops it. Whether names exist is checked here; whether the result is sound, in validate.c.
 * Result: 0, or a negative errno with the failure set. Pure. */

#include "core/draft.h"
#include "core/limits.h"
#include "core/request.h"
#include "errors.h"

/* What the host looks like to the change: observed beforehand, since the core looks at nothing itself. */
typedef struct Facts {
    int interface;    /* of request->interface: 1 fit to leave by, 0 absent, -EINVAL loopback or ours */
    bool forwarding;  /* the host forwards what comes in by it */
    char *host_route; /* what on the host meets request->cidr, or NULL */
    const Limits *limits; /* NULL: none */
} Facts;

typedef int (*Change)(Draft *draft, const Request *request, const Facts *facts, Failure *failure);

int change_create_vpc(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_delete_vpc(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_add_subnet(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_delete_subnet(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_enable_nat(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_disable_nat(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_create_peering(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_accept_peering(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_delete_peering(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_apply_firewall(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_clear_firewall(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_deploy(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_deploy_webserver(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_stop_workload(Draft *draft, const Request *request, const Facts *facts, Failure *failure);
int change_purge(Draft *draft, const Request *request, const Facts *facts, Failure *failure);

/* The VPC (and subnet) of that name in the model, or the failure set: for operations that only look. */
int find_vpc(const Model *model, const char *name, const Vpc **ret, Failure *failure);
int find_subnet(const Model *model, const char *vpc, const char *name, const Vpc **ret_vpc, const Subnet **ret,
        Failure *failure);

/* The same for the workload that a request names. */
int find_workload(const Model *model, const Request *request, const Vpc **ret_vpc, const Subnet **ret_subnet,
        const Endpoint **ret_endpoint, const Workload **ret, Failure *failure);
