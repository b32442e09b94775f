/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and blocks: which spellings there are, and what they mean as numbers. */

#include "fixture.h"

static void assert_parses(const char *text, const char *formatted) {
    char buffer[CIDR_TEXT_MAX];
    Cidr result;

    g_assert_cmpint(cidr_parse(text, &result), ==, 0);
    g_assert_cmpstr(cidr_format(&result, buffer), ==, formatted);
}

static void assert_no_cidr(const char *text) {
    Cidr untouched = { .prefix = 77 };

    g_test_message("'%s'", text);
    g_assert_cmpint(cidr_parse(text, &untouched), ==, -EINVAL);
    g_assert_cmpuint(untouched.prefix, ==, 77);
}

static void assert_host_bits(const char *text, const char *block) {
    char buffer[CIDR_TEXT_MAX];
    Cidr result;

    g_assert_cmpint(cidr_parse(text, &result), ==, -ERANGE);
    g_assert_cmpstr(cidr_format(&result, buffer), ==, block);
}

static void test_parse(void) {
    assert_parses("10.0.0.0/16", "10.0.0.0/16");
    assert_parses("0.0.0.0/0", "0.0.0.0/0");
    assert_parses("255.255.255.255/32", "255.255.255.255/32");
    assert_parses("10.0.0.4/30", "10.0.0.4/30");
    assert_parses("128.0.0.0/1", "128.0.0.0/1");
    assert_parses("2001:db8::/32", "2001:db8::/32");
    assert_parses("2001:0DB8:0:0::/32", "2001:db8::/32");
    assert_parses("::/0", "::/0");
    assert_parses("::1/128", "::1/128");
    assert_parses("::ffff:10.0.0.0/120", "::ffff:10.0.0.0/120");
    assert_parses("1111:2222:3333:4444:5555:6666:255.255.255.255/128",
            "1111:2222:3333:4444:5555:6666:ffff:ffff/128");
}

static void test_odd_spellings(void) {
    static const char *const texts[] = { "", "/", "/16", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0 /8", "10.0.0.0/08", "10.0.0.0/00",
        "10.0.0.0/008", "10.0.0.0/0x8", "10.0.0.0/1e1", "10.0.0.0/16/16", "10.0.0.0//16", "10.0.0.0/16\n", "10.0.0/16",
        "10/8", "10.0.0.0.0/16", "010.0.0.0/8", "0x0a.0.0.0/8", "10.0.0.256/32", "10.0.0.-1/32", "ten/8", "10.0.0.0/a",
        "10.0.0.0/4294967304", "10.0.0.0/18446744073709551624", "10.0.0.0/999", "::/129", "::/1000", ":/0", ":::/0",
        "fe80::1%eth0/128", "[::1]/128", "2001:db8::g/64", "10.0.0.0/255.255.0.0", "localhost/32",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999/128", "10.0.0.0\xc2\xa0/8",
        "0000:0000:0000:0000:0000:0000:000000000000.0.0.0/0" };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        assert_no_cidr(texts[i]);
}

static void test_host_bits(void) {
    assert_host_bits("10.0.0.5/16", "10.0.0.0/16");
    assert_host_bits("10.0.0.1/31", "10.0.0.0/31");
    assert_host_bits("255.255.255.255/0", "0.0.0.0/0");
    assert_host_bits("10.1.128.0/16", "10.1.0.0/16");
    assert_host_bits("192.168.129.0/17", "192.168.128.0/17");
    assert_host_bits("2001:db8::1/64", "2001:db8::/64");
    assert_host_bits("2001:db8:c000::/33", "2001:db8:8000::/33");
}

