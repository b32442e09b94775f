/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "table.h"

#include <stdio.h>

/* The names of the VPCs that will go. A status. */
static int find_doomed(Context *context, bool all, json_object **ret) {
    _cleanup_json_ json_object *vpcs = NULL, *names = json_object_new_array();
    int status = call_list(context, "ListVpcs", NULL, &vpcs);

    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; names && i < json_object_array_length(vpcs); i++) {
        json_object *vpc = json_object_array_get_idx(vpcs, i), *owner = NULL;

        json_object_object_get_ex(vpc, "owner_uid", &owner);
        if (!all && json_object_get_int64(owner) != getuid())
            continue;
        if (json_object_array_add(names, json_object_new_string(json_text(vpc, "name"))) < 0)
            return report_errno(context, -ENOMEM, "cleanup");
    }
    if (!names)
        return report_errno(context, -ENOMEM, "cleanup");
    *ret = TAKE_PTR(names);
    return EXIT_DONE;
}

/* On stderr, since stdout is for the result. */
static bool confirmed(json_object *names, bool all) {
    _cleanup_free_ char *answer = NULL;
    size_t size = 0;

    fprintf(stderr, "This deletes %s, with all that runs in them:\n", all ? "everybody's VPCs" : "your VPCs");
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        _cleanup_free_ char *name = text_escape(json_object_get_string(json_object_array_get_idx(names, i)));

        fprintf(stderr, "  %s\n", name ? name : "");
    }
    if (json_object_array_length(names) == 0)
        fprintf(stderr, "  (there are none, only what else may be left of vpcctl)\n");
    fprintf(stderr, "Type 'yes' to go on: ");
    return getline(&answer, &size, stdin) > 0 && (streq(answer, "yes\n") || streq(answer, "yes"));
}

/* Whether anything is left. On stderr, since stdout has the result. */
static int verify(Context *context) {
    _cleanup_json_ json_object *findings = NULL;
    int status = call_list(context, "Check", "", &findings);

    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; i < json_object_array_length(findings); i++) {
        json_object *finding = json_object_array_get_idx(findings, i);

        _cleanup_free_ char *object = text_escape(json_text(finding, "object"));
        _cleanup_free_ char *what = text_escape(json_text(finding, "finding"));

        fprintf(stderr, "vpcctl: %s %s\n", object ? object : "", what ? what : "");
    }
    return json_object_array_length(findings) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int cleanup(Context *context) {
    bool all = context_given(context, OPTION_ALL), sure = context_given(context, OPTION_YES);
    _cleanup_json_ json_object *names = NULL, *result = NULL;
    int status;

    if (!sure && (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
        return report_usage(context, "without a terminal to ask on, --yes is needed");
    status = find_doomed(context, all, &names);
    if (status != EXIT_DONE)
        return status;
    if (json_object_array_length(names) > 0 || all) {
        if (!sure && !confirmed(names, all)) {
            fprintf(stderr, "Nothing was deleted.\n");
            return EXIT_FAILED;
        }
        status = all ? call_method(context, "Purge", NULL, "a{sv}", 1, "all", "b", 1)
                     : call_method(context, "Purge", NULL, "a{sv}", 0);
        if (status != EXIT_DONE)
            return status;
    }
    if (context_given(context, OPTION_JSON)) {
        result = json_object_new_object();
        if (!result || json_object_object_add(result, "deleted", json_object_get(names)) < 0)
            return report_errno(context, -ENOMEM, "output");
        status = print_json(context, result);
        return status == EXIT_DONE && context_given(context, OPTION_VERIFY) ? verify(context) : status;
    }
    for (size_t i = 0; i < json_object_array_length(names); i++)
        print_told("vpc %s deleted", json_object_get_string(json_object_array_get_idx(names, i)));
    if (json_object_array_length(names) == 0)
        printf(all ? "everything of vpcctl is gone\n" : "you have no VPCs\n");
    return context_given(context, OPTION_VERIFY) ? verify(context) : EXIT_DONE;
}
