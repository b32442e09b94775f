/* SPDX-License-Identifier: GPL-2.0-or-later */
/* descriptors [ROUNDS]: gives every method that takes a descriptor each kind of wrong one, as whoever runs it, in the subnet
 * vpc1/public. One line per call: METHOD ARGUMENT KIND RESULT MILLISECONDS, in which RESULT is "ok" or the error's name. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

static char scratch[] = "/tmp/descriptors.XXXXXX";

static int open_in_scratch(const char *name, int flags) {
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", scratch, name);
    return open(path, flags | O_CLOEXEC, 0600);
}

static void remove_in_scratch(const char *name) {
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", scratch, name);
    (void)remove(path);
}

static int wrong(const char *kind) {
    char path[128];
    int fd, pair[2];

    if (strcmp(kind, "zero") == 0)
        return open("/dev/zero", O_RDWR | O_CLOEXEC);
    if (strcmp(kind, "fifo") == 0) {
        snprintf(path, sizeof(path), "%s/fifo", scratch);
        (void)mkfifo(path, 0600);
        return open(path, O_RDWR | O_CLOEXEC);
    }
    if (strcmp(kind, "directory") == 0)
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (strcmp(kind, "path") == 0)
        return open("/etc/passwd", O_PATH | O_CLOEXEC);
    if (strcmp(kind, "stream") == 0 || strcmp(kind, "inet") == 0) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return -1;
        close(pair[1]);
        if (strcmp(kind, "stream") == 0)
            return pair[0];
        close(pair[0]);
        return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    if (strcmp(kind, "deleted-file") == 0) {
        fd = open_in_scratch("file", O_RDWR | O_CREAT);
        remove_in_scratch("file");
        return fd;
    }
    if (strcmp(kind, "deleted-directory") == 0) {
        snprintf(path, sizeof(path), "%s/directory", scratch);
        (void)mkdir(path, 0700);
        fd = open_in_scratch("directory", O_RDONLY | O_DIRECTORY);
        remove_in_scratch("directory");
        return fd;
    }
    if (strcmp(kind, "newline-directory") == 0) {
        snprintf(path, sizeof(path), "%s/a\nUser=root", scratch);
        (void)mkdir(path, 0755);
        return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return -1;
}

static double now_msec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Where the wrong descriptor goes; everything else is right. */
static const struct {
    const char *method, *argument;
    const char *kinds[8];
} places[] = {
    { "Exec", "control", { "zero", "fifo", "directory", "path", "stream", "inet", "deleted-file" } },
    { "ExecTerminal", "control", { "zero", "fifo", "directory", "path", "stream", "inet", "deleted-file" } },
    { "Exec", "stdin", { "directory", "path" } },
    { "Exec", "directory", { "zero", "fifo", "path", "stream", "deleted-file", "deleted-directory", "newline-directory" } },
    { "ExecTerminal", "directory", { "zero", "fifo", "deleted-directory", "newline-directory" } },
    { "Deploy", "directory", { "zero", "fifo", "path", "stream", "deleted-file", "deleted-directory", "newline-directory" } },
    { "DeployWebserver", "root", { "zero", "fifo", "path", "stream", "deleted-file", "deleted-directory",
                                         "newline-directory" } },
};

static int fill(sd_bus_message *m, const char *method, const char *argument, int fd, int control) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), r = sd_bus_message_append(m, "ss", "vpc1", "public");

    if (strcmp(argument, "control") == 0)
        control = fd;
    if (r >= 0 && strcmp(method, "Deploy") == 0)
        r = sd_bus_message_append(m, "s", "wrong");
    if (r >= 0 && strcmp(method, "DeployWebserver") == 0)
        r = sd_bus_message_append(m, "q", 8099);
    else if (r >= 0)
        r = sd_bus_message_append(m, "as", 1, "true");
    if (r >= 0 && strcmp(method, "Exec") == 0)
        r = sd_bus_message_append(m, "hhhh", strcmp(argument, "stdin") == 0 ? fd : null, null, null, control);
    if (r >= 0 && strcmp(method, "ExecTerminal") == 0)
        r = sd_bus_message_append(m, "h", control);
    if (r >= 0)
        r = strcmp(argument, "directory") == 0 || strcmp(argument, "root") == 0
                ? sd_bus_message_append(m, "a{sv}", 1, argument, "h", fd)
                : sd_bus_message_append(m, "a{sv}", 0);
    close(null);
    return r;
}

static void try(sd_bus *bus, const char *method, const char *argument, const char *kind, bool tell) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *m = NULL, *reply = NULL;
    int fd = wrong(kind), pair[2], r;
    double before;

    if (fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        printf("%s %s %s cannot-try: %s\n", method, argument, kind, strerror(errno));
        return;
    }
    r = sd_bus_message_new_method_call(bus, &m, "org.vpcctl.Vpcd1", "/org/vpcctl/Vpcd1", "org.vpcctl.Vpcd1.Manager", method);
    if (r >= 0)
        r = fill(m, method, argument, fd, pair[0]);
    before = now_msec();
    if (r >= 0)
        r = sd_bus_call(bus, m, 30 * 1000000ULL, &error, &reply);
    if (tell)
        printf("%s %s %s %s %.0f\n", method, argument, kind, r >= 0 ? "ok" : error.name ? error.name : strerror(-r),
                now_msec() - before);
    close(fd);
    close(pair[0]);
    close(pair[1]);
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    sd_bus_message_unref(m);
}

int main(int argc, char **argv) {
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    sd_bus *bus = NULL;

    if (!mkdtemp(scratch) || chmod(scratch, 0755) < 0 || sd_bus_open_system(&bus) < 0)
        return 1;
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
            for (const char *const *kind = places[i].kinds; *kind; kind++)
                try(bus, places[i].method, places[i].argument, *kind, round == 0);
    sd_bus_flush_close_unref(bus);
    remove_in_scratch("fifo");
    remove_in_scratch("a\nUser=root");
    (void)rmdir(scratch);
    return 0;
}
