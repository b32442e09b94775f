/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the fuzzers share. A finding is a crash, a report of a sanitizer, or a broken CHECK(). */

#include "core/util.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* What is left of the input, taken from its beginning; zeros when it is used up. */
typedef struct Input {
    const uint8_t *bytes;
    size_t size;
} Input;

static inline unsigned input_byte(Input *input) {
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->bytes++;
}

static inline unsigned input_below(Input *input, unsigned n) {
    unsigned value = input_byte(input);

    return (n > 256 ? value * 256 + input_byte(input) : value) % n;
}
