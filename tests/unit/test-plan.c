/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done in the kernel for each kind of change, and for its way back, as golden files. */

#include "fixture.h"

#include "core/nftgen.h"

/* Two VPCs as in the walk-through, with NAT and a peering. */
static Model *model_walkthrough(void) {
    Model *model = model_new();

    add_vpc(model, "vpc1", "10.0.0.0/16");
    add_subnet(model, "vpc1", "public", "10.0.1.0/24", SUBNET_PUBLIC);
    add_subnet(model, "vpc1", "private", "10.0.2.0/24", SUBNET_PRIVATE);
    accept_change(model, change_enable_nat, REQUEST(.vpc = "vpc1", .interface = "eth0"));
    add_vpc(model, "vpc2", "172.16.0.0/16");
    add_subnet(model, "vpc2", "public", "172.16.1.0/24", SUBNET_PUBLIC);
    accept_change(model, change_create_peering, REQUEST(.vpc = "vpc1", .other_vpc = "vpc2"));
    accept_change(model, change_deploy_webserver,
            REQUEST(.vpc = "vpc1", .subnet = "public", .name = "webserver", .port = 8080));
    return model;
}

static void replace(char **text, const char *old, const char *new) {
    g_auto(GStrv) parts = g_strsplit(*text, old, -1);

    g_free(*text);
    *text = g_strjoinv(new, parts);
}

/* The plan as text. The nft texts that are the same for every VPC are left out: test-nftgen has them. */
static char *plan_text(const Plan *plan) {
    g_autoptr(GRegex) router = g_regex_new("add table bridge vpcctl\n.*?\n}\ntable inet vpcctl {\n.*?\n}\n",
            G_REGEX_DOTALL, 0, NULL);
    g_autofree char *base = nftgen_host_base(), *formatted = plan_format(plan), *text = NULL;
    char *sets_end = strstr(base, "add chain");

    text = g_regex_replace_literal(router, formatted, -1, 0, "(a router's tables)\n", 0, NULL);
    replace(&text, base, "(the host's rules)\n");
    *sets_end = '\0';
    replace(&text, base, "(the host's sets)\n");
    return g_steal_pointer(&text);
}

/* NAME.txt has the plan of the change, and NAME-back.txt the one that takes it back. The model has the change then. */
static void assert_plans_on(Model *model, const char *name, Change change, const Request *request, const Facts *facts) {
    _cleanup_plan_ Plan plan = { 0 }, back = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };
    g_autofree char *back_name = g_strconcat(name, "-back", NULL);
    int r = try_change(model, change, request, facts, &draft, &failure);

    g_assert_cmpstr(failure.message, ==, NULL);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpint(plan_make(&draft, false, &plan), ==, 0);
    g_assert_cmpint(plan_make(&draft, true, &back), ==, 0);
    g_autofree char *text = plan_text(&plan), *back_text = plan_text(&back);
    assert_golden(name, text);
    assert_golden(back_name, back_text);
    g_assert_cmpint(draft_commit(&draft, model, model->generation + 1), ==, 0);
}

static void assert_plans(Model *model, const char *name, Change change, const Request *request) {
    assert_plans_on(model, name, change, request, FACTS());
}

static void test_vpc(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    assert_plans(model, "plan-create-first-vpc", change_create_vpc,
            REQUEST(.name = "vpc1", .cidr = cidr("10.0.0.0/16")));
    assert_plans(model, "plan-create-vpc-without-host-access", change_create_vpc,
            REQUEST(.name = "engineering-platform", .cidr = cidr("10.1.0.0/16"), .host_access = false));
    assert_plans(model, "plan-delete-vpc", change_delete_vpc, REQUEST(.name = "vpc1"));
    assert_plans(model, "plan-delete-last-vpc", change_delete_vpc, REQUEST(.name = "engineering-platform"));
}

static void test_subnet(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "vpc1", "10.0.0.0/16");
    assert_plans(model, "plan-add-public-subnet", change_add_subnet,
            REQUEST(.vpc = "vpc1", .name = "public", .cidr = cidr("10.0.1.0/24"), .type = SUBNET_PUBLIC));
    assert_plans(model, "plan-add-private-subnet", change_add_subnet,
            REQUEST(.vpc = "vpc1", .name = "private", .cidr = cidr("10.0.2.0/24")));
    /* Where the router is inside the subnet it needs no route of its own. */
    assert_plans(model, "plan-add-subnet-with-gateway", change_add_subnet,
            REQUEST(.vpc = "vpc1", .name = "first", .cidr = cidr("10.0.0.0/28")));
    assert_plans(model, "plan-delete-subnet", change_delete_subnet, REQUEST(.vpc = "vpc1", .subnet = "public"));
}

static void test_subnet_of_a_peer(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    assert_plans(model, "plan-add-subnet-with-nat-and-peer", change_add_subnet,
            REQUEST(.vpc = "vpc1", .name = "later", .cidr = cidr("10.0.3.0/24"), .type = SUBNET_PUBLIC));
    assert_plans(model, "plan-delete-subnet-with-workload", change_delete_subnet,
            REQUEST(.vpc = "vpc1", .subnet = "public"));
}

static void test_nat(void) {
    _cleanup_(model_free_pointer) Model *model = model_new();

    add_vpc(model, "vpc1", "10.0.0.0/16");
    add_subnet(model, "vpc1", "public", "10.0.1.0/24", SUBNET_PUBLIC);
    add_subnet(model, "vpc1", "private", "10.0.2.0/24", SUBNET_PRIVATE);
    assert_plans(model, "plan-enable-nat", change_enable_nat, REQUEST(.vpc = "vpc1", .interface = "eth0"));
    assert_plans_on(model, "plan-move-nat", change_enable_nat, REQUEST(.vpc = "vpc1", .interface = "eth1"),
            FACTS(.forwarding = true));
    /* eth1 forwarded before us and is left so. */
    assert_plans(model, "plan-disable-nat", change_disable_nat, REQUEST(.vpc = "vpc1"));
}

