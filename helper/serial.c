/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "serial.h"

#include "core/ident.h"
#include "core/validate.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

/* --- writing: json-c takes over what is added, and a failed addition is noticed at the end by `good` --- */

static bool put(struct json_object *object, const char *key, struct json_object *value) {
    if (value && object && json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool put_text(struct json_object *object, const char *key, const char *text) {
    return put(object, key, json_object_new_string(text));
}

static bool put_number(struct json_object *object, const char *key, uint64_t number) {
    return put(object, key, json_object_new_int64((int64_t)number));
}

static bool put_cidr(struct json_object *object, const char *key, const Cidr *cidr) {
    char text[CIDR_TEXT_MAX];

    return put_text(object, key, cidr_format(cidr, text));
}

static bool append(struct json_object *array, struct json_object *value) {
    if (value && array && json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static struct json_object *finish(struct json_object **object, bool good) {
    return good ? TAKE_PTR(*object) : NULL;
}

/* An array of what `write_one` makes of each element. */
#define WRITE_ARRAY(array, count, write_one)                                                                           \
    ({                                                                                                                 \
        _cleanup_json_ struct json_object *_list = json_object_new_array();                                            \
        bool _good = _list != NULL;                                                                                    \
        for (size_t _i = 0; _good && _i < (count); _i++)                                                               \
            _good = append(_list, write_one((array)[_i]));                                                             \
        finish(&_list, _good);                                                                                         \
    })

static struct json_object *write_rule(Rule rule) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "direction", direction_name(rule.direction)) &&
            put_text(json, "protocol", protocol_name(rule.protocol)) && put_number(json, "first", rule.port_first) &&
            put_number(json, "last", rule.port_last) && put_cidr(json, "peer", &rule.peer) &&
            put_text(json, "action", action_name(rule.action));

    return finish(&json, good);
}

static struct json_object *write_firewall(const Firewall *firewall) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "ingress", action_name(firewall->defaults[DIRECTION_INGRESS])) &&
            put_text(json, "egress", action_name(firewall->defaults[DIRECTION_EGRESS])) &&
            put(json, "rules", WRITE_ARRAY(firewall->rules, firewall->n_rules, write_rule));

    return finish(&json, good);
}

static struct json_object *write_group(gid_t group) {
    return json_object_new_int64(group);
}

static struct json_object *write_strings(char *const *strings) {
    return WRITE_ARRAY(strings, strings_length(strings), json_object_new_string);
}

static struct json_object *write_workload(const Workload *workload) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "name", workload->name) && put_text(json, "kind", workload_kind_name(workload->kind)) &&
            put_number(json, "port", workload->port) && put_number(json, "uid", workload->uid) &&
            put_number(json, "gid", workload->gid) &&
            put(json, "groups", WRITE_ARRAY(workload->groups, workload->n_groups, write_group)) &&
            put_number(json, "created", workload->created) &&
            put_text(json, "restart", restart_name(workload->restart)) &&
            (!workload->directory || put_text(json, "directory", workload->directory)) &&
            (!workload->argv || put(json, "argv", write_strings(workload->argv))) &&
            (!workload->environment || put(json, "environment", write_strings(workload->environment)));

    return finish(&json, good);
}

static struct json_object *write_endpoint(const Endpoint *endpoint) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    char address[ADDRESS_TEXT_MAX];
    bool good = put_text(json, "name", endpoint->name) && put_number(json, "id", endpoint->id) &&
            put_text(json, "address", address_format(&endpoint->address, address)) &&
            put(json, "workloads", WRITE_ARRAY(endpoint->workloads, endpoint->n_workloads, write_workload));

    return finish(&json, good);
}

static struct json_object *write_subnet(const Subnet *subnet) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "name", subnet->name) && put_number(json, "id", subnet->id) &&
            put_cidr(json, "cidr", &subnet->cidr) && put_text(json, "type", subnet_type_name(subnet->type)) &&
            (!subnet->firewall || put(json, "firewall", write_firewall(subnet->firewall))) &&
            put(json, "endpoints", WRITE_ARRAY(subnet->endpoints, subnet->n_endpoints, write_endpoint));

    return finish(&json, good);
}

