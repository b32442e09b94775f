/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each operation does to the intent, and its refusals, whose words tell the user what to mend. */

#include "fixture.h"

#include "core/ident.h"

static const Endpoint *first_endpoint(const Model *model, const char *vpc, const char *subnet) {
    return subnet_first_endpoint(vpc_subnet(model_vpc(model, vpc), subnet));
}

static void assert_first_address(const Model *model, const char *vpc, const char *subnet, const char *wanted) {
    char buffer[ADDRESS_TEXT_MAX];

    g_assert_cmpstr(address_format(&first_endpoint(model, vpc, subnet)->address, buffer), ==, wanted);
}

/* --- VPCs --- */

static void test_create_vpc(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    const Vpc *vpc;

    accept_change(model, change_create_vpc,
            REQUEST(.uid = BOB, .now = 12345, .name = "vpc1", .cidr = cidr("10.0.0.0/16")));
    vpc = model_vpc(model, "vpc1");
    g_assert_cmpuint(vpc->id, ==, 0);
    g_assert_cmpuint(vpc->owner, ==, BOB);
    g_assert_cmpuint(vpc->created, ==, 12345);
    g_assert_cmpuint(vpc->generation, ==, 1);
    g_assert_true(vpc->host_access);
    g_assert_null(vpc->nat_interface);
    refuse_change(model, change_create_vpc, REQUEST(.name = "vpc1", .cidr = cidr("10.9.0.0/16")), ERROR_EXISTS,
            "VPC 'vpc1': there is one of that name already");
}

static void assert_vpc_cidr_refused(Model *model, const char *block, const char *message) {
    refuse_change(model, change_create_vpc, REQUEST(.name = "new", .cidr = cidr(block)), ERROR_INVALID, message);
}

static void test_vpc_cidr(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    assert_vpc_cidr_refused(model, "fd00::/16", "CIDR 'fd00::/16': a VPC's block is IPv4, such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "10.0.0.0/29",
            "CIDR '10.0.0.0/29': a VPC's block is between /8 and /28, such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "10.0.0.0/7",
            "CIDR '10.0.0.0/7': a VPC's block is between /8 and /28, such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "10.0.0.1/32",
            "CIDR '10.0.0.1/32': a VPC's block is between /8 and /28, such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "0.0.0.0/0",
            "CIDR '0.0.0.0/0': a VPC's block is between /8 and /28, such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "0.0.0.0/8",
            "CIDR '0.0.0.0/8': that range is \"this network\"; use a private one such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "127.5.0.0/16",
            "CIDR '127.5.0.0/16': that range is loopback; use a private one such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "169.254.64.0/18",
            "CIDR '169.254.64.0/18': that range is link-local, where the links between router and host are; use a "
            "private one such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "169.0.0.0/8",
            "CIDR '169.0.0.0/8': that range is link-local, where the links between router and host are; use a private "
            "one such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "224.0.0.0/8",
            "CIDR '224.0.0.0/8': that range is multicast and reserved; use a private one such as 10.0.0.0/16");
    assert_vpc_cidr_refused(model, "255.255.255.0/24",
            "CIDR '255.255.255.0/24': that range is multicast and reserved; use a private one such as 10.0.0.0/16");
    add_vpc(model, "widest", "10.0.0.0/8");
    add_vpc(model, "narrowest", "192.168.0.0/28");
    add_vpc(model, "below-multicast", "223.255.255.0/24");
    add_vpc(model, "beside-link-local", "169.253.0.0/16");
}

/* The host's one routing table leads to one VPC of a range: to the first. */
static void test_host_access(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.0.0.0/16");
    add_vpc(model, "c", "10.0.128.0/24");
    add_vpc(model, "d", "10.1.0.0/16");
    accept_change_on(model, change_create_vpc, REQUEST(.name = "e", .cidr = cidr("10.2.0.0/16")),
            FACTS(.host_route = "10.2.3.0/24 dev eth0"));
    accept_change(model, change_create_vpc,
            REQUEST(.name = "f", .cidr = cidr("10.3.0.0/16"), .host_access = false));
    add_vpc(model, "g", "10.3.0.0/16");
    g_assert_true(model_vpc(model, "a")->host_access);
    g_assert_false(model_vpc(model, "b")->host_access);
    g_assert_false(model_vpc(model, "c")->host_access);
    g_assert_true(model_vpc(model, "d")->host_access);
    g_assert_false(model_vpc(model, "e")->host_access);
    g_assert_false(model_vpc(model, "f")->host_access);
    g_assert_true(model_vpc(model, "g")->host_access);
}

static void test_vpc_ids(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.1.0.0/16");
    add_vpc(model, "c", "10.2.0.0/16");
    g_assert_cmpuint(model_vpc(model, "c")->id, ==, 2);
    accept_change(model, change_delete_vpc, REQUEST(.name = "b"));
    add_vpc(model, "d", "10.3.0.0/16"); /* the lowest that is free */
    g_assert_cmpuint(model_vpc(model, "d")->id, ==, 1);
    add_vpc(model, "e", "10.4.0.0/16");
    g_assert_cmpuint(model_vpc(model, "e")->id, ==, 3);
}

