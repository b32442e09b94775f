/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model's containers, copies, words and the verdict of a policy. */

#include "fixture.h"

#include <netinet/in.h>

static void test_words(void) {
    g_assert_cmpint(direction_parse("egress"), ==, DIRECTION_EGRESS);
    g_assert_cmpint(action_parse("deny"), ==, ACTION_DENY);
    g_assert_cmpint(protocol_parse("icmp"), ==, PROTOCOL_ICMP);
    g_assert_cmpint(subnet_type_parse("public"), ==, SUBNET_PUBLIC);
    g_assert_cmpint(workload_kind_parse("webserver"), ==, WORKLOAD_WEBSERVER);
    g_assert_cmpint(direction_parse("Ingress"), ==, -EINVAL);
    g_assert_cmpint(action_parse(""), ==, -EINVAL);
    g_assert_cmpint(protocol_parse("sctp"), ==, -EINVAL);
    g_assert_cmpint(subnet_type_parse("public "), ==, -EINVAL);
    for (int i = 0; i < _PROTOCOL_MAX; i++)
        g_assert_cmpint(protocol_parse(protocol_name((Protocol)i)), ==, i);
    for (int i = 0; i < _ACTION_MAX; i++)
        g_assert_cmpint(action_parse(action_name((Action)i)), ==, i);
}

static Vpc *vpc_named(const char *name, unsigned id) {
    Vpc *vpc = g_new0(Vpc, 1);

    vpc->name = g_strdup(name);
    vpc->id = id;
    vpc->cidr = cidr("10.0.0.0/16");
    return vpc;
}

static Peering *peering_named(const char *a, const char *b, unsigned id) {
    Peering *peering = g_new0(Peering, 1);

    peering->vpcs[0] = g_strdup(a);
    peering->vpcs[1] = g_strdup(b);
    peering->id = id;
    return peering;
}

static void assert_sorted(const Model *model) {
    for (size_t i = 1; i < model->n_vpcs; i++)
        g_assert_cmpstr(model->vpcs[i - 1]->name, <, model->vpcs[i]->name);
    for (size_t i = 1; i < model->n_peerings; i++) {
        int order = strcmp(model->peerings[i - 1]->vpcs[0], model->peerings[i]->vpcs[0]);

        g_assert_true(order < 0 || (order == 0 &&
                strcmp(model->peerings[i - 1]->vpcs[1], model->peerings[i]->vpcs[1]) < 0));
    }
}

static void test_sorted(void) {
    static const char *const names[] = { "m", "a", "z", "ab", "a-b", "a0", "zz", "mm", "b" };
    _cleanup_(model_free_pointer) Model *model = model_new();

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        g_assert_null(model_vpc(model, names[i]));
        g_assert_cmpint(model_put_vpc(model, vpc_named(names[i], (unsigned)i)), ==, 0);
        assert_sorted(model);
        for (size_t j = 0; j <= i; j++)
            g_assert_cmpuint(model_vpc(model, names[j])->id, ==, j);
    }
    g_assert_null(model_vpc(model, ""));
    g_assert_null(model_vpc(model, "zzz"));
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        model_remove_vpc(model, names[i]);
        model_remove_vpc(model, names[i]); /* nothing happens */
        g_assert_cmpuint(model->n_vpcs, ==, ELEMENTSOF(names) - i - 1);
        assert_sorted(model);
    }
}

static void test_replace(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    Vpc *first = vpc_named("a", 1);

    g_assert_cmpint(model_put_vpc(model, first), ==, 0);
    g_assert_cmpint(model_put_vpc(model, first), ==, 0); /* the same object again is not freed */
    g_assert_cmpuint(model_vpc(model, "a")->id, ==, 1);
    g_assert_cmpint(model_put_vpc(model, vpc_named("a", 2)), ==, 0); /* frees the first */
    g_assert_cmpuint(model->n_vpcs, ==, 1);
    g_assert_cmpuint(model_vpc(model, "a")->id, ==, 2);
}

static void test_peerings(void) {
    static const char *const names[][2] = { { "b", "c" }, { "a", "c" }, { "a", "b" }, { "a-b", "c" }, { "a", "b-c" } };
    _cleanup_(model_free_pointer) Model *model = model_new();

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        g_assert_cmpint(model_put_peering(model, peering_named(names[i][0], names[i][1], (unsigned)i)), ==, 0);
    assert_sorted(model);
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        g_assert_cmpuint(model_peering(model, names[i][0], names[i][1])->id, ==, i);
        g_assert_cmpuint(model_peering(model, names[i][1], names[i][0])->id, ==, i);
    }
    g_assert_null(model_peering(model, "a", "a"));
    g_assert_null(model_peering(model, "b", "a-b"));
    g_assert_cmpstr(peering_other(model_peering(model, "a", "b"), "a"), ==, "b");
    g_assert_cmpstr(peering_other(model_peering(model, "a", "b"), "b"), ==, "a");
    g_assert_null(peering_other(model_peering(model, "a", "b"), "c"));
    model_remove_peering(model, "c", "b");
    g_assert_null(model_peering(model, "b", "c"));
    g_assert_cmpuint(model->n_peerings, ==, ELEMENTSOF(names) - 1);
}

