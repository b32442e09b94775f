/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: one table of verbs, from which parsing, help, completion and their checks all come. */

#include "call.h"
#include "client.h"
#include "core/cidr.h"
#include "core/ident.h"
#include "table.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#define REQUIRED PARAMETER_REQUIRED
#define POSITIONAL PARAMETER_POSITIONAL
#define NAME (PARAMETER_REQUIRED | PARAMETER_POSITIONAL)

static int help(Context *context);

static const char *const option_names[] = {
    [OPTION_NAME] = "name",
    [OPTION_CIDR] = "cidr",
    [OPTION_VPC] = "vpc",
    [OPTION_SUBNET] = "subnet",
    [OPTION_TYPE] = "type",
    [OPTION_INTERFACE] = "interface",
    [OPTION_PORT] = "port",
    [OPTION_ROOT] = "root",
    [OPTION_VPC1] = "vpc1",
    [OPTION_VPC2] = "vpc2",
    [OPTION_POLICY] = "policy",
    [OPTION_LINES] = "lines",
    [OPTION_NO_HOST_ACCESS] = "no-host-access",
    [OPTION_ALL] = "all",
    [OPTION_YES] = "yes",
    [OPTION_LIST] = "list",
    [OPTION_VERB] = "verb",
    [OPTION_DIRECTORY] = "directory",
    [OPTION_AS_ROOT] = "as-root",
    [OPTION_TTY] = "tty",
    [OPTION_NO_TTY] = "no-tty",
    [OPTION_RESTART] = "restart",
    [OPTION_FOLLOW] = "follow",
    [OPTION_VERIFY] = "verify",
    [OPTION_JSON] = "json",
    [OPTION_NO_LEGEND] = "no-legend",
    [OPTION_NO_ASK_PASSWORD] = "no-ask-password",
    [OPTION_HELP] = "help",
    [OPTION_VERSION] = "version",
};
_Static_assert(ELEMENTSOF(option_names) == _OPTION_MAX, "every option has a spelling");

static const Parameter globals[] = {
    { OPTION_JSON, VALUE_FLAG, 0, "print JSON, errors too" },
    { OPTION_NO_LEGEND, VALUE_FLAG, 0, "no header line above a table" },
    { OPTION_NO_ASK_PASSWORD, VALUE_FLAG, 0, "fail rather than ask for a password" },
    { OPTION_HELP, VALUE_FLAG, 0, "this help" },
    { OPTION_VERSION, VALUE_FLAG, 0, "the version" },
};

#define THE_VPC                                                                                                        \
    { OPTION_VPC, VALUE_VPC, NAME, "the VPC" }
#define ONE_VPC                                                                                                        \
    { OPTION_VPC, VALUE_VPC, POSITIONAL, "only of this VPC" }
#define THE_SUBNET                                                                                                     \
    { OPTION_SUBNET, VALUE_SUBNET, NAME, "the subnet" }

