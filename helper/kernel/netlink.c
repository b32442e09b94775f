/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/netlink.h"

#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>

/* The kernel fills a dump's buffers up to this size (NLMSG_GOODSIZE and netlink_recvmsg() in the kernel). */
#define BUFFER_SIZE 32768
#define REQUEST_MAX 4

typedef struct KnownLink {
    LinkName name;
    int index;
} KnownLink;

struct Netlink {
    struct nl_sock *socket;
    KnownLink *links;
    size_t n_links;

    /* The request that is under way. */
    uint32_t first; /* its sequence numbers */
    size_t n_messages;
    size_t n_pending;
    int error;
    char why[256];
    NetlinkVisit visit;
    void *data;
};

static inline void message_free(struct nl_msg **message) {
    nlmsg_free(*message);
}
#define _cleanup_message_ _cleanup_(message_free)

/* An answer that a request before this one gave up on may still be in the queue. */
static bool is_answer(const Netlink *netlink, const struct nlmsghdr *request) {
    return request->nlmsg_seq - netlink->first < netlink->n_messages;
}

static void settle(Netlink *netlink, int error) {
    if (netlink->error == 0)
        netlink->error = error;
    if (netlink->n_pending > 0)
        netlink->n_pending--;
}

/* The extended ACK stands behind the request's header, or its whole when the kernel does not cap it (netlink(7)). */
static void read_extended_ack(Netlink *netlink, const struct nlmsgerr *error) {
    const struct nlmsghdr *header = (const struct nlmsghdr *)((const char *)error - NLMSG_HDRLEN);
    if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    size_t offset = sizeof(*error);
    if (!(header->nlmsg_flags & NLM_F_CAPPED))
        offset += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
    size_t length = (size_t)nlmsg_datalen(header);
    if (offset >= length)
        return;
    const struct nlattr *text = nla_find((const struct nlattr *)((const char *)error + offset), (int)(length - offset),
            NLMSGERR_ATTR_MSG);
    if (text)
        snprintf(netlink->why, sizeof(netlink->why), "%.*s", nla_len(text), (const char *)nla_data(text));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *data) {
    Netlink *netlink = data;
    if (!is_answer(netlink, &error->msg))
        return NL_SKIP;
    if (netlink->error == 0)
        read_extended_ack(netlink, error);
    settle(netlink, error->error);
    return NL_SKIP;
}

static int on_done(struct nl_msg *message, void *data) {
    Netlink *netlink = data;
    if (is_answer(netlink, nlmsg_hdr(message)))
        settle(netlink, 0);
    return NL_OK;
}

static int on_object(struct nl_msg *message, void *data) {
    Netlink *netlink = data;
    if (!netlink->visit || !is_answer(netlink, nlmsg_hdr(message)) || netlink->error < 0)
        return NL_SKIP;
    int r = netlink->visit(nlmsg_hdr(message), netlink->data);
    if (r < 0)
        netlink->error = r;
    return NL_OK;
}

Netlink *netlink_close(Netlink *netlink) {
    if (!netlink)
        return NULL;
    if (netlink->socket)
        nl_socket_free(netlink->socket);
    free(netlink->links);
    free(netlink);
    return NULL;
}

int netlink_open(int protocol, Netlink **ret) {
    _cleanup_(netlink_close_pointer) Netlink *netlink = calloc(1, sizeof(*netlink));
    if (!netlink || !(netlink->socket = nl_socket_alloc()))
        return -ENOMEM;
    struct nl_sock *socket = netlink->socket;

    errno = 0;
    if (nl_connect(socket, protocol) < 0)
        return errno > 0 ? -errno : -EIO;
    /* A peek before each read would double their number. */
    nl_socket_disable_msg_peek(socket);
    nl_socket_disable_seq_check(socket);
    if (nl_socket_set_msg_buf_size(socket, BUFFER_SIZE) < 0)
        return -ENOMEM;
    int on = 1;
    (void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));

    nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, on_error, netlink);
    nl_socket_modify_cb(socket, NL_CB_ACK, NL_CB_CUSTOM, on_done, netlink);
    nl_socket_modify_cb(socket, NL_CB_FINISH, NL_CB_CUSTOM, on_done, netlink);
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_object, netlink);
    *ret = TAKE_PTR(netlink);
    return 0;
}

const char *netlink_why(const Netlink *netlink) {
    return netlink->why;
}

/* Throws away what is still to come of an answer: a list that is not read to its end makes the kernel refuse the next one
 * (EBUSY). */
