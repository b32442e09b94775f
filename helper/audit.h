/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Who did what, and who was refused: to the system journal with fields, and as a line to a log of our own that `vpcctl
 * log` shows. A line is NAME=VALUE words, values with spaces or quotes in double quotes (logfmt). */

#include "errors.h"

#include <sys/types.h>

typedef struct Audit Audit;

/* The log is DIRECTORY/vpcctl.log, and vpcctl.log.1 once it has grown over 8 MiB. */
int audit_open(const char *directory, Audit **ret);
Audit *audit_free(Audit *audit);
DEFINE_CLEANUP(Audit *, audit_free)

typedef struct AuditEntry {
    uid_t uid;           /* who asked */
    uid_t owner;         /* of the VPC, (uid_t)-1 when there is none */
    const char *verb;    /* "vpc-create" */
    const char *object;  /* "vpc1/public" */
    ErrorCode result;    /* ERROR_NONE: done */
    const char *message; /* why not, or NULL */
    uint64_t generation; /* of a change that was made, else 0 */
} AuditEntry;

/* The line in our log, before the caller is answered, and the entry in the journal, which takes longer, after. Neither fails
 * the caller: what cannot be written is reported to the journal. */
void audit_write(Audit *audit, const AuditEntry *entry);
void audit_tell(const AuditEntry *entry);

/* The newest lines that concern a user (who asked, or owns the VPC); all for root. Oldest first; at most `max`. The caller
 * frees each and the array. */
int audit_read(Audit *audit, uid_t uid, size_t max, char ***ret_lines, size_t *ret_count);
