/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/validate.h"

#include "core/ident.h"

#include <stdio.h>

static int no_memory(Failure *failure) {
    (void)failure_set(failure, ERROR_FAILED, "out of memory");
    return -ENOMEM;
}

/* --- blocks by themselves --- */

/* IPv4 ranges in which a host's address means something else (RFC 6890). */
static const struct {
    Cidr cidr;
    const char *why;
} unusable[] = {
    { { { AF_INET, { 0 } }, 8 }, "\"this network\"" },
    { { { AF_INET, { 127 } }, 8 }, "loopback" },
    { { { AF_INET, { 169, 254 } }, 16 }, "link-local, where the links between router and host are" },
    { { { AF_INET, { 224 } }, 3 }, "multicast and reserved" },
};

int validate_vpc_cidr(const Cidr *cidr, Failure *failure) {
    char text[CIDR_TEXT_MAX];

    cidr_format(cidr, text);
    if (cidr->address.family != AF_INET)
        return failure_set(failure, ERROR_INVALID, "CIDR '%s': a VPC's block is IPv4, such as 10.0.0.0/16", text);
    if (cidr->prefix < VPC_PREFIX_MIN || cidr->prefix > VPC_PREFIX_MAX)
        return failure_set(failure, ERROR_INVALID, "CIDR '%s': a VPC's block is between /%d and /%d, such as 10.0.0.0/16",
                text, VPC_PREFIX_MIN, VPC_PREFIX_MAX);
    for (size_t i = 0; i < ELEMENTSOF(unusable); i++)
        if (cidr_overlaps(cidr, &unusable[i].cidr))
            return failure_set(failure, ERROR_INVALID, "CIDR '%s': that range is %s; use a private one such as "
                    "10.0.0.0/16", text, unusable[i].why);
    return 0;
}

int validate_subnet_cidr(const Cidr *cidr, Failure *failure) {
    char text[CIDR_TEXT_MAX];

    cidr_format(cidr, text);
    if (cidr->address.family != AF_INET)
        return failure_set(failure, ERROR_INVALID, "CIDR '%s': a subnet's block is IPv4, such as 10.0.1.0/24", text);
    if (cidr->prefix > SUBNET_PREFIX_MAX)
        return failure_set(failure, ERROR_INVALID,
                "CIDR '%s': a subnet is /%d or larger, since its first two addresses and its last are reserved", text,
                SUBNET_PREFIX_MAX);
    return 0;
}

/* --- namespace names --- */

/* Whether something in the model-to-be has the namespace of that name, other than one such thing. Since '-' both joins
 * names and is part of them, every way to split the text is looked up: the cost depends on its length, not on how many
 * VPCs there are. `first` gets the first owner found, `second` the next. */
typedef struct Owners {
    char *first, *second;
} Owners;

static void owners_clear(Owners *owners) {
    free(owners->first);
    free(owners->second);
}

/* Takes over the text; NULL is -ENOMEM. */
static int owners_add(Owners *owners, char *text) {
    if (!text)
        return -ENOMEM;
    if (!owners->first)
        owners->first = text;
    else if (!owners->second)
        owners->second = text;
    else
        free(text);
    return 0;
}

static char *describe_vpc(const Vpc *vpc) {
    char *text;

    return asprintf(&text, "VPC '%s'", vpc->name) < 0 ? NULL : text;
}

static char *describe_subnet(const Vpc *vpc, const Subnet *subnet) {
    char *text;

    return asprintf(&text, "subnet '%s' of VPC '%s'", subnet->name, vpc->name) < 0 ? NULL : text;
}

static int netns_owners(const Draft *draft, const char *netns, Owners *owners) {
    _cleanup_free_ char *vpc_name = strdup(netns);
    size_t length = strlen(netns);
    int r = 0;

    if (!vpc_name)
        return -ENOMEM;
    if (draft_see_vpc(draft, netns, false))
        r = owners_add(owners, describe_vpc(draft_see_vpc(draft, netns, false)));
    for (size_t i = 1; r == 0 && i + 1 < length; i++) {
        const Vpc *vpc;

        if (netns[i] != '-')
            continue;
        vpc_name[i] = '\0';
        vpc = draft_see_vpc(draft, vpc_name, false);
        vpc_name[i] = '-';
        if (!vpc)
            continue;
        for (size_t j = 0; r == 0 && j < vpc->n_subnets; j++) {
            const Subnet *subnet = vpc->subnets[j];
            size_t n = strlen(subnet->name);
            const char *rest = netns + i + 1;

            if (strncmp(rest, subnet->name, n) != 0)
                continue;
            if (rest[n] == '\0' || (rest[n] == '-' && subnet_endpoint(subnet, rest + n + 1)))
                r = owners_add(owners, describe_subnet(vpc, subnet));
        }
    }
    return r;
}

static int check_netns(const Draft *draft, const char *netns, Failure *failure) {
    _cleanup_(owners_clear) Owners owners = { 0 };

    if (netns_owners(draft, netns, &owners) < 0)
        return no_memory(failure);
    if (owners.second)
        return failure_set(failure, ERROR_CONFLICT,
                "%s and %s would both have the network namespace '%s'; use another name", owners.first, owners.second,
                netns);
    return 0;
}

