/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What is not as it should be, in words for a person. */

#include "core/util.h"

typedef struct Finding {
    char *object;  /* "link p1 in namespace vpc1" */
    char *finding; /* "is missing" */
    char *why;     /* why it matters */
    char *mend;    /* the command that mends it */
    bool ours;     /* vpcd made it, and 'vpcctl repair' mends it */
} Finding;

typedef struct Findings {
    Finding *items;
    size_t n;
    const char *mend; /* of those that are ours */
} Findings;

void findings_clear(Findings *findings);
#define _cleanup_findings_ _cleanup_(findings_clear)

/* Takes all four strings, also on failure; -ENOMEM when one of them is NULL. */
int findings_add(Findings *findings, char *object, char *finding, char *why, char *mend, bool ours);

/* What vpcd made: `mend` is that of the findings. Takes object and finding. */
int findings_add_ours(Findings *findings, char *object, char *finding, const char *why);

/* strdup() for printf(3). NULL without memory. */
char *finding_text(const char *format, ...) _printf_(1, 2);
