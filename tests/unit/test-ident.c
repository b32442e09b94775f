/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: which there are, and what the kernel and systemd see of them. */

#include "fixture.h"

#include "core/ident.h"

#define NAME_12 "abcdefghijkl"
#define NAME_15 "abcdefghijklmno"
#define NAME_31 "abcdefghijklmnopqrstuvwxyz01234"

static void test_names(void) {
    static const char *const good[] = { "a", "vpc1", "a-b", "a-", "a--b", "z9", NAME_31, "a------------------------------" };
    static const char *const bad[] = { "", NAME_31 "5", "1a", "-x", "-", "A", "vpC", "a b", " a", "a ", "a_b", "a.b", "..",
        ".", "a/b", "../a", "a\nb", "a\n", "a;id", "a\"b", "a'b", "a%s", "a:b", "a@b", "a\\b", "\xc3\xa4", "v\xc3\xa4",
        "a\x7f", "a*" };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        g_assert_true(name_is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        g_test_message("'%s'", bad[i]);
        g_assert_false(name_is_valid(bad[i]));
    }
    g_assert_cmpuint(strlen(NAME_31), ==, NAME_MAX_LENGTH);
    for (int c = 1; c < 256; c++) {
        char first[] = { (char)c, '\0' }, second[] = { 'a', (char)c, '\0' };
        bool letter = c >= 'a' && c <= 'z';

        g_assert_cmpint(name_is_valid(first), ==, letter);
        g_assert_cmpint(name_is_valid(second), ==, letter || (c >= '0' && c <= '9') || c == '-');
    }
}

static void test_interface_names(void) {
    static const char *const good[] = { "eth0", "e", "wlp0s20f3", "eth0.100", "br-lan", "eth0:1", "veth@if2", "0", "A_b",
        NAME_15 };
    static const char *const bad[] = { "", NAME_15 "p", ".", "..", "-x", "_x", "@x", ":x", "eth 0", "eth/0", "eth0\n",
        "eth0*", "eth\"0", "\xc3\xa4th0", "eth%d" };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        g_assert_true(interface_name_is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        g_test_message("'%s'", bad[i]);
        g_assert_false(interface_name_is_valid(bad[i]));
    }
}

#define VPC(vpc_name, vpc_id) (&(Vpc){ .name = (vpc_name), .id = (vpc_id) })

/* Every link name is what it should be and fits (IFNAMSIZ less the zero byte). */
static void assert_link(const char *got, const char *wanted) {
    g_assert_cmpstr(got, ==, wanted);
    g_assert_cmpuint(strlen(got), <=, 15);
}

static void test_links(void) {
    LinkName buffer;

    assert_link(link_uplink_host(VPC("vpc1", 7), buffer), "vpc-vpc1");
    assert_link(link_uplink_host(VPC("abcdefghijk", 7), buffer), "vpc-abcdefghijk"); /* 11 */
    assert_link(link_uplink_host(VPC(NAME_12, 7), buffer), "vpc-7");
    assert_link(link_uplink_host(VPC(NAME_31, 8191), buffer), "vpc-8191");
    assert_link(link_bridge(VPC("a", 7), buffer), "br-a");
    assert_link(link_bridge(VPC(NAME_12, 7), buffer), "br-" NAME_12);
    assert_link(link_bridge(VPC(NAME_15, 0), buffer), "br-0");
    assert_link(link_bridge(VPC(NAME_31, 8191), buffer), "br-8191");
    assert_link(link_peer("vpc2", 9, buffer), "peer-vpc2");
    assert_link(link_peer("abcdefghij", 9, buffer), "peer-abcdefghij"); /* 10 */
    assert_link(link_peer("abcdefghijk", 9, buffer), "peer-9");
    assert_link(link_peer(NAME_31, 8063, buffer), "peer-8063");
    assert_link(link_port(&(Endpoint){ .id = 1 }, buffer), "p1");
    assert_link(link_port(&(Endpoint){ .id = 1023 }, buffer), "p1023");
}

static void assert_address(Address got, const char *wanted) {
    char buffer[ADDRESS_TEXT_MAX];

    g_assert_cmpstr(address_format(&got, buffer), ==, wanted);
}

static void test_link_addresses(void) {
    Cidr pool = cidr("169.254.64.0/18"), uplinks = cidr("169.254.64.0/18");

    assert_address(uplink_address(VPC("a", 0), 0), "169.254.64.0");
    assert_address(uplink_address(VPC("a", 0), 1), "169.254.64.1");
    assert_address(uplink_address(VPC("a", 127), 1), "169.254.64.255");
    assert_address(uplink_address(VPC("a", 128), 0), "169.254.65.0");
    assert_address(uplink_address(VPC("a", UPLINK_MAX - 1), 1), "169.254.127.255");
    assert_address(peer_address(&(Peering){ .id = 0 }, 0), "169.254.1.0");
    assert_address(peer_address(&(Peering){ .id = 0 }, 1), "169.254.1.1");
    assert_address(peer_address(&(Peering){ .id = PEERING_MAX - 1 }, 1), "169.254.63.255");

    for (unsigned id = 0; id < UPLINK_MAX; id++) {
        Address host = uplink_address(VPC("a", id), 0), router = uplink_address(VPC("a", id), 1), second;
        Cidr pair = { host, 31 };

        g_assert_true(cidr_has_address(&pool, &host) && cidr_has_address(&pair, &router));
        g_assert_cmpint(cidr_nth(&pair, 1, &second), ==, 0); /* the host has the even one */
        g_assert_true(address_equal(&router, &second));
    }
    for (unsigned id = 0; id < PEERING_MAX; id++) {
        Address a = peer_address(&(Peering){ .id = id }, 0), b = peer_address(&(Peering){ .id = id }, 1);
        Cidr pair = { a, 31 };

        g_assert_true(cidr_has_address(&pair, &b) && !cidr_has_address(&uplinks, &a));
        g_assert_false(address_equal(&a, &b));
    }
}

