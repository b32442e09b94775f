/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stored form: what is written is read as the same, and nothing else is believed. */

#include "serial.h"

#include "fixture.h"

static char *wrapped_vpc(const Vpc *vpc) {
    _cleanup_json_ struct json_object *body = serial_vpc(vpc);
    char *text = serial_wrap(body);

    g_assert_nonnull(text);
    return text;
}

/* A VPC from a file's text; NULL when it is refused, and then with the errno that a damaged file has. */
static Vpc *read_vpc(const char *text, size_t size) {
    _cleanup_json_ struct json_object *body = NULL;
    Vpc *vpc = NULL;
    int r = parse_wrapped(text, size, &body);

    if (r < 0) {
        g_assert_true(r == -EBADMSG || r == -EPROTONOSUPPORT);
        g_assert_null(body);
        return NULL;
    }
    r = parse_vpc(body, &vpc);
    if (r < 0) {
        g_assert_cmpint(r, ==, -EBADMSG);
        g_assert_null(vpc);
    }
    return vpc;
}

static void test_round_trip(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();

    for (size_t i = 0; i < model->n_vpcs; i++) {
        g_autofree char *text = wrapped_vpc(model->vpcs[i]);
        _cleanup_(vpc_free_pointer) Vpc *read = read_vpc(text, strlen(text));
        g_autofree char *again = NULL;

        g_assert_true(read && vpc_equal(read, model->vpcs[i]));
        again = wrapped_vpc(read);
        g_assert_cmpstr(text, ==, again);
    }
    for (size_t i = 0; i < model->n_peerings; i++) {
        _cleanup_json_ struct json_object *body = serial_peering(model->peerings[i]), *read = NULL;
        _cleanup_(peering_free_pointer) Peering *peering = NULL;
        g_autofree char *text = serial_wrap(body);

        g_assert_cmpint(parse_wrapped(text, strlen(text), &read), ==, 0);
        g_assert_cmpint(parse_peering(read, &peering), ==, 0);
        g_assert_true(peering_equal(peering, model->peerings[i]));
    }
    for (size_t i = 0; i < model->n_interfaces; i++) {
        _cleanup_json_ struct json_object *body = serial_interface(model->interfaces[i]), *read = NULL;
        _cleanup_(host_interface_free_pointer) HostInterface *interface = NULL;
        g_autofree char *text = serial_wrap(body);

        g_assert_cmpint(parse_wrapped(text, strlen(text), &read), ==, 0);
        g_assert_cmpint(parse_interface(read, &interface), ==, 0);
        g_assert_true(host_interface_equal(interface, model->interfaces[i]));
    }
}

/* The largest that there can be: 1023 subnets. */
static void test_large(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "a", "10.0.0.0/8");
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        g_autofree char *name = g_strdup_printf("s%u", i), *block = g_strdup_printf("10.%u.%u.0/24", 1 + i / 256, i % 256);

        add_subnet(model, "a", name, block, SUBNET_PRIVATE);
    }
    g_autofree char *text = wrapped_vpc(model->vpcs[0]);
    _cleanup_(vpc_free_pointer) Vpc *read = read_vpc(text, strlen(text));
    g_assert_true(read && vpc_equal(read, model->vpcs[0]));
    g_assert_cmpuint(strlen(text), <, STATE_BYTES_MAX / 2);
}

static void test_cut(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    g_autofree char *text = wrapped_vpc(model_vpc(model, "vpc1"));
    _cleanup_json_ struct json_object *body = NULL;

    for (size_t n = 0; n < strlen(text); n++)
        g_assert_null(read_vpc(text, n));
    for (size_t n = 0; n < strlen(text); n++) { /* the beginning lost */
        g_assert_null(read_vpc(text + n + 1, strlen(text) - n - 1));
    }
    g_assert_cmpint(parse_wrapped(text, STATE_BYTES_MAX + 1, &body), ==, -EBADMSG);
}

static void test_flipped(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    const Vpc *vpc = model_vpc(model, "vpc1");
    g_autofree char *text = wrapped_vpc(vpc);
    size_t length = strlen(text), same = 0;

    for (size_t i = 0; i < length; i++) {
        char was = text[i];

        for (unsigned bit = 0; bit <= 8; bit++) { /* the last: a zero in its place */
            _cleanup_(vpc_free_pointer) Vpc *read = NULL;

            text[i] = bit < 8 ? (char)(was ^ (1 << bit)) : '\0';
            read = read_vpc(text, length);
            if (read) {
                g_assert_true(vpc_equal(read, vpc));
                same++;
            }
        }
        text[i] = was;
    }
    g_assert_cmpuint(same, <, 10);
}

