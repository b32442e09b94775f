/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftgen.h"

#include "core/ident.h"
#include "core/text.h"

#define NFT_ONWARD "onward"

#define FOREACH_SUBNET(vpc, subnet)                                                                                    \
    for (size_t _s = 0; _s < (vpc)->n_subnets; _s++)                                                                   \
        for (const Subnet *subnet = (vpc)->subnets[_s]; subnet; subnet = NULL)

/* --- a router: tables, empty sets and chains, and the rules, which are the same for every VPC but for two names --- */

static void add_base(Text *text, const Vpc *vpc) {
    Address host = uplink_address(vpc, 0);
    char address[ADDRESS_TEXT_MAX];
    LinkName bridge;

    link_bridge(vpc, bridge);
    /* Who may be on which port. Everything else, be it IPv6, VLAN-tagged, DHCP or LLC, meets the policy. In ARP both
     * senders, of the frame and of the claim, have to be the port's own. */
    text_add(text, "table bridge " NFT_TABLE " {\n"
                   "\tcomment \"" NFT_COMMENT "\"\n\n"
                   "\tset bound4 {\n\t\ttype ifname . ether_addr . ipv4_addr\n\t}\n\n"
                   "\tchain prerouting {\n"
                   "\t\ttype filter hook prerouting priority -300; policy drop;\n"
                   "\t\tether type ip iifname . ether saddr . ip saddr @bound4 accept\n"
                   "\t\tether type arp iifname . ether saddr . arp saddr ip @bound4 "
                   "iifname . arp saddr ether . arp saddr ip @bound4 accept\n"
                   "\t}\n}\n");

    /* natted4: who may leave by the uplink. peers4: which addresses are behind which peering link. egress4, ingress4: the
     * policy of a subnet as a sender and as a receiver. Every subnet is in both, with or without a policy, and what is
     * not found is dropped: while the kernel puts a new element in place of an old one there is a moment in which a
     * look-up finds neither, and that moment must not be an open door. */
    text_add(text, "table inet " NFT_TABLE " {\n"
                   "\tcomment \"" NFT_COMMENT "\"\n\n"
                   "\tset natted4 {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t}\n\n"
                   "\tset peers4 {\n\t\ttype ifname . ipv4_addr\n\t\tflags interval\n\t}\n\n"
                   "\tmap egress4 {\n\t\ttype ipv4_addr : verdict\n\t\tflags interval\n\t}\n\n"
                   "\tmap ingress4 {\n\t\ttype ipv4_addr : verdict\n\t\tflags interval\n\t}\n\n"
                   "\tchain to_subnet {\n\t\tip daddr vmap @ingress4\n\t\tdrop\n\t}\n\n");
    /* In the table's own block: nft makes the elements of a map together with the map, wherever they stand, and by then
     * the chains that they lead to have to be there. */
    FOREACH_SUBNET(vpc, subnet)
        for (int direction = 0; subnet->firewall && direction < _DIRECTION_MAX; direction++)
            text_add(text, "\tchain %s_%u {\n\t}\n\n", direction_name((Direction)direction), subnet->id);
    /* The sender's policy first, then where it goes: to another subnet, a peer, or out. */
    text_add(text, "\tchain from_subnet {\n"
                   "\t\tip saddr vmap @egress4\n"
                   "\t\tdrop\n\t}\n\n"
                   "\tchain " NFT_ONWARD " {\n"
                   "\t\toifname \"%s\" goto to_subnet\n"
                   "\t\toifname . ip daddr @peers4 accept\n"
                   "\t\toifname \"" LINK_UPLINK "\" ip daddr != 169.254.0.0/16 ip saddr @natted4 accept\n"
                   "\t\treject with icmpx admin-prohibited\n\t}\n\n",
            bridge);
    /* A peer is let in with its own addresses only, and only to our subnets: that makes peering not transitive. */
    text_add(text, "\tchain forward {\n"
                   "\t\ttype filter hook forward priority filter; policy drop;\n"
                   "\t\tct state vmap { established : accept, related : accept, invalid : drop }\n"
                   "\t\tiifname \"%s\" goto from_subnet\n"
                   "\t\toifname \"%s\" iifname . ip saddr @peers4 goto to_subnet\n",
            bridge, bridge);
    if (vpc->host_access)
        text_add(text, "\t\toifname \"%s\" iifname \"" LINK_UPLINK "\" ip saddr %s goto to_subnet\n", bridge,
                address_format(&host, address));
    text_add(text, "\t}\n\n"
                   "\tchain input {\n"
                   "\t\ttype filter hook input priority filter; policy drop;\n"
                   "\t\tct state vmap { established : accept, related : accept, invalid : drop }\n"
                   "\t\tiifname { \"lo\", \"%s\", \"" LINK_UPLINK "\" } icmp type echo-request accept\n"
                   "\t}\n\n"
                   "\tchain postrouting {\n"
                   "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                   "\t\toifname \"" LINK_UPLINK "\" ip saddr @natted4 masquerade\n"
                   "\t}\n}\n",
            bridge);
}

