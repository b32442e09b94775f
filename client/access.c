/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one may do, without trying. */

#include "call.h"
#include "client.h"
#include "table.h"

#include <pwd.h>
#include <stdio.h>

/* Asks vpcd about one verb; `vpc` may be "". *ret: {"verb", "vpc", "allowed", "actions", "reason"}. A status. */
static int ask(Context *context, const char *verb, const char *vpc, json_object **ret) {
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_json_ json_object *answer = json_object_new_object(), *actions = json_object_new_array();
    const char *action, *reason;
    int allowed, r;
    int status = call_method(context, "CheckAccess", &reply, "ssa{sv}", verb, vpc, 0);

    if (status != EXIT_DONE)
        return status;
    if (!answer || !actions)
        return report_errno(context, -ENOMEM, "output");
    r = sd_bus_message_read(reply, "b", &allowed);
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "s");
    while (r >= 0 && (r = sd_bus_message_read(reply, "s", &action)) > 0)
        if (json_object_array_add(actions, json_object_new_string(action)) < 0)
            r = -ENOMEM;
    if (r >= 0)
        r = sd_bus_message_exit_container(reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "s", &reason);
    if (r < 0)
        return report_errno(context, r, "the answer of vpcd");
    if (json_object_object_add(answer, "verb", json_object_new_string(verb)) < 0 ||
            json_object_object_add(answer, "vpc", json_object_new_string(vpc)) < 0 ||
            json_object_object_add(answer, "allowed", json_object_new_boolean(allowed)) < 0 ||
            json_object_object_add(answer, "actions", json_object_get(actions)) < 0 ||
            json_object_object_add(answer, "reason", json_object_new_string(reason)) < 0)
        return report_errno(context, -ENOMEM, "output");
    *ret = TAKE_PTR(answer);
    return EXIT_DONE;
}

static bool is_allowed(json_object *answer) {
    return json_object_get_boolean(json_object_object_get(answer, "allowed"));
}

int access_can(Context *context) {
    const char *vpc = context->values[OPTION_VPC];
    _cleanup_json_ json_object *answer = NULL;
    int status = ask(context, context->values[OPTION_VERB], vpc ? vpc : "", &answer);

    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON))
        status = print_json(context, answer);
    else
        print_told("%s", is_allowed(answer) ? "yes" : json_text(answer, "reason"));
    return status == EXIT_DONE && !is_allowed(answer) ? EXIT_NOT_AUTHORIZED : status;
}

static const Column in_whoami[] = {
    { "what", "YOU MAY", CELL_PLAIN },
    { "answer", "", CELL_PLAIN },
    { "action", "POLKIT ACTION", CELL_PLAIN },
};

int access_whoami(Context *context) {
    static const struct {
        const char *what, *verb;
        bool on_other; /* asked about somebody else's VPC, if there is one */
    } questions[] = {
        { "make VPCs", "vpc-create", false },
        { "change your own", "subnet-add", false },
        { "connect your own to the host's networks", "nat-enable", false },
        { "run programs in your own", "exec", false },
        { "change other people's", "subnet-add", true },
        { "delete everybody's", "purge", false },
    };
    _cleanup_json_ json_object *vpcs = NULL, *rows = json_object_new_array();
    struct passwd *account = getpwuid(getuid());
    const char *foreign = NULL;
    size_t own = 0;
    int status = call_list(context, "ListVpcs", NULL, &vpcs);

    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; i < json_object_array_length(vpcs); i++) {
        json_object *vpc = json_object_array_get_idx(vpcs, i);

        if ((uid_t)json_object_get_int64(json_object_object_get(vpc, "owner_uid")) == getuid())
            own++;
        else
            foreign = json_text(vpc, "name");
    }
    for (size_t i = 0; rows && i < ELEMENTSOF(questions); i++) {
        _cleanup_json_ json_object *answer = NULL;
        json_object *row, *actions;

        if (questions[i].on_other && !foreign)
            continue;
        status = ask(context, questions[i].verb, questions[i].on_other ? foreign : "", &answer);
        if (status != EXIT_DONE)
            return status;
        actions = json_object_object_get(answer, "actions");
        row = json_object_new_object();
        if (!row || json_object_object_add(row, "what", json_object_new_string(questions[i].what)) < 0 ||
                json_object_object_add(row, "answer",
                        json_object_new_string(is_allowed(answer)                                ? "yes"
                                        : strstr(json_text(answer, "reason"), "password") ? "with a password"
                                                                                                 : "no")) < 0 ||
                json_object_object_add(row, "action",
                        json_object_get(json_object_array_get_idx(
                                actions, json_object_array_length(actions) - 1))) < 0 ||
                json_object_array_add(rows, row) < 0)
            return report_errno(context, -ENOMEM, "output");
    }
    if (!context_given(context, OPTION_JSON))
        printf("You are %s (uid %u) and own %zu VPC%s.\n\n", account ? account->pw_name : "unknown", getuid(), own,
                own == 1 ? "" : "s");
    return table_list(context, rows, in_whoami, ELEMENTSOF(in_whoami), "");
}
