/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts that stand for addresses, blocks and names. */

#include "fuzz.h"

#include "core/ident.h"
#include "errors.h"

static void check_cidr(const char *text) {
    char formatted[CIDR_TEXT_MAX], again[CIDR_TEXT_MAX];
    Cidr cidr, read;
    Address address, last;
    int r = cidr_parse(text, &cidr);

    CHECK(r == 0 || r == -EINVAL || r == -ERANGE);
    if (r == -EINVAL)
        return;
    cidr_format(&cidr, formatted);
    CHECK(cidr_parse(formatted, &read) == 0 && cidr_equal(&cidr, &read));
    CHECK(streq(cidr_format(&read, again), formatted));
    last = cidr_last(&cidr);
    CHECK(cidr_has_address(&cidr, &last) && cidr_has_address(&cidr, &cidr.address));
    CHECK(cidr_nth(&cidr, 0, &address) == 0 && address_equal(&address, &cidr.address));
    for (uint64_t i = 1; i < 5; i++)
        CHECK(cidr_nth(&cidr, i, &address) < 0 || cidr_has_address(&cidr, &address));
    CHECK(cidr_nth(&cidr, UINT64_MAX, &address) < 0 || cidr_has_address(&cidr, &address));
    CHECK(cidr_overlaps(&cidr, &cidr) && cidr_contains(&cidr, &cidr));
}

static void check_address(const char *text) {
    char formatted[ADDRESS_TEXT_MAX];
    Address address, read;

    if (address_parse(text, &address) < 0)
        return;
    CHECK(address_parse(address_format(&address, formatted), &read) == 0 && address_equal(&address, &read));
}

/* What the kernel and systemd get to see of a name that was let pass. */
static void check_name(char *name) {
    Vpc vpc = { .name = name, .id = UPLINK_MAX - 1 };
    Subnet subnet = { .name = name };
    Endpoint endpoint = { .name = name, .id = 1023 };
    LinkName links[3];

    if (!name_is_valid(name))
        return;
    CHECK(strlen(name) >= 1 && strlen(name) <= NAME_MAX_LENGTH && !strpbrk(name, "/. \n\"'\\;$%_") && *name != '-');
    link_uplink_host(&vpc, links[0]);
    link_bridge(&vpc, links[1]);
    link_peer(name, PEERING_MAX - 1, links[2]);
    for (size_t i = 0; i < ELEMENTSOF(links); i++)
        CHECK(interface_name_is_valid(links[i]));

    _cleanup_free_ char *netns = netns_endpoint(&vpc, &subnet, &endpoint), *outer = unit_slice_vpc(name),
                        *inner = unit_slice_subnet(name, name), *unit = unit_workload(name, name, "", name);
    CHECK(strlen(netns) < 255 && strlen(outer) <= 255 && strlen(inner) <= 255 && strlen(unit) <= 255);
}

static void check_interface_name(const char *name) {
    if (interface_name_is_valid(name))
        CHECK(strlen(name) >= 1 && strlen(name) <= 15 && !strpbrk(name, "/ \n\"'\\;$%*") && !streq(name, ".") &&
                !streq(name, ".."));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_free_ char *text = strndup((const char *)data, size);

    check_cidr(text);
    check_address(text);
    check_name(text);
    check_interface_name(text);
    (void)direction_parse(text);
    (void)action_parse(text);
    (void)protocol_parse(text);
    (void)subnet_type_parse(text);
    (void)workload_kind_parse(text);
    (void)error_from_name(text);
    return 0;
}
