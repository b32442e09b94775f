/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftgen.h"

#include "core/ident.h"
#include "core/text.h"

#define COMMENT "made by vpcd, see vpcctl(1); changes by hand are lost"

/* Adds "elements = { a, b }" around what `one` writes for each element; nothing at all when there is none, since nft
 * has no empty list. */
typedef struct List {
    Text *text;
    size_t n;
} List;

static void list_next(List *list) {
    text_add(list->text, "%s", list->n++ ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t");
}

static void list_end(List *list) {
    if (list->n)
        text_add(list->text, "\n\t\t}\n");
}

#define FOREACH_SUBNET(vpc, subnet)                                                                                    \
    for (size_t _s = 0; _s < (vpc)->n_subnets; _s++)                                                                   \
        for (const Subnet *subnet = (vpc)->subnets[_s]; subnet; subnet = NULL)

/* --- a router: who may be on which port --- */

static void add_bridge_table(Text *text, const Vpc *vpc) {
    List list = { text, 0 };

    text_add(text, "table bridge " NFT_TABLE " {\n\tcomment \"" COMMENT "\"\n\n");
    text_add(text, "\tset bound4 {\n\t\ttype ifname . ether_addr . ipv4_addr\n");
    FOREACH_SUBNET(vpc, subnet) {
        for (size_t i = 0; i < subnet->n_endpoints; i++) {
            const Endpoint *endpoint = subnet->endpoints[i];
            Mac mac = mac_from_address(&endpoint->address);
            char mac_text[MAC_TEXT_MAX], address[ADDRESS_TEXT_MAX];
            LinkName port;

            list_next(&list);
            text_add(text, "\"%s\" . %s . %s", link_port(endpoint, port), mac_format(&mac, mac_text),
                    address_format(&endpoint->address, address));
        }
    }
    list_end(&list);
    /* Everything else, be it IPv6, VLAN-tagged, DHCP or LLC, meets the policy. In ARP both senders, of the frame and of
     * the claim, have to be the port's own. */
    text_add(text, "\t}\n\n"
                   "\tchain prerouting {\n"
                   "\t\ttype filter hook prerouting priority -300; policy drop;\n"
                   "\t\tether type ip iifname . ether saddr . ip saddr @bound4 accept\n"
                   "\t\tether type arp iifname . ether saddr . arp saddr ip @bound4 "
                   "iifname . arp saddr ether . arp saddr ip @bound4 accept\n"
                   "\t}\n}\n");
}

/* --- a router: who may talk to whom --- */

static void add_rule(Text *text, const Rule *rule) {
    char cidr[CIDR_TEXT_MAX];

    text_add(text, "\t\t");
    if (rule->peer.address.family != AF_UNSPEC)
        text_add(text, "%s %s %s ", rule->peer.address.family == AF_INET6 ? "ip6" : "ip",
                rule->direction == DIRECTION_INGRESS ? "saddr" : "daddr", cidr_format(&rule->peer, cidr));
    if (rule->protocol == PROTOCOL_ICMP)
        text_add(text, "meta l4proto { icmp, ipv6-icmp } ");
    else if (rule->protocol != PROTOCOL_ALL && rule->port_last == 0)
        text_add(text, "meta l4proto %s ", protocol_name(rule->protocol));
    else if (rule->protocol != PROTOCOL_ALL)
        text_add(text, "%s dport %u-%u ", protocol_name(rule->protocol), rule->port_first, rule->port_last);
    /* "return" goes on to the next question, which is the other side's policy. */
    text_add(text, "%s\n", rule->action == ACTION_ALLOW ? "return" : "drop");
}

static void add_policy_chain(Text *text, const Subnet *subnet, Direction direction) {
    const Firewall *firewall = subnet->firewall;

    text_add(text, "\tchain %s_%u {\n", direction_name(direction), subnet->id);
    for (size_t i = 0; i < firewall->n_rules; i++)
        if (firewall->rules[i].direction == direction)
            add_rule(text, &firewall->rules[i]);
    text_add(text, "\t\t%s\n\t}\n\n", firewall->defaults[direction] == ACTION_ALLOW ? "return" : "drop");
}

static void add_policy_map(Text *text, const Vpc *vpc, Direction direction) {
    List list = { text, 0 };

    text_add(text, "\tmap %s4 {\n\t\ttype ipv4_addr : verdict\n\t\tflags interval\n", direction_name(direction));
    FOREACH_SUBNET(vpc, subnet) {
        char cidr[CIDR_TEXT_MAX];

        if (!subnet->firewall)
            continue;
        list_next(&list);
        text_add(text, "%s : jump %s_%u", cidr_format(&subnet->cidr, cidr), direction_name(direction), subnet->id);
    }
    list_end(&list);
    text_add(text, "\t}\n\n");
}

typedef struct AddPeer {
    const Draft *draft;
    bool reverse;
    const Vpc *vpc;
    List list;
} AddPeer;

static int add_peer(const Peering *peering, void *data) {
    AddPeer *add = data;
    const char *other_name = peering_other(peering, add->vpc->name);
    const Vpc *other = draft_see_vpc(add->draft, other_name, add->reverse);
    char cidr[CIDR_TEXT_MAX];
    LinkName link;

    if (!other)
        return 0;
    list_next(&add->list);
    text_add(add->list.text, "\"%s\" . %s", link_peer(other_name, peering->id, link), cidr_format(&other->cidr, cidr));
    return 0;
}

static void add_inet_table(Text *text, const Draft *draft, const Vpc *vpc, bool reverse) {
    AddPeer peers = { draft, reverse, vpc, { text, 0 } };
    List list = { text, 0 };
    Address host = uplink_address(vpc, 0);
    char address[ADDRESS_TEXT_MAX];
    LinkName bridge;

    link_bridge(vpc, bridge);
    text_add(text, "table inet " NFT_TABLE " {\n\tcomment \"" COMMENT "\"\n\n");

    text_add(text, "\tset public4 {\n\t\ttype ipv4_addr\n\t\tflags interval\n");
    FOREACH_SUBNET(vpc, subnet) {
        char cidr[CIDR_TEXT_MAX];

        if (subnet->type != SUBNET_PUBLIC)
            continue;
        list_next(&list);
        text_add(text, "%s", cidr_format(&subnet->cidr, cidr));
    }
    list_end(&list);
    text_add(text, "\t}\n\n\tset peers4 {\n\t\ttype ifname . ipv4_addr\n\t\tflags interval\n");
    (void)draft_each_peering(draft, vpc->name, reverse, add_peer, &peers);
    list_end(&peers.list);
    text_add(text, "\t}\n\n");

    FOREACH_SUBNET(vpc, subnet) {
        if (!subnet->firewall)
            continue;
        add_policy_chain(text, subnet, DIRECTION_EGRESS);
        add_policy_chain(text, subnet, DIRECTION_INGRESS);
    }
    add_policy_map(text, vpc, DIRECTION_EGRESS);
    add_policy_map(text, vpc, DIRECTION_INGRESS);

    text_add(text, "\tchain to_subnet {\n\t\tip daddr vmap @ingress4\n\t\taccept\n\t}\n\n");

    /* The sender's policy first, then where it goes: to another subnet, a peer, or out. */
    text_add(text, "\tchain from_subnet {\n"
                   "\t\tip saddr vmap @egress4\n"
                   "\t\toifname \"%s\" jump to_subnet\n"
                   "\t\toifname . ip daddr @peers4 accept\n", bridge);
    if (vpc->nat_interface)
        text_add(text, "\t\toifname \"" LINK_UPLINK "\" ip daddr != 169.254.0.0/16 ip saddr @public4 accept\n");
    text_add(text, "\t\treject with icmpx admin-prohibited\n\t}\n\n");

    /* A peer is let in with its own addresses only, and only to our subnets: that makes peering not transitive. */
    text_add(text, "\tchain forward {\n"
                   "\t\ttype filter hook forward priority filter; policy drop;\n"
                   "\t\tct state vmap { established : accept, related : accept, invalid : drop }\n"
                   "\t\tiifname \"%s\" jump from_subnet\n"
                   "\t\toifname \"%s\" iifname . ip saddr @peers4 jump to_subnet\n", bridge, bridge);
    if (vpc->host_access)
        text_add(text, "\t\toifname \"%s\" iifname \"" LINK_UPLINK "\" ip saddr %s jump to_subnet\n", bridge,
                address_format(&host, address));
    text_add(text, "\t}\n\n");

    text_add(text, "\tchain input {\n"
                   "\t\ttype filter hook input priority filter; policy drop;\n"
                   "\t\tct state vmap { established : accept, related : accept, invalid : drop }\n"
                   "\t\tiifname { \"lo\", \"%s\", \"" LINK_UPLINK "\" } icmp type echo-request accept\n"
                   "\t}\n", bridge);
    if (vpc->nat_interface)
        text_add(text, "\n\tchain postrouting {\n"
                       "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                       "\t\toifname \"" LINK_UPLINK "\" ip saddr @public4 masquerade\n"
                       "\t}\n");
    text_add(text, "}\n");
}

/* "add" before "delete", so that the transaction holds whether or not the table is there. */
#define REPLACE(family) "add table " family " " NFT_TABLE "\ndelete table " family " " NFT_TABLE "\n"

char *nftgen_router(const Draft *draft, const Vpc *vpc, bool reverse) {
    Text text;

    text_begin(&text);
    text_add(&text, REPLACE("bridge") REPLACE("inet"));
    add_bridge_table(&text, vpc);
    add_inet_table(&text, draft, vpc, reverse);
    return text_end(&text);
}

/* --- the host --- */

/* Every text begins with these, since an administrator's "flush ruleset" may have taken them away. */
#define HOST_SETS                                                                                                      \
    "add table inet " NFT_TABLE " { comment \"" COMMENT "\" ; }\n"                                                     \
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
