/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include "core/nftgen.h"
#include "core/text.h"

#include <stdarg.h>

static const char *const kind_names[] = {
    [STEP_NETNS] = "netns",
    [STEP_BRIDGE] = "bridge",
    [STEP_VETH] = "veth",
    [STEP_PORT] = "port",
    [STEP_LINK_UP] = "up",
    [STEP_ADDRESS] = "address",
    [STEP_ROUTE] = "route",
    [STEP_SYSCTL] = "sysctl",
    [STEP_RULES] = "rules",
    [STEP_CUT] = "cut",
};

_Static_assert(ELEMENTSOF(kind_names) == _STEP_MAX, "a name for each kind of step");

const char *step_kind_name(StepKind kind) {
    return kind_names[kind];
}

static void step_clear(Step *step) {
    free(step->netns);
    free(step->peer_netns);
    free(step->key);
    free(step->text);
    free(step->expected);
}

void plan_clear(Plan *plan) {
    for (size_t i = 0; i < plan->n_steps; i++)
        step_clear(&plan->steps[i]);
    for (size_t i = 0; i < plan->n_stop_units; i++)
        free(plan->stop_units[i]);
    free(plan->steps);
    free(plan->stop_units);
    *plan = (Plan){ 0 };
}

/* --- building ---
 * Memory can run out at any string. The first time it does is remembered in `failed`; what follows is still built, and
 * the whole is thrown away at the end. */

typedef struct Builder {
    const Draft *draft;
    bool reverse; /* from the draft's new objects to its old ones */
    bool whole;   /* rules are replaced rather than changed: nothing is assumed of what the kernel has */
    Plan plan;
    bool failed;
} Builder;

static char *keep(Builder *builder, char *text) {
    builder->failed = builder->failed || !text;
    return text;
}

static char *copy(Builder *builder, const char *text) {
    return text ? keep(builder, strdup(text)) : NULL;
}

/* Takes over the strings in `step`. */
static void add(Builder *builder, Step step) {
    if (GROW(builder->plan.steps, builder->plan.n_steps) < 0) {
        builder->failed = true;
        step_clear(&step);
        return;
    }
    builder->plan.steps[builder->plan.n_steps++] = step;
}

static void add_stop(Builder *builder, char *unit) {
    if (!keep(builder, unit))
        return;
    if (GROW(builder->plan.stop_units, builder->plan.n_stop_units) < 0) {
        builder->failed = true;
        free(unit);
        return;
    }
    builder->plan.stop_units[builder->plan.n_stop_units++] = unit;
}

static void add_netns(Builder *builder, const char *netns, bool remove) {
    add(builder, (Step){ .kind = STEP_NETNS, .remove = remove, .netns = copy(builder, netns) });
}

static void set_link(LinkName target, const char *name) {
    size_t length = strnlen(name, sizeof(LinkName) - 1);

    memcpy(target, name, length);
    target[length] = '\0';
}

static void add_remove_link(Builder *builder, const char *netns, const char *link) {
    Step step = { .kind = STEP_VETH, .remove = true, .netns = copy(builder, netns) };

    set_link(step.link, link);
    add(builder, step);
}

static void add_up(Builder *builder, const char *netns, const char *link) {
    Step step = { .kind = STEP_LINK_UP, .netns = copy(builder, netns) };

    set_link(step.link, link);
    add(builder, step);
}

static void add_address(Builder *builder, const char *netns, const char *link, Address address, unsigned prefix) {
    Step step = { .kind = STEP_ADDRESS, .netns = copy(builder, netns), .address = address,
        .cidr = { address, prefix } };

    set_link(step.link, link);
    add(builder, step);
}

static void add_route(Builder *builder, const char *netns, const char *link, Cidr cidr, const Address *gateway,
        bool remove) {
    Step step = { .kind = STEP_ROUTE, .remove = remove, .netns = copy(builder, netns), .cidr = cidr };

    if (gateway)
        step.gateway = *gateway;
    set_link(step.link, link);
    add(builder, step);
}

static void add_sysctl(Builder *builder, const char *netns, char *key, const char *value) {
    add(builder, (Step){ .kind = STEP_SYSCTL, .netns = copy(builder, netns), .key = keep(builder, key),
                     .text = copy(builder, value) });
}

static void add_rules(Builder *builder, const char *netns, char *text) {
    add(builder, (Step){ .kind = STEP_RULES, .netns = copy(builder, netns), .text = keep(builder, text) });
}

