/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "call.h"
#include "client.h"
#include "policy.h"
#include "table.h"

#include <fcntl.h>
#include <stdio.h>

static const Column in_list[] = {
    { "vpc", "VPC", CELL_PLAIN },
    { "name", "SUBNET", CELL_PLAIN },
    { "firewall", "POLICY", CELL_PLAIN },
};

static const Column rule_columns[] = {
    { "direction", "DIRECTION", CELL_PLAIN },
    { "action", "ACTION", CELL_PLAIN },
    { "protocol", "PROTOCOL", CELL_PLAIN },
    { "port", "PORT", CELL_PLAIN },
    { "peer", "SOURCE/DESTINATION", CELL_PLAIN },
};

/* The whole file, one byte more than a policy may have at most, so that a larger one shows. A status. */
static int read_policy(Context *context, const char *path, char **ret, size_t *ret_length) {
    _cleanup_free_ char *text = malloc(POLICY_SIZE_MAX + 1);
    _cleanup_close_ int opened = -1;
    int fd = STDIN_FILENO;
    size_t length = 0;

    if (!text)
        return report_errno(context, -ENOMEM, path);
    if (!streq(path, "-")) {
        opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        fd = opened;
        if (fd < 0)
            return report_usage(context, "--policy %s: %s", path, strerror(errno));
    }
    while (length < POLICY_SIZE_MAX + 1) {
        ssize_t n = read(fd, text + length, POLICY_SIZE_MAX + 1 - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return report_usage(context, "--policy %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        length += (size_t)n;
    }
    *ret = TAKE_PTR(text);
    *ret_length = length;
    return EXIT_DONE;
}

static int parse_policy(Context *context, const char *path, Policy *ret) {
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_free_ char *text = NULL, *why = NULL;
    size_t length = 0;
    int status = read_policy(context, path, &text, &length);
    int r;

    if (status != EXIT_DONE)
        return status;
    r = policy_parse(text, length, ret, &failure);
    if (r >= 0)
        return EXIT_DONE;
    if (!failure.message || asprintf(&why, "%s: %s", path, failure.message) < 0) {
        why = NULL;
        return report_errno(context, r, path);
    }
    return report(context, error_info(ERROR_INVALID)->name, EXIT_USAGE, why,
            "vpcctl(1), section POLICY FILE, shows what a policy looks like");
}

static int append_rules(sd_bus_message *call, const Firewall *firewall) {
    int r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "(ssqqss)");

    for (size_t i = 0; r >= 0 && i < firewall->n_rules; i++) {
        const Rule *rule = &firewall->rules[i];
        char peer[CIDR_TEXT_MAX] = "";

        if (rule->peer.address.family != AF_UNSPEC)
            cidr_format(&rule->peer, peer);
        r = sd_bus_message_append(call, "(ssqqss)", direction_name(rule->direction), protocol_name(rule->protocol),
                (int)rule->port_first, (int)rule->port_last, peer, action_name(rule->action));
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}

int firewall_apply(Context *context) {
    const char *vpc = context->values[OPTION_VPC], *subnet = context->values[OPTION_SUBNET];
    _cleanup_message_ sd_bus_message *call = NULL;
    _cleanup_policy_ Policy policy = { 0 };
    const Firewall *firewall;
    char cidr[CIDR_TEXT_MAX];
    int r, status = parse_policy(context, context->values[OPTION_POLICY], &policy);

    if (status != EXIT_DONE)
        return status;
    firewall = policy.firewall;
    status = call_new(context, "ApplyFirewall", &call, "ssss", vpc, subnet,
            action_name(firewall->defaults[DIRECTION_INGRESS]), action_name(firewall->defaults[DIRECTION_EGRESS]));
    if (status != EXIT_DONE)
        return status;
    r = append_rules(call, firewall);
    if (r >= 0)
        r = policy.has_subnet
                    ? sd_bus_message_append(call, "a{sv}", 1, "subnet-cidr", "s", cidr_format(&policy.subnet, cidr))
                    : sd_bus_message_append(call, "a{sv}", 0);
    if (r < 0)
        return report_errno(context, r, "call");
    status = call_send(context, call, NULL);
    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON))
        return firewall_show(context);
    printf("firewall of %s/%s applied (%zu rules, then ingress %s, egress %s)\n", vpc, subnet, firewall->n_rules,
            action_name(firewall->defaults[DIRECTION_INGRESS]), action_name(firewall->defaults[DIRECTION_EGRESS]));
    return EXIT_DONE;
}

int firewall_list(Context *context) {
    const char *vpc = context->values[OPTION_VPC];
    _cleanup_json_ json_object *subnets = NULL;
    int status = call_list(context, "ListSubnets", vpc ? vpc : "", &subnets);

    if (status != EXIT_DONE)
        return status;
    if (context_given(context, OPTION_JSON))
        /* Only what this list is about; "subnet list" has the rest. */
        for (size_t i = 0; i < json_object_array_length(subnets); i++) {
            json_object *subnet = json_object_array_get_idx(subnets, i), *row = json_object_new_object();

            if (!row)
                return report_errno(context, -ENOMEM, "output");
            for (size_t c = 0; c < ELEMENTSOF(in_list); c++) {
                json_object *value = NULL;

                json_object_object_get_ex(subnet, in_list[c].key, &value);
                json_object_object_add(row, in_list[c].key, json_object_get(value));
            }
            json_object_array_put_idx(subnets, i, row);
        }
    return table_list(context, subnets, in_list, ELEMENTSOF(in_list), "There are no subnets.");
}

/* The rules of GetFirewall's answer. Words that we do not know come from a newer vpcd; leaving such a rule out would
 * show another firewall than there is, so it is an error. */
