/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The way of every change, here and nowhere else:
 *
 *   change a copy -> validate -> plan -> stop units -> apply -> start units -> persist -> commit -> tell
 *
 * One change at a time, those of one user in the order of their arrival, and the users in turn. Whatever fails, the plan of the way back is applied and the model stays
 * as it was. The same way back serves a start after a kill: the journal says what was under way. */

#include "kernel/kernel.h"
#include "ops.h"
#include "store.h"
#include "units.h"

typedef struct Engine Engine;

/* Loads the state and brings the kernel in line: finishes or undoes what a killed vpcd left, and after a boot rebuilds
 * everything. The parts are borrowed. */
int engine_new(
        sd_event *event, Kernel *kernel, Units *units, Store *store, const Limits *limits, Engine **ret);
Engine *engine_free(Engine *engine);
DEFINE_CLEANUP(Engine *, engine_free)

/* What is, for reading. It changes only between two events. */
const Model *engine_model(const Engine *engine);

/* Called around each commit: what listens to changes tells them. */
typedef struct EngineListener {
    void (*before_commit)(void *data, const Draft *draft);
    void (*after_commit)(void *data);
    void *data;
} EngineListener;
void engine_listen(Engine *engine, EngineListener listener);

/* The result of a request. generation: of the change (of the last one for a restart), or 0. unit: of an exec, or
 * NULL. terminal: the other side of the one that the exec was given, borrowed, or -1. */
typedef struct EngineResult {
    ErrorCode code;
    const char *message;
    uint64_t generation;
    const char *unit;
    unsigned repaired; /* things, by a repair */
    int terminal;
} EngineResult;

typedef void (*EngineDone)(void *data, const EngineResult *result);

/* Whether what was authorized may still be done, asked when its turn has come: what was before it in the queue may have
 * changed whose it is. */
typedef int (*EngineAllowed)(void *data, const Request *request, Failure *failure);

/* Queues an authorized request, which is taken over on success; `done` is called exactly once, maybe before this returns. */
int engine_submit(
        Engine *engine, const Op *op, Request *request, EngineAllowed allowed, EngineDone done, void *data);

/* What is not as it should be, with the VPC of that name, or without one with those of the user, and for root all. */
int engine_check(Engine *engine, const char *vpc, uid_t uid, Findings *findings, Failure *failure);

/* How many requests are not done. */
unsigned engine_pending(const Engine *engine);