static char *_printf_(1, 2) format(const char *template, ...) {
    va_list arguments;
    char *text;
    int r;

    va_start(arguments, template);
    r = vasprintf(&text, template, arguments);
    va_end(arguments);
    return r < 0 ? NULL : text;
}

static const Cidr everywhere = { .address = { .family = AF_INET } };

/* --- settings of the namespaces --- */

typedef struct Setting {
    const char *key, *value;
} Setting;

/* Before any link exists, so that "default" holds for each. The host's own values would be inherited otherwise. */
static const Setting router_settings[] = {
    { "ipv4/ip_forward", "1" },
    { "ipv4/conf/all/rp_filter", "1" }, /* nobody comes in by a link that we would not answer him by */
    { "ipv4/conf/all/send_redirects", "0" }, /* two endpoints of one subnet must not be told to talk directly */
    { "ipv4/conf/default/send_redirects", "0" },
    { "ipv4/conf/all/accept_redirects", "0" },
    { "ipv6/conf/all/disable_ipv6", "1" },
    { "ipv6/conf/default/disable_ipv6", "1" },
    { "bridge/bridge-nf-call-iptables", "0" }, /* 1 in a new namespace when br_netfilter is built in */
    { "bridge/bridge-nf-call-ip6tables", "0" },
    { "bridge/bridge-nf-call-arptables", "0" },
};

static const Setting endpoint_settings[] = {
    { "ipv4/ip_forward", "0" },
    { "ipv4/ping_group_range", "0 2147483647" }, /* ping without a capability */
    { "ipv4/ip_unprivileged_port_start", "0" },  /* port 80 without one */
    { "ipv6/conf/all/disable_ipv6", "1" },
    { "ipv6/conf/default/disable_ipv6", "1" },
};

static void add_settings(Builder *builder, const char *netns, const Setting *settings, size_t n) {
    for (size_t i = 0; i < n; i++)
        add_sysctl(builder, netns, strdup(settings[i].key), settings[i].value);
}

/* --- endpoints --- */

static void make_endpoint(Builder *builder, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint) {
    _cleanup_free_ char *netns = keep(builder, netns_endpoint(vpc, subnet, endpoint));
    Address gateway = vpc_gateway(vpc);
    Step veth = { .kind = STEP_VETH, .netns = copy(builder, vpc->name), .peer_netns = copy(builder, netns),
        .mac = mac_of_port(&endpoint->address), .peer_mac = mac_from_address(&endpoint->address) };
    Step port = { .kind = STEP_PORT, .netns = copy(builder, vpc->name) };

    add_netns(builder, netns, false);
    add_settings(builder, netns, endpoint_settings, ELEMENTSOF(endpoint_settings));
    link_port(endpoint, veth.link);
    set_link(veth.peer_link, LINK_ENDPOINT);
    add(builder, veth);
    link_port(endpoint, port.link);
    link_bridge(vpc, port.peer_link);
    add(builder, port);
    add_up(builder, netns, "lo");
    add_address(builder, netns, LINK_ENDPOINT, endpoint->address, subnet->cidr.prefix);
    if (!cidr_has_address(&subnet->cidr, &gateway))
        add_route(builder, netns, LINK_ENDPOINT, (Cidr){ gateway, 32 }, NULL, false);
    add_route(builder, netns, LINK_ENDPOINT, everywhere, &gateway, false);
}

static void unmake_endpoint(Builder *builder, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        bool router_stays) {
    _cleanup_free_ char *netns = keep(builder, netns_endpoint(vpc, subnet, endpoint));
    LinkName port;

    /* A namespace goes some time after its removal, so the port, which stays in sight, is taken away first. */
    if (router_stays)
        add_remove_link(builder, vpc->name, link_port(endpoint, port));
    add_netns(builder, netns, true);
}

static void stop_endpoint_workloads(Builder *builder, const Vpc *vpc, const Subnet *subnet, const Endpoint *from,
        const Endpoint *to) {
    for (size_t i = 0; i < from->n_workloads; i++)
        if (!to || !endpoint_workload(to, from->workloads[i]->name))
            add_stop(builder, unit_workload(vpc->name, subnet->name, from->name, from->workloads[i]->name));
}

/* --- peerings --- */

