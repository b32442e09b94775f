/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a program in a subnet. PID 1 starts it on our standard descriptors; over the control socket we pass signals on
 * and learn how it ended. Our end of the socket closing ends the program, so it cannot outlive us. */

#include "call.h"
#include "client.h"
#include "program.h"
#include "terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

/* An impatient person's third interrupt. */
#define INTERRUPTS_TO_KILL 3

/* On a terminal of its own rather than on our descriptors. */
static bool wants_terminal(const Context *context) {
    if (context_given(context, OPTION_TTY) || context_given(context, OPTION_NO_TTY))
        return context_given(context, OPTION_TTY);
    /* Who sends errors elsewhere wants them there. */
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
}

static int append_size(sd_bus_message *call) {
    uint16_t rows, columns;

    return terminal_size(&rows, &columns) ? sd_bus_message_append(call, "{sv}", "size", "(qq)", rows, columns) : 0;
}

/* Asks for the program to be started. *ret_terminal: -1 without one. A status. */
static int start(Context *context, bool on_terminal, int control, int *ret_terminal) {
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    _cleanup_close_ int directory = -1;
    bool as_root = context_given(context, OPTION_AS_ROOT);
    int status, terminal, r;

    /* Root there sees little of the machine, and perhaps not where we are. */
    if (!as_root || context_given(context, OPTION_DIRECTORY)) {
        status = program_directory(context, &directory);
        if (status != EXIT_DONE)
            return status;
    }
    status = call_new(context, on_terminal ? "ExecTerminal" : "Exec", &call, "ss", context->values[OPTION_VPC],
            context->values[OPTION_SUBNET]);
    if (status == EXIT_DONE)
        status = program_append(context, call);
    if (status != EXIT_DONE)
        return status;
    r = on_terminal ? sd_bus_message_append(call, "h", control)
                    : sd_bus_message_append(call, "hhhh", STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, control);
    if (r >= 0)
        r = program_open_options(call, directory);
    if (r >= 0 && as_root)
        r = sd_bus_message_append(call, "{sv}", "as-root", "b", (int)true);
    if (r >= 0 && on_terminal)
        r = append_size(call);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r < 0)
        return report_errno(context, r, "call");
    status = call_send(context, call, &reply);
    if (status != EXIT_DONE || !on_terminal)
        return status;
    r = sd_bus_message_read(reply, "sh", NULL, &terminal);
    if (r >= 0) {
        *ret_terminal = fcntl(terminal, F_DUPFD_CLOEXEC, 3);
        r = *ret_terminal < 0 ? -errno : 0;
    }
    return r < 0 ? report_errno(context, r, "terminal") : EXIT_DONE;
}

/* Statuses that the service manager gives when it could not get as far as the program (systemd.exec(5)). */
static const char *failure_of_start(int status) {
    switch (status) {
    case 203:
        return "it cannot be run: there is no such program, or it is none, or you may not run it";
    case 200:
        return "its working directory could not be entered";
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
        fprintf(stderr, "vpcctl: %s: exit status %d: %s\n", context->n_command > 0 ? context->command[0] : "exec",
                result[1], failure_of_start(result[1]));
    return result[1];
}

/* One byte, a signal's number. The program may be gone already, and then the result is under way. */
static void pass_on(int control, unsigned number) {
    uint8_t byte = (uint8_t)number;

    while (send(control, &byte, sizeof(byte), MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* Handles what has been received: most of it is for the program. */
static void take_signal(int signals, int control, Terminal *terminal, unsigned *interrupts) {
    struct signalfd_siginfo received;

    if (read(signals, &received, sizeof(received)) != sizeof(received))
        return;
    switch (received.ssi_signo) {
    case SIGWINCH:
        terminal_resize(terminal);
        return;
    case SIGTSTP:
        terminal_stop(terminal);
        return;
    default:
        *interrupts += received.ssi_signo == SIGINT;
        pass_on(control, *interrupts >= INTERRUPTS_TO_KILL ? SIGKILL : received.ssi_signo);
    }
}

/* Waits for the result, as long as it takes. terminal: NULL without one. Puts our own back before it says anything. */
static int wait_for_result(Context *context, int control, int signals, Terminal **terminal) {
    struct pollfd fds[2 + TERMINAL_POLL] = { { .fd = control, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
    unsigned interrupts = 0;

    for (;;) {
        int32_t result[2];
        ssize_t n;

        if (*terminal)
            terminal_prepare(*terminal, fds + 2);
        if (poll(fds, *terminal ? ELEMENTSOF(fds) : 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            n = errno;
            *terminal = terminal_free(*terminal);
            return report_errno(context, (int)-n, "waiting for the program");
        }
        if (fds[1].revents)
            take_signal(signals, control, *terminal, &interrupts);
        if (*terminal && !terminal_forward(*terminal, fds + 2)) {
            *terminal = terminal_free(*terminal);
            return report(context, error_info(ERROR_FAILED)->name, EXIT_FAILED, "left, which ends the program", NULL);
        }
        if (!fds[0].revents)
            continue;
        n = recv(control, result, sizeof(result), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (*terminal)
            terminal_drain(*terminal);
        *terminal = terminal_free(*terminal);
        if (n == sizeof(result))
            return exit_status_of(context, result);
        return report(context, error_info(ERROR_FAILED)->name, EXIT_FAILED, "the result was lost",
                "vpcd went away; see 'journalctl -u vpcd'");
    }
}

/* The signals that are handled from here on. Until then they end us, and the program with us. */
static int open_signals(bool on_terminal) {
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGHUP);
    sigaddset(&handled, SIGQUIT);
    if (on_terminal) {
        sigaddset(&handled, SIGWINCH);
        sigaddset(&handled, SIGTSTP);
    }
    sigprocmask(SIG_BLOCK, &handled, NULL);
    return signalfd(-1, &handled, SFD_CLOEXEC);
}

int exec_run(Context *context) {
    _cleanup_close_ int control = -1, signals = -1;
    bool on_terminal = wants_terminal(context);
    int ends[2], status, other = -1;
    Terminal *terminal = NULL;

    if (context_given(context, OPTION_TTY) && context_given(context, OPTION_NO_TTY))
        return report_usage(context, "--tty and --no-tty exclude each other");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return report_errno(context, -errno, "socket");
    control = ends[0];
    status = start(context, on_terminal, ends[1], &other);
    /* Only vpcd holds the other end from here on, so that its going away shows. */
    close(ends[1]);
    if (status != EXIT_DONE)
        return status;
    signals = open_signals(on_terminal);
    if (signals < 0)
        return report_errno(context, -errno, "signals");
    if (on_terminal) {
        terminal = terminal_new(other);
        if (!terminal)
            return report_errno(context, -ENOMEM, "terminal");
    }
    return wait_for_result(context, control, signals, &terminal);
}
