/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* VPCs, subnets, endpoints, peerings and workloads as objects on the bus, read-only, with their properties in one table
 * that the lists of the manager use too. */

#include "core/draft.h"

#include <systemd/sd-bus.h>

/* One thing of the model, with what it is in. */
typedef struct Object {
    const Model *model;
    const Vpc *vpc;
    const Subnet *subnet;
    const Endpoint *endpoint;
    const Workload *workload;
    const Peering *peering;
} Object;

typedef enum ObjectKind {
    OBJECT_VPC,
    OBJECT_SUBNET,
    OBJECT_ENDPOINT,
    OBJECT_PEERING,
    OBJECT_WORKLOAD,
    _OBJECT_KIND_MAX,
} ObjectKind;

typedef struct Objects Objects;

/* Registers the objects of the model, which is borrowed and read at each question. */
int objects_new(sd_bus *bus, const Model *model, Objects **ret);
Objects *objects_free(Objects *objects);
DEFINE_CLEANUP(Objects *, objects_free)

/* Appends the object's properties as "a{sv}". */
int objects_append(sd_bus_message *message, ObjectKind kind, const Object *object);

/* The signals of a change, in two halves: InterfacesRemoved while the model still has what goes, then (after the draft has
 * been committed) InterfacesAdded and PropertiesChanged. The first half remembers what the second has to say. */
int objects_before_commit(Objects *objects, const Draft *draft);
void objects_after_commit(Objects *objects);
