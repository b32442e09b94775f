/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random sequences of changes, carried out in a kernel made of text (world.h). After each one that is accepted:
 *
 *   - the plan's steps succeed one after the other, each removing what is there and making what is not;
 *   - the kernel is then the same as one in which the whole model was made from nothing;
 *   - the way back leads to where it began, also from the middle and more than once, as after a kill;
 *   - workloads that are gone are among what is stopped, and no others are;
 *   - what is stored is read as the same;
 *   - the model is still valid, and stays so when it is touched without a change.
 *
 * And a change that is refused leaves the model as it was. With WALK_DIRECTORY=DIR set it writes nft texts there instead,
 * for tests/net/nft-golden.sh: N-from, N-change and N-to. */

#include "serial.h"
#include "walk-model.h"
#include "world.h"

#include "core/nftgen.h"

#define ROUNDS 40
#define CHANGES 120

static void draft_peerings(Draft *draft, const Model *model, bool active) {
    for (size_t i = 0; i < model->n_peerings; i++)
        if (peering_is_active(model->peerings[i]) == active)
            g_assert_cmpint(draft_add_peering(draft, peering_copy(model->peerings[i])), ==, 0);
}

/* What the whole model makes in an empty kernel. */
static char *world_from_nothing(const Model *model) {
    _cleanup_(model_free_pointer) Model *nothing = model_new();
    _cleanup_draft_ Draft draft = { .model = nothing };
    _cleanup_plan_ Plan plan = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    g_autoptr(World) world = world_new();

    for (size_t i = 0; i < model->n_vpcs; i++)
        g_assert_cmpint(draft_add_vpc(&draft, vpc_copy(model->vpcs[i])), ==, 0);
    draft_peerings(&draft, model, true);
    (void)validate(&draft, &failure);
    g_assert_cmpstr(failure.message, ==, NULL);
    /* A request may overlap what came into force since: that is looked at when it is accepted. */
    draft_peerings(&draft, model, false);
    g_assert_cmpint(plan_make(&draft, false, &plan), ==, 0);
    world_apply(world, &plan, false);
    return world_text(world);
}

static void assert_same(const char *what, const char *got, const char *wanted) {
    if (streq(got, wanted))
        return;
    g_auto(GStrv) got_lines = g_strsplit(got, "\n", -1), wanted_lines = g_strsplit(wanted, "\n", -1);
    for (char **line = got_lines; *line; line++)
        if (!g_strv_contains((const char *const *)wanted_lines, *line))
            g_test_message("%s: too much: %s", what, *line);
    for (char **line = wanted_lines; *line; line++)
        if (!g_strv_contains((const char *const *)got_lines, *line))
            g_test_message("%s: missing: %s", what, *line);
    g_error("%s differs", what);
}

/* The first n steps of a plan, as a plan that borrows them. */
static Plan plan_beginning(const Plan *plan, size_t n) {
    return (Plan){ .steps = plan->steps, .n_steps = n };
}

static void assert_stops(const Draft *draft, const Plan *plan, bool reverse) {
    for (size_t i = 0; i < draft->n_vpcs; i++) {
        const Vpc *from = reverse ? draft->vpcs[i].after : draft->vpcs[i].before;
        const Vpc *to = reverse ? draft->vpcs[i].before : draft->vpcs[i].after;

        for (size_t j = 0; from && j < from->n_subnets; j++) {
            const Subnet *subnet = from->subnets[j];
            const Subnet *kept = to ? vpc_subnet(to, subnet->name) : NULL;
            const Endpoint *endpoint = subnet_first_endpoint(subnet);
            g_autofree char *outer = unit_slice_vpc(from->name), *inner = unit_slice_subnet(from->name, subnet->name);

            for (size_t k = 0; k < endpoint->n_workloads; k++) {
                const char *name = endpoint->workloads[k]->name;
                g_autofree char *unit = unit_workload(from->name, subnet->name, endpoint->name, name);
                bool stays = kept && endpoint_workload(subnet_first_endpoint(kept), name), stopped = false;

                for (size_t l = 0; l < plan->n_stop_units; l++)
                    stopped = stopped || streq(plan->stop_units[l], unit) || streq(plan->stop_units[l], outer) ||
                            streq(plan->stop_units[l], inner);
                g_assert_cmpint(stopped, ==, !stays);
            }
        }
    }
}

