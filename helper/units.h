/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Workloads, run by PID 1 as transient units in an endpoint's namespace, as the user who asked: they need no privilege of
 * ours and outlive us. */

#include "core/limits.h"
#include "core/model.h"
#include "errors.h"

#include <systemd/sd-bus.h>

typedef struct Units Units;

/* Bus, event loop and limits are borrowed. Takes up the control sockets that the service manager kept for us (fd store) from a
 * run of vpcd that was killed. */
int units_new(sd_bus *bus, sd_event *event, const Limits *limits, Units **ret);
Units *units_free(Units *units);
DEFINE_CLEANUP(Units *, units_free)

/* Called exactly once, later. code ERROR_NONE: done. message: what went wrong, for the caller, or NULL. */
typedef void (*UnitsDone)(void *data, ErrorCode code, const char *message);

/* Stops each unit or slice and waits until all are gone; one that is not there is fine. */
int units_stop(Units *units, char *const *names, size_t n_names, UnitsDone done, void *data);

/* Starts a workload and waits until it runs, a web server until it serves (or failed). again: some time
 * after it was asked for, so that user and groups are looked up anew. */
int units_start_workload(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload, bool again, UnitsDone done, void *data);

/* Who runs something: from the credentials that the bus vouches for. */
typedef struct RunAs {
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t n_groups;
} RunAs;

/* A program to run for a client. Everything is borrowed, but for the control socket. */
typedef struct UnitsExec {
    RunAs as;     /* who asks, and who it runs as unless `as_root` is set */
    bool as_root; /* uid 0, which sees little of the machine and can change only the endpoint's network */
    char *const *argv;
    bool login_shell;         /* argv is a shell that is to behave as after logging in */
    char *const *environment; /* NAME=value, checked already; may be NULL */
    const char *directory;    /* where it starts; NULL: at home */
    const int *stdio;         /* three descriptors, unless `terminal` is set */
    bool terminal;            /* on a terminal of its own */
    uint16_t rows, columns;   /* of that, or 0 */
    int control; /* SOCK_SEQPACKET, taken over on success; one byte from the peer is a signal's number for the program, its
                  * closing ends the program, and the result goes back over it as two int32 (CLD_*, status) */
} UnitsExec;

/* Starts a program in the endpoint's namespace. *ret_unit: the unit's name. *ret_terminal: the other side of its terminal,
 * for whoever reads and types there, or -1. The callback comes when the program has been started (or could not be). */
int units_exec(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const UnitsExec *exec,
        UnitsDone done, void *data, char **ret_unit, int *ret_terminal);

/* Jobs and execs under way: while there are any, vpcd stays. */
unsigned units_busy(const Units *units);
