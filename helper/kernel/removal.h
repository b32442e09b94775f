/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Taking links away. RTM_DELLINK is answered only after an rcu_barrier() (netdev_run_todo() in the kernel): 15 to 25 ms,
 * though the link and its name are gone after a third of one. So a thread waits for the answer, and nobody else does. */

#include "kernel/netlink.h"

typedef struct Removal Removal;

typedef struct Removals {
    Removal *running;
} Removals;

/* The link of that name and index is gone when this returns, and the name is free. `route` is a socket in the process's
 * namespace of the moment. On failure *why may have the kernel's words. */
int removals_take_link(Removals *removals, Netlink *route, const char *name, int index, char **why);
/* Frees what has ended, or with wait waits for all. */
void removals_reap(Removals *removals, bool wait);
