/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/finding.h"

#include <stdarg.h>
#include <stdio.h>

static void finding_clear(Finding *finding) {
    free(finding->object);
    free(finding->finding);
    free(finding->why);
    free(finding->mend);
}

void findings_clear(Findings *findings) {
    for (size_t i = 0; i < findings->n; i++)
        finding_clear(&findings->items[i]);
    free(findings->items);
    *findings = (Findings){ .mend = findings->mend };
}

int findings_add(Findings *findings, char *object, char *finding, char *why, char *mend, bool ours) {
    Finding added = { object, finding, why, mend, ours };
    if (!object || !finding || !why || !mend || GROW(findings->items, findings->n) < 0) {
        finding_clear(&added);
        return -ENOMEM;
    }
    findings->items[findings->n++] = added;
    return 0;
}

int findings_add_ours(Findings *findings, char *object, char *finding, const char *why) {
    return findings_add(findings, object, finding, strdup(why), strdup(findings->mend ? findings->mend : "vpcctl repair"),
            true);
}

char *finding_text(const char *format, ...) {
    va_list arguments;
    char *text;
    va_start(arguments, format);
    int r = vasprintf(&text, format, arguments);
    va_end(arguments);
    return r < 0 ? NULL : text;
}
