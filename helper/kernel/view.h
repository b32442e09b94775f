/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What is in a network namespace, read once: for looking at much of it. */

#include "kernel/netns.h"

/* How often a list that changes while it is read is begun anew. */
#define VIEW_ATTEMPTS_MAX 10

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

typedef struct SeenRoute {
    bool main; /* leads somewhere, and is in the main table */
    int link;  /* 0: none; one through several links is seen once for each */
    Cidr destination;
    Address gateway; /* no family: on-link */
} SeenRoute;

typedef struct View {
    SeenLink *links;
    size_t n_links;
    SeenAddress *addresses;
    size_t n_addresses;
    SeenRoute *routes; /* IPv4, main */
    size_t n_routes;
} View;

/* Through a routing socket of the namespace. Negative errno. */
int view_load(Netlink *route, View *ret);
void view_clear(View *view);

/* Every route of the family (AF_UNSPEC: of both), of whatever table and type. -EAGAIN: they changed meanwhile. */
int view_each_route(Netlink *route, int family, int (*visit)(const SeenRoute *route, void *data), void *data);

/* NULL when there is none. */
const SeenLink *view_link(const View *view, const char *name);
bool view_has_address(const View *view, const char *link, const Address *address, unsigned prefix);
bool view_has_route(const View *view, const char *link, const Cidr *destination, const Address *gateway);
