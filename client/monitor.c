/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints changes as they are made. The bus delivers signals that are addressed to us whoever sends them, and sd-bus
 * does not compare the sender with a well-known name's owner: we do, and the owner must be root. */

#include "call.h"
#include "client.h"
#include "names.h"
#include "table.h"

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

typedef struct Monitor {
    Context *context;
    sd_event *event;
    char *owner; /* the unique name of a vpcd that is root's, or NULL */
} Monitor;

/* Takes a unique name as vpcd's, if it is root's. Synchronous on purpose: what the new owner sends meanwhile is queued
 * behind the answer, and not lost. */
static void take_owner(Monitor *watch, sd_bus *bus, const char *owner) {
    _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t uid;

    free(watch->owner);
    watch->owner = NULL;
    if (str_empty(owner))
        return;
    if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "GetConnectionUnixUser", &error, &reply, "s", owner) < 0 ||
            sd_bus_message_read(reply, "u", &uid) < 0)
        return; /* gone again */
    if (uid != 0) {
        fprintf(stderr, "vpcctl: monitor: %s belongs to user %u and not to root; it is not believed\n", VPCD_BUS_NAME,
                (unsigned)uid);
        return;
    }
    watch->owner = strdup(owner);
}

static int owner_changed(sd_bus_message *message, void *data, sd_bus_error *error) {
    Monitor *watch = data;
    const char *name, *before, *after;

    if (!streq_null(sd_bus_message_get_sender(message), "org.freedesktop.DBus"))
        return 0;
    if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0 || !streq(name, VPCD_BUS_NAME))
        return 0;
    take_owner(watch, sd_bus_message_get_bus(message), after);
    return 0;
}

static uint64_t now_usec(void) {
    struct timeval now;

    gettimeofday(&now, NULL);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

static int print_change_json(const Context *context, const char *kind, const char *name, const char *verb, uint32_t uid,
        uint64_t generation) {
    _cleanup_json_ json_object *line = json_object_new_object();

    if (!line || json_object_object_add(line, "time", json_object_new_uint64(now_usec())) < 0 ||
            json_object_object_add(line, "kind", json_object_new_string(kind)) < 0 ||
            json_object_object_add(line, "name", json_object_new_string(name)) < 0 ||
            json_object_object_add(line, "verb", json_object_new_string(verb)) < 0 ||
            json_object_object_add(line, "uid", json_object_new_int64(uid)) < 0 ||
            json_object_object_add(line, "generation", json_object_new_uint64(generation)) < 0)
        return report_errno(context, -ENOMEM, "output");
    return print_json_line(context, line);
}

static int print_change(const char *kind, const char *name, const char *verb, uint32_t uid, uint64_t generation) {
    _cleanup_free_ char *time = time_text(now_usec()), *user = user_name(uid), *safe_kind = text_escape(kind),
                        *safe_name = text_escape(name), *safe_verb = text_escape(verb);

    if (!time || !user || !safe_kind || !safe_name || !safe_verb)
        return EXIT_FAILED;
    printf("%s  %-8s  %-20s  %-8s  by %s  generation %llu\n", time, safe_kind, safe_name, safe_verb, user,
            (unsigned long long)generation);
    return EXIT_DONE;
}

static int changed(sd_bus_message *message, void *data, sd_bus_error *error) {
    Monitor *watch = data;
    const char *kind, *name, *verb;
    uint64_t generation;
    uint32_t uid;
    int status;

    if (!watch->owner || !streq_null(sd_bus_message_get_sender(message), watch->owner))
        return 0;
    if (sd_bus_message_read(message, "sssut", &kind, &name, &verb, &uid, &generation) < 0)
        return 0;
    status = context_given(watch->context, OPTION_JSON)
                     ? print_change_json(watch->context, kind, name, verb, uid, generation)
                     : print_change(kind, name, verb, uid, generation);
    if (fflush(stdout) != 0 && status == EXIT_DONE)
        status = report_errno(watch->context, -errno, "writing the output");
    if (status != EXIT_DONE)
        sd_event_exit(watch->event, status);
    return 0;
}

static int disconnected(sd_bus_message *message, void *data, sd_bus_error *error) {
    Monitor *watch = data;

    sd_event_exit(watch->event,
            report(watch->context, SD_BUS_ERROR_DISCONNECTED, EXIT_UNREACHABLE, "the system bus went away", NULL));
    return 0;
}

/* Both matches are in force when this returns, and so is the owner as of then: what comes later is heard. */
static int subscribe(Monitor *watch, sd_bus *bus) {
    _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *owner = NULL;
    int r;

    r = sd_bus_match_signal(bus, NULL, VPCD_BUS_NAME, VPCD_PATH, VPCD_MANAGER, "Changed", changed, watch);
    if (r >= 0)
        r = sd_bus_add_match(bus, NULL,
                "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" VPCD_BUS_NAME "'",
                owner_changed, watch);
    if (r >= 0)
        r = sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
                "Disconnected", disconnected, watch);
    if (r < 0)
        return r;
    r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
            &error, &reply, "s", VPCD_BUS_NAME);
    if (r >= 0)
        r = sd_bus_message_read(reply, "s", &owner);
    else if (sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        r = 0; /* vpcd is idle; it is started by whoever calls it next */
    if (r < 0)
        return r;
    take_owner(watch, bus, owner);
    return 0;
}

static int run(Monitor *watch, Context *context) {
    sigset_t ends;
    int r;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    /* Without a handler of ours sd-event ends the loop with status 0. */
    r = sd_event_default(&watch->event);
    if (r >= 0)
        r = sd_event_add_signal(watch->event, NULL, SIGINT, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(watch->event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = subscribe(watch, context->bus);
    if (r >= 0)
        r = sd_bus_attach_event(context->bus, watch->event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0)
        return call_failed(context, NULL, r);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "watching for changes; end with Ctrl-C\n");
    r = sd_event_loop(watch->event);
    return r < 0 ? report_errno(context, r, "waiting") : r;
}

int monitor(Context *context) {
    Monitor watch = { .context = context };
    int status = call_open(context);

    if (status == EXIT_DONE)
        status = run(&watch, context);
    sd_bus_detach_event(context->bus);
    sd_event_unref(watch.event);
    free(watch.owner);
    return status;
}
