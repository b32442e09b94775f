/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A kernel made of sets of lines: takes a plan's steps, refuses what a kernel would refuse, and can be compared. Of nft it
 * understands what nftgen writes: tables, chains, rules, sets and their elements. */

#include "core/plan.h"

#include <glib.h>

typedef struct World {
    GHashTable *things; /* lines */
    /* Of the text that is being loaded: maps that a table's block made, and chains that commands made. nft makes a map's
     * elements together with the map, wherever in the text they are added, so the two do not go together. */
    GHashTable *block_maps, *command_chains;
} World;

/* With the host alone, on which eth1 has been forwarding all along. */
World *world_new(void);
World *world_copy(const World *world);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* Every step has to succeed: what is made is not there yet and what it is made of is, and what is removed is there. The
 * parts of nft that are made to work whether or not something is there ("add") do so here too. With converge, as after a
 * kill, what is there already is left and what is gone is gone. */
void world_apply(World *world, const Plan *plan, bool converge);

/* Whether the host forwards what comes in by the interface. */
bool world_forwards(const World *world, const char *interface);

/* All lines, sorted. Settings of the host that are 0, as they were before us, are left out. */
char *world_text(const World *world);

/* One nft text in a namespace, as by a step. */
void world_load_rules(World *world, const char *netns, const char *text);