static void test_parts(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    Vpc *vpc = model_vpc(model, "vpc1");
    Subnet *subnet = vpc_subnet(vpc, "public");
    Endpoint *endpoint = subnet_first_endpoint(subnet);

    g_assert_cmpuint(vpc->n_subnets, ==, 3);
    g_assert_cmpstr(vpc->subnets[0]->name, ==, "first");
    g_assert_cmpstr(vpc->subnets[1]->name, ==, "private");
    g_assert_cmpstr(vpc->subnets[2]->name, ==, "public");
    g_assert_null(vpc_subnet(vpc, "nothere"));
    g_assert_true(endpoint == subnet_endpoint(subnet, ""));
    g_assert_null(subnet_endpoint(subnet, "db"));
    g_assert_cmpuint(endpoint->n_workloads, ==, 2);
    g_assert_cmpstr(endpoint->workloads[0]->name, ==, "another");
    endpoint_remove_workload(endpoint, "another");
    g_assert_null(endpoint_workload(endpoint, "another"));
    g_assert_nonnull(endpoint_workload(endpoint, "webserver"));
    vpc_remove_subnet(vpc, "first");
    g_assert_cmpuint(vpc->n_subnets, ==, 2);
    g_assert_cmpuint(model->n_interfaces, ==, 2);
    g_assert_false(model_interface(model, "eth0")->forwarding_before);
    g_assert_true(model_interface(model, "wlan0")->forwarding_before);
    model_remove_interface(model, "eth0");
    g_assert_null(model_interface(model, "eth0"));
}

static void test_gateway(void) {
    Vpc *vpc = &(Vpc){ .name = "a", .cidr = cidr("10.0.0.0/28") };
    Address wanted = address("10.0.0.1"), got = vpc_gateway(vpc);

    g_assert_true(address_equal(&got, &wanted));
}

/* A copy is equal, and shares no memory: what is changed in one does not show in the other, and both are freed whole. */
static void test_copies(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich(), *copy = model_copy(model), *again = model_copy(model);
    Vpc *vpc = model_vpc(copy, "vpc1");
    Subnet *subnet = vpc_subnet(vpc, "public");
    Endpoint *endpoint = subnet_first_endpoint(subnet);

    g_assert_true(model_equal(model, copy));
    for (size_t i = 0; i < model->n_vpcs; i++)
        g_assert_true(model->vpcs[i] != copy->vpcs[i] && model->vpcs[i]->name != copy->vpcs[i]->name &&
                model->vpcs[i]->subnets != copy->vpcs[i]->subnets);

    vpc->nat_interface[0] = 'X';
    vpc->subnets[0]->name[0] = 'X';
    subnet->firewall->defaults[0] = ACTION_ALLOW;
    subnet->firewall->rules[0].port_first = 1;
    endpoint->address.bytes[3] = 99;
    endpoint_workload(endpoint, "webserver")->groups[0] = 0;
    endpoint_workload(endpoint, "webserver")->name[0] = 'X';
    copy->peerings[0]->vpcs[0][0] = 'X';
    copy->interfaces[0]->name[0] = 'X';
    g_assert_false(model_equal(model, copy));
    g_assert_true(model_equal(model, again));
}

static void test_copies_of_nothing(void) {
    Firewall open = { 0 };
    _cleanup_(firewall_free_pointer) Firewall *copy = firewall_copy(&open);
    _cleanup_(vpc_free_pointer) Vpc *vpc = vpc_named("a", 0), *vpc_again = vpc_copy(vpc);

    g_assert_nonnull(copy);
    g_assert_cmpuint(copy->n_rules, ==, 0);
    g_assert_true(vpc_equal(vpc, vpc_again));

    g_assert_null(model_free(NULL));
    g_assert_null(vpc_free(NULL));
    g_assert_null(subnet_free(NULL));
    g_assert_null(endpoint_free(NULL));
    g_assert_null(workload_free(NULL));
    g_assert_null(peering_free(NULL));
    g_assert_null(host_interface_free(NULL));
    g_assert_null(firewall_free(NULL));
}

/* --- verdicts --- */

