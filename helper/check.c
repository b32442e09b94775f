/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"

#include "core/change.h"

#include <stdio.h>

/* What has to be there. The host's rules are those of all VPCs, since they are one table. */
static int make_expectation(const Model *model, const Scope *scope, Whole *whole, char **ret_host_rules,
        Failure *failure) {
    const Vpc *vpc;
    int r = scope->vpc ? find_vpc(model, scope->vpc, &vpc, failure) : 0;

    *ret_host_rules = NULL;
    if (r < 0)
        return r;
    if (model->n_vpcs > 0) {
        *ret_host_rules = whole_host_rules(model);
        if (!*ret_host_rules)
            return -ENOMEM;
    }
    return whole_make(whole, model, scope);
}

static int survey(Kernel *kernel, const Model *model, const Scope *scope, Findings *findings) {
    _cleanup_free_ const Vpc **vpcs = calloc(model->n_vpcs + 1, sizeof(*vpcs));
    size_t n = 0;

    if (!vpcs)
        return -ENOMEM;
    for (size_t i = 0; i < model->n_vpcs; i++)
        if (scope_has(scope, model->vpcs[i]))
            vpcs[n++] = model->vpcs[i];
    return kernel_survey(kernel, vpcs, n, findings);
}

static int add_incomplete(Findings *findings) {
    return findings_add(findings, strdup("a stored object"), strdup("cannot be read"),
            strdup("what it describes may be in the kernel all the same, and is neither shown nor looked after"),
            strdup("journalctl -u vpcd names it; put its file right or remove it, then: systemctl restart vpcd"), false);
}

static int find_leftovers(Kernel *kernel, const Plan *expected, Findings *findings) {
    _cleanup_plan_ Plan leftovers = { 0 };
    int r = kernel_find_leftovers(kernel, expected, &leftovers);

    return r < 0 ? r : kernel_report_leftovers(&leftovers, findings);
}

int check(Kernel *kernel, const Model *model, const Scope *scope, Findings *findings, Failure *failure) {
    _cleanup_whole_ Whole whole = { 0 };
    _cleanup_free_ char *host_rules = NULL, *mend = NULL;
    int r = make_expectation(model, scope, &whole, &host_rules, failure);

    if (r < 0)
        return r;
    if (asprintf(&mend, "vpcctl repair%s%s", scope->vpc ? " " : "", scope->vpc ? scope->vpc : "") < 0) {
        mend = NULL;
        return -ENOMEM;
    }
    findings->mend = mend;
    r = model->incomplete ? add_incomplete(findings) : 0;
    if (r >= 0)
        r = kernel_verify(kernel, &whole.plan, host_rules, findings, NULL);
    if (r >= 0 && !scope->vpc && scope->uid == 0 && !model->incomplete)
        r = find_leftovers(kernel, &whole.plan, findings);
    if (r >= 0)
        r = survey(kernel, model, scope, findings);
    findings->mend = NULL;
    return r < 0 ? failure_set(failure, ERROR_KERNEL, "the kernel cannot be looked at: %s", strerror(-r)) : 0;
}

/* The namespaces that were not there, and now are. */
static int list_new(const Plan *plan, const bool *broken, char ***ret) {
    char **names = NULL;
    size_t n = 0;
    int r = GROW(names, n);

    for (size_t i = 0; r == 0 && i < plan->n_steps; i++) {
        if (!broken[i] || plan->steps[i].kind != STEP_NETNS)
            continue;
        names[n] = strdup(plan->steps[i].netns);
        r = names[n] ? 0 : -ENOMEM;
        if (r == 0)
            n++;
        if (r == 0)
            r = GROW(names, n);
    }
    if (names)
        names[n] = NULL;
    if (r < 0)
        strings_free(names);
    else
        *ret = names;
    return r;
}

int check_repair(Kernel *kernel, const Model *model, const Scope *scope, unsigned *ret_mended, char ***ret_new,
        Failure *failure) {
    _cleanup_whole_ Whole whole = { 0 };
    _cleanup_free_ char *host_rules = NULL;
    _cleanup_free_ bool *broken = NULL;
    int r = make_expectation(model, scope, &whole, &host_rules, failure);

    if (r < 0)
        return r;
    if (model->incomplete)
        return failure_set(failure, ERROR_STORAGE, "a stored object cannot be read ('journalctl -u vpcd' names it), and "
                "mending without it would take away what it describes");
    r = kernel_mend(kernel, &whole.plan, &whole.draft, host_rules, ret_mended, &broken, failure);
    return r < 0 ? r : list_new(&whole.plan, broken, ret_new);
}

int check_clear(Kernel *kernel, const Model *model, Failure *failure) {
    static const Scope everything;
    _cleanup_whole_ Whole whole = { 0 };
    _cleanup_plan_ Plan leftovers = { 0 };
    int r = whole_make(&whole, model, &everything);

    if (r >= 0)
        r = kernel_find_leftovers(kernel, &whole.plan, &leftovers);
    if (r < 0)
        return failure_set(failure, ERROR_KERNEL, "the kernel cannot be looked at: %s", strerror(-r));
    return kernel_apply(kernel, &leftovers, APPLY_CONVERGE, failure);
}