static void drain(Netlink *netlink) {
    netlink->n_messages = netlink->n_pending = 0;
    if (nl_socket_set_nonblocking(netlink->socket) < 0)
        return;
    for (int failures = 0; failures < 10;) {
        int r = nl_recvmsgs_default(netlink->socket);
        if (r == -NLE_AGAIN)
            break;
        failures += r < 0;
    }
    int fd = nl_socket_get_fd(netlink->socket), flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        abort(); /* an answer could be taken for none */
}

/* -ENOBUFS: an answer was lost, so that nobody knows what happened. */
static int talk(Netlink *netlink, struct nl_msg *const *messages, size_t n_messages) {
    struct iovec parts[REQUEST_MAX];
    if (n_messages < 1 || n_messages > REQUEST_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n_messages; i++) {
        struct nlmsghdr *header = nlmsg_hdr(messages[i]);
        header->nlmsg_seq = NL_AUTO_SEQ;
        nl_complete_msg(netlink->socket, messages[i]);
        parts[i] = (struct iovec){ header, NLMSG_ALIGN(header->nlmsg_len) };
    }
    netlink->first = nlmsg_hdr(messages[0])->nlmsg_seq;
    netlink->n_messages = netlink->n_pending = n_messages;
    netlink->error = 0;
    netlink->why[0] = '\0';

    int r;
    do {
        errno = 0;
        r = nl_send_iovec(netlink->socket, messages[0], parts, (unsigned)n_messages);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno > 0 ? -errno : -EIO;
    while (netlink->n_pending > 0) {
        r = nl_recvmsgs_default(netlink->socket);
        if (r == -NLE_DUMP_INTR)
            return -EAGAIN;
        if (r < 0) {
            drain(netlink);
            return -ENOBUFS;
        }
    }
    return netlink->error;
}

int netlink_request(Netlink *netlink, struct nl_msg *const *messages, size_t n_messages) {
    int r = talk(netlink, messages, n_messages);
    if (r != -ENOBUFS)
        return r;
    /* Once more; what is made or gone by now was our doing. */
    r = talk(netlink, messages, n_messages);
    return r == -EEXIST || r == -ENODEV || r == -ESRCH || r == -EADDRNOTAVAIL || r == -ENOENT ? 0 : r;
}

int netlink_query(Netlink *netlink, struct nl_msg *message, NetlinkVisit visit, void *data) {
    netlink->visit = visit;
    netlink->data = data;
    int r = talk(netlink, &message, 1);
    netlink->visit = NULL;
    return r;
}

/* The put functions return 0 or a negative error, so their results are collected with |= and looked at here once. */
static int send_one(Netlink *netlink, struct nl_msg *message, int bad) {
    return bad < 0 ? -EMSGSIZE : netlink_request(netlink, &message, 1);
}

/* --- links --- */

static struct nl_msg *link_message(int type, int flags, const struct ifinfomsg *info) {
    _cleanup_message_ struct nl_msg *message = nlmsg_alloc_simple(type, flags);
    struct ifinfomsg head = *info;
    if (!message || nlmsg_append(message, &head, sizeof(head), NLMSG_ALIGNTO) < 0)
        return NULL;
    return TAKE_PTR(message);
}

static int visit_link(const struct nlmsghdr *header, void *data) {
    Link *link = data;
    if (header->nlmsg_type != RTM_NEWLINK || nlmsg_datalen(header) < (int)sizeof(struct ifinfomsg))
        return 0;
    const struct ifinfomsg *info = nlmsg_data(header);
    const struct nlattr *alias = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)header, sizeof(*info), IFLA_IFALIAS);
    const struct nlattr *other = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)header, sizeof(*info), IFLA_LINK);
    *link = (Link){
        .index = info->ifi_index, .flags = info->ifi_flags, .ours = alias && nla_strcmp(alias, LINK_ALIAS) == 0,
        .other = other ? (int)nla_get_u32(other) : 0,
    };
    return 0;
}

int netlink_link(Netlink *netlink, const char *name, Link *ret) {
    _cleanup_message_ struct nl_msg *message = link_message(RTM_GETLINK, 0, &(struct ifinfomsg){});
    if (!message)
        return -ENOMEM;
    int bad = nla_put_string(message, IFLA_IFNAME, name);
    bad |= nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (bad < 0)
        return -EMSGSIZE;
    *ret = (Link){};
    int r = netlink_query(netlink, message, visit_link, ret);
    return r == 0 && ret->index == 0 ? -ENODEV : r;
}

void netlink_forget_links(Netlink *netlink) {
    netlink->n_links = 0;
}