/* --- VPCs and subnets --- */

static int check_subnet(const Draft *draft, const Vpc *vpc, const Subnet *subnet, const Vpc *before,
        Failure *failure) {
    char text[CIDR_TEXT_MAX], other_text[CIDR_TEXT_MAX];
    int r = validate_subnet_cidr(&subnet->cidr, failure);

    if (r < 0)
        return r;
    cidr_format(&subnet->cidr, text);
    if (!cidr_contains(&vpc->cidr, &subnet->cidr))
        return failure_set(failure, ERROR_INVALID, "CIDR '%s' of subnet '%s': it is not inside %s of VPC '%s'", text,
                subnet->name, cidr_format(&vpc->cidr, other_text), vpc->name);
    if (before && vpc_subnet(before, subnet->name))
        return 0; /* what follows was checked when it was made */

    for (size_t i = 0; i < vpc->n_subnets; i++) {
        const Subnet *other = vpc->subnets[i];

        if (other != subnet && cidr_overlaps(&other->cidr, &subnet->cidr))
            return failure_set(failure, ERROR_OVERLAP, "CIDR '%s' of subnet '%s': it overlaps %s of subnet '%s'", text,
                    subnet->name, cidr_format(&other->cidr, other_text), other->name);
    }
    for (size_t i = 0; i < subnet->n_endpoints; i++) {
        _cleanup_free_ char *netns = netns_endpoint(vpc, subnet, subnet->endpoints[i]);

        if (!netns)
            return no_memory(failure);
        r = check_netns(draft, netns, failure);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_vpc(const Draft *draft, const DraftVpc *pair, Failure *failure) {
    const Vpc *vpc = pair->after;
    size_t ports = 0;
    int r;

    if (!pair->before) {
        r = validate_vpc_cidr(&vpc->cidr, failure);
        if (r == 0)
            r = check_netns(draft, vpc->name, failure);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < vpc->n_subnets; i++) {
        r = check_subnet(draft, vpc, vpc->subnets[i], pair->before, failure);
        if (r < 0)
            return r;
        ports += vpc->subnets[i]->n_endpoints;
    }
    if (ports > PORTS_MAX)
        return failure_set(failure, ERROR_LIMIT, "VPC '%s': %zu endpoints are more than the %d ports of a Linux bridge",
                vpc->name, ports, PORTS_MAX);
    return 0;
}

/* --- peerings --- */

typedef struct PeerCheck {
    const Draft *draft;
    const Vpc *vpc;   /* whose peerings are visited */
    const Vpc *other; /* the new peer, which may meet none of the old ones */
    Failure *failure;
} PeerCheck;

static int check_against_peer(const Peering *peering, void *data) {
    const PeerCheck *check = data;
    const Vpc *third = draft_see_vpc(check->draft, peering_other(peering, check->vpc->name), false);
    char a[CIDR_TEXT_MAX], b[CIDR_TEXT_MAX];

    /* A request of somebody else's stands in nobody's way; it is looked at again when it is to be accepted. */
    if (!third || third == check->other || !peering_is_active(peering) || !cidr_overlaps(&third->cidr, &check->other->cidr))
        return 0;
    return failure_set(check->failure, ERROR_OVERLAP,
            "peering of '%s' and '%s': %s of '%s' overlaps %s of '%s', which '%s' is peered with already",
            check->vpc->name, check->other->name, cidr_format(&check->other->cidr, a), check->other->name,
            cidr_format(&third->cidr, b), third->name, check->vpc->name);
}

static int check_peering(const Draft *draft, const Peering *peering, Failure *failure) {
    const Vpc *sides[2] = { draft_see_vpc(draft, peering->vpcs[0], false), draft_see_vpc(draft, peering->vpcs[1], false) };
    char a[CIDR_TEXT_MAX], b[CIDR_TEXT_MAX];

    for (size_t i = 0; i < 2; i++)
        if (!sides[i])
            return failure_set(failure, ERROR_NO_SUCH_VPC, "VPC '%s': there is none of that name", peering->vpcs[i]);
    if (cidr_overlaps(&sides[0]->cidr, &sides[1]->cidr))
        return failure_set(failure, ERROR_OVERLAP, "peering of '%s' and '%s': %s and %s overlap, and one address cannot "
                "be in two places", sides[0]->name, sides[1]->name, cidr_format(&sides[0]->cidr, a),
                cidr_format(&sides[1]->cidr, b));
    for (size_t i = 0; i < 2; i++) {
        PeerCheck check = { draft, sides[i], sides[1 - i], failure };
        int r = draft_each_peering(draft, sides[i]->name, false, check_against_peer, &check);

        if (r < 0)
            return r;
    }
    return 0;
}

int validate(const Draft *draft, Failure *failure) {
    int r;

    for (size_t i = 0; i < draft->n_vpcs; i++) {
        r = draft->vpcs[i].after ? check_vpc(draft, &draft->vpcs[i], failure) : 0;
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < draft->n_peerings; i++) {
        r = draft->peerings[i].after ? check_peering(draft, draft->peerings[i].after, failure) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}
