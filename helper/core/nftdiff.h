/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Compares two tables as nft lists them. The order of sets and chains, of a set's elements and the width of lines are not
 * part of what a table does; everything else is. Pure. */

#include "core/util.h"

/* *ret: the first difference in words, "chain forward differs", "set bound4 is missing"; NULL when there is none. -ENOMEM. */
int nftdiff(const char *wanted, const char *actual, char **ret);
