/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy file: what it means, what is refused and in which words, and that what we write is read as the same. */

#include "policy.h"

#include <glib.h>
#include <netinet/in.h>

static Policy parse(const char *text) {
    _cleanup_failure_ Failure failure = { 0 };
    Policy policy = { 0 };
    int r = policy_parse(text, strlen(text), &policy, &failure);

    g_assert_cmpstr(failure.message, ==, NULL);
    g_assert_cmpint(r, ==, 0);
    g_assert_nonnull(policy.firewall);
    return policy;
}

/* The refusal's words are compared in full: they are what a user has to mend the file by. */
static void assert_refused_length(const char *text, size_t length, const char *message) {
    _cleanup_failure_ Failure failure = { 0 };
    Policy policy = { 0 };
    int r = policy_parse(text, length, &policy, &failure);

    g_assert_cmpint(r, ==, -EINVAL);
    g_assert_cmpint(failure.code, ==, ERROR_INVALID);
    g_assert_cmpstr(failure.message, ==, message);
    g_assert_null(policy.firewall);
}

static void assert_refused(const char *text, const char *message) {
    assert_refused_length(text, strlen(text), message);
}

static void assert_rule(const Firewall *firewall, size_t index, Direction direction, Protocol protocol, unsigned first,
        unsigned last, const char *peer, Action action) {
    const Rule *rule = &firewall->rules[index];
    char text[CIDR_TEXT_MAX] = "";

    g_assert_cmpuint(index, <, firewall->n_rules);
    if (rule->peer.address.family != AF_UNSPEC)
        cidr_format(&rule->peer, text);
    g_assert_cmpint(rule->direction, ==, direction);
    g_assert_cmpint(rule->protocol, ==, protocol);
    g_assert_cmpuint(rule->port_first, ==, first);
    g_assert_cmpuint(rule->port_last, ==, last);
    g_assert_cmpstr(text, ==, peer);
    g_assert_cmpint(rule->action, ==, action);
}

static void assert_defaults(const char *text, Action ingress, Action egress) {
    _cleanup_policy_ Policy policy = parse(text);

    g_assert_cmpint(policy.firewall->defaults[DIRECTION_INGRESS], ==, ingress);
    g_assert_cmpint(policy.firewall->defaults[DIRECTION_EGRESS], ==, egress);
}

static void test_walkthrough(void) {
    _cleanup_policy_ Policy policy =
            parse("{\"subnet\": \"10.0.1.0/24\",\n"
                  " \"ingress\": [{\"port\": 8080, \"protocol\": \"tcp\", \"action\": \"allow\"},\n"
                  "  {\"port\": 22, \"protocol\": \"tcp\", \"action\": \"deny\"}]}\n");
    char text[CIDR_TEXT_MAX];

    g_assert_true(policy.has_subnet);
    g_assert_cmpstr(cidr_format(&policy.subnet, text), ==, "10.0.1.0/24");
    g_assert_cmpuint(policy.firewall->n_rules, ==, 2);
    assert_rule(policy.firewall, 0, DIRECTION_INGRESS, PROTOCOL_TCP, 8080, 8080, "", ACTION_ALLOW);
    assert_rule(policy.firewall, 1, DIRECTION_INGRESS, PROTOCOL_TCP, 22, 22, "", ACTION_DENY);
    g_assert_cmpint(policy.firewall->defaults[DIRECTION_INGRESS], ==, ACTION_DENY);
    g_assert_cmpint(policy.firewall->defaults[DIRECTION_EGRESS], ==, ACTION_ALLOW);
}

