/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What stands behind kernel.h's Kernel, for the files of this directory only. */

#include "kernel/kernel.h"
#include "kernel/netns.h"
#include "kernel/nft.h"
#include "kernel/removal.h"

struct Kernel {
    NetnsPool pool;
    Removals removals;
    NftWorker nft;
    const Step *rules; /* that the worker is loading, while steps that do not depend on them are done */
};

/* What the step is about, in words: "link vpc-a in the host's namespace". NULL without memory. */
char *step_describe(const Step *step);