static void test_garbage_behind(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    g_autofree char *text = wrapped_vpc(model->vpcs[0]), *twice = g_strconcat(text, text, NULL),
                    *more = g_strconcat(text, "x", NULL);

    g_assert_null(read_vpc(twice, strlen(twice)));
    g_assert_null(read_vpc(more, strlen(more)));
}

static void assert_wrapped(const char *text, int wanted) {
    _cleanup_json_ struct json_object *body = NULL;

    g_test_message("%s", text);
    g_assert_cmpint(parse_wrapped(text, strlen(text), &body), ==, wanted);
    g_assert_null(body);
}

static void test_versions(void) {
    /* A newer version is told apart, whatever else is in it: what it wrote is left alone. */
    assert_wrapped("{\"version\":2,\"checksum\":\"x\",\"body\":{}}", -EPROTONOSUPPORT);
    assert_wrapped("{\"version\":9223372036854775807}", -EPROTONOSUPPORT);
    assert_wrapped("{\"version\":99999999999999999999}", -EPROTONOSUPPORT);
    assert_wrapped("{\"version\":0,\"checksum\":\"x\",\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":-1,\"checksum\":\"x\",\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":1.5,\"checksum\":\"x\",\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":\"1\",\"checksum\":\"x\",\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":1,\"checksum\":\"0000000000000000\",\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":1,\"checksum\":5,\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":1,\"body\":{}}", -EBADMSG);
    assert_wrapped("{\"version\":1,\"checksum\":\"cbf29ce484222325\"}", -EBADMSG);
    assert_wrapped("{}", -EBADMSG);
    assert_wrapped("[]", -EBADMSG);
    assert_wrapped("null", -EBADMSG);
    assert_wrapped("5", -EBADMSG);
    assert_wrapped(" ", -EBADMSG);
    assert_wrapped("", -EBADMSG);
}

/* --- bodies with a right checksum, in which one thing is another --- */

/* Equal, but for the order in arrays: they are read into the order of names. */
static bool means_same(struct json_object *a, struct json_object *b) {
    if (json_object_is_type(a, json_type_array) && json_object_is_type(b, json_type_array)) {
        bool same = json_object_array_length(a) == json_object_array_length(b);

        for (size_t i = 0; same && i < json_object_array_length(a); i++) {
            same = false;
            for (size_t j = 0; !same && j < json_object_array_length(b); j++)
                same = means_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, j));
        }
        return same;
    }
    if (json_object_is_type(a, json_type_object) && json_object_is_type(b, json_type_object)) {
        bool same = json_object_object_length(a) == json_object_object_length(b);

        json_object_object_foreach(a, key, value) {
            struct json_object *other = NULL;

            same = same && json_object_object_get_ex(b, key, &other) && means_same(value, other);
        }
        return same;
    }
    return json_object_equal(a, b);
}

/* What is accepted means the same as it says: it is written again as it was read. */
static void assert_refused_or_meant(struct json_object *json, const char *where) {
    _cleanup_(vpc_free_pointer) Vpc *vpc = NULL;
    int r = parse_vpc(json, &vpc);

    if (r < 0) {
        g_assert_cmpint(r, ==, -EBADMSG);
        return;
    }
    _cleanup_json_ struct json_object *again = serial_vpc(vpc);
    if (!means_same(json, again))
        g_error("%s: read is %s, written is %s", where, json_object_to_json_string(json),
                json_object_to_json_string(again));
}

static struct json_object *json(const char *text) {
    if (streq(text, "null"))
        return NULL;
    struct json_object *object = json_tokener_parse(text);

    g_assert_nonnull(object);
    return object;
}

static const char *const odd[] = { "null", "true", "false", "0", "-1", "1.0", "4294967295", "4294967296",
    "9223372036854775807", "9223372036854775808", "99999999999999999999999", "1e3", "\"\"", "\"x\"", "\"0\"", "\"..\"",
    "\"a/b\"", "\"a\\u0000b\"", "\"10.0.0.0/16\"", "\"fd00::/64\"", "\"fd00::1\"", "\"0.0.0.0/0\"", "[]", "[null]", "[[]]",
    "{}", "[{}]", "\"abcdefghijklmnopqrstuvwxyz012345\"" };

static const char *const optional[] = { "firewall", "nat-interface", "directory", "environment", NULL };

