/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy.h"

#include <stdio.h>

/* A policy is an object of arrays of objects; one level more lets us name the key that holds too much. */
#define DEPTH_MAX 8
#define _cleanup_object_ __attribute__((cleanup(put_object)))

static void put_object(json_object **object) {
    json_object_put(*object);
}

#define invalid(failure, ...) failure_set((failure), ERROR_INVALID, __VA_ARGS__)

/* The text itself. */

static int invalid_at(Failure *failure, const char *text, size_t offset, const char *why) {
    size_t line = 1, column = 1;

    for (size_t i = 0; i < offset; i++)
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else
            column++;
    return invalid(failure, "line %zu, column %zu: %s", line, column, why);
}

/* The index behind the string that begins at text[start]. The text has passed the parser, so it ends. */
static size_t string_end(const char *text, size_t length, size_t start) {
    size_t i = start + 1;

    while (i < length && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1;
    return i < length ? i + 1 : length;
}

/* Notes a key of the innermost object; the spelling may differ ("port", "p\u006frt"), so it is decoded first. */
static int note_key(const char *text, size_t start, size_t end, json_object **seen, Failure *failure) {
    _cleanup_free_ char *quoted = strndup(text + start, end - start), *why = NULL;
    _cleanup_object_ json_object *key = quoted ? json_tokener_parse(quoted) : NULL;
    const char *name = key ? json_object_get_string(key) : NULL;

    if (!name || (!*seen && !(*seen = json_object_new_object())))
        return -ENOMEM;
    if (json_object_object_get_ex(*seen, name, NULL)) {
        if (asprintf(&why, "the key '%s' is there twice, and it cannot be known which one is meant", name) < 0)
            return -ENOMEM;
        return invalid_at(failure, text, start, why);
    }
    return json_object_object_add(*seen, name, NULL) < 0 ? -ENOMEM : 0;
}

/* json-c keeps the last of two equal keys and says nothing; in a firewall that hides a mistake. Also refuses 'single
 * quotes', which json-c 0.16 takes around keys even when it is strict. The text is valid JSON otherwise. */
static int check_keys(const char *text, size_t length, Failure *failure) {
    json_object *seen[DEPTH_MAX + 1] = { NULL };
    size_t depth = 0, i = 0;
    int r = 0;

    while (r == 0 && i < length) {
        size_t end, next;

        switch (text[i]) {
        case '{':
        case '[':
            if (depth < DEPTH_MAX)
                depth++;
            i++;
            break;
        case '}':
        case ']':
            json_object_put(seen[depth]);
            seen[depth] = NULL;
            if (depth > 0)
                depth--;
            i++;
            break;
        case '\'':
            r = invalid_at(failure, text, i, "a key or text is quoted with '\"' in JSON");
            break;
        case '"':
            end = string_end(text, length, i);
            next = end + strspn(text + end, " \t\r\n");
            if (text[next] == ':')
                r = note_key(text, i, end, &seen[depth], failure);
            i = end;
            break;
        default:
            i++;
        }
    }
    for (size_t d = 0; d <= DEPTH_MAX; d++)
        json_object_put(seen[d]);
    return r;
}

/* text ends in a zero byte behind its length. */
static int parse_json(const char *text, size_t length, json_object **ret, Failure *failure) {
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    _cleanup_object_ json_object *root = NULL;
    enum json_tokener_error error;
    size_t end;

    if (!tokener)
        return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    /* The final zero tells it that nothing follows. */
    root = json_tokener_parse_ex(tokener, text, (int)length + 1);
    error = json_tokener_get_error(tokener);
    end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if (error == json_tokener_success) {
        *ret = TAKE_PTR(root);
        return 0;
    }
    if (error == json_tokener_continue || error == json_tokener_error_parse_eof || end >= length)
        return invalid(failure, "the JSON text ends too early");
    return invalid_at(failure, text, end, json_tokener_error_desc(error));
}

/* The values. */

static int keys_known(json_object *object, const char *where, const char *const known[], Failure *failure) {
    _cleanup_free_ char *list = NULL;

    json_object_object_foreach(object, key, value) {
        size_t i = 0;

        (void)value;
        while (known[i] && !streq(known[i], key))
            i++;
        if (known[i])
            continue;
        for (i = 0; known[i]; i++) {
            char *longer;

            if (asprintf(&longer, "%s%s%s", list ? list : "", list ? ", " : "", known[i]) < 0)
                return -ENOMEM;
            free(list);
            list = longer;
        }
        return invalid(failure, "%sunknown key '%s'; known: %s", where, key, list);
    }
    return 0;
}

/* A key's text. -ENOENT when it is absent, which is not a failure yet. */
static int get_text(json_object *object, const char *where, const char *key, const char **ret, Failure *failure) {
    json_object *value = NULL;

    if (!json_object_object_get_ex(object, key, &value))
        return -ENOENT;
    if (!json_object_is_type(value, json_type_string))
        return invalid(failure, "%s%s is a text in quotes, not %s", where, key,
                json_type_to_name(json_object_get_type(value)));
    *ret = json_object_get_string(value);
    /* "\u0000" is valid JSON, and what is behind it must not be lost. */
    if (strlen(*ret) != (size_t)json_object_get_string_len(value))
        return invalid(failure, "%s%s holds a zero character", where, key);
    return 0;
}

static int get_cidr(json_object *object, const char *where, const char *key, Cidr *ret, Failure *failure) {
    char right[CIDR_TEXT_MAX];
    const char *text = NULL;
    int r = get_text(object, where, key, &text, failure);

    if (r < 0)
        return r;
    r = cidr_parse(text, ret);
    if (r == -ERANGE)
        return invalid(failure, "%s%s: %s has bits set beyond its prefix; the block around it is %s", where, key, text,
                cidr_format(ret, right));
    if (r < 0)
        return invalid(failure, "%s%s: '%s' is no block of addresses such as 10.0.0.0/16, or 10.0.0.1/32 for one",
                where, key, text);
    return 0;
}

/* "allow" or "deny"; -ENOENT when it is absent. */
static int get_action(json_object *object, const char *where, const char *key, Action *ret, Failure *failure) {
    const char *text = NULL;
    int r = get_text(object, where, key, &text, failure);

    if (r < 0)
        return r;
    r = action_parse(text);
    if (r < 0)
        return invalid(failure, "%s%s is 'allow' or 'deny', not '%s'", where, key, text);
    *ret = (Action)r;
    return 0;
}

/* Decimal digits up to end, which becomes what follows; 0 for what is no port. */
static unsigned port_digits(const char **text) {
    unsigned port = 0;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        port = port * 10 + (unsigned)(**text - '0');
        if (port > UINT16_MAX)
            return 0;
    }
    return port;
}

