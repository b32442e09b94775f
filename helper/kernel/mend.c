/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftgen.h"
#include "kernel/private.h"

#include <stdio.h>

/* Mending one thing may take another away: a link that is made anew has no addresses. */
#define ROUNDS_MAX 4

/* A link that is there but not as it was made. In the host's namespace only what has our mark is touched. */
static int mend_link(Kernel *kernel, const char *netns, const char *name, const Mac *mac) {
    Netns *place;
    Netlink *route;
    Link link;
    int r = netns_get(&kernel->pool, netns, &place);
    if (r >= 0)
        r = netns_route(&kernel->pool, place, &route);
    if (r >= 0)
        r = netlink_link(route, name, &link);
    if (r >= 0 && (netns || link.ours))
        r = netlink_mend_link(route, name, mac);
    return r;
}

/* What applying a step does not change when its object is there. What fails shows when it is looked at again. */
static void mend_in_place(Kernel *kernel, const Step *step) {
    if (step->kind == STEP_BRIDGE || step->kind == STEP_VETH)
        (void)mend_link(kernel, step->netns, step->link, &step->mac);
    if (step->kind == STEP_VETH)
        (void)mend_link(kernel, step->peer_netns, step->peer_link, &step->peer_mac);
}

static const Vpc *vpc_of_rules(const Draft *draft, const Step *step) {
    return step->netns ? draft_see_vpc(draft, step->netns, false) : NULL;
}

/* The steps that do not hold, in their order; the host's rules first, since they keep our links from the host. The result
 * borrows everything. */
static int select_steps(const Plan *plan, const Draft *draft, char *host_rules, const bool *broken, Plan *ret) {
    Plan part = { .steps = calloc(2 * plan->n_steps + 1, sizeof(Step)) };
    if (!part.steps)
        return -ENOMEM;
    if (broken[plan->n_steps])
        part.steps[part.n_steps++] = (Step){ .kind = STEP_RULES, .text = host_rules };
    for (size_t i = 0; i < plan->n_steps; i++)
        if (broken[i])
            part.steps[part.n_steps++] = plan->steps[i];
    /* What may have begun while the rules were not in force. */
    for (size_t i = 0; i < plan->n_steps; i++)
        if (broken[i] && plan->steps[i].kind == STEP_RULES)
            part.steps[part.n_steps++] = (Step){ .kind = STEP_CUT, .netns = plan->steps[i].netns,
                .vpc = vpc_of_rules(draft, &plan->steps[i]) };
    *ret = part;
    return 0;
}

static int mend_once(Kernel *kernel, const Plan *plan, const Draft *draft, char *host_rules, const bool *broken,
        Failure *failure) {
    Plan part;
    int r = select_steps(plan, draft, host_rules, broken, &part);
    if (r < 0)
        return r;
    for (size_t i = 0; i < part.n_steps; i++)
        mend_in_place(kernel, &part.steps[i]);
    r = kernel_apply(kernel, &part, APPLY_CONVERGE, failure);
    free(part.steps);
    return r;
}

int kernel_mend(Kernel *kernel, const Plan *plan, const Draft *draft, const char *host_rules, unsigned *ret_mended,
        bool **ret_broken, Failure *failure) {
    _cleanup_free_ char *rules = host_rules ? strdup(host_rules) : nftgen_host_remove();
    if (!rules)
        return -ENOMEM;
    for (int round = 0;; round++) {
        _cleanup_findings_ Findings findings = {};
        _cleanup_free_ bool *broken = NULL;
        int r = kernel_verify(kernel, plan, host_rules, &findings, &broken);
        if (r < 0)
            return failure_set(failure, ERROR_KERNEL, "the kernel cannot be looked at: %s", strerror(-r));
        if (round == 0)
            *ret_mended = (unsigned)findings.n;
        if (findings.n == 0) { /* what does not hold now stands on something that is not to be mended here */
            failure_clear(failure);
            if (round == 0)
                *ret_broken = TAKE_PTR(broken);
            return 0;
        }
        if (round == ROUNDS_MAX)
            return failure_set(failure, ERROR_KERNEL, "%s %s, and it could not be mended", findings.items[0].object,
                    findings.items[0].finding);
        failure_clear(failure); /* the last attempt's reason counts */
        (void)mend_once(kernel, plan, draft, rules, broken, failure);
        if (round == 0)
            *ret_broken = TAKE_PTR(broken);
    }
}