static unsigned tried;

/* Puts each odd value in the place of each value of the tree, and takes each away. */
static void try_tree(struct json_object *root, struct json_object *node, const char *where) {
    if (json_object_is_type(node, json_type_object)) {
        g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

        json_object_object_foreach(node, name, unused) {
            (void)unused;
            g_ptr_array_add(keys, g_strdup(name));
        }
        for (unsigned i = 0; i < keys->len; i++) {
            const char *key = keys->pdata[i];
            g_autofree char *here = g_strconcat(where, "/", key, NULL);
            struct json_object *was = json_object_get(json_object_object_get(node, key));
            _cleanup_(vpc_free_pointer) Vpc *vpc = NULL;

            for (size_t j = 0; j < ELEMENTSOF(odd); j++, tried++) {
                json_object_object_add(node, key, json(odd[j]));
                assert_refused_or_meant(root, here);
            }
            json_object_object_del(node, key);
            if (!g_strv_contains(optional, key))
                g_assert_cmpint(parse_vpc(root, &vpc), ==, -EBADMSG);
            assert_refused_or_meant(root, here);
            json_object_object_add(node, key, was);
            try_tree(root, was, here);
        }
    } else if (json_object_is_type(node, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(node); i++) {
            g_autofree char *here = g_strdup_printf("%s/%zu", where, i);
            struct json_object *was = json_object_get(json_object_array_get_idx(node, i));

            for (size_t j = 0; j < ELEMENTSOF(odd); j++, tried++) {
                json_object_array_put_idx(node, i, json(odd[j]));
                assert_refused_or_meant(root, here);
            }
            json_object_array_put_idx(node, i, was);
            try_tree(root, was, here);
        }
    }
}

static void test_odd_values(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    _cleanup_json_ struct json_object *body = serial_vpc(model_vpc(model, "vpc1"));

    try_tree(body, body, "");
    assert_refused_or_meant(body, "");
    g_assert_cmpuint(tried, >, 1000);
}

/* A body changed at one place (JSON pointer) is refused. */
static void assert_body_refused(const char *pointer, const char *value) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    struct json_object *body = serial_vpc(model_vpc(model, "vpc1"));
    _cleanup_(vpc_free_pointer) Vpc *vpc = NULL;

    g_test_message("%s = %s", pointer, value);
    g_assert_cmpint(parse_vpc(body, &vpc), ==, 0);
    vpc = vpc_free(vpc);
    g_assert_cmpint(json_pointer_set(&body, pointer, json(value)), ==, 0);
    g_assert_cmpint(parse_vpc(body, &vpc), ==, -EBADMSG);
    json_object_put(body);
}

/* Every number and name is good by itself, and they do not fit together. Subnets: first, private, public. */
static void test_unfit(void) {
    assert_body_refused("/id", "8192");
    assert_body_refused("/owner", "4294967295");
    assert_body_refused("/created", "9007199254740993");
    assert_body_refused("/generation", "9223372036854775807");
    assert_body_refused("/cidr", "\"fd00::/16\"");
    assert_body_refused("/cidr", "\"10.0.0.0/7\"");
    assert_body_refused("/cidr", "\"10.0.0.5/16\"");
    assert_body_refused("/cidr", "\"127.0.0.0/8\"");
    assert_body_refused("/cidr", "\"10.0.0.0/24\""); /* subnets are outside */
    assert_body_refused("/nat-interface", "\"\"");
    assert_body_refused("/nat-interface", "\"a/b\"");
    assert_body_refused("/nat-interface", "\"abcdefghijklmnop\"");
    assert_body_refused("/subnets/1/name", "\"public\""); /* twice */
    assert_body_refused("/subnets/1/id", "1");            /* as public's */
    assert_body_refused("/subnets/1/id", "0");
    assert_body_refused("/subnets/1/cidr", "\"10.0.1.0/25\""); /* overlaps */
    assert_body_refused("/subnets/1/cidr", "\"10.0.9.0/24\""); /* its endpoint is outside */
    assert_body_refused("/subnets/1/cidr", "\"10.0.2.2/31\"");
    assert_body_refused("/subnets/1/endpoints", "[]");
    assert_body_refused("/subnets/1/endpoints/0/name", "\"other\""); /* none is the first */
    assert_body_refused("/subnets/1/endpoints/0/id", "1");           /* as public's */
    assert_body_refused("/subnets/1/endpoints/0/id", "1024");
    assert_body_refused("/subnets/1/endpoints/0/address", "\"10.0.1.9\"");
    assert_body_refused("/subnets/1/endpoints/-",
            "{\"name\":\"db\",\"id\":9,\"address\":\"10.0.2.2\",\"workloads\":[]}"); /* the same address */
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/name", "\"webserver\""); /* twice */
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/port", "0");
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/port", "65536");
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/uid", "4294967295");
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/created", "9223372036854775807");
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/restart", "\"sometimes\"");
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/kind", "\"program\""); /* which has no port, but a command */
    assert_body_refused("/subnets/2/endpoints/0/workloads/0/directory", "\"www\"");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/kind", "\"webserver\"");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/port", "80");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/argv", "[]");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/argv", "[\"\"]");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/argv", "[\"a\\u0000b\"]");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/environment", "[\"1ST=x\"]");
    assert_body_refused("/subnets/1/endpoints/0/workloads/0/environment", "[\"TERM\"]");
    assert_body_refused("/subnets/2/firewall/rules/0/first", "8081"); /* above its last */
    assert_body_refused("/subnets/2/firewall/rules/0/first", "0");    /* half a range */
    assert_body_refused("/subnets/2/firewall/rules/0/protocol", "\"icmp\""); /* which has no ports */
    assert_body_refused("/subnets/2/firewall/rules/0/protocol", "\"all\"");
    assert_body_refused("/subnets/2/firewall/rules/0/protocol", "\"sctp\"");
    assert_body_refused("/subnets/2/firewall/rules/1/peer", "\"10.0.0.1/8\"");
}