/* "80", "8000-8100" */
static int parse_ports(const char *text, const char *where, Rule *rule, Failure *failure) {
    const char *rest = text;
    unsigned first = port_digits(&rest), last = first;

    if (*rest == '-') {
        rest++;
        last = port_digits(&rest);
    }
    if (first == 0 || last == 0 || *rest)
        return invalid(failure, "%sport is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not '%s'",
                where, text);
    if (first > last)
        return invalid(failure, "%sport: the range %s goes backwards", where, text);
    rule->port_first = (uint16_t)first;
    rule->port_last = (uint16_t)last;
    return 0;
}

static int get_ports(json_object *object, const char *where, Rule *rule, Failure *failure) {
    json_object *value = NULL;
    const char *text = NULL;
    int64_t number;
    int r;

    if (!json_object_object_get_ex(object, "port", &value))
        return 0;
    if (json_object_is_type(value, json_type_int)) {
        number = json_object_get_int64(value);
        if (number < 1 || number > UINT16_MAX)
            return invalid(failure, "%sport is a number from 1 to 65535, not %lld", where, (long long)number);
        rule->port_first = rule->port_last = (uint16_t)number;
    } else if (json_object_is_type(value, json_type_string)) {
        r = get_text(object, where, "port", &text, failure);
        if (r < 0 || streq(text, "any"))
            return r;
        r = parse_ports(text, where, rule, failure);
        if (r < 0)
            return r;
    } else
        return invalid(failure, "%sport is a number from 1 to 65535, a range as \"8000-8100\", or \"any\", not %s",
                where, json_object_to_json_string(value));
    if (rule->protocol != PROTOCOL_TCP && rule->protocol != PROTOCOL_UDP)
        return invalid(
                failure, "%sa port needs protocol 'tcp' or 'udp'; '%s' has none", where, protocol_name(rule->protocol));
    return 0;
}

