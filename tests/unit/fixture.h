/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the unit tests share: requests written in one line, changes carried out or refused, models to begin with, and golden
 * files. */

#include "core/change.h"
#include "core/plan.h"
#include "core/validate.h"

#include <glib.h>

/* REQUEST() sets what its caller may set again. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define ALICE 1000
#define BOB 1001
#define NOW 1700000000000000u

/* A request of alice's; only its own members are given: REQUEST(.name = "a", .cidr = cidr("10.0.0.0/16")). */
#define REQUEST(...)                                                                                                   \
    (&(Request){ .uid = ALICE, .gid = ALICE, .now = NOW, .control = -1, .stdio = { -1, -1, -1 },           \
            .host_access = true, __VA_ARGS__ })

/* A host on which everything is as one would wish. */
#define FACTS(...) (&(Facts){ .interface = 1, __VA_ARGS__ })

/* Texts that are known to be right. */
Cidr cidr(const char *text);
Address address(const char *text);

/* Rules, as Rule values for FIREWALL(): RULE(INGRESS, TCP, 80, 80, "10.0.0.0/8", ALLOW). */
Rule rule(Direction direction, Protocol protocol, unsigned first, unsigned last, const char *peer, Action action);
#define RULE(direction, protocol, first, last, peer, action)                                                           \
    rule(DIRECTION_##direction, PROTOCOL_##protocol, (first), (last), (peer), ACTION_##action)
/* A policy on the stack: FIREWALL(DENY, ALLOW, RULE(…), …). */
#define FIREWALL(ingress, egress, ...)                                                                                 \
    (&(Firewall){ .defaults = { ACTION_##ingress, ACTION_##egress }, .rules = (Rule[]){ __VA_ARGS__ },                 \
            .n_rules = sizeof((Rule[]){ __VA_ARGS__ }) / sizeof(Rule) })

Model *model_new(void);

/* Drafts the change and validates it, without committing; the result, and what refused it. */
int try_change(Model *model, Change change, const Request *request, const Facts *facts, Draft *ret, Failure *failure);

/* The change goes through and is in the model. */
void accept_change(Model *model, Change change, const Request *request);
void accept_change_on(Model *model, Change change, const Request *request, const Facts *facts);

/* The change is refused with exactly this, and the model is what it was. */
void refuse_change(Model *model, Change change, const Request *request, ErrorCode code, const char *message);
void refuse_change_on(Model *model, Change change, const Request *request, const Facts *facts, ErrorCode code,
        const char *message);

/* Short forms of those that most tests begin with. */
void add_vpc(Model *model, const char *name, const char *block);
void add_subnet(Model *model, const char *vpc, const char *name, const char *block, SubnetType type);

/* Two VPCs of alice and one of bob, with subnets of both types, NAT, peerings (that of vpc1 and engineering-platform only
 * asked for), policies and workloads. */
Model *model_rich(void);

/* Equality of everything that is kept, field by field. Both may be NULL. */
bool vpc_equal(const Vpc *a, const Vpc *b);
bool peering_equal(const Peering *a, const Peering *b);
bool host_interface_equal(const HostInterface *a, const HostInterface *b);
bool model_equal(const Model *a, const Model *b);
Model *model_copy(const Model *model);

/* Compares with tests/unit/golden/NAME.txt. With UPDATE_GOLDEN=1 in the environment the file is written instead:
 *     UPDATE_GOLDEN=1 meson test -C build --suite unit
 * and "git diff tests/unit/golden" is what is to be judged then. */
void assert_golden(const char *name, const char *text);
