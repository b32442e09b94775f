/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Talking to vpcd: connection, password agent, calls, errors, and replies as json-c values with snake_case keys. */

#include "client.h"

#include <json.h>

DEFINE_CLEANUP(json_object *, json_object_put)
#define _cleanup_json_ _cleanup_(json_object_put_pointer)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
#define _cleanup_bus_error_ _cleanup_(sd_bus_error_free)

/* The system bus, in context->bus. A status. */
int call_open(Context *context);

/* Ends agent and connection. */
void call_close(Context *context);

/* A call of a method of the Manager with its first arguments; more may be appended. Opens the bus, and for a method
 * that changes something starts the password agent. A status. */
int call_new(Context *context, const char *method, sd_bus_message **ret, const char *types, ...);

/* Sends it and waits for the answer; ret_reply may be NULL. A status. */
int call_send(Context *context, sd_bus_message *call, sd_bus_message **ret_reply);

/* Both in one, for a method whose arguments are all in types; a{sv} without options is "a{sv}" with 0. */
int call_method(Context *context, const char *method, sd_bus_message **ret_reply, const char *types, ...);

/* An error from the bus, told to the user. A status, never EXIT_DONE. */
int call_failed(Context *context, const sd_bus_error *error, int number);

/* The answer of a List… method as an array of objects. vpc: NULL for ListVpcs; "" for all. A status. */
int call_list(Context *context, const char *method, const char *vpc, json_object **ret);

typedef enum ObjectKind {
    OBJECT_VPC,
    OBJECT_SUBNET,
    OBJECT_PEERING,
    OBJECT_WORKLOAD,
    _OBJECT_MAX,
} ObjectKind;

/* The properties of one object; the names are those of its path, in any order for a peering. A status. */
int call_object(Context *context, ObjectKind kind, const char *const names[], json_object **ret);

/* The same without a word about failure, for what is told after a change that has been made: NULL on failure. */
json_object *call_object_quiet(Context *context, ObjectKind kind, const char *const names[]);

/* The value of a key as text, "" when it is absent. */
const char *json_text(json_object *object, const char *key);