static int parse_rule(json_object *object, Direction direction, const char *where, Rule *rule, Failure *failure) {
    static const char *const known[_DIRECTION_MAX][5] = {
        [DIRECTION_INGRESS] = { "port", "protocol", "action", "source", NULL },
        [DIRECTION_EGRESS] = { "port", "protocol", "action", "destination", NULL },
    };
    const char *protocol = NULL;
    int r;

    *rule = (Rule){ .direction = direction };
    if (!json_object_is_type(object, json_type_object))
        return invalid(failure, "%sa rule is an object in braces", where);
    r = keys_known(object, where, known[direction], failure);
    if (r < 0)
        return r;

    r = get_text(object, where, "protocol", &protocol, failure);
    if (r == -ENOENT)
        return invalid(failure, "%sprotocol is missing; it is 'tcp', 'udp', 'icmp' or 'all'", where);
    if (r < 0)
        return r;
    r = protocol_parse(protocol);
    if (r < 0)
        return invalid(failure, "%sprotocol is 'tcp', 'udp', 'icmp' or 'all', not '%s'", where, protocol);
    rule->protocol = (Protocol)r;

    r = get_action(object, where, "action", &rule->action, failure);
    if (r == -ENOENT)
        return invalid(failure, "%saction is missing; it is 'allow' or 'deny'", where);
    if (r < 0)
        return r;
    r = get_ports(object, where, rule, failure);
    if (r < 0)
        return r;
    r = get_cidr(object, where, known[direction][3], &rule->peer, failure);
    return r == -ENOENT ? 0 : r;
}

static int parse_rules(json_object *root, Direction direction, Firewall *firewall, Failure *failure) {
    const char *key = direction_name(direction);
    json_object *array = NULL;

    if (!json_object_object_get_ex(root, key, &array))
        return 0;
    if (!json_object_is_type(array, json_type_array))
        return invalid(failure, "%s is an array of rules, in square brackets", key);
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        _cleanup_free_ char *where = NULL;
        int r;

        if (asprintf(&where, "%s[%zu]: ", key, i) < 0) {
            where = NULL;
            return -ENOMEM;
        }
        r = GROW(firewall->rules, firewall->n_rules);
        if (r < 0)
            return r;
        r = parse_rule(
                json_object_array_get_idx(array, i), direction, where, &firewall->rules[firewall->n_rules], failure);
        if (r < 0)
            return r;
        firewall->n_rules++;
    }
    return 0;
}

static int parse_root(json_object *root, Policy *policy, Failure *failure) {
    static const char *const known[] = { "subnet", "default", "ingress", "egress", NULL };
    Firewall *firewall = policy->firewall;
    int r;

    if (!json_object_is_type(root, json_type_object))
        return invalid(
                failure, "a policy is an object in braces, not %s", json_type_to_name(json_object_get_type(root)));
    r = keys_known(root, "", known, failure);
    if (r < 0)
        return r;

    r = get_cidr(root, "", "subnet", &policy->subnet, failure);
    if (r < 0 && r != -ENOENT)
        return r;
    policy->has_subnet = r == 0;

    firewall->defaults[DIRECTION_INGRESS] = ACTION_DENY;
    r = get_action(root, "", "default", &firewall->defaults[DIRECTION_INGRESS], failure);
    if (r < 0 && r != -ENOENT)
        return r;
    /* A policy that says nothing of egress leaves it open. */
    firewall->defaults[DIRECTION_EGRESS] = json_object_object_get_ex(root, direction_name(DIRECTION_EGRESS), NULL)
                                                   ? firewall->defaults[DIRECTION_INGRESS]
                                                   : ACTION_ALLOW;

    r = parse_rules(root, DIRECTION_INGRESS, firewall, failure);
    return r < 0 ? r : parse_rules(root, DIRECTION_EGRESS, firewall, failure);
}