static const Verb verbs[] = {
    { "vpc", "create", NULL, "make a VPC", false,
            { { OPTION_NAME, VALUE_VPC, NAME, "its name: a lower-case letter, then up to 30 of a-z, 0-9, '-'" },
                    { OPTION_CIDR, VALUE_CIDR, NAME, "its addresses, as 10.0.0.0/16; the first is its gateway" },
                    { OPTION_NO_HOST_ACCESS, VALUE_FLAG, 0, "no route from this host to it" } },
            vpc_create },
    { "vpc", "list", NULL, "all VPCs", false, { { 0 } }, vpc_list },
    { "vpc", "show", NULL, "one VPC in full", false, { { OPTION_NAME, VALUE_VPC, NAME, "the VPC" } }, vpc_show },
    { "vpc", "delete", NULL, "end a VPC and everything in it", false, { { OPTION_NAME, VALUE_VPC, NAME, "the VPC" } },
            vpc_delete },

    { "subnet", "add", "create", "make a subnet in a VPC", false,
            { THE_VPC, { OPTION_NAME, VALUE_SUBNET, NAME, "the new subnet's name" },
                    { OPTION_CIDR, VALUE_CIDR, NAME, "its addresses, part of the VPC's" },
                    { OPTION_TYPE, VALUE_TYPE, 0, "'public' may use the VPC's NAT, 'private' (the default) may not" } },
            subnet_add },
    { "subnet", "list", NULL, "all subnets, or those of one VPC", false, { ONE_VPC }, subnet_list },
    { "subnet", "show", NULL, "one subnet in full", false,
            { THE_VPC, { OPTION_NAME, VALUE_SUBNET, NAME, "the subnet" } }, subnet_show },
    { "subnet", "delete", NULL, "end a subnet and everything in it", false,
            { THE_VPC, { OPTION_NAME, VALUE_SUBNET, NAME, "the subnet" } }, subnet_delete },

    { "nat", "enable", NULL, "let public subnets reach the internet", false,
            { THE_VPC, { OPTION_INTERFACE, VALUE_INTERFACE, NAME, "the host's interface to leave by, as eth0" } },
            nat_enable },
    { "nat", "disable", "delete", "shut a VPC off from the internet", false, { THE_VPC }, nat_disable },
    { "nat", "list", NULL, "the VPCs that have NAT", false, { { 0 } }, nat_list },
    { "nat", "show", NULL, "the NAT of one VPC", false, { THE_VPC }, nat_show },

    { "peer", "create", NULL, "let two VPCs reach each other", false,
            { { OPTION_VPC1, VALUE_VPC, NAME, "a VPC" }, { OPTION_VPC2, VALUE_VPC, NAME, "the other one" } },
            peer_create },
    { "peer", "accept", NULL, "agree to a peering that the other side asked for", false,
            { { OPTION_VPC1, VALUE_VPC, NAME, "a VPC" }, { OPTION_VPC2, VALUE_VPC, NAME, "the other one" } },
            peer_accept },
    { "peer", "list", NULL, "all peerings, or those of one VPC", false, { ONE_VPC }, peer_list },
    { "peer", "show", NULL, "one peering in full", false,
            { { OPTION_VPC1, VALUE_VPC, NAME, "a VPC" }, { OPTION_VPC2, VALUE_VPC, NAME, "the other one" } },
            peer_show },
    { "peer", "delete", NULL, "part two VPCs, or turn a request down", false,
            { { OPTION_VPC1, VALUE_VPC, NAME, "a VPC" }, { OPTION_VPC2, VALUE_VPC, NAME, "the other one" } },
            peer_delete },

    { "firewall", "apply", NULL, "give a subnet a policy, in place of the one it has", false,
            { THE_VPC, THE_SUBNET,
                    { OPTION_POLICY, VALUE_FILE, NAME, "a policy file, or '-' for standard input; see vpcctl(1)" } },
            firewall_apply },
    { "firewall", "list", NULL, "which subnets have a policy", false, { ONE_VPC }, firewall_list },
    { "firewall", "show", NULL, "a subnet's policy; with --json as a policy file", false, { THE_VPC, THE_SUBNET },
            firewall_show },
    { "firewall", "clear", "delete", "take a subnet's policy away", false, { THE_VPC, THE_SUBNET }, firewall_clear },

    { "deploy", "webserver", NULL, "run a web server in a subnet, as you", false,
            { THE_VPC, THE_SUBNET, { OPTION_PORT, VALUE_PORT, NAME, "the TCP port it listens on" },
                    { OPTION_NAME, VALUE_WORKLOAD, 0, "its name ('webserver')" },
                    { OPTION_ROOT, VALUE_DIRECTORY, 0, "what it serves; without it a page that says where it runs" } },
            deploy_webserver },
    { "deploy", "run", NULL, "keep a program running in a subnet, as you", COMMAND_REQUIRED,
            { THE_VPC, THE_SUBNET, { OPTION_NAME, VALUE_WORKLOAD, REQUIRED, "its name" },
                    { OPTION_RESTART, VALUE_RESTART, 0, "start it again: 'always', 'on-failure' (the default) or 'no'" },
                    { OPTION_DIRECTORY, VALUE_DIRECTORY, 0, "where it starts; without it here" } },
            deploy_run },
    { "deploy", "list", NULL, "what runs, everywhere or in one VPC", false, { ONE_VPC }, deploy_list },
    { "deploy", "show", NULL, "one of them in full", false,
            { THE_VPC, THE_SUBNET, { OPTION_NAME, VALUE_WORKLOAD, POSITIONAL, "its name ('webserver')" } },
            deploy_show },
    { "deploy", "logs", NULL, "what one of them wrote, and what became of it", false,
            { THE_VPC, THE_SUBNET, { OPTION_NAME, VALUE_WORKLOAD, POSITIONAL, "its name ('webserver')" },
                    { OPTION_LINES, VALUE_NUMBER, 0, "how many of the newest lines (20)" },
                    { OPTION_FOLLOW, VALUE_FLAG, 0, "go on until interrupted" } },
            deploy_logs },
    { "deploy", "restart", NULL, "end it and start it again", false,
            { THE_VPC, THE_SUBNET, { OPTION_NAME, VALUE_WORKLOAD, POSITIONAL, "its name ('webserver')" } },
            deploy_restart },
    { "deploy", "stop", "delete", "end it", false,
            { THE_VPC, THE_SUBNET, { OPTION_NAME, VALUE_WORKLOAD, POSITIONAL, "its name ('webserver')" } },
            deploy_stop },

    { "exec", NULL, NULL, "run a program inside a subnet, as you; without one your shell", COMMAND_OPTIONAL,
            { THE_VPC, THE_SUBNET, { OPTION_DIRECTORY, VALUE_DIRECTORY, 0, "where it starts; without it here" },
                    { OPTION_AS_ROOT, VALUE_FLAG, 0, "as root, but with power over the subnet's network only" },
                    { OPTION_TTY, VALUE_FLAG, 0, "on a terminal of its own, as when all three of ours are one" },
                    { OPTION_NO_TTY, VALUE_FLAG, 0, "on our input and output as they are" } },
            exec_run },
    { "log", NULL, NULL, "what was changed, or refused, of what is yours", false,
            { { OPTION_LINES, VALUE_NUMBER, 0, "how many of the newest lines (20)" } }, log_show },
    { "whoami", NULL, NULL, "who you are to vpcd, and what you may do", false, { { 0 } }, access_whoami },
    { "can", NULL, NULL, "whether you may do something, without trying: exit status 0 or 4", false,
            { { OPTION_VERB, VALUE_VERB, NAME, "as in the log, for instance vpc-create, nat-enable, exec" },
                    { OPTION_VPC, VALUE_VPC, POSITIONAL, "the VPC it would be done to" } },
            access_can },
    { "monitor", NULL, NULL, "changes, as they are made, until interrupted", false, { { 0 } }, monitor },
    { "check", NULL, NULL, "whether your VPCs are as they should be: exit status 0 or 1", false,
            { { OPTION_VPC, VALUE_VPC, POSITIONAL, "only this VPC" } }, check },
    { "repair", NULL, NULL, "mend what 'check' finds broken of vpcctl's own", false,
            { { OPTION_VPC, VALUE_VPC, POSITIONAL, "only this VPC" } }, repair },
    { "cleanup", NULL, NULL, "delete all your VPCs", false,
            { { OPTION_ALL, VALUE_FLAG, 0, "everybody's, and whatever else is left of vpcctl" },
                    { OPTION_YES, VALUE_FLAG, 0, "do not ask" },
                    { OPTION_VERIFY, VALUE_FLAG, 0, "afterwards look whether anything is left: exit status 0 or 1" } },
            cleanup },
    { "help", NULL, NULL, "this help", false,
            { { OPTION_LIST, VALUE_FLAG, 0, "every command with its options, for programs" } }, help },
};