static void test_defaults(void) {
    assert_defaults("{}", ACTION_DENY, ACTION_ALLOW);
    assert_defaults("{\"ingress\": []}", ACTION_DENY, ACTION_ALLOW);
    assert_defaults("{\"egress\": []}", ACTION_DENY, ACTION_DENY);
    assert_defaults("{\"default\": \"deny\"}", ACTION_DENY, ACTION_ALLOW);
    assert_defaults("{\"default\": \"deny\", \"egress\": []}", ACTION_DENY, ACTION_DENY);
    assert_defaults("{\"default\": \"allow\"}", ACTION_ALLOW, ACTION_ALLOW);
    assert_defaults("{\"egress\": [], \"default\": \"allow\"}", ACTION_ALLOW, ACTION_ALLOW);
    assert_refused("{\"default\": \"block\"}", "default is 'allow' or 'deny', not 'block'");
    assert_refused("{\"default\": true}", "default is a text in quotes, not boolean");
}

static void test_rules(void) {
    _cleanup_policy_ Policy policy =
            parse("{\"egress\": [{\"protocol\": \"all\", \"action\": \"allow\", \"destination\": \"2001:db8::/32\"}],"
                  " \"ingress\": [{\"protocol\": \"tcp\", \"port\": \"8000-8100\", \"action\": \"allow\", \"source\": "
                  "\"10.0.2.0/24\"},"
                  "  {\"protocol\": \"udp\", \"port\": \"any\", \"action\": \"deny\"},"
                  "  {\"protocol\": \"udp\", \"port\": \"53\", \"action\": \"deny\"},"
                  "  {\"protocol\": \"tcp\", \"port\": 1, \"action\": \"allow\"},"
                  "  {\"protocol\": \"tcp\", \"port\": 65535, \"action\": \"allow\"},"
                  "  {\"protocol\": \"tcp\", \"port\": \"1-65535\", \"action\": \"allow\"},"
                  "  {\"protocol\": \"icmp\", \"port\": \"any\", \"action\": \"allow\"},"
                  "  {\"action\": \"deny\", \"protocol\": \"all\"}]}");
    const Firewall *firewall = policy.firewall;

    g_assert_false(policy.has_subnet);
    g_assert_cmpuint(firewall->n_rules, ==, 9);
    assert_rule(firewall, 0, DIRECTION_INGRESS, PROTOCOL_TCP, 8000, 8100, "10.0.2.0/24", ACTION_ALLOW);
    assert_rule(firewall, 1, DIRECTION_INGRESS, PROTOCOL_UDP, 0, 0, "", ACTION_DENY);
    assert_rule(firewall, 2, DIRECTION_INGRESS, PROTOCOL_UDP, 53, 53, "", ACTION_DENY);
    assert_rule(firewall, 3, DIRECTION_INGRESS, PROTOCOL_TCP, 1, 1, "", ACTION_ALLOW);
    assert_rule(firewall, 4, DIRECTION_INGRESS, PROTOCOL_TCP, 65535, 65535, "", ACTION_ALLOW);
    assert_rule(firewall, 5, DIRECTION_INGRESS, PROTOCOL_TCP, 1, 65535, "", ACTION_ALLOW);
    assert_rule(firewall, 6, DIRECTION_INGRESS, PROTOCOL_ICMP, 0, 0, "", ACTION_ALLOW);
    assert_rule(firewall, 7, DIRECTION_INGRESS, PROTOCOL_ALL, 0, 0, "", ACTION_DENY);
    assert_rule(firewall, 8, DIRECTION_EGRESS, PROTOCOL_ALL, 0, 0, "2001:db8::/32", ACTION_ALLOW);
}

/* One rule, put into the direction's array, and the message behind "DIRECTION[0]: ". */
static void assert_rule_refused(const char *direction, const char *rule, const char *message) {
    g_autofree char *text = g_strdup_printf("{\"%s\": [%s]}", direction, rule);
    g_autofree char *full = g_strdup_printf("%s[0]: %s", direction, message);

    assert_refused(text, full);
}

