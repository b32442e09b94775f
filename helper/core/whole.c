/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/whole.h"

#include "core/nftgen.h"
#include "core/text.h"

bool scope_has(const Scope *scope, const Vpc *vpc) {
    return scope->vpc ? streq(scope->vpc, vpc->name) : scope->uid == 0 || scope->uid == vpc->owner;
}

void whole_clear(Whole *whole) {
    plan_clear(&whole->plan);
    draft_clear(&whole->draft);
    free(whole->others.vpcs); /* the objects are another model's */
    free(whole->others.peerings);
    *whole = (Whole){ 0 };
}

static int add_vpc(Whole *whole, const Scope *scope, Vpc *vpc) {
    Vpc *copy;
    int r;

    if (!scope_has(scope, vpc)) {
        r = GROW(whole->others.vpcs, whole->others.n_vpcs);
        if (r == 0)
            whole->others.vpcs[whole->others.n_vpcs++] = vpc;
        return r;
    }
    copy = vpc_copy(vpc);
    r = copy ? draft_add_vpc(&whole->draft, copy) : -ENOMEM;
    if (r < 0)
        vpc_free(copy);
    return r;
}

static int add_peering(Whole *whole, const Model *model, const Scope *scope, Peering *peering) {
    const Vpc *a = model_vpc(model, peering->vpcs[0]), *b = model_vpc(model, peering->vpcs[1]);
    Peering *copy;
    int r;

    if (!a || !b)
        return 0;
    if (!scope_has(scope, a) && !scope_has(scope, b)) {
        r = GROW(whole->others.peerings, whole->others.n_peerings);
        if (r == 0)
            whole->others.peerings[whole->others.n_peerings++] = peering;
        return r;
    }
    copy = peering_copy(peering);
    r = copy ? draft_add_peering(&whole->draft, copy) : -ENOMEM;
    if (r < 0)
        peering_free(copy);
    return r;
}

int whole_make(Whole *whole, const Model *model, const Scope *scope) {
    int r = 0;

    *whole = (Whole){ .draft.model = &whole->others };
    /* All others first: a peering's two sides have to be in sight when it is added. */
    for (size_t i = 0; r == 0 && i < model->n_vpcs; i++)
        r = add_vpc(whole, scope, model->vpcs[i]);
    for (size_t i = 0; r == 0 && i < model->n_peerings; i++)
        r = add_peering(whole, model, scope, model->peerings[i]);
    if (r == 0 && whole->draft.n_vpcs > 0)
        r = plan_make(&whole->draft, false, &whole->plan);
    if (r < 0)
        whole_clear(whole);
    return r;
}

char *whole_host_rules(const Model *model) {
    _cleanup_free_ char *remove = nftgen_host_remove(), *base = nftgen_host_base();
    bool complete = remove && base;
    Text text;
    char *ret;

    text_begin(&text);
    text_add(&text, "%s%s", remove ? remove : "", base ? base : "");
    for (size_t i = 0; i < model->n_vpcs; i++) {
        const Vpc *vpc = model->vpcs[i];
        _cleanup_free_ char *uplink = nftgen_host_uplink(vpc, false);
        _cleanup_free_ char *nat = vpc->nat_interface ? nftgen_host_nat(vpc, vpc->nat_interface, false) : NULL;

        complete = complete && uplink && (nat || !vpc->nat_interface);
        text_add(&text, "%s%s", uplink ? uplink : "", nat ? nat : "");
    }
    ret = text_end(&text);
    if (!complete)
        free(TAKE_PTR(ret));
    return ret;
}
