/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Named network namespaces as ip-netns(8) keeps them: a file under /run/netns with the namespace bound over it. The
 * pool knows which namespace the process is in, so that consecutive steps in one do not switch. Single threaded. */

#include "kernel/netlink.h"

#define NETNS_DIRECTORY "/run/netns"

typedef struct Netns {
    char *name; /* NULL: the host's */
    int fd;
    Netlink *route; /* opened at first use; a socket stays in the namespace it was opened in */
    uint64_t used;  /* when, by the pool's clock */
} Netns;

typedef struct NetnsPool {
    Netns *host;
    Netns **open; /* every other one that is open */
    size_t n_open;
    const Netns *current; /* where the process is; NULL: in none of them */
    uint64_t clock;
} NetnsPool;

/* The process must be in the host's namespace. Failure: negative errno. */
int netns_pool_init(NetnsPool *pool);
void netns_pool_clear(NetnsPool *pool);

/* Whether there is a file of that name, even if it is no namespace. Negative errno for a name that can be none. */
int netns_in_the_way(const char *name);

/* The namespace of that name, NULL for the host's; stays the pool's, and valid while no more than two others are asked
 * for. -ENOENT when there is none, also when the file is something else. */
int netns_get(NetnsPool *pool, const char *name, Netns **ret);

/* setns(2), unless the process is there already. */
int netns_enter(NetnsPool *pool, const Netns *netns);

/* Back to the host's namespace. Cannot fail: a privileged process that is lost in a user's namespace ends itself. */
void netns_leave(NetnsPool *pool);

/* A routing socket in that namespace; stays the pool's. */
int netns_route(NetnsPool *pool, Netns *netns, Netlink **ret);

/* Makes the namespace and its file and stays in it. -EEXIST when the file is there; with replace, a plain file that a
 * crash left behind does not count. */
int netns_create(NetnsPool *pool, const char *name, bool replace);

/* A namespace without a name that lasts while the descriptor is open. */
int netns_scratch(NetnsPool *pool, int *ret);

/* Takes the file away and with it, when nothing is in it any more, the namespace. -ENOENT when there is none; with
 * stray, a plain file that a crash left behind goes too. */
int netns_remove(NetnsPool *pool, const char *name, bool stray);

/* Back to the host's namespace, and closes all but that one. */
void netns_forget(NetnsPool *pool);