static void test_rule_keys(void) {
    assert_refused("{\"ingress\": [{\"protocol\": \"tcp\", \"action\": \"allow\"},"
                   " {\"port\": 22, \"prot\": \"tcp\", \"action\": \"deny\"}]}",
            "ingress[1]: unknown key 'prot'; known: port, protocol, action, source");
    assert_rule_refused("ingress", "{\"protocol\": \"tcp\", \"action\": \"allow\", \"destination\": \"10.0.0.0/8\"}",
            "unknown key 'destination'; known: port, protocol, action, source");
    assert_rule_refused("egress", "{\"protocol\": \"tcp\", \"action\": \"allow\", \"source\": \"10.0.0.0/8\"}",
            "unknown key 'source'; known: port, protocol, action, destination");
    assert_rule_refused("ingress", "{\"protocol\": \"tcp\"}", "action is missing; it is 'allow' or 'deny'");
    assert_rule_refused(
            "ingress", "{\"action\": \"allow\"}", "protocol is missing; it is 'tcp', 'udp', 'icmp' or 'all'");
    assert_rule_refused("ingress", "{\"protocol\": \"sctp\", \"action\": \"allow\"}",
            "protocol is 'tcp', 'udp', 'icmp' or 'all', not 'sctp'");
    assert_rule_refused("ingress", "{\"protocol\": \"TCP\", \"action\": \"allow\"}",
            "protocol is 'tcp', 'udp', 'icmp' or 'all', not 'TCP'");
    assert_rule_refused(
            "ingress", "{\"protocol\": null, \"action\": \"allow\"}", "protocol is a text in quotes, not null");
    assert_rule_refused(
            "egress", "{\"protocol\": \"tcp\", \"action\": \"drop\"}", "action is 'allow' or 'deny', not 'drop'");
    assert_rule_refused(
            "ingress", "{\"protocol\": \"tcp\\u0000x\", \"action\": \"allow\"}", "protocol holds a zero character");
    assert_rule_refused("ingress", "7", "a rule is an object in braces");
    assert_rule_refused("ingress", "null", "a rule is an object in braces");
}

