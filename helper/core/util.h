/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Small things that every file needs: cleanup attributes, ownership transfer, string comparison. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(position, first) __attribute__((__format__(__printf__, position, first)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

/* Hands the pointer (or descriptor) to the receiver and forgets it here, so that the cleanup attribute leaves it alone. */
#define TAKE_PTR(pointer)                                                                                              \
    ({                                                                                                                 \
        typeof(pointer) *_source = &(pointer);                                                                         \
        typeof(pointer) _taken = *_source;                                                                             \
        *_source = NULL;                                                                                               \
        _taken;                                                                                                        \
    })
#define TAKE_FD(fd)                                                                                                    \
    ({                                                                                                                 \
        int *_source = &(fd);                                                                                          \
        int _taken = *_source;                                                                                         \
        *_source = -1;                                                                                                 \
        _taken;                                                                                                        \
    })

static inline void free_pointer(void *pointer) {
    free(*(void **)pointer);
}

static inline void close_descriptor(int *fd) {
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
    *fd = -1;
}

#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_descriptor)

/* Defines NAME_pointer(), which frees what a cleanup variable points to: DEFINE_CLEANUP(Vpc *, vpc_free). */
#define DEFINE_CLEANUP(type, function)                                                                                 \
    static inline void function##_pointer(type *variable) {                                                            \
        if (*variable)                                                                                                 \
            function(*variable);                                                                                       \
    }

static inline bool streq(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

/* True when both are absent, or both are there and equal. */
static inline bool streq_null(const char *a, const char *b) {
    return a == b || (a && b && streq(a, b));
}

static inline bool str_empty(const char *text) {
    return !text || !*text;
}

/* Makes room for one more element of a heap array; -ENOMEM leaves the array as it was. */
#define GROW(array, count)                                                                                             \
    ({                                                                                                                 \
        typeof(array) _bigger = reallocarray((array), (count) + 1, sizeof(*(array)));                                  \
        if (_bigger)                                                                                                   \
            (array) = _bigger;                                                                                         \
        _bigger ? 0 : -ENOMEM;                                                                                         \
    })
