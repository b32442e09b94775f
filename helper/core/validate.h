/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Whether what a draft makes is sound, whoever made it: ranges, overlaps, taken names, limits. Looks at the touched objects
 * and at what they meet. Pure. */

#include "core/draft.h"
#include "errors.h"

/* Kernel limits and ours; each refusal names the one it met. */
#define VPC_PREFIX_MIN 8
#define VPC_PREFIX_MAX 28
#define SUBNET_PREFIX_MAX 30
#define PORTS_MAX 1023 /* BR_MAX_PORTS in net/bridge/br_private.h, less port 0 */
#define RULES_MAX 1000 /* in one policy */

int validate(const Draft *draft, Failure *failure);

/* The rules for a block by itself, before anything is looked up. `what` names it in the message. */
int validate_vpc_cidr(const Cidr *cidr, Failure *failure);
int validate_subnet_cidr(const Cidr *cidr, Failure *failure);
