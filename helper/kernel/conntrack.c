/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/conntrack.h"

#include "core/ident.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

/* A connection by its first packet. */
typedef struct Tuple {
    Address source, destination;
    uint8_t protocol;
    uint16_t port; /* the destination's; 0 where the protocol has none */
    bool masqueraded;
} Tuple;

static const Subnet *subnet_of(const Vpc *vpc, const Address *address) {
    for (size_t i = 0; i < vpc->n_subnets; i++)
        if (cidr_has_address(&vpc->subnets[i]->cidr, address))
            return vpc->subnets[i];
    return NULL;
}

/* An address of the VPC that was in a subnet and is in none any more. The router's own is in none by nature. */
static bool is_orphan(const Vpc *vpc, const Address *address) {
    Address gateway = vpc_gateway(vpc);
    return cidr_has_address(&vpc->cidr, address) && !address_equal(address, &gateway);
}

static bool flow_allowed(const Vpc *vpc, const Tuple *tuple) {
    const Subnet *from = subnet_of(vpc, &tuple->source), *to = subnet_of(vpc, &tuple->destination);
    if (!from && is_orphan(vpc, &tuple->source))
        return false;
    if (!to && is_orphan(vpc, &tuple->destination))
        return false;
    /* The way to the internet was closed, or the subnet made private. */
    if (from && tuple->masqueraded && (!vpc->nat_interface || from->type != SUBNET_PUBLIC))
        return false;
    Address host = uplink_address(vpc, 0);
    if (to && !vpc->host_access && address_equal(&tuple->source, &host))
        return false;
    if (from && firewall_verdict(from->firewall, DIRECTION_EGRESS, tuple->protocol, &tuple->destination, tuple->port) !=
                        ACTION_ALLOW)
        return false;
    if (to && firewall_verdict(to->firewall, DIRECTION_INGRESS, tuple->protocol, &tuple->source, tuple->port) !=
                      ACTION_ALLOW)
        return false;
    return true;
}

static bool read_address(struct nlattr *const *attributes, int v4, int v6, Address *ret) {
    int family = attributes[v4] ? AF_INET : AF_INET6;
    const struct nlattr *attribute = attributes[v4] ? attributes[v4] : attributes[v6];
    if (!attribute || nla_len(attribute) < (int)address_size(family))
        return false;
    *ret = (Address){ .family = family };
    memcpy(ret->bytes, nla_data(attribute), address_size(family));
    return true;
}

/* False for what is none: then it is left alone. */
static bool read_tuple(struct nlattr *const *entry, Tuple *ret) {
    struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
    *ret = (Tuple){};
    if (!entry[CTA_TUPLE_ORIG] || nla_parse_nested(parts, CTA_TUPLE_MAX, entry[CTA_TUPLE_ORIG], NULL) < 0 ||
            !parts[CTA_TUPLE_IP] || !parts[CTA_TUPLE_PROTO] ||
            nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL) < 0 ||
            nla_parse_nested(proto, CTA_PROTO_MAX, parts[CTA_TUPLE_PROTO], NULL) < 0 || !proto[CTA_PROTO_NUM])
        return false;
    if (!read_address(ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC, &ret->source) ||
            !read_address(ip, CTA_IP_V4_DST, CTA_IP_V6_DST, &ret->destination))
        return false;
    ret->protocol = nla_get_u8(proto[CTA_PROTO_NUM]);
    if (proto[CTA_PROTO_DST_PORT])
        ret->port = ntohs(nla_get_u16(proto[CTA_PROTO_DST_PORT]));
    if (entry[CTA_STATUS])
        ret->masqueraded = ntohl(nla_get_u32(entry[CTA_STATUS])) & IPS_SRC_NAT;
    return true;
}

static struct nl_msg *conntrack_message(int type, int flags, uint8_t family) {
    struct nfgenmsg head = { .nfgen_family = family, .version = NFNETLINK_V0 };
    struct nl_msg *message = nlmsg_alloc_simple((NFNL_SUBSYS_CTNETLINK << 8) | type, flags);
    if (message && nlmsg_append(message, &head, sizeof(head), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(message);
        return NULL;
    }
    return message;
}

typedef struct Cut {
    const Vpc *vpc;
    struct nl_msg **deletions; /* sent after the list was read, since it would change under the reader */
    size_t n_deletions;
} Cut;

static void cut_clear(Cut *cut) {
    for (size_t i = 0; i < cut->n_deletions; i++)
        nlmsg_free(cut->deletions[i]);
    free(cut->deletions);
}

/* With its id, so that a new connection between the same ports is spared. */
static int add_deletion(Cut *cut, uint8_t family, struct nlattr *const *entry) {
    static const int kept[] = { CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID };
    struct nl_msg *message = conntrack_message(IPCTNL_MSG_CT_DELETE, 0, family);
    int bad = message ? GROW(cut->deletions, cut->n_deletions) : -ENOMEM;
    for (size_t i = 0; bad == 0 && i < ELEMENTSOF(kept); i++) {
        const struct nlattr *attribute = entry[kept[i]];
        if (attribute && nla_put(message, attribute->nla_type, nla_len(attribute), nla_data(attribute)) < 0)
            bad = -EMSGSIZE;
    }
    if (bad < 0) {
        nlmsg_free(message);
        return bad;
    }
    cut->deletions[cut->n_deletions++] = message;
    return 0;
}

static int visit_connection(const struct nlmsghdr *header, void *data) {
    Cut *cut = data;
    struct nlattr *entry[CTA_MAX + 1];
    Tuple tuple;
    if (nlmsg_datalen(header) < (int)sizeof(struct nfgenmsg) ||
            nlmsg_parse((struct nlmsghdr *)(uintptr_t)header, sizeof(struct nfgenmsg), entry, CTA_MAX, NULL) < 0)
        return 0;
    if (!read_tuple(entry, &tuple) || flow_allowed(cut->vpc, &tuple))
        return 0;
    return add_deletion(cut, ((const struct nfgenmsg *)nlmsg_data(header))->nfgen_family, entry);
}

/* See ctnetlink in the kernel's nf_conntrack_netlink.c. */
int conntrack_cut(const Vpc *vpc, char **why) {
    _cleanup_(cut_clear) Cut cut = { .vpc = vpc };
    _cleanup_(netlink_close_pointer) Netlink *netlink = NULL;
    int r = netlink_open(NETLINK_NETFILTER, &netlink);
    if (r < 0)
        return r;
    struct nl_msg *list = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    if (!list)
        return -ENOMEM;
    r = netlink_query(netlink, list, visit_connection, &cut);
    nlmsg_free(list);
    for (size_t i = 0; r == 0 && i < cut.n_deletions; i++) {
        r = netlink_request(netlink, &cut.deletions[i], 1);
        if (r == -ENOENT) /* it ended by itself */
            r = 0;
    }
    if (r < 0 && *netlink_why(netlink))
        *why = strdup(netlink_why(netlink));
    return r;
}