static int link_index(Netlink *netlink, const char *name) {
    for (size_t i = netlink->n_links; i-- > 0;)
        if (streq(netlink->links[i].name, name))
            return netlink->links[i].index;
    Link link;
    int r = netlink_link(netlink, name, &link);
    if (r < 0)
        return r;
    if (strlen(name) < sizeof(LinkName) && GROW(netlink->links, netlink->n_links) == 0) {
        KnownLink *known = &netlink->links[netlink->n_links++];
        known->index = link.index;
        stpcpy(known->name, name);
    }
    return link.index;
}

/* Our mark. The kernel takes no alias in the request that makes a link (rtnl_create_link()), so that this goes right
 * behind it, in the same system call. */
static struct nl_msg *alias_message(const char *name) {
    _cleanup_message_ struct nl_msg *message = link_message(RTM_SETLINK, 0, &(struct ifinfomsg){});
    if (!message)
        return NULL;
    int bad = nla_put_string(message, IFLA_IFNAME, name);
    bad |= nla_put_string(message, IFLA_IFALIAS, LINK_ALIAS);
    return bad < 0 ? NULL : TAKE_PTR(message);
}

/* With an alias set by the second message even when the first fails, a foreign link would become ours; the kernel runs
 * both, so the second is only sent along when the name is free. */
static int make_link(Netlink *netlink, struct nl_msg *make, const char *name) {
    Link there;
    int r = netlink_link(netlink, name, &there);
    if (r == 0)
        return -EEXIST;
    if (r != -ENODEV)
        return r;
    _cleanup_message_ struct nl_msg *alias = alias_message(name);
    if (!alias)
        return -ENOMEM;
    return netlink_request(netlink, (struct nl_msg *const[]){ make, alias }, 2);
}

int netlink_add_bridge(Netlink *netlink, const char *name, const Mac *mac) {
    struct ifinfomsg info = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    _cleanup_message_ struct nl_msg *message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info);
    if (!message)
        return -ENOMEM;
    int bad = nla_put_string(message, IFLA_IFNAME, name);
    bad |= nla_put(message, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes);
    struct nlattr *link_info = nla_nest_start(message, IFLA_LINKINFO);
    bad |= nla_put_string(message, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = nla_nest_start(message, IFLA_INFO_DATA);
    if (bad < 0 || !link_info || !data)
        return -EMSGSIZE;
    bad |= nla_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0);
    nla_nest_end(message, data);
    nla_nest_end(message, link_info);
    return bad < 0 ? -EMSGSIZE : make_link(netlink, message, name);
}

int netlink_add_veth(Netlink *netlink, const char *name, const Mac *mac, int peer_netns, const char *peer_name,
        const Mac *peer_mac) {
    struct ifinfomsg info = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    _cleanup_message_ struct nl_msg *message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info);
    if (!message)
        return -ENOMEM;
    int bad = nla_put_string(message, IFLA_IFNAME, name);
    bad |= nla_put(message, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes);
    struct nlattr *link_info = nla_nest_start(message, IFLA_LINKINFO);
    bad |= nla_put_string(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = nla_nest_start(message, IFLA_INFO_DATA);
    struct nlattr *peer = nla_nest_start(message, VETH_INFO_PEER);
    if (bad < 0 || !link_info || !data || !peer)
        return -EMSGSIZE;
    bad |= nlmsg_append(message, &(struct ifinfomsg){}, sizeof(struct ifinfomsg), NLMSG_ALIGNTO);
    bad |= nla_put_string(message, IFLA_IFNAME, peer_name);
    bad |= nla_put(message, IFLA_ADDRESS, sizeof(peer_mac->bytes), peer_mac->bytes);
    if (peer_netns >= 0)
        bad |= nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)peer_netns);
    nla_nest_end(message, peer);
    nla_nest_end(message, data);
    nla_nest_end(message, link_info);
    return bad < 0 ? -EMSGSIZE : make_link(netlink, message, name);
}

int netlink_delete_link(Netlink *netlink, int index) {
    _cleanup_message_ struct nl_msg *message = link_message(RTM_DELLINK, 0, &(struct ifinfomsg){ .ifi_index = index });
    return message ? send_one(netlink, message, 0) : -ENOMEM;
}

