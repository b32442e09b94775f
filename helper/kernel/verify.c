/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftdiff.h"
#include "core/nftgen.h"
#include "kernel/nftlist.h"
#include "kernel/private.h"
#include "kernel/sysctl.h"
#include "kernel/view.h"

#include <net/if.h>
#include <stdio.h>

/* A namespace as it was when a step first asked about it. */
typedef struct Place {
    const char *netns; /* NULL: the host's; the step's */
    bool there;
    View view;
} Place;

typedef struct Verify {
    Kernel *kernel;
    Findings *findings;
    Place *places;
    size_t n_places;
    int scratch; /* a namespace in which rules are loaded to see what nft makes of them, or -1 */
} Verify;

static void verify_clear(Verify *verify) {
    for (size_t i = 0; i < verify->n_places; i++)
        view_clear(&verify->places[i].view);
    free(verify->places);
    close_descriptor(&verify->scratch);
}

/* Valid until the next call. */
static int find_place(Verify *verify, const char *netns, const Place **ret) {
    for (size_t i = verify->n_places; i-- > 0;) /* steps of one namespace stand together */
        if (streq_null(verify->places[i].netns, netns)) {
            *ret = &verify->places[i];
            return 0;
        }
    Place place = { .netns = netns };
    Netns *there;
    Netlink *route;
    int r = netns_get(&verify->kernel->pool, netns, &there);
    place.there = r != -ENOENT;
    if (r >= 0)
        r = netns_route(&verify->kernel->pool, there, &route);
    if (r >= 0)
        r = view_load(route, &place.view);
    if (r < 0 && place.there)
        return r;
    if (GROW(verify->places, verify->n_places) < 0) {
        view_clear(&place.view);
        return -ENOMEM;
    }
    verify->places[verify->n_places] = place;
    *ret = &verify->places[verify->n_places++];
    return 0;
}

/* A copy of the link, since places move. 0: there is none. */
static int find_link(Verify *verify, const char *netns, const char *name, SeenLink *ret) {
    const Place *place;
    int r = find_place(verify, netns, &place);
    if (r < 0)
        return r;
    const SeenLink *link = view_link(&place->view, name);
    if (link)
        *ret = *link;
    return link != NULL;
}

static const char *why_of(StepKind kind) {
    switch (kind) {
        case STEP_NETNS:
            return "what runs in it has no network that anybody can reach";
        case STEP_BRIDGE:
            return "the VPC's subnets reach neither each other nor anything else";
        case STEP_VETH:
            return "nothing passes between its two ends";
        case STEP_PORT:
            return "frames may go past the VPC's rules, or nowhere";
        case STEP_LINK_UP:
        case STEP_ADDRESS:
        case STEP_ROUTE:
            return "packets do not get where they should";
        case STEP_SYSCTL:
            return "the VPC was made for this value; another drops packets or lets through what should not pass";
        default:
            return "traffic may pass that the policies forbid, or be dropped that they allow";
    }
}

/* Each of the functions below returns 1: holds, 0: does not, and there is a finding or its cause has one; negative errno. */

static int broken(Verify *verify, const Step *step, char *finding) {
    int r = findings_add_ours(verify->findings, step_describe(step), finding, why_of(step->kind));
    return r < 0 ? r : 0;
}

static int verify_netns(Verify *verify, const Step *step) {
    const Place *place;
    int r = find_place(verify, step->netns, &place);
    if (r < 0 || place->there)
        return r < 0 ? r : 1;
    r = netns_in_the_way(step->netns);
    if (r < 0)
        return r;
    return broken(verify, step, strdup(r > 0 ? "is a file, but no namespace" : "is missing"));
}

/* What is wrong with a link that is there, NULL when nothing is. */
static const char *link_fault(const SeenLink *link, const char *kind, const Mac *mac) {
    if (!streq(link->kind, kind))
        return "is not ours: of another kind";
    if (memcmp(&link->mac, mac, sizeof(*mac)) != 0)
        return "has another MAC address";
    if (!(link->flags & IFF_UP))
        return "is down";
    if (!link->ours)
        return "has lost the alias that marks it as ours";
    return NULL;
}

