/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The stored form of the model's objects: JSON (json-c) with a version and a checksum, so that a file that was cut, hit or
 * written by something newer is told from a good one. No file is touched here. */

#include "core/draft.h"
#include "errors.h"

#include <json-c/json.h>

#define STATE_VERSION 1
#define STATE_BYTES_MAX ((size_t)16 << 20)

static inline void json_put(struct json_object **object) {
    if (*object)
        json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_put)

/* NULL without memory. The caller owns the result. */
struct json_object *serial_vpc(const Vpc *vpc);
struct json_object *serial_peering(const Peering *peering);
struct json_object *serial_interface(const HostInterface *interface);

/* -EBADMSG when anything is missing, of another type or out of range: nothing in a file is believed. -ENOMEM. */
int parse_vpc(struct json_object *json, Vpc **ret);
int parse_peering(struct json_object *json, Peering **ret);
int parse_interface(struct json_object *json, HostInterface **ret);

/* Wraps a body (borrowed) as a file's text: {"version", "checksum", "body"}. The caller frees; NULL without memory. */
char *serial_wrap(struct json_object *body);
/* -EBADMSG: not one of our files, cut, or the checksum differs; -EPROTONOSUPPORT: a newer version. */
int parse_wrapped(const char *text, size_t size, struct json_object **ret_body);
