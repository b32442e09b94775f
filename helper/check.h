/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Whether the kernel is as the model says, and what the host does to it; and mending what is ours. */

#include "core/whole.h"
#include "kernel/kernel.h"

/* Of the VPCs in the scope; one that is named has to be there. */
int check(Kernel *kernel, const Model *model, const Scope *scope, Findings *findings, Failure *failure);

/* *ret_mended: how many things were not as they should be. *ret_new, strings_free(): the namespaces that were missing;
 * programs that were in them are in nowhere. ERROR_KERNEL when something could not be mended. */
int check_repair(Kernel *kernel, const Model *model, const Scope *scope, unsigned *ret_mended, char ***ret_new,
        Failure *failure);

/* Takes away what is ours in the kernel and belongs to no VPC of the model: state was lost. */
int check_clear(Kernel *kernel, const Model *model, Failure *failure);
