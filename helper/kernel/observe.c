/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/private.h"
#include "kernel/sysctl.h"
#include "kernel/view.h"

#include <net/if.h>
#include <stdio.h>

/* A name in a namespace: what a step makes or takes away. */
typedef struct Thing {
    const char *netns; /* the namespace it is in, or is when it has no link */
    const char *link;
} Thing;

/* The things that a step makes or takes away, at most two. */
static size_t things_of(const Step *step, Thing ret[2]) {
    switch (step->kind) {
        case STEP_NETNS:
            ret[0] = (Thing){ step->netns, NULL };
            return 1;
        case STEP_BRIDGE:
            ret[0] = (Thing){ step->netns, step->link };
            return 1;
        case STEP_VETH:
            ret[0] = (Thing){ step->netns, step->link };
            ret[1] = (Thing){ step->peer_netns, step->peer_link };
            return 2;
        default:
            return 0;
    }
}

/* Whether one of the first n steps takes the thing away, or the namespace that it is in. */
static bool goes_before(const Plan *plan, size_t n, const Thing *thing) {
    for (size_t i = 0; i < n; i++) {
        Thing gone[2];
        size_t n_gone = plan->steps[i].remove ? things_of(&plan->steps[i], gone) : 0;
        for (size_t j = 0; j < n_gone; j++)
            if (streq_null(gone[j].netns, thing->netns) && (!gone[j].link || streq_null(gone[j].link, thing->link)))
                return true;
    }
    return false;
}

static int is_there(Kernel *kernel, const Thing *thing) {
    if (!thing->link)
        return netns_in_the_way(thing->netns);
    Netns *netns;
    Netlink *route;
    Link link;
    int r = netns_get(&kernel->pool, thing->netns, &netns);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    r = netns_route(&kernel->pool, netns, &route);
    if (r < 0)
        return r;
    r = netlink_link(route, thing->link, &link);
    return r == 0 ? 1 : r == -ENODEV ? 0 : r;
}

static int first_in_the_way(Kernel *kernel, const Plan *plan, char **ret) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        Thing things[2];
        size_t n_things = plan->steps[i].remove ? 0 : things_of(&plan->steps[i], things);
        for (size_t j = 0; j < n_things; j++) {
            const Thing *thing = &things[j];
            int r = is_there(kernel, thing);
            if (r < 0)
                return r;
            if (r == 0 || goes_before(plan, i, thing))
                continue;
            if (!thing->link)
                r = asprintf(ret, "namespace %s", thing->netns);
            else if (!thing->netns)
                r = asprintf(ret, "link %s", thing->link);
            else
                r = asprintf(ret, "link %s in namespace %s", thing->link, thing->netns);
            return r < 0 ? -ENOMEM : 0;
        }
    }
    return 0;
}

int observe_in_the_way(Kernel *kernel, const Plan *plan, char **ret) {
    *ret = NULL;
    int r = first_in_the_way(kernel, plan, ret);
    netns_forget(&kernel->pool);
    return r;
}

int observe_interface(Kernel *kernel, const char *name) {
    Netlink *route;
    Link link;
    int r = netns_route(&kernel->pool, kernel->pool.host, &route);
    if (r < 0)
        return r;
    r = netlink_link(route, name, &link);
    if (r == -ENODEV)
        return 0;
    if (r < 0)
        return r;
    return (link.flags & IFF_LOOPBACK) || link.ours ? -EINVAL : 1;
}

int observe_forwarding(const char *name) {
    char key[64], value[16];
    if (strchr(name, '/') || strlen(name) >= sizeof(LinkName))
        return -EINVAL;
    snprintf(key, sizeof(key), "ipv4/conf/%s/forwarding", name);
    int r = sysctl_read(key, value, sizeof(value));
    if (r < 0)
        return r;
    return !streq(value, "0");
}

/* --- what the host uses already. Not with libnl's caches: they wait for ever for an answer when the question could not be
 * sent (link_request_update() in libnl 3.7). --- */

/* The link's name, NULL when it is an uplink of ours. */
static const char *foreign_link(const View *view, int index) {
    for (size_t i = 0; i < view->n_links; i++)
        if (view->links[i].index == index)
            return view->links[i].ours && strncmp(view->links[i].name, "vpc-", 4) == 0 ? NULL : view->links[i].name;
    return "?";
}

static bool is_default(const Cidr *block) {
    return block->prefix <= 1; /* a VPN's 0.0.0.0/1 and 128.0.0.0/1 are a default route in two halves */
}

static int describe(const Cidr *block, const char *link, char **ret) {
    char text[CIDR_TEXT_MAX];
    int r = link ? asprintf(ret, "%s dev %s", cidr_format(block, text), link)
                 : asprintf(ret, "%s", cidr_format(block, text));
    return r < 0 ? -ENOMEM : 1;
}

/* The block that the address is in. */
static Cidr block_of(const SeenAddress *seen) {
    Cidr block = { seen->address, seen->prefix };
    for (size_t bit = block.prefix; bit < address_size(block.address.family) * 8; bit++)
        block.address.bytes[bit / 8] &= (uint8_t)~(0x80 >> (bit % 8));
    return block;
}

static int meets_address(const View *view, const Cidr *cidr, char **ret) {
    for (size_t i = 0; i < view->n_addresses; i++) {
        Cidr block = block_of(&view->addresses[i]);
        const char *link = foreign_link(view, view->addresses[i].link);
        if (link && cidr_overlaps(&block, cidr))
            return describe(&block, link, ret);
    }
    return 0;
}

typedef struct RouteSearch {
    const View *view;
    const Cidr *cidr;
    char *found;
} RouteSearch;

static int meet_route(const SeenRoute *route, void *data) {
    RouteSearch *search = data;
    if (search->found || is_default(&route->destination) || !cidr_overlaps(&route->destination, search->cidr))
        return 0;
    const char *link = route->link == 0 ? NULL : foreign_link(search->view, route->link);
    if (route->link != 0 && !link)
        return 0;
    return describe(&route->destination, link, &search->found); /* unreachable, blackhole: without a link */
}

int observe_host_route(Kernel *kernel, const Cidr *cidr, char **ret) {
    _cleanup_(view_clear) View view = {};
    RouteSearch search = { &view, cidr, NULL };
    Netlink *route;
    *ret = NULL;
    int r = netns_route(&kernel->pool, kernel->pool.host, &route);
    if (r >= 0)
        r = view_load(route, &view);
    if (r >= 0)
        r = meets_address(&view, cidr, ret);
    if (r != 0)
        return r;
    r = -EAGAIN;
    for (int attempt = 0; attempt < VIEW_ATTEMPTS_MAX && r == -EAGAIN; attempt++) {
        free(TAKE_PTR(search.found));
        r = view_each_route(route, AF_UNSPEC, meet_route, &search);
    }
    if (r < 0) {
        free(search.found);
        return r;
    }
    *ret = search.found;
    return search.found != NULL;
}