/* Bare "vpcctl". Not in the table, since it has no name. */
static const Verb bare = { "", NULL, NULL, NULL, false, { { 0 } }, overview };

/* Checks of values: whether it is one, and if not, why. They use the helper's own functions and are here so that nobody
 * is asked for a password for a mistyped name. */

static int check_name(const Context *context, const char *option, const char *value) {
    if (!name_is_valid(value))
        return report_usage(context, "'%s' is no name for --%s: %s", value, option, NAME_RULE);
    return EXIT_DONE;
}

static int check_cidr(const Context *context, const char *option, const char *value) {
    char text[CIDR_TEXT_MAX];
    Cidr cidr;
    int r = cidr_parse(value, &cidr);

    if (r == -ERANGE)
        return report_usage(context, "--%s %s has bits set beyond its prefix; the block around it is %s", option, value,
                cidr_format(&cidr, text));
    if (r < 0)
        return report_usage(context, "--%s %s is no block of addresses such as 10.0.0.0/16", option, value);
    return EXIT_DONE;
}

static int check_type(const Context *context, const char *option, const char *value) {
    if (subnet_type_parse(value) < 0)
        return report_usage(context, "--%s is 'public' or 'private', not '%s'", option, value);
    return EXIT_DONE;
}

static int check_interface(const Context *context, const char *option, const char *value) {
    if (!interface_name_is_valid(value))
        return report_usage(context, "'%s' is no interface's name", value);
    return EXIT_DONE;
}

