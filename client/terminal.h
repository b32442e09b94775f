/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The person's terminal, connected through to another one that a program runs on. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Terminal Terminal;

/* The size of ours, false when it is not known. */
bool terminal_size(uint16_t *ret_rows, uint16_t *ret_columns);

/* Takes over `other`. From here on ours hands every key through, until terminal_free(). NULL without memory. */
Terminal *terminal_new(int other);
Terminal *terminal_free(Terminal *terminal);

/* What to wait for: its entries, -1 where there is nothing. */
#define TERMINAL_POLL 3
void terminal_prepare(const Terminal *terminal, struct pollfd fds[static TERMINAL_POLL]);

/* Moves what can be moved. False when the person wants to leave: "^]" three times within a second. */
bool terminal_forward(Terminal *terminal, const struct pollfd fds[static TERMINAL_POLL]);

/* The program has ended: what it still wrote. */
void terminal_drain(Terminal *terminal);

/* Ours has another size. */
void terminal_resize(Terminal *terminal);

/* Stops us as a shell's job, and goes on afterwards. */
void terminal_stop(Terminal *terminal);