struct json_object *serial_vpc(const Vpc *vpc) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "name", vpc->name) && put_number(json, "id", vpc->id) &&
            put_number(json, "owner", vpc->owner) && put_number(json, "created", vpc->created) &&
            put_number(json, "generation", vpc->generation) && put_cidr(json, "cidr", &vpc->cidr) &&
            put(json, "host-access", json_object_new_boolean(vpc->host_access)) &&
            (!vpc->nat_interface || put_text(json, "nat-interface", vpc->nat_interface)) &&
            put(json, "subnets", WRITE_ARRAY(vpc->subnets, vpc->n_subnets, write_subnet));

    return finish(&json, good);
}

struct json_object *serial_peering(const Peering *peering) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "vpc1", peering->vpcs[0]) && put_text(json, "vpc2", peering->vpcs[1]) &&
            put_number(json, "id", peering->id) && put(json, "agreed1", json_object_new_boolean(peering->agreed[0])) &&
            put(json, "agreed2", json_object_new_boolean(peering->agreed[1])) &&
            put_number(json, "generation", peering->generation);

    return finish(&json, good);
}

struct json_object *serial_interface(const HostInterface *interface) {
    _cleanup_json_ struct json_object *json = json_object_new_object();
    bool good = put_text(json, "name", interface->name) &&
            put(json, "forwarding-before", json_object_new_boolean(interface->forwarding_before));

    return finish(&json, good);
}

/* --- reading --- */

/* Of times and generations: what every JSON reader holds exactly, with room to count on from. */
#define NUMBER_MAX ((uint64_t)1 << 53)

static int get(struct json_object *object, const char *key, enum json_type type, struct json_object **ret) {
    return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, ret) &&
                    json_object_is_type(*ret, type)
            ? 0
            : -EBADMSG;
}

