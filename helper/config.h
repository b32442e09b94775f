/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The administrator's file: {"limits": {"vpcs-per-user": 16, ...}}. */

#include "core/limits.h"

#define CONFIG_PATH "/etc/vpcctl/vpcd.json"

/* Reads the file over the defaults. What is not understood is reported to the journal and left at its default, so that a
 * slip of the pen does not take the service away; no file is no news. */
void config_load(const char *path, Limits *limits);