typedef struct PeerRoutes {
    Builder *builder;
    const Vpc *vpc;
    const Subnet *subnet;
    const Endpoint *endpoint;
} PeerRoutes;

static void add_endpoint_route(Builder *builder, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Vpc *other, bool remove) {
    _cleanup_free_ char *netns = keep(builder, netns_endpoint(vpc, subnet, endpoint));
    Address gateway = vpc_gateway(vpc);

    add_route(builder, netns, LINK_ENDPOINT, other->cidr, &gateway, remove);
}

static int add_peer_route(const Peering *peering, void *data) {
    PeerRoutes *routes = data;
    Builder *builder = routes->builder;
    const Vpc *other = draft_see_vpc(builder->draft, peering_other(peering, routes->vpc->name), builder->reverse);

    if (other && peering_is_active(peering))
        add_endpoint_route(builder, routes->vpc, routes->subnet, routes->endpoint, other, false);
    return 0;
}

/* Routes of all peerings into an endpoint that is new. */
static void add_peer_routes(Builder *builder, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint) {
    PeerRoutes routes = { builder, vpc, subnet, endpoint };

    (void)draft_each_peering(builder->draft, vpc->name, builder->reverse, add_peer_route, &routes);
}

/* Routes of one peering into every endpoint that was there before and stays: new ones get theirs when they are made. */
static void change_peer_routes(Builder *builder, const Vpc *from, const Vpc *to, const Vpc *other, bool remove) {
    for (size_t i = 0; i < to->n_subnets; i++) {
        const Subnet *subnet = to->subnets[i];
        const Subnet *old = vpc_subnet(from, subnet->name);

        for (size_t j = 0; old && j < subnet->n_endpoints; j++)
            if (subnet_endpoint(old, subnet->endpoints[j]->name))
                add_endpoint_route(builder, to, subnet, subnet->endpoints[j], other, remove);
    }
}

static void make_peering(Builder *builder, const Peering *peering) {
    const Vpc *sides[2], *before[2];
    Address addresses[2] = { peer_address(peering, 0), peer_address(peering, 1) };
    LinkName links[2];
    Step veth = { .kind = STEP_VETH, .mac = mac_from_address(&addresses[0]), .peer_mac = mac_from_address(&addresses[1]) };

    for (size_t i = 0; i < 2; i++) {
        sides[i] = draft_see_vpc(builder->draft, peering->vpcs[i], builder->reverse);
        before[i] = draft_see_vpc(builder->draft, peering->vpcs[i], !builder->reverse);
        link_peer(peering->vpcs[1 - i], peering->id, links[i]);
    }
    if (!sides[0] || !sides[1])
        return;
    veth.netns = copy(builder, sides[0]->name);
    veth.peer_netns = copy(builder, sides[1]->name);
    set_link(veth.link, links[0]);
    set_link(veth.peer_link, links[1]);
    add(builder, veth);
    for (size_t i = 0; i < 2; i++) {
        add_address(builder, sides[i]->name, links[i], addresses[i], 31);
        add_route(builder, sides[i]->name, links[i], sides[1 - i]->cidr, &addresses[1 - i], false);
        if (before[i])
            change_peer_routes(builder, before[i], sides[i], sides[1 - i], false);
    }
}

static void unmake_peering(Builder *builder, const Peering *peering) {
    bool link_removed = false;

    for (size_t i = 0; i < 2; i++) {
        const Vpc *side = draft_see_vpc(builder->draft, peering->vpcs[i], builder->reverse);
        const Vpc *before = draft_see_vpc(builder->draft, peering->vpcs[i], !builder->reverse);
        const Vpc *other = draft_see_vpc(builder->draft, peering->vpcs[1 - i], !builder->reverse);
        LinkName link;

        if (!side) /* its namespace goes as a whole */
            continue;
        if (other && before)
            change_peer_routes(builder, before, side, other, true);
        if (!link_removed) /* both ends and the routes through them go at once */
            add_remove_link(builder, side->name, link_peer(peering->vpcs[1 - i], peering->id, link));
        link_removed = true;
    }
}

/* --- NAT --- */

/* What the host needs so that the VPC can leave by the interface. */
static void make_nat(Builder *builder, const Vpc *vpc) {
    LinkName uplink;

    add_sysctl(builder, NULL, format("ipv4/conf/%s/forwarding", link_uplink_host(vpc, uplink)), "1");
    add_sysctl(builder, NULL, format("ipv4/conf/%s/forwarding", vpc->nat_interface), "1");
    add_rules(builder, NULL, nftgen_host_nat(vpc, vpc->nat_interface, false));
}

