/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode.h"

#include "core/ident.h"
#include "core/validate.h"
#include "directory.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#define GROUPS_MAX 1024
#define LOG_LINES_MAX 1000

/* A text of a caller inside a message: only what a terminal cannot take amiss, and not without end. */
typedef struct Shown {
    char text[64];
} Shown;

static const char *show(const char *text, Shown *shown) {
    size_t n = 0;

    for (; *text && n < sizeof(shown->text) - 4; text++)
        shown->text[n++] = *text >= ' ' && *text < 0x7f && *text != '\'' ? *text : '?';
    memcpy(shown->text + n, *text ? "..." : "", *text ? 4 : 1);
    return shown->text;
}

static int bad_message(Failure *failure) {
    return failure_set(failure, ERROR_INVALID, "the call's arguments do not have the types of the method");
}

static int no_memory(Failure *failure) {
    (void)failure_set(failure, ERROR_FAILED, "out of memory");
    return -ENOMEM;
}

/* --- the caller --- */

static int read_groups(sd_bus_message *reply, Caller *caller) {
    const void *groups;
    size_t size;
    int r = sd_bus_message_enter_container(reply, 'v', "au");

    if (r < 0)
        return r;
    r = sd_bus_message_read_array(reply, 'u', &groups, &size);
    if (r < 0)
        return r;
    if (size / sizeof(uint32_t) > GROUPS_MAX)
        return -E2BIG;
    free(caller->groups);
    caller->groups = malloc(size ? size : 1);
    if (!caller->groups)
        return -ENOMEM;
    if (size)
        memcpy(caller->groups, groups, size);
    caller->n_groups = size / sizeof(uint32_t);
    return sd_bus_message_exit_container(reply);
}

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups cross the bus as u");

/* The primary group is not marked among the groups that the bus tells, so the user database is asked. It has to be one of
 * those: a caller who has given it up does not get it back from us. */
