/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The kernel as the engine sees it: carry out a plan, and look at what is there. One object per process; it owns every
 * netlink socket and namespace descriptor, and the process that loads rules. Blocking; a plan takes milliseconds. */

#include "core/plan.h"
#include "errors.h"

typedef struct Kernel Kernel;

/* In the host's network namespace. Failure: negative errno. */
int kernel_new(Kernel **ret);
Kernel *kernel_free(Kernel *kernel);
DEFINE_CLEANUP(Kernel *, kernel_free)

typedef enum ApplyMode {
    APPLY_STRICT,   /* what is to be made must not be there, what is to go must be; stops at the first failure */
    APPLY_CONVERGE, /* makes what is missing, removes what is there, goes on after a failure and reports the first */
} ApplyMode;

/* Carries out the steps in order and ends in the host's namespace. ERROR_CONFLICT for something foreign in the way,
 * ERROR_KERNEL for the rest; the message names the step's object and what the kernel said. Nothing is undone here: the
 * caller applies the plan of the way back. */
int kernel_apply(Kernel *kernel, const Plan *plan, ApplyMode mode, Failure *failure);

/* --- looking (observe.c) --- */

/* The first object that the plan would make and that is there already, or NULL: "namespace foo", "link vpc-foo". */
int observe_in_the_way(Kernel *kernel, const Plan *plan, char **ret);
/* 1 there and fit to leave by, 0 not there, -EINVAL there but loopback or ours. */
int observe_interface(Kernel *kernel, const char *name);
/* net.ipv4.conf.NAME.forwarding: 0 or 1, negative errno. */
int observe_forwarding(const char *name);
/* Whether a route or an address of the host meets the block, other than default routes and the halves of one
 * (0.0.0.0/1, 128.0.0.0/1) and routes through our own uplinks; *ret then says which: "10.20.0.0/16 dev tun0". */
int observe_host_route(Kernel *kernel, const Cidr *cidr, char **ret);
