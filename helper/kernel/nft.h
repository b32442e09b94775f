/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* libnftables behind a process of its own, since it may exit() (netlink_init_error() in nftables' netlink.c) and its
 * sockets belong to the namespace in which its context was made. */

#include "core/util.h"

#include <sys/types.h>

/* It stays from one text to the next, since making one takes longer than most texts do. */
typedef struct NftWorker {
    pid_t pid; /* 0: none is running */
    int socket;
    unsigned n_requests;
    pid_t *dismissed; /* may not have ended yet */
    size_t n_dismissed;
} NftWorker;

/* Starts one in the host's namespace, unless there is one; it keeps nothing of the caller's but its end of a socket. */
int nft_worker_start(NftWorker *worker, int host_netns);
/* Hands over the commands, to be run in that namespace as one transaction, to the worker, or to a new one. */
int nft_worker_begin(NftWorker *worker, int host_netns, int netns, const char *text);
/* Waits for the end of what was begun. *ret_said is what a list command printed, or on failure maybe the reason in nft's
 * words; -EPIPE means that the worker died or hung and has been dismissed. */
int nft_worker_finish(NftWorker *worker, char **ret_said);
/* Has one ready for the next time, and replaces one that has done much. */
void nft_worker_renew(NftWorker *worker, int host_netns);
/* Lets it go and does not wait, since the kernel takes its time to close nft's sockets. */
void nft_worker_dismiss(NftWorker *worker);
/* Collects those that have ended, or with wait all that were dismissed. */
void nft_worker_reap(NftWorker *worker, bool wait);