static void find_primary_group(Caller *caller) {
    struct passwd entry, *found = NULL;
    char buffer[16384];

    caller->gid = caller->n_groups > 0 ? caller->groups[0] : (gid_t)-1;
    if (getpwuid_r(caller->uid, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return;
    if (caller->n_groups == 0)
        caller->gid = found->pw_gid;
    for (size_t i = 0; i < caller->n_groups; i++)
        if (caller->groups[i] == found->pw_gid)
            caller->gid = found->pw_gid;
}

void caller_clear(Caller *caller) {
    free(caller->groups);
    *caller = (Caller){ 0 };
}

int decode_credentials(sd_bus_message *reply, Caller *caller) {
    bool have_uid = false;
    int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        const char *key;

        r = sd_bus_message_read(reply, "s", &key);
        if (r >= 0 && streq(key, "UnixUserID")) {
            uint32_t uid;

            r = sd_bus_message_read(reply, "v", "u", &uid);
            caller->uid = uid;
            have_uid = r >= 0;
        } else if (r >= 0 && streq(key, "UnixGroupIDs"))
            r = read_groups(reply, caller);
        else if (r >= 0)
            r = sd_bus_message_skip(reply, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    if (r < 0)
        return r;
    if (!have_uid || caller->uid == (uid_t)-1)
        return -EACCES;
    find_primary_group(caller);
    return caller->gid == (gid_t)-1 ? -EACCES : 0;
}

int decode_fill(const Caller *caller, Request *request) {
    struct timespec now;

    free(request->groups);
    request->groups = malloc(caller->n_groups ? caller->n_groups * sizeof(gid_t) : 1);
    if (!request->groups)
        return -ENOMEM;
    if (caller->n_groups)
        memcpy(request->groups, caller->groups, caller->n_groups * sizeof(gid_t));
    request->n_groups = caller->n_groups;
    request->uid = caller->uid;
    request->gid = caller->gid;
    clock_gettime(CLOCK_REALTIME, &now);
    request->now = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return 0;
}

int decode_shell(Request *request, Failure *failure) {
    struct passwd entry, *found = NULL;
    char buffer[16384];
    const char *shell;

    if (!request->login_shell)
        return 0;
    if (getpwuid_r(request->as_root ? 0 : request->uid, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return failure_set(failure, ERROR_FAILED, "the user database does not know user %u; name a program to run",
                request->uid);
    shell = *found->pw_shell == '/' ? found->pw_shell : "/bin/sh"; /* empty means that, passwd(5) */
    strings_free(request->argv);
    request->argv = calloc(2, sizeof(char *));
    if (request->argv)
        request->argv[0] = strdup(shell);
    return request->argv && request->argv[0] ? 0 : no_memory(failure);
}

/* --- single arguments --- */

/* `what` says whose name it is: "VPC", "subnet", "workload". */
static int check_name(const char *what, const char *name, char **ret, Failure *failure) {
    Shown shown;

    if (!name_is_valid(name))
        return failure_set(failure, ERROR_INVALID, "%s name '%s': " NAME_RULE, what, show(name, &shown));
    free(*ret);
    *ret = strdup(name);
    return *ret ? 0 : no_memory(failure);
}

static int read_name(sd_bus_message *message, const char *what, char **ret, Failure *failure) {
    const char *name;

    return sd_bus_message_read(message, "s", &name) < 0 ? bad_message(failure) : check_name(what, name, ret, failure);
}

static int check_cidr(const char *text, Cidr *ret, Failure *failure) {
    char block[CIDR_TEXT_MAX];
    Shown shown;

    switch (cidr_parse(text, ret)) {
    case 0:
        return 0;
    case -ERANGE:
        return failure_set(failure, ERROR_INVALID, "CIDR '%s': bits after the prefix are set; the block is %s",
                show(text, &shown), cidr_format(ret, block));
    default:
        return failure_set(failure, ERROR_INVALID, "CIDR '%s': not an address, '/' and a prefix length of 0 to 32, "
                "such as 10.0.0.0/16", show(text, &shown));
    }
}

static int read_cidr(sd_bus_message *message, Cidr *ret, Failure *failure) {
    const char *text;

    return sd_bus_message_read(message, "s", &text) < 0 ? bad_message(failure) : check_cidr(text, ret, failure);
}

/* Words of a fixed set; `parse` gives the value or a negative errno. */
static int read_word(sd_bus_message *message, const char *what, int (*parse)(const char *), const char *words,
        unsigned *ret, Failure *failure) {
    const char *word;
    Shown shown;
    int value;

    if (sd_bus_message_read(message, "s", &word) < 0)
        return bad_message(failure);
    value = parse(word);
    if (value < 0)
        return failure_set(failure, ERROR_INVALID, "%s '%s': it is one of %s", what, show(word, &shown), words);
    *ret = (unsigned)value;
    return 0;
}

/* A descriptor of the message, kept beyond it. */
static int read_fd(sd_bus_message *message, int *ret, Failure *failure) {
    int fd;

    if (sd_bus_message_read(message, "h", &fd) < 0)
        return bad_message(failure);
    close_descriptor(ret);
    *ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return *ret < 0 ? failure_set(failure, ERROR_FAILED, "too many open files") : 0;
}

/* --- options --- */

typedef struct Option {
    const char *key;
    const char *signature;
    int (*read)(sd_bus_message *message, Request *request, Failure *failure); /* inside the variant */
} Option;

static int unknown_option(const char *key, const Option *options, size_t n, Failure *failure) {
    char known[200] = "";
    Shown shown;

    if (n == 0)
        return failure_set(failure, ERROR_INVALID, "option '%s': unknown; this method has none", show(key, &shown));
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(known);

        snprintf(known + used, sizeof(known) - used, "%s'%s'", i == 0 ? "" : i + 1 < n ? ", " : " and ", options[i].key);
    }
    return failure_set(failure, ERROR_INVALID, "option '%s': unknown; this method has %s", show(key, &shown), known);
}

static int read_option(sd_bus_message *message, Request *request, const Option *options, size_t n, Failure *failure) {
    const char *key;

    if (sd_bus_message_read(message, "s", &key) < 0)
        return bad_message(failure);
    for (size_t i = 0; i < n; i++) {
        int r;

        if (!streq(key, options[i].key))
            continue;
        if (sd_bus_message_enter_container(message, 'v', options[i].signature) < 0)
            return failure_set(failure, ERROR_INVALID, "option '%s': its type is '%s'", options[i].key,
                    options[i].signature);
        r = options[i].read(message, request, failure);
        if (r < 0)
            return r;
        return sd_bus_message_exit_container(message) < 0 ? bad_message(failure) : 0;
    }
    return unknown_option(key, options, n, failure);
}

static int read_options(sd_bus_message *message, Request *request, const Option *options, size_t n, Failure *failure) {
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");

    if (r < 0)
        return bad_message(failure);
    while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        r = read_option(message, request, options, n, failure);
        if (r < 0)
            return r;
        if (sd_bus_message_exit_container(message) < 0)
            return bad_message(failure);
    }
    return r < 0 || sd_bus_message_exit_container(message) < 0 ? bad_message(failure) : 0;
}

static int no_options(sd_bus_message *message, Request *request, Failure *failure) {
    return read_options(message, request, NULL, 0, failure);
}

static int option_bool(sd_bus_message *message, bool *ret, Failure *failure) {
    int value;

    if (sd_bus_message_read(message, "b", &value) < 0)
        return bad_message(failure);
    *ret = value;
    return 0;
}

static int option_host_access(sd_bus_message *message, Request *request, Failure *failure) {
    return option_bool(message, &request->host_access, failure);
}

static int option_all(sd_bus_message *message, Request *request, Failure *failure) {
    return option_bool(message, &request->all, failure);
}

static int option_subnet_cidr(sd_bus_message *message, Request *request, Failure *failure) {
    return read_cidr(message, &request->cidr, failure);
}

static int option_workload_name(sd_bus_message *message, Request *request, Failure *failure) {
    return read_name(message, "workload", &request->name, failure);
}

/* Only where it is, is kept: it is entered later, with the rights of the one who runs there. */
static int read_directory(sd_bus_message *message, const char *option, Request *request, Failure *failure) {
    int fd, r;

    if (sd_bus_message_read(message, "h", &fd) < 0)
        return bad_message(failure);
    free(request->directory);
    request->directory = NULL;
    r = directory_path(fd, &request->directory);
    switch (r) {
    case 0:
        return 0;
    case -ENOMEM:
        return no_memory(failure);
    case -ENOENT:
        return failure_set(failure, ERROR_INVALID, "option '%s': the directory has been deleted", option);
    case -ESTALE:
        return failure_set(failure, ERROR_INVALID, "option '%s': the directory is not where the system could find it (was "
                "it moved, or is it on a mount that only the caller sees?)", option);
    case -EINVAL:
        return failure_set(failure, ERROR_INVALID, "option '%s': the directory's path has control characters, is not UTF-8, "
                "or ends in a blank or '\\'", option);
    case -ENOTDIR:
        return failure_set(failure, ERROR_INVALID, "option '%s': it has to be an open directory", option);
    default:
        return failure_set(failure, ERROR_INVALID, "option '%s': the directory cannot be looked at: %s", option,
                strerror(-r));
    }
}

static int option_root(sd_bus_message *message, Request *request, Failure *failure) {
    return read_directory(message, "root", request, failure);
}

static int option_directory(sd_bus_message *message, Request *request, Failure *failure) {
    return read_directory(message, "directory", request, failure);
}

static int option_as_root(sd_bus_message *message, Request *request, Failure *failure) {
    return option_bool(message, &request->as_root, failure);
}

static int option_size(sd_bus_message *message, Request *request, Failure *failure) {
    return sd_bus_message_read(message, "(qq)", &request->rows, &request->columns) < 0 ? bad_message(failure) : 0;
}

static int option_restart(sd_bus_message *message, Request *request, Failure *failure) {
    unsigned restart = RESTART_NO;
    int r = read_word(message, "restart", restart_parse, "'no', 'on-failure' and 'always'", &restart, failure);

    if (r == 0)
        request->restart = (Restart)restart;
    return r;
}

static int option_since(sd_bus_message *message, Request *request, Failure *failure) {
    return sd_bus_message_read(message, "t", &request->since) < 0 ? bad_message(failure) : 0;
}

/* Names of the environment that a program may get from its caller; the rest is made anew. */
static bool environment_is_allowed(const char *assignment) {
    static const char *const names[] = { "TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ", "COLUMNS", "LINES" };
    size_t length = strcspn(assignment, "=");

    if (!variable_is_valid(assignment))
        return false;
    if (length > 3 && strncmp(assignment, "LC_", 3) == 0)
        return strspn(assignment, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == length;
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (strlen(names[i]) == length && strncmp(names[i], assignment, length) == 0)
            return true;
    return false;
}

/* An "as" with caps; `check` may refuse an element. */
static int read_strings(sd_bus_message *message, const char *what, size_t max, bool (*check)(const char *),
        char ***ret, Failure *failure) {
    const char *text;
    size_t n = 0, bytes = 0;
    Shown shown;
    int r;

    for (char **s = *ret; s && *s; s++)
        free(*s);
    free(*ret);
    *ret = calloc(max + 1, sizeof(char *));
    if (!*ret)
        return no_memory(failure);
    if (sd_bus_message_enter_container(message, 'a', "s") < 0)
        return bad_message(failure);
    while ((r = sd_bus_message_read(message, "s", &text)) > 0) {
        bytes += strlen(text) + 1;
        if (n == max || bytes > ARGUMENT_BYTES_MAX)
            return failure_set(failure, ERROR_LIMIT, "%s: more than %zu, or more than %d bytes", what, max,
                    ARGUMENT_BYTES_MAX);
        if (check && !check(text))
            return failure_set(failure, ERROR_INVALID, "%s '%s': it is not one that a program may be given", what,
                    show(text, &shown));
        (*ret)[n] = strdup(text);
        if (!(*ret)[n++])
            return no_memory(failure);
    }
    return r < 0 || sd_bus_message_exit_container(message) < 0 ? bad_message(failure) : 0;
}

static int option_environment(sd_bus_message *message, Request *request, Failure *failure) {
    return read_strings(message, "environment", ENVIRONMENT_MAX, environment_is_allowed, &request->environment, failure);
}

/* --- methods --- */

int decode_options_only(sd_bus_message *message, Request *request, Failure *failure) {
    return no_options(message, request, failure);
}

int decode_filter(sd_bus_message *message, Request *request, Failure *failure) {
    const char *name;
    int r = 0;

    if (sd_bus_message_read(message, "s", &name) < 0)
        return bad_message(failure);
    if (*name)
        r = check_name("VPC", name, &request->vpc, failure);
    return r < 0 ? r : no_options(message, request, failure);
}

static int read_vpc_and_subnet(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_name(message, "VPC", &request->vpc, failure);

    return r < 0 ? r : read_name(message, "subnet", &request->subnet, failure);
}

int decode_subnet(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_vpc_and_subnet(message, request, failure);

    return r < 0 ? r : no_options(message, request, failure);
}

static int read_lines(sd_bus_message *message, Request *request, Failure *failure) {
    uint32_t lines;

    if (sd_bus_message_read(message, "u", &lines) < 0)
        return bad_message(failure);
    if (lines > LOG_LINES_MAX)
        return failure_set(failure, ERROR_LIMIT, "%u lines: at most %d at once", lines, LOG_LINES_MAX);
    request->lines = lines;
    return 0;
}

int decode_log(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_lines(message, request, failure);

    return r < 0 ? r : no_options(message, request, failure);
}

int decode_check_access(sd_bus_message *message, Request *request, Failure *failure) {
    const char *verb, *name;
    Shown shown;
    int r = 0;

    if (sd_bus_message_read(message, "ss", &verb, &name) < 0)
        return bad_message(failure);
    /* Verbs look like names; which there are is the operations' matter. */
    if (!name_is_valid(verb))
        return failure_set(failure, ERROR_INVALID, "verb '%s': there is none of that name", show(verb, &shown));
    if (*name)
        r = check_name("VPC", name, &request->vpc, failure);
    if (r < 0)
        return r;
    request->name = strdup(verb);
    return request->name ? no_options(message, request, failure) : no_memory(failure);
}

int decode_create_vpc(sd_bus_message *message, Request *request, Failure *failure) {
    static const Option options[] = { { "host-access", "b", option_host_access } };
    int r = read_name(message, "VPC", &request->name, failure);

    request->host_access = true;
    if (r == 0)
        r = read_cidr(message, &request->cidr, failure);
    if (r == 0)
        r = validate_vpc_cidr(&request->cidr, failure);
    return r < 0 ? r : read_options(message, request, options, ELEMENTSOF(options), failure);
}

int decode_delete_vpc(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_name(message, "VPC", &request->name, failure);

    return r < 0 ? r : no_options(message, request, failure);
}

int decode_add_subnet(sd_bus_message *message, Request *request, Failure *failure) {
    unsigned type = 0;
    int r = read_name(message, "VPC", &request->vpc, failure);

    if (r == 0)
        r = read_name(message, "subnet", &request->name, failure);
    if (r == 0)
        r = read_cidr(message, &request->cidr, failure);
    if (r == 0)
        r = validate_subnet_cidr(&request->cidr, failure);
    if (r == 0)
        r = read_word(message, "subnet type", subnet_type_parse, "'public' and 'private'", &type, failure);
    if (r < 0)
        return r;
    request->type = (SubnetType)type;
    return no_options(message, request, failure);
}

int decode_delete_subnet(sd_bus_message *message, Request *request, Failure *failure) {
    return decode_subnet(message, request, failure);
}

int decode_enable_nat(sd_bus_message *message, Request *request, Failure *failure) {
    const char *interface;
    Shown shown;
    int r = read_name(message, "VPC", &request->vpc, failure);

    if (r < 0)
        return r;
    if (sd_bus_message_read(message, "s", &interface) < 0)
        return bad_message(failure);
    if (!interface_name_is_valid(interface))
        return failure_set(failure, ERROR_INVALID,
                "interface '%s': an interface name is 1 to 15 of A-Z, a-z, 0-9, '.', '_', '-', ':' and '@', as 'ip link' "
                "shows it",
                show(interface, &shown));
    request->interface = strdup(interface);
    return request->interface ? no_options(message, request, failure) : no_memory(failure);
}

int decode_disable_nat(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_name(message, "VPC", &request->vpc, failure);

    return r < 0 ? r : no_options(message, request, failure);
}

int decode_peering(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_name(message, "VPC", &request->vpc, failure);

    if (r == 0)
        r = read_name(message, "VPC", &request->other_vpc, failure);
    return r < 0 ? r : no_options(message, request, failure);
}

static int read_rule(sd_bus_message *message, size_t index, Rule *rule, Failure *failure) {
    unsigned direction = 0, protocol = 0, action = 0;
    uint16_t first, last;
    const char *cidr;
    int r = read_word(message, "direction", direction_parse, "'ingress' and 'egress'", &direction, failure);

    if (r == 0)
        r = read_word(message, "protocol", protocol_parse, "'tcp', 'udp', 'icmp' and 'all'", &protocol, failure);
    if (r < 0)
        return r;
    if (sd_bus_message_read(message, "qqs", &first, &last, &cidr) < 0)
        return bad_message(failure);
    if ((first == 0) != (last == 0) || first > last)
        return failure_set(failure, ERROR_INVALID,
                "rule %zu: ports %u-%u: a range is 1 to 65535, its first not above its last, or 0-0 for every port", index,
                first, last);
    if (last && protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
        return failure_set(failure, ERROR_INVALID, "rule %zu: protocol '%s' has no ports; leave the port out", index,
                protocol_name((Protocol)protocol));
    rule->peer.address.family = AF_UNSPEC;
    if (*cidr && (r = check_cidr(cidr, &rule->peer, failure)) < 0)
        return r;
    r = read_word(message, "action", action_parse, "'allow' and 'deny'", &action, failure);
    if (r < 0)
        return r;
    rule->direction = (Direction)direction;
    rule->protocol = (Protocol)protocol;
    rule->port_first = first;
    rule->port_last = last;
    rule->action = (Action)action;
    return 0;
}

static int read_rules(sd_bus_message *message, Firewall *firewall, Failure *failure) {
    int r = sd_bus_message_enter_container(message, 'a', "(ssqqss)");

    if (r < 0)
        return bad_message(failure);
    firewall->rules = calloc(RULES_MAX, sizeof(Rule));
    if (!firewall->rules)
        return no_memory(failure);
    while ((r = sd_bus_message_enter_container(message, 'r', "ssqqss")) > 0) {
        if (firewall->n_rules == RULES_MAX)
            return failure_set(failure, ERROR_LIMIT, "policy: more than %d rules", RULES_MAX);
        r = read_rule(message, firewall->n_rules, &firewall->rules[firewall->n_rules], failure);
        if (r < 0)
            return r;
        firewall->n_rules++;
        if (sd_bus_message_exit_container(message) < 0)
            return bad_message(failure);
    }
    return r < 0 || sd_bus_message_exit_container(message) < 0 ? bad_message(failure) : 0;
}

int decode_apply_firewall(sd_bus_message *message, Request *request, Failure *failure) {
    static const Option options[] = { { "subnet-cidr", "s", option_subnet_cidr } };
    int r = read_vpc_and_subnet(message, request, failure);

    if (r < 0)
        return r;
    request->firewall = calloc(1, sizeof(Firewall));
    if (!request->firewall)
        return no_memory(failure);
    for (int i = 0; i < _DIRECTION_MAX; i++) {
        unsigned action = 0;

        r = read_word(message, "default", action_parse, "'allow' and 'deny'", &action, failure);
        if (r < 0)
            return r;
        request->firewall->defaults[i] = (Action)action;
    }
    r = read_rules(message, request->firewall, failure);
    return r < 0 ? r : read_options(message, request, options, ELEMENTSOF(options), failure);
}

int decode_deploy_webserver(sd_bus_message *message, Request *request, Failure *failure) {
    static const Option options[] = { { "name", "s", option_workload_name }, { "root", "h", option_root } };
    int r = read_vpc_and_subnet(message, request, failure);

    if (r < 0)
        return r;
    if (sd_bus_message_read(message, "q", &request->port) < 0)
        return bad_message(failure);
    if (request->port == 0)
        return failure_set(failure, ERROR_INVALID, "port 0: a port is 1 to 65535");
    request->name = strdup("webserver");
    return request->name ? read_options(message, request, options, ELEMENTSOF(options), failure) : no_memory(failure);
}

int decode_workload(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_vpc_and_subnet(message, request, failure);

    if (r == 0)
        r = read_name(message, "workload", &request->name, failure);
    return r < 0 ? r : no_options(message, request, failure);
}

/* "no program" asks for the caller's shell; which one that is, is known once it is known who the caller is. */
static int read_program(sd_bus_message *message, bool shell, Request *request, Failure *failure) {
    int r = read_strings(message, "argument", ARGUMENTS_MAX, NULL, &request->argv, failure);

    if (r < 0)
        return r;
    request->login_shell = shell && !request->argv[0];
    if (!request->login_shell && (!request->argv[0] || !*request->argv[0]))
        return failure_set(failure, ERROR_INVALID, "argv: no program is named");
    return 0;
}

static int read_stdio(sd_bus_message *message, Request *request, Failure *failure) {
    for (size_t i = 0; i < ELEMENTSOF(request->stdio); i++) {
        int r = read_fd(message, &request->stdio[i], failure);

        if (r < 0)
            return r;
        if (fcntl(request->stdio[i], F_GETFL) & O_PATH)
            return failure_set(failure, ERROR_INVALID, "descriptor %zu: it is open for nothing (O_PATH)", i);
        if (is_directory(request->stdio[i]))
            return failure_set(failure, ERROR_INVALID, "descriptor %zu: a directory is no input or output", i);
    }
    return 0;
}

static int read_control(sd_bus_message *message, Request *request, Failure *failure) {
    socklen_t size = sizeof(int);
    int domain = 0, type = 0, r = read_fd(message, &request->control, failure);

    if (r < 0)
        return r;
    if (getsockopt(request->control, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX ||
            getsockopt(request->control, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
        return failure_set(failure, ERROR_INVALID, "control: it has to be one end of a SOCK_SEQPACKET pair");
    return 0;
}

/* The last one makes sense only on a terminal. */
static const Option exec_options[] = {
    { "environment", "as", option_environment },
    { "directory", "h", option_directory },
    { "as-root", "b", option_as_root },
    { "size", "(qq)", option_size },
};

int decode_exec(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_vpc_and_subnet(message, request, failure);

    if (r == 0)
        r = read_program(message, true, request, failure);
    if (r == 0)
        r = read_stdio(message, request, failure);
    if (r == 0)
        r = read_control(message, request, failure);
    return r < 0 ? r : read_options(message, request, exec_options, ELEMENTSOF(exec_options) - 1, failure);
}

int decode_exec_terminal(sd_bus_message *message, Request *request, Failure *failure) {
    int r = read_vpc_and_subnet(message, request, failure);

    request->terminal = true;
    if (r == 0)
        r = read_program(message, true, request, failure);
    if (r == 0)
        r = read_control(message, request, failure);
    return r < 0 ? r : read_options(message, request, exec_options, ELEMENTSOF(exec_options), failure);
}

int decode_deploy(sd_bus_message *message, Request *request, Failure *failure) {
    static const Option options[] = {
        { "environment", "as", option_environment },
        { "directory", "h", option_directory },
        { "restart", "s", option_restart },
    };
    int r = read_vpc_and_subnet(message, request, failure);

    request->restart = RESTART_ON_FAILURE;
    if (r == 0)
        r = read_name(message, "workload", &request->name, failure);
    if (r == 0)
        r = read_program(message, false, request, failure);
    return r < 0 ? r : read_options(message, request, options, ELEMENTSOF(options), failure);
}

int decode_workload_log(sd_bus_message *message, Request *request, Failure *failure) {
    static const Option options[] = { { "since", "t", option_since } };
    int r = read_vpc_and_subnet(message, request, failure);

    if (r == 0)
        r = read_name(message, "workload", &request->name, failure);
    if (r == 0)
        r = read_lines(message, request, failure);
    return r < 0 ? r : read_options(message, request, options, ELEMENTSOF(options), failure);
}

int decode_purge(sd_bus_message *message, Request *request, Failure *failure) {
    static const Option options[] = { { "all", "b", option_all } };

    return read_options(message, request, options, ELEMENTSOF(options), failure);
}
