/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a failure is told: one line for a person with a hint, or an object for a program. */

#include "call.h"
#include "client.h"
#include "table.h"

#include <stdarg.h>
#include <stdio.h>

static void report_json(const char *error_name, const char *why, const char *hint) {
    _cleanup_json_ json_object *object = json_object_new_object();

    if (!object)
        return;
    json_object_object_add(object, "error", json_object_new_string(error_name));
    json_object_object_add(object, "message", json_object_new_string(why));
    if (hint)
        json_object_object_add(object, "hint", json_object_new_string(hint));
    fprintf(stderr, "%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE));
}

int report(const Context *context, const char *error_name, int exit_status, const char *why, const char *hint) {
    const char *noun = context->verb ? context->verb->noun : "", *verb = context->verb ? context->verb->verb : NULL;
    _cleanup_free_ char *subject = NULL, *safe_subject = NULL, *safe_why = NULL;

    /* What was asked for comes out before what went wrong with it. */
    fflush(stdout);
    if (context_given(context, OPTION_JSON) || context->json_expected) {
        report_json(error_name, why, hint);
        return exit_status;
    }
    subject = context->verb ? context_subject(context) : NULL;
    safe_subject = text_escape(subject ? subject : "");
    safe_why = text_escape(why);
    fprintf(stderr, "vpcctl: %s%s%s%s%s%s%s\n", noun, verb ? " " : "", verb ? verb : "",
            str_empty(safe_subject) ? "" : " ", safe_subject ? safe_subject : "", *noun ? ": " : "",
            safe_why ? safe_why : "out of memory");
    if (hint)
        fprintf(stderr, "hint: %s\n", hint);
    return exit_status;
}

int report_error(const Context *context, ErrorCode code, const char *format, ...) {
    const ErrorInfo *info = error_info(code);
    _cleanup_free_ char *why = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&why, format, arguments);
    va_end(arguments);
    if (r < 0)
        why = NULL;
    return report(context, info->name, info->exit_status, why ? why : "out of memory", info->hint);
}

int report_usage(const Context *context, const char *format, ...) {
    const Verb *verb = context->verb;
    _cleanup_free_ char *why = NULL, *hint = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&why, format, arguments);
    va_end(arguments);
    if (r < 0)
        why = NULL;
    if (asprintf(&hint, "see 'vpcctl %s%s%s%s--help'", verb ? verb->noun : "", verb && verb->verb ? " " : "",
                verb && verb->verb ? verb->verb : "", verb && *verb->noun ? " " : "") < 0)
        hint = NULL;
    return report(context, error_info(ERROR_INVALID)->name, EXIT_USAGE, why ? why : "out of memory", hint);
}

int report_errno(const Context *context, int error, const char *doing) {
    _cleanup_free_ char *why = NULL;

    if (asprintf(&why, "%s: %s", doing, strerror(-error)) < 0)
        why = NULL;
    return report(context, error_info(ERROR_FAILED)->name, EXIT_FAILED, why ? why : "out of memory", NULL);
}
