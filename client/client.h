/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What every file of the client shares: the parsed command line, the verbs, and how a failure is told.
 *
 * Functions that return a "status" return an exit status of vpcctl (errors.h): EXIT_DONE, or another one after having
 * said on stderr what is wrong. */

#include "errors.h"

#include <systemd/sd-bus.h>

/* Every option there is, whichever verb takes it. */
typedef enum OptionId {
    OPTION_NAME,
    OPTION_CIDR,
    OPTION_VPC,
    OPTION_SUBNET,
    OPTION_TYPE,
    OPTION_INTERFACE,
    OPTION_PORT,
    OPTION_ROOT,
    OPTION_VPC1,
    OPTION_VPC2,
    OPTION_POLICY,
    OPTION_LINES,
    OPTION_NO_HOST_ACCESS,
    OPTION_ALL,
    OPTION_YES,
    OPTION_LIST,
    OPTION_VERB,
    OPTION_DIRECTORY,
    OPTION_AS_ROOT,
    OPTION_TTY,
    OPTION_NO_TTY,
    OPTION_RESTART,
    OPTION_FOLLOW,
    OPTION_VERIFY,
    /* From here on: taken by every verb. */
    OPTION_JSON,
    OPTION_NO_LEGEND,
    OPTION_NO_ASK_PASSWORD,
    OPTION_HELP,
    OPTION_VERSION,
    _OPTION_MAX,
    _OPTION_GLOBAL = OPTION_JSON,
} OptionId;

/* What an option's value stands for: decides its word in the help, its check and its completion. */
typedef enum ValueKind {
    VALUE_FLAG, /* no value */
    VALUE_VPC,
    VALUE_SUBNET,
    VALUE_WORKLOAD,
    VALUE_CIDR,
    VALUE_TYPE,
    VALUE_INTERFACE,
    VALUE_PORT,
    VALUE_DIRECTORY,
    VALUE_FILE,
    VALUE_NUMBER,
    VALUE_VERB,
    VALUE_RESTART,
    _VALUE_MAX,
} ValueKind;

typedef struct Parameter {
    OptionId option;
    ValueKind kind;
    enum { PARAMETER_REQUIRED = 1 << 0, PARAMETER_POSITIONAL = 1 << 1 } flags;
    const char *help; /* NULL ends a list */
} Parameter;

typedef struct Context Context;

typedef struct Verb {
    const char *noun;
    const char *verb;  /* NULL: the noun alone is the command */
    const char *alias; /* another word for the verb, or NULL */
    const char *help;
    /* Whether what follows the names is a program with its arguments. */
    enum { COMMAND_NONE = false, COMMAND_REQUIRED = true, COMMAND_OPTIONAL } takes_command;
    Parameter parameters[7];      /* the positional ones in their order */
    int (*run)(Context *context); /* a status */
} Verb;

/* One run of vpcctl. */
struct Context {
    const Verb *verb;
    const char *values[_OPTION_MAX]; /* NULL: not given; a flag that was given is "" */
    bool json_expected;              /* while the command line is being parsed: --json is somewhere in it */
    char **command;                  /* with takes_command: program and arguments, NULL at the end; borrowed */
    size_t n_command;
    char **parts; /* copies that values point into, from VPC/SUBNET */
    size_t n_parts;
    sd_bus *bus;  /* NULL until the first call */
    pid_t agent;  /* pkttyagent, or 0 */
    int agent_fd; /* which it closes when it is ready, or -1 */
};

static inline bool context_given(const Context *context, OptionId option) {
    return context->values[option];
}

/* A number that the check of VALUE_PORT or VALUE_NUMBER let pass. */
unsigned context_number(const Context *context, OptionId option);

/* The names that the command is about, joined by '/': "vpc1/public". "" when there are none, NULL without memory. */
char *context_subject(const Context *context);

/* Says what failed: "vpcctl: what: why" and a hint, or with --json one object. hint may be NULL. Returns exit_status.
 */
int report(const Context *context, const char *error_name, int exit_status, const char *why, const char *hint);

/* The same, with name, exit status and hint of the error table. */
int report_error(const Context *context, ErrorCode code, const char *format, ...) _printf_(3, 4);

/* The same for a mistake in the command line, with a hint at the help. */
int report_usage(const Context *context, const char *format, ...) _printf_(2, 3);

/* For -ENOMEM and the like, of which there is nothing more to say. Takes a negative errno. */
int report_errno(const Context *context, int error, const char *doing);

/* The handlers of the verb table, by file. */
int overview(Context *context);
int vpc_create(Context *context);
int vpc_list(Context *context);
int vpc_show(Context *context);
int vpc_delete(Context *context);
int subnet_add(Context *context);
int subnet_list(Context *context);
int subnet_show(Context *context);
int subnet_delete(Context *context);
int nat_enable(Context *context);
int nat_disable(Context *context);
int nat_list(Context *context);
int nat_show(Context *context);
int peer_create(Context *context);
int peer_list(Context *context);
int peer_show(Context *context);
int peer_accept(Context *context);
int peer_delete(Context *context);
int access_can(Context *context);
int access_whoami(Context *context);
int firewall_apply(Context *context);
int firewall_list(Context *context);
int firewall_show(Context *context);
int firewall_clear(Context *context);
int deploy_webserver(Context *context);
int deploy_list(Context *context);
int deploy_show(Context *context);
int deploy_run(Context *context);
int deploy_restart(Context *context);
int deploy_logs(Context *context);
int deploy_stop(Context *context);
int exec_run(Context *context);
int log_show(Context *context);
int monitor(Context *context);
int cleanup(Context *context);
int check(Context *context);
int repair(Context *context);
