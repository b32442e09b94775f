/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/change.h"

#include "core/ident.h"

Request *request_new(void) {
    Request *request = calloc(1, sizeof(*request));

    if (request)
        request->control = request->stdio[0] = request->stdio[1] = request->stdio[2] = -1;
    return request;
}

Request *request_free(Request *request) {
    if (!request)
        return NULL;
    free(request->groups);
    free(request->vpc);
    free(request->other_vpc);
    free(request->subnet);
    free(request->name);
    free(request->interface);
    firewall_free(request->firewall);
    strings_free(request->argv);
    strings_free(request->environment);
    free(request->directory);
    close_descriptor(&request->control);
    for (size_t i = 0; i < ELEMENTSOF(request->stdio); i++)
        close_descriptor(&request->stdio[i]);
    free(request);
    return NULL;
}

static int no_memory(Failure *failure) {
    (void)failure_set(failure, ERROR_FAILED, "out of memory");
    return -ENOMEM;
}

static int no_such_vpc(const char *name, Failure *failure) {
    return failure_set(failure, ERROR_NO_SUCH_VPC, "VPC '%s': there is none of that name", name);
}

static int no_such_subnet(const char *vpc, const char *name, Failure *failure) {
    return failure_set(failure, ERROR_NO_SUCH_SUBNET, "subnet '%s': VPC '%s' has none of that name", name, vpc);
}

int find_vpc(const Model *model, const char *name, const Vpc **ret, Failure *failure) {
    *ret = model_vpc(model, name);
    return *ret ? 0 : no_such_vpc(name, failure);
}

int find_subnet(const Model *model, const char *vpc, const char *name, const Vpc **ret_vpc, const Subnet **ret,
        Failure *failure) {
    int r = find_vpc(model, vpc, ret_vpc, failure);

    if (r < 0)
        return r;
    *ret = vpc_subnet(*ret_vpc, name);
    return *ret ? 0 : no_such_subnet(vpc, name, failure);
}

static int open_vpc(Draft *draft, const char *name, Vpc **ret, Failure *failure) {
    if (draft_vpc(draft, name, ret) < 0)
        return no_memory(failure);
    return *ret ? 0 : no_such_vpc(name, failure);
}

static int open_subnet(Draft *draft, const Request *request, Vpc **ret_vpc, Subnet **ret, Failure *failure) {
    int r = open_vpc(draft, request->vpc, ret_vpc, failure);

    if (r < 0)
        return r;
    *ret = vpc_subnet(*ret_vpc, request->subnet);
    return *ret ? 0 : no_such_subnet(request->vpc, request->subnet, failure);
}

/* Finds the lowest free number of a range: begin, take each that is in use, end. O(owners + range). */
typedef struct IdSet {
    unsigned first, count;
    bool *taken;
} IdSet;

static int ids_begin(IdSet *set, unsigned first, unsigned count) {
    *set = (IdSet){ first, count, calloc(count, sizeof(bool)) };
    return set->taken ? 0 : -ENOMEM;
}

static void ids_take(IdSet *set, unsigned id) {
    if (id >= set->first && id - set->first < set->count)
        set->taken[id - set->first] = true;
}

/* -ENOSPC when all are taken. */
static int ids_end(IdSet *set, unsigned *ret) {
    _cleanup_free_ bool *taken = TAKE_PTR(set->taken);

    for (unsigned i = 0; i < set->count; i++)
        if (!taken[i]) {
            *ret = set->first + i;
            return 0;
        }
    return -ENOSPC;
}

/* Refuses one more than a user (or VPC) may have. Root is no user in this. */
static int check_limit(const Request *request, size_t have, const unsigned *limit, const char *what, const char *key,
        Failure *failure) {
    if (!limit || request->uid == 0 || have < *limit)
        return 0;
    return failure_set(failure, ERROR_LIMIT, "%s: %zu are the most that one may have here ('%s'); delete one, or ask the "
            "administrator", what, have, key);
}

#define LIMIT(facts, name) ((facts)->limits ? &(facts)->limits->name : NULL)

/* --- VPCs --- */

