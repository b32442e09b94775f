/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/model.h"

#include <netinet/in.h>

/* --- words --- */

#define DEFINE_WORDS(prefix, Type, max, ...)                                                                           \
    static const char *const prefix##_words[] = { __VA_ARGS__ };                                                       \
    _Static_assert(ELEMENTSOF(prefix##_words) == max, "a word for each value");                                        \
    const char *prefix##_name(Type value) {                                                                            \
        return prefix##_words[value];                                                                                  \
    }                                                                                                                  \
    int prefix##_parse(const char *word) {                                                                             \
        for (size_t i = 0; i < ELEMENTSOF(prefix##_words); i++)                                                        \
            if (streq(prefix##_words[i], word))                                                                        \
                return (int)i;                                                                                         \
        return -EINVAL;                                                                                                \
    }

DEFINE_WORDS(direction, Direction, _DIRECTION_MAX, "ingress", "egress")
DEFINE_WORDS(action, Action, _ACTION_MAX, "deny", "allow")
DEFINE_WORDS(protocol, Protocol, _PROTOCOL_MAX, "all", "tcp", "udp", "icmp")
DEFINE_WORDS(subnet_type, SubnetType, _SUBNET_TYPE_MAX, "private", "public")
DEFINE_WORDS(workload_kind, WorkloadKind, _WORKLOAD_KIND_MAX, "webserver", "program")
DEFINE_WORDS(restart, Restart, _RESTART_MAX, "no", "on-failure", "always")

/* --- strings --- */

void strings_free(char **strings) {
    for (char **s = strings; s && *s; s++)
        free(*s);
    free(strings);
}

size_t strings_length(char *const *strings) {
    size_t n = 0;

    while (strings && strings[n])
        n++;
    return n;
}

char **strings_copy(char *const *strings) {
    char **copy = strings ? calloc(strings_length(strings) + 1, sizeof(char *)) : NULL;

    for (size_t i = 0; copy && strings[i]; i++) {
        copy[i] = strdup(strings[i]);
        if (!copy[i]) {
            strings_free(copy);
            return NULL;
        }
    }
    return copy;
}

/* --- freeing --- */

#define FREE_ALL(array, count, free_one)                                                                               \
    do {                                                                                                               \
        for (size_t _i = 0; _i < (count); _i++)                                                                        \
            free_one((array)[_i]);                                                                                     \
        free(array);                                                                                                   \
    } while (0)

Firewall *firewall_free(Firewall *firewall) {
    if (firewall)
        free(firewall->rules);
    free(firewall);
    return NULL;
}

Workload *workload_free(Workload *workload) {
    if (workload) {
        free(workload->name);
        free(workload->groups);
        free(workload->directory);
        strings_free(workload->argv);
        strings_free(workload->environment);
    }
    free(workload);
    return NULL;
}

Endpoint *endpoint_free(Endpoint *endpoint) {
    if (endpoint) {
        free(endpoint->name);
        FREE_ALL(endpoint->workloads, endpoint->n_workloads, workload_free);
    }
    free(endpoint);
    return NULL;
}

Subnet *subnet_free(Subnet *subnet) {
    if (subnet) {
        free(subnet->name);
        firewall_free(subnet->firewall);
        FREE_ALL(subnet->endpoints, subnet->n_endpoints, endpoint_free);
    }
    free(subnet);
    return NULL;
}

Vpc *vpc_free(Vpc *vpc) {
    if (vpc) {
        free(vpc->name);
        free(vpc->nat_interface);
        FREE_ALL(vpc->subnets, vpc->n_subnets, subnet_free);
    }
    free(vpc);
    return NULL;
}

Peering *peering_free(Peering *peering) {
    if (peering) {
        free(peering->vpcs[0]);
        free(peering->vpcs[1]);
    }
    free(peering);
    return NULL;
}

HostInterface *host_interface_free(HostInterface *interface) {
    if (interface)
        free(interface->name);
    free(interface);
    return NULL;
}

Model *model_free(Model *model) {
    if (model) {
        FREE_ALL(model->vpcs, model->n_vpcs, vpc_free);
        FREE_ALL(model->peerings, model->n_peerings, peering_free);
        FREE_ALL(model->interfaces, model->n_interfaces, host_interface_free);
    }
    free(model);
    return NULL;
}

/* --- sorted arrays --- */

/* Where the key is, or would have to be inserted. */
typedef struct Place {
    size_t index;
    bool found;
} Place;

static Place place_find(const void *const *array, size_t n, const void *key,
        int (*compare)(const void *key, const void *element)) {
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(key, array[middle]);

        if (order == 0)
            return (Place){ middle, true };
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return (Place){ low, false };
}

/* For types whose first member is the name. */
static int compare_name(const void *key, const void *element) {
    return strcmp(key, *(const char *const *)element);
}

_Static_assert(offsetof(Vpc, name) == 0 && offsetof(Subnet, name) == 0 && offsetof(Endpoint, name) == 0 &&
                offsetof(Workload, name) == 0 && offsetof(HostInterface, name) == 0,
        "compare_name() reads the first member");

static int compare_peering(const void *key, const void *element) {
    const char *const *pair = key;
    const Peering *peering = element;
    int order = strcmp(pair[0], peering->vpcs[0]);

    return order ? order : strcmp(pair[1], peering->vpcs[1]);
}

/* The pair in the order in which a peering has it. */
#define PEERING_KEY(a, b)                                                                                              \
    ((const char *[2]){ strcmp(a, b) < 0 ? (a) : (b), strcmp(a, b) < 0 ? (b) : (a) })

#define FIND(array, count, key, compare) place_find((const void *const *)(array), (count), (key), (compare))
#define LOOK_UP(array, count, key, compare)                                                                            \
    ({                                                                                                                 \
        Place _place = FIND(array, count, key, compare);                                                               \
        _place.found ? (array)[_place.index] : NULL;                                                                   \
    })
#define PUT(array, count, key, compare, object, free_one)                                                              \
    ({                                                                                                                 \
        Place _place = FIND(array, count, key, compare);                                                               \
        int _result = 0;                                                                                               \
        if (_place.found) {                                                                                            \
            if ((array)[_place.index] != (object))                                                                     \
                free_one((array)[_place.index]);                                                                       \
            (array)[_place.index] = (object);                                                                          \
        } else if ((_result = GROW(array, count)) == 0) {                                                              \
            memmove((array) + _place.index + 1, (array) + _place.index,                                                \
                    ((count) - _place.index) * sizeof(*(array)));                                                      \
            (array)[_place.index] = (object);                                                                          \
            (count)++;                                                                                                 \
        }                                                                                                              \
        _result;                                                                                                       \
    })
#define REMOVE(array, count, key, compare, free_one)                                                                   \
    do {                                                                                                               \
        Place _place = FIND(array, count, key, compare);                                                               \
        if (_place.found) {                                                                                            \
            free_one((array)[_place.index]);                                                                           \
            (count)--;                                                                                                 \
            memmove((array) + _place.index, (array) + _place.index + 1,                                                \
                    ((count) - _place.index) * sizeof(*(array)));                                                      \
        }                                                                                                              \
    } while (0)

Vpc *model_vpc(const Model *model, const char *name) {
    return LOOK_UP(model->vpcs, model->n_vpcs, name, compare_name);
}

Peering *model_peering(const Model *model, const char *a, const char *b) {
    return LOOK_UP(model->peerings, model->n_peerings, PEERING_KEY(a, b), compare_peering);
}

HostInterface *model_interface(const Model *model, const char *name) {
    return LOOK_UP(model->interfaces, model->n_interfaces, name, compare_name);
}

Subnet *vpc_subnet(const Vpc *vpc, const char *name) {
    return LOOK_UP(vpc->subnets, vpc->n_subnets, name, compare_name);
}

Endpoint *subnet_endpoint(const Subnet *subnet, const char *name) {
    return LOOK_UP(subnet->endpoints, subnet->n_endpoints, name, compare_name);
}

Workload *endpoint_workload(const Endpoint *endpoint, const char *name) {
    return LOOK_UP(endpoint->workloads, endpoint->n_workloads, name, compare_name);
}

Endpoint *subnet_first_endpoint(const Subnet *subnet) {
    return subnet_endpoint(subnet, "");
}

int model_put_vpc(Model *model, Vpc *vpc) {
    return PUT(model->vpcs, model->n_vpcs, vpc->name, compare_name, vpc, vpc_free);
}

int model_put_peering(Model *model, Peering *peering) {
    return PUT(model->peerings, model->n_peerings, (const char *const *)peering->vpcs, compare_peering, peering,
            peering_free);
}

int model_put_interface(Model *model, HostInterface *interface) {
    return PUT(model->interfaces, model->n_interfaces, interface->name, compare_name, interface, host_interface_free);
}

int vpc_add_subnet(Vpc *vpc, Subnet *subnet) {
    return PUT(vpc->subnets, vpc->n_subnets, subnet->name, compare_name, subnet, subnet_free);
}

int subnet_add_endpoint(Subnet *subnet, Endpoint *endpoint) {
    return PUT(subnet->endpoints, subnet->n_endpoints, endpoint->name, compare_name, endpoint, endpoint_free);
}

int endpoint_add_workload(Endpoint *endpoint, Workload *workload) {
    return PUT(endpoint->workloads, endpoint->n_workloads, workload->name, compare_name, workload, workload_free);
}

void model_remove_vpc(Model *model, const char *name) {
    REMOVE(model->vpcs, model->n_vpcs, name, compare_name, vpc_free);
}

void model_remove_peering(Model *model, const char *a, const char *b) {
    REMOVE(model->peerings, model->n_peerings, PEERING_KEY(a, b), compare_peering, peering_free);
}

void model_remove_interface(Model *model, const char *name) {
    REMOVE(model->interfaces, model->n_interfaces, name, compare_name, host_interface_free);
}

void vpc_remove_subnet(Vpc *vpc, const char *name) {
    REMOVE(vpc->subnets, vpc->n_subnets, name, compare_name, subnet_free);
}

void endpoint_remove_workload(Endpoint *endpoint, const char *name) {
    REMOVE(endpoint->workloads, endpoint->n_workloads, name, compare_name, workload_free);
}

/* --- copies --- */

/* A heap copy of n bytes; never NULL for n == 0, so that NULL always means no memory. */
static void *bytes_copy(const void *bytes, size_t n) {
    void *copy = malloc(n ? n : 1);

    return copy && n ? memcpy(copy, bytes, n) : copy;
}

/* Copies every element of a sorted array with copy_one() and hands it to add(). False without memory. */
#define COPY_ALL(array, count, copy_one, free_one, add, container)                                                     \
    ({                                                                                                                 \
        bool _good = true;                                                                                             \
        for (size_t _i = 0; _good && _i < (count); _i++) {                                                             \
            typeof(*(array)) _copy = copy_one((array)[_i]);                                                            \
            _good = _copy && add(container, _copy) == 0;                                                               \
            if (!_good)                                                                                                \
                free_one(_copy);                                                                                       \
        }                                                                                                              \
        _good;                                                                                                         \
    })

Firewall *firewall_copy(const Firewall *firewall) {
    _cleanup_(firewall_free_pointer) Firewall *copy = bytes_copy(firewall, sizeof(*firewall));

    if (!copy)
        return NULL;
    copy->rules = bytes_copy(firewall->rules, firewall->n_rules * sizeof(Rule));
    return copy->rules ? TAKE_PTR(copy) : NULL;
}

static Workload *workload_copy(const Workload *workload) {
    _cleanup_(workload_free_pointer) Workload *copy = bytes_copy(workload, sizeof(*workload));

    if (!copy)
        return NULL;
    copy->name = strdup(workload->name);
    copy->groups = bytes_copy(workload->groups, workload->n_groups * sizeof(gid_t));
    copy->directory = workload->directory ? strdup(workload->directory) : NULL;
    copy->argv = strings_copy(workload->argv);
    copy->environment = strings_copy(workload->environment);
    return copy->name && copy->groups && !copy->directory == !workload->directory && !copy->argv == !workload->argv &&
                    !copy->environment == !workload->environment
            ? TAKE_PTR(copy)
            : NULL;
}

static Endpoint *endpoint_copy(const Endpoint *endpoint) {
    _cleanup_(endpoint_free_pointer) Endpoint *copy = calloc(1, sizeof(Endpoint));

    if (!copy)
        return NULL;
    copy->id = endpoint->id;
    copy->address = endpoint->address;
    copy->name = strdup(endpoint->name);
    return copy->name && COPY_ALL(endpoint->workloads, endpoint->n_workloads, workload_copy, workload_free,
                                 endpoint_add_workload, copy)
            ? TAKE_PTR(copy)
            : NULL;
}

static Subnet *subnet_copy(const Subnet *subnet) {
    _cleanup_(subnet_free_pointer) Subnet *copy = calloc(1, sizeof(Subnet));

    if (!copy)
        return NULL;
    copy->id = subnet->id;
    copy->cidr = subnet->cidr;
    copy->type = subnet->type;
    copy->name = strdup(subnet->name);
    if (!copy->name || (subnet->firewall && !(copy->firewall = firewall_copy(subnet->firewall))))
        return NULL;
    return COPY_ALL(subnet->endpoints, subnet->n_endpoints, endpoint_copy, endpoint_free, subnet_add_endpoint, copy)
            ? TAKE_PTR(copy)
            : NULL;
}

Vpc *vpc_copy(const Vpc *vpc) {
    _cleanup_(vpc_free_pointer) Vpc *copy = bytes_copy(vpc, sizeof(*vpc));

    if (!copy)
        return NULL;
    copy->subnets = NULL;
    copy->n_subnets = 0;
    copy->name = strdup(vpc->name);
    copy->nat_interface = vpc->nat_interface ? strdup(vpc->nat_interface) : NULL;
    if (!copy->name || (vpc->nat_interface && !copy->nat_interface))
        return NULL;
    return COPY_ALL(vpc->subnets, vpc->n_subnets, subnet_copy, subnet_free, vpc_add_subnet, copy) ? TAKE_PTR(copy)
                                                                                                  : NULL;
}

Peering *peering_copy(const Peering *peering) {
    _cleanup_(peering_free_pointer) Peering *copy = bytes_copy(peering, sizeof(*peering));

    if (!copy)
        return NULL;
    copy->vpcs[0] = strdup(peering->vpcs[0]);
    copy->vpcs[1] = strdup(peering->vpcs[1]);
    return copy->vpcs[0] && copy->vpcs[1] ? TAKE_PTR(copy) : NULL;
}

HostInterface *host_interface_copy(const HostInterface *interface) {
    _cleanup_(host_interface_free_pointer) HostInterface *copy = bytes_copy(interface, sizeof(*interface));

    if (!copy)
        return NULL;
    copy->name = strdup(interface->name);
    return copy->name ? TAKE_PTR(copy) : NULL;
}

/* --- questions --- */

const char *peering_other(const Peering *peering, const char *vpc) {
    if (streq(peering->vpcs[0], vpc))
        return peering->vpcs[1];
    return streq(peering->vpcs[1], vpc) ? peering->vpcs[0] : NULL;
}

bool peering_is_active(const Peering *peering) {
    return peering && peering->agreed[0] && peering->agreed[1];
}

Address vpc_gateway(const Vpc *vpc) {
    Address gateway = vpc->cidr.address;

    (void)cidr_nth(&vpc->cidr, 1, &gateway); /* a VPC has at least 16 addresses */
    return gateway;
}

bool firewall_equal(const Firewall *a, const Firewall *b) {
    if (!a || !b)
        return a == b;
    if (memcmp(a->defaults, b->defaults, sizeof(a->defaults)) != 0 || a->n_rules != b->n_rules)
        return false;
    for (size_t i = 0; i < a->n_rules; i++) {
        const Rule *x = &a->rules[i], *y = &b->rules[i];

        if (x->direction != y->direction || x->protocol != y->protocol || x->port_first != y->port_first ||
                x->port_last != y->port_last || x->action != y->action || !cidr_equal(&x->peer, &y->peer))
            return false;
    }
    return true;
}

static bool protocol_matches(Protocol protocol, uint8_t number) {
    switch (protocol) {
    case PROTOCOL_TCP:
        return number == IPPROTO_TCP;
    case PROTOCOL_UDP:
        return number == IPPROTO_UDP;
    case PROTOCOL_ICMP:
        return number == IPPROTO_ICMP || number == IPPROTO_ICMPV6;
    default:
        return true;
    }
}

Action firewall_verdict(const Firewall *firewall, Direction direction, uint8_t protocol, const Address *peer,
        uint16_t port) {
    if (!firewall)
        return ACTION_ALLOW;
    for (size_t i = 0; i < firewall->n_rules; i++) {
        const Rule *rule = &firewall->rules[i];

        if (rule->direction == direction && protocol_matches(rule->protocol, protocol) &&
                (rule->port_last == 0 || (rule->port_first <= port && port <= rule->port_last)) &&
                (rule->peer.address.family == AF_UNSPEC || cidr_has_address(&rule->peer, peer)))
            return rule->action;
    }
    return firewall->defaults[direction];
}
