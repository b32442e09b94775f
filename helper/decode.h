/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* From a method call's arguments to a request: syntax, ranges and lengths, nothing about what exists. Everything that a
 * caller controls passes here, so every length is capped and nothing is believed. */

#include "core/request.h"
#include "errors.h"

#include <systemd/sd-bus.h>

/* Whose connection it is, as the bus vouches for. */
typedef struct Caller {
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
} Caller;

void caller_clear(Caller *caller);

/* From the bus's answer to GetConnectionCredentials, and the primary group from the user database. Negative errno when any
 * of it cannot be had; then nothing may be done for the caller. */
int decode_credentials(sd_bus_message *reply, Caller *caller);

/* Who asks, and when, into the request. */
int decode_fill(const Caller *caller, Request *request);

/* After that: an exec without a program gets the login shell of the one it runs as. */
int decode_shell(Request *request, Failure *failure);

/* One for each shape of arguments, in the order of dbus/org.vpcctl.Vpcd1.xml. */
int decode_options_only(sd_bus_message *message, Request *request, Failure *failure);
int decode_filter(sd_bus_message *message, Request *request, Failure *failure);
int decode_subnet(sd_bus_message *message, Request *request, Failure *failure);
int decode_log(sd_bus_message *message, Request *request, Failure *failure);
int decode_check_access(sd_bus_message *message, Request *request, Failure *failure);
int decode_create_vpc(sd_bus_message *message, Request *request, Failure *failure);
int decode_delete_vpc(sd_bus_message *message, Request *request, Failure *failure);
int decode_add_subnet(sd_bus_message *message, Request *request, Failure *failure);
int decode_delete_subnet(sd_bus_message *message, Request *request, Failure *failure);
int decode_enable_nat(sd_bus_message *message, Request *request, Failure *failure);
int decode_disable_nat(sd_bus_message *message, Request *request, Failure *failure);
int decode_peering(sd_bus_message *message, Request *request, Failure *failure);
int decode_apply_firewall(sd_bus_message *message, Request *request, Failure *failure);
int decode_deploy_webserver(sd_bus_message *message, Request *request, Failure *failure);
int decode_deploy(sd_bus_message *message, Request *request, Failure *failure);
int decode_workload(sd_bus_message *message, Request *request, Failure *failure);
int decode_workload_log(sd_bus_message *message, Request *request, Failure *failure);
int decode_exec(sd_bus_message *message, Request *request, Failure *failure);
int decode_exec_terminal(sd_bus_message *message, Request *request, Failure *failure);
int decode_purge(sd_bus_message *message, Request *request, Failure *failure);
