/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A draft beside the model: both ways of looking at it, and what committing and dropping it do. */

#include "fixture.h"

static Vpc *vpc_named(const char *name) {
    Vpc *vpc = g_new0(Vpc, 1);

    vpc->name = g_strdup(name);
    vpc->cidr = cidr("10.0.0.0/16");
    return vpc;
}

static Peering *peering_named(const char *a, const char *b) {
    Peering *peering = g_new0(Peering, 1);

    peering->vpcs[0] = g_strdup(a);
    peering->vpcs[1] = g_strdup(b);
    return peering;
}

static HostInterface *interface_named(const char *name) {
    HostInterface *interface = g_new0(HostInterface, 1);

    interface->name = g_strdup(name);
    return interface;
}

/* a, b, c; a-b and b-c peered; eth0 */
static Model *three(void) {
    Model *model = model_new();

    g_assert_cmpint(model_put_vpc(model, vpc_named("a")), ==, 0);
    g_assert_cmpint(model_put_vpc(model, vpc_named("b")), ==, 0);
    g_assert_cmpint(model_put_vpc(model, vpc_named("c")), ==, 0);
    g_assert_cmpint(model_put_peering(model, peering_named("a", "b")), ==, 0);
    g_assert_cmpint(model_put_peering(model, peering_named("b", "c")), ==, 0);
    g_assert_cmpint(model_put_interface(model, interface_named("eth0")), ==, 0);
    model->generation = 5;
    return model;
}

static void test_touch(void) {
    _cleanup_(model_free_pointer) Model *model = three(), *before = model_copy(model);
    _cleanup_draft_ Draft draft = { .model = model };
    Vpc *vpc, *again;
    Peering *peering;
    HostInterface *interface;

    g_assert_cmpint(draft_vpc(&draft, "a", &vpc), ==, 0);
    g_assert_true(vpc && vpc != model_vpc(model, "a"));
    g_assert_true(vpc_equal(vpc, model_vpc(model, "a")));
    vpc->owner = 77;
    g_assert_cmpint(draft_vpc(&draft, "a", &again), ==, 0);
    g_assert_true(vpc == again);
    g_assert_cmpuint(draft.n_vpcs, ==, 1);

    g_assert_cmpint(draft_vpc(&draft, "nothere", &vpc), ==, 0);
    g_assert_null(vpc);
    g_assert_cmpint(draft_peering(&draft, "b", "a", &peering), ==, 0);
    g_assert_true(peering && peering != model_peering(model, "a", "b"));
    g_assert_cmpint(draft_peering(&draft, "a", "c", &peering), ==, 0);
    g_assert_null(peering);
    g_assert_cmpint(draft_interface(&draft, "eth0", &interface), ==, 0);
    g_assert_nonnull(interface);
    g_assert_cmpint(draft_interface(&draft, "eth1", &interface), ==, 0);
    g_assert_null(interface);

    g_assert_cmpuint(draft_see_vpc(&draft, "a", false)->owner, ==, 77);
    g_assert_cmpuint(draft_see_vpc(&draft, "a", true)->owner, ==, 0);
    g_assert_true(draft_see_vpc(&draft, "b", false) == model_vpc(model, "b"));
    g_assert_true(model_equal(model, before));
}

static void test_add(void) {
    _cleanup_(model_free_pointer) Model *model = three();
    _cleanup_(vpc_free_pointer) Vpc *taken = vpc_named("a");
    _cleanup_(peering_free_pointer) Peering *taken_peering = peering_named("a", "b");
    _cleanup_(host_interface_free_pointer) HostInterface *taken_interface = interface_named("eth0");
    _cleanup_draft_ Draft draft = { .model = model };

    /* On failure the object stays the caller's: these are freed here. */
    g_assert_cmpint(draft_add_vpc(&draft, taken), ==, -EEXIST);
    g_assert_cmpint(draft_add_peering(&draft, taken_peering), ==, -EEXIST);
    g_assert_cmpint(draft_add_interface(&draft, taken_interface), ==, -EEXIST);
    g_assert_cmpuint(draft.n_vpcs + draft.n_peerings + draft.n_interfaces, ==, 0);

    g_assert_cmpint(draft_add_vpc(&draft, vpc_named("d")), ==, 0);
    g_assert_cmpint(draft_add_vpc(&draft, taken), ==, -EEXIST);
    g_assert_cmpint(draft_add_peering(&draft, peering_named("a", "d")), ==, 0);
    g_assert_cmpint(draft_add_interface(&draft, interface_named("eth1")), ==, 0);
    g_assert_nonnull(draft_see_vpc(&draft, "d", false));
    g_assert_null(draft_see_vpc(&draft, "d", true));
    g_assert_nonnull(draft_see_peering(&draft, "d", "a", false));
    g_assert_null(draft_see_peering(&draft, "d", "a", true));
    g_assert_null(model_vpc(model, "d"));
    g_assert_cmpuint(draft_count_vpcs(&draft, false), ==, 4);
    g_assert_cmpuint(draft_count_vpcs(&draft, true), ==, 3);
}

