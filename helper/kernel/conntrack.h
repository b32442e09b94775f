/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Tracked connections (nf_conntrack_netlink), so that taking a permission away also ends what it had let in. */

#include "core/model.h"

/* Ends those connections of the process's namespace that the rules of the VPC no longer allow. */
int conntrack_cut(const Vpc *vpc, char **why);
