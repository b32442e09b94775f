/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include "call.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

bool colours_wanted(FILE *stream) {
    const char *terminal = getenv("TERM");

    return str_empty(getenv("NO_COLOR")) && terminal && !streq(terminal, "dumb") && isatty(fileno(stream));
}

/* How many bytes at the beginning of the text are a character that commands a terminal or changes how what is around it is
 * shown: controls, writing direction, invisible ones. 0: it is none of them. */
static size_t deceptive_length(const unsigned char *in) {
    static const struct {
        unsigned char first, second, from, to;
    } three[] = {
        { 0xe2, 0x80, 0x8b, 0x8f }, /* U+200B to U+200F */
        { 0xe2, 0x80, 0xa8, 0xae }, /* U+2028 to U+202E */
        { 0xe2, 0x81, 0xa0, 0xaf }, /* U+2060 to U+206F */
        { 0xef, 0xbb, 0xbf, 0xbf }, /* U+FEFF */
        { 0xef, 0xbf, 0xb9, 0xbb }, /* U+FFF9 to U+FFFB */
    };

    if (in[0] < 0x20 || in[0] == 0x7f)
        return 1;
    /* U+0080 to U+009F, U+00AD, U+061C */
    if ((in[0] == 0xc2 && ((in[1] >= 0x80 && in[1] <= 0x9f) || in[1] == 0xad)) || (in[0] == 0xd8 && in[1] == 0x9c))
        return 2;
    for (size_t i = 0; i < ELEMENTSOF(three); i++)
        if (in[0] == three[i].first && in[1] == three[i].second && in[2] >= three[i].from && in[2] <= three[i].to)
            return 3;
    return in[0] == 0xf3 && in[1] >= 0xa0 && in[2] && in[3] ? 4 : 0; /* from U+E0000 on */
}

char *text_escape(const char *text) {
    char *escaped = malloc(strlen(text) * 4 + 1), *out = escaped;

    if (!escaped)
        return NULL;
    for (const unsigned char *in = (const unsigned char *)text; *in;) {
        size_t n = deceptive_length(in);

        if (n == 0)
            *out++ = (char)*in++;
        for (size_t i = 0; i < n; i++)
            out += snprintf(out, sizeof("\\xff"), "\\x%02x", *in++);
    }
    *out = '\0';
    return escaped;
}

void print_told(const char *format, ...) {
    _cleanup_free_ char *text = NULL, *safe = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (r < 0)
        text = NULL;
    safe = text ? text_escape(text) : NULL;
    puts(safe ? safe : "done, but there is no memory to say so");
}

char *user_name(uid_t uid) {
    const struct passwd *entry = getpwuid(uid);
    char *text;

    if (entry)
        return text_escape(entry->pw_name);
    return asprintf(&text, "%u", (unsigned)uid) < 0 ? NULL : text;
}

char *time_text(uint64_t usec) {
    time_t seconds = (time_t)(usec / 1000000);
    char text[sizeof("-2147483648-12-31 23:59:59 +0000")]; /* no year that fits struct tm is longer */
    struct tm local;

    if (!localtime_r(&seconds, &local) || strftime(text, sizeof(text), "%F %T %z", &local) == 0)
        return strdup("-");
    return strdup(text);
}

/* A JSON value as text for people; numbers as they are, a list with commas. */
static char *plain_text(json_object *value) {
    char *text = NULL;

    switch (json_object_get_type(value)) {
    case json_type_null:
        return strdup("-");
    case json_type_boolean:
        return strdup(json_object_get_boolean(value) ? "yes" : "no");
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            _cleanup_free_ char *item = plain_text(json_object_array_get_idx(value, i));
            char *longer;

            if (!item || asprintf(&longer, "%s%s%s", text ? text : "", text ? ", " : "", item) < 0) {
                free(text);
                return NULL;
            }
            free(text);
            text = longer;
        }
        return text ? text : strdup("-");
    default:
        /* An empty text is a value that is not set, such as the interface of a VPC without NAT. */
        return text_escape(*json_object_get_string(value) ? json_object_get_string(value) : "-");
    }
}

static char *cell_text(json_object *object, const Column *column) {
    json_object *value = NULL;

    json_object_object_get_ex(object, column->key, &value);
    if (column->format == CELL_USER && json_object_is_type(value, json_type_int))
        return user_name((uid_t)json_object_get_int64(value));
    if (column->format == CELL_TIME && json_object_is_type(value, json_type_int))
        return time_text(json_object_get_uint64(value));
    return plain_text(value);
}