/* What a packet that a policy lets through meets next: the sender's leads on to where it goes, the receiver's is the
 * last. */
static const char *const pass[_DIRECTION_MAX] = {
    [DIRECTION_EGRESS] = "goto " NFT_ONWARD,
    [DIRECTION_INGRESS] = "accept",
};

/* --- a router: what is in the sets --- */

/* A VPC at one end of the change: as it was, or as it will be. */
typedef struct View {
    const Draft *draft;
    const Vpc *vpc; /* NULL: not there, so nothing is in its sets */
    bool reverse;   /* for draft_see_*() */
} View;

/* "add element FAMILY vpcctl SET { a, b }", or delete; nothing at all without an element, since nft has no empty list. */
typedef struct List {
    Text *text;
    const char *verb, *set;
    size_t n;
} List;

static void list_next(List *list) {
    if (list->n++)
        text_add(list->text, ", ");
    else
        text_add(list->text, "%s element %s { ", list->verb, list->set);
}

static void list_end(List *list) {
    if (list->n)
        text_add(list->text, " }\n");
}

/* Each of these lists what is in a set for view `a` and not for view `b`. */

static void list_bound(List *list, const View *a, const View *b) {
    FOREACH_SUBNET(a->vpc, subnet) {
        const Subnet *other = b->vpc ? vpc_subnet(b->vpc, subnet->name) : NULL;

        for (size_t i = 0; i < subnet->n_endpoints; i++) {
            const Endpoint *endpoint = subnet->endpoints[i];
            Mac mac = mac_from_address(&endpoint->address);
            char mac_text[MAC_TEXT_MAX], address[ADDRESS_TEXT_MAX];
            LinkName port;

            if (other && subnet_endpoint(other, endpoint->name))
                continue;
            list_next(list);
            text_add(list->text, "\"%s\" . %s . %s", link_port(endpoint, port), mac_format(&mac, mac_text),
                    address_format(&endpoint->address, address));
        }
    }
}

static bool is_natted(const Vpc *vpc, const Subnet *subnet) {
    return vpc->nat_interface && subnet->type == SUBNET_PUBLIC;
}

static void list_natted(List *list, const View *a, const View *b) {
    FOREACH_SUBNET(a->vpc, subnet) {
        const Subnet *other = b->vpc ? vpc_subnet(b->vpc, subnet->name) : NULL;
        char cidr[CIDR_TEXT_MAX];

        if (!is_natted(a->vpc, subnet) || (other && is_natted(b->vpc, other)))
            continue;
        list_next(list);
        text_add(list->text, "%s", cidr_format(&subnet->cidr, cidr));
    }
}

static void list_policies(List *list, const View *a, const View *b, Direction direction) {
    FOREACH_SUBNET(a->vpc, subnet) {
        const Subnet *other = b->vpc ? vpc_subnet(b->vpc, subnet->name) : NULL;
        char cidr[CIDR_TEXT_MAX];

        if (other && !other->firewall == !subnet->firewall)
            continue;
        list_next(list);
        text_add(list->text, "%s : ", cidr_format(&subnet->cidr, cidr));
        if (subnet->firewall)
            text_add(list->text, "goto %s_%u", direction_name(direction), subnet->id);
        else
            text_add(list->text, "%s", pass[direction]);
    }
}

static void list_egress(List *list, const View *a, const View *b) {
    list_policies(list, a, b, DIRECTION_EGRESS);
}

static void list_ingress(List *list, const View *a, const View *b) {
    list_policies(list, a, b, DIRECTION_INGRESS);
}

typedef struct ListPeers {
    List *list;
    const View *a, *b;
} ListPeers;

