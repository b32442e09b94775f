/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* vpcd on the bus: the manager object, its calls on their way through authorization to the engine, replies and signals. */

#include "engine.h"

typedef struct Bus Bus;

/* Registers the objects (not the name). Everything is borrowed. */
int bus_new(sd_bus *connection, Engine *engine, Authz *authz, Audit *audit, const Limits *limits, Bus **ret);
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free)

/* The handler of every method of the manager: looks up the row of ops.c by the call's member. */
int bus_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* How many calls wait for an answer. */
unsigned bus_pending(const Bus *bus);