/* Characters, not bytes: those of UTF-8 that continue one do not count. */
static int text_width(const char *text) {
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_padded(const char *text, int width) {
    int missing = width - text_width(text);

    printf("%s%*s", text, missing > 0 ? missing : 0, "");
}

static int print_value(const Context *context, json_object *value, int flags) {
    const char *text = json_object_to_json_string_ext(value, flags | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (!text)
        return report_errno(context, -ENOMEM, "output");
    printf("%s\n", text);
    return EXIT_DONE;
}

int print_json(const Context *context, json_object *value) {
    return print_value(context, value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
}

int print_json_line(const Context *context, json_object *value) {
    return print_value(context, value, JSON_C_TO_STRING_PLAIN);
}

int print_gone(const Context *context, const char *noun, const char *name, const char *verb) {
    _cleanup_json_ json_object *object = NULL;

    if (!context_given(context, OPTION_JSON)) {
        printf("%s %s %s\n", noun, name, verb);
        return EXIT_DONE;
    }
    object = json_object_new_object();
    if (!object || json_object_object_add(object, "deleted", json_object_new_string(name)) < 0)
        return report_errno(context, -ENOMEM, "output");
    return print_json(context, object);
}

static void free_cells(char **cells, size_t n_cells) {
    for (size_t i = 0; cells && i < n_cells; i++)
        free(cells[i]);
    free(cells);
}

static void print_cells(char *const *cells, const int *widths, size_t n_rows, size_t n_columns, bool header) {
    bool bold = header && colours_wanted(stdout);

    for (size_t row = 0; row < n_rows; row++) {
        if (row == 0 && bold)
            printf("\033[1m");
        for (size_t i = 0; i < n_columns; i++) {
            const char *text = cells[row * n_columns + i];

            /* Nothing follows the last, so it is not padded. */
            print_padded(text, i + 1 < n_columns ? widths[i] + 2 : 0);
        }
        printf(row == 0 && bold ? "\033[0m\n" : "\n");
    }
}

int table_list(
        const Context *context, json_object *rows, const Column columns[], size_t n_columns, const char *nothing) {
    bool header = !context_given(context, OPTION_NO_LEGEND);
    size_t n_objects = json_object_array_length(rows), n_rows = n_objects + header;
    _cleanup_free_ int *widths = NULL;
    char **cells;

    if (context_given(context, OPTION_JSON))
        return print_json(context, rows);
    if (n_objects == 0) {
        if (header && isatty(STDERR_FILENO))
            fprintf(stderr, "%s\n", nothing);
        return EXIT_DONE;
    }

    widths = calloc(n_columns, sizeof(*widths));
    cells = calloc(n_rows * n_columns, sizeof(*cells));
    if (!widths || !cells)
        goto without_memory;
    for (size_t row = 0; row < n_rows; row++)
        for (size_t i = 0; i < n_columns; i++) {
            char **cell = &cells[row * n_columns + i];

            if (header && row == 0)
                *cell = strdup(columns[i].title);
            else
                *cell = cell_text(json_object_array_get_idx(rows, row - header), &columns[i]);
            if (!*cell)
                goto without_memory;
            if (text_width(*cell) > widths[i])
                widths[i] = text_width(*cell);
        }
    print_cells(cells, widths, n_rows, n_columns, header);
    free_cells(cells, n_rows * n_columns);
    return EXIT_DONE;

without_memory:
    free_cells(cells, n_rows * n_columns);
    return report_errno(context, -ENOMEM, "output");
}

int table_show(const Context *context, json_object *object, const Column columns[], size_t n_columns) {
    const char *bold = colours_wanted(stdout) ? "\033[1m" : "", *normal = *bold ? "\033[0m" : "";
    int width = 0;

    if (context_given(context, OPTION_JSON))
        return print_json(context, object);
    for (size_t i = 0; i < n_columns; i++)
        if (text_width(columns[i].title) > width)
            width = text_width(columns[i].title);
    for (size_t i = 0; i < n_columns; i++) {
        _cleanup_free_ char *text = cell_text(object, &columns[i]);

        if (!text)
            return report_errno(context, -ENOMEM, "output");
        printf("%s", bold);
        print_padded(columns[i].title, width);
        printf("%s  %s\n", normal, text);
    }
    return EXIT_DONE;
}