static void test_macs(void) {
    Address endpoint = address("10.0.1.2"), last = address("255.254.253.252");
    char buffer[MAC_TEXT_MAX];
    Mac mac = mac_from_address(&endpoint);

    g_assert_cmpstr(mac_format(&mac, buffer), ==, "02:76:0a:00:01:02");
    mac = mac_of_port(&endpoint);
    g_assert_cmpstr(mac_format(&mac, buffer), ==, "fe:76:0a:00:01:02");
    mac = mac_from_address(&last);
    g_assert_cmpstr(mac_format(&mac, buffer), ==, "02:76:ff:fe:fd:fc");
    /* Locally administered, and of one station (IEEE 802, the two low bits of the first byte). */
    g_assert_cmpuint(mac.bytes[0] & 3, ==, 2);
    mac = mac_of_port(&last);
    g_assert_cmpuint(mac.bytes[0] & 3, ==, 2);
}

static void test_namespaces(void) {
    Vpc *vpc = VPC("vpc1", 0);
    Subnet subnet = { .name = "public" };
    g_autofree char *router = netns_router(vpc), *first = netns_endpoint(vpc, &subnet, &(Endpoint){ .name = "" }),
                    *other = netns_endpoint(vpc, &subnet, &(Endpoint){ .name = "db" });

    g_assert_cmpstr(router, ==, "vpc1");
    g_assert_cmpstr(first, ==, "vpc1-public");
    g_assert_cmpstr(other, ==, "vpc1-public-db");
}

static void test_units(void) {
    g_autofree char *outer = unit_slice_vpc("a-b"), *inner = unit_slice_subnet("a-b", "c"),
                    *unit = unit_workload("a-b", "c-d", "", "web-server"), *plain = unit_slice_vpc("vpc1");

    g_assert_cmpstr(plain, ==, "vpcctl-vpc1.slice");
    /* A plain '-' would make "vpcctl-a-b.slice" a child of "vpcctl-a.slice", which is another VPC's. */
    g_assert_null(strstr(outer, "a-b"));
    g_assert_true(g_str_has_prefix(outer, "vpcctl-a"));
    /* A subnet's slice is inside its VPC's: its name less ".slice" is where the other begins. */
    outer[strlen(outer) - strlen(".slice")] = '\0';
    g_assert_true(g_str_has_prefix(inner, outer));
    g_assert_cmpstr(inner + strlen(outer), ==, "-c.slice");
    g_assert_cmpstr(unit, ==, "vpcctl-workload-a-b.c-d..web-server.service");
}

/* systemd takes 255 bytes (UNIT_NAME_MAX, 256, with the zero byte): also of the longest names of dashes alone. */
static void test_unit_lengths(void) {
    static const char dashes[] = "a------------------------------";
    g_autofree char *outer = unit_slice_vpc(dashes), *inner = unit_slice_subnet(dashes, dashes),
                    *unit = unit_workload(dashes, dashes, dashes, dashes);

    g_assert_cmpuint(strlen(dashes), ==, NAME_MAX_LENGTH);
    g_assert_cmpuint(strlen(outer), <=, 255);
    g_assert_cmpuint(strlen(inner), <=, 255);
    g_assert_cmpuint(strlen(unit), <=, 255);
}

/* Two different pairs of names never have one slice or unit between them. */
static void test_units_differ(void) {
    static const char *const names[] = { "a", "a-", "a-b", "ab", "a-b-c", "b", "b-c", "c", "ax2db", "x2d" };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        g_assert_true(g_hash_table_add(seen, unit_slice_vpc(names[i])));
        for (size_t j = 0; j < ELEMENTSOF(names); j++) {
            g_assert_true(g_hash_table_add(seen, unit_slice_subnet(names[i], names[j])));
            for (size_t k = 0; k < ELEMENTSOF(names); k++) {
                g_assert_true(g_hash_table_add(seen, unit_workload(names[i], names[j], "", names[k])));
                g_assert_true(g_hash_table_add(seen, unit_workload(names[i], names[j], names[k], "w")));
            }
        }
    }
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ident/names", test_names);
    g_test_add_func("/ident/interface-names", test_interface_names);
    g_test_add_func("/ident/links", test_links);
    g_test_add_func("/ident/link-addresses", test_link_addresses);
    g_test_add_func("/ident/macs", test_macs);
    g_test_add_func("/ident/namespaces", test_namespaces);
    g_test_add_func("/ident/units", test_units);
    g_test_add_func("/ident/unit-lengths", test_unit_lengths);
    g_test_add_func("/ident/units-differ", test_units_differ);
    return g_test_run();
}
