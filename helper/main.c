/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd: puts the parts together, takes the name on the bus, and leaves when nobody has asked for anything for a while.
 * Everything it has made lives on in kernel, files and units. */

#include "audit.h"
#include "bus.h"
#include "config.h"
#include "names.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#define STATE_DIRECTORY "/var/lib/vpcctl"
#define RUNTIME_DIRECTORY "/run/vpcctl"
#define IDLE_SECONDS_DEFAULT 30
#define LEAVING_USEC 100000        /* what the bus had delivered is answered meanwhile */
#define TERMINATING_USEC 20000000U /* a change under way is finished in this time, or never */

typedef struct Daemon {
    Limits limits;
    sd_event *event;
    sd_bus *connection;
    Kernel *kernel;
    Store *store;
    Audit *audit;
    Units *units;
    Authz *authz;
    Engine *engine;
    Bus *bus;
    uint64_t idle_usec; /* 0: never leave */
    sd_event_source *idle;
    bool leaving;         /* the name is given up */
    uint64_t terminating; /* when it was asked to end, or 0 */
} Daemon;

static void daemon_clear(Daemon *daemon) {
    sd_event_source_unref(daemon->idle);
    bus_free(daemon->bus);
    authz_free(daemon->authz);
    engine_free(daemon->engine);
    units_free(daemon->units);
    audit_free(daemon->audit);
    store_free(daemon->store);
    kernel_free(daemon->kernel);
    sd_bus_flush_close_unref(daemon->connection);
    sd_event_unref(daemon->event);
}

static bool is_idle(const Daemon *daemon) {
    return engine_pending(daemon->engine) == 0 && bus_pending(daemon->bus) == 0 && units_busy(daemon->units) == 0;
}

static int rearm(Daemon *daemon) {
    if (daemon->idle_usec == 0 && !daemon->leaving)
        return sd_event_source_set_enabled(daemon->idle, SD_EVENT_OFF);
    return sd_event_source_set_time_relative(daemon->idle, daemon->leaving ? LEAVING_USEC : daemon->idle_usec) < 0 ||
                    sd_event_source_set_enabled(daemon->idle, SD_EVENT_ONESHOT) < 0
            ? -EIO
            : 0;
}

/* Gives up the name: what the bus still delivers to us is answered, what comes later starts a new vpcd. */
static int leave(Daemon *daemon) {
    if (!daemon->leaving) {
        daemon->leaving = true;
        (void)sd_notify(false, "STOPPING=1");
        (void)sd_bus_release_name(daemon->connection, VPCD_BUS_NAME);
    }
    return rearm(daemon);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *data) {
    Daemon *daemon = data;
    uint64_t now = 0;

    (void)sd_event_now(daemon->event, CLOCK_MONOTONIC, &now);
    if (daemon->terminating && (engine_pending(daemon->engine) == 0 || now - daemon->terminating > TERMINATING_USEC))
        return sd_event_exit(daemon->event, 0);
    if (!is_idle(daemon))
        return rearm(daemon);
    return daemon->leaving ? sd_event_exit(daemon->event, 0) : leave(daemon);
}

/* A person who thinks is not waited for; a change is. */
static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *data) {
    Daemon *daemon = data;

    if (!daemon->terminating)
        (void)sd_event_now(daemon->event, CLOCK_MONOTONIC, &daemon->terminating);
    return leave(daemon);
}

static int on_message(sd_bus_message *message, void *data, sd_bus_error *error) {
    Daemon *daemon = data;

    if (sd_bus_message_is_method_call(message, NULL, NULL) > 0)
        (void)rearm(daemon);
    return 0;
}

static int start(Daemon *daemon, const char **ret_what) {
    sigset_t signals;
    int r;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    config_load(CONFIG_PATH, &daemon->limits);

#define STEP(what, expression)                                                                                         \
    do {                                                                                                               \
        *ret_what = (what);                                                                                            \
        r = (expression);                                                                                              \
        if (r < 0)                                                                                                     \
            return r;                                                                                                  \
    } while (0)

    STEP("event loop", sd_event_default(&daemon->event));
    STEP("signals", sd_event_add_signal(daemon->event, NULL, SIGTERM, on_terminate, daemon));
    STEP("signals", sd_event_add_signal(daemon->event, NULL, SIGINT, on_terminate, daemon));
    STEP("system bus", sd_bus_open_system(&daemon->connection));
    /* Without the bus nobody reaches us, yet the service manager would take us for running. */
    STEP("system bus", sd_bus_set_exit_on_disconnect(daemon->connection, true));
    STEP("system bus", sd_bus_attach_event(daemon->connection, daemon->event, SD_EVENT_PRIORITY_NORMAL));
    STEP("kernel", kernel_new(&daemon->kernel));
    STEP("state directory", store_open(STATE_DIRECTORY, RUNTIME_DIRECTORY, &daemon->store));
    STEP("audit log", audit_open(STATE_DIRECTORY, &daemon->audit));
    STEP("units", units_new(daemon->connection, daemon->event, &daemon->limits, &daemon->units));
    STEP("state", engine_new(daemon->event, daemon->kernel, daemon->units, daemon->store, &daemon->limits, &daemon->engine));
    STEP("authorization", authz_new(daemon->connection, &daemon->limits, &daemon->authz));
    STEP("bus objects", bus_new(daemon->connection, daemon->engine, daemon->authz, daemon->audit, &daemon->limits, &daemon->bus));
    STEP("idle timer", sd_event_add_time_relative(daemon->event, &daemon->idle, CLOCK_MONOTONIC, daemon->idle_usec, 0,
                               on_idle, daemon));
    STEP("idle timer", rearm(daemon));
    STEP("idle timer", sd_bus_add_filter(daemon->connection, NULL, on_message, daemon));
    STEP("bus name", sd_bus_request_name(daemon->connection, VPCD_BUS_NAME, 0));
#undef STEP
    (void)sd_notify(false, "READY=1");
    return 0;
}

static int usage(FILE *stream, int status) {
    fputs("vpcd [--idle-seconds=N]  the service behind vpcctl, started by the service manager; 0 never leaves\n", stream);
    return status;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        { "idle-seconds", required_argument, NULL, 'i' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { NULL },
    };
    _cleanup_(daemon_clear) Daemon daemon = { .limits = LIMITS_DEFAULT, .idle_usec = (uint64_t)IDLE_SECONDS_DEFAULT * 1000000 };
    const char *what = "";
    int option, r;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (option) {
        case 'i':
            daemon.idle_usec = strtoull(optarg, NULL, 10) * 1000000;
            break;
        case 'h':
            return usage(stdout, EXIT_SUCCESS);
        case 'v':
            puts("vpcd " VPCCTL_VERSION);
            return EXIT_SUCCESS;
        default:
            return usage(stderr, EXIT_USAGE);
        }

    r = start(&daemon, &what);
    if (r < 0) {
        sd_journal_print(LOG_ERR, "%s: %s", what, strerror(-r));
        fprintf(stderr, "vpcd: %s: %s\n", what, strerror(-r));
        return EXIT_FAILURE;
    }
    r = sd_event_loop(daemon.event);
    return r != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
