/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What is in a network namespace, read once: for looking at much of it. */

#include "kernel/netns.h"

typedef struct SeenLink {
    int index;
    LinkName name;
    unsigned flags; /* IFF_ */
    unsigned mtu;
    Mac mac;
    char kind[16]; /* "veth", "bridge"; "" for hardware */
    bool ours;     /* has our alias */
    int other;     /* the index of a veth's other end, or 0 */
    int master;    /* the bridge's index, or 0 */
    bool isolated; /* as its port */
} SeenLink;

typedef struct SeenAddress {
    int link;
    Address address;
    unsigned prefix;
} SeenAddress;

/* Of the main table. */
typedef struct SeenRoute {
    int link; /* 0: none, or several */
    Cidr destination;
    Address gateway; /* no family: on-link */
} SeenRoute;

typedef struct View {
    SeenLink *links;
    size_t n_links;
    SeenAddress *addresses;
    size_t n_addresses;
    SeenRoute *routes;
    size_t n_routes;
} View;

/* Through a routing socket of the namespace. Negative errno. */
int view_load(Netlink *route, View *ret);
void view_clear(View *view);

/* NULL when there is none. */
const SeenLink *view_link(const View *view, const char *name);
bool view_has_address(const View *view, const char *link, const Address *address, unsigned prefix);
bool view_has_route(const View *view, const char *link, const Cidr *destination, const Address *gateway);
