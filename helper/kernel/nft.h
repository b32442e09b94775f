/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* libnftables behind a process of its own, since it may exit() (netlink_init_error() in nftables' netlink.c) and its
 * sockets belong to the namespace in which its context was made. */

#include "core/util.h"

typedef struct NftWorker NftWorker;

/* The worker, in the host's namespace; it holds nothing of the caller's but its end of a socket. */
int nft_worker_start(int host_netns, NftWorker **ret);
/* Waits for its end. */
NftWorker *nft_worker_stop(NftWorker *worker);
DEFINE_CLEANUP(NftWorker *, nft_worker_stop)

/* Runs the commands in that namespace as one transaction. On failure *why may have the reason in nft's words; -EPIPE means
 * that the worker died or hung and must be stopped. The text must be safe to run twice. */
int nft_worker_run(NftWorker *worker, int netns, const char *text, char **why);