static void test_vpc_limit(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    /* Put there directly: creating so many one by one takes its time. */
    for (unsigned i = 0; i < UPLINK_MAX; i++) {
        Vpc *vpc = g_new0(Vpc, 1);

        vpc->name = g_strdup_printf("v%04u", i);
        vpc->id = UPLINK_MAX - 1 - i;
        vpc->cidr = cidr("10.0.0.0/16");
        g_assert_cmpint(model_put_vpc(model, vpc), ==, 0);
    }
    refuse_change(model, change_create_vpc, REQUEST(.name = "one-more", .cidr = cidr("10.0.0.0/16")), ERROR_LIMIT,
            "VPC 'one-more': this machine has 8192 VPCs already, the most there can be");
    accept_change(model, change_delete_vpc, REQUEST(.name = "v0017"));
    add_vpc(model, "one-more", "10.0.0.0/16");
    g_assert_cmpuint(model_vpc(model, "one-more")->id, ==, UPLINK_MAX - 1 - 17);
}

static void test_delete_vpc(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    uint64_t generation;

    add_vpc(model, "apart", "10.200.0.0/16");
    generation = model->generation;
    refuse_change(model, change_delete_vpc, REQUEST(.name = "nothere"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    accept_change(model, change_delete_vpc, REQUEST(.name = "vpc1"));
    g_assert_null(model_vpc(model, "vpc1"));
    g_assert_null(model_peering(model, "vpc1", "vpc2"));
    g_assert_null(model_peering(model, "vpc1", "engineering-platform")); /* which was only asked for */
    g_assert_nonnull(model_peering(model, "engineering-platform", "vpc2"));
    g_assert_null(model_interface(model, "eth0"));
    g_assert_nonnull(model_interface(model, "wlan0"));
    /* The peer was part of the change, the one apart was not. */
    g_assert_cmpuint(model_vpc(model, "vpc2")->generation, ==, generation + 1);
    g_assert_cmpuint(model_vpc(model, "apart")->generation, ==, generation);
}

static void test_purge(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();

    accept_change(model, change_purge, REQUEST(.uid = 4711)); /* who owns nothing */
    g_assert_cmpuint(model->n_vpcs, ==, 3);
    accept_change(model, change_purge, REQUEST(.uid = ALICE));
    g_assert_cmpuint(model->n_vpcs, ==, 1);
    g_assert_cmpuint(model->n_peerings, ==, 0);
    g_assert_cmpuint(model->n_interfaces, ==, 1);
    accept_change(model, change_purge, REQUEST(.uid = ALICE, .all = true));
    g_assert_cmpuint(model->n_vpcs + model->n_peerings + model->n_interfaces, ==, 0);
}

/* --- subnets --- */

static void test_add_subnet(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    const Subnet *subnet;

    add_vpc(model, "vpc1", "10.0.0.0/16");
    add_subnet(model, "vpc1", "public", "10.0.1.0/24", SUBNET_PUBLIC);
    subnet = vpc_subnet(model_vpc(model, "vpc1"), "public");
    g_assert_cmpint(subnet->type, ==, SUBNET_PUBLIC);
    g_assert_cmpuint(subnet->id, ==, 1);
    g_assert_null(subnet->firewall);
    g_assert_cmpuint(subnet->n_endpoints, ==, 1);
    g_assert_cmpuint(first_endpoint(model, "vpc1", "public")->id, ==, 1);
    assert_first_address(model, "vpc1", "public", "10.0.1.2");

    refuse_change(model, change_add_subnet, REQUEST(.vpc = "nothere", .name = "a", .cidr = cidr("10.0.2.0/24")),
            ERROR_NO_SUCH_VPC, "VPC 'nothere': there is none of that name");
    refuse_change(model, change_add_subnet, REQUEST(.vpc = "vpc1", .name = "public", .cidr = cidr("10.0.2.0/24")),
            ERROR_EXISTS, "subnet 'public': VPC 'vpc1' has one of that name already");
}

/* Reserved: the subnet's base and last address, its second (people expect a router there), and of the VPC the base, the
 * router and the resolver. */
static void test_first_address(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_subnet(model, "a", "at-its-base", "10.0.0.0/24", SUBNET_PRIVATE);
    assert_first_address(model, "a", "at-its-base", "10.0.0.3");
    add_subnet(model, "a", "smallest", "10.0.1.4/30", SUBNET_PRIVATE);
    assert_first_address(model, "a", "smallest", "10.0.1.6");

    add_vpc(model, "b", "10.1.0.0/24");
    add_subnet(model, "b", "whole", "10.1.0.0/24", SUBNET_PRIVATE);
    assert_first_address(model, "b", "whole", "10.1.0.3");

    add_vpc(model, "c", "10.2.0.0/24");
    refuse_change(model, change_add_subnet, REQUEST(.vpc = "c", .name = "full", .cidr = cidr("10.2.0.0/30")), ERROR_LIMIT,
            "subnet 'full': no address of 10.2.0.0/30 is free (the first two, the last, and the VPC's router and resolver "
            "are reserved); use a larger block");
    add_subnet(model, "c", "next", "10.2.0.4/30", SUBNET_PRIVATE);
    assert_first_address(model, "c", "next", "10.2.0.6");
}

static void test_subnet_cidr(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "vpc1", "10.0.0.0/16");
    add_subnet(model, "vpc1", "public", "10.0.1.0/24", SUBNET_PUBLIC);
#define REFUSED(block, code, message)                                                                                  \
    refuse_change(model, change_add_subnet, REQUEST(.vpc = "vpc1", .name = "new", .cidr = cidr(block)), code, message)
    REFUSED("10.0.9.0/31", ERROR_LIMIT,
            "subnet 'new': no address of 10.0.9.0/31 is free (the first two, the last, and the VPC's router and resolver "
            "are reserved); use a larger block");
    REFUSED("11.0.0.0/24", ERROR_INVALID, "CIDR '11.0.0.0/24' of subnet 'new': it is not inside 10.0.0.0/16 of VPC 'vpc1'");
    REFUSED("10.0.0.0/8", ERROR_INVALID, "CIDR '10.0.0.0/8' of subnet 'new': it is not inside 10.0.0.0/16 of VPC 'vpc1'");
    REFUSED("fd00::/64", ERROR_INVALID, "CIDR 'fd00::/64': a subnet's block is IPv4, such as 10.0.1.0/24");
    REFUSED("10.0.1.0/24", ERROR_OVERLAP, "CIDR '10.0.1.0/24' of subnet 'new': it overlaps 10.0.1.0/24 of subnet 'public'");
    REFUSED("10.0.1.128/25", ERROR_OVERLAP,
            "CIDR '10.0.1.128/25' of subnet 'new': it overlaps 10.0.1.0/24 of subnet 'public'");
    REFUSED("10.0.0.0/16", ERROR_OVERLAP,
            "CIDR '10.0.0.0/16' of subnet 'new': it overlaps 10.0.1.0/24 of subnet 'public'");
#undef REFUSED
    add_subnet(model, "vpc1", "beside", "10.0.0.0/24", SUBNET_PUBLIC);
    add_subnet(model, "vpc1", "behind", "10.0.2.0/23", SUBNET_PUBLIC);
}

static void test_subnet_ids(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_subnet(model, "a", "z", "10.0.1.0/24", SUBNET_PRIVATE);
    add_subnet(model, "a", "y", "10.0.2.0/24", SUBNET_PRIVATE);
    add_subnet(model, "a", "x", "10.0.3.0/24", SUBNET_PRIVATE);
    accept_change(model, change_delete_subnet, REQUEST(.vpc = "a", .subnet = "y"));
    add_subnet(model, "a", "w", "10.0.4.0/24", SUBNET_PRIVATE);
    g_assert_cmpuint(vpc_subnet(model_vpc(model, "a"), "w")->id, ==, 2);
    g_assert_cmpuint(first_endpoint(model, "a", "w")->id, ==, 2);
    add_vpc(model, "b", "10.1.0.0/16"); /* each VPC counts for itself */
    add_subnet(model, "b", "z", "10.1.1.0/24", SUBNET_PRIVATE);
    g_assert_cmpuint(first_endpoint(model, "b", "z")->id, ==, 1);
}

static void test_endpoint_limit(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/8");
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        g_autofree char *name = g_strdup_printf("s%u", i), *block = g_strdup_printf("10.%u.%u.0/24", 1 + i / 256, i % 256);

        add_subnet(model, "a", name, block, SUBNET_PRIVATE);
    }
    refuse_change(model, change_add_subnet, REQUEST(.vpc = "a", .name = "one-more", .cidr = cidr("10.9.0.0/24")),
            ERROR_LIMIT,
            "VPC 'a': it has 1023 endpoints, and a Linux bridge has no more ports; use another VPC and a peering");
}

