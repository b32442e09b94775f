/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Names and numbers that the kernel sees, made from the model's. Pure. Strings are the caller's to free, NULL without
 * memory, unless said otherwise. */

#include "core/model.h"

#define NAME_RULE "a name is a lower-case letter followed by up to 30 of a-z, 0-9 and '-'"
#define NAME_MAX_LENGTH 31

/* VPC, subnet, endpoint and workload names: [a-z][a-z0-9-]{0,30}. */
bool name_is_valid(const char *name);

/* A host interface's name as we accept it: 1 to 15 bytes (IFNAMSIZ) of A-Z a-z 0-9 . _ - : @, first a letter or digit. */
bool interface_name_is_valid(const char *name);

/* What a program may be given, here since both a call and a state file are checked for it. */
#define ARGUMENTS_MAX 1024       /* of a program */
#define ARGUMENT_BYTES_MAX 65536 /* all of them together */
#define ENVIRONMENT_MAX 64

/* An absolute path that systemd takes, and writes into a unit file, as it is: no "..", no control character, UTF-8, and
 * nothing at its end that means something there. */
bool directory_is_valid(const char *path);

/* NAME=value without control characters. */
bool variable_is_valid(const char *assignment);

/* Network namespaces: VPC for the router; VPC-SUBNET for the first endpoint; VPC-SUBNET-ENDPOINT for others. */
char *netns_router(const Vpc *vpc);
char *netns_endpoint(const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint);

/* Link names, at most 15 bytes: from the name where it fits, else from the id. A letter follows the dash in the first
 * form and a digit in the second, so they cannot meet. */
typedef char LinkName[16];
const char *link_uplink_host(const Vpc *vpc, LinkName buffer);            /* vpc-NAME, in the host namespace */
const char *link_bridge(const Vpc *vpc, LinkName buffer);                 /* br-NAME, in the router */
const char *link_port(const Endpoint *endpoint, LinkName buffer);         /* pID, in the router */
const char *link_peer(const char *other, unsigned id, LinkName buffer);   /* peer-OTHER, in the router */
#define LINK_UPLINK "uplink"
#define LINK_ENDPOINT "eth0"

/* The alias (IFLA_IFALIAS) by which our links are known. */
#define LINK_ALIAS "vpcctl"

/* Addresses of our own links, each a /31 (RFC 3021): uplinks in 169.254.64.0/18 (side 0 is the host, 1 the router),
 * peerings in 169.254.1.0 to 169.254.63.255 (side 0 is the lesser name's router). */
Address uplink_address(const Vpc *vpc, unsigned side);
Address peer_address(const Peering *peering, unsigned side);
#define UPLINK_MAX 8192
#define PEERING_MAX 8064

/* Locally administered MAC addresses made from an IPv4 address: 02:76 for what answers to the address, fe:76 for the
 * bridge's port towards it. */
typedef struct Mac {
    uint8_t bytes[6];
} Mac;
#define MAC_TEXT_MAX 18
Mac mac_from_address(const Address *address);
Mac mac_of_port(const Address *address);
const char *mac_format(const Mac *mac, char buffer[static MAC_TEXT_MAX]);

/* systemd names. A VPC's slice holds its subnets' slices, which hold their units, so that stopping one stops all
 * inside. '-' nests slices, so in them a name has '_' in its place. */
#define UNIT_SLICE "vpcctl.slice"
char *unit_slice_vpc(const char *vpc);
char *unit_slice_subnet(const char *vpc, const char *subnet);
char *unit_workload(const char *vpc, const char *subnet, const char *endpoint, const char *workload);
