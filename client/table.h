/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Output: the same values as a text table for people or as JSON for programs. */

#include "client.h"

#include <json.h>
#include <stdio.h>

typedef struct Column {
    const char *key;                                  /* of the JSON object */
    const char *title;                                /* in text */
    enum { CELL_PLAIN, CELL_USER, CELL_TIME } format; /* CELL_USER: a uid; CELL_TIME: microseconds since 1970 */
} Column;

/* An array of objects, one line each. nothing: what to say on a terminal when there are none. A status. */
int table_list(
        const Context *context, json_object *rows, const Column columns[], size_t n_columns, const char *nothing);

/* One object, a line for each column. A status. */
int table_show(const Context *context, json_object *object, const Column columns[], size_t n_columns);

/* JSON on stdout, with line breaks or as one line. A status. */
int print_json(const Context *context, json_object *value);
int print_json_line(const Context *context, json_object *value);

/* {"deleted": name} with --json, else "noun name verb". A status. */
int print_gone(const Context *context, const char *noun, const char *name, const char *verb);

/* Text from elsewhere, safe for a terminal: characters that command it or are not seen, as \xNN. NULL without memory. */
char *text_escape(const char *text);

/* A line on stdout with what vpcd says in it, escaped in the same way. */
void print_told(const char *format, ...) _printf_(1, 2);

/* The user's name, or the number. NULL without memory. */
char *user_name(uid_t uid);

/* Local time with its zone's offset. NULL without memory. */
char *time_text(uint64_t usec);

/* Whether escape sequences are welcome on that stream. */
bool colours_wanted(FILE *stream);
