/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of the state: as it is, and with its checksum put right, since no fuzzer finds one. What is taken is written again
 * as the same, and a plan can be made of it. */

#include "fuzz.h"

#include "core/plan.h"
#include "core/validate.h"
#include "serial.h"

/* The same text again from what was read of it. */
#define CHECK_AGAIN(Type, object, serial, parse, free_one)                                                             \
    do {                                                                                                               \
        _cleanup_json_ struct json_object *_json = serial(object), *_json_again = NULL, *_body = NULL;                 \
        _cleanup_(free_one##_pointer) Type *_again = NULL;                                                             \
        _cleanup_free_ char *_text = serial_wrap(_json);                                                               \
        CHECK(parse_wrapped(_text, strlen(_text), &_body) == 0);                                                       \
        CHECK(parse(_body, &_again) == 0);                                                                             \
        _json_again = serial(_again);                                                                                  \
        CHECK(json_object_equal(_json, _json_again));                                                                  \
    } while (0)

static void make_plans(Vpc *vpc) {
    Model nothing = { 0 };
    _cleanup_draft_ Draft draft = { .model = &nothing };
    _cleanup_plan_ Plan plan = { 0 }, back = { 0 };
    _cleanup_failure_ Failure failure = { 0 };
    int r;

    CHECK(draft_add_vpc(&draft, vpc_copy(vpc)) == 0);
    r = validate(&draft, &failure);
    /* The only thing that a file cannot be refused for: names that meet depend on other files, or on two endpoints. */
    CHECK(r == 0 || failure.code == ERROR_CONFLICT || failure.code == ERROR_LIMIT);
    CHECK(plan_make(&draft, false, &plan) == 0 && plan_make(&draft, true, &back) == 0);
    _cleanup_free_ char *text = plan_format(&plan), *back_text = plan_format(&back);
    CHECK(text && back_text);
}

static void check_body(struct json_object *body) {
    _cleanup_(vpc_free_pointer) Vpc *vpc = NULL;
    _cleanup_(peering_free_pointer) Peering *peering = NULL;
    _cleanup_(host_interface_free_pointer) HostInterface *interface = NULL;
    int r = parse_vpc(body, &vpc);

    CHECK(r == 0 ? vpc != NULL : r == -EBADMSG && !vpc);
    if (vpc) {
        CHECK_AGAIN(Vpc, vpc, serial_vpc, parse_vpc, vpc_free);
        make_plans(vpc);
    }
    r = parse_peering(body, &peering);
    CHECK(r == 0 ? peering != NULL : r == -EBADMSG && !peering);
    if (peering)
        CHECK_AGAIN(Peering, peering, serial_peering, parse_peering, peering_free);
    r = parse_interface(body, &interface);
    CHECK(r == 0 ? interface != NULL : r == -EBADMSG && !interface);
    if (interface)
        CHECK_AGAIN(HostInterface, interface, serial_interface, parse_interface, host_interface_free);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_json_ struct json_object *body = NULL, *wrapped = NULL;
    struct json_tokener *tokener;
    struct json_object *inner;
    int r = parse_wrapped((const char *)data, size, &body);

    CHECK(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
    CHECK((r == 0) == (body != NULL));
    if (body)
        check_body(body);

    /* As parse_wrapped() reads it, but for the checksum. */
    if (size == 0 || size > INT32_MAX)
        return 0;
    tokener = json_tokener_new_ex(16);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    wrapped = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
    json_tokener_free(tokener);
    check_body(json_object_object_get_ex(wrapped, "body", &inner) ? inner : wrapped);
    return 0;
}