static int verify_bridge(Verify *verify, const Step *step) {
    SeenLink link;
    int r = find_link(verify, step->netns, step->link, &link);
    if (r < 0)
        return r;
    const char *fault = r == 0 ? "is missing" : link_fault(&link, "bridge", &step->mac);
    return fault ? broken(verify, step, strdup(fault)) : 1;
}

static int verify_veth(Verify *verify, const Step *step) {
    SeenLink one, other;
    int there = find_link(verify, step->netns, step->link, &one);
    int other_there = there < 0 ? there : find_link(verify, step->peer_netns, step->peer_link, &other);
    if (other_there < 0)
        return other_there;
    if (!there)
        return broken(verify, step, strdup("is missing"));
    const char *fault = link_fault(&one, "veth", &step->mac);
    if (fault)
        return broken(verify, step, strdup(fault));
    const char *place = step->peer_netns ? step->peer_netns : "the host's";
    if (!other_there)
        return broken(verify, step, finding_text("has no other end %s in namespace %s", step->peer_link, place));
    fault = link_fault(&other, "veth", &step->peer_mac);
    if (fault)
        return broken(verify, step, finding_text("at its other end, %s in namespace %s, %s", step->peer_link, place, fault));
    if (one.other != other.index || other.other != one.index)
        return broken(verify, step, finding_text("is not connected with %s in namespace %s", step->peer_link, place));
    return 1;
}

static int verify_port(Verify *verify, const Step *step) {
    SeenLink link, bridge;
    int r = find_link(verify, step->netns, step->link, &link);
    if (r > 0)
        r = find_link(verify, step->netns, step->peer_link, &bridge);
    if (r <= 0)
        return r;
    if (link.master != bridge.index)
        return broken(verify, step, strdup("is not one"));
    return link.isolated ? 1 : broken(verify, step, strdup("is not isolated"));
}

static int verify_link_up(Verify *verify, const Step *step) {
    SeenLink link;
    int r = find_link(verify, step->netns, step->link, &link);
    if (r <= 0)
        return r;
    return link.flags & IFF_UP ? 1 : broken(verify, step, strdup("is down"));
}

static int verify_address_or_route(Verify *verify, const Step *step) {
    const Place *place;
    int r = find_place(verify, step->netns, &place);
    if (r < 0)
        return r;
    if (!view_link(&place->view, step->link))
        return 0;
    bool there = step->kind == STEP_ADDRESS
            ? view_has_address(&place->view, step->link, &step->address, step->cidr.prefix)
            : view_has_route(&place->view, step->link, &step->cidr, &step->gateway);
    return there ? 1 : broken(verify, step, strdup("is missing"));
}

/* The kernel writes tabs where we write spaces. */
static bool same_value(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if (*a != *b && !(strchr(" \t", *a) && strchr(" \t", *b)))
            return false;
    return *a == *b;
}

static int verify_sysctl(Verify *verify, const Step *step) {
    char value[64];
    Netns *netns;
    int r = netns_get(&verify->kernel->pool, step->netns, &netns);
    if (r == -ENOENT)
        return 0;
    if (r >= 0)
        r = netns_enter(&verify->kernel->pool, netns);
    if (r < 0)
        return r;
    r = sysctl_read(step->key, value, sizeof(value));
    if (r == -ENOENT) /* a link that is not there; whether that is ours to mend says the link's own step */
        return !step->netns || sysctl_may_be_absent(step->key);
    if (r < 0)
        return r;
    return same_value(value, step->text) ? 1 : broken(verify, step, finding_text("is %s, not %s", value, step->text));
}

/* --- rules --- */

/* Loads the text where it does no harm and compares what nft makes of it with what is there. *ret: a difference, or NULL. */
static int compare_table(Verify *verify, const char *family, int netns, char **ret) {
    _cleanup_free_ char *wanted = NULL, *actual = NULL;
    int r = nft_list_table(verify->kernel, verify->scratch, family, &wanted);
    if (r >= 0)
        r = nft_list_table(verify->kernel, netns, family, &actual);
    if (r < 0)
        return r;
    if (!wanted) /* loading it has just succeeded */
        return -EIO;
    if (!actual) {
        *ret = finding_text("are not those that were made: table %s %s is missing", family, NFT_TABLE);
        return *ret ? 0 : -ENOMEM;
    }
    _cleanup_free_ char *difference = NULL;
    r = nftdiff(wanted, actual, &difference);
    if (r < 0 || !difference)
        return r;
    *ret = finding_text("are not those that were made: in table %s %s, %s", family, NFT_TABLE, difference);
    return *ret ? 0 : -ENOMEM;
}

