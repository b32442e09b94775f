/* SPDX-License-Identifier: GPL-2.0-or-later */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define LOG_NAME "vpcctl.log"
#define LOG_OLD LOG_NAME ".1"
#define LOG_BYTES_MAX ((off_t)8 << 20)
#define LOG_READ_MAX ((off_t)1 << 20) /* how far back a reader looks */

struct Audit {
    int directory;
};

int audit_open(const char *directory, Audit **ret) {
    Audit *audit = malloc(sizeof(*audit));

    if (!audit)
        return -ENOMEM;
    audit->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (audit->directory < 0) {
        int r = -errno;

        free(audit);
        return r;
    }
    *ret = audit;
    return 0;
}

Audit *audit_free(Audit *audit) {
    if (audit)
        close_descriptor(&audit->directory);
    free(audit);
    return NULL;
}

/* Quoted, with everything that could end a line or fool a terminal escaped. */
static void add_quoted(FILE *stream, const char *text) {
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(stream, "\\%c", c);
        else if (c < ' ' || c >= 0x7f)
            fprintf(stream, "\\x%02x", c);
        else
            fputc(c, stream);
    }
    fputc('"', stream);
}

static char *format_line(const AuditEntry *entry) {
    char *text = NULL, when[32];
    size_t size;
    struct timespec now;
    struct tm utc;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stream, "time=%s.%03ldZ uid=%u", when, now.tv_nsec / 1000000, entry->uid);
    if (entry->owner != (uid_t)-1)
        fprintf(stream, " owner=%u", entry->owner);
    fprintf(stream, " verb=%s object=%s result=%s", entry->verb, str_empty(entry->object) ? "-" : entry->object,
            entry->result == ERROR_NONE                                                                ? "done"
                    : entry->result == ERROR_ACCESS_DENIED || entry->result == ERROR_AUTH_TIMEOUT ? "refused"
                                                                                                       : "failed");
    if (entry->generation)
        fprintf(stream, " generation=%" PRIu64, entry->generation);
    if (entry->message) {
        fputs(" reason=", stream);
        add_quoted(stream, entry->message);
    }
    fputc('\n', stream);
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int append(Audit *audit, const char *line) {
    _cleanup_close_ int fd = -1;
    struct stat st;

    if (fstatat(audit->directory, LOG_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > LOG_BYTES_MAX &&
            renameat(audit->directory, LOG_NAME, audit->directory, LOG_OLD) < 0)
        return -errno;
    fd = openat(audit->directory, LOG_NAME, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    /* One write: a line is whole or not there. */
    return write(fd, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -EIO;
}

void audit_write(Audit *audit, const AuditEntry *entry) {
    _cleanup_free_ char *line = format_line(entry);
    int r = line ? append(audit, line) : -ENOMEM;

    if (r < 0)
        sd_journal_print(LOG_WARNING, "%s cannot be written: %s", LOG_NAME, strerror(-r));
}

void audit_tell(const AuditEntry *entry) {
    sd_journal_send("MESSAGE=%s %s by uid %u: %s%s%s", entry->verb, str_empty(entry->object) ? "" : entry->object,
            entry->uid, entry->result == ERROR_NONE ? "done" : error_info(entry->result)->name,
            entry->message ? ": " : "", entry->message ? entry->message : "", "PRIORITY=%d",
            entry->result == ERROR_NONE ? LOG_INFO : LOG_NOTICE, "VPCCTL_VERB=%s", entry->verb, "VPCCTL_OBJECT=%s",
            entry->object ? entry->object : "", "VPCCTL_UID=%u", entry->uid, "VPCCTL_RESULT=%s",
            entry->result == ERROR_NONE ? "done" : error_info(entry->result)->name, NULL);
}

/* Whether the line has the word KEY=UID. */
static bool line_names(const char *line, const char *key, uid_t uid) {
    char word[32];
    const char *found;
    size_t length = (size_t)snprintf(word, sizeof(word), " %s=%u", key, uid);
    const char *reason = strstr(line, " reason=");

    found = strstr(line, word);
    return found && (found[length] == ' ' || found[length] == '\0') && (!reason || found < reason);
}

/* The end of the log, from a line's beginning. */
static int read_tail(Audit *audit, char **ret) {
    _cleanup_close_ int fd = openat(audit->directory, LOG_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t size;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    size = (size_t)(st.st_size > LOG_READ_MAX ? LOG_READ_MAX : st.st_size);
    text = malloc(size + 1);
    if (!text)
        return -ENOMEM;
    n = pread(fd, text, size, st.st_size - (off_t)size);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    if ((off_t)size < st.st_size) {
        char *newline = strchr(text, '\n');

        memmove(text, newline ? newline + 1 : text + n, strlen(newline ? newline + 1 : text + n) + 1);
    }
    *ret = TAKE_PTR(text);
    return 0;
}

int audit_read(Audit *audit, uid_t uid, size_t max, char ***ret_lines, size_t *ret_count) {
    _cleanup_free_ char *text = NULL;
    char **lines = NULL;
    size_t n = 0, first;
    char *cursor = NULL;
    int r = read_tail(audit, &text);

    if (r < 0)
        return r;
    for (char *line = text ? strtok_r(text, "\n", &cursor) : NULL; r == 0 && line; line = strtok_r(NULL, "\n", &cursor)) {
        if (uid != 0 && !line_names(line, "uid", uid) && !line_names(line, "owner", uid))
            continue;
        r = GROW(lines, n);
        if (r == 0 && !(lines[n++] = strdup(line)))
            r = -ENOMEM;
    }
    first = r == 0 && n > max ? n - max : r == 0 ? 0 : n;
    for (size_t i = 0; i < first; i++)
        free(lines[i]);
    if (r < 0) {
        free(lines);
        return r;
    }
    if (lines)
        memmove(lines, lines + first, (n - first) * sizeof(*lines));
    *ret_lines = lines;
    *ret_count = n - first;
    return 0;
}
