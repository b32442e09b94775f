/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How much one user may have or ask for at once, so that nobody can use up the service for the others. Root has no limit.
 * The file /etc/vpcctl/vpcd.json can set other numbers (config.c); docs/security.md and vpcctl(1) list them. */

typedef struct Limits {
    unsigned calls_per_user;     /* that have not been answered */
    unsigned prompts_per_user;   /* of those, ones that ask for a password */
    unsigned vpcs_per_user;
    unsigned subnets_per_vpc;
    unsigned peerings_per_vpc;
    unsigned workloads_per_user; /* deployed programs */
    unsigned execs_per_user;     /* programs run by `vpcctl exec` at the same time */
} Limits;

#define LIMITS_DEFAULT                                                                                                 \
    {                                                                                                                  \
        .calls_per_user = 128, .prompts_per_user = 4, .vpcs_per_user = 256, .subnets_per_vpc = 256,                     \
        .peerings_per_vpc = 64, .workloads_per_user = 256, .execs_per_user = 64                                        \
    }