static int read_rules(sd_bus_message *reply, Firewall *firewall) {
    const char *direction, *protocol, *peer, *action;
    uint16_t first, last;
    int r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssqqss)");

    while (r >= 0 &&
            (r = sd_bus_message_read(reply, "(ssqqss)", &direction, &protocol, &first, &last, &peer, &action)) > 0) {
        int d = direction_parse(direction), p = protocol_parse(protocol), a = action_parse(action);
        Rule rule = { .port_first = first, .port_last = last };

        if (d < 0 || p < 0 || a < 0 || (*peer && cidr_parse(peer, &rule.peer) < 0))
            return -EBADMSG;
        rule.direction = (Direction)d;
        rule.protocol = (Protocol)p;
        rule.action = (Action)a;
        r = GROW(firewall->rules, firewall->n_rules);
        if (r >= 0)
            firewall->rules[firewall->n_rules++] = rule;
    }
    return r;
}

/* A row of the text table. NULL without memory. */
static json_object *rule_row(
        const char *direction, const char *action, const char *protocol, const char *port, const char *peer) {
    const char *const cells[] = { direction, action, protocol, port, peer };
    _cleanup_json_ json_object *row = json_object_new_object();

    for (size_t i = 0; row && i < ELEMENTSOF(cells); i++)
        if (json_object_object_add(row, rule_columns[i].key, json_object_new_string(cells[i])) < 0)
            return NULL;
    return TAKE_PTR(row);
}

static json_object *row_of_rule(const Rule *rule) {
    _cleanup_free_ char *port = NULL;
    char peer[CIDR_TEXT_MAX] = "any";
    bool ports = rule->protocol == PROTOCOL_TCP || rule->protocol == PROTOCOL_UDP;
    int r;

    if (rule->peer.address.family != AF_UNSPEC)
        cidr_format(&rule->peer, peer);
    if (rule->port_first == 0)
        r = asprintf(&port, "%s", ports ? "any" : "-");
    else if (rule->port_first == rule->port_last)
        r = asprintf(&port, "%u", rule->port_first);
    else
        r = asprintf(&port, "%u-%u", rule->port_first, rule->port_last);
    if (r < 0) {
        port = NULL;
        return NULL;
    }
    return rule_row(
            direction_name(rule->direction), action_name(rule->action), protocol_name(rule->protocol), port, peer);
}

/* For people: the rules in the order in which they are tried, each direction ending in its default. */
static int show_as_table(Context *context, const Firewall *firewall) {
    _cleanup_json_ json_object *rows = json_object_new_array();

    for (int direction = 0; rows && direction < _DIRECTION_MAX; direction++)
        for (size_t i = 0; i <= firewall->n_rules; i++) {
            json_object *row;

            if (i < firewall->n_rules && firewall->rules[i].direction != (Direction)direction)
                continue;
            row = i < firewall->n_rules
                          ? row_of_rule(&firewall->rules[i])
                          : rule_row(direction_name((Direction)direction), action_name(firewall->defaults[direction]),
                                    "all", "-", "any (default)");
            if (!row || json_object_array_add(rows, row) < 0) {
                json_object_put(row);
                return report_errno(context, -ENOMEM, "output");
            }
        }
    if (!rows)
        return report_errno(context, -ENOMEM, "output");
    return table_list(context, rows, rule_columns, ELEMENTSOF(rule_columns), "");
}

static int show_as_policy(Context *context, const char *const names[], const Firewall *firewall) {
    _cleanup_json_ json_object *subnet = NULL, *policy = NULL;
    Cidr cidr;
    int status = call_object(context, OBJECT_SUBNET, names, &subnet);

    if (status != EXIT_DONE)
        return status;
    policy = policy_format(firewall, cidr_parse(json_text(subnet, "cidr"), &cidr) == 0 ? &cidr : NULL);
    return policy ? print_json(context, policy) : report_errno(context, -ENOMEM, "output");
}

int firewall_show(Context *context) {
    const char *names[] = { context->values[OPTION_VPC], context->values[OPTION_SUBNET] };
    _cleanup_(policy_clear) Policy policy = { .firewall = calloc(1, sizeof(Firewall)) };
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *ingress, *egress;
    int status, present, r;

    if (!policy.firewall)
        return report_errno(context, -ENOMEM, "output");
    status = call_method(context, "GetFirewall", &reply, "ssa{sv}", names[0], names[1], 0);
    if (status != EXIT_DONE)
        return status;
    r = sd_bus_message_read(reply, "bss", &present, &ingress, &egress);
    if (r >= 0 && !present) {
        if (context_given(context, OPTION_JSON))
            return print_json(context, NULL);
        printf("%s/%s has no policy; the VPC lets everything pass to and from it\n", names[0], names[1]);
        return EXIT_DONE;
    }
    if (r >= 0 && (action_parse(ingress) < 0 || action_parse(egress) < 0))
        r = -EBADMSG;
    if (r >= 0) {
        policy.firewall->defaults[DIRECTION_INGRESS] = (Action)action_parse(ingress);
        policy.firewall->defaults[DIRECTION_EGRESS] = (Action)action_parse(egress);
        r = read_rules(reply, policy.firewall);
    }
    if (r < 0)
        return report_errno(context, r, "the answer of vpcd");
    return context_given(context, OPTION_JSON) ? show_as_policy(context, names, policy.firewall)
                                               : show_as_table(context, policy.firewall);
}

int firewall_clear(Context *context) {
    _cleanup_free_ char *subject = context_subject(context);
    int status = call_method(
            context, "ClearFirewall", NULL, "ssa{sv}", context->values[OPTION_VPC], context->values[OPTION_SUBNET], 0);

    if (status != EXIT_DONE)
        return status;
    return print_gone(context, "firewall of", subject ? subject : "", "cleared");
}
