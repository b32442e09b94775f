/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a program in a subnet. PID 1 starts it on our standard descriptors; over the control socket we pass signals on
 * and learn how it ended. Our end of the socket closing ends the program, so it cannot outlive us. */

#include "call.h"
#include "client.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

/* An impatient person's third interrupt. */
#define INTERRUPTS_TO_KILL 3

extern char **environ;

/* What says how to talk to the person at the terminal: the names that vpcd takes. It refuses the whole call for any
 * other, such as an odd LC_something, so those are left out here. */
static bool variable_is_passed(const char *variable) {
    static const char *const names[] = { "TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ", "COLUMNS",
        "LINES" };
    size_t length = strcspn(variable, "=");

    if (variable[length] != '=')
        return false;
    if (length > 3 && strncmp(variable, "LC_", 3) == 0)
        return strspn(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == length;
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (strlen(names[i]) == length && strncmp(variable, names[i], length) == 0)
            return true;
    return false;
}

static int append_environment(sd_bus_message *call) {
    int r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");

    if (r >= 0)
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_DICT_ENTRY, "sv");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", "environment");
    if (r >= 0)
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_VARIANT, "as");
    if (r >= 0)
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");
    for (char **variable = environ; r >= 0 && *variable; variable++)
        if (variable_is_passed(*variable)) {
            r = sd_bus_message_append(call, "s", *variable);
            /* D-Bus carries UTF-8 only. A value in another encoding is of no use to the program anyway. */
            if (r == -EINVAL)
                r = 0;
        }
    for (unsigned open = 4; r >= 0 && open > 0; open--)
        r = sd_bus_message_close_container(call);
    return r;
}

/* A program that is named by a path from here is meant from here; the one that starts it is somewhere else. Names
 * without a slash are left to it. NULL without memory. */
static char *program_path(const char *program) {
    _cleanup_free_ char *here = NULL;
    char *path;

    if (program[0] == '/' || !strchr(program, '/'))
        return strdup(program);
    here = get_current_dir_name();
    return here && asprintf(&path, "%s/%s", here, program) >= 0 ? path : NULL;
}

/* Asks for the program to be started. A status. */
static int start(Context *context, int control) {
    _cleanup_free_ char *program = program_path(context->command[0]);
    _cleanup_message_ sd_bus_message *call = NULL;
    int status, r;

    if (!program)
        return report_errno(context, -errno, context->command[0]);
    status = call_new(context, "Exec", &call, "ss", context->values[OPTION_VPC], context->values[OPTION_SUBNET]);
    if (status != EXIT_DONE)
        return status;
    r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", program);
    for (size_t i = 1; r >= 0 && i < context->n_command; i++)
        r = sd_bus_message_append(call, "s", context->command[i]);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r >= 0)
        r = sd_bus_message_append(call, "hhhh", STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, control);
    if (r >= 0)
        r = append_environment(call);
    if (r == -EINVAL)
        return report_usage(context, "an argument is no valid UTF-8 text");
    if (r < 0)
        return report_errno(context, r, "call");
    return call_send(context, call, NULL);
}

/* Statuses that the service manager gives when it could not get as far as the program (systemd.exec(5)). */
static const char *failure_of_start(int status) {
    switch (status) {
    case 203:
        return "it cannot be run: there is no such program, or it is none, or you may not run it";
    case 216:
    case 217:
        return "your user or group could not be taken on";
    case 225:
        return "the subnet's network namespace could not be entered";
    case 226:
        return "its mount namespace could not be made";
    default:
        return "the service manager could not start it, see 'journalctl' for why";
    }
}

static int exit_status_of(Context *context, const int32_t result[2]) {
    if (result[0] == CLD_KILLED || result[0] == CLD_DUMPED)
        return 128 + result[1];
    /* A program may end with these as well, but few do. */
    if (result[1] >= 200 && result[1] <= 243)
        fprintf(stderr, "vpcctl: %s: exit status %d: %s\n", context->command[0], result[1],
                failure_of_start(result[1]));
    return result[1];
}

/* One byte, a signal's number. The program may be gone already, and then the result is under way. */
static void pass_on(int control, unsigned number) {
    uint8_t byte = (uint8_t)number;

    while (send(control, &byte, sizeof(byte), MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* Waits for the result, as long as it takes. */
static int wait_for_result(Context *context, int control, int signals) {
    struct pollfd fds[] = { { .fd = control, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
    unsigned interrupts = 0;

    for (;;) {
        struct signalfd_siginfo received;
        int32_t result[2];
        ssize_t n;

        if (poll(fds, ELEMENTSOF(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return report_errno(context, -errno, "waiting for the program");
        }
        if (fds[1].revents && read(signals, &received, sizeof(received)) == sizeof(received)) {
            interrupts += received.ssi_signo == SIGINT;
            pass_on(control, interrupts >= INTERRUPTS_TO_KILL ? SIGKILL : received.ssi_signo);
        }
        if (!fds[0].revents)
            continue;
        n = recv(control, result, sizeof(result), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == sizeof(result))
            return exit_status_of(context, result);
        return report(context, error_info(ERROR_FAILED)->name, EXIT_FAILED, "the result was lost",
                "vpcd went away; see 'journalctl -u vpcd'");
    }
}

int exec_run(Context *context) {
    _cleanup_close_ int control = -1, signals = -1;
    sigset_t passed;
    int ends[2], status;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return report_errno(context, -errno, "socket");
    control = ends[0];
    status = start(context, ends[1]);
    /* Only vpcd holds the other end from here on, so that its going away shows. */
    close(ends[1]);
    if (status != EXIT_DONE)
        return status;

    /* Until here a signal ends us, and the program with us. */
    sigemptyset(&passed);
    sigaddset(&passed, SIGINT);
    sigaddset(&passed, SIGTERM);
    sigaddset(&passed, SIGHUP);
    sigaddset(&passed, SIGQUIT);
    sigprocmask(SIG_BLOCK, &passed, NULL);
    signals = signalfd(-1, &passed, SFD_CLOEXEC);
    if (signals < 0)
        return report_errno(context, -errno, "signals");
    return wait_for_result(context, control, signals);
}