static void test_delete_subnet(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();

    refuse_change(model, change_delete_subnet, REQUEST(.vpc = "nothere", .subnet = "a"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    refuse_change(model, change_delete_subnet, REQUEST(.vpc = "vpc1", .subnet = "nothere"), ERROR_NO_SUCH_SUBNET,
            "subnet 'nothere': VPC 'vpc1' has none of that name");
    accept_change(model, change_delete_subnet, REQUEST(.vpc = "vpc1", .subnet = "public"));
    g_assert_null(vpc_subnet(model_vpc(model, "vpc1"), "public"));
}

/* --- names of namespaces --- */

static void test_namespaces_meet(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    /* a-b + c and a + b-c are both "a-b-c". */
    add_vpc(model, "a-b", "10.0.0.0/16");
    add_vpc(model, "a", "10.1.0.0/16");
    add_subnet(model, "a-b", "c", "10.0.1.0/24", SUBNET_PRIVATE);
    refuse_change(model, change_add_subnet, REQUEST(.vpc = "a", .name = "b-c", .cidr = cidr("10.1.1.0/24")),
            ERROR_CONFLICT,
            "subnet 'b-c' of VPC 'a' and subnet 'c' of VPC 'a-b' would both have the network namespace 'a-b-c'; use "
            "another name");
    /* The VPC a-b and the subnet b of a. */
    refuse_change(model, change_add_subnet, REQUEST(.vpc = "a", .name = "b", .cidr = cidr("10.1.1.0/24")), ERROR_CONFLICT,
            "VPC 'a-b' and subnet 'b' of VPC 'a' would both have the network namespace 'a-b'; use another name");
    add_subnet(model, "a", "d", "10.1.1.0/24", SUBNET_PRIVATE);
    refuse_change(model, change_create_vpc, REQUEST(.name = "a-d", .cidr = cidr("10.2.0.0/16")), ERROR_CONFLICT,
            "VPC 'a-d' and subnet 'd' of VPC 'a' would both have the network namespace 'a-d'; use another name");
    refuse_change(model, change_create_vpc, REQUEST(.name = "a-b-c", .cidr = cidr("10.2.0.0/16")), ERROR_CONFLICT,
            "VPC 'a-b-c' and subnet 'c' of VPC 'a-b' would both have the network namespace 'a-b-c'; use another name");
    add_subnet(model, "a", "b-d", "10.1.2.0/24", SUBNET_PRIVATE); /* nobody has it */
    add_vpc(model, "a-b-", "10.3.0.0/16");
    add_subnet(model, "a-b-", "c", "10.3.1.0/24", SUBNET_PRIVATE);
    /* Once the other is gone the name is free. */
    accept_change(model, change_delete_subnet, REQUEST(.vpc = "a-b", .subnet = "c"));
    add_subnet(model, "a", "b-c", "10.1.3.0/24", SUBNET_PRIVATE);
}

/* --- NAT --- */

static void test_nat(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.1.0.0/16");
    refuse_change(model, change_enable_nat, REQUEST(.vpc = "nothere", .interface = "eth0"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    refuse_change_on(model, change_enable_nat, REQUEST(.vpc = "a", .interface = "eth9"), FACTS(.interface = 0),
            ERROR_NO_SUCH_INTERFACE, "interface 'eth9': this machine has none of that name");
    refuse_change_on(model, change_enable_nat, REQUEST(.vpc = "a", .interface = "lo"), FACTS(.interface = -EINVAL),
            ERROR_INVALID,
            "interface 'lo': NAT leaves by an interface of the host's own, not by loopback or a VPC's link");
    refuse_change(model, change_disable_nat, REQUEST(.vpc = "a"), ERROR_CONFLICT, "VPC 'a': NAT is not on");
    refuse_change(model, change_disable_nat, REQUEST(.vpc = "nothere"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    accept_change(model, change_enable_nat, REQUEST(.vpc = "a", .interface = "eth0"));
    g_assert_cmpstr(model_vpc(model, "a")->nat_interface, ==, "eth0");
    refuse_change(model, change_enable_nat, REQUEST(.vpc = "a", .interface = "eth0"), ERROR_EXISTS,
            "VPC 'a': NAT by interface 'eth0' is on already");
    accept_change(model, change_disable_nat, REQUEST(.vpc = "a"));
    g_assert_null(model_vpc(model, "a")->nat_interface);
    g_assert_cmpuint(model->n_interfaces, ==, 0);
}

/* What an interface was like is noted with its first VPC and kept until its last has left. */
static void test_nat_interfaces(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.1.0.0/16");
    add_vpc(model, "c", "10.2.0.0/16");
    accept_change_on(model, change_enable_nat, REQUEST(.vpc = "a", .interface = "eth0"), FACTS(.forwarding = false));
    /* By now we have switched it on ourselves: that is not what it was like. */
    accept_change_on(model, change_enable_nat, REQUEST(.vpc = "b", .interface = "eth0"), FACTS(.forwarding = true));
    accept_change_on(model, change_enable_nat, REQUEST(.vpc = "c", .interface = "eth1"), FACTS(.forwarding = true));
    g_assert_cmpuint(model->n_interfaces, ==, 2);
    g_assert_false(model_interface(model, "eth0")->forwarding_before);
    g_assert_true(model_interface(model, "eth1")->forwarding_before);

    /* By another interface now. */
    accept_change(model, change_enable_nat, REQUEST(.vpc = "a", .interface = "eth1"));
    g_assert_nonnull(model_interface(model, "eth0"));
    accept_change(model, change_enable_nat, REQUEST(.vpc = "b", .interface = "eth1"));
    g_assert_null(model_interface(model, "eth0"));
    g_assert_true(model_interface(model, "eth1")->forwarding_before);
    accept_change(model, change_delete_vpc, REQUEST(.name = "a"));
    accept_change(model, change_disable_nat, REQUEST(.vpc = "b"));
    g_assert_nonnull(model_interface(model, "eth1"));
    accept_change(model, change_delete_vpc, REQUEST(.name = "c"));
    g_assert_cmpuint(model->n_interfaces, ==, 0);
}

/* --- peerings --- */

static void test_peering(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.1.0.0/16");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "a"), ERROR_INVALID,
            "VPC 'a': a VPC cannot be peered with itself");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "nothere"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "nothere", .other_vpc = "b"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    refuse_change(model, change_delete_peering, REQUEST(.vpc = "a", .other_vpc = "b"), ERROR_NO_SUCH_PEERING,
            "peering of 'a' and 'b': there is none");
    accept_change(model, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "a"));
    g_assert_cmpstr(model_peering(model, "a", "b")->vpcs[0], ==, "a");
    g_assert_cmpuint(model_vpc(model, "a")->generation, ==, model->generation);
    refuse_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "b"), ERROR_EXISTS,
            "peering of 'a' and 'b': there is one already");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "a"), ERROR_EXISTS,
            "peering of 'b' and 'a': there is one already");
    accept_change(model, change_delete_peering, REQUEST(.vpc = "b", .other_vpc = "a"));
    g_assert_cmpuint(model->n_peerings, ==, 0);
    refuse_change(model, change_delete_peering, REQUEST(.vpc = "a", .other_vpc = "a"), ERROR_NO_SUCH_PEERING,
            "peering of 'a' and 'a': there is none");
}

