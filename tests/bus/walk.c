/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls every method of the manager that the running service itself tells of, with good arguments, as whoever runs it.
 *
 * walk            one line per method: NAME SIGNATURE RESULT, in which RESULT is "ok" or the error's name
 * walk --methods  only the names and signatures, and for those that busctl can call its arguments:
 *                 NAME SIGNATURE ARGUMENT…
 *
 * The arguments are made from their names and types, so that a method that comes later is called too: one with an
 * argument of a type that is not known here is a failure of this program. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SERVICE "org.vpcctl.Vpcd1"
#define OBJECT "/org/vpcctl/Vpcd1"
#define MANAGER "org.vpcctl.Vpcd1.Manager"
#define ARGUMENTS_MAX 16
#define RULES "a(ssqqss)"

typedef struct Method {
    char name[64];
    size_t n;
    char names[ARGUMENTS_MAX][64];
    char types[ARGUMENTS_MAX][64];
    bool in[ARGUMENTS_MAX];
} Method;

static void fail(const char *what, int error) {
    fprintf(stderr, "walk: %s: %s\n", what, strerror(error < 0 ? -error : error));
    exit(1);
}

/* The value of an attribute in one tag of the introspection text, "" if it is not there. */
static void attribute(const char *tag, const char *end, const char *name, char value[static 64]) {
    char pattern[64];
    const char *start, *stop;

    snprintf(pattern, sizeof(pattern), " %s=\"", name);
    value[0] = '\0';
    start = strstr(tag, pattern);
    if (!start || start > end)
        return;
    start += strlen(pattern);
    stop = strchr(start, '"');
    if (stop && stop < end && stop - start < 64) {
        memcpy(value, start, (size_t)(stop - start));
        value[stop - start] = '\0';
    }
}

static bool starts(const char *text, const char *beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* What an argument of this name should be, as text. The objects are those that the suite has made. */
static const char *value_for(const Method *method, const char *name) {
    bool new = starts(method->name, "Create") || starts(method->name, "Add");

    if (strcmp(name, "vpc") == 0 || strcmp(name, "vpc1") == 0)
        return "vpc1";
    if (strcmp(name, "vpc2") == 0)
        return "vpc2";
    if (strcmp(name, "subnet") == 0)
        return "public";
    if (strcmp(name, "name") == 0 && new)
        return "walked";
    if (strcmp(name, "name") == 0)
        return strstr(method->name, "Vpc") ? "vpc1" : strstr(method->name, "Subnet") ? "public" : "webserver";
    if (strcmp(name, "cidr") == 0)
        return strstr(method->name, "Vpc") ? "10.77.0.0/16" : "10.0.77.0/24";
    if (strcmp(name, "type") == 0)
        return "public";
    if (strcmp(name, "interface") == 0)
        return "eth0";
    if (strcmp(name, "verb") == 0)
        return "vpc-delete";
    if (strstr(name, "default"))
        return "deny";
    return "public";
}

static int append(sd_bus_message *m, const Method *method, size_t i) {
    const char *type = method->types[i], *name = method->names[i];

    if (strcmp(type, "s") == 0)
        return sd_bus_message_append(m, "s", value_for(method, name));
    if (strcmp(type, "q") == 0)
        return sd_bus_message_append(m, "q", 8081);
    if (strcmp(type, "u") == 0)
        return sd_bus_message_append(m, "u", 5);
    if (strcmp(type, "t") == 0)
        return sd_bus_message_append(m, "t", (uint64_t)0);
    if (strcmp(type, "b") == 0)
        return sd_bus_message_append(m, "b", 0);
    if (strcmp(type, "as") == 0)
        return sd_bus_message_append(m, "as", 1, "true");
    if (strcmp(type, "a{sv}") == 0)
        return sd_bus_message_append(m, "a{sv}", 0);
    if (strcmp(type, RULES) == 0)
        return sd_bus_message_append(m, RULES, 1, "ingress", "tcp", 1, 2, "", "allow");
    if (strcmp(type, "h") == 0) {
        int r, fds[2];

        if (strcmp(name, "control") == 0) {
            if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        } else {
            fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
            fds[1] = -1;
        }
        r = sd_bus_message_append(m, "h", fds[0]);
        close(fds[0]); /* the message has its own; the other end of the pair is left open */
        return r;
    }
    fprintf(stderr, "walk: %s: an argument of type %s is new, teach it here\n", method->name, type);
    exit(1);
}

static void print_argument(const Method *method, size_t i) {
    const char *type = method->types[i], *name = method->names[i];

    if (strcmp(type, "s") == 0)
        printf(" %s", value_for(method, name));
    else if (strcmp(type, "q") == 0)
        printf(" 8081");
    else if (strcmp(type, "u") == 0)
        printf(" 5");
    else if (strcmp(type, "as") == 0)
        printf(" 1 true");
    else if (strcmp(type, RULES) == 0)
        printf(" 1 ingress tcp 1 2 '' allow");
    else
        printf(" 0"); /* empty a{sv}, false, zero */
}

static void visit(sd_bus *bus, const Method *method, bool only_print) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *m = NULL, *reply = NULL;
    char signature[256] = "";
    int r;

    for (size_t i = 0; i < method->n; i++)
        if (method->in[i])
            strncat(signature, method->types[i], sizeof(signature) - strlen(signature) - 1);
    printf("%s %s", method->name, *signature ? signature : "-");
    if (only_print) {
        if (!strchr(signature, 'h'))
            for (size_t i = 0; i < method->n; i++)
                if (method->in[i])
                    print_argument(method, i);
        printf("\n");
        return;
    }

    r = sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT, MANAGER, method->name);
    for (size_t i = 0; r >= 0 && i < method->n; i++)
        if (method->in[i])
            r = append(m, method, i);
    if (r < 0)
        fail(method->name, r);
    r = sd_bus_call(bus, m, 30 * 1000000ULL, &error, &reply);
    printf(" %s\n", r >= 0 ? "ok" : error.name ? error.name : "no-reply");
    fflush(stdout);
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    sd_bus_message_unref(m);
}