/* Decimal digits only: strtoul alone would take signs, spaces and "0x". */
static bool number_parse(const char *text, unsigned limit, unsigned *ret) {
    unsigned number = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned)(*text - '0');
        if (number > limit)
            return false;
    }
    *ret = number;
    return true;
}

#define NUMBER_LIMIT 100000

static int check_port(const Context *context, const char *option, const char *value) {
    unsigned port;

    if (!number_parse(value, UINT16_MAX, &port) || port == 0)
        return report_usage(context, "--%s is a number from 1 to 65535, not '%s'", option, value);
    return EXIT_DONE;
}

static int check_number(const Context *context, const char *option, const char *value) {
    unsigned number;

    if (!number_parse(value, NUMBER_LIMIT, &number) || number == 0)
        return report_usage(context, "--%s is a number from 1 to %d, not '%s'", option, NUMBER_LIMIT, value);
    return EXIT_DONE;
}

static int check_restart(const Context *context, const char *option, const char *value) {
    if (restart_parse(value) < 0)
        return report_usage(context, "--%s is 'always', 'on-failure' or 'no', not '%s'", option, value);
    return EXIT_DONE;
}

static int check_path(const Context *context, const char *option, const char *value) {
    if (!*value)
        return report_usage(context, "--%s needs a path", option);
    return EXIT_DONE;
}

static const struct {
    const char *word;
    int (*check)(const Context *context, const char *option, const char *value);
} values[] = {
    [VALUE_FLAG] = { NULL, NULL },
    [VALUE_VPC] = { "VPC", check_name },
    [VALUE_SUBNET] = { "SUBNET", check_name },
    [VALUE_WORKLOAD] = { "WORKLOAD", check_name },
    [VALUE_CIDR] = { "CIDR", check_cidr },
    [VALUE_TYPE] = { "TYPE", check_type },
    [VALUE_INTERFACE] = { "INTERFACE", check_interface },
    [VALUE_PORT] = { "PORT", check_port },
    [VALUE_DIRECTORY] = { "DIRECTORY", check_path },
    [VALUE_FILE] = { "FILE", check_path },
    [VALUE_NUMBER] = { "NUMBER", check_number },
    [VALUE_RESTART] = { "RESTART", check_restart },
    [VALUE_VERB] = { "VERB", NULL },
};
_Static_assert(ELEMENTSOF(values) == _VALUE_MAX, "every kind of value has a word");

unsigned context_number(const Context *context, OptionId option) {
    unsigned number = 0;

    number_parse(context->values[option], NUMBER_LIMIT, &number);
    return number;
}

/* A name is a part of what a command is about. */
static bool kind_is_name(ValueKind kind) {
    return kind == VALUE_VPC || kind == VALUE_SUBNET || kind == VALUE_WORKLOAD;
}

static const Parameter *next_positional(const Verb *verb, const Parameter *after) {
    for (const Parameter *p = after ? after + 1 : verb->parameters; p->help; p++)
        if (p->flags & POSITIONAL)
            return p;
    return NULL;
}