/* Two VPCs with meeting blocks may exist, but the host's one routing table can only lead to one of them. */
static bool host_route_is_free(const Model *model, const Cidr *cidr) {
    for (size_t i = 0; i < model->n_vpcs; i++)
        if (model->vpcs[i]->host_access && cidr_overlaps(&model->vpcs[i]->cidr, cidr))
            return false;
    return true;
}

int change_create_vpc(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    _cleanup_(vpc_free_pointer) Vpc *vpc = calloc(1, sizeof(Vpc));
    size_t own = 0;
    IdSet ids;
    int r;

    for (size_t i = 0; i < draft->model->n_vpcs; i++)
        own += draft->model->vpcs[i]->owner == request->uid;
    r = check_limit(request, own, LIMIT(facts, vpcs_per_user), "VPCs", "vpcs-per-user", failure);
    if (r < 0)
        return r;
    if (!vpc || !(vpc->name = strdup(request->name)) || ids_begin(&ids, 0, UPLINK_MAX) < 0)
        return no_memory(failure);
    for (size_t i = 0; i < draft->model->n_vpcs; i++)
        ids_take(&ids, draft->model->vpcs[i]->id);
    if (ids_end(&ids, &vpc->id) < 0)
        return failure_set(failure, ERROR_LIMIT, "VPC '%s': this machine has %u VPCs already, the most there can be",
                request->name, UPLINK_MAX);
    vpc->owner = request->uid;
    vpc->created = request->now;
    vpc->cidr = request->cidr;
    vpc->host_access = request->host_access && !facts->host_route && host_route_is_free(draft->model, &vpc->cidr);

    r = draft_add_vpc(draft, vpc);
    if (r == -EEXIST)
        return failure_set(failure, ERROR_EXISTS, "VPC '%s': there is one of that name already", request->name);
    if (r < 0)
        return no_memory(failure);
    TAKE_PTR(vpc);
    return 0;
}

/* Forgets what an interface was like before us once no VPC leaves by it. */
static int release_interface(Draft *draft, const char *name, Failure *failure) {
    for (size_t i = 0; i < draft->model->n_vpcs; i++) {
        const Vpc *vpc = draft_see_vpc(draft, draft->model->vpcs[i]->name, false);

        if (vpc && streq_null(vpc->nat_interface, name))
            return 0;
    }
    return draft_remove_interface(draft, name) == -ENOMEM ? no_memory(failure) : 0;
}

typedef struct PeerNames {
    char **names;
    size_t n;
} PeerNames;

static void peer_names_clear(PeerNames *peers) {
    for (size_t i = 0; i < peers->n; i++)
        free(peers->names[i]);
    free(peers->names);
}

typedef struct CollectPeers {
    const char *vpc;
    PeerNames peers;
} CollectPeers;

static int collect_peer(const Peering *peering, void *data) {
    CollectPeers *collect = data;
    char *name;

    if (GROW(collect->peers.names, collect->peers.n) < 0 ||
            !(name = strdup(peering_other(peering, collect->vpc))))
        return -ENOMEM;
    collect->peers.names[collect->peers.n++] = name;
    return 0;
}

static int delete_vpc(Draft *draft, const char *name, Failure *failure) {
    CollectPeers collect = { .vpc = name };
    _cleanup_(peer_names_clear) PeerNames peers = { 0 };
    Vpc *vpc;
    int r = open_vpc(draft, name, &vpc, failure);

    if (r < 0)
        return r;
    r = draft_each_peering(draft, name, false, collect_peer, &collect);
    peers = collect.peers;
    for (size_t i = 0; r == 0 && i < peers.n; i++) {
        Vpc *other;

        /* The other side's routes and rules change too, so it is part of the draft. */
        r = draft_vpc(draft, peers.names[i], &other);
        if (r == 0)
            r = draft_remove_peering(draft, name, peers.names[i]);
    }
    if (r < 0)
        return no_memory(failure);

    _cleanup_free_ char *interface = TAKE_PTR(vpc->nat_interface);
    if (draft_remove_vpc(draft, name) < 0)
        return no_memory(failure);
    return interface ? release_interface(draft, interface, failure) : 0;
}

int change_delete_vpc(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    return delete_vpc(draft, request->name, failure);
}

