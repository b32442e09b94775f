/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* May this caller do this? polkit answers, asynchronously; everything but a clear yes is a no. */

#include "core/limits.h"
#include "errors.h"

#include <systemd/sd-bus.h>

/* What an operation needs; each is a polkit action "org.vpcctl.vpcd1." + its name. Several may be needed at once. */
typedef enum Permission {
    PERMISSION_CREATE = 1 << 0,      /* create */
    PERMISSION_MANAGE_OWN = 1 << 1,  /* manage-own */
    PERMISSION_MANAGE = 1 << 2,      /* manage */
    PERMISSION_EXPOSE = 1 << 3,      /* expose */
    PERMISSION_RUN = 1 << 4,         /* run */
    PERMISSION_RUN_AS_ROOT = 1 << 5, /* run-as-root */
    PERMISSION_PURGE = 1 << 6,       /* purge */
} Permission;

typedef struct Authz Authz;

/* Bus and limits are borrowed and must outlive it. */
int authz_new(sd_bus *bus, const Limits *limits, Authz **ret);
/* Cancels what is pending; its callbacks are not called. */
Authz *authz_free(Authz *authz);
DEFINE_CLEANUP(Authz *, authz_free)

/* A pair for polkit's details, which its rules and prompts can use. */
typedef struct AuthzDetail {
    const char *key;
    const char *value;
} AuthzDetail;

/* Called exactly once, later, never from within authz_check(). verdict: ERROR_NONE means yes; ERROR_ACCESS_DENIED,
 * ERROR_AUTH_TIMEOUT (VPCD_AUTH_TIMEOUT_SEC passed), ERROR_LIMIT (too many prompts); message: why not, for the caller, or NULL. */
typedef void (*AuthzDone)(void *data, ErrorCode verdict, const char *message);

/* Asks for every permission of the mask, one after the other, for the sender of `call` as "system-bus-name", with
 * interaction only if the message allows it and `quiet` is not set. uid: the sender's, as the bus vouches for it
 * (callers.h); root passes without being asked. Details are copied. Failure to ask: negative errno, and `done` is not called. */
int authz_check(Authz *authz, sd_bus_message *call, uid_t uid, unsigned permissions, bool quiet,
        const AuthzDetail *details, size_t n_details, AuthzDone done, void *data);

/* This connection has left the bus: what is asked for it is cancelled, and denied. */
void authz_gone(Authz *authz, const char *name);

/* The polkit action of one permission, "org.vpcctl.vpcd1.create". */
const char *authz_action(Permission permission);

/* How many checks are under way. */
unsigned authz_pending(const Authz *authz);