static void unmake_nat(Builder *builder, const Vpc *vpc, bool uplink_stays) {
    LinkName uplink;

    add_rules(builder, NULL, nftgen_host_nat(vpc, vpc->nat_interface, true));
    if (uplink_stays)
        add_sysctl(builder, NULL, format("ipv4/conf/%s/forwarding", link_uplink_host(vpc, uplink)), "0");
}

/* Gives an interface back what it had, unless somebody else has changed it since. */
static void restore_interface(Builder *builder, const HostInterface *interface) {
    if (interface->forwarding_before)
        return;
    add(builder, (Step){ .kind = STEP_SYSCTL, .host_sysctl_guard = true,
                     .key = keep(builder, format("ipv4/conf/%s/forwarding", interface->name)),
                     .text = copy(builder, "0"), .expected = copy(builder, "1") });
}

/* --- VPCs --- */

static void change_host_route(Builder *builder, const Vpc *vpc, bool remove) {
    Address router = uplink_address(vpc, 1);
    LinkName uplink;

    add_route(builder, NULL, link_uplink_host(vpc, uplink), vpc->cidr, &router, remove);
}

static void make_vpc(Builder *builder, const Vpc *vpc) {
    Address gateway = vpc_gateway(vpc), host = uplink_address(vpc, 0), router = uplink_address(vpc, 1);
    Step bridge = { .kind = STEP_BRIDGE, .netns = copy(builder, vpc->name), .mac = mac_from_address(&gateway) };
    Step uplink = { .kind = STEP_VETH, .peer_netns = copy(builder, vpc->name), .mac = mac_from_address(&host),
        .peer_mac = mac_from_address(&router) };

    add_netns(builder, vpc->name, false);
    add_settings(builder, vpc->name, router_settings, ELEMENTSOF(router_settings));
    add_rules(builder, vpc->name, nftgen_router(builder->draft, vpc, builder->reverse));
    add_up(builder, vpc->name, "lo");

    link_bridge(vpc, bridge.link);
    add(builder, bridge);
    /* The router answers ARP for every address of the VPC and routes between ports that cannot see each other. */
    add_sysctl(builder, vpc->name, format("ipv4/conf/%s/proxy_arp_pvlan", bridge.link), "1");
    add_sysctl(builder, vpc->name, format("ipv4/neigh/%s/proxy_delay", bridge.link), "0"); /* else up to 0.8 s */
    add_address(builder, vpc->name, bridge.link, gateway, vpc->cidr.prefix);
    /* A connection that was cut must not be taken up again in the middle. The setting is there once rules track. */
    add_sysctl(builder, vpc->name, strdup("netfilter/nf_conntrack_tcp_loose"), "0");

    /* The rules that keep the uplink from the host come before it. */
    link_uplink_host(vpc, uplink.link);
    set_link(uplink.peer_link, LINK_UPLINK);
    _cleanup_free_ char *base = keep(builder, nftgen_host_base()), *element = keep(builder, nftgen_host_uplink(vpc, false));
    add_rules(builder, NULL, base && element ? format("%s%s", base, element) : NULL);
    add(builder, uplink);
    add_sysctl(builder, NULL, format("ipv6/conf/%s/disable_ipv6", uplink.link), "1");
    add_address(builder, NULL, uplink.link, host, 31);
    add_address(builder, vpc->name, LINK_UPLINK, router, 31);
    add_route(builder, vpc->name, LINK_UPLINK, everywhere, &host, false);

    for (size_t i = 0; i < vpc->n_subnets; i++)
        for (size_t j = 0; j < vpc->subnets[i]->n_endpoints; j++) {
            make_endpoint(builder, vpc, vpc->subnets[i], vpc->subnets[i]->endpoints[j]);
            add_peer_routes(builder, vpc, vpc->subnets[i], vpc->subnets[i]->endpoints[j]);
        }
    if (vpc->nat_interface)
        make_nat(builder, vpc);
    if (vpc->host_access)
        change_host_route(builder, vpc, false);
}

