/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What has to be done in the kernel and to units so that the world follows a change: an ordered list of steps, made from
 * the old and the new intent alone. The same function gives the way back: plan(new, old). Pure. */

#include "core/draft.h"
#include "core/ident.h"

typedef enum StepKind {
    STEP_NETNS,   /* namespace `netns` and its file under /run/netns */
    STEP_BRIDGE,  /* bridge `link` with `mac` in `netns`, up */
    STEP_VETH,    /* `link`/`mac` in `netns` and `peer_link`/`peer_mac` in `peer_netns`, both up, one request */
    STEP_PORT,    /* `link` becomes an isolated port of bridge `peer_link` */
    STEP_LINK_UP, /* `link` in `netns` */
    STEP_ADDRESS, /* `cidr` with `address` on `link` in `netns` */
    STEP_ROUTE,   /* `cidr` via `gateway` (or on-link when it has no family) dev `link` in `netns` */
    STEP_SYSCTL,  /* /proc/sys/net/`key` = `text` in `netns` */
    STEP_RULES,   /* nft commands `text` in `netns`, one transaction */
    STEP_CUT,     /* end the tracked connections in `netns` that the rules of `vpc` no longer allow */
    _STEP_MAX,
} StepKind;

const char *step_kind_name(StepKind kind);

typedef struct Step {
    StepKind kind;
    bool remove;  /* take it away instead (NETNS, BRIDGE, VETH, PORT, ADDRESS, ROUTE) */
    bool host_sysctl_guard; /* SYSCTL: leave it alone unless it still has the value `expected` */
    char *netns;  /* NULL: the host's */
    char *peer_netns;
    LinkName link, peer_link;
    Mac mac, peer_mac;
    Cidr cidr;       /* ADDRESS, ROUTE */
    Address address; /* ADDRESS */
    Address gateway; /* ROUTE */
    char *key;
    char *text;
    char *expected;
    const Vpc *vpc; /* CUT: borrowed from the draft */
} Step;

typedef struct Plan {
    Step *steps;
    size_t n_steps;
    char **stop_units; /* before the steps; slices or units, each may be absent */
    size_t n_stop_units;
} Plan;

void plan_clear(Plan *plan);
#define _cleanup_plan_ _cleanup_(plan_clear)

/* From draft's old objects to its new ones (or the way back with reverse). -ENOMEM only. Forward, the rules are changed from
 * what the old objects say; on the way back they are replaced whole, since nobody knows how far the way there went. */
int plan_make(const Draft *draft, bool reverse, Plan *ret);
/* The same with whole rules in both directions: for a start after a kill. */
int plan_make_converging(const Draft *draft, bool reverse, Plan *ret);

/* One step a line, for goldens, --dry-run and logs. */
char *plan_format(const Plan *plan);