char *context_subject(const Context *context) {
    char *subject = strdup("");

    for (const Parameter *p = context->verb->parameters; subject && p->help; p++) {
        const char *value = context->values[p->option];
        char *longer;

        if (!kind_is_name(p->kind) || !value)
            continue;
        if (asprintf(&longer, "%s%s%s", subject, *subject ? "/" : "", value) < 0)
            longer = NULL;
        free(subject);
        subject = longer;
    }
    return subject;
}

/* Help. */

static void print_usage_word(const Parameter *p) {
    printf(p->flags & REQUIRED ? " --%s" : " [--%s", option_names[p->option]);
    if (p->kind != VALUE_FLAG)
        printf(" %s", values[p->kind].word);
    if (!(p->flags & REQUIRED))
        printf("]");
}

static void print_usage(const Verb *verb, const char *before) {
    const Parameter *p;

    printf("%s vpcctl %s%s%s", before, verb->noun, verb->verb ? " " : "", verb->verb ? verb->verb : "");
    for (p = verb->parameters; p->help; p++)
        print_usage_word(p);
    printf("%s\n", verb->takes_command == COMMAND_NONE ? "" : verb->takes_command == COMMAND_OPTIONAL ? " [-- PROGRAM [ARGUMENT...]]"
                                                                                           : " -- PROGRAM [ARGUMENT...]");

    p = next_positional(verb, NULL);
    if (!p)
        return;
    printf("%*s vpcctl %s%s%s", (int)strlen(before), "", verb->noun, verb->verb ? " " : "",
            verb->verb ? verb->verb : "");
    for (const Parameter *previous = NULL; p; previous = p, p = next_positional(verb, p)) {
        bool joined = previous && kind_is_name(previous->kind) && kind_is_name(p->kind) && p->kind != VALUE_VPC;

        printf(p->flags & REQUIRED ? "%s%s" : "[%s%s]", joined ? "/" : " ", values[p->kind].word);
    }
    for (p = verb->parameters; p->help; p++)
        if (!(p->flags & POSITIONAL))
            print_usage_word(p);
    printf("%s\n", verb->takes_command == COMMAND_NONE ? "" : verb->takes_command == COMMAND_OPTIONAL ? " [PROGRAM [ARGUMENT...]]"
                                                                                           : " PROGRAM [ARGUMENT...]");
}

static void print_option(const Parameter *p) {
    const char *word = values[p->kind].word;
    int used = printf("  --%s%s%s", option_names[p->option], word ? " " : "", word ? word : "");

    printf("%*s%s\n", used < 26 ? 26 - used : 1, "", p->help);
}

static void print_verb_line(const Verb *verb) {
    int used = printf("  %s%s%s", verb->noun, verb->verb ? " " : "", verb->verb ? verb->verb : "");

    printf("%*s%s", used < 22 ? 22 - used : 1, "", verb->help);
    if (verb->alias)
        printf(" (also: %s)", verb->alias);
    printf("\n");
}

static void print_globals(void) {
    printf("\nOptions of every command:\n");
    for (size_t i = 0; i < ELEMENTSOF(globals); i++)
        print_option(&globals[i]);
}

/* The whole of it, or of one noun, or of one verb. */
static void print_help(const char *noun, const Verb *verb) {
    if (verb && verb != &bare) {
        print_usage(verb, "Usage:");
        printf("\n%s%s%s: %s", verb->noun, verb->verb ? " " : "", verb->verb ? verb->verb : "", verb->help);
        if (verb->alias)
            printf(" (also: %s %s)", verb->noun, verb->alias);
        printf("\n\n");
        for (const Parameter *p = verb->parameters; p->help; p++)
            print_option(p);
        print_globals();
        return;
    }
    if (noun)
        printf("Usage: vpcctl %s VERB [OPTION...]\n\n", noun);
    else
        printf("Usage: vpcctl [NOUN VERB] [OPTION...]\n\n"
               "Private cloud networks on this machine. Without a command: what there is.\n\n");
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        if (!noun || streq(noun, verbs[i].noun))
            print_verb_line(&verbs[i]);
    print_globals();
    printf("\n'vpcctl %s%s--help' tells the options of one; names may also be given without their option.\n"
           "All of it is in vpcctl(1).\n",
            noun ? noun : "NOUN", " VERB ");
}