static int list_peer(const Peering *peering, void *data) {
    const ListPeers *peers = data;
    const View *a = peers->a, *b = peers->b;
    const char *other_name = peering_other(peering, a->vpc->name);
    const Vpc *other = draft_see_vpc(a->draft, other_name, a->reverse);
    char cidr[CIDR_TEXT_MAX];
    LinkName link;

    if (!other || !peering_is_active(peering) ||
            (b->vpc && peering_is_active(draft_see_peering(b->draft, peering->vpcs[0], peering->vpcs[1], b->reverse))))
        return 0;
    list_next(peers->list);
    text_add(peers->list->text, "\"%s\" . %s", link_peer(other_name, peering->id, link),
            cidr_format(&other->cidr, cidr));
    return 0;
}

static void list_peers(List *list, const View *a, const View *b) {
    ListPeers peers = { list, a, b };

    (void)draft_each_peering(a->draft, a->vpc->name, a->reverse, list_peer, &peers);
}

static void add_elements(Text *text, const char *verb, const View *a, const View *b) {
    static const struct {
        const char *set;
        void (*list)(List *list, const View *a, const View *b);
    } sets[] = {
        { "bridge " NFT_TABLE " bound4", list_bound },
        { "inet " NFT_TABLE " natted4", list_natted },
        { "inet " NFT_TABLE " peers4", list_peers },
        { "inet " NFT_TABLE " egress4", list_egress },
        { "inet " NFT_TABLE " ingress4", list_ingress },
    };

    for (size_t i = 0; a->vpc && i < ELEMENTSOF(sets); i++) {
        List list = { text, verb, sets[i].set, 0 };

        sets[i].list(&list, a, b);
        list_end(&list);
    }
}

/* --- a router: policies --- */

static void add_rule(Text *text, const Subnet *subnet, const Rule *rule) {
    char cidr[CIDR_TEXT_MAX];

    text_add(text, "add rule inet " NFT_TABLE " %s_%u ", direction_name(rule->direction), subnet->id);
    if (rule->peer.address.family != AF_UNSPEC)
        text_add(text, "%s %s %s ", rule->peer.address.family == AF_INET6 ? "ip6" : "ip",
                rule->direction == DIRECTION_INGRESS ? "saddr" : "daddr", cidr_format(&rule->peer, cidr));
    if (rule->protocol == PROTOCOL_ICMP)
        text_add(text, "meta l4proto { icmp, ipv6-icmp } ");
    else if (rule->protocol != PROTOCOL_ALL && rule->port_last == 0)
        text_add(text, "meta l4proto %s ", protocol_name(rule->protocol));
    else if (rule->protocol != PROTOCOL_ALL)
        text_add(text, "%s dport %u-%u ", protocol_name(rule->protocol), rule->port_first, rule->port_last);
    text_add(text, "%s\n", rule->action == ACTION_ALLOW ? pass[rule->direction] : "drop");
}

/* Fills the subnet's two chains, which are there and empty. */
static void add_policy(Text *text, const Subnet *subnet) {
    const Firewall *firewall = subnet->firewall;

    for (int direction = 0; direction < _DIRECTION_MAX; direction++) {
        for (size_t i = 0; i < firewall->n_rules; i++)
            if ((int)firewall->rules[i].direction == direction)
                add_rule(text, subnet, &firewall->rules[i]);
        text_add(text, "add rule inet " NFT_TABLE " %s_%u %s\n", direction_name((Direction)direction), subnet->id,
                firewall->defaults[direction] == ACTION_ALLOW ? pass[direction] : "drop");
    }
}

static void add_chains(Text *text, const char *verb, const Subnet *subnet) {
    for (int direction = 0; direction < _DIRECTION_MAX; direction++)
        text_add(text, "%s chain inet " NFT_TABLE " %s_%u\n", verb, direction_name((Direction)direction), subnet->id);
}

/* Chains of policies that are new or differ. From nothing, they are in the base and empty. */
static void add_policies(Text *text, const View *from, const View *to) {
    FOREACH_SUBNET(to->vpc, subnet) {
        const Subnet *old = from->vpc ? vpc_subnet(from->vpc, subnet->name) : NULL;

        if (!subnet->firewall || (old && firewall_equal(old->firewall, subnet->firewall)))
            continue;
        if (from->vpc)
            add_chains(text, old && old->firewall ? "flush" : "add", subnet);
        add_policy(text, subnet);
    }
}

static void delete_policies(Text *text, const View *from, const View *to) {
    FOREACH_SUBNET(from->vpc, subnet) {
        const Subnet *kept = vpc_subnet(to->vpc, subnet->name);

        if (subnet->firewall && !(kept && kept->firewall)) {
            add_chains(text, "flush", subnet);
            add_chains(text, "delete", subnet);
        }
    }
}

