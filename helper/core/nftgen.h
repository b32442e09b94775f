/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* nft text from the model. Only names that we made ourselves and numbers get into it. Pure, with golden files. */

#include "core/draft.h"

#define NFT_TABLE "vpcctl"
/* Our tables have it, so that one of the same name is known from them. */
#define NFT_COMMENT "made by vpcd, see vpcctl(1); changes by hand are lost"

/* Every rule of a VPC's router, both tables, replaced in one transaction. NULL without memory. */
char *nftgen_router(const Draft *draft, const Vpc *vpc, bool reverse);

/* From the rules of `from` to those of `to`, as one transaction that costs what differs: elements of sets, and the chains of
 * policies. Holds only while the kernel has what `from` says. "" when nothing differs. reverse: `to` is the draft's old
 * VPC. Whether the host has access is part of the fixed rules, so that needs nftgen_router(). */
char *nftgen_router_change(const Draft *draft, const Vpc *from, const Vpc *to, bool reverse);

/* The host's table with its empty sets; loading it again changes no element. */
char *nftgen_host_base(void);
char *nftgen_host_remove(void);

/* Adds or removes the VPC's uplink in the host's sets, whether or not it is there. */
char *nftgen_host_uplink(const Vpc *vpc, bool remove);
char *nftgen_host_nat(const Vpc *vpc, const char *interface, bool remove);
