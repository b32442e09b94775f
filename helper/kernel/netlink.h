/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One netlink socket and the requests that we need, written with libnl's message functions. Not with its rtnl_link,
 * rtnl_addr and rtnl_route objects: those know no isolated ports (libnl 3.7) and lose the kernel's own errno and words.
 * Every function returns a negative errno, and then netlink_why() has what the kernel added to it, if it did. */

#include "core/ident.h"

#include <linux/netlink.h>

struct nl_msg;

typedef struct Netlink Netlink;

typedef struct Link {
    int index;
    unsigned flags; /* IFF_ */
    bool ours;      /* has our alias */
    int other;      /* of a veth, the index of its other end, in that one's namespace */
} Link;

/* A socket in the process's namespace of the moment. */
int netlink_open(int protocol, Netlink **ret);
Netlink *netlink_close(Netlink *netlink);
DEFINE_CLEANUP(Netlink *, netlink_close)

const char *netlink_why(const Netlink *netlink);

/* Sends the messages in one go and waits for the answer to each; the first error counts. They stay the caller's. */
int netlink_request(Netlink *netlink, struct nl_msg *const *messages, size_t n_messages);

/* As netlink_request() for one message that asks for objects; visit is called for each and stops with a negative
 * result, which is returned. -EAGAIN: the list changed meanwhile. */
typedef int (*NetlinkVisit)(const struct nlmsghdr *header, void *data);
int netlink_query(Netlink *netlink, struct nl_msg *message, NetlinkVisit visit, void *data);

/* --- NETLINK_ROUTE, see rtnetlink(7) and linux/if_link.h --- */

/* -ENODEV when there is none. */
int netlink_link(Netlink *netlink, const char *name, Link *ret);
/* Indexes learnt are kept until this is called: when a link went, or between plans. */
void netlink_forget_links(Netlink *netlink);

int netlink_add_bridge(Netlink *netlink, const char *name, const Mac *mac);
/* The peer is made in the namespace of the descriptor, or with -1 beside the first. It has no mark yet and is down: the
 * kernel opens it before it knows its other end (veth_newlink() and veth_open(): ENOTCONN). */
int netlink_add_veth(Netlink *netlink, const char *name, const Mac *mac, int peer_netns, const char *peer_name,
        const Mac *peer_mac);
/* The rest for the peer, through a socket of its namespace. */
int netlink_finish_peer(Netlink *netlink, const char *name);
/* -ENODEV when there is none. Takes its time, see removal.h. */
int netlink_delete_link(Netlink *netlink, int index);
int netlink_set_up(Netlink *netlink, const char *name, bool up);
/* A link that is there gets our mark and the MAC, and is brought up. */
int netlink_mend_link(Netlink *netlink, const char *name, const Mac *mac);
/* Makes an isolated port of the bridge, or with NULL a port of none. */
int netlink_set_port(Netlink *netlink, const char *name, const char *bridge);

typedef enum Change {
    CHANGE_ADD,     /* -EEXIST when it is there */
    CHANGE_REPLACE, /* whether or not it is there */
    CHANGE_DELETE,
} Change;

/* -EADDRNOTAVAIL when there is none to delete. */
int netlink_change_address(Netlink *netlink, Change change, const char *link, const Address *address, unsigned prefix);
/* Through the gateway, or to the link itself when that has no family. -ESRCH when there is none to delete. */
int netlink_change_route(Netlink *netlink, Change change, const char *link, const Cidr *destination,
        const Address *gateway);
