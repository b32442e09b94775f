/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ident.h"

#include <limits.h>
#include <stdio.h>

_Static_assert(sizeof(LinkName) == 16, "IFNAMSIZ");

bool name_is_valid(const char *name) {
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return *name >= 'a' && *name <= 'z' && length <= NAME_MAX_LENGTH && name[length] == '\0';
}

bool interface_name_is_valid(const char *name) {
    static const char alphanumeric[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:@");

    return length >= 1 && length < sizeof(LinkName) && name[length] == '\0' && strchr(alphanumeric, *name);
}

static char *join(const char *a, const char *b, const char *c) {
    char *text;

    return asprintf(&text, "%s%s%s%s%s", a, b ? "-" : "", b ? b : "", c ? "-" : "", c ? c : "") < 0 ? NULL : text;
}

char *netns_router(const Vpc *vpc) {
    return strdup(vpc->name);
}

char *netns_endpoint(const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint) {
    return join(vpc->name, subnet->name, *endpoint->name ? endpoint->name : NULL);
}

static const char *link_name(const char *prefix, const char *name, unsigned id, LinkName buffer) {
    if (strlen(prefix) + strlen(name) < sizeof(LinkName))
        stpcpy(stpcpy(buffer, prefix), name);
    else
        snprintf(buffer, sizeof(LinkName), "%s%u", prefix, id);
    return buffer;
}

const char *link_uplink_host(const Vpc *vpc, LinkName buffer) {
    return link_name("vpc-", vpc->name, vpc->id, buffer);
}

const char *link_bridge(const Vpc *vpc, LinkName buffer) {
    return link_name("br-", vpc->name, vpc->id, buffer);
}

const char *link_port(const Endpoint *endpoint, LinkName buffer) {
    snprintf(buffer, sizeof(LinkName), "p%u", endpoint->id);
    return buffer;
}

const char *link_peer(const char *other, unsigned id, LinkName buffer) {
    return link_name("peer-", other, id, buffer);
}

/* 169.254.0.0 plus that many addresses. */
static Address link_local(unsigned offset) {
    return (Address){ .family = AF_INET, .bytes = { 169, 254, (uint8_t)(offset >> 8), (uint8_t)offset } };
}

Address uplink_address(const Vpc *vpc, unsigned side) {
    return link_local(64 * 256 + vpc->id * 2 + side);
}

Address peer_address(const Peering *peering, unsigned side) {
    return link_local(256 + peering->id * 2 + side);
}

_Static_assert(64 * 256 + UPLINK_MAX * 2 <= 128 * 256, "uplinks stay in 169.254.64.0/18");
_Static_assert(256 + PEERING_MAX * 2 <= 64 * 256, "peerings stay below the uplinks");

static bool has_control(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Neither overlong forms nor surrogates: what D-Bus and systemd take as text. */
static bool is_utf8(const char *text) {
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        unsigned more = *p < 0x80 ? 0 : (*p & 0xe0) == 0xc0 ? 1 : (*p & 0xf0) == 0xe0 ? 2 : (*p & 0xf8) == 0xf0 ? 3 : 4;
        uint32_t c = more == 0 ? *p : more < 4 ? *p & (0x3fu >> more) : 0;

        if (more == 4)
            return false;
        p++;
        for (unsigned i = 0; i < more; i++, p++) {
            if ((*p & 0xc0) != 0x80)
                return false;
            c = c << 6 | (*p & 0x3f);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
    }
    return true;
}

static bool path_goes_up(const char *path) {
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return true;
    return false;
}

bool directory_is_valid(const char *path) {
    size_t length = strlen(path);

    return path[0] == '/' && length < PATH_MAX && !path_goes_up(path) && !has_control(path) && is_utf8(path) &&
            path[length - 1] != ' ' && path[length - 1] != '\\';
}

bool variable_is_valid(const char *assignment) {
    size_t length = strcspn(assignment, "=");

    return length > 0 && assignment[length] == '=' && !has_control(assignment) && is_utf8(assignment) &&
            (assignment[0] < '0' || assignment[0] > '9') &&
            strspn(assignment, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static Mac mac_make(uint8_t first, const Address *address) {
    return (Mac){ { first, 0x76, address->bytes[0], address->bytes[1], address->bytes[2], address->bytes[3] } };
}

Mac mac_from_address(const Address *address) {
    return mac_make(0x02, address);
}

Mac mac_of_port(const Address *address) {
    return mac_make(0xfe, address);
}

const char *mac_format(const Mac *mac, char buffer[static MAC_TEXT_MAX]) {
    const uint8_t *b = mac->bytes;

    snprintf(buffer, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return buffer;
}

/* '-' becomes '_', which is in no name. systemd's own escape, "\x2d", makes four bytes of one, and two names of dashes
 * then are longer than a unit's name may be. */
static char *unit_escape(const char *name) {
    char *text = strdup(name);

    for (char *c = text; c && *c; c++)
        if (*c == '-')
            *c = '_';
    return text;
}

char *unit_slice_vpc(const char *vpc) {
    _cleanup_free_ char *v = unit_escape(vpc);
    char *text;

    return !v || asprintf(&text, "vpcctl-%s.slice", v) < 0 ? NULL : text;
}

char *unit_slice_subnet(const char *vpc, const char *subnet) {
    _cleanup_free_ char *v = unit_escape(vpc), *s = unit_escape(subnet);
    char *text;

    return !v || !s || asprintf(&text, "vpcctl-%s-%s.slice", v, s) < 0 ? NULL : text;
}

char *unit_workload(const char *vpc, const char *subnet, const char *endpoint, const char *workload) {
    char *text;

    /* '.' is in no name of ours, so two different sets of names never give one unit. */
    return asprintf(&text, "vpcctl-workload-%s.%s.%s.%s.service", vpc, subnet, endpoint, workload) < 0 ? NULL : text;
}