static void assert_agreed(const Model *model, const char *a, const char *b, bool first, bool second) {
    const Peering *peering = model_peering(model, a, b);

    g_assert_cmpint(peering->agreed[0], ==, first);
    g_assert_cmpint(peering->agreed[1], ==, second);
    g_assert_cmpint(peering_is_active(peering), ==, first && second);
}

/* Who owns one side asks, and the other side accepts. */
static void test_peering_consent(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    accept_change(model, change_create_vpc, REQUEST(.uid = BOB, .name = "b", .cidr = cidr("10.1.0.0/16")));
    add_vpc(model, "c", "10.2.0.0/16");
    g_assert_false(peering_is_active(NULL));
    refuse_change(model, change_accept_peering, REQUEST(.vpc = "a", .other_vpc = "b"), ERROR_NO_SUCH_PEERING,
            "peering of 'a' and 'b': nobody asked for one");

    accept_change(model, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "a"));
    assert_agreed(model, "a", "b", true, false);
    refuse_change(model, change_create_peering, REQUEST(.uid = BOB, .vpc = "a", .other_vpc = "b"), ERROR_EXISTS,
            "peering of 'a' and 'b': there is one already");
    accept_change(model, change_accept_peering, REQUEST(.uid = BOB, .vpc = "b", .other_vpc = "a"));
    assert_agreed(model, "a", "b", true, true);
    refuse_change(model, change_accept_peering, REQUEST(.uid = BOB, .vpc = "a", .other_vpc = "b"), ERROR_EXISTS,
            "peering of 'a' and 'b': it is in force already");
    accept_change(model, change_delete_peering, REQUEST(.vpc = "a", .other_vpc = "b"));

    accept_change(model, change_create_peering, REQUEST(.uid = BOB, .vpc = "a", .other_vpc = "b"));
    assert_agreed(model, "a", "b", false, true);
    accept_change(model, change_delete_peering, REQUEST(.vpc = "a", .other_vpc = "b"));
    accept_change(model, change_create_peering, REQUEST(.uid = 0, .vpc = "a", .other_vpc = "b"));
    assert_agreed(model, "a", "b", true, true);
    accept_change(model, change_create_peering, REQUEST(.uid = 4711, .vpc = "c", .other_vpc = "b"));
    assert_agreed(model, "b", "c", true, true);
    accept_change(model, change_create_peering, REQUEST(.vpc = "c", .other_vpc = "a"));
    assert_agreed(model, "a", "c", true, true);
}

