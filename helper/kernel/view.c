/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/view.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>

static inline void message_free(struct nl_msg **message) {
    nlmsg_free(*message);
}
#define _cleanup_message_ _cleanup_(message_free)

void view_clear(View *view) {
    free(view->links);
    free(view->addresses);
    free(view->routes);
    *view = (View){};
}

/* libnl wants them without const and changes nothing. */
static struct nlmsghdr *mutable(const struct nlmsghdr *header) {
    return (struct nlmsghdr *)(uintptr_t)header;
}

static void read_kind(struct nlattr *info, SeenLink *link) {
    struct nlattr *parts[IFLA_INFO_MAX + 1], *port[IFLA_BRPORT_MAX + 1];
    if (nla_parse_nested(parts, IFLA_INFO_MAX, info, NULL) < 0)
        return;
    if (parts[IFLA_INFO_KIND])
        nla_strlcpy(link->kind, parts[IFLA_INFO_KIND], sizeof(link->kind));
    if (parts[IFLA_INFO_SLAVE_DATA] && parts[IFLA_INFO_SLAVE_KIND] &&
            nla_strcmp(parts[IFLA_INFO_SLAVE_KIND], "bridge") == 0 &&
            nla_parse_nested(port, IFLA_BRPORT_MAX, parts[IFLA_INFO_SLAVE_DATA], NULL) >= 0)
        link->isolated = port[IFLA_BRPORT_ISOLATED] && nla_get_u8(port[IFLA_BRPORT_ISOLATED]);
}

static int see_link(const struct nlmsghdr *header, void *data) {
    View *view = data;
    struct nlattr *parts[IFLA_MAX + 1];
    if (header->nlmsg_type != RTM_NEWLINK || nlmsg_datalen(header) < (int)sizeof(struct ifinfomsg) ||
            nlmsg_parse(mutable(header), sizeof(struct ifinfomsg), parts, IFLA_MAX, NULL) < 0 || !parts[IFLA_IFNAME])
        return 0;
    const struct ifinfomsg *info = nlmsg_data(header);
    if (GROW(view->links, view->n_links) < 0)
        return -ENOMEM;
    SeenLink *link = &view->links[view->n_links++];
    *link = (SeenLink){ .index = info->ifi_index, .flags = info->ifi_flags };
    nla_strlcpy(link->name, parts[IFLA_IFNAME], sizeof(link->name));
    link->ours = parts[IFLA_IFALIAS] && nla_strcmp(parts[IFLA_IFALIAS], LINK_ALIAS) == 0;
    link->mtu = parts[IFLA_MTU] ? nla_get_u32(parts[IFLA_MTU]) : 0;
    link->other = parts[IFLA_LINK] ? (int)nla_get_u32(parts[IFLA_LINK]) : 0;
    link->master = parts[IFLA_MASTER] ? (int)nla_get_u32(parts[IFLA_MASTER]) : 0;
    if (parts[IFLA_ADDRESS] && nla_len(parts[IFLA_ADDRESS]) == sizeof(link->mac.bytes))
        memcpy(link->mac.bytes, nla_data(parts[IFLA_ADDRESS]), sizeof(link->mac.bytes));
    if (parts[IFLA_LINKINFO])
        read_kind(parts[IFLA_LINKINFO], link);
    return 0;
}

static bool read_address(const struct nlattr *part, int family, Address *ret) {
    size_t size = address_size(family);
    if (!part || size == 0 || nla_len(part) != (int)size)
        return false;
    *ret = (Address){ .family = family };
    memcpy(ret->bytes, nla_data(part), size);
    return true;
}

static int see_address(const struct nlmsghdr *header, void *data) {
    View *view = data;
    struct nlattr *parts[IFA_MAX + 1];
    SeenAddress seen;
    if (header->nlmsg_type != RTM_NEWADDR || nlmsg_datalen(header) < (int)sizeof(struct ifaddrmsg) ||
            nlmsg_parse(mutable(header), sizeof(struct ifaddrmsg), parts, IFA_MAX, NULL) < 0)
        return 0;
    const struct ifaddrmsg *info = nlmsg_data(header);
    seen.link = (int)info->ifa_index;
    seen.prefix = info->ifa_prefixlen;
    if (!read_address(parts[IFA_LOCAL] ? parts[IFA_LOCAL] : parts[IFA_ADDRESS], info->ifa_family, &seen.address))
        return 0;
    if (GROW(view->addresses, view->n_addresses) < 0)
        return -ENOMEM;
    view->addresses[view->n_addresses++] = seen;
    return 0;
}

typedef struct RouteVisit {
    int (*visit)(const SeenRoute *route, void *data);
    void *data;
} RouteVisit;