int change_purge(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    for (size_t i = 0; i < draft->model->n_vpcs; i++) {
        const Vpc *vpc = draft->model->vpcs[i];
        int r = request->all || vpc->owner == request->uid ? delete_vpc(draft, vpc->name, failure) : 0;

        if (r < 0)
            return r;
    }
    return 0;
}

/* --- subnets --- */

/* The addresses of a VPC that no endpoint gets: base, router, resolver (+2, as in AWS) and the last. */
static bool address_is_reserved(const Vpc *vpc, const Subnet *subnet, const Address *address) {
    Address last = cidr_last(&subnet->cidr);

    if (address_equal(address, &subnet->cidr.address) || address_equal(address, &last))
        return true;
    for (uint64_t i = 0; i <= 2; i++) {
        Address reserved;

        if (cidr_nth(&vpc->cidr, i, &reserved) == 0 && address_equal(address, &reserved))
            return true;
    }
    return false;
}

/* The lowest address from the subnet's second on that nobody has: .1 is left free in every subnet, since people expect a
 * router there. */
static int free_address(const Vpc *vpc, const Subnet *subnet, Address *ret) {
    Address address;

    for (uint64_t i = 2; cidr_nth(&subnet->cidr, i, &address) == 0; i++) {
        bool taken = address_is_reserved(vpc, subnet, &address);

        for (size_t j = 0; !taken && j < subnet->n_endpoints; j++)
            taken = address_equal(&subnet->endpoints[j]->address, &address);
        if (!taken) {
            *ret = address;
            return 0;
        }
    }
    return -ENOSPC;
}

static int free_endpoint_id(const Vpc *vpc, unsigned *ret) {
    IdSet ids;

    if (ids_begin(&ids, 1, 1023) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < vpc->n_subnets; i++)
        for (size_t j = 0; j < vpc->subnets[i]->n_endpoints; j++)
            ids_take(&ids, vpc->subnets[i]->endpoints[j]->id);
    return ids_end(&ids, ret);
}

static int add_endpoint(Vpc *vpc, Subnet *subnet, const char *name, Failure *failure) {
    _cleanup_(endpoint_free_pointer) Endpoint *endpoint = calloc(1, sizeof(Endpoint));
    int r;

    if (!endpoint || !(endpoint->name = strdup(name)))
        return no_memory(failure);
    if (free_address(vpc, subnet, &endpoint->address) < 0) {
        char text[CIDR_TEXT_MAX];

        return failure_set(failure, ERROR_LIMIT,
                "subnet '%s': no address of %s is free (the first two, the last, and the VPC's router and resolver are "
                "reserved); use a larger block",
                subnet->name, cidr_format(&subnet->cidr, text));
    }
    r = free_endpoint_id(vpc, &endpoint->id);
    if (r == -ENOSPC)
        return failure_set(failure, ERROR_LIMIT,
                "VPC '%s': it has 1023 endpoints, and a Linux bridge has no more ports; use another VPC and a peering",
                vpc->name);
    if (r < 0 || subnet_add_endpoint(subnet, endpoint) < 0)
        return no_memory(failure);
    TAKE_PTR(endpoint);
    return 0;
}

int change_add_subnet(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    _cleanup_(subnet_free_pointer) Subnet *subnet = calloc(1, sizeof(Subnet));
    IdSet ids;
    Vpc *vpc;
    int r = open_vpc(draft, request->vpc, &vpc, failure);

    if (r < 0)
        return r;
    if (vpc_subnet(vpc, request->name))
        return failure_set(failure, ERROR_EXISTS, "subnet '%s': VPC '%s' has one of that name already", request->name,
                request->vpc);
    r = check_limit(request, vpc->n_subnets, LIMIT(facts, subnets_per_vpc), "subnets", "subnets-per-vpc", failure);
    if (r < 0)
        return r;
    if (!subnet || !(subnet->name = strdup(request->name)) ||
            ids_begin(&ids, 1, (unsigned)vpc->n_subnets + 1) < 0)
        return no_memory(failure);
    for (size_t i = 0; i < vpc->n_subnets; i++)
        ids_take(&ids, vpc->subnets[i]->id);
    (void)ids_end(&ids, &subnet->id); /* n subnets cannot take n + 1 numbers */
    subnet->cidr = request->cidr;
    subnet->type = request->type;

    r = add_endpoint(vpc, subnet, "", failure);
    if (r < 0)
        return r;
    if (vpc_add_subnet(vpc, subnet) < 0)
        return no_memory(failure);
    TAKE_PTR(subnet);
    return 0;
}

