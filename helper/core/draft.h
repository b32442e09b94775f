/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A change under way: copies of the objects that it touches beside the model's own, so that refusing costs nothing,
 * accepting is a swap, and the work is in proportion to what is touched. Pure. */

#include "core/model.h"

typedef struct DraftVpc {
    const Vpc *before; /* the model's, NULL: new */
    Vpc *after;        /* the draft's, NULL: deleted */
} DraftVpc;

typedef struct DraftPeering {
    const Peering *before;
    Peering *after;
} DraftPeering;

typedef struct DraftInterface {
    const HostInterface *before;
    HostInterface *after;
} DraftInterface;

typedef struct Draft {
    const Model *model;
    DraftVpc *vpcs;
    size_t n_vpcs;
    DraftPeering *peerings;
    size_t n_peerings;
    DraftInterface *interfaces;
    size_t n_interfaces;
} Draft;

void draft_clear(Draft *draft);
#define _cleanup_draft_ _cleanup_(draft_clear)

/* The object to change, copied into the draft at the first call. *ret is NULL when there is none; -ENOMEM. */
int draft_vpc(Draft *draft, const char *name, Vpc **ret);
int draft_peering(Draft *draft, const char *a, const char *b, Peering **ret);
int draft_interface(Draft *draft, const char *name, HostInterface **ret);

/* As they will be, or with reverse as they were. NULL when there is none then. Nothing is copied. */
const Vpc *draft_see_vpc(const Draft *draft, const char *name, bool reverse);
const Peering *draft_see_peering(const Draft *draft, const char *a, const char *b, bool reverse);

/* Calls visit for each peering that the VPC has then; stops at the first result that is not 0 and returns it. */
int draft_each_peering(const Draft *draft, const char *vpc, bool reverse,
        int (*visit)(const Peering *peering, void *data), void *data);

/* Whether a peering of the VPC comes into force or goes out of it. */
bool draft_changes_peers(const Draft *draft, const char *vpc);

/* Takes over a new object; -EEXIST when there is one of that name, -ENOMEM. On failure it stays the caller's. */
int draft_add_vpc(Draft *draft, Vpc *vpc);
int draft_add_peering(Draft *draft, Peering *peering);
int draft_add_interface(Draft *draft, HostInterface *interface);

/* -ENOENT when there is none; -ENOMEM. */
int draft_remove_vpc(Draft *draft, const char *name);
int draft_remove_peering(Draft *draft, const char *a, const char *b);
int draft_remove_interface(Draft *draft, const char *name);

/* How many VPCs there will be, or were. */
size_t draft_count_vpcs(const Draft *draft, bool reverse);

/* Moves the new objects into the model, with their generation, and empties the draft. -ENOMEM before anything moved. */
int draft_commit(Draft *draft, Model *model, uint64_t generation);
