/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a unit wrote, and what the service manager said of it, from the system's journal. */

#include <stddef.h>
#include <stdint.h>

/* Lines "2026-11-25T12:00:00.123456Z TEXT", oldest first. begin: the unit's time begins here (microseconds since 1970);
 * what is older is not told. since: 0 for the newest `max` lines, else the oldest `max` that are not older than that. Long
 * lines are cut, and there are fewer of them than `max` when they are many bytes together. The caller frees. */
int journal_read(const char *unit, uint64_t begin, uint64_t since, unsigned max, char ***ret, size_t *ret_n);
