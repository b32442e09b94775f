/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* libnftables behind a process of its own, since it may exit() (netlink_init_error() in nftables' netlink.c) and its
 * sockets belong to the namespace in which its context was made. */

#include "core/util.h"

#include <sys/types.h>

typedef struct NftWorker {
    pid_t pid; /* 0: none is running */
    int socket;
    pid_t *dismissed; /* may not have ended yet */
    size_t n_dismissed;
} NftWorker;

/* Starts one in the host's namespace, unless there is one; it keeps nothing of the caller's but its end of a socket. */
int nft_worker_start(NftWorker *worker, int host_netns);
/* Runs the commands in that namespace as one transaction. On failure *why may have the reason in nft's words; -EPIPE
 * means that the worker died or hung and has been dismissed. The text must be safe to run twice. */
int nft_worker_run(NftWorker *worker, int netns, const char *text, char **why);
/* Lets it go and does not wait, since the kernel takes its time to close nft's sockets. */
void nft_worker_dismiss(NftWorker *worker);
/* Collects those that have ended, or with wait all that were dismissed. */
void nft_worker_reap(NftWorker *worker, bool wait);