static void print_list_option(const Parameter *p, const char *before) {
    const char *word = values[p->kind].word;

    printf("%s--%s%s%s", before, option_names[p->option], word ? "=" : "", word ? word : "");
}

/* "noun verb<TAB>--option=VALUE --flag": what completion reads and what tests compare the man page with. */
static void print_list_line(const Verb *verb, const char *word) {
    printf("%s%s%s\t", verb->noun, word ? " " : "", word ? word : "");
    for (const Parameter *p = verb->parameters; p->help; p++)
        print_list_option(p, p == verb->parameters ? "" : " ");
    for (size_t i = 0; i < ELEMENTSOF(globals); i++)
        print_list_option(&globals[i], i == 0 && !verb->parameters->help ? "" : " ");
    printf("\n");
}

static int help(Context *context) {
    if (!context_given(context, OPTION_LIST)) {
        print_help(NULL, NULL);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
        print_list_line(&verbs[i], verbs[i].verb);
        if (verbs[i].alias)
            print_list_line(&verbs[i], verbs[i].alias);
    }
    return EXIT_DONE;
}

/* Parsing. */

typedef struct Parser {
    Context *context;
    char **argv;
    size_t argc, next;
    char **words; /* what was no option, in order; borrowed */
    size_t n_words;
} Parser;

/* Takes the option at hand, with its value if it has one. list ends at a NULL help or after n. */
static const Parameter *find_parameter(const Parameter *list, size_t n, const char *name, size_t length) {
    for (size_t i = 0; i < n && list[i].help; i++)
        if (strlen(option_names[list[i].option]) == length && strncmp(option_names[list[i].option], name, length) == 0)
            return &list[i];
    return NULL;
}

static int parse_option(Parser *parser) {
    Context *context = parser->context;
    const char *text = parser->argv[parser->next++], *name = text + 2, *equals, *value = "";
    const Parameter *p = NULL;
    size_t length;

    if (streq(text, "-h"))
        name = "help";
    else if (strncmp(text, "--", 2) != 0)
        return report_usage(context, "unknown option '%s'", text);

    equals = strchr(name, '=');
    length = equals ? (size_t)(equals - name) : strlen(name);
    if (context->verb)
        p = find_parameter(context->verb->parameters, ELEMENTSOF(context->verb->parameters), name, length);
    if (!p)
        p = find_parameter(globals, ELEMENTSOF(globals), name, length);
    if (!p)
        return report_usage(context, context->verb ? "unknown option '--%.*s'" : "option '--%.*s' before any command",
                (int)length, name);

    if (p->kind == VALUE_FLAG) {
        if (equals)
            return report_usage(context, "--%.*s takes no value", (int)length, name);
    } else {
        if (context_given(context, p->option))
            return report_usage(context, "--%.*s is given twice", (int)length, name);
        if (equals)
            value = equals + 1;
        else if (parser->next < parser->argc && strncmp(parser->argv[parser->next], "--", 2) != 0)
            value = parser->argv[parser->next++];
        else
            return report_usage(context, "--%.*s needs a value (%s)", (int)length, name, values[p->kind].word);
    }
    context->values[p->option] = value;
    return EXIT_DONE;
}

static bool is_option(const char *text) {
    return text[0] == '-' && text[1] != '\0';
}

/* Options up to the next word. */
static int parse_leading_options(Parser *parser) {
    while (parser->next < parser->argc && is_option(parser->argv[parser->next])) {
        int status;

        if (streq(parser->argv[parser->next], "--"))
            return report_usage(parser->context, "a command is missing before '--'");
        status = parse_option(parser);
        if (status != EXIT_DONE)
            return status;
    }
    return EXIT_DONE;
}

/* How many names a word stands for at a place: "vpc1/public" is two where a VPC and then another name can stand. */
static size_t count_parts(const Parameter *at, const char *word) {
    size_t parts = 1;

    if (at && at->kind == VALUE_VPC)
        for (; *word; word++)
            parts += *word == '/';
    return parts;
}