static void test_remove(void) {
    _cleanup_(model_free_pointer) Model *model = three();
    _cleanup_draft_ Draft draft = { .model = model };
    Vpc *vpc;

    g_assert_cmpint(draft_remove_vpc(&draft, "nothere"), ==, -ENOENT);
    g_assert_cmpint(draft_remove_peering(&draft, "a", "c"), ==, -ENOENT);
    g_assert_cmpint(draft_remove_interface(&draft, "eth1"), ==, -ENOENT);
    g_assert_cmpuint(draft.n_vpcs + draft.n_peerings + draft.n_interfaces, ==, 0);

    g_assert_cmpint(draft_remove_vpc(&draft, "a"), ==, 0);
    g_assert_cmpint(draft_remove_vpc(&draft, "a"), ==, -ENOENT);
    g_assert_cmpint(draft_remove_peering(&draft, "b", "a"), ==, 0);
    g_assert_cmpint(draft_remove_peering(&draft, "a", "b"), ==, -ENOENT);
    g_assert_cmpint(draft_remove_interface(&draft, "eth0"), ==, 0);
    g_assert_null(draft_see_vpc(&draft, "a", false));
    g_assert_true(draft_see_vpc(&draft, "a", true) == model_vpc(model, "a"));
    g_assert_cmpint(draft_vpc(&draft, "a", &vpc), ==, 0);
    g_assert_null(vpc);
    g_assert_cmpuint(draft_count_vpcs(&draft, false), ==, 2);
    g_assert_cmpuint(draft_count_vpcs(&draft, true), ==, 3);

    /* Another one in its place. */
    g_assert_cmpint(draft_add_vpc(&draft, vpc_named("a")), ==, 0);
    g_assert_cmpuint(draft.n_vpcs, ==, 1);
    g_assert_true(draft_see_vpc(&draft, "a", false) != model_vpc(model, "a"));
    g_assert_cmpuint(draft_count_vpcs(&draft, false), ==, 3);
}

/* New, and gone again before anything was committed: as if it had never been. */
static void test_add_then_remove(void) {
    _cleanup_(model_free_pointer) Model *model = three(), *before = model_copy(model);
    _cleanup_plan_ Plan plan = { 0 };
    Draft draft = { .model = model };

    g_assert_cmpint(draft_add_vpc(&draft, vpc_named("d")), ==, 0);
    g_assert_cmpint(draft_add_peering(&draft, peering_named("c", "d")), ==, 0);
    g_assert_cmpint(draft_add_interface(&draft, interface_named("eth1")), ==, 0);
    g_assert_cmpint(draft_remove_peering(&draft, "c", "d"), ==, 0);
    g_assert_cmpint(draft_remove_vpc(&draft, "d"), ==, 0);
    g_assert_cmpint(draft_remove_interface(&draft, "eth1"), ==, 0);
    g_assert_null(draft_see_vpc(&draft, "d", false));
    g_assert_null(draft_see_vpc(&draft, "d", true));
    g_assert_null(draft_see_peering(&draft, "c", "d", false));
    g_assert_cmpuint(draft_count_vpcs(&draft, false), ==, 3);
    g_assert_cmpint(draft_add_vpc(&draft, vpc_named("d")), ==, 0);
    g_assert_cmpint(draft_remove_vpc(&draft, "d"), ==, 0);
    g_assert_cmpint(plan_make(&draft, false, &plan), ==, 0);
    g_assert_cmpuint(plan.n_steps, ==, 0);
    g_assert_cmpint(draft_commit(&draft, model, 6), ==, 0);
    before->generation = 6;
    g_assert_true(model_equal(model, before));
    draft_clear(&draft);
}

static int collect(const Peering *peering, void *data) {
    GString *text = data;

    g_string_append_printf(text, "%s-%s ", peering->vpcs[0], peering->vpcs[1]);
    return 0;
}

static int stop_at_once(const Peering *peering, void *data) {
    (*(int *)data)++;
    return 42;
}

