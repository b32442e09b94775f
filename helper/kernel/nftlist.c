/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nftlist.h"

#include "core/nftgen.h"

#include <stdio.h>

int nft_run(Kernel *kernel, int netns, const char *commands, char **ret_said) {
    int r = nft_worker_begin(&kernel->nft, kernel->pool.host->fd, netns, commands);
    return r < 0 ? r : nft_worker_finish(&kernel->nft, ret_said);
}

int nft_list_table(Kernel *kernel, int netns, const char *family, char **ret) {
    _cleanup_free_ char *said = NULL;
    char command[64];
    snprintf(command, sizeof(command), "list table %s %s\n", family, NFT_TABLE);
    *ret = NULL;
    int r = nft_run(kernel, netns, command, &said);
    if (r >= 0)
        *ret = TAKE_PTR(said);
    else if (r != -EPIPE && said && strstr(said, strerror(ENOENT)))
        r = 0;
    return r;
}