static void unmake_vpc(Builder *builder, const Vpc *vpc) {
    LinkName uplink;

    add_stop(builder, keep(builder, unit_slice_vpc(vpc->name)));
    if (vpc->nat_interface)
        unmake_nat(builder, vpc, false);
    add_remove_link(builder, NULL, link_uplink_host(vpc, uplink)); /* with its address and route */
    for (size_t i = 0; i < vpc->n_subnets; i++)
        for (size_t j = 0; j < vpc->subnets[i]->n_endpoints; j++)
            unmake_endpoint(builder, vpc, vpc->subnets[i], vpc->subnets[i]->endpoints[j], false);
    add_netns(builder, vpc->name, true);
    add_rules(builder, NULL, nftgen_host_uplink(vpc, true));
}

/* Subnets and endpoints that are in one and not in the other. Returns whether any connection may have lost its right. */
static bool change_subnets(Builder *builder, const Vpc *from, const Vpc *to) {
    bool cut = false;

    for (size_t i = 0; i < from->n_subnets; i++) {
        const Subnet *subnet = from->subnets[i];
        const Subnet *kept = vpc_subnet(to, subnet->name);

        if (!kept)
            add_stop(builder, unit_slice_subnet(from->name, subnet->name));
        for (size_t j = 0; j < subnet->n_endpoints; j++) {
            const Endpoint *endpoint = subnet->endpoints[j];
            const Endpoint *same = kept ? subnet_endpoint(kept, endpoint->name) : NULL;

            if (kept)
                stop_endpoint_workloads(builder, from, subnet, endpoint, same);
            if (!same) {
                unmake_endpoint(builder, from, subnet, endpoint, true);
                cut = true;
            }
        }
    }
    for (size_t i = 0; i < to->n_subnets; i++) {
        const Subnet *subnet = to->subnets[i];
        const Subnet *old = vpc_subnet(from, subnet->name);

        for (size_t j = 0; j < subnet->n_endpoints; j++)
            if (!old || !subnet_endpoint(old, subnet->endpoints[j]->name)) {
                make_endpoint(builder, to, subnet, subnet->endpoints[j]);
                add_peer_routes(builder, to, subnet, subnet->endpoints[j]);
            }
    }
    return cut;
}

static bool policies_differ(const Vpc *from, const Vpc *to) {
    for (size_t i = 0; i < to->n_subnets; i++) {
        const Subnet *old = vpc_subnet(from, to->subnets[i]->name);

        if (old && !firewall_equal(old->firewall, to->subnets[i]->firewall))
            return true;
    }
    return false;
}

/* The router's rules from one to the other; no step when nothing differs. */
static void change_rules(Builder *builder, const Vpc *from, const Vpc *to) {
    char *text;

    if (builder->whole || from->host_access != to->host_access) {
        add_rules(builder, to->name, nftgen_router(builder->draft, to, builder->reverse));
        return;
    }
    text = nftgen_router_change(builder->draft, from, to, builder->reverse);
    if (text && !*text)
        free(text);
    else
        add_rules(builder, to->name, text);
}

static void change_vpc(Builder *builder, const Vpc *from, const Vpc *to) {
    bool nat_changes = !streq_null(from->nat_interface, to->nat_interface);
    bool cut;

    if (nat_changes && from->nat_interface)
        unmake_nat(builder, from, true);
    /* First, so that they are loaded while the rest is made: what they name need not be there yet, or any more. */
    change_rules(builder, from, to);
    cut = change_subnets(builder, from, to);
    if (nat_changes && to->nat_interface)
        make_nat(builder, to);
    if (from->host_access != to->host_access)
        change_host_route(builder, to, from->host_access);
    /* The new rules are in force, so nothing that is cut here can start again. */
    if (cut || policies_differ(from, to) || draft_changes_peers(builder->draft, to->name) ||
            (nat_changes && from->nat_interface) || (from->host_access && !to->host_access))
        add(builder, (Step){ .kind = STEP_CUT, .netns = copy(builder, to->name), .vpc = to });
}

static const Vpc *vpc_from(const Builder *builder, const DraftVpc *pair) {
    return builder->reverse ? pair->after : pair->before;
}

static const Vpc *vpc_to(const Builder *builder, const DraftVpc *pair) {
    return builder->reverse ? pair->before : pair->after;
}