static void test_too_many_rules(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();
    Rule *rules = g_new0(Rule, RULES_MAX + 1);

    add_vpc(model, "a", "10.0.0.0/16");
    add_subnet(model, "a", "s", "10.0.1.0/24", SUBNET_PRIVATE);
    Subnet *subnet = model->vpcs[0]->subnets[0];
    subnet->firewall = g_new0(Firewall, 1);
    subnet->firewall->rules = rules;
    subnet->firewall->n_rules = RULES_MAX;
    g_autofree char *most = wrapped_vpc(model->vpcs[0]);
    _cleanup_(vpc_free_pointer) Vpc *read = read_vpc(most, strlen(most));
    g_assert_nonnull(read);
    subnet->firewall->n_rules = RULES_MAX + 1;
    g_autofree char *more = wrapped_vpc(model->vpcs[0]);
    g_assert_null(read_vpc(more, strlen(more)));
}

static void test_peerings(void) {
    static const char *const bad[] = { "{}", "[]", "null", "{\"vpc1\":\"b\",\"vpc2\":\"a\",\"id\":0,\"generation\":0,"
        "\"agreed1\":true,\"agreed2\":true}", "{\"vpc1\":\"a\",\"vpc2\":\"a\",\"id\":0,\"generation\":0,"
        "\"agreed1\":true,\"agreed2\":true}", "{\"vpc1\":\"a\",\"vpc2\":\"b\",\"id\":8064,\"generation\":0,"
        "\"agreed1\":true,\"agreed2\":true}", "{\"vpc1\":\"a\",\"vpc2\":\"b\",\"id\":-1,\"generation\":0,"
        "\"agreed1\":true,\"agreed2\":true}", "{\"vpc1\":\"a\",\"vpc2\":\"b\",\"id\":0,\"generation\":0,"
        "\"agreed1\":1,\"agreed2\":true}", "{\"vpc1\":\"a\",\"vpc2\":\"b/../c\",\"id\":0,\"generation\":0,"
        "\"agreed1\":true,\"agreed2\":true}" };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_json_ struct json_object *body = json(bad[i]);
        Peering *peering = NULL;
        HostInterface *interface = NULL;

        g_assert_cmpint(parse_peering(body, &peering), ==, -EBADMSG);
        g_assert_cmpint(parse_interface(body, &interface), ==, -EBADMSG);
    }
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/round-trip", test_round_trip);
    g_test_add_func("/serial/large", test_large);
    g_test_add_func("/serial/cut", test_cut);
    g_test_add_func("/serial/flipped", test_flipped);
    g_test_add_func("/serial/garbage-behind", test_garbage_behind);
    g_test_add_func("/serial/versions", test_versions);
    g_test_add_func("/serial/odd-values", test_odd_values);
    g_test_add_func("/serial/unfit", test_unfit);
    g_test_add_func("/serial/too-many-rules", test_too_many_rules);
    g_test_add_func("/serial/peerings", test_peerings);
    return g_test_run();
}