/* Each object by its file's text. */
static void assert_stored(const Model *model) {
#define ASSERT_STORED(array, n, Type, serial, parse, free_one, equal)                                                  \
    for (size_t i = 0; i < (n); i++) {                                                                                 \
        _cleanup_json_ struct json_object *body = serial((array)[i]), *read = NULL;                                    \
        _cleanup_(free_one##_pointer) Type *parsed = NULL;                                                             \
        g_autofree char *text = serial_wrap(body);                                                                     \
        g_assert_cmpint(parse_wrapped(text, strlen(text), &read), ==, 0);                                              \
        g_assert_cmpint(parse(read, &parsed), ==, 0);                                                                  \
        g_assert_true(equal((array)[i], parsed));                                                                      \
    }
    ASSERT_STORED(model->vpcs, model->n_vpcs, Vpc, serial_vpc, parse_vpc, vpc_free, vpc_equal)
    ASSERT_STORED(model->peerings, model->n_peerings, Peering, serial_peering, parse_peering, peering_free, peering_equal)
    ASSERT_STORED(model->interfaces, model->n_interfaces, HostInterface, serial_interface, parse_interface,
            host_interface_free, host_interface_equal)
}

/* Numbers that names in the kernel are made from, and who leaves by which interface. */
static void assert_sound(const Model *model) {
    for (size_t i = 0; i < model->n_vpcs; i++) {
        const Vpc *vpc = model->vpcs[i];

        for (size_t j = 0; j < i; j++) {
            g_assert_cmpuint(vpc->id, !=, model->vpcs[j]->id);
            g_assert_false(vpc->host_access && model->vpcs[j]->host_access &&
                    cidr_overlaps(&vpc->cidr, &model->vpcs[j]->cidr));
        }
        g_assert_true(!vpc->nat_interface || model_interface(model, vpc->nat_interface));
        for (size_t j = 0; j < vpc->n_subnets; j++) {
            const Subnet *subnet = vpc->subnets[j];
            const Endpoint *endpoint = subnet_first_endpoint(subnet);

            g_assert_true(cidr_contains(&vpc->cidr, &subnet->cidr));
            g_assert_true(cidr_has_address(&subnet->cidr, &endpoint->address));
            for (size_t k = 0; k < j; k++) {
                g_assert_cmpuint(subnet->id, !=, vpc->subnets[k]->id);
                g_assert_cmpuint(endpoint->id, !=, subnet_first_endpoint(vpc->subnets[k])->id);
                g_assert_false(cidr_overlaps(&subnet->cidr, &vpc->subnets[k]->cidr));
            }
        }
    }
    for (size_t i = 0; i < model->n_peerings; i++) {
        const Peering *peering = model->peerings[i];
        const Vpc *a = model_vpc(model, peering->vpcs[0]), *b = model_vpc(model, peering->vpcs[1]);

        g_assert_true(a && b && !cidr_overlaps(&a->cidr, &b->cidr));
        for (size_t j = 0; j < i; j++)
            g_assert_cmpuint(peering->id, !=, model->peerings[j]->id);
    }
    for (size_t i = 0; i < model->n_interfaces; i++) {
        bool used = false;

        for (size_t j = 0; j < model->n_vpcs; j++)
            used = used || streq_null(model->vpcs[j]->nat_interface, model->interfaces[i]->name);
        g_assert_true(used);
    }
}

/* To touch without a change makes no plan, and is valid. */
static void assert_touching_is_nothing(const Model *model) {
    _cleanup_draft_ Draft draft = { .model = model };
    _cleanup_plan_ Plan plan = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    Peering *peering;
    Vpc *vpc;

    for (size_t i = 0; i < model->n_vpcs; i++)
        g_assert_cmpint(draft_vpc(&draft, model->vpcs[i]->name, &vpc), ==, 0);
    for (size_t i = 0; i < model->n_peerings; i++)
        if (peering_is_active(model->peerings[i]))
            g_assert_cmpint(draft_peering(&draft, model->peerings[i]->vpcs[0], model->peerings[i]->vpcs[1], &peering), ==, 0);
    (void)validate(&draft, &failure);
    g_assert_cmpstr(failure.message, ==, NULL);
    g_assert_cmpint(plan_make(&draft, false, &plan), ==, 0);
    g_assert_cmpuint(plan.n_steps + plan.n_stop_units, ==, 0);
}

static unsigned changed, refused; /* of the whole walk */

static void accepted(Walk *walk, Model *model, World *world, Draft *draft) {
    _cleanup_plan_ Plan plan = { 0 }, back = { 0 }, converging = { 0 };
    g_autofree char *before = world_text(world), *after = NULL, *wanted = NULL;
    g_autoptr(World) tried = world_copy(world), broken = world_copy(world);

    g_assert_cmpint(plan_make(draft, false, &plan), ==, 0);
    g_assert_cmpint(plan_make(draft, true, &back), ==, 0);
    g_assert_cmpint(plan_make_converging(draft, false, &converging), ==, 0);
    assert_stops(draft, &plan, false);
    assert_stops(draft, &back, true);

    /* There and back. The way back is also taken when nobody knows how far the way there went. */
    world_apply(tried, &plan, false);
    after = world_text(tried);
    world_apply(tried, &back, true);
    g_autofree char *undone = world_text(tried);
    assert_same("the way back", undone, before);

    /* Broken off anywhere, and undone twice. */
    Plan beginning = plan_beginning(&plan, plan.n_steps ? (size_t)g_rand_int_range(walk->rand, 0, (gint32)plan.n_steps) : 0);
    world_apply(broken, &beginning, false);
    world_apply(broken, &back, true);
    world_apply(broken, &back, true);
    g_autofree char *mended = world_text(broken);
    assert_same("the way back from the middle", mended, before);

    /* Broken off anywhere, and finished. */
    world_apply(broken, &beginning, false);
    world_apply(broken, &converging, true);
    g_autofree char *finished = world_text(broken);
    assert_same("the way there, taken up again", finished, after);

    world_apply(world, &plan, false);
    g_assert_cmpint(draft_commit(draft, model, model->generation + 1), ==, 0);
    wanted = world_from_nothing(model);
    assert_same("the changed world", after, wanted);
    assert_stored(model);
    assert_sound(model);
    assert_touching_is_nothing(model);
    changed++;
}

static void walk_round(uint32_t seed) {
    Walk walk = { .draw = walk_draw_random, .rand = g_rand_new_with_seed(seed) };
    _cleanup_(model_free_pointer) Model *model = model_new();
    g_autoptr(World) world = world_new();

    for (unsigned i = 0; i < CHANGES; i++) {
        _cleanup_failure_ Failure failure = { 0 };
        _cleanup_draft_ Draft draft = { 0 };
        Facts facts;
        Change change = walk_next(&walk, &facts);

        facts.forwarding = world_forwards(world, walk.request.interface);
        if (try_change(model, change, &walk.request, &facts, &draft, &failure) == 0)
            accepted(&walk, model, world, &draft);
        else {
            _cleanup_(model_free_pointer) Model *same = model_copy(model);

            draft_clear(&draft);
            g_assert_true(model_equal(model, same));
            g_assert_nonnull(failure.message);
            refused++;
        }
    }
    g_rand_free(walk.rand);
}

static void test_walk(void) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t seed = (uint32_t)g_test_rand_int();

        g_test_message("seed %u", seed);
        walk_round(seed);
    }
    g_test_message("%u changes accepted, %u refused", changed, refused);
    g_assert_cmpuint(changed, >, ROUNDS * CHANGES / 10);
    g_assert_cmpuint(refused, >, ROUNDS * CHANGES / 10);
}