static void test_rule_ports(void) {
    static const char *const ranges[][2] = {
        { "0", "port is a number from 1 to 65535, not 0" },
        { "65536", "port is a number from 1 to 65535, not 65536" },
        { "-1", "port is a number from 1 to 65535, not -1" },
        { "99999999999999999999999", "port is a number from 1 to 65535, not 9223372036854775807" },
        { "8080.0", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not 8080.0" },
        { "null", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not null" },
        { "\"\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not ''" },
        { "\"http\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not 'http'" },
        { "\"80-\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '80-'" },
        { "\"-80\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '-80'" },
        { "\"0-80\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '0-80'" },
        { "\"80-65536\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '80-65536'" },
        { "\"80 - 90\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '80 - 90'" },
        { "\"1-2-3\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '1-2-3'" },
        { "\"0x50\"", "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '0x50'" },
        { "\"4294967376\"",
                "port is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '4294967376'" },
        { "\"90-80\"", "port: the range 90-80 goes backwards" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autofree char *rule =
                g_strdup_printf("{\"protocol\": \"tcp\", \"action\": \"allow\", \"port\": %s}", ranges[i][0]);

        assert_rule_refused("ingress", rule, ranges[i][1]);
    }
    assert_rule_refused("ingress", "{\"protocol\": \"icmp\", \"action\": \"allow\", \"port\": 8}",
            "a port needs protocol 'tcp' or 'udp'; 'icmp' has none");
    assert_rule_refused("egress", "{\"protocol\": \"all\", \"action\": \"allow\", \"port\": \"1-2\"}",
            "a port needs protocol 'tcp' or 'udp'; 'all' has none");
}

static void test_blocks(void) {
    assert_refused("{\"subnet\": \"10.0.1.5/24\"}",
            "subnet: 10.0.1.5/24 has bits set beyond its prefix; the block around it is 10.0.1.0/24");
    assert_refused("{\"subnet\": 10}", "subnet is a text in quotes, not int");
    assert_rule_refused("ingress", "{\"protocol\": \"all\", \"action\": \"deny\", \"source\": \"10.0.1.5\"}",
            "source: '10.0.1.5' is no block of addresses such as 10.0.0.0/16, or 10.0.0.1/32 for one");
    assert_rule_refused("egress", "{\"protocol\": \"all\", \"action\": \"deny\", \"destination\": \"10.0.1.5/16\"}",
            "destination: 10.0.1.5/16 has bits set beyond its prefix; the block around it is 10.0.0.0/16");
    assert_rule_refused("ingress", "{\"protocol\": \"all\", \"action\": \"deny\", \"source\": \"\"}",
            "source: '' is no block of addresses such as 10.0.0.0/16, or 10.0.0.1/32 for one");
}

static void test_root(void) {
    assert_refused("null", "a policy is an object in braces, not null");
    assert_refused("[]", "a policy is an object in braces, not array");
    assert_refused("\"allow\"", "a policy is an object in braces, not string");
    assert_refused("12", "a policy is an object in braces, not int");
    assert_refused("{\"Ingress\": []}", "unknown key 'Ingress'; known: subnet, default, ingress, egress");
    assert_refused("{\"ingress\": {}}", "ingress is an array of rules, in square brackets");
    assert_refused("{\"egress\": null}", "egress is an array of rules, in square brackets");
}

static void test_syntax(void) {
    static const char zero[] = "{\"ingress\": []}\0{";

    assert_refused("", "the JSON text ends too early");
    assert_refused("  \n", "the JSON text ends too early");
    assert_refused("{\"ingress\": [", "the JSON text ends too early");
    assert_refused("{\n \"ingress\": [],\n}", "line 3, column 1: unexpected character");
    assert_refused("{} {}", "line 1, column 4: unexpected character");
    assert_refused("{\n  'ingress': []}", "line 2, column 3: a key or text is quoted with '\"' in JSON");
    assert_refused("// no\n{}", "line 1, column 1: unexpected character");
    assert_refused("[[[[[[[[[[[[]]]]]]]]]]]]", "line 1, column 9: nesting too deep");
    assert_refused("{\"subnet\": \"\xff\"}", "line 1, column 13: invalid utf-8 string");
    assert_refused_length(zero, sizeof(zero) - 1, "line 1, column 16: a zero byte");
}

static void test_twice(void) {
    assert_refused("{\"default\": \"deny\",\n \"default\": \"allow\"}",
            "line 2, column 2: the key 'default' is there twice, and it cannot be known which one is meant");
    assert_refused("{\"ingress\": [{\"port\": 80, \"protocol\": \"tcp\", \"action\": \"deny\", \"p\\u006frt\": 81}]}",
            "line 1, column 64: the key 'port' is there twice, and it cannot be known which one is meant");
    /* Equal keys of different objects, and texts that look like keys, are none of that. */
    policy_clear(&(Policy){ .firewall = parse("{\"ingress\": [{\"protocol\": \"tcp\", \"action\": \"deny\"},"
                                              "{\"protocol\": \"tcp\", \"action\": \"deny\"}],"
                                              "\"egress\": [{\"protocol\": \"tcp\", \"action\": \"deny\"}]}")
                                                .firewall });
    assert_refused("{\"a\\\":b\": 1, \"a\\\":b\": 2}",
            "line 1, column 14: the key 'a\":b' is there twice, and it cannot be known which one is meant");
}

static void test_size(void) {
    g_autofree char *text = g_strnfill(POLICY_SIZE_MAX + 1, ' ');
    Policy policy;

    memcpy(text, "{}", 2);
    assert_refused_length(text, POLICY_SIZE_MAX + 1, "it is larger than the 1048576 bytes that a policy may have");
    g_assert_cmpint(policy_parse(text, POLICY_SIZE_MAX, &policy, NULL), ==, 0);
    policy_clear(&policy);
}

static void test_not_terminated(void) {
    /* Right at the end of its heap block, so that a sanitizer sees a read beyond. */
    g_autofree char *text = g_memdup2("{}", 2);
    Policy policy;

    g_assert_cmpint(policy_parse(text, 2, &policy, NULL), ==, 0);
    policy_clear(&policy);
}

static void assert_same(const Firewall *a, const Firewall *b) {
    g_assert_cmpmem(a->defaults, sizeof(a->defaults), b->defaults, sizeof(b->defaults));
    g_assert_cmpuint(a->n_rules, ==, b->n_rules);
    for (size_t i = 0; i < a->n_rules; i++) {
        char peer[CIDR_TEXT_MAX] = "";

        if (b->rules[i].peer.address.family != AF_UNSPEC)
            cidr_format(&b->rules[i].peer, peer);
        assert_rule(a, i, b->rules[i].direction, b->rules[i].protocol, b->rules[i].port_first, b->rules[i].port_last,
                peer, b->rules[i].action);
    }
}

static Policy reread(const Firewall *firewall, const Cidr *subnet) {
    json_object *object = policy_format(firewall, subnet);
    Policy policy;

    g_assert_nonnull(object);
    policy = parse(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
    json_object_put(object);
    return policy;
}

static void test_files(void) {
    g_autofree char *directory = g_test_build_filename(G_TEST_DIST, "data", "policy", NULL);
    g_autoptr(GDir) files = g_dir_open(directory, 0, NULL);
    unsigned count = 0;
    const char *name;

    g_assert_nonnull(files);
    while ((name = g_dir_read_name(files))) {
        g_autofree char *path = g_build_filename(directory, name, NULL), *text = NULL;
        _cleanup_policy_ Policy policy = { 0 }, again = { 0 };

        g_test_message("%s", name);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        policy = parse(text);
        again = reread(policy.firewall, policy.has_subnet ? &policy.subnet : NULL);
        assert_same(again.firewall, policy.firewall);
        g_assert_cmpint(again.has_subnet, ==, policy.has_subnet);
        if (policy.has_subnet)
            g_assert_true(cidr_equal(&again.subnet, &policy.subnet));
        count++;
    }
    g_assert_cmpuint(count, >=, 4);
}

/* A file has one default for both directions; vpcd takes any pair, and what is shown must still mean the same. */
static void test_every_pair_of_defaults(void) {
    for (int i = 0; i < 8; i++) {
        Rule rule = { .direction = DIRECTION_EGRESS,
            .protocol = PROTOCOL_TCP,
            .port_first = 25,
            .port_last = 25,
            .action = ACTION_DENY };
        Firewall firewall = { .rules = &rule, .n_rules = i >> 2 };
        _cleanup_policy_ Policy policy = { 0 };
        const Address somebody = { AF_INET, { 192, 0, 2, 1 } };

        firewall.defaults[DIRECTION_INGRESS] = (Action)(i & 1);
        firewall.defaults[DIRECTION_EGRESS] = (Action)(i >> 1 & 1);
        policy = reread(&firewall, NULL);
        for (int direction = 0; direction < _DIRECTION_MAX; direction++)
            for (uint16_t port = 24; port <= 26; port++)
                g_assert_cmpint(firewall_verdict(policy.firewall, (Direction)direction, IPPROTO_TCP, &somebody, port),
                        ==, firewall_verdict(&firewall, (Direction)direction, IPPROTO_TCP, &somebody, port));
    }
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/walkthrough", test_walkthrough);
    g_test_add_func("/policy/defaults", test_defaults);
    g_test_add_func("/policy/rules", test_rules);
    g_test_add_func("/policy/rule-keys", test_rule_keys);
    g_test_add_func("/policy/rule-ports", test_rule_ports);
    g_test_add_func("/policy/blocks", test_blocks);
    g_test_add_func("/policy/root", test_root);
    g_test_add_func("/policy/syntax", test_syntax);
    g_test_add_func("/policy/twice", test_twice);
    g_test_add_func("/policy/size", test_size);
    g_test_add_func("/policy/not-terminated", test_not_terminated);
    g_test_add_func("/policy/files", test_files);
    g_test_add_func("/policy/every-pair-of-defaults", test_every_pair_of_defaults);
    return g_test_run();
}