/* What one user may have; root has no limits, and other users have their own. */
static void test_limits(void) {
    const Limits limits = { .vpcs_per_user = 2, .subnets_per_vpc = 1, .peerings_per_vpc = 1, .workloads_per_user = 1 };
    const Facts *facts = FACTS(.limits = &limits);
    _cleanup_(model_free_pointer) Model *model = model_new();

    accept_change_on(model, change_create_vpc, REQUEST(.name = "a", .cidr = cidr("10.0.0.0/16")), facts);
    accept_change_on(model, change_create_vpc, REQUEST(.name = "b", .cidr = cidr("10.1.0.0/16")), facts);
    refuse_change_on(model, change_create_vpc, REQUEST(.name = "c", .cidr = cidr("10.2.0.0/16")), facts, ERROR_LIMIT,
            "VPCs: 2 are the most that one may have here ('vpcs-per-user'); delete one, or ask the administrator");
    accept_change_on(model, change_create_vpc, REQUEST(.uid = BOB, .name = "c", .cidr = cidr("10.2.0.0/16")), facts);
    for (unsigned i = 0; i < 4; i++) {
        char name[] = { 'r', (char)('0' + i), '\0' };

        accept_change_on(model, change_create_vpc, REQUEST(.uid = 0, .name = name, .cidr = cidr("10.3.0.0/16")), facts);
    }

    accept_change_on(model, change_add_subnet, REQUEST(.vpc = "a", .name = "s", .cidr = cidr("10.0.1.0/24")), facts);
    refuse_change_on(model, change_add_subnet, REQUEST(.vpc = "a", .name = "t", .cidr = cidr("10.0.2.0/24")), facts,
            ERROR_LIMIT,
            "subnets: 1 are the most that one may have here ('subnets-per-vpc'); delete one, or ask the administrator");
    accept_change_on(model, change_add_subnet, REQUEST(.vpc = "b", .name = "s", .cidr = cidr("10.1.1.0/24")), facts);

    accept_change_on(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "b"), facts);
    refuse_change_on(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "c"), facts, ERROR_LIMIT,
            "peerings: 1 are the most that one may have here ('peerings-per-vpc'); delete one, or ask the administrator");
    refuse_change_on(model, change_create_peering, REQUEST(.vpc = "c", .other_vpc = "b"), facts, ERROR_LIMIT,
            "peerings: 1 are the most that one may have here ('peerings-per-vpc'); delete one, or ask the administrator");

    accept_change_on(model, change_deploy_webserver, REQUEST(.vpc = "a", .subnet = "s", .name = "w", .port = 80), facts);
    refuse_change_on(model, change_deploy_webserver, REQUEST(.vpc = "b", .subnet = "s", .name = "w", .port = 80), facts,
            ERROR_LIMIT,
            "workloads: 1 are the most that one may have here ('workloads-per-user'); delete one, or ask the "
            "administrator");
    accept_change_on(model, change_deploy_webserver,
            REQUEST(.uid = BOB, .vpc = "b", .subnet = "s", .name = "w", .port = 80), facts);
}

