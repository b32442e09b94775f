/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sequence of changes as the input's bytes want it, carried out in a kernel made of text, there and back: see
 * tests/unit/test-walk.c, which does the same by chance. A finding is also what that kernel refuses. */

#include "fuzz.h"

#include "serial.h"
#include "walk-model.h"
#include "world.h"

#define CHANGES_MAX 40

static void check_sound(const Model *model) {
    for (size_t i = 0; i < model->n_vpcs; i++) {
        const Vpc *vpc = model->vpcs[i];
        _cleanup_json_ struct json_object *json = serial_vpc(vpc);
        _cleanup_(vpc_free_pointer) Vpc *read = NULL;

        CHECK(parse_vpc(json, &read) == 0 && vpc_equal(vpc, read));
        CHECK(!vpc->nat_interface || model_interface(model, vpc->nat_interface));
        for (size_t j = 0; j < i; j++)
            CHECK(vpc->id != model->vpcs[j]->id);
    }
    for (size_t i = 0; i < model->n_peerings; i++)
        CHECK(model_vpc(model, model->peerings[i]->vpcs[0]) && model_vpc(model, model->peerings[i]->vpcs[1]));
}

static void carry_out(Model *model, World *world, Draft *draft) {
    _cleanup_plan_ Plan plan = { 0 }, back = { 0 };
    g_autoptr(World) tried = world_copy(world);
    g_autofree char *before = world_text(world), *undone = NULL;

    CHECK(plan_make(draft, false, &plan) == 0 && plan_make(draft, true, &back) == 0);
    world_apply(tried, &plan, false);
    world_apply(tried, &back, true);
    undone = world_text(tried);
    CHECK(streq(before, undone));
    world_apply(world, &plan, false);
    CHECK(draft_commit(draft, model, model->generation + 1) == 0);
    check_sound(model);
}

/* All of the model at once in an empty kernel. */
static void check_whole(const Model *model, const World *world) {
    Model nothing = { 0 };
    _cleanup_draft_ Draft draft = { .model = &nothing };
    _cleanup_plan_ Plan plan = { 0 };
    g_autoptr(World) fresh = world_new();

    for (size_t i = 0; i < model->n_vpcs; i++)
        CHECK(draft_add_vpc(&draft, vpc_copy(model->vpcs[i])) == 0);
    for (size_t i = 0; i < model->n_peerings; i++)
        CHECK(draft_add_peering(&draft, peering_copy(model->peerings[i])) == 0);
    CHECK(plan_make(&draft, false, &plan) == 0);
    world_apply(fresh, &plan, false);
    g_autofree char *wanted = world_text(fresh), *got = world_text(world);
    CHECK(streq(got, wanted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Walk walk = { .draw = walk_draw_bytes, .bytes = data, .n_bytes = size };
    _cleanup_(model_free_pointer) Model *model = model_new();
    g_autoptr(World) world = world_new();

    for (unsigned i = 0; i < CHANGES_MAX && walk.n_bytes > 0; i++) {
        _cleanup_failure_ Failure failure = { 0 };
        _cleanup_draft_ Draft draft = { 0 };
        Facts facts;
        Change change = walk_next(&walk, &facts);
        int r;

        facts.forwarding = world_forwards(world, walk.request.interface);
        r = try_change(model, change, &walk.request, &facts, &draft, &failure);
        CHECK((r == 0) == (failure.code == ERROR_NONE));
        CHECK(r == 0 || failure.message);
        if (r == 0)
            carry_out(model, world, &draft);
    }
    check_whole(model, world);
    return 0;
}
