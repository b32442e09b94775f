/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Addresses and CIDR blocks of both families (RFC 4632, RFC 4291), compared as numbers, never as text. */

#include "core/util.h"

#include <sys/socket.h>

typedef struct Address {
    int family;        /* AF_INET or AF_INET6; AF_UNSPEC (0) means none */
    uint8_t bytes[16]; /* network order; the first 4 for AF_INET */
} Address;

typedef struct Cidr {
    Address address; /* host bits are zero */
    unsigned prefix; /* 0 to 32 or 128 */
} Cidr;

/* Room for any address or CIDR as text, final zero included. */
#define ADDRESS_TEXT_MAX 46
#define CIDR_TEXT_MAX 50

/* 4 or 16, the bytes of an address of that family. */
size_t address_size(int family);

/* -EINVAL unless the whole text is one dotted-quad or IPv6 address (inet_pton(3)). */
int address_parse(const char *text, Address *ret);

/* Writes the address and returns the buffer. */
const char *address_format(const Address *address, char buffer[static ADDRESS_TEXT_MAX]);

bool address_equal(const Address *a, const Address *b);

/* -EINVAL: not ADDRESS/PREFIX; -ERANGE: host bits are set, and then *ret holds the block with them cleared. */
int cidr_parse(const char *text, Cidr *ret);
const char *cidr_format(const Cidr *cidr, char buffer[static CIDR_TEXT_MAX]);

bool cidr_equal(const Cidr *a, const Cidr *b);
bool cidr_has_address(const Cidr *cidr, const Address *address);
/* Whether every address of inner is in outer. */
bool cidr_contains(const Cidr *outer, const Cidr *inner);
bool cidr_overlaps(const Cidr *a, const Cidr *b);

/* The address that many after the block's base; -ERANGE beyond its last. */
int cidr_nth(const Cidr *cidr, uint64_t index, Address *ret);
/* The block's last address (the broadcast address of an IPv4 network). */
Address cidr_last(const Cidr *cidr);