static void test_peering_overlaps(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.0.0.0/16"); /* allowed */
    add_vpc(model, "c", "10.1.0.0/16");
    add_vpc(model, "d", "10.0.128.0/20");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "b"), ERROR_OVERLAP,
            "peering of 'a' and 'b': 10.0.0.0/16 and 10.0.0.0/16 overlap, and one address cannot be in two places");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "d", .other_vpc = "a"), ERROR_OVERLAP,
            "peering of 'a' and 'd': 10.0.0.0/16 and 10.0.128.0/20 overlap, and one address cannot be in two places");
    accept_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "c"));
    /* c cannot have both. */
    refuse_change(model, change_create_peering, REQUEST(.vpc = "c", .other_vpc = "b"), ERROR_OVERLAP,
            "peering of 'c' and 'b': 10.0.0.0/16 of 'b' overlaps 10.0.0.0/16 of 'a', which 'c' is peered with already");
    refuse_change(model, change_create_peering, REQUEST(.vpc = "d", .other_vpc = "c"), ERROR_OVERLAP,
            "peering of 'c' and 'd': 10.0.128.0/20 of 'd' overlaps 10.0.0.0/16 of 'a', which 'c' is peered with already");
    accept_change(model, change_delete_peering, REQUEST(.vpc = "c", .other_vpc = "a"));
    accept_change(model, change_create_peering, REQUEST(.vpc = "c", .other_vpc = "b"));
}

static void test_peering_ids(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.1.0.0/16");
    add_vpc(model, "c", "10.2.0.0/16");
    accept_change(model, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "c"));
    accept_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "c"));
    g_assert_cmpuint(model_peering(model, "b", "c")->id, ==, 0);
    g_assert_cmpuint(model_peering(model, "a", "c")->id, ==, 1);
    accept_change(model, change_delete_peering, REQUEST(.vpc = "b", .other_vpc = "c"));
    accept_change(model, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "b"));
    g_assert_cmpuint(model_peering(model, "a", "b")->id, ==, 0);
}

static void test_peering_limit(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/16");
    add_vpc(model, "b", "10.1.0.0/16");
    for (unsigned i = 0; i < PEERING_MAX; i++) {
        Peering *peering = g_new0(Peering, 1);

        peering->vpcs[0] = g_strdup_printf("p%04u", i);
        peering->vpcs[1] = g_strdup_printf("q%04u", i);
        peering->id = i;
        g_assert_cmpint(model_put_peering(model, peering), ==, 0);
    }
    refuse_change(model, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "a"), ERROR_LIMIT,
            "peering of 'b' and 'a': this machine has 8064 already, the most there can be");
}

/* --- policies --- */

