/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A text that grows, for generators: errors are kept until the end, so that the lines in between stay readable. */

#include "core/util.h"

#include <stdio.h>

typedef struct Text {
    char *buffer;
    size_t size;
    FILE *stream; /* open_memstream(3); NULL after failure */
} Text;

static inline void text_begin(Text *text) {
    *text = (Text){ 0 };
    text->stream = open_memstream(&text->buffer, &text->size);
}

/* The whole text, the caller's to free; NULL when memory ran out anywhere. */
static inline char *text_end(Text *text) {
    bool good = text->stream && !ferror(text->stream);

    if (text->stream && fclose(text->stream) != 0)
        good = false;
    text->stream = NULL;
    if (!good) {
        free(text->buffer);
        text->buffer = NULL;
    }
    return TAKE_PTR(text->buffer);
}

#define text_add(text, ...)                                                                                            \
    do {                                                                                                               \
        if ((text)->stream)                                                                                            \
            (void)fprintf((text)->stream, __VA_ARGS__);                                                                \
    } while (0)
