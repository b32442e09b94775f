/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Random requests about few names, so that they meet. */

#include "fixture.h"

typedef struct Walk {
    GRand *rand;
    Request request; /* borrowed texts */
    Firewall firewall;
    Rule rules[6];
    gid_t groups[2];
} Walk;

/* The next change; walk->request is what it asks for. Facts are filled. */
Change walk_next(Walk *walk, Facts *facts);