static void test_verdicts(void) {
    const Firewall *policy = FIREWALL(DENY, ALLOW, RULE(INGRESS, TCP, 8080, 8080, "", ALLOW),
            RULE(INGRESS, TCP, 22, 22, "10.0.9.0/24", ALLOW), RULE(INGRESS, TCP, 20, 30, "", DENY),
            RULE(INGRESS, UDP, 0, 0, "", ALLOW), RULE(INGRESS, ICMP, 0, 0, "10.0.0.0/8", ALLOW),
            RULE(INGRESS, TCP, 65535, 65535, "", ALLOW), RULE(EGRESS, ALL, 0, 0, "192.0.2.0/24", DENY),
            RULE(EGRESS, TCP, 1, 1024, "", DENY), RULE(EGRESS, ICMP, 0, 0, "fd00::/8", DENY));
    static const struct {
        Direction direction;
        uint8_t protocol;
        const char *peer;
        uint16_t port;
        Action wanted;
    } table[] = {
        { DIRECTION_INGRESS, IPPROTO_TCP, "8.8.8.8", 8080, ACTION_ALLOW },
        { DIRECTION_INGRESS, IPPROTO_TCP, "8.8.8.8", 8079, ACTION_DENY },
        { DIRECTION_INGRESS, IPPROTO_TCP, "8.8.8.8", 8081, ACTION_DENY },
        { DIRECTION_INGRESS, IPPROTO_UDP, "8.8.8.8", 8080, ACTION_ALLOW },  /* by the rule of all UDP */
        { DIRECTION_INGRESS, IPPROTO_TCP, "10.0.9.7", 22, ACTION_ALLOW },   /* the first that matches */
        { DIRECTION_INGRESS, IPPROTO_TCP, "10.0.8.7", 22, ACTION_DENY },    /* by the range behind it */
        { DIRECTION_INGRESS, IPPROTO_TCP, "10.0.9.7", 23, ACTION_DENY },
        { DIRECTION_INGRESS, IPPROTO_TCP, "8.8.8.8", 65535, ACTION_ALLOW },
        { DIRECTION_INGRESS, IPPROTO_TCP, "8.8.8.8", 0, ACTION_DENY },
        { DIRECTION_INGRESS, IPPROTO_ICMP, "10.255.0.1", 0, ACTION_ALLOW },
        { DIRECTION_INGRESS, IPPROTO_ICMP, "11.0.0.1", 0, ACTION_DENY },
        { DIRECTION_INGRESS, IPPROTO_ICMPV6, "fd00::1", 0, ACTION_DENY },   /* another family than the rule's */
        { DIRECTION_INGRESS, IPPROTO_SCTP, "10.0.9.7", 8080, ACTION_DENY }, /* by default */
        { DIRECTION_EGRESS, IPPROTO_TCP, "8.8.8.8", 8080, ACTION_ALLOW },   /* by default */
        { DIRECTION_EGRESS, IPPROTO_TCP, "8.8.8.8", 1, ACTION_DENY },
        { DIRECTION_EGRESS, IPPROTO_TCP, "8.8.8.8", 1024, ACTION_DENY },
        { DIRECTION_EGRESS, IPPROTO_TCP, "8.8.8.8", 1025, ACTION_ALLOW },
        { DIRECTION_EGRESS, IPPROTO_UDP, "8.8.8.8", 53, ACTION_ALLOW },
        { DIRECTION_EGRESS, IPPROTO_UDP, "192.0.2.1", 53, ACTION_DENY },
        { DIRECTION_EGRESS, IPPROTO_SCTP, "192.0.2.1", 53, ACTION_DENY },   /* "all" is every protocol */
        { DIRECTION_EGRESS, IPPROTO_ICMPV6, "fd00::1", 0, ACTION_DENY },
        { DIRECTION_EGRESS, IPPROTO_ICMPV6, "fe80::1", 0, ACTION_ALLOW },
    };

    for (size_t i = 0; i < ELEMENTSOF(table); i++) {
        Address peer = address(table[i].peer);

        g_test_message("%s %u %s %u", direction_name(table[i].direction), table[i].protocol, table[i].peer, table[i].port);
        g_assert_cmpint(firewall_verdict(policy, table[i].direction, table[i].protocol, &peer, table[i].port), ==,
                table[i].wanted);
    }
}

static void test_verdicts_without_rules(void) {
    const Firewall closed = { .defaults = { ACTION_DENY, ACTION_DENY } }, open = { .defaults = { ACTION_ALLOW, ACTION_DENY } };
    Address peer = address("10.0.0.2");

    g_assert_cmpint(firewall_verdict(NULL, DIRECTION_INGRESS, IPPROTO_TCP, &peer, 80), ==, ACTION_ALLOW);
    g_assert_cmpint(firewall_verdict(&closed, DIRECTION_INGRESS, IPPROTO_TCP, &peer, 80), ==, ACTION_DENY);
    g_assert_cmpint(firewall_verdict(&closed, DIRECTION_EGRESS, IPPROTO_UDP, &peer, 80), ==, ACTION_DENY);
    g_assert_cmpint(firewall_verdict(&open, DIRECTION_INGRESS, IPPROTO_UDP, &peer, 80), ==, ACTION_ALLOW);
    g_assert_cmpint(firewall_verdict(&open, DIRECTION_EGRESS, IPPROTO_UDP, &peer, 80), ==, ACTION_DENY);
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/words", test_words);
    g_test_add_func("/model/sorted", test_sorted);
    g_test_add_func("/model/replace", test_replace);
    g_test_add_func("/model/peerings", test_peerings);
    g_test_add_func("/model/parts", test_parts);
    g_test_add_func("/model/gateway", test_gateway);
    g_test_add_func("/model/copies", test_copies);
    g_test_add_func("/model/copies-of-nothing", test_copies_of_nothing);
    g_test_add_func("/model/verdicts", test_verdicts);
    g_test_add_func("/model/verdicts-without-rules", test_verdicts_without_rules);
    return g_test_run();
}
