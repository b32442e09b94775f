/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft text as golden files. tests/net/nft-golden.sh, which has a kernel to ask, loads each of them:
 *
 *   nft-router-*.txt, nft-host-*.txt   by itself
 *   nft-change-NAME.txt                on top of nft-change-NAME-from.txt, which gives nft-change-NAME-to.txt */

#include "fixture.h"

#include "core/nftgen.h"

static void assert_router(const Model *model, const char *vpc, const char *name) {
    Draft draft = { .model = model };
    g_autofree char *text = nftgen_router(&draft, model_vpc(model, vpc), false);

    assert_golden(name, text);
}

static void test_router(void) {
    _cleanup_(model_free_pointer) Model *model = model_new(), *rich = model_rich();

    add_vpc(model, "vpc1", "10.0.0.0/16");
    assert_router(model, "vpc1", "nft-router-empty");
    add_subnet(model, "vpc1", "private", "10.0.2.0/24", SUBNET_PRIVATE);
    add_subnet(model, "vpc1", "public", "10.0.1.0/24", SUBNET_PUBLIC);
    assert_router(model, "vpc1", "nft-router-subnets");
    accept_change(model, change_enable_nat, REQUEST(.vpc = "vpc1", .interface = "eth0"));
    assert_router(model, "vpc1", "nft-router-nat");
    assert_router(rich, "vpc1", "nft-router-rich");
    assert_router(rich, "vpc2", "nft-router-two-peers");
    assert_router(rich, "engineering-platform", "nft-router-long-name");
}

/* Every combination of direction, protocol, ports, other side and action. */
static void test_rules(void) {
    static const struct {
        Protocol protocol;
        unsigned first, last;
    } matches[] = { { PROTOCOL_ALL, 0, 0 }, { PROTOCOL_TCP, 0, 0 }, { PROTOCOL_TCP, 80, 80 }, { PROTOCOL_TCP, 1, 65535 },
        { PROTOCOL_UDP, 0, 0 }, { PROTOCOL_UDP, 53, 53 }, { PROTOCOL_UDP, 65535, 65535 }, { PROTOCOL_ICMP, 0, 0 } };
    static const char *const peers[] = { "", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.1/32", "::/0", "fd00::/8", "fd00::1/128" };
    _cleanup_(model_free_pointer) Model *model = model_new();
    g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(Rule));

    for (int direction = 0; direction < _DIRECTION_MAX; direction++)
        for (int action = 0; action < _ACTION_MAX; action++)
            for (size_t i = 0; i < ELEMENTSOF(matches); i++)
                for (size_t j = 0; j < ELEMENTSOF(peers); j++) {
                    Rule made = rule((Direction)direction, matches[i].protocol, matches[i].first, matches[i].last, peers[j],
                            (Action)action);

                    g_array_append_val(rules, made);
                }
    add_vpc(model, "vpc1", "10.0.0.0/16");
    add_subnet(model, "vpc1", "all", "10.0.1.0/24", SUBNET_PRIVATE);
    add_subnet(model, "vpc1", "open", "10.0.2.0/24", SUBNET_PRIVATE);
    add_subnet(model, "vpc1", "shut", "10.0.3.0/24", SUBNET_PRIVATE);
    accept_change(model, change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "all",
                    .firewall = &(Firewall){ .defaults = { ACTION_DENY, ACTION_ALLOW }, .rules = (Rule *)(void *)rules->data,
                            .n_rules = rules->len }));
    accept_change(model, change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "open",
                    .firewall = &(Firewall){ .defaults = { ACTION_ALLOW, ACTION_ALLOW } }));
    accept_change(model, change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "shut",
                    .firewall = &(Firewall){ .defaults = { ACTION_DENY, ACTION_DENY } }));
    assert_router(model, "vpc1", "nft-router-rules");
}

