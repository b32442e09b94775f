/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal.h"

#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define LINE_MAX_BYTES 2048          /* of text, before a byte that is none becomes '?' */
#define ANSWER_MAX_BYTES (1u << 20)

DEFINE_CLEANUP(sd_journal *, sd_journal_close)

/* Two alternatives: what the unit's processes wrote, by a field that no process can set; what PID 1 says of the unit. */
static int match_unit(sd_journal *journal, const char *unit) {
    _cleanup_free_ char *own = NULL, *about = NULL;
    int r;

    if (asprintf(&own, "_SYSTEMD_UNIT=%s", unit) < 0)
        own = NULL;
    if (asprintf(&about, "UNIT=%s", unit) < 0)
        about = NULL;
    if (!own || !about)
        return -ENOMEM;
    r = sd_journal_add_match(journal, own, 0);
    if (r >= 0)
        r = sd_journal_add_disjunction(journal);
    if (r >= 0)
        r = sd_journal_add_match(journal, about, 0);
    if (r >= 0)
        r = sd_journal_add_match(journal, "_PID=1", 0);
    return r;
}

/* Whether a sequence of that length is well formed, as far as D-Bus looks (no overlong form, no surrogate). */
static size_t utf8_length(const unsigned char *p, size_t left) {
    size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3
            : p[0] >= 0xf0 && p[0] < 0xf5                          ? 4
                                                                   : 0;

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) ||
            (p[0] == 0xf4 && p[1] >= 0x90))
        return 0;
    return length;
}

static char *format_entry(uint64_t usec, const char *text, size_t size) {
    time_t seconds = (time_t)(usec / 1000000);
    char *line = malloc(64 + LINE_MAX_BYTES + 8), *end = line;
    struct tm tm;

    if (!line || !gmtime_r(&seconds, &tm)) {
        free(line);
        return NULL;
    }
    end += strftime(end, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    end += snprintf(end, sizeof(".999999Z "), ".%06" PRIu64 "Z ", usec % 1000000);
    for (size_t i = 0; i < size;) {
        size_t length = utf8_length((const unsigned char *)text + i, size - i);

        if (i + length > LINE_MAX_BYTES) {
            end = stpcpy(end, "…");
            break;
        }
        if (length == 0 || text[i] == '\0')
            *end++ = '?';
        else
            end = mempcpy(end, text + i, length);
        i += length ? length : 1;
    }
    *end = '\0';
    return line;
}

static void reverse(char **lines, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        char *line = lines[i];

        lines[i] = lines[n - 1 - i];
        lines[n - 1 - i] = line;
    }
}

int journal_read(const char *unit, uint64_t begin, uint64_t since, unsigned max, char ***ret, size_t *ret_n) {
    _cleanup_(sd_journal_close_pointer) sd_journal *journal = NULL;
    uint64_t start = since > begin ? since : begin;
    size_t n = 0, bytes = 0;
    char **lines = NULL;
    int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);

    if (r < 0)
        return r;
    r = sd_journal_set_data_threshold(journal, LINE_MAX_BYTES + 64);
    if (r >= 0)
        r = match_unit(journal, unit);
    if (r >= 0)
        r = since ? sd_journal_seek_realtime_usec(journal, start) : sd_journal_seek_tail(journal);
    while (r >= 0 && n < max && bytes < ANSWER_MAX_BYTES) {
        const void *data;
        uint64_t usec;
        size_t size;

        r = since ? sd_journal_next(journal) : sd_journal_previous(journal);
        if (r <= 0)
            break;
        r = sd_journal_get_realtime_usec(journal, &usec);
        if (r < 0)
            break;
        if (usec < start) { /* a seek ends near, not at */
            if (since)
                continue;
            break;
        }
        if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0 || size < strlen("MESSAGE="))
            continue;
        r = GROW(lines, n);
        if (r < 0)
            break;
        lines[n] = format_entry(usec, (const char *)data + strlen("MESSAGE="), size - strlen("MESSAGE="));
        if (!lines[n]) {
            r = -ENOMEM;
            break;
        }
        bytes += strlen(lines[n++]);
    }
    if (r < 0) {
        for (size_t i = 0; i < n; i++)
            free(lines[i]);
        free(lines);
        return r;
    }
    if (!since)
        reverse(lines, n);
    *ret = lines;
    *ret_n = n;
    return 0;
}