static void test_address(void) {
    static const char *const none[] = { "", " ", "10.0.0", "10.0.0.1 ", "10.0.0.1/32", "1.2.3.4.5", "01.2.3.4", ":",
        "1:2", "fe80::1%lo", "10.0.0.1x" };
    char buffer[ADDRESS_TEXT_MAX];
    Address result;

    for (size_t i = 0; i < ELEMENTSOF(none); i++)
        g_assert_cmpint(address_parse(none[i], &result), ==, -EINVAL);
    g_assert_cmpint(address_parse("10.0.1.2", &result), ==, 0);
    g_assert_cmpint(result.family, ==, AF_INET);
    g_assert_cmpstr(address_format(&result, buffer), ==, "10.0.1.2");
    g_assert_cmpint(address_parse("FD00:EC2::254", &result), ==, 0);
    g_assert_cmpint(result.family, ==, AF_INET6);
    g_assert_cmpstr(address_format(&result, buffer), ==, "fd00:ec2::254");
    g_assert_cmpuint(address_size(AF_INET), ==, 4);
    g_assert_cmpuint(address_size(AF_INET6), ==, 16);

    /* No address is no text. */
    g_assert_cmpstr(address_format(&(Address){ 0 }, buffer), ==, "");
    g_assert_cmpstr(cidr_format(&(Cidr){ 0 }, (char[CIDR_TEXT_MAX]){ 0 }), ==, "");
}

static void test_equal(void) {
    Address v4 = address("10.0.0.1"), v6 = address("a00:1::"), same = address("10.0.0.1");
    Cidr wide = cidr("10.0.0.0/8"), narrow = cidr("10.0.0.0/9");

    /* What is behind the four bytes of an IPv4 address does not count. */
    same.bytes[15] = 1;
    g_assert_true(address_equal(&v4, &same));
    g_assert_false(address_equal(&v4, &v6));
    g_assert_false(address_equal(&v4, &wide.address));
    g_assert_true(cidr_equal(&wide, &wide));
    g_assert_false(cidr_equal(&wide, &narrow));
    g_assert_true(cidr_equal(&(Cidr){ 0 }, &(Cidr){ 0 }));
    g_assert_false(cidr_equal(&(Cidr){ 0 }, &(Cidr){ .address.family = AF_INET }));
}

static void assert_has(const char *block, const char *member, bool wanted) {
    Cidr c = cidr(block);
    Address a = address(member);

    g_assert_cmpint(cidr_has_address(&c, &a), ==, wanted);
}

static void test_has_address(void) {
    assert_has("10.0.0.0/16", "10.0.0.0", true);
    assert_has("10.0.0.0/16", "10.0.255.255", true);
    assert_has("10.0.0.0/16", "10.1.0.0", false);
    assert_has("10.0.0.0/16", "9.255.255.255", false);
    assert_has("0.0.0.0/0", "255.255.255.255", true);
    assert_has("10.0.0.7/32", "10.0.0.7", true);
    assert_has("10.0.0.7/32", "10.0.0.6", false);
    assert_has("10.0.128.0/17", "10.0.127.255", false);
    assert_has("::/0", "10.0.0.1", false);
    assert_has("0.0.0.0/0", "::1", false);
    assert_has("2001:db8::/33", "2001:db8:7fff::1", true);
    assert_has("2001:db8::/33", "2001:db8:8000::1", false);
}

/* How two blocks are to each other: '=' equal, '>' the first holds the second, '<' the other way round, '|' apart. */
static void assert_relation(const char *first, const char *second, char relation) {
    Cidr a = cidr(first), b = cidr(second);

    g_test_message("%s %c %s", first, relation, second);
    g_assert_cmpint(cidr_contains(&a, &b), ==, relation == '>' || relation == '=');
    g_assert_cmpint(cidr_contains(&b, &a), ==, relation == '<' || relation == '=');
    g_assert_cmpint(cidr_overlaps(&a, &b), ==, relation != '|');
    g_assert_cmpint(cidr_overlaps(&b, &a), ==, relation != '|');
    g_assert_cmpint(cidr_equal(&a, &b), ==, relation == '=');
}

static void test_overlap(void) {
    assert_relation("10.0.0.0/16", "10.0.0.0/16", '=');
    assert_relation("10.0.0.0/16", "10.0.1.0/24", '>');
    assert_relation("10.0.1.0/24", "10.0.0.0/16", '<');
    assert_relation("10.0.1.0/25", "10.0.1.128/25", '|');
    assert_relation("10.0.0.0/16", "10.1.0.0/16", '|');
    assert_relation("0.0.0.0/0", "10.0.0.0/8", '>');
    assert_relation("10.0.0.1/32", "10.0.0.1/32", '=');
    assert_relation("10.0.0.1/32", "10.0.0.2/32", '|');
    assert_relation("0.0.0.0/0", "::/0", '|');
    assert_relation("fd00::/8", "fd00:ec2::254/128", '>');
    assert_relation("::/0", "::/1", '>');
}