/* The VPC's rules before, what changes them, and after. The change is committed. */
static void assert_change(Model *model, const char *vpc, const char *name, Change change, const Request *request) {
    g_autofree char *from_name = g_strconcat(name, "-from", NULL), *to_name = g_strconcat(name, "-to", NULL);
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };

    assert_router(model, vpc, from_name);
    g_assert_cmpint(try_change(model, change, request, FACTS(), &draft, &failure), ==, 0);
    g_autofree char *text = nftgen_router_change(&draft, draft_see_vpc(&draft, vpc, true), draft_see_vpc(&draft, vpc, false),
            false);
    assert_golden(name, text);
    g_autofree char *whole = nftgen_router(&draft, draft_see_vpc(&draft, vpc, false), false);
    g_assert_cmpint(draft_commit(&draft, model, model->generation + 1), ==, 0);
    assert_router(model, vpc, to_name);
    g_autofree char *after = nftgen_router(&(Draft){ .model = model }, model_vpc(model, vpc), false);
    g_assert_cmpstr(whole, ==, after); /* seen through the draft or in the model */
}

static void test_changes(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();

    assert_change(model, "vpc1", "nft-change-add-subnet", change_add_subnet,
            REQUEST(.vpc = "vpc1", .name = "later", .cidr = cidr("10.0.3.0/24"), .type = SUBNET_PUBLIC));
    assert_change(model, "vpc1", "nft-change-policy", change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "public",
                    .firewall = FIREWALL(DENY, DENY, RULE(EGRESS, UDP, 53, 53, "", ALLOW))));
    assert_change(model, "vpc1", "nft-change-clear-policy", change_clear_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "private"));
    assert_change(model, "vpc1", "nft-change-new-policy", change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "later",
                    .firewall = FIREWALL(DENY, ALLOW, RULE(INGRESS, ICMP, 0, 0, "", ALLOW))));
    assert_change(model, "vpc1", "nft-change-no-nat", change_disable_nat, REQUEST(.vpc = "vpc1"));
    assert_change(model, "vpc2", "nft-change-unpeer", change_delete_peering,
            REQUEST(.vpc = "vpc2", .other_vpc = "engineering-platform"));
    assert_change(model, "vpc2", "nft-change-peer-requested", change_create_peering,
            REQUEST(.vpc = "vpc2", .other_vpc = "engineering-platform"));
    assert_change(model, "vpc2", "nft-change-peer", change_accept_peering,
            REQUEST(.uid = BOB, .vpc = "vpc2", .other_vpc = "engineering-platform"));
    assert_change(model, "vpc2", "nft-change-peer-deleted", change_delete_vpc, REQUEST(.name = "engineering-platform"));
    assert_change(model, "vpc1", "nft-change-delete-subnet", change_delete_subnet,
            REQUEST(.vpc = "vpc1", .subnet = "later"));
}

static void test_nothing_changes(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    _cleanup_draft_ Draft draft = { .model = model };
    Vpc *vpc;

    g_assert_cmpint(draft_vpc(&draft, "vpc1", &vpc), ==, 0);
    g_autofree char *text = nftgen_router_change(&draft, model_vpc(model, "vpc1"), vpc, false);
    g_assert_cmpstr(text, ==, "");
    g_autofree char *forward = nftgen_router(&draft, vpc, false), *back = nftgen_router(&draft, vpc, true);
    g_assert_cmpstr(forward, ==, back);
}

static void test_host(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    const Vpc *vpc = model_vpc(model, "vpc1"), *named_long = model_vpc(model, "engineering-platform");
    g_autofree char *base = nftgen_host_base(), *gone = nftgen_host_remove(), *uplink = nftgen_host_uplink(vpc, false),
                    *no_uplink = nftgen_host_uplink(named_long, true), *nat = nftgen_host_nat(vpc, "eth0.100", false),
                    *no_nat = nftgen_host_nat(named_long, "a@b:c_d-e", true);

    assert_golden("nft-host-base", base);
    assert_golden("nft-host-remove", gone);
    assert_golden("nft-host-uplink", uplink);
    assert_golden("nft-host-uplink-remove", no_uplink);
    assert_golden("nft-host-nat", nat);
    assert_golden("nft-host-nat-remove", no_nat);
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nftgen/router", test_router);
    g_test_add_func("/nftgen/rules", test_rules);
    g_test_add_func("/nftgen/changes", test_changes);
    g_test_add_func("/nftgen/nothing-changes", test_nothing_changes);
    g_test_add_func("/nftgen/host", test_host);
    return g_test_run();
}