/* A second VPC leaves by the same interface, so its setting stays. */
static void test_nat_shared(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    accept_change(model, change_enable_nat, REQUEST(.vpc = "vpc2", .interface = "eth0"));
    assert_plans(model, "plan-disable-shared-nat", change_disable_nat, REQUEST(.vpc = "vpc1"));
}

static void test_peering(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    assert_plans(model, "plan-delete-peering", change_delete_peering, REQUEST(.vpc = "vpc2", .other_vpc = "vpc1"));
    assert_plans(model, "plan-create-peering", change_create_peering, REQUEST(.vpc = "vpc2", .other_vpc = "vpc1"));
}

/* While it is only asked for, a peering is nothing to the kernel. */
static void test_peering_request(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    accept_change(model, change_create_vpc, REQUEST(.uid = BOB, .name = "bobs", .cidr = cidr("10.9.0.0/16")));
    accept_change(model, change_add_subnet,
            REQUEST(.uid = BOB, .vpc = "bobs", .name = "public", .cidr = cidr("10.9.1.0/24")));
    assert_plans(model, "plan-request-peering", change_create_peering, REQUEST(.vpc = "vpc2", .other_vpc = "bobs"));
    assert_plans(model, "plan-accept-peering", change_accept_peering,
            REQUEST(.uid = BOB, .vpc = "bobs", .other_vpc = "vpc2"));
    accept_change(model, change_create_peering, REQUEST(.vpc = "vpc1", .other_vpc = "bobs"));
    assert_plans(model, "plan-refuse-peering", change_delete_peering, REQUEST(.vpc = "vpc1", .other_vpc = "bobs"));
}

static void test_delete_vpc_with_everything(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    assert_plans(model, "plan-delete-vpc-with-everything", change_delete_vpc, REQUEST(.name = "vpc1"));
}

static void test_firewall(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    assert_plans(model, "plan-apply-firewall", change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "public",
                    .firewall = FIREWALL(DENY, ALLOW, RULE(INGRESS, TCP, 8080, 8080, "", ALLOW),
                            RULE(INGRESS, TCP, 22, 22, "", DENY))));
    assert_plans(model, "plan-replace-firewall", change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "public",
                    .firewall = FIREWALL(DENY, DENY, RULE(INGRESS, TCP, 443, 443, "", ALLOW))));
    /* The same again changes nothing. */
    assert_plans(model, "plan-repeat-firewall", change_apply_firewall,
            REQUEST(.vpc = "vpc1", .subnet = "public",
                    .firewall = FIREWALL(DENY, DENY, RULE(INGRESS, TCP, 443, 443, "", ALLOW))));
    assert_plans(model, "plan-clear-firewall", change_clear_firewall, REQUEST(.vpc = "vpc1", .subnet = "public"));
}

static void test_workload(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    assert_plans(model, "plan-deploy", change_deploy_webserver,
            REQUEST(.vpc = "vpc1", .subnet = "public", .name = "second", .port = 8081));
    assert_plans(model, "plan-stop", change_stop_workload, REQUEST(.vpc = "vpc1", .subnet = "public", .name = "second"));
}

static void test_purge(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();

    assert_plans(model, "plan-purge", change_purge, REQUEST(.all = true));
}

/* All of a model from nothing, as after a boot: everything is there, whole. */
static void test_rebuild(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich(), *nothing = model_new();
    _cleanup_draft_ Draft draft = { .model = nothing };
    _cleanup_plan_ Plan plan = { 0 };

    for (size_t i = 0; i < model->n_vpcs; i++)
        g_assert_cmpint(draft_add_vpc(&draft, vpc_copy(model->vpcs[i])), ==, 0);
    for (size_t i = 0; i < model->n_peerings; i++)
        g_assert_cmpint(draft_add_peering(&draft, peering_copy(model->peerings[i])), ==, 0);
    g_assert_cmpint(plan_make(&draft, false, &plan), ==, 0);
    g_autofree char *text = plan_text(&plan);
    assert_golden("plan-rebuild", text);
}

/* After a kill nothing is assumed: the same steps, the rules whole. */
static void test_converging(void) {
    _cleanup_(model_free_pointer) Model *model = model_walkthrough();
    _cleanup_plan_ Plan plan = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };

    g_assert_cmpint(try_change(model, change_add_subnet,
                            REQUEST(.vpc = "vpc1", .name = "later", .cidr = cidr("10.0.3.0/24")), FACTS(), &draft,
                            &failure), ==, 0);
    g_assert_cmpint(plan_make_converging(&draft, false, &plan), ==, 0);
    g_autofree char *text = plan_text(&plan);
    assert_golden("plan-converging", text);
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/vpc", test_vpc);
    g_test_add_func("/plan/subnet", test_subnet);
    g_test_add_func("/plan/subnet-of-a-peer", test_subnet_of_a_peer);
    g_test_add_func("/plan/nat", test_nat);
    g_test_add_func("/plan/nat-shared", test_nat_shared);
    g_test_add_func("/plan/peering", test_peering);
    g_test_add_func("/plan/peering-request", test_peering_request);
    g_test_add_func("/plan/delete-vpc-with-everything", test_delete_vpc_with_everything);
    g_test_add_func("/plan/firewall", test_firewall);
    g_test_add_func("/plan/workload", test_workload);
    g_test_add_func("/plan/purge", test_purge);
    g_test_add_func("/plan/rebuild", test_rebuild);
    g_test_add_func("/plan/converging", test_converging);
    return g_test_run();
}
