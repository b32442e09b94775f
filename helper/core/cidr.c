/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>

size_t address_size(int family) {
    return family == AF_INET6 ? 16 : 4;
}

int address_parse(const char *text, Address *ret) {
    Address address = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

    if (inet_pton(address.family, text, address.bytes) != 1)
        return -EINVAL;
    *ret = address;
    return 0;
}

const char *address_format(const Address *address, char buffer[static ADDRESS_TEXT_MAX]) {
    if (address->family == AF_UNSPEC || !inet_ntop(address->family, address->bytes, buffer, ADDRESS_TEXT_MAX))
        *buffer = '\0';
    return buffer;
}

bool address_equal(const Address *a, const Address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, address_size(a->family)) == 0;
}

/* The mask's byte at that index for a prefix length. */
static uint8_t mask_byte(unsigned prefix, size_t index) {
    unsigned bits = prefix <= index * 8 ? 0 : prefix - index * 8;

    return bits >= 8 ? 0xff : (uint8_t)(0xff << (8 - bits));
}

int cidr_parse(const char *text, Cidr *ret) {
    const char *slash = strchr(text, '/');
    char address[ADDRESS_TEXT_MAX];
    Cidr cidr = { 0 };
    bool host_bits = false;

    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (address_parse(address, &cidr.address) < 0)
        return -EINVAL;

    /* One spelling per number: no sign, no space, no leading zero. */
    size_t digits = strspn(slash + 1, "0123456789");
    if (digits < 1 || digits > 3 || slash[1 + digits] || (slash[1] == '0' && digits > 1))
        return -EINVAL;
    cidr.prefix = (unsigned)strtoul(slash + 1, NULL, 10);
    if (cidr.prefix > address_size(cidr.address.family) * 8)
        return -EINVAL;

    for (size_t i = 0; i < address_size(cidr.address.family); i++) {
        uint8_t kept = cidr.address.bytes[i] & mask_byte(cidr.prefix, i);

        host_bits = host_bits || kept != cidr.address.bytes[i];
        cidr.address.bytes[i] = kept;
    }
    *ret = cidr;
    return host_bits ? -ERANGE : 0;
}

const char *cidr_format(const Cidr *cidr, char buffer[static CIDR_TEXT_MAX]) {
    char address[ADDRESS_TEXT_MAX];

    if (cidr->address.family == AF_UNSPEC)
        *buffer = '\0';
    else
        snprintf(buffer, CIDR_TEXT_MAX, "%s/%u", address_format(&cidr->address, address), cidr->prefix);
    return buffer;
}

bool cidr_equal(const Cidr *a, const Cidr *b) {
    return a->prefix == b->prefix && address_equal(&a->address, &b->address);
}

bool cidr_has_address(const Cidr *cidr, const Address *address) {
    if (cidr->address.family != address->family)
        return false;
    for (size_t i = 0; i < address_size(address->family); i++)
        if ((address->bytes[i] & mask_byte(cidr->prefix, i)) != cidr->address.bytes[i])
            return false;
    return true;
}

bool cidr_contains(const Cidr *outer, const Cidr *inner) {
    return outer->prefix <= inner->prefix && cidr_has_address(outer, &inner->address);
}

bool cidr_overlaps(const Cidr *a, const Cidr *b) {
    return cidr_contains(a, b) || cidr_contains(b, a);
}

int cidr_nth(const Cidr *cidr, uint64_t index, Address *ret) {
    size_t size = address_size(cidr->address.family);
    unsigned host_bits = (unsigned)(size * 8) - cidr->prefix;
    Address address = cidr->address;

    if (host_bits < 64 && index >> host_bits)
        return -ERANGE;
    for (size_t i = size; i-- > 0 && index; index >>= 8)
        address.bytes[i] |= (uint8_t)index;
    *ret = address;
    return 0;
}

Address cidr_last(const Cidr *cidr) {
    Address address = cidr->address;

    for (size_t i = 0; i < address_size(address.family); i++)
        address.bytes[i] |= (uint8_t)~mask_byte(cidr->prefix, i);
    return address;
}
