/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

Cidr cidr(const char *text) {
    Cidr result;

    g_assert_cmpint(cidr_parse(text, &result), ==, 0);
    return result;
}

Address address(const char *text) {
    Address result;

    g_assert_cmpint(address_parse(text, &result), ==, 0);
    return result;
}

Rule rule(Direction direction, Protocol protocol, unsigned first, unsigned last, const char *peer, Action action) {
    return (Rule){ .direction = direction, .protocol = protocol, .port_first = (uint16_t)first,
        .port_last = (uint16_t)last, .peer = *peer ? cidr(peer) : (Cidr){ .prefix = 0 }, .action = action };
}

Model *model_new(void) {
    return g_new0(Model, 1); /* GLib's allocator is malloc(3), so model_free() may free it */
}

/* --- changes --- */

int try_change(Model *model, Change change, const Request *request, const Facts *facts, Draft *ret, Failure *failure) {
    int r;

    *ret = (Draft){ .model = model };
    r = change(ret, request, facts, failure);
    return r < 0 ? r : validate(ret, failure);
}

void accept_change_on(Model *model, Change change, const Request *request, const Facts *facts) {
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };
    int r = try_change(model, change, request, facts, &draft, &failure);

    g_assert_cmpstr(failure.message, ==, NULL);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpint(draft_commit(&draft, model, model->generation + 1), ==, 0);
}

void accept_change(Model *model, Change change, const Request *request) {
    accept_change_on(model, change, request, FACTS());
}

void refuse_change_on(Model *model, Change change, const Request *request, const Facts *facts, ErrorCode code,
        const char *message) {
    _cleanup_(model_free_pointer) Model *before = model_copy(model);
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };
    int r = try_change(model, change, request, facts, &draft, &failure);

    g_assert_cmpstr(failure.message, ==, message);
    g_assert_cmpint(failure.code, ==, code);
    g_assert_cmpint(r, ==, -error_info(code)->number);
    g_assert_true(model_equal(before, model));
}

void refuse_change(Model *model, Change change, const Request *request, ErrorCode code, const char *message) {
    refuse_change_on(model, change, request, FACTS(), code, message);
}

/* Requests own their texts, but nobody writes to them or frees them here. */
static char *borrow(const char *text) {
    union {
        const char *in;
        char *out;
    } both = { text };

    return both.out;
}

void add_vpc(Model *model, const char *name, const char *block) {
    accept_change(model, change_create_vpc, REQUEST(.name = borrow(name), .cidr = cidr(block)));
}

void add_subnet(Model *model, const char *vpc, const char *name, const char *block, SubnetType type) {
    accept_change(model, change_add_subnet,
            REQUEST(.vpc = borrow(vpc), .name = borrow(name), .cidr = cidr(block), .type = type));
}