static const Parameter *next_free(const Context *context, const Parameter *after) {
    const Parameter *p = next_positional(context->verb, after);

    while (p && context_given(context, p->option))
        p = next_positional(context->verb, p);
    return p;
}

/* Gives a word, or the parts of VPC/SUBNET/WORKLOAD, to the names that have no value yet. */
static int take_word(Context *context, const char *word) {
    const Parameter *p = next_free(context, NULL);
    size_t parts = count_parts(p, word);
    const char *rest = word;

    if (!p)
        return report_usage(context, "'%s' is too much", word);
    if (parts == 1) {
        context->values[p->option] = word;
        return EXIT_DONE;
    }
    for (size_t i = 0; i < parts; i++, p = next_free(context, p)) {
        const char *end = strchrnul(rest, '/');

        if (!p || !kind_is_name(p->kind))
            return report_usage(context, "'%s' has more parts than there are names to give", word);
        if (GROW(context->parts, context->n_parts) < 0)
            return report_errno(context, -ENOMEM, "command line");
        context->parts[context->n_parts] = strndup(rest, (size_t)(end - rest));
        if (!context->parts[context->n_parts])
            return report_errno(context, -ENOMEM, "command line");
        context->values[p->option] = context->parts[context->n_parts++];
        rest = end + 1;
    }
    return EXIT_DONE;
}

/* Whether the names are complete, so that the next word of "exec" is the program. */
static bool names_complete(const Context *context) {
    return !next_free(context, NULL);
}

static int parse_rest(Parser *parser) {
    Context *context = parser->context;
    const Verb *verb = context->verb;
    int status;

    while (parser->next < parser->argc) {
        char *text = parser->argv[parser->next];

        if (streq(text, "--")) {
            parser->next++;
            break;
        }
        if (is_option(text)) {
            status = parse_option(parser);
            if (status != EXIT_DONE)
                return status;
            continue;
        }
        if (!verb->takes_command) {
            /* Kept until all options are known: in "subnet show public --vpc vpc1" the word is the subnet. */
            parser->words[parser->n_words++] = text;
            parser->next++;
            continue;
        }
        if (names_complete(context))
            break;
        status = take_word(context, text);
        if (status != EXIT_DONE)
            return status;
        parser->next++;
    }
    if (verb->takes_command) {
        context->command = parser->argv + parser->next;
        context->n_command = parser->argc - parser->next;
    } else
        while (parser->next < parser->argc)
            parser->words[parser->n_words++] = parser->argv[parser->next++];
    return EXIT_DONE;
}

static int check_values(const Context *context) {
    for (const Parameter *p = context->verb->parameters; p->help; p++) {
        const char *value = context->values[p->option];
        int status;

        if (!value && (p->flags & REQUIRED))
            return report_usage(context, "--%s %s is missing", option_names[p->option], values[p->kind].word);
        if (!value || !values[p->kind].check)
            continue;
        status = values[p->kind].check(context, option_names[p->option], value);
        if (status != EXIT_DONE)
            return status;
    }
    if (context->verb->takes_command == COMMAND_REQUIRED && context->n_command == 0 && !context_given(context, OPTION_HELP))
        return report_usage(context, "a program to run is missing");
    return EXIT_DONE;
}

static const Verb *find_verb(const char *noun, const char *word) {
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
        const Verb *verb = &verbs[i];

        if (!streq(verb->noun, noun))
            continue;
        if (!verb->verb || !word || streq(verb->verb, word) || (verb->alias && streq(verb->alias, word)))
            return verb;
    }
    return NULL;
}

/* "a, b, c": the verbs of a noun, or with NULL all nouns. */
static char *list_words(const char *noun) {
    char *list = strdup("");

    for (size_t i = 0; list && i < ELEMENTSOF(verbs); i++) {
        const Verb *verb = &verbs[i];
        char *longer;

        if (noun ? !streq(verb->noun, noun) : i > 0 && streq(verb->noun, verbs[i - 1].noun))
            continue;
        if (asprintf(&longer, "%s%s%s", list, *list ? ", " : "", noun ? verb->verb : verb->noun) < 0)
            longer = NULL;
        free(list);
        list = longer;
    }
    return list;
}

