/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The plan that makes VPCs from nothing, as if none of theirs were in the kernel: for a boot, and to see what has to be
 * there. Pure. */

#include "core/plan.h"

/* Which VPCs: the one of that name; without a name those of the user, and for root all. */
typedef struct Scope {
    const char *vpc;
    uid_t uid;
} Scope;

bool scope_has(const Scope *scope, const Vpc *vpc);

typedef struct Whole {
    Model others; /* what is taken to be there: borrows the objects that are not in the scope */
    Draft draft;  /* borrowed from by the plan */
    Plan plan;
} Whole;

void whole_clear(Whole *whole);
#define _cleanup_whole_ _cleanup_(whole_clear)

/* Stays where it is once made, since its parts point to each other. -ENOMEM. */
int whole_make(Whole *whole, const Model *model, const Scope *scope);

/* The host's rules for all VPCs of the model, replaced in one transaction. NULL without memory. */
char *whole_host_rules(const Model *model);
