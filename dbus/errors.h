/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Every error that crosses the bus: one table for helper (name on the wire) and client (exit status, hint). */

#include "core/util.h"

typedef enum ErrorCode {
    ERROR_NONE,
    ERROR_FAILED,            /* something broke that is nobody's fault */
    ERROR_INVALID,           /* an argument breaks a rule; the message quotes the rule */
    ERROR_NO_SUCH_VPC,
    ERROR_NO_SUCH_SUBNET,
    ERROR_NO_SUCH_ENDPOINT,
    ERROR_NO_SUCH_PEERING,
    ERROR_NO_SUCH_WORKLOAD,
    ERROR_NO_SUCH_INTERFACE, /* a bad argument, since interfaces are not ours */
    ERROR_EXISTS,
    ERROR_IN_USE,
    ERROR_OVERLAP,
    ERROR_CONFLICT,          /* meets something foreign: a namespace, a link, a file */
    ERROR_CHANGED,           /* the object changed while a person was asked */
    ERROR_LIMIT,
    ERROR_ACCESS_DENIED,
    ERROR_AUTH_TIMEOUT,
    ERROR_KERNEL,            /* the kernel refused a step; everything was put back */
    ERROR_STORAGE,           /* state could not be written; everything was put back */
    _ERROR_MAX,
} ErrorCode;

typedef struct ErrorInfo {
    const char *name; /* on the bus */
    int number;       /* positive errno that functions return negated */
    int exit_status;  /* of vpcctl */
    const char *hint; /* one line for a person, or NULL */
} ErrorInfo;

/* Exit statuses of vpcctl, as documented in vpcctl(1). */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_SUCH = 3,
    EXIT_NOT_AUTHORIZED = 4,
    EXIT_CONFLICT = 5,
    EXIT_UNREACHABLE = 6,
    EXIT_TIMED_OUT = 7,
};

/* Never NULL for a code of the enum. */
const ErrorInfo *error_info(ErrorCode code);

/* ERROR_FAILED for a name that the table does not have. */
ErrorCode error_from_name(const char *name);

/* A refusal with its reason, filled by whoever refuses and carried up to the reply. */
typedef struct Failure {
    ErrorCode code;
    char *message; /* owned; names the thing, the rule and the way out */
} Failure;

/* Sets the refusal unless one is set already (the first cause wins) and returns the code's negative errno.
 * A NULL failure is allowed and only gives the errno. */
int failure_set(Failure *failure, ErrorCode code, const char *format, ...) _printf_(3, 4);

void failure_clear(Failure *failure);

#define _cleanup_failure_ _cleanup_(failure_clear)