int change_delete_subnet(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    Vpc *vpc;
    Subnet *subnet;
    int r = open_subnet(draft, request, &vpc, &subnet, failure);

    if (r < 0)
        return r;
    vpc_remove_subnet(vpc, request->subnet);
    return 0;
}

/* --- NAT --- */

int change_enable_nat(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    _cleanup_free_ char *before = NULL;
    Vpc *vpc;
    int r = open_vpc(draft, request->vpc, &vpc, failure);

    if (r < 0)
        return r;
    if (facts->interface == 0)
        return failure_set(failure, ERROR_NO_SUCH_INTERFACE, "interface '%s': this machine has none of that name",
                request->interface);
    if (facts->interface < 0)
        return failure_set(failure, ERROR_INVALID,
                "interface '%s': NAT leaves by an interface of the host's own, not by loopback or a VPC's link",
                request->interface);
    if (vpc->nat_interface && streq(vpc->nat_interface, request->interface))
        return failure_set(failure, ERROR_EXISTS, "VPC '%s': NAT by interface '%s' is on already", request->vpc,
                request->interface);

    before = TAKE_PTR(vpc->nat_interface);
    vpc->nat_interface = strdup(request->interface);
    if (!vpc->nat_interface)
        return no_memory(failure);
    if (!model_interface(draft->model, request->interface)) {
        _cleanup_(host_interface_free_pointer) HostInterface *interface = calloc(1, sizeof(HostInterface));

        if (!interface || !(interface->name = strdup(request->interface)))
            return no_memory(failure);
        interface->forwarding_before = facts->forwarding;
        if (draft_add_interface(draft, interface) < 0)
            return no_memory(failure);
        TAKE_PTR(interface);
    }
    return before ? release_interface(draft, before, failure) : 0;
}

int change_disable_nat(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    _cleanup_free_ char *before = NULL;
    Vpc *vpc;
    int r = open_vpc(draft, request->vpc, &vpc, failure);

    if (r < 0)
        return r;
    before = TAKE_PTR(vpc->nat_interface);
    if (!before)
        return failure_set(failure, ERROR_CONFLICT, "VPC '%s': NAT is not on", request->vpc);
    return release_interface(draft, before, failure);
}

/* --- peerings --- */

typedef struct CountPeerings {
    const char *vpc;
    size_t n;
} CountPeerings;

/* Those that the VPC's own side wants: other people's requests must not use up what it may have. */
static int count_peering(const Peering *peering, void *data) {
    CountPeerings *count = data;

    count->n += peering->agreed[streq(peering->vpcs[0], count->vpc) ? 0 : 1];
    return 0;
}

/* A side has agreed when its owner asks, or root, or whoever may manage both and owns neither. */
static void agree(Peering *peering, const Vpc *a, const Vpc *b, uid_t uid) {
    bool both = uid == 0 || (a->owner != uid && b->owner != uid);

    for (size_t i = 0; i < 2; i++) {
        const Vpc *side = streq(a->name, peering->vpcs[i]) ? a : b;

        peering->agreed[i] = both || side->owner == uid;
    }
}