int policy_parse(const char *text, size_t length, Policy *ret, Failure *failure) {
    _cleanup_policy_ Policy policy = { 0 };
    _cleanup_object_ json_object *root = NULL;
    _cleanup_free_ char *copy = NULL;
    const char *zero = memchr(text, '\0', length);
    int r;

    if (length > POLICY_SIZE_MAX)
        return invalid(failure, "it is larger than the %zu bytes that a policy may have", POLICY_SIZE_MAX);
    if (zero)
        return invalid_at(failure, text, (size_t)(zero - text), "a zero byte");
    copy = strndup(text, length);
    policy.firewall = calloc(1, sizeof(*policy.firewall));
    if (!copy || !policy.firewall)
        return -ENOMEM;

    r = parse_json(copy, length, &root, failure);
    if (r < 0)
        return r;
    r = check_keys(copy, length, failure);
    if (r < 0)
        return r;
    r = parse_root(root, &policy, failure);
    if (r < 0)
        return r;
    *ret = policy;
    policy.firewall = NULL;
    return 0;
}

void policy_clear(Policy *policy) {
    if (policy->firewall)
        firewall_free(policy->firewall);
    *policy = (Policy){ 0 };
}

/* The way back. */

static int add_text(json_object *object, const char *key, const char *text) {
    json_object *value = json_object_new_string(text);

    if (value && json_object_object_add(object, key, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

static int add_ports(json_object *object, const Rule *rule) {
    _cleanup_free_ char *range = NULL;

    if (rule->port_first == 0)
        return 0;
    if (rule->port_first == rule->port_last)
        return json_object_object_add(object, "port", json_object_new_int(rule->port_first));
    if (asprintf(&range, "%u-%u", rule->port_first, rule->port_last) < 0) {
        range = NULL;
        return -ENOMEM;
    }
    return add_text(object, "port", range);
}

static json_object *format_rule(const Rule *rule) {
    _cleanup_object_ json_object *object = json_object_new_object();
    char text[CIDR_TEXT_MAX];

    if (!object || add_ports(object, rule) < 0 || add_text(object, "protocol", protocol_name(rule->protocol)) < 0 ||
            add_text(object, "action", action_name(rule->action)) < 0)
        return NULL;
    if (rule->peer.address.family != AF_UNSPEC &&
            add_text(object, rule->direction == DIRECTION_INGRESS ? "source" : "destination",
                    cidr_format(&rule->peer, text)) < 0)
        return NULL;
    return TAKE_PTR(object);
}

static int add_rules(json_object *root, const Firewall *firewall, Direction direction) {
    const Rule rest = { .direction = direction, .action = firewall->defaults[direction] };
    json_object *array = json_object_new_array();
    bool differs = firewall->defaults[direction] != firewall->defaults[DIRECTION_INGRESS];

    if (!array || json_object_object_add(root, direction_name(direction), array) < 0) {
        json_object_put(array);
        return -ENOMEM;
    }
    for (size_t i = 0; i < firewall->n_rules + differs; i++) {
        /* A file has one default; where egress has another one, a last rule for everything says it. */
        const Rule *rule = i < firewall->n_rules ? &firewall->rules[i] : &rest;
        json_object *object;

        if (rule->direction != direction)
            continue;
        object = format_rule(rule);
        if (!object || json_object_array_add(array, object) < 0) {
            json_object_put(object);
            return -ENOMEM;
        }
    }
    return 0;
}

json_object *policy_format(const Firewall *firewall, const Cidr *subnet) {
    _cleanup_object_ json_object *root = json_object_new_object();
    bool egress = firewall->defaults[DIRECTION_EGRESS] != ACTION_ALLOW;
    char text[CIDR_TEXT_MAX];

    for (size_t i = 0; i < firewall->n_rules; i++)
        egress |= firewall->rules[i].direction == DIRECTION_EGRESS;
    if (!root || (subnet && add_text(root, "subnet", cidr_format(subnet, text)) < 0) ||
            add_text(root, "default", action_name(firewall->defaults[DIRECTION_INGRESS])) < 0 ||
            add_rules(root, firewall, DIRECTION_INGRESS) < 0)
        return NULL;
    /* An absent key leaves egress open, which is what an open egress without rules is. */
    if (egress && add_rules(root, firewall, DIRECTION_EGRESS) < 0)
        return NULL;
    return TAKE_PTR(root);
}