Model *model_rich(void) {
    Model *model = model_new();
    gid_t groups[] = { 1000, 27, 4294967294 };
    char *argv[] = { "/usr/bin/program", "", "--flag=\"\xc3\xa4\"\n", NULL }, *environment[] = { "TERM=xterm", NULL };

    add_vpc(model, "vpc1", "10.0.0.0/16");
    add_vpc(model, "vpc2", "172.16.0.0/12");
    accept_change(model, change_create_vpc,
            REQUEST(.uid = BOB, .name = "engineering-platform", .cidr = cidr("192.168.0.0/20"), .host_access = false));
    add_subnet(model, "vpc1", "public", "10.0.1.0/24", SUBNET_PUBLIC);
    add_subnet(model, "vpc1", "private", "10.0.2.0/24", SUBNET_PRIVATE);
    add_subnet(model, "vpc1", "first", "10.0.0.0/28", SUBNET_PRIVATE);
    add_subnet(model, "vpc2", "public", "172.16.1.0/24", SUBNET_PUBLIC);
    add_subnet(model, "engineering-platform", "a-subnet-of-the-longest-name-00", "192.168.0.0/22", SUBNET_PUBLIC);
    accept_change(model, change_enable_nat, REQUEST(.vpc = "vpc1", .interface = "eth0"));
    accept_change_on(model, change_enable_nat, REQUEST(.vpc = "engineering-platform", .interface = "wlan0"),
            FACTS(.forwarding = true));
    accept_change(model, change_create_peering, REQUEST(.vpc = "vpc2", .other_vpc = "vpc1"));
    accept_change(model, change_create_peering, REQUEST(.vpc = "vpc2", .other_vpc = "engineering-platform"));
    accept_change(model, change_accept_peering,
            REQUEST(.uid = BOB, .vpc = "vpc2", .other_vpc = "engineering-platform"));
    accept_change(model, change_create_peering,
            REQUEST(.uid = BOB, .vpc = "vpc1", .other_vpc = "engineering-platform"));
    accept_change(model, change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "public",
                    .firewall = FIREWALL(DENY, ALLOW, RULE(INGRESS, TCP, 8080, 8080, "", ALLOW),
                            RULE(INGRESS, UDP, 5000, 6000, "172.16.0.0/12", ALLOW),
                            RULE(INGRESS, ICMP, 0, 0, "10.0.2.0/24", ALLOW), RULE(EGRESS, TCP, 25, 25, "", DENY),
                            RULE(EGRESS, ALL, 0, 0, "fd00::/8", DENY), RULE(EGRESS, UDP, 0, 0, "8.8.8.8/32", ALLOW))));
    accept_change(model, change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "private",
                    .firewall = &(Firewall){ .defaults = { ACTION_DENY, ACTION_DENY } }));
    accept_change(model, change_deploy_webserver,
            REQUEST(.vpc = "vpc1", .subnet = "public", .name = "webserver", .port = 8080, .groups = groups,
                    .n_groups = ELEMENTSOF(groups)));
    accept_change(model, change_deploy_webserver,
            REQUEST(.uid = BOB, .vpc = "vpc1", .subnet = "public", .name = "another", .port = 65535,
                    .directory = "/home/bob/www"));
    accept_change(model, change_deploy,
            REQUEST(.vpc = "vpc1", .subnet = "private", .name = "db", .argv = argv, .environment = environment,
                    .directory = "/", .restart = RESTART_ALWAYS));
    return model;
}

/* --- equality --- */

static bool rule_equal(const Rule *a, const Rule *b) {
    return a->direction == b->direction && a->protocol == b->protocol && a->port_first == b->port_first &&
            a->port_last == b->port_last && a->action == b->action && cidr_equal(&a->peer, &b->peer);
}

static bool policy_equal(const Firewall *a, const Firewall *b) {
    bool equal;

    if (!a || !b)
        return a == b;
    equal = a->n_rules == b->n_rules && memcmp(a->defaults, b->defaults, sizeof(a->defaults)) == 0;
    for (size_t i = 0; equal && i < a->n_rules; i++)
        equal = rule_equal(&a->rules[i], &b->rules[i]);
    return equal;
}

static bool texts_equal(char *const *a, char *const *b) {
    if (!a || !b)
        return a == b;
    while (*a && *b && streq(*a, *b)) {
        a++;
        b++;
    }
    return !*a && !*b;
}

static bool workload_equal(const Workload *a, const Workload *b) {
    bool equal = streq(a->name, b->name) && a->kind == b->kind && a->port == b->port && a->uid == b->uid &&
            a->gid == b->gid && a->n_groups == b->n_groups && a->created == b->created && a->restart == b->restart &&
            streq_null(a->directory, b->directory) && texts_equal(a->argv, b->argv) &&
            texts_equal(a->environment, b->environment);

    for (size_t i = 0; equal && i < a->n_groups; i++)
        equal = a->groups[i] == b->groups[i];
    return equal;
}

static bool endpoint_equal(const Endpoint *a, const Endpoint *b) {
    bool equal = streq(a->name, b->name) && a->id == b->id && address_equal(&a->address, &b->address) &&
            a->n_workloads == b->n_workloads;

    for (size_t i = 0; equal && i < a->n_workloads; i++)
        equal = workload_equal(a->workloads[i], b->workloads[i]);
    return equal;
}