static void assert_peerings(const Draft *draft, const char *vpc, bool reverse, const char *wanted) {
    g_autoptr(GString) text = g_string_new("");

    g_assert_cmpint(draft_each_peering(draft, vpc, reverse, collect, text), ==, 0);
    g_assert_cmpstr(text->str, ==, wanted);
}

static void test_each_peering(void) {
    _cleanup_(model_free_pointer) Model *model = three();
    _cleanup_draft_ Draft draft = { .model = model };
    Peering *peering;
    int calls = 0;

    assert_peerings(&draft, "b", false, "a-b b-c ");
    g_assert_cmpint(draft_remove_peering(&draft, "a", "b"), ==, 0);
    g_assert_cmpint(draft_add_vpc(&draft, vpc_named("d")), ==, 0);
    g_assert_cmpint(draft_add_peering(&draft, peering_named("b", "d")), ==, 0);
    g_assert_cmpint(draft_peering(&draft, "b", "c", &peering), ==, 0); /* touched, and the same */
    assert_peerings(&draft, "b", false, "b-c b-d ");
    assert_peerings(&draft, "b", true, "a-b b-c ");
    assert_peerings(&draft, "a", false, "");
    assert_peerings(&draft, "a", true, "a-b ");
    assert_peerings(&draft, "d", false, "b-d ");
    assert_peerings(&draft, "d", true, "");
    assert_peerings(&draft, "nothere", false, "");
    g_assert_cmpint(draft_each_peering(&draft, "b", false, stop_at_once, &calls), ==, 42);
    g_assert_cmpint(calls, ==, 1);
}

static void test_commit(void) {
    _cleanup_(model_free_pointer) Model *model = three();
    Draft draft = { .model = model };
    Vpc *vpc;

    g_assert_cmpint(draft_vpc(&draft, "b", &vpc), ==, 0);
    vpc->owner = 77;
    g_assert_cmpint(draft_remove_vpc(&draft, "a"), ==, 0);
    g_assert_cmpint(draft_remove_peering(&draft, "a", "b"), ==, 0);
    g_assert_cmpint(draft_add_vpc(&draft, vpc_named("d")), ==, 0);
    g_assert_cmpint(draft_add_peering(&draft, peering_named("c", "d")), ==, 0);
    g_assert_cmpint(draft_remove_interface(&draft, "eth0"), ==, 0);
    g_assert_cmpint(draft_add_interface(&draft, interface_named("eth1")), ==, 0);
    g_assert_cmpint(draft_commit(&draft, model, 6), ==, 0);

    g_assert_cmpuint(model->generation, ==, 6);
    g_assert_cmpuint(model->n_vpcs, ==, 3);
    g_assert_null(model_vpc(model, "a"));
    g_assert_cmpuint(model_vpc(model, "b")->owner, ==, 77);
    g_assert_cmpuint(model_vpc(model, "b")->generation, ==, 6);
    g_assert_cmpuint(model_vpc(model, "c")->generation, ==, 0); /* untouched */
    g_assert_cmpuint(model_vpc(model, "d")->generation, ==, 6);
    g_assert_cmpuint(model->n_peerings, ==, 2);
    g_assert_cmpuint(model_peering(model, "c", "d")->generation, ==, 6);
    g_assert_null(model_interface(model, "eth0"));
    g_assert_nonnull(model_interface(model, "eth1"));
    /* It is empty and can be used again. */
    g_assert_cmpuint(draft.n_vpcs + draft.n_peerings + draft.n_interfaces, ==, 0);
    g_assert_cmpint(draft_remove_vpc(&draft, "b"), ==, 0);
    draft_clear(&draft);
    g_assert_nonnull(model_vpc(model, "b"));
    g_assert_true(draft.model == model);
}

static void test_commit_everything_gone(void) {
    _cleanup_(model_free_pointer) Model *model = model_rich();
    Draft draft = { .model = model };

    while (model->n_vpcs > 0) {
        accept_change(model, change_delete_vpc, REQUEST(.name = model->vpcs[0]->name));
        g_assert_cmpuint(draft_count_vpcs(&draft, false), ==, model->n_vpcs);
    }
    g_assert_cmpuint(model->n_peerings, ==, 0);
    g_assert_cmpuint(model->n_interfaces, ==, 0);
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/draft/touch", test_touch);
    g_test_add_func("/draft/add", test_add);
    g_test_add_func("/draft/remove", test_remove);
    g_test_add_func("/draft/add-then-remove", test_add_then_remove);
    g_test_add_func("/draft/each-peering", test_each_peering);
    g_test_add_func("/draft/commit", test_commit);
    g_test_add_func("/draft/commit-everything-gone", test_commit_everything_gone);
    return g_test_run();
}
