/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Files below /proc/sys/net, which show the network namespace that the process is in when it opens them. */

#include "core/util.h"

/* key has slashes, since interface names may have dots: "ipv4/conf/eth0.5/forwarding". */
int sysctl_read(const char *key, char *buffer, size_t size);
/* With expected, only when the value is that one. 0 also when a module or family that may be absent has no such key. */
int sysctl_write(const char *key, const char *value, const char *expected);
/* br_netfilter may not be loaded and IPv6 may be off; then there is nothing to set. */
bool sysctl_may_be_absent(const char *key);