static void assert_nth(const char *block, uint64_t index, const char *wanted) {
    char buffer[ADDRESS_TEXT_MAX];
    Address result = { 0 };
    Cidr c = cidr(block);
    int r = cidr_nth(&c, index, &result);

    g_assert_cmpint(r, ==, wanted ? 0 : -ERANGE);
    g_assert_cmpstr(address_format(&result, buffer), ==, wanted ? wanted : "");
}

static void test_nth(void) {
    assert_nth("10.0.0.0/16", 0, "10.0.0.0");
    assert_nth("10.0.0.0/16", 1, "10.0.0.1");
    assert_nth("10.0.0.0/16", 256, "10.0.1.0");
    assert_nth("10.0.0.0/16", 65535, "10.0.255.255");
    assert_nth("10.0.0.0/16", 65536, NULL);
    assert_nth("10.0.0.0/16", UINT64_MAX, NULL);
    assert_nth("0.0.0.0/0", UINT32_MAX, "255.255.255.255");
    assert_nth("0.0.0.0/0", (uint64_t)UINT32_MAX + 1, NULL);
    assert_nth("10.0.0.7/32", 0, "10.0.0.7");
    assert_nth("10.0.0.7/32", 1, NULL);
    assert_nth("2001:db8::/64", UINT64_MAX, "2001:db8::ffff:ffff:ffff:ffff");
    assert_nth("2001:db8::/65", UINT64_MAX, NULL);
    assert_nth("2001:db8::/63", UINT64_MAX, "2001:db8::ffff:ffff:ffff:ffff");
    assert_nth("::/0", 258, "::102");
    assert_nth("::1/128", 1, NULL);
}

static void assert_last(const char *block, const char *wanted) {
    char buffer[ADDRESS_TEXT_MAX];
    Cidr c = cidr(block);
    Address last = cidr_last(&c);

    g_assert_cmpstr(address_format(&last, buffer), ==, wanted);
}

static void test_last(void) {
    assert_last("10.0.0.0/16", "10.0.255.255");
    assert_last("10.0.0.4/30", "10.0.0.7");
    assert_last("10.0.0.7/32", "10.0.0.7");
    assert_last("0.0.0.0/0", "255.255.255.255");
    assert_last("172.16.0.0/12", "172.31.255.255");
    assert_last("2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
}

/* Every block's text is read as the same block, and its ends are in it and the addresses beside them are not. */
static void test_random(void) {
    for (int i = 0; i < 20000; i++) {
        bool six = g_test_rand_bit();
        Cidr made = { .address.family = six ? AF_INET6 : AF_INET }, read, block;
        char text[CIDR_TEXT_MAX];
        Address last;
        int r;

        for (size_t j = 0; j < address_size(made.address.family); j++)
            made.address.bytes[j] = (uint8_t)g_test_rand_int_range(0, 256);
        made.prefix = (unsigned)g_test_rand_int_range(0, six ? 129 : 33);
        cidr_format(&made, text);
        r = cidr_parse(text, &block);
        g_assert_true(r == 0 || r == -ERANGE);
        g_assert_cmpint(r == 0, ==, cidr_equal(&made, &block));
        g_assert_cmpint(cidr_parse(cidr_format(&block, text), &read), ==, 0);
        g_assert_true(cidr_equal(&block, &read));
        g_assert_true(cidr_has_address(&block, &made.address));
        last = cidr_last(&block);
        g_assert_true(cidr_has_address(&block, &last));
        if (block.prefix > 0) {
            last.bytes[(block.prefix - 1) / 8] ^= (uint8_t)(0x80 >> ((block.prefix - 1) % 8));
            g_assert_false(cidr_has_address(&block, &last));
        }
    }
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cidr/parse", test_parse);
    g_test_add_func("/cidr/odd-spellings", test_odd_spellings);
    g_test_add_func("/cidr/host-bits", test_host_bits);
    g_test_add_func("/cidr/address", test_address);
    g_test_add_func("/cidr/equal", test_equal);
    g_test_add_func("/cidr/has-address", test_has_address);
    g_test_add_func("/cidr/overlap", test_overlap);
    g_test_add_func("/cidr/nth", test_nth);
    g_test_add_func("/cidr/last", test_last);
    g_test_add_func("/cidr/random", test_random);
    return g_test_run();
}
