/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Requests about few names, so that they meet: by chance, or as the bytes of a fuzzer want it. */

#include "fixture.h"

typedef struct Walk Walk;
struct Walk {
    unsigned (*draw)(Walk *walk, unsigned n); /* a number below n */
    GRand *rand;
    const uint8_t *bytes;
    size_t n_bytes;
    Request request; /* borrowed texts */
    Firewall firewall;
    Rule rules[6];
    gid_t groups[2];
};

unsigned walk_draw_random(Walk *walk, unsigned n); /* of rand */
unsigned walk_draw_bytes(Walk *walk, unsigned n);  /* of bytes, 0 when there are no more */

/* The next change; walk->request is what it asks for. Facts are filled. */
Change walk_next(Walk *walk, Facts *facts);
