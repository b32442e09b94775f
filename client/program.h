/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a program to be run elsewhere takes along from here: its words, where it starts, and a little of the environment. */

#include "client.h"

/* The directory of --directory, or else the one we are in, as a descriptor: no path crosses the bus. A status. */
int program_directory(Context *context, int *ret);

/* Appends the context's command as "as"; without one an empty array. A status. */
int program_append(Context *context, sd_bus_message *call);

/* Opens "a{sv}" and appends what says how to talk to the person at the terminal, and the directory unless it is -1. The
 * array stays open. A negative errno on failure. */
int program_open_options(sd_bus_message *call, int directory);
