/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own descriptors stay blocking, since others have them too; they are used when poll(2) says that they are ready, and
 * not for more than fits then. */
#include "terminal.h"

#include "core/util.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#define ESCAPE 0x1d /* ^] */
#define ESCAPES 3
#define ESCAPE_MSEC 1000
#define END_OF_INPUT 0x04 /* ^D */

typedef struct Buffer {
    char bytes[4096]; /* PIPE_BUF: a pipe that is ready takes as much */
    size_t first, n;
} Buffer;

struct Terminal {
    int other;
    struct termios before;
    bool raw;       /* `before` has to be put back */
    bool input_end; /* of ours */
    bool hung_up;   /* the other */
    Buffer keys, output;
    unsigned escapes;
    uint64_t first_escape; /* milliseconds */
};

enum { POLL_KEYS, POLL_OTHER, POLL_OUTPUT };

bool terminal_size(uint16_t *ret_rows, uint16_t *ret_columns) {
    static const int fds[] = { STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO };

    for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
        struct winsize size;

        if (ioctl(fds[i], TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
            *ret_rows = size.ws_row;
            *ret_columns = size.ws_col;
            return true;
        }
    }
    return false;
}

static void make_raw(Terminal *terminal) {
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
        return;
    raw = terminal->before;
    cfmakeraw(&raw);
    terminal->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void put_back(Terminal *terminal) {
    if (terminal->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
    terminal->raw = false;
}

Terminal *terminal_new(int other) {
    Terminal *terminal = calloc(1, sizeof(Terminal));

    if (!terminal)
        return NULL;
    terminal->other = other;
    /* Nobody else has this one. */
    (void)fcntl(other, F_SETFL, fcntl(other, F_GETFL) | O_NONBLOCK);
    make_raw(terminal);
    terminal_resize(terminal);
    return terminal;
}

Terminal *terminal_free(Terminal *terminal) {
    if (!terminal)
        return NULL;
    put_back(terminal);
    close_descriptor(&terminal->other);
    free(terminal);
    return NULL;
}

void terminal_resize(Terminal *terminal) {
    struct winsize size = { 0 };

    if (terminal_size(&size.ws_row, &size.ws_col))
        (void)ioctl(terminal->other, TIOCSWINSZ, &size);
}

void terminal_stop(Terminal *terminal) {
    put_back(terminal);
    raise(SIGSTOP);
    make_raw(terminal);
    terminal_resize(terminal);
}

void terminal_prepare(const Terminal *terminal, struct pollfd fds[static TERMINAL_POLL]) {
    fds[POLL_KEYS] = (struct pollfd){ .fd = terminal->keys.n > 0 || terminal->input_end ? -1 : STDIN_FILENO,
        .events = POLLIN };
    fds[POLL_OTHER] = (struct pollfd){ .fd = terminal->hung_up ? -1 : terminal->other,
        .events = (short)((terminal->output.n == 0 ? POLLIN : 0) | (terminal->keys.n > 0 ? POLLOUT : 0)) };
    fds[POLL_OUTPUT] = (struct pollfd){ .fd = terminal->output.n > 0 ? STDOUT_FILENO : -1, .events = POLLOUT };
    if (fds[POLL_OTHER].events == 0) /* else its hanging up would wake us for ever */
        fds[POLL_OTHER].fd = -1;
}

static uint64_t now_msec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* False at the last escape. */
static bool count_escapes(Terminal *terminal) {
    for (size_t i = 0; i < terminal->keys.n; i++) {
        if (terminal->keys.bytes[i] != ESCAPE) {
            terminal->escapes = 0;
            continue;
        }
        if (terminal->escapes == 0 || now_msec() - terminal->first_escape > ESCAPE_MSEC) {
            terminal->escapes = 0;
            terminal->first_escape = now_msec();
        }
        if (++terminal->escapes == ESCAPES)
            return false;
    }
    return true;
}

static bool read_keys(Terminal *terminal) {
    Buffer *keys = &terminal->keys;
    ssize_t n = read(STDIN_FILENO, keys->bytes, sizeof(keys->bytes));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    keys->first = 0;
    keys->n = n > 0 ? (size_t)n : 0;
    if (n <= 0) { /* as a person would say it */
        terminal->input_end = true;
        keys->bytes[0] = END_OF_INPUT;
        keys->n = 1;
        return true;
    }
    return count_escapes(terminal);
}

static void write_some(Buffer *buffer, int fd) {
    ssize_t n = write(fd, buffer->bytes + buffer->first, buffer->n);

    if (n < 0 && errno != EINTR && errno != EAGAIN)
        n = (ssize_t)buffer->n; /* nobody wants it any more */
    if (n > 0) {
        buffer->first += (size_t)n;
        buffer->n -= (size_t)n;
    }
}

/* False when there is no more. */
static bool read_output(Terminal *terminal) {
    Buffer *output = &terminal->output;
    ssize_t n = read(terminal->other, output->bytes, sizeof(output->bytes));

    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) { /* EIO: nothing has the program's side open any more */
        terminal->hung_up = true;
        return false;
    }
    output->first = 0;
    output->n = (size_t)n;
    return true;
}

bool terminal_forward(Terminal *terminal, const struct pollfd fds[static TERMINAL_POLL]) {
    if (fds[POLL_OUTPUT].revents)
        write_some(&terminal->output, STDOUT_FILENO);
    if (fds[POLL_OTHER].revents & (POLLIN | POLLHUP | POLLERR) && terminal->output.n == 0)
        (void)read_output(terminal);
    if (fds[POLL_OTHER].revents & POLLOUT)
        write_some(&terminal->keys, terminal->other);
    if (fds[POLL_KEYS].revents)
        return read_keys(terminal);
    return true;
}

void terminal_drain(Terminal *terminal) {
    do
        while (terminal->output.n > 0)
            write_some(&terminal->output, STDOUT_FILENO);
    while (!terminal->hung_up && read_output(terminal));
}
