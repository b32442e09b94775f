/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a caller asked for, decoded and checked for syntax. It holds names, never pointers into the model: those are looked
 * up again when its turn has come. Pure. */

#include "core/model.h"

typedef struct Request {
    /* Who asks, as the bus vouches for. */
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    uint64_t now; /* microseconds since 1970 */

    /* What is asked; which of these are set is the operation's matter. */
    char *vpc, *other_vpc, *subnet, *name, *interface;
    Cidr cidr;        /* of a VPC or subnet; an ApplyFirewall's expectation (family AF_UNSPEC: none) */
    SubnetType type;
    Firewall *firewall;
    uint16_t port;
    bool host_access, all;
    char **argv, **environment; /* NULL-terminated */
    char *directory;            /* the path of the one that the caller has open, or NULL */
    Restart restart;
    bool as_root;               /* rather than as the caller */
    bool login_shell;           /* argv is the caller's shell, which is to behave as after logging in */
    bool terminal;              /* on a new one, instead of stdio */
    uint16_t rows, columns;     /* of that, or 0 */
    int stdio[3], control;      /* of an exec, or -1 */
    unsigned lines;             /* of a log */
    uint64_t since;             /* only what is not older, microseconds since 1970 */
} Request;

Request *request_new(void);
/* Closes the descriptors too. */
Request *request_free(Request *request);
DEFINE_CLEANUP(Request *, request_free)