/* "add" before "delete", so that the transaction holds whether or not the table is there. */
#define REPLACE(family) "add table " family " " NFT_TABLE "\ndelete table " family " " NFT_TABLE "\n"

char *nftgen_router(const Draft *draft, const Vpc *vpc, bool reverse) {
    View nothing = { draft, NULL, reverse }, view = { draft, vpc, reverse };
    Text text;

    text_begin(&text);
    text_add(&text, REPLACE("bridge") REPLACE("inet"));
    add_base(&text, vpc);
    add_policies(&text, &nothing, &view);
    add_elements(&text, "add", &view, &nothing);
    return text_end(&text);
}

char *nftgen_router_change(const Draft *draft, const Vpc *from, const Vpc *to, bool reverse) {
    View old = { draft, from, !reverse }, new = { draft, to, reverse };
    Text text;

    text_begin(&text);
    /* A chain comes before the element that leads to it, and goes after it. */
    add_elements(&text, "delete", &old, &new);
    delete_policies(&text, &old, &new);
    add_policies(&text, &old, &new);
    add_elements(&text, "add", &new, &old);
    return text_end(&text);
}

/* --- the host --- */

/* Every text begins with these, since an administrator's "flush ruleset" may have taken them away. */
#define HOST_SETS                                                                                                      \
    "add table inet " NFT_TABLE " { comment \"" NFT_COMMENT "\" ; }\n"                                                     \
    "add set inet " NFT_TABLE " uplinks { type ifname ; }\n"                                                           \
    "add set inet " NFT_TABLE " exits { type ifname . ifname ; }\n"

char *nftgen_host_base(void) {
    /* The sets stay, the chains are filled anew: loading this again mends the rules and forgets no VPC. Uplinks: our
     * ends of the links to routers. Exits: which uplink may leave by which interface. */
    return strdup(HOST_SETS
                  "add chain inet " NFT_TABLE " forward { type filter hook forward priority filter ; policy accept ; }\n"
                  "add chain inet " NFT_TABLE " input { type filter hook input priority filter ; policy accept ; }\n"
                  "add chain inet " NFT_TABLE " postrouting "
                  "{ type nat hook postrouting priority srcnat ; policy accept ; }\n"
                  "flush chain inet " NFT_TABLE " forward\n"
                  "flush chain inet " NFT_TABLE " input\n"
                  "flush chain inet " NFT_TABLE " postrouting\n"
                  "add rule inet " NFT_TABLE " forward iifname @uplinks oifname @uplinks drop\n"
                  "add rule inet " NFT_TABLE " forward iifname @uplinks ip daddr 169.254.0.0/16 drop\n"
                  "add rule inet " NFT_TABLE " forward iifname @uplinks ip6 daddr fd00:ec2::254 drop\n"
                  "add rule inet " NFT_TABLE " forward iifname . oifname @exits accept\n"
                  "add rule inet " NFT_TABLE " forward iifname @uplinks drop\n"
                  "add rule inet " NFT_TABLE " forward oifname @uplinks ct state established,related accept\n"
                  "add rule inet " NFT_TABLE " forward oifname @uplinks drop\n"
                  "add rule inet " NFT_TABLE " input iifname @uplinks ct state established,related accept\n"
                  "add rule inet " NFT_TABLE " input iifname @uplinks drop\n"
                  "add rule inet " NFT_TABLE " postrouting iifname . oifname @exits masquerade\n");
}

char *nftgen_host_remove(void) {
    return strdup(REPLACE("inet"));
}

char *nftgen_host_uplink(const Vpc *vpc, bool remove) {
    LinkName link;
    Text text;

    link_uplink_host(vpc, link);
    text_begin(&text);
    text_add(&text, HOST_SETS "add element inet " NFT_TABLE " uplinks { \"%s\" }\n", link);
    if (remove)
        text_add(&text, "delete element inet " NFT_TABLE " uplinks { \"%s\" }\n", link);
    return text_end(&text);
}

char *nftgen_host_nat(const Vpc *vpc, const char *interface, bool remove) {
    LinkName link;
    Text text;

    link_uplink_host(vpc, link);
    text_begin(&text);
    text_add(&text, HOST_SETS "add element inet " NFT_TABLE " exits { \"%s\" . \"%s\" }\n", link, interface);
    if (remove)
        text_add(&text, "delete element inet " NFT_TABLE " exits { \"%s\" . \"%s\" }\n", link, interface);
    return text_end(&text);
}
