/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether VPCs are as they should be, and mending them. */

#include "call.h"
#include "client.h"
#include "table.h"

#include <stdio.h>

static const char *scope(const Context *context) {
    const char *vpc = context->values[OPTION_VPC];

    return vpc ? vpc : "";
}

static int print_line(const Context *context, const char *template, json_object *finding, const char *key) {
    _cleanup_free_ char *text = text_escape(json_text(finding, key));

    if (!text)
        return report_errno(context, -ENOMEM, "output");
    printf("%s%s\n", template, text);
    return EXIT_DONE;
}

/* Each a sentence, and below it why it matters and what mends it. */
static int print_findings(const Context *context, json_object *findings) {
    int status = EXIT_DONE;

    for (size_t i = 0; status == EXIT_DONE && i < json_object_array_length(findings); i++) {
        json_object *finding = json_object_array_get_idx(findings, i);
        _cleanup_free_ char *object = text_escape(json_text(finding, "object"));

        if (!object)
            return report_errno(context, -ENOMEM, "output");
        printf("%s%s ", i > 0 ? "\n" : "", object);
        status = print_line(context, "", finding, "finding");
        if (status == EXIT_DONE)
            status = print_line(context, "    why it matters: ", finding, "why");
        if (status == EXIT_DONE)
            status = print_line(context, "    what mends it:  ", finding, "mend");
    }
    return status;
}

int check(Context *context) {
    _cleanup_json_ json_object *findings = NULL;
    int status = call_list(context, "Check", scope(context), &findings);
    size_t n;

    if (status != EXIT_DONE)
        return status;
    n = json_object_array_length(findings);
    if (context_given(context, OPTION_JSON))
        status = print_json(context, findings);
    else if (n > 0)
        status = print_findings(context, findings);
    else
        printf("everything is as it should be\n");
    return status == EXIT_DONE && n > 0 ? EXIT_FAILED : status;
}

int repair(Context *context) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *result = NULL;
    unsigned repaired;
    int r, status = call_method(context, "Repair", &reply, "sa{sv}", scope(context), 0);

    if (status != EXIT_DONE)
        return status;
    r = sd_bus_message_read(reply, "u", &repaired);
    if (r < 0)
        return report_errno(context, r, "the answer of vpcd");
    if (context_given(context, OPTION_JSON)) {
        result = json_object_new_object();
        if (!result || json_object_object_add(result, "repaired", json_object_new_int64(repaired)) < 0)
            return report_errno(context, -ENOMEM, "output");
        return print_json(context, result);
    }
    if (repaired == 0)
        printf("nothing of vpcctl's was broken\n");
    else
        printf("%u %s mended\n", repaired, repaired == 1 ? "thing" : "things");
    return EXIT_DONE;
}