int change_create_peering(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    _cleanup_(peering_free_pointer) Peering *peering = calloc(1, sizeof(Peering));
    const char *names[2] = { request->vpc, request->other_vpc };
    Vpc *vpcs[2];
    IdSet ids;
    int r;

    if (streq(names[0], names[1]))
        return failure_set(failure, ERROR_INVALID, "VPC '%s': a VPC cannot be peered with itself", names[0]);
    for (size_t i = 0; i < 2; i++) {
        CountPeerings count = { names[i], 0 };

        r = open_vpc(draft, names[i], &vpcs[i], failure);
        if (r < 0)
            return r;
        (void)draft_each_peering(draft, names[i], false, count_peering, &count);
        r = check_limit(request, count.n, LIMIT(facts, peerings_per_vpc), "peerings", "peerings-per-vpc", failure);
        if (r < 0)
            return r;
    }
    if (!peering || !(peering->vpcs[0] = strdup(strcmp(names[0], names[1]) < 0 ? names[0] : names[1])) ||
            !(peering->vpcs[1] = strdup(strcmp(names[0], names[1]) < 0 ? names[1] : names[0])) ||
            ids_begin(&ids, 0, PEERING_MAX) < 0)
        return no_memory(failure);
    for (size_t i = 0; i < draft->model->n_peerings; i++)
        ids_take(&ids, draft->model->peerings[i]->id);
    if (ids_end(&ids, &peering->id) < 0)
        return failure_set(failure, ERROR_LIMIT, "peering of '%s' and '%s': this machine has %u already, the most "
                "there can be", names[0], names[1], PEERING_MAX);
    agree(peering, vpcs[0], vpcs[1], request->uid);

    r = draft_add_peering(draft, peering);
    if (r == -EEXIST)
        return failure_set(failure, ERROR_EXISTS, "peering of '%s' and '%s': there is one already", names[0], names[1]);
    if (r < 0)
        return no_memory(failure);
    TAKE_PTR(peering);
    return 0;
}

int change_accept_peering(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    const char *a = request->vpc, *b = request->other_vpc;
    Peering *peering;
    Vpc *vpc;

    if (draft_peering(draft, a, b, &peering) < 0)
        return no_memory(failure);
    if (!peering)
        return failure_set(failure, ERROR_NO_SUCH_PEERING, "peering of '%s' and '%s': nobody asked for one", a, b);
    if (peering_is_active(peering))
        return failure_set(failure, ERROR_EXISTS, "peering of '%s' and '%s': it is in force already", a, b);
    peering->agreed[0] = peering->agreed[1] = true;
    return draft_vpc(draft, a, &vpc) < 0 || draft_vpc(draft, b, &vpc) < 0 ? no_memory(failure) : 0;
}

int change_delete_peering(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    const char *a = request->vpc, *b = request->other_vpc;
    Vpc *vpc;
    int r = draft_remove_peering(draft, a, b);

    if (r == -ENOENT)
        return failure_set(failure, ERROR_NO_SUCH_PEERING, "peering of '%s' and '%s': there is none", a, b);
    if (r < 0 || draft_vpc(draft, a, &vpc) < 0 || draft_vpc(draft, b, &vpc) < 0)
        return no_memory(failure);
    return 0;
}

/* --- firewall --- */

int change_apply_firewall(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    Vpc *vpc;
    Subnet *subnet;
    Firewall *firewall;
    int r = open_subnet(draft, request, &vpc, &subnet, failure);

    if (r < 0)
        return r;
    if (request->cidr.address.family != AF_UNSPEC && !cidr_equal(&request->cidr, &subnet->cidr)) {
        char policy[CIDR_TEXT_MAX], real[CIDR_TEXT_MAX];

        return failure_set(failure, ERROR_CONFLICT,
                "subnet '%s': the policy is written for %s, but the subnet is %s; mend the policy's \"subnet\" or leave "
                "it out",
                request->subnet, cidr_format(&request->cidr, policy), cidr_format(&subnet->cidr, real));
    }
    firewall = firewall_copy(request->firewall);
    if (!firewall)
        return no_memory(failure);
    firewall_free(subnet->firewall);
    subnet->firewall = firewall;
    return 0;
}

int change_clear_firewall(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    Vpc *vpc;
    Subnet *subnet;
    int r = open_subnet(draft, request, &vpc, &subnet, failure);

    if (r < 0)
        return r;
    if (!subnet->firewall)
        return failure_set(failure, ERROR_CONFLICT, "subnet '%s': it has no policy", request->subnet);
    subnet->firewall = firewall_free(subnet->firewall);
    return 0;
}

/* --- workloads --- */