/* Borrowed from the object. Names with a zero byte inside would end early, so they are refused. */
static int get_text(struct json_object *object, const char *key, const char **ret) {
    struct json_object *value;

    if (get(object, key, json_type_string, &value) < 0 ||
            strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
        return -EBADMSG;
    *ret = json_object_get_string(value);
    return 0;
}

static int get_number(struct json_object *object, const char *key, uint64_t min, uint64_t max, uint64_t *ret) {
    struct json_object *value;
    int64_t number;

    if (get(object, key, json_type_int, &value) < 0)
        return -EBADMSG;
    number = json_object_get_int64(value);
    if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
        return -EBADMSG;
    *ret = (uint64_t)number;
    return 0;
}

static int get_unsigned(struct json_object *object, const char *key, unsigned min, unsigned max, unsigned *ret) {
    uint64_t number;
    int r = get_number(object, key, min, max, &number);

    if (r == 0)
        *ret = (unsigned)number;
    return r;
}

static int get_bool(struct json_object *object, const char *key, bool *ret) {
    struct json_object *value;
    int r = get(object, key, json_type_boolean, &value);

    if (r == 0)
        *ret = json_object_get_boolean(value);
    return r;
}

/* A name of ours, copied. `empty` allows "". */
static int get_name(struct json_object *object, const char *key, bool empty, char **ret) {
    const char *text;
    int r = get_text(object, key, &text);

    if (r < 0)
        return r;
    if (!name_is_valid(text) && !(empty && !*text))
        return -EBADMSG;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int get_cidr(struct json_object *object, const char *key, bool empty, Cidr *ret) {
    const char *text;
    int r = get_text(object, key, &text);

    if (r < 0)
        return r;
    if (empty && !*text) {
        *ret = (Cidr){ 0 };
        return 0;
    }
    return cidr_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static int get_word(struct json_object *object, const char *key, int (*parse)(const char *)) {
    const char *text;
    int value;

    if (get_text(object, key, &text) < 0)
        return -EBADMSG;
    value = parse(text);
    return value < 0 ? -EBADMSG : value;
}

static int read_rule(struct json_object *json, Rule *rule) {
    int direction = get_word(json, "direction", direction_parse), protocol = get_word(json, "protocol", protocol_parse),
        action = get_word(json, "action", action_parse);
    unsigned first = 0, last = 0;

    if (direction < 0 || protocol < 0 || action < 0 || get_unsigned(json, "first", 0, UINT16_MAX, &first) < 0 ||
            get_unsigned(json, "last", first, UINT16_MAX, &last) < 0 || get_cidr(json, "peer", true, &rule->peer) < 0)
        return -EBADMSG;
    if ((first == 0) != (last == 0) || (last && protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP))
        return -EBADMSG;
    rule->direction = (Direction)direction;
    rule->protocol = (Protocol)protocol;
    rule->action = (Action)action;
    rule->port_first = (uint16_t)first;
    rule->port_last = (uint16_t)last;
    return 0;
}

static int read_firewall(struct json_object *json, Firewall **ret) {
    _cleanup_(firewall_free_pointer) Firewall *firewall = calloc(1, sizeof(Firewall));
    int ingress = get_word(json, "ingress", action_parse), egress = get_word(json, "egress", action_parse);
    struct json_object *rules;

    if (!firewall)
        return -ENOMEM;
    if (ingress < 0 || egress < 0 || get(json, "rules", json_type_array, &rules) < 0 ||
            json_object_array_length(rules) > RULES_MAX)
        return -EBADMSG;
    firewall->defaults[DIRECTION_INGRESS] = (Action)ingress;
    firewall->defaults[DIRECTION_EGRESS] = (Action)egress;
    firewall->rules = calloc(json_object_array_length(rules) + 1, sizeof(Rule));
    if (!firewall->rules)
        return -ENOMEM;
    for (; firewall->n_rules < json_object_array_length(rules); firewall->n_rules++) {
        int r = read_rule(json_object_array_get_idx(rules, firewall->n_rules), &firewall->rules[firewall->n_rules]);

        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(firewall);
    return 0;
}

static int read_groups(struct json_object *json, Workload *workload) {
    struct json_object *groups;

    if (get(json, "groups", json_type_array, &groups) < 0)
        return -EBADMSG;
    workload->groups = calloc(json_object_array_length(groups) + 1, sizeof(gid_t));
    if (!workload->groups)
        return -ENOMEM;
    for (; workload->n_groups < json_object_array_length(groups); workload->n_groups++) {
        struct json_object *group = json_object_array_get_idx(groups, workload->n_groups);

        if (!json_object_is_type(group, json_type_int) || json_object_get_int64(group) < 0 ||
                json_object_get_int64(group) >= UINT32_MAX)
            return -EBADMSG;
        workload->groups[workload->n_groups] = (gid_t)json_object_get_int64(group);
    }
    return 0;
}

/* Absent is NULL. */
static int read_strings(struct json_object *json, const char *key, size_t max, char ***ret) {
    struct json_object *array;
    size_t n;

    if (!json_object_object_get_ex(json, key, NULL))
        return 0;
    if (get(json, key, json_type_array, &array) < 0 || (n = json_object_array_length(array)) > max)
        return -EBADMSG;
    *ret = calloc(n + 1, sizeof(char *));
    if (!*ret)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct json_object *text = json_object_array_get_idx(array, i);

        if (!json_object_is_type(text, json_type_string) ||
                strlen(json_object_get_string(text)) != (size_t)json_object_get_string_len(text))
            return -EBADMSG;
        (*ret)[i] = strdup(json_object_get_string(text));
        if (!(*ret)[i])
            return -ENOMEM;
    }
    return 0;
}

/* What only some kinds of workload have. */
static int read_program(struct json_object *json, Workload *workload) {
    int restart = get_word(json, "restart", restart_parse), r = 0;
    const char *directory;

    if (restart < 0)
        return restart;
    workload->restart = (Restart)restart;
    if (json_object_object_get_ex(json, "directory", NULL)) {
        r = get_text(json, "directory", &directory);
        if (r == 0 && !directory_is_valid(directory))
            r = -EBADMSG;
        if (r == 0 && !(workload->directory = strdup(directory)))
            r = -ENOMEM;
    }
    if (r == 0)
        r = read_strings(json, "argv", ARGUMENTS_MAX, &workload->argv);
    if (r == 0)
        r = read_strings(json, "environment", ENVIRONMENT_MAX, &workload->environment);
    for (char **variable = workload->environment; r == 0 && variable && *variable; variable++)
        if (!variable_is_valid(*variable))
            r = -EBADMSG;
    if (r < 0)
        return r;
    /* A program has a command, a web server a port, and neither has the other's. */
    return (workload->kind == WORKLOAD_PROGRAM) == (workload->port == 0) &&
                    (workload->kind == WORKLOAD_PROGRAM) == (workload->argv && workload->argv[0] && *workload->argv[0])
            ? 0
            : -EBADMSG;
}

static int read_workload(struct json_object *json, Workload **ret) {
    _cleanup_(workload_free_pointer) Workload *workload = calloc(1, sizeof(Workload));
    int kind = get_word(json, "kind", workload_kind_parse);
    unsigned port = 0;
    int r;

    if (!workload)
        return -ENOMEM;
    r = kind < 0 ? kind : get_name(json, "name", false, &workload->name);
    if (r == 0)
        r = get_unsigned(json, "port", 0, UINT16_MAX, &port);
    if (r == 0)
        r = get_unsigned(json, "uid", 0, UINT32_MAX - 1, &workload->uid);
    if (r == 0)
        r = get_unsigned(json, "gid", 0, UINT32_MAX - 1, &workload->gid);
    if (r == 0)
        r = read_groups(json, workload);
    if (r == 0)
        r = get_number(json, "created", 0, NUMBER_MAX, &workload->created);
    if (r < 0)
        return r;
    workload->kind = (WorkloadKind)kind;
    workload->port = (uint16_t)port;
    r = read_program(json, workload);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(workload);
    return 0;
}

/* Reads each element of the array at `key` and adds it to `owner`; two of one name are an error. */
#define READ_ARRAY(json, key, Type, read_one, free_one, find, add, owner)                                              \
    ({                                                                                                                 \
        struct json_object *_array = NULL;                                                                             \
        int _r = get(json, key, json_type_array, &_array);                                                             \
        for (size_t _i = 0; _r == 0 && _i < json_object_array_length(_array); _i++) {                                  \
            _cleanup_(free_one##_pointer) Type *_element = NULL;                                                       \
            _r = read_one(json_object_array_get_idx(_array, _i), &_element);                                           \
            if (_r == 0 && find(owner, _element->name))                                                                \
                _r = -EBADMSG;                                                                                         \
            if (_r == 0 && (_r = add(owner, _element)) == 0)                                                           \
                TAKE_PTR(_element);                                                                                    \
        }                                                                                                              \
        _r;                                                                                                            \
    })

static int read_endpoint(struct json_object *json, Endpoint **ret) {
    _cleanup_(endpoint_free_pointer) Endpoint *endpoint = calloc(1, sizeof(Endpoint));
    const char *address;
    int r;

    if (!endpoint)
        return -ENOMEM;
    r = get_name(json, "name", true, &endpoint->name);
    if (r == 0)
        r = get_unsigned(json, "id", 1, 1023, &endpoint->id);
    if (r == 0)
        r = get_text(json, "address", &address);
    if (r == 0 && (address_parse(address, &endpoint->address) < 0 || endpoint->address.family != AF_INET))
        r = -EBADMSG;
    if (r == 0)
        r = READ_ARRAY(json, "workloads", Workload, read_workload, workload_free, endpoint_workload,
                endpoint_add_workload, endpoint);
    if (r == 0)
        *ret = TAKE_PTR(endpoint);
    return r;
}

static int read_subnet(struct json_object *json, Subnet **ret) {
    _cleanup_(subnet_free_pointer) Subnet *subnet = calloc(1, sizeof(Subnet));
    int type = get_word(json, "type", subnet_type_parse);
    struct json_object *firewall;
    int r;

    if (!subnet)
        return -ENOMEM;
    r = type < 0 ? type : get_name(json, "name", false, &subnet->name);
    if (r == 0)
        r = get_unsigned(json, "id", 1, INT_MAX, &subnet->id);
    if (r == 0)
        r = get_cidr(json, "cidr", false, &subnet->cidr);
    if (r == 0 && json_object_object_get_ex(json, "firewall", &firewall))
        r = read_firewall(firewall, &subnet->firewall);
    if (r == 0)
        r = READ_ARRAY(json, "endpoints", Endpoint, read_endpoint, endpoint_free, subnet_endpoint, subnet_add_endpoint,
                subnet);
    if (r == 0 && !subnet_first_endpoint(subnet))
        r = -EBADMSG;
    if (r < 0)
        return r;
    subnet->type = (SubnetType)type;
    *ret = TAKE_PTR(subnet);
    return 0;
}

/* Blocks, addresses and numbers fit together, as far as the kernel's names and addresses are made from them. */
static bool subnets_fit(const Subnet *a, const Subnet *b) {
    if (a->id == b->id || cidr_overlaps(&a->cidr, &b->cidr))
        return false;
    for (size_t i = 0; i < a->n_endpoints; i++)
        for (size_t j = 0; j < b->n_endpoints; j++)
            if (a->endpoints[i]->id == b->endpoints[j]->id)
                return false;
    return true;
}

static bool endpoints_fit(const Subnet *subnet) {
    for (size_t i = 0; i < subnet->n_endpoints; i++) {
        const Endpoint *endpoint = subnet->endpoints[i];

        if (!cidr_has_address(&subnet->cidr, &endpoint->address))
            return false;
        for (size_t j = 0; j < i; j++)
            if (endpoint->id == subnet->endpoints[j]->id ||
                    address_equal(&endpoint->address, &subnet->endpoints[j]->address))
                return false;
    }
    return true;
}

static bool vpc_fits(const Vpc *vpc) {
    if (validate_vpc_cidr(&vpc->cidr, NULL) < 0)
        return false;
    for (size_t i = 0; i < vpc->n_subnets; i++) {
        const Subnet *subnet = vpc->subnets[i];

        if (validate_subnet_cidr(&subnet->cidr, NULL) < 0 || !cidr_contains(&vpc->cidr, &subnet->cidr) ||
                !endpoints_fit(subnet))
            return false;
        for (size_t j = 0; j < i; j++)
            if (!subnets_fit(subnet, vpc->subnets[j]))
                return false;
    }
    return true;
}

int parse_vpc(struct json_object *json, Vpc **ret) {
    _cleanup_(vpc_free_pointer) Vpc *vpc = calloc(1, sizeof(Vpc));
    const char *interface;
    int r;

    if (!vpc)
        return -ENOMEM;
    r = get_name(json, "name", false, &vpc->name);
    if (r == 0)
        r = get_unsigned(json, "id", 0, UPLINK_MAX - 1, &vpc->id);
    if (r == 0)
        r = get_unsigned(json, "owner", 0, UINT32_MAX - 1, &vpc->owner);
    if (r == 0)
        r = get_number(json, "created", 0, NUMBER_MAX, &vpc->created);
    if (r == 0)
        r = get_number(json, "generation", 0, NUMBER_MAX, &vpc->generation);
    if (r == 0)
        r = get_cidr(json, "cidr", false, &vpc->cidr);
    if (r == 0)
        r = get_bool(json, "host-access", &vpc->host_access);
    if (r == 0 && json_object_object_get_ex(json, "nat-interface", NULL)) {
        r = get_text(json, "nat-interface", &interface);
        if (r == 0 && !interface_name_is_valid(interface))
            r = -EBADMSG;
        if (r == 0 && !(vpc->nat_interface = strdup(interface)))
            r = -ENOMEM;
    }
    if (r == 0)
        r = READ_ARRAY(json, "subnets", Subnet, read_subnet, subnet_free, vpc_subnet, vpc_add_subnet, vpc);
    if (r == 0 && !vpc_fits(vpc))
        r = -EBADMSG;
    if (r == 0)
        *ret = TAKE_PTR(vpc);
    return r;
}

int parse_peering(struct json_object *json, Peering **ret) {
    _cleanup_(peering_free_pointer) Peering *peering = calloc(1, sizeof(Peering));
    int r;

    if (!peering)
        return -ENOMEM;
    r = get_name(json, "vpc1", false, &peering->vpcs[0]);
    if (r == 0)
        r = get_name(json, "vpc2", false, &peering->vpcs[1]);
    if (r == 0 && strcmp(peering->vpcs[0], peering->vpcs[1]) >= 0)
        r = -EBADMSG;
    if (r == 0)
        r = get_unsigned(json, "id", 0, PEERING_MAX - 1, &peering->id);
    if (r == 0)
        r = get_bool(json, "agreed1", &peering->agreed[0]);
    if (r == 0)
        r = get_bool(json, "agreed2", &peering->agreed[1]);
    if (r == 0)
        r = get_number(json, "generation", 0, NUMBER_MAX, &peering->generation);
    if (r == 0)
        *ret = TAKE_PTR(peering);
    return r;
}

int parse_interface(struct json_object *json, HostInterface **ret) {
    _cleanup_(host_interface_free_pointer) HostInterface *interface = calloc(1, sizeof(HostInterface));
    const char *name;
    int r;

    if (!interface)
        return -ENOMEM;
    r = get_text(json, "name", &name);
    if (r == 0 && !interface_name_is_valid(name))
        r = -EBADMSG;
    if (r == 0 && !(interface->name = strdup(name)))
        r = -ENOMEM;
    if (r == 0)
        r = get_bool(json, "forwarding-before", &interface->forwarding_before);
    if (r == 0)
        *ret = TAKE_PTR(interface);
    return r;
}

/* --- files' texts --- */

/* FNV-1a, 64 bits: finds a flipped bit or a cut, which is all it is for; the directory is root's alone. */
static void checksum(const char *text, char buffer[static 17]) {
    uint64_t hash = 0xcbf29ce484222325u;

    for (; text && *text; text++) /* NULL only without memory, and then the caller's text is NULL too */
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    snprintf(buffer, 17, "%016" PRIx64, hash);
}

static const char *plain(struct json_object *object) {
    return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

char *serial_wrap(struct json_object *body) {
    _cleanup_json_ struct json_object *file = json_object_new_object();
    char sum[17];

    checksum(plain(body), sum);
    if (!put_number(file, "version", STATE_VERSION) || !put_text(file, "checksum", sum) ||
            !put(file, "body", json_object_get(body)))
        return NULL;
    const char *text = plain(file);
    return text ? strdup(text) : NULL;
}

int parse_wrapped(const char *text, size_t size, struct json_object **ret_body) {
    _cleanup_json_ struct json_object *file = NULL;
    struct json_tokener *tokener;
    struct json_object *body;
    const char *stored;
    char sum[17];
    uint64_t version;

    if (size == 0 || size > STATE_BYTES_MAX)
        return -EBADMSG;
    tokener = json_tokener_new_ex(16);
    if (!tokener)
        return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    file = json_tokener_parse_ex(tokener, text, (int)size);
    json_tokener_free(tokener);
    if (!file || get_number(file, "version", 1, INT64_MAX, &version) < 0)
        return -EBADMSG;
    if (version > STATE_VERSION)
        return -EPROTONOSUPPORT;
    if (get_text(file, "checksum", &stored) < 0 || !json_object_object_get_ex(file, "body", &body))
        return -EBADMSG;
    checksum(plain(body), sum);
    if (!streq(sum, stored))
        return -EBADMSG;
    *ret_body = json_object_get(body);
    return 0;
}