static bool subnet_equal(const Subnet *a, const Subnet *b) {
    bool equal = streq(a->name, b->name) && a->id == b->id && cidr_equal(&a->cidr, &b->cidr) && a->type == b->type &&
            policy_equal(a->firewall, b->firewall) && a->n_endpoints == b->n_endpoints;

    for (size_t i = 0; equal && i < a->n_endpoints; i++)
        equal = endpoint_equal(a->endpoints[i], b->endpoints[i]);
    return equal;
}

bool vpc_equal(const Vpc *a, const Vpc *b) {
    bool equal;

    if (!a || !b)
        return a == b;
    equal = streq(a->name, b->name) && a->id == b->id && a->owner == b->owner && a->created == b->created &&
            a->generation == b->generation && cidr_equal(&a->cidr, &b->cidr) && a->host_access == b->host_access &&
            streq_null(a->nat_interface, b->nat_interface) && a->n_subnets == b->n_subnets;
    for (size_t i = 0; equal && i < a->n_subnets; i++)
        equal = subnet_equal(a->subnets[i], b->subnets[i]);
    return equal;
}

bool peering_equal(const Peering *a, const Peering *b) {
    if (!a || !b)
        return a == b;
    return streq(a->vpcs[0], b->vpcs[0]) && streq(a->vpcs[1], b->vpcs[1]) && a->id == b->id &&
            a->agreed[0] == b->agreed[0] && a->agreed[1] == b->agreed[1] && a->generation == b->generation;
}

bool host_interface_equal(const HostInterface *a, const HostInterface *b) {
    if (!a || !b)
        return a == b;
    return streq(a->name, b->name) && a->forwarding_before == b->forwarding_before;
}

bool model_equal(const Model *a, const Model *b) {
    bool equal = a->n_vpcs == b->n_vpcs && a->n_peerings == b->n_peerings && a->n_interfaces == b->n_interfaces &&
            a->generation == b->generation;

    for (size_t i = 0; equal && i < a->n_vpcs; i++)
        equal = vpc_equal(a->vpcs[i], b->vpcs[i]);
    for (size_t i = 0; equal && i < a->n_peerings; i++)
        equal = peering_equal(a->peerings[i], b->peerings[i]);
    for (size_t i = 0; equal && i < a->n_interfaces; i++)
        equal = host_interface_equal(a->interfaces[i], b->interfaces[i]);
    return equal;
}

Model *model_copy(const Model *model) {
    Model *copy = model_new();

    copy->generation = model->generation;
    for (size_t i = 0; i < model->n_vpcs; i++)
        g_assert_cmpint(model_put_vpc(copy, vpc_copy(model->vpcs[i])), ==, 0);
    for (size_t i = 0; i < model->n_peerings; i++)
        g_assert_cmpint(model_put_peering(copy, peering_copy(model->peerings[i])), ==, 0);
    for (size_t i = 0; i < model->n_interfaces; i++)
        g_assert_cmpint(model_put_interface(copy, host_interface_copy(model->interfaces[i])), ==, 0);
    return copy;
}

/* --- golden files --- */

void assert_golden(const char *name, const char *text) {
    g_autofree char *file = g_strconcat(name, ".txt", NULL);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "golden", file, NULL);
    g_autofree char *wanted = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(text);
    if (g_strcmp0(g_getenv("UPDATE_GOLDEN"), "1") == 0) {
        g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
        return;
    }
    g_file_get_contents(path, &wanted, NULL, &error);
    g_assert_no_error(error);
    if (!streq(text, wanted)) {
        g_auto(GStrv) got_lines = g_strsplit(text, "\n", -1), wanted_lines = g_strsplit(wanted, "\n", -1);
        unsigned i = 0;

        while (got_lines[i] && g_strcmp0(got_lines[i], wanted_lines[i]) == 0)
            i++;
        g_test_message("golden/%s, line %u: got    '%s'", file, i + 1, got_lines[i] ? got_lines[i] : "(end)");
        g_test_message("golden/%s, line %u: wanted '%s'", file, i + 1,
                i < g_strv_length(wanted_lines) ? wanted_lines[i] : "(end)");
        g_test_fail();
    }
}