static size_t count_workloads(const Model *model, uid_t uid) {
    size_t n = 0;

    for (size_t i = 0; i < model->n_vpcs; i++)
        for (size_t j = 0; j < model->vpcs[i]->n_subnets; j++)
            for (size_t k = 0; k < model->vpcs[i]->subnets[j]->n_endpoints; k++) {
                const Endpoint *endpoint = model->vpcs[i]->subnets[j]->endpoints[k];

                for (size_t l = 0; l < endpoint->n_workloads; l++)
                    n += endpoint->workloads[l]->uid == uid;
            }
    return n;
}

/* A workload as the caller asks for, in the subnet's first endpoint. */
static int add_workload(Draft *draft, const Request *request, const Facts *facts, WorkloadKind kind, Failure *failure) {
    _cleanup_(workload_free_pointer) Workload *workload = calloc(1, sizeof(Workload));
    Vpc *vpc;
    Subnet *subnet;
    Endpoint *endpoint;
    int r = open_subnet(draft, request, &vpc, &subnet, failure);

    if (r < 0)
        return r;
    r = check_limit(request, count_workloads(draft->model, request->uid), LIMIT(facts, workloads_per_user), "workloads",
            "workloads-per-user", failure);
    if (r < 0)
        return r;
    endpoint = subnet_first_endpoint(subnet);
    for (size_t i = 0; i < endpoint->n_workloads; i++) {
        const Workload *other = endpoint->workloads[i];

        if (streq(other->name, request->name))
            return failure_set(failure, ERROR_EXISTS,
                    "workload '%s': subnet '%s' of VPC '%s' has one of that name; stop it first or give another --name",
                    request->name, request->subnet, request->vpc);
        if (request->port && other->port == request->port)
            return failure_set(failure, ERROR_IN_USE, "port %u: workload '%s' of subnet '%s' serves on it already",
                    request->port, other->name, request->subnet);
    }
    if (!workload || !(workload->name = strdup(request->name)) ||
            !(workload->groups = calloc(request->n_groups + 1, sizeof(gid_t))) ||
            (request->directory && !(workload->directory = strdup(request->directory))) ||
            (request->argv && !(workload->argv = strings_copy(request->argv))) ||
            (request->environment && !(workload->environment = strings_copy(request->environment))))
        return no_memory(failure);
    workload->kind = kind;
    workload->port = request->port;
    workload->uid = request->uid;
    workload->gid = request->gid;
    workload->created = request->now;
    workload->restart = kind == WORKLOAD_WEBSERVER ? RESTART_ON_FAILURE : request->restart;
    workload->n_groups = request->n_groups;
    if (request->n_groups)
        memcpy(workload->groups, request->groups, request->n_groups * sizeof(gid_t));
    if (endpoint_add_workload(endpoint, workload) < 0)
        return no_memory(failure);
    TAKE_PTR(workload);
    return 0;
}

int change_deploy_webserver(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    return add_workload(draft, request, facts, WORKLOAD_WEBSERVER, failure);
}

int change_deploy(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    return add_workload(draft, request, facts, WORKLOAD_PROGRAM, failure);
}

static int no_such_workload(const Request *request, Failure *failure) {
    return failure_set(failure, ERROR_NO_SUCH_WORKLOAD, "workload '%s': subnet '%s' of VPC '%s' has none of that name",
            request->name, request->subnet, request->vpc);
}

int change_stop_workload(Draft *draft, const Request *request, const Facts *facts, Failure *failure) {
    Vpc *vpc;
    Subnet *subnet;
    Endpoint *endpoint;
    int r = open_subnet(draft, request, &vpc, &subnet, failure);

    if (r < 0)
        return r;
    endpoint = subnet_first_endpoint(subnet);
    if (!endpoint_workload(endpoint, request->name))
        return no_such_workload(request, failure);
    endpoint_remove_workload(endpoint, request->name);
    return 0;
}

int find_workload(const Model *model, const Request *request, const Vpc **ret_vpc, const Subnet **ret_subnet,
        const Endpoint **ret_endpoint, const Workload **ret, Failure *failure) {
    int r = find_subnet(model, request->vpc, request->subnet, ret_vpc, ret_subnet, failure);

    if (r < 0)
        return r;
    *ret_endpoint = subnet_first_endpoint(*ret_subnet);
    *ret = endpoint_workload(*ret_endpoint, request->name);
    return *ret ? 0 : no_such_workload(request, failure);
}
