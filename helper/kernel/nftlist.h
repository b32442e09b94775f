/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reading rules as nft prints them. Failure: negative errno. */

#include "kernel/private.h"

/* Runs nft commands in the namespace of that descriptor; *ret_said: what they printed, or NULL; on failure, why. */
int nft_run(Kernel *kernel, int netns, const char *commands, char **ret_said);

/* Our table of that family; *ret is NULL when there is none. */
int nft_list_table(Kernel *kernel, int netns, const char *family, char **ret);
