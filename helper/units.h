/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Workloads, run by PID 1 as transient units in an endpoint's namespace, as the user who asked: they need no privilege of
 * ours and outlive us. */

#include "core/model.h"
#include "errors.h"

#include <systemd/sd-bus.h>

typedef struct Units Units;

/* Bus and event loop are borrowed. Takes up the control sockets that the service manager kept for us (fd store) from a
 * run of vpcd that was killed. */
int units_new(sd_bus *bus, sd_event *event, Units **ret);
Units *units_free(Units *units);
DEFINE_CLEANUP(Units *, units_free)

/* Called exactly once, later. code ERROR_NONE: done. message: what went wrong, for the caller, or NULL. */
typedef void (*UnitsDone)(void *data, ErrorCode code, const char *message);

/* Stops each unit or slice and waits until all are gone; one that is not there is fine. */
int units_stop(Units *units, char *const *names, size_t n_names, UnitsDone done, void *data);

/* Starts a workload and waits until it serves (or failed). root_fd: an open directory for it to serve, borrowed, or -1
 * for the page that names VPC, subnet and address. */
int units_start_workload(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint,
        const Workload *workload, int root_fd, UnitsDone done, void *data);

/* Who runs something: from the credentials that the bus vouches for. */
typedef struct RunAs {
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t n_groups;
} RunAs;

/* Starts argv in the endpoint's namespace. stdio: three descriptors, borrowed. control: SOCK_SEQPACKET, taken over on
 * success; one byte from the peer is a signal's number for the program, its closing ends the program, and the result goes
 * back over it as two int32 (CLD_*, status). environment: NAME=value, checked already. *ret_unit: the unit's name. The
 * callback comes when the program has been started (or could not be). */
int units_exec(Units *units, const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const RunAs *as,
        char *const *argv, char *const *environment, const int stdio[static 3], int control, UnitsDone done, void *data,
        char **ret_unit);

/* Jobs and execs under way: while there are any, vpcd stays. */
unsigned units_busy(const Units *units);
