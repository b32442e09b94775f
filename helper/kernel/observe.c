/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/private.h"
#include "kernel/sysctl.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
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

/* --- what the host uses already; libnl's caches, since nothing has to be fast here --- */

typedef struct HostView {
    struct nl_sock *socket;
    struct nl_cache *links, *addresses, *routes;
} HostView;

static void host_view_clear(HostView *view) {
    nl_cache_free(view->routes);
    nl_cache_free(view->addresses);
    nl_cache_free(view->links);
    nl_socket_free(view->socket);
}

static int host_view_load(HostView *view) {
    view->socket = nl_socket_alloc();
    if (!view->socket)
        return -ENOMEM;
    if (nl_connect(view->socket, NETLINK_ROUTE) < 0 ||
            rtnl_link_alloc_cache(view->socket, AF_UNSPEC, &view->links) < 0 ||
            rtnl_addr_alloc_cache(view->socket, &view->addresses) < 0 ||
            rtnl_route_alloc_cache(view->socket, AF_UNSPEC, 0, &view->routes) < 0)
        return -EIO;
    return 0;
}

/* The link's name, NULL when it is an uplink of ours. */
static const char *foreign_link(const HostView *view, int index, LinkName buffer) {
    struct rtnl_link *link = rtnl_link_get(view->links, index);
    if (!link)
        return "?";
    const char *alias = rtnl_link_get_ifalias(link), *name = rtnl_link_get_name(link);
    bool ours = alias && streq(alias, LINK_ALIAS) && name && strncmp(name, "vpc-", 4) == 0;
    snprintf(buffer, sizeof(LinkName), "%s", name ? name : "?");
    rtnl_link_put(link);
    return ours ? NULL : buffer;
}

/* The block of an address object, its host bits cleared; false for what is no IP block. */
static bool read_block(struct nl_addr *address, int family, Cidr *ret) {
    if ((family != AF_INET && family != AF_INET6))
        return false;
    *ret = (Cidr){ .address.family = family };
    size_t length = address ? nl_addr_get_len(address) : 0;
    if (length > address_size(family))
        return false;
    if (length > 0)
        memcpy(ret->address.bytes, nl_addr_get_binary_addr(address), length);
    ret->prefix = address ? nl_addr_get_prefixlen(address) : 0;
    for (size_t bit = ret->prefix; bit < address_size(family) * 8; bit++)
        ret->address.bytes[bit / 8] &= (uint8_t)~(0x80 >> (bit % 8));
    return true;
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

static int meets_address(const HostView *view, const Cidr *cidr, char **ret) {
    for (struct nl_object *object = nl_cache_get_first(view->addresses); object; object = nl_cache_get_next(object)) {
        struct rtnl_addr *address = (struct rtnl_addr *)object;
        LinkName buffer;
        Cidr block;
        if (!read_block(rtnl_addr_get_local(address), rtnl_addr_get_family(address), &block) ||
                !cidr_overlaps(&block, cidr))
            continue;
        const char *link = foreign_link(view, rtnl_addr_get_ifindex(address), buffer);
        if (link)
            return describe(&block, link, ret);
    }
    return 0;
}

static int meets_route(const HostView *view, const Cidr *cidr, char **ret) {
    for (struct nl_object *object = nl_cache_get_first(view->routes); object; object = nl_cache_get_next(object)) {
        struct rtnl_route *route = (struct rtnl_route *)object;
        LinkName buffer;
        Cidr block;
        if (!read_block(rtnl_route_get_dst(route), rtnl_route_get_family(route), &block) || is_default(&block) ||
                !cidr_overlaps(&block, cidr))
            continue;
        int n_hops = rtnl_route_get_nnexthops(route);
        if (n_hops == 0) /* unreachable, blackhole */
            return describe(&block, NULL, ret);
        for (int i = 0; i < n_hops; i++) {
            const char *link = foreign_link(view, rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, i)), buffer);
            if (link)
                return describe(&block, link, ret);
        }
    }
    return 0;
}

int observe_host_route(Kernel *kernel, const Cidr *cidr, char **ret) {
    _cleanup_(host_view_clear) HostView view = {};
    *ret = NULL;
    int r = host_view_load(&view);
    if (r < 0)
        return r;
    r = meets_address(&view, cidr, ret);
    return r != 0 ? r : meets_route(&view, cidr, ret);
}
