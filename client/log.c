/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "table.h"

#include <stdio.h>

#define LINES_DEFAULT 20

int log_show(Context *context) {
    unsigned lines = context_given(context, OPTION_LINES) ? context_number(context, OPTION_LINES) : LINES_DEFAULT;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *entries = NULL;
    const char *entry;
    int status, r;

    status = call_method(context, "GetLog", &reply, "ua{sv}", lines, 0);
    if (status != EXIT_DONE)
        return status;
    entries = json_object_new_array();
    if (!entries)
        return report_errno(context, -ENOMEM, "output");
    r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "s");
    while (r >= 0 && (r = sd_bus_message_read_basic(reply, SD_BUS_TYPE_STRING, &entry)) > 0) {
        _cleanup_free_ char *safe = NULL;

        if (context_given(context, OPTION_JSON)) {
            if (json_object_array_add(entries, json_object_new_string(entry)) < 0)
                return report_errno(context, -ENOMEM, "output");
            continue;
        }
        safe = text_escape(entry);
        if (!safe)
            return report_errno(context, -ENOMEM, "output");
        printf("%s\n", safe);
    }
    if (r < 0)
        return report_errno(context, r, "the answer of vpcd");
    return context_given(context, OPTION_JSON) ? print_json(context, entries) : EXIT_DONE;
}
