/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The firewall policy file of vpcctl(1): JSON in, a model's Firewall out, and back. Pure. */

#include "core/model.h"
#include "errors.h"

#include <json.h>

#define POLICY_SIZE_MAX ((size_t)1 << 20)

typedef struct Policy {
    bool has_subnet;
    Cidr subnet; /* which the file is meant for */
    Firewall *firewall;
} Policy;

/* Reads a whole file's text, which need not end in a zero byte. -EINVAL with the reason in failure, -ENOMEM. */
int policy_parse(const char *text, size_t length, Policy *ret, Failure *failure);

void policy_clear(Policy *policy);
#define _cleanup_policy_ _cleanup_(policy_clear)

/* A policy object that policy_parse() reads as a firewall of the same meaning. NULL without memory. */
json_object *policy_format(const Firewall *firewall, const Cidr *subnet);