/* One for each of its links. */
static int visit_hops(const RouteVisit *visit, SeenRoute *seen, struct nlattr *hops) {
    int rest = nla_len(hops);
    for (struct rtnexthop *hop = nla_data(hops); RTNH_OK(hop, rest); rest -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
        seen->link = hop->rtnh_ifindex;
        int r = visit->visit(seen, visit->data);
        if (r < 0)
            return r;
    }
    return 0;
}

static int see_route(const struct nlmsghdr *header, void *data) {
    const RouteVisit *visit = data;
    struct nlattr *parts[RTA_MAX + 1];
    SeenRoute seen = {};
    if (header->nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(header) < (int)sizeof(struct rtmsg) ||
            nlmsg_parse(mutable(header), sizeof(struct rtmsg), parts, RTA_MAX, NULL) < 0)
        return 0;
    const struct rtmsg *info = nlmsg_data(header);
    if (address_size(info->rtm_family) == 0 || (info->rtm_flags & RTM_F_CLONED))
        return 0;
    seen.main = info->rtm_table == RT_TABLE_MAIN && info->rtm_type == RTN_UNICAST;
    seen.destination = (Cidr){ { .family = info->rtm_family }, info->rtm_dst_len };
    if (info->rtm_dst_len > 0 && !read_address(parts[RTA_DST], info->rtm_family, &seen.destination.address))
        return 0;
    if (parts[RTA_GATEWAY])
        (void)read_address(parts[RTA_GATEWAY], info->rtm_family, &seen.gateway);
    if (parts[RTA_MULTIPATH])
        return visit_hops(visit, &seen, parts[RTA_MULTIPATH]);
    if (parts[RTA_OIF])
        seen.link = (int)nla_get_u32(parts[RTA_OIF]);
    int r = visit->visit(&seen, visit->data);
    return r < 0 ? r : 0;
}

static int keep_route(const SeenRoute *route, void *data) {
    View *view = data;
    if (!route->main)
        return 0;
    if (GROW(view->routes, view->n_routes) < 0)
        return -ENOMEM;
    view->routes[view->n_routes++] = *route;
    return 0;
}

static int list(Netlink *route, int type, void *head, size_t size, NetlinkVisit visit, void *data) {
    _cleanup_message_ struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);
    if (!message)
        return -ENOMEM;
    if (nlmsg_append(message, head, size, NLMSG_ALIGNTO) < 0 ||
            (type == RTM_GETLINK && nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0))
        return -EMSGSIZE;
    return netlink_query(route, message, visit, data);
}

int view_each_route(Netlink *route, int family, int (*visit)(const SeenRoute *route, void *data), void *data) {
    RouteVisit by = { visit, data };
    return list(route, RTM_GETROUTE, &(struct rtmsg){ .rtm_family = (unsigned char)family }, sizeof(struct rtmsg), see_route,
            &by);
}

static int load_once(Netlink *route, View *view) {
    int r = list(route, RTM_GETLINK, &(struct ifinfomsg){}, sizeof(struct ifinfomsg), see_link, view);
    if (r >= 0)
        r = list(route, RTM_GETADDR, &(struct ifaddrmsg){}, sizeof(struct ifaddrmsg), see_address, view);
    if (r >= 0)
        r = view_each_route(route, AF_INET, keep_route, view);
    return r;
}

int view_load(Netlink *route, View *ret) {
    int r = -EAGAIN;
    for (int attempt = 0; attempt < VIEW_ATTEMPTS_MAX && (r == -EAGAIN || r == -ENOBUFS); attempt++) {
        View view = {};
        r = load_once(route, &view);
        if (r < 0)
            view_clear(&view);
        else
            *ret = view;
    }
    return r;
}

const SeenLink *view_link(const View *view, const char *name) {
    for (size_t i = 0; i < view->n_links; i++)
        if (streq(view->links[i].name, name))
            return &view->links[i];
    return NULL;
}

bool view_has_address(const View *view, const char *link, const Address *address, unsigned prefix) {
    const SeenLink *seen = view_link(view, link);
    for (size_t i = 0; seen && i < view->n_addresses; i++)
        if (view->addresses[i].link == seen->index && view->addresses[i].prefix == prefix &&
                address_equal(&view->addresses[i].address, address))
            return true;
    return false;
}

bool view_has_route(const View *view, const char *link, const Cidr *destination, const Address *gateway) {
    const SeenLink *seen = view_link(view, link);
    for (size_t i = 0; seen && i < view->n_routes; i++) {
        const SeenRoute *route = &view->routes[i];
        if (route->link == seen->index && cidr_equal(&route->destination, destination) &&
                route->gateway.family == gateway->family &&
                (gateway->family == AF_UNSPEC || address_equal(&route->gateway, gateway)))
            return true;
    }
    return false;
}