/* Sets IFF_UP, and with alias or mac also those. */
static int set_link(Netlink *netlink, const char *name, bool up, const char *alias, const Mac *mac) {
    struct ifinfomsg info = { .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP };
    _cleanup_message_ struct nl_msg *message = link_message(RTM_SETLINK, 0, &info);
    if (!message)
        return -ENOMEM;
    int bad = nla_put_string(message, IFLA_IFNAME, name);
    if (alias)
        bad |= nla_put_string(message, IFLA_IFALIAS, alias);
    if (mac)
        bad |= nla_put(message, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes);
    return send_one(netlink, message, bad);
}

int netlink_set_up(Netlink *netlink, const char *name, bool up) {
    return set_link(netlink, name, up, NULL, NULL);
}

int netlink_finish_peer(Netlink *netlink, const char *name) {
    return set_link(netlink, name, true, LINK_ALIAS, NULL);
}

int netlink_mend_link(Netlink *netlink, const char *name, const Mac *mac) {
    return set_link(netlink, name, true, LINK_ALIAS, mac);
}

int netlink_set_port(Netlink *netlink, const char *name, const char *bridge) {
    int index = link_index(netlink, name);
    if (index < 0)
        return index;
    int master = bridge ? link_index(netlink, bridge) : 0;
    if (master < 0)
        return master;

    struct ifinfomsg info = { .ifi_index = index };
    _cleanup_message_ struct nl_msg *join = link_message(RTM_SETLINK, 0, &info);
    if (!join)
        return -ENOMEM;
    int bad = nla_put_u32(join, IFLA_MASTER, (uint32_t)master);
    if (!bridge)
        return send_one(netlink, join, bad);

    /* Only a port can be isolated. Both in one system call, so that it is not one without for longer than must be. */
    info.ifi_family = AF_BRIDGE;
    _cleanup_message_ struct nl_msg *isolate = link_message(RTM_SETLINK, 0, &info);
    if (!isolate)
        return -ENOMEM;
    struct nlattr *port = nla_nest_start(isolate, IFLA_PROTINFO | NLA_F_NESTED);
    if (bad < 0 || !port)
        return -EMSGSIZE;
    bad |= nla_put_u8(isolate, IFLA_BRPORT_ISOLATED, 1);
    nla_nest_end(isolate, port);
    return bad < 0 ? -EMSGSIZE : netlink_request(netlink, (struct nl_msg *const[]){ join, isolate }, 2);
}

/* --- addresses and routes --- */

static const int change_flags[] = {
    [CHANGE_ADD] = NLM_F_CREATE | NLM_F_EXCL,
    [CHANGE_REPLACE] = NLM_F_CREATE | NLM_F_REPLACE,
    [CHANGE_DELETE] = 0,
};

int netlink_change_address(Netlink *netlink, Change change, const char *link, const Address *address, unsigned prefix) {
    int index = link_index(netlink, link);
    if (index < 0)
        return index;
    struct ifaddrmsg info = {
        .ifa_family = (unsigned char)address->family,
        .ifa_prefixlen = (unsigned char)prefix,
        .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0, /* we gave it out ourselves: usable at once */
        .ifa_index = (unsigned)index,
    };
    _cleanup_message_ struct nl_msg *message =
            nlmsg_alloc_simple(change == CHANGE_DELETE ? RTM_DELADDR : RTM_NEWADDR, change_flags[change]);
    if (!message)
        return -ENOMEM;
    int size = (int)address_size(address->family);
    int bad = nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    bad |= nla_put(message, IFA_LOCAL, size, address->bytes);
    bad |= nla_put(message, IFA_ADDRESS, size, address->bytes);
    return send_one(netlink, message, bad);
}

int netlink_change_route(Netlink *netlink, Change change, const char *link, const Cidr *destination,
        const Address *gateway) {
    int index = link_index(netlink, link);
    if (index < 0)
        return index;
    bool direct = gateway->family == AF_UNSPEC;
    struct rtmsg info = {
        .rtm_family = (unsigned char)destination->address.family,
        .rtm_dst_len = (unsigned char)destination->prefix,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = direct && destination->address.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };
    _cleanup_message_ struct nl_msg *message =
            nlmsg_alloc_simple(change == CHANGE_DELETE ? RTM_DELROUTE : RTM_NEWROUTE, change_flags[change]);
    if (!message)
        return -ENOMEM;
    int bad = nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    if (destination->prefix > 0) /* a default route is one without a destination */
        bad |= nla_put(message, RTA_DST, (int)address_size(info.rtm_family), destination->address.bytes);
    if (!direct)
        bad |= nla_put(message, RTA_GATEWAY, (int)address_size(gateway->family), gateway->bytes);
    bad |= nla_put_u32(message, RTA_OIF, (uint32_t)index);
    return send_one(netlink, message, bad);
}