/* --- for a real kernel --- */

static void write_text(const char *directory, unsigned n, const char *what, const char *text) {
    g_autofree char *path = g_strdup_printf("%s/%04u-%s", directory, n, what);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* Of each change of rules of one VPC: the rules before, the change, the rules after. */
static int write_walk(const char *directory, unsigned wanted) {
    Walk walk = { .draw = walk_draw_random, .rand = g_rand_new_with_seed(1) };
    _cleanup_(model_free_pointer) Model *model = model_new();
    unsigned n = 0;

    while (n < wanted) {
        _cleanup_failure_ Failure failure = { 0 };
        _cleanup_draft_ Draft draft = { 0 };
        Facts facts;
        Change change = walk_next(&walk, &facts);

        if (try_change(model, change, &walk.request, &facts, &draft, &failure) < 0)
            continue;
        for (size_t i = 0; i < draft.n_vpcs && n < wanted; i++) {
            const Vpc *from = draft.vpcs[i].before, *to = draft.vpcs[i].after;

            if (!from || !to)
                continue;
            g_autofree char *text = nftgen_router_change(&draft, from, to, false), *old = nftgen_router(&draft, from, true),
                            *new = nftgen_router(&draft, to, false);
            if (!*text)
                continue;
            n++;
            write_text(directory, n, "from", old);
            write_text(directory, n, "change", text);
            write_text(directory, n, "to", new);
        }
        g_assert_cmpint(draft_commit(&draft, model, model->generation + 1), ==, 0);
    }
    g_rand_free(walk.rand);
    return 0;
}

int main(int argc, char **argv) {
    const char *directory = g_getenv("WALK_DIRECTORY");

    if (directory)
        return write_walk(directory, 100);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/walk", test_walk);
    return g_test_run();
}