static int compare_rules(Verify *verify, const char *text, bool bridge, int netns, char **ret) {
    *ret = NULL;
    int r = verify->scratch >= 0 ? 0 : netns_scratch(&verify->kernel->pool, &verify->scratch);
    if (r >= 0) {
        _cleanup_free_ char *said = NULL;
        r = nft_run(verify->kernel, verify->scratch, text, &said);
    }
    if (r >= 0 && bridge)
        r = compare_table(verify, "bridge", netns, ret);
    if (r >= 0 && !*ret)
        r = compare_table(verify, "inet", netns, ret);
    return r;
}

static int verify_rules(Verify *verify, const Step *step) {
    _cleanup_free_ char *difference = NULL;
    Netns *netns;
    if (!step->netns) /* those of the host are compared as a whole */
        return 1;
    int r = netns_get(&verify->kernel->pool, step->netns, &netns);
    if (r == -ENOENT)
        return 0;
    if (r >= 0)
        r = compare_rules(verify, step->text, true, netns->fd, &difference);
    if (r < 0)
        return r;
    return difference ? broken(verify, step, TAKE_PTR(difference)) : 1;
}

static int verify_host_rules(Verify *verify, const char *text) {
    static const Step host = { .kind = STEP_RULES };
    _cleanup_free_ char *difference = NULL, *left = NULL;
    int netns = verify->kernel->pool.host->fd;
    if (text) {
        int r = compare_rules(verify, text, false, netns, &difference);
        if (r < 0)
            return r;
        return difference ? broken(verify, &host, TAKE_PTR(difference)) : 1;
    }
    int r = nft_list_table(verify->kernel, netns, "inet", &left);
    if (r < 0 || !left || !strstr(left, NFT_COMMENT))
        return r < 0 ? r : 1;
    return broken(verify, &host, strdup("are there, though there is no VPC"));
}

static int verify_step(Verify *verify, const Step *step) {
    switch (step->kind) {
        case STEP_NETNS:
            return verify_netns(verify, step);
        case STEP_BRIDGE:
            return verify_bridge(verify, step);
        case STEP_VETH:
            return verify_veth(verify, step);
        case STEP_PORT:
            return verify_port(verify, step);
        case STEP_LINK_UP:
            return verify_link_up(verify, step);
        case STEP_ADDRESS:
        case STEP_ROUTE:
            return verify_address_or_route(verify, step);
        case STEP_SYSCTL:
            return verify_sysctl(verify, step);
        case STEP_RULES:
            return verify_rules(verify, step);
        case STEP_CUT:
            return 1;
        case _STEP_MAX:
            break;
    }
    return -EINVAL;
}

static int verify_all(Verify *verify, const Plan *plan, const char *host_rules, bool *broken_steps) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        int r = plan->steps[i].remove ? 1 : verify_step(verify, &plan->steps[i]);
        if (r < 0)
            return r;
        broken_steps[i] = r == 0;
    }
    int r = verify_host_rules(verify, host_rules);
    if (r < 0)
        return r;
    broken_steps[plan->n_steps] = r == 0;
    return 0;
}

int kernel_verify(Kernel *kernel, const Plan *plan, const char *host_rules, Findings *findings, bool **ret_broken) {
    _cleanup_(verify_clear) Verify verify = { .kernel = kernel, .findings = findings, .scratch = -1 };
    _cleanup_free_ bool *broken_steps = calloc(plan->n_steps + 1, sizeof(*broken_steps));
    if (!broken_steps)
        return -ENOMEM;
    nft_worker_reap(&kernel->nft, false);
    int r = verify_all(&verify, plan, host_rules, broken_steps);
    nft_worker_renew(&kernel->nft, kernel->pool.host->fd);
    netns_forget(&kernel->pool);
    if (r >= 0 && ret_broken)
        *ret_broken = TAKE_PTR(broken_steps);
    return r;
}