static void test_firewall(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    const Firewall *policy = FIREWALL(DENY, ALLOW, RULE(INGRESS, TCP, 80, 80, "", ALLOW)), *kept;

    add_vpc(model, "a", "10.0.0.0/16");
    add_subnet(model, "a", "s", "10.0.1.0/24", SUBNET_PUBLIC);
#define APPLY(...) REQUEST(.firewall = (Firewall *)(uintptr_t)policy, __VA_ARGS__)
    refuse_change(model, change_apply_firewall, APPLY(.vpc = "nothere", .subnet = "s"), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    refuse_change(model, change_apply_firewall, APPLY(.vpc = "a", .subnet = "nothere"), ERROR_NO_SUCH_SUBNET,
            "subnet 'nothere': VPC 'a' has none of that name");
    refuse_change(model, change_apply_firewall, APPLY(.vpc = "a", .subnet = "s", .cidr = cidr("10.0.2.0/24")),
            ERROR_CONFLICT,
            "subnet 's': the policy is written for 10.0.2.0/24, but the subnet is 10.0.1.0/24; mend the policy's "
            "\"subnet\" or leave it out");
    refuse_change(model, change_clear_firewall, REQUEST(.vpc = "a", .subnet = "s"), ERROR_CONFLICT,
            "subnet 's': it has no policy");
    accept_change(model, change_apply_firewall, APPLY(.vpc = "a", .subnet = "s", .cidr = cidr("10.0.1.0/24")));
    kept = vpc_subnet(model_vpc(model, "a"), "s")->firewall;
    g_assert_true(kept && kept != policy && kept->rules != policy->rules && kept->n_rules == 1);
    policy = FIREWALL(ALLOW, DENY, RULE(EGRESS, ICMP, 0, 0, "", ALLOW), RULE(INGRESS, ALL, 0, 0, "", DENY));
    accept_change(model, change_apply_firewall, APPLY(.vpc = "a", .subnet = "s")); /* in place of the first */
    g_assert_cmpuint(vpc_subnet(model_vpc(model, "a"), "s")->firewall->n_rules, ==, 2);
    accept_change(model, change_clear_firewall, REQUEST(.vpc = "a", .subnet = "s"));
    g_assert_null(vpc_subnet(model_vpc(model, "a"), "s")->firewall);
    refuse_change(model, change_clear_firewall, REQUEST(.vpc = "a", .subnet = "nothere"), ERROR_NO_SUCH_SUBNET,
            "subnet 'nothere': VPC 'a' has none of that name");
}

/* --- workloads --- */

static void test_workloads(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    gid_t groups[] = { 5, 6 };
    const Workload *workload;

    add_vpc(model, "a", "10.0.0.0/16");
    add_subnet(model, "a", "s", "10.0.1.0/24", SUBNET_PUBLIC);
    accept_change(model, change_deploy_webserver,
            REQUEST(.uid = 7, .gid = 8, .groups = groups, .n_groups = 2, .vpc = "a", .subnet = "s", .name = "w", .port = 80));
    workload = endpoint_workload(first_endpoint(model, "a", "s"), "w");
    g_assert_cmpuint(workload->uid, ==, 7);
    g_assert_cmpuint(workload->gid, ==, 8);
    g_assert_cmpuint(workload->n_groups, ==, 2);
    g_assert_cmpuint(workload->groups[1], ==, 6);
    g_assert_cmpuint(workload->port, ==, 80);

#define DEPLOY(...) change_deploy_webserver, REQUEST(__VA_ARGS__)
    refuse_change(model, DEPLOY(.vpc = "nothere", .subnet = "s", .name = "w", .port = 81), ERROR_NO_SUCH_VPC,
            "VPC 'nothere': there is none of that name");
    refuse_change(model, DEPLOY(.vpc = "a", .subnet = "nothere", .name = "w", .port = 81), ERROR_NO_SUCH_SUBNET,
            "subnet 'nothere': VPC 'a' has none of that name");
    refuse_change(model, DEPLOY(.vpc = "a", .subnet = "s", .name = "w", .port = 81), ERROR_EXISTS,
            "workload 'w': subnet 's' of VPC 'a' has one of that name; stop it first or give another --name");
    refuse_change(model, DEPLOY(.vpc = "a", .subnet = "s", .name = "x", .port = 80), ERROR_IN_USE,
            "port 80: workload 'w' of subnet 's' serves on it already");
    accept_change(model, DEPLOY(.vpc = "a", .subnet = "s", .name = "x", .port = 81));

    refuse_change(model, change_stop_workload, REQUEST(.vpc = "a", .subnet = "s", .name = "nothere"),
            ERROR_NO_SUCH_WORKLOAD, "workload 'nothere': subnet 's' of VPC 'a' has none of that name");
    accept_change(model, change_stop_workload, REQUEST(.vpc = "a", .subnet = "s", .name = "w"));
    g_assert_null(endpoint_workload(first_endpoint(model, "a", "s"), "w"));
    accept_change(model, DEPLOY(.vpc = "a", .subnet = "s", .name = "w", .port = 80));
}

static void test_programs(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    char *argv[] = { "sleep", "1", NULL }, *environment[] = { "LANG=C", NULL };
    const Workload *workload;

    add_vpc(model, "a", "10.0.0.0/16");
    add_subnet(model, "a", "s", "10.0.1.0/24", SUBNET_PUBLIC);
    accept_change(model, change_deploy,
            REQUEST(.vpc = "a", .subnet = "s", .name = "p", .argv = argv, .environment = environment, .directory = "/srv",
                    .restart = RESTART_ALWAYS));
    workload = endpoint_workload(first_endpoint(model, "a", "s"), "p");
    g_assert_cmpint(workload->kind, ==, WORKLOAD_PROGRAM);
    g_assert_cmpint(workload->restart, ==, RESTART_ALWAYS);
    g_assert_cmpuint(workload->port, ==, 0);
    g_assert_cmpuint(workload->created, ==, NOW);
    g_assert_true(workload->argv != argv && workload->argv[0] != argv[0]);
    g_assert_cmpstr(workload->argv[1], ==, "1");
    g_assert_null(workload->argv[2]);
    g_assert_cmpstr(workload->environment[0], ==, "LANG=C");
    g_assert_cmpstr(workload->directory, ==, "/srv");
    refuse_change(model, change_deploy, REQUEST(.vpc = "a", .subnet = "s", .name = "p", .argv = argv), ERROR_EXISTS,
            "workload 'p': subnet 's' of VPC 'a' has one of that name; stop it first or give another --name");
    /* They have no port, so they are in nobody's way. */
    accept_change(model, change_deploy, REQUEST(.vpc = "a", .subnet = "s", .name = "q", .argv = argv));
    accept_change(model, DEPLOY(.vpc = "a", .subnet = "s", .name = "w", .port = 80));
}

/* --- looking --- */

static void test_find(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    _cleanup_failure_ Failure failure = { 0 };
    const Subnet *subnet;
    const Vpc *vpc;

    g_assert_cmpint(find_subnet(model, "vpc1", "public", &vpc, &subnet, &failure), ==, 0);
    g_assert_cmpstr(vpc->name, ==, "vpc1");
    g_assert_cmpstr(subnet->name, ==, "public");
    g_assert_cmpint(find_vpc(model, "nothere", &vpc, &failure), ==, -ENOENT);
    g_assert_cmpint(failure.code, ==, ERROR_NO_SUCH_VPC);
    failure_clear(&failure);
    g_assert_cmpint(find_subnet(model, "vpc1", "nothere", &vpc, &subnet, &failure), ==, -ENOENT);
    g_assert_cmpint(failure.code, ==, ERROR_NO_SUCH_SUBNET);
}

static void test_request(void) {
    Request *request = request_new();

    g_assert_cmpint(request->control, ==, -1);
    g_assert_cmpint(request->stdio[2], ==, -1);
    request->control = dup(0);
    request->directory = g_strdup("/srv");
    request->argv = g_new0(char *, 2);
    request->argv[0] = g_strdup("true");
    request->firewall = g_new0(Firewall, 1);
    g_assert_null(request_free(request));
    g_assert_null(request_free(NULL));
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/change/create-vpc", test_create_vpc);
    g_test_add_func("/change/vpc-cidr", test_vpc_cidr);
    g_test_add_func("/change/host-access", test_host_access);
    g_test_add_func("/change/vpc-ids", test_vpc_ids);
    g_test_add_func("/change/vpc-limit", test_vpc_limit);
    g_test_add_func("/change/delete-vpc", test_delete_vpc);
    g_test_add_func("/change/purge", test_purge);
    g_test_add_func("/change/add-subnet", test_add_subnet);
    g_test_add_func("/change/first-address", test_first_address);
    g_test_add_func("/change/subnet-cidr", test_subnet_cidr);
    g_test_add_func("/change/subnet-ids", test_subnet_ids);
    g_test_add_func("/change/endpoint-limit", test_endpoint_limit);
    g_test_add_func("/change/delete-subnet", test_delete_subnet);
    g_test_add_func("/change/namespaces-meet", test_namespaces_meet);
    g_test_add_func("/change/nat", test_nat);
    g_test_add_func("/change/nat-interfaces", test_nat_interfaces);
    g_test_add_func("/change/peering", test_peering);
    g_test_add_func("/change/peering-consent", test_peering_consent);
    g_test_add_func("/change/limits", test_limits);
    g_test_add_func("/change/peering-overlaps", test_peering_overlaps);
    g_test_add_func("/change/peering-ids", test_peering_ids);
    g_test_add_func("/change/peering-limit", test_peering_limit);
    g_test_add_func("/change/firewall", test_firewall);
    g_test_add_func("/change/workloads", test_workloads);
    g_test_add_func("/change/programs", test_programs);
    g_test_add_func("/change/find", test_find);
    g_test_add_func("/change/request", test_request);
    return g_test_run();
}
