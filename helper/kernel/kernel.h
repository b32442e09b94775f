/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The kernel as the engine sees it: carry out a plan, and look at what is there. One object per process; it owns every
 * netlink socket and namespace descriptor, and the process that loads rules. Blocking; a plan takes milliseconds. */

#include "core/plan.h"
#include "errors.h"
#include "kernel/finding.h"

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

/* --- comparing (verify.c, mend.c) --- */

/* Whether each step of a plan that makes things from nothing holds in the kernel. host_rules: what the host's table has to
 * be, as a text that replaces it; NULL: there has to be none of ours. ret_broken, which the caller frees, has true for each
 * step that has to be carried out again, and one more for the host's rules. A step that does not hold only because another
 * does not is no finding of its own. Nothing is changed. Negative errno. */
int kernel_verify(Kernel *kernel, const Plan *plan, const char *host_rules, Findings *findings, bool **ret_broken);

/* Carries out again what does not hold, until all does, and ends connections that began without rules. draft: the plan's.
 * *ret_mended: how many findings there were; *ret_broken, which the caller frees also on failure (and sets to NULL before):
 * the steps that did not hold at first. */
int kernel_mend(Kernel *kernel, const Plan *plan, const Draft *draft, const char *host_rules, unsigned *ret_mended,
        bool **ret_broken, Failure *failure);

/* What is ours in the kernel by its mark and is not made by the plan, which is that of all VPCs: as steps that take it away. */
int kernel_find_leftovers(Kernel *kernel, const Plan *expected, Plan *ret);
int kernel_report_leftovers(const Plan *leftovers, Findings *findings);

/* What the rest of the host does to the VPCs (survey.c): other programs' rules, routes, interfaces, settings. */
int kernel_survey(Kernel *kernel, const Vpc *const *vpcs, size_t n_vpcs, Findings *findings);

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
