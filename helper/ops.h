/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One row for each method of the manager: how it looks on the bus, how it is decoded, what the caller needs for it, and
 * what it does. The bus object is made from these rows, so there is no method without one. */

#include "audit.h"
#include "authz.h"
#include "core/change.h"

#include <systemd/sd-bus.h>

typedef struct Op Op;

/* What has to be observed on the host before the change can be made. */
typedef enum OpFacts {
    OP_FACTS_NONE,
    OP_FACTS_INTERFACE,  /* of request->interface */
    OP_FACTS_HOST_ROUTE, /* of request->cidr */
} OpFacts;

/* What happens besides the change of the intent. */
typedef enum OpKind {
    OP_READ,   /* nothing changes; answered by `read`, at once unless `permissions` says that something is needed */
    OP_CHANGE, /* `change`, kernel, state */
    OP_DEPLOY, /* the same, and the workload it adds is started before it counts */
    OP_EXEC,   /* only a program is started */
    OP_RESTART, /* a workload is stopped and started, the intent stays */
    OP_REPAIR, /* the kernel is brought in line, the intent stays */
    OP_CHECK,  /* only authorization is asked about, of the operation that the request names */
} OpKind;

/* What a reading operation may look at. */
typedef struct OpContext {
    const Model *model;
    Audit *audit;
    struct Engine *engine;
} OpContext;

struct Op {
    sd_bus_vtable entry; /* SD_BUS_METHOD_WITH_ARGS(), handled by the bus's dispatcher */
    OpKind kind;
    const char *verb; /* for polkit, log and messages: "vpc-create" */
    int (*decode)(sd_bus_message *message, Request *request, Failure *failure);

    /* Reading. */
    int (*read)(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure);

    /* Changing. */
    unsigned (*permissions)(const Model *model, const Request *request); /* a mask of Permission, 0 only when reading */
    Change change;
    OpFacts facts;
    const char *object_kind, *object_verb; /* of the Changed signal */
};

/* The row of a member of the manager interface, NULL when there is none: then the call is refused. */
const Op *op_find(const char *member);

/* The row of a verb, "nat-enable"; NULL when there is none. */
const Op *op_find_verb(const char *verb);

/* All rows, to make the bus object from. */
const Op *op_all(size_t *ret_count);

/* The names that the operation is about, joined by "/": "vpc1/public". The caller frees; NULL without memory. */
char *op_object(const Op *op, const Request *request);
