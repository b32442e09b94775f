/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Who calls, how much each user has under way, and whose turn it is. However many calls one user sends, the next one of
 * another waits for one of them and not for all. Who has sent a call is asked once for each connection, and nothing waits
 * for the answer but that connection's calls. */

#include "core/limits.h"
#include "decode.h"

typedef struct Callers Callers;

/* A call's place among the others, from its arrival to its answer. */
typedef struct Ticket Ticket;

/* Why a ticket is called. */
typedef enum Fate {
    FATE_TURN,      /* it is its turn */
    FATE_UNKNOWN,   /* the bus does not say who its caller is: nothing may be done for it */
    FATE_TOO_MANY,  /* its user has as many under way as one may have */
    FATE_GONE,      /* its caller has left the bus; nobody waits for an answer */
} Fate;

/* Called once for each ticket; maybe before callers_queue() returns, if it is not FATE_TURN, with which alone comes the
 * caller. The ticket is freed by whoever has it, at the latest when the call has its answer. */
typedef void (*TicketCalled)(void *data, Fate fate, const Caller *caller);

/* `gone` is told of every connection that leaves the bus, by its unique name. Bus and limits are borrowed. */
int callers_new(sd_bus *bus, const Limits *limits, void (*gone)(void *data, const char *name), void *data, Callers **ret);
/* When no ticket is left. */
Callers *callers_free(Callers *callers);
DEFINE_CLEANUP(Callers *, callers_free)

/* Queues a call. *ret is set before `called` can be called. */
int callers_queue(Callers *callers, sd_bus_message *message, TicketCalled called, void *data, Ticket **ret);

Ticket *ticket_free(Ticket *ticket);