int main(int argc, char **argv) {
    bool only_print = argc > 1 && strcmp(argv[1], "--methods") == 0;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    sd_bus *bus = NULL;
    const char *text;
    char *part, *end;
    int r;

    r = sd_bus_open_system(&bus);
    if (r < 0)
        fail("no system bus", r);
    r = sd_bus_call_method(bus, SERVICE, OBJECT, "org.freedesktop.DBus.Introspectable", "Introspect", &error, &reply, "");
    if (r < 0 || (r = sd_bus_message_read(reply, "s", &text)) < 0)
        fail(error.message ? error.message : "cannot introspect", r);
    part = strstr(text, "<interface name=\"" MANAGER "\"");
    end = part ? strstr(part, "</interface>") : NULL;
    if (!end)
        fail("the service does not tell of the interface " MANAGER, ENOENT);

    while ((part = strstr(part, "<method ")) && part < end) {
        char *close_tag = strchr(part, '>'), *method_end;
        Method method = { 0 };

        if (!close_tag)
            fail("bad introspection text", EBADMSG);
        attribute(part, close_tag, "name", method.name);
        method_end = close_tag[-1] == '/' ? close_tag : strstr(close_tag, "</method>");
        for (char *arg = part; (arg = strstr(arg, "<arg ")) && arg < method_end; arg++) {
            char *arg_end = strchr(arg, '>'), direction[64];

            if (method.n == ARGUMENTS_MAX)
                fail(method.name, E2BIG);
            attribute(arg, arg_end, "name", method.names[method.n]);
            attribute(arg, arg_end, "type", method.types[method.n]);
            attribute(arg, arg_end, "direction", direction);
            method.in[method.n] = strcmp(direction, "out") != 0;
            method.n++;
        }
        visit(bus, &method, only_print);
        part = method_end;
    }
    sd_bus_message_unref(reply);
    sd_bus_flush_close_unref(bus);
    return 0;
}