/* Finds the verb, so that context->verb is set, or prints the help that was asked for and sets *ret_done. */
static int parse_verb(Parser *parser, bool *ret_done) {
    Context *context = parser->context;
    _cleanup_free_ char *known = NULL;
    const char *noun, *word = NULL;
    const Verb *verb;
    int status = parse_leading_options(parser);

    *ret_done = true;
    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_VERSION)) {
        printf("vpcctl %s\n", VPCCTL_VERSION);
        return EXIT_DONE;
    }
    if (parser->next == parser->argc) {
        if (context_given(context, OPTION_HELP)) {
            print_help(NULL, NULL);
            return EXIT_DONE;
        }
        context->verb = &bare;
        *ret_done = false;
        return EXIT_DONE;
    }

    noun = parser->argv[parser->next++];
    if (streq(noun, "help") && parser->next < parser->argc && !is_option(parser->argv[parser->next])) {
        /* "help vpc create" is "vpc create --help". */
        context->values[OPTION_HELP] = "";
        noun = parser->argv[parser->next++];
    }
    verb = find_verb(noun, NULL);
    if (!verb) {
        known = list_words(NULL);
        return report_usage(context, "unknown command '%s'; there are %s", noun, known ? known : "others");
    }
    if (verb->verb) {
        status = parse_leading_options(parser);
        if (status != EXIT_DONE)
            return status;
        if (parser->next == parser->argc && context_given(context, OPTION_HELP)) {
            print_help(noun, NULL);
            return EXIT_DONE;
        }
        known = list_words(noun);
        if (parser->next == parser->argc)
            return report_usage(context, "what about %s? There are %s", noun, known ? known : "verbs");
        word = parser->argv[parser->next++];
        verb = find_verb(noun, word);
        if (!verb)
            return report_usage(context, "unknown command '%s %s'; with %s there are %s", noun, word, noun,
                    known ? known : "others");
    }
    context->verb = verb;
    *ret_done = false;
    return EXIT_DONE;
}

static int parse(Parser *parser, bool *ret_done) {
    Context *context = parser->context;
    int status = parse_verb(parser, ret_done);

    if (status != EXIT_DONE || *ret_done)
        return status;
    *ret_done = true;
    status = parse_rest(parser);
    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_HELP)) {
        print_help(NULL, context->verb);
        return EXIT_DONE;
    }
    if (context_given(context, OPTION_VERSION)) {
        printf("vpcctl %s\n", VPCCTL_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < parser->n_words; i++) {
        status = take_word(context, parser->words[i]);
        if (status != EXIT_DONE)
            return status;
    }
    status = check_values(context);
    *ret_done = status != EXIT_DONE;
    return status;
}

/* A program started without standard descriptors would otherwise open the bus as one of them. */
static void open_standard_descriptors(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

/* For errors before --json has been parsed, since it holds for the whole command line. */
static bool json_expected(size_t argc, char **argv) {
    for (size_t i = 1; i < argc && !streq(argv[i], "--"); i++)
        if (streq(argv[i], "--json"))
            return true;
    return false;
}

int main(int argc, char **argv) {
    Context context = { .agent_fd = -1 };
    Parser parser = { .context = &context, .argv = argv, .argc = (size_t)argc, .next = 1 };
    bool done;
    int status;

    open_standard_descriptors();
    if (argc < 1)
        return EXIT_USAGE;
    context.json_expected = json_expected(parser.argc, argv);
    parser.words = calloc(parser.argc, sizeof(*parser.words));
    if (!parser.words)
        return report_errno(&context, -ENOMEM, "command line");

    status = parse(&parser, &done);
    context.json_expected = false;
    if (!done)
        status = context.verb->run(&context);
    call_close(&context);

    /* A full disk under a redirected output is a failure too. */
    if ((ferror(stdout) || fflush(stdout) != 0) && status == EXIT_DONE)
        status = report_errno(&context, -errno, "writing the output");

    for (size_t i = 0; i < context.n_parts; i++)
        free(context.parts[i]);
    free(context.parts);
    free(parser.words);
    return status;
}