/* Order: first what is new and alone, then links that go, what stays and changes, links that come, and last what goes. */
static int make_plan(const Draft *draft, bool reverse, bool whole, Plan *ret) {
    Builder builder = { .draft = draft, .reverse = reverse, .whole = whole };

    for (size_t i = 0; i < draft->n_vpcs; i++)
        if (!vpc_from(&builder, &draft->vpcs[i]) && vpc_to(&builder, &draft->vpcs[i]))
            make_vpc(&builder, vpc_to(&builder, &draft->vpcs[i]));
    for (size_t i = 0; i < draft->n_peerings; i++) {
        const Peering *from = reverse ? draft->peerings[i].after : draft->peerings[i].before;
        const Peering *to = reverse ? draft->peerings[i].before : draft->peerings[i].after;

        if (peering_is_active(from) && !peering_is_active(to))
            unmake_peering(&builder, from);
        if (peering_is_active(to) && !peering_is_active(from))
            make_peering(&builder, to);
    }
    for (size_t i = 0; i < draft->n_vpcs; i++)
        if (vpc_from(&builder, &draft->vpcs[i]) && vpc_to(&builder, &draft->vpcs[i]))
            change_vpc(&builder, vpc_from(&builder, &draft->vpcs[i]), vpc_to(&builder, &draft->vpcs[i]));
    for (size_t i = 0; i < draft->n_vpcs; i++)
        if (vpc_from(&builder, &draft->vpcs[i]) && !vpc_to(&builder, &draft->vpcs[i]))
            unmake_vpc(&builder, vpc_from(&builder, &draft->vpcs[i]));
    for (size_t i = 0; i < draft->n_interfaces; i++) {
        const HostInterface *from = reverse ? draft->interfaces[i].after : draft->interfaces[i].before;
        const HostInterface *to = reverse ? draft->interfaces[i].before : draft->interfaces[i].after;

        if (from && !to)
            restore_interface(&builder, from);
    }
    if (draft_count_vpcs(draft, reverse) == 0 && draft->n_vpcs > 0) {
        add_stop(&builder, strdup(UNIT_SLICE)); /* systemd keeps it once a slice inside it was there */
        add_rules(&builder, NULL, nftgen_host_remove());
    }

    if (builder.failed) {
        plan_clear(&builder.plan);
        return -ENOMEM;
    }
    *ret = builder.plan;
    return 0;
}

int plan_make(const Draft *draft, bool reverse, Plan *ret) {
    return make_plan(draft, reverse, reverse, ret);
}

int plan_make_converging(const Draft *draft, bool reverse, Plan *ret) {
    return make_plan(draft, reverse, true, ret);
}

/* --- text --- */

char *plan_format(const Plan *plan) {
    Text text;

    text_begin(&text);
    for (size_t i = 0; i < plan->n_stop_units; i++)
        text_add(&text, "stop %s\n", plan->stop_units[i]);
    for (size_t i = 0; i < plan->n_steps; i++) {
        const Step *step = &plan->steps[i];
        char mac[MAC_TEXT_MAX], cidr[CIDR_TEXT_MAX], address[ADDRESS_TEXT_MAX];

        text_add(&text, "%s%s [%s]", step->remove ? "remove " : "", step_kind_name(step->kind),
                step->netns ? step->netns : "host");
        if (*step->link)
            text_add(&text, " %s", step->link);
        if (step->kind == STEP_BRIDGE || (step->kind == STEP_VETH && !step->remove))
            text_add(&text, " %s", mac_format(&step->mac, mac));
        if (*step->peer_link)
            text_add(&text, " -> [%s] %s", step->kind == STEP_PORT ? "same" : step->peer_netns ? step->peer_netns : "host",
                    step->peer_link);
        if (step->kind == STEP_VETH && !step->remove)
            text_add(&text, " %s", mac_format(&step->peer_mac, mac));
        if (step->kind == STEP_ADDRESS)
            text_add(&text, " %s/%u", address_format(&step->address, address), step->cidr.prefix);
        if (step->kind == STEP_ROUTE)
            text_add(&text, " %s%s%s", cidr_format(&step->cidr, cidr), step->gateway.family ? " via " : "",
                    address_format(&step->gateway, address));
        if (step->kind == STEP_SYSCTL)
            text_add(&text, " %s = %s%s%s", step->key, step->text, step->expected ? " if it is " : "",
                    step->expected ? step->expected : "");
        if (step->kind == STEP_RULES)
            text_add(&text, "\n%s", step->text);
        else
            text_add(&text, "\n");
    }
    return text_end(&text);
}
