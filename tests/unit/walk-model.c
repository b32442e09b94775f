/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "walk-model.h"

unsigned walk_draw_random(Walk *walk, unsigned n) {
    return (unsigned)g_rand_int_range(walk->rand, 0, (gint32)n);
}

unsigned walk_draw_bytes(Walk *walk, unsigned n) {
    unsigned value = 0;

    for (unsigned range = 1; range < n && walk->n_bytes > 0; range *= 256) {
        value = value * 256 + *walk->bytes++;
        walk->n_bytes--;
    }
    return value % n;
}

static unsigned below(Walk *walk, unsigned n) {
    return walk->draw(walk, n);
}

/* Mostly one of a list, and sometimes any other inside 10.0.0.0/8. */
static Cidr block(Walk *walk, const char *const *blocks, size_t n) {
    Cidr made = cidr("10.0.0.0/8"), result;
    char text[CIDR_TEXT_MAX];

    if (below(walk, 8))
        return cidr(blocks[below(walk, (unsigned)n)]);
    for (size_t i = 1; i < 4; i++)
        made.address.bytes[i] = (uint8_t)below(walk, 256);
    made.prefix = 8 + below(walk, 25);
    (void)cidr_parse(cidr_format(&made, text), &result); /* which clears what is beyond the prefix */
    return result;
}

#define PICK(walk, array) ((array)[below((walk), ELEMENTSOF(array))])

/* Not const, since requests own their texts; nobody writes to them. */
static char vpc_names[][32] = { "a", "b", "a-b", "c", "engineering-platform", "z-vpc" };
static char subnet_names[][32] = { "a", "b", "b-c", "c", "a-subnet-of-the-longest-name-00", "web" };
static char interfaces[][16] = { "eth0", "eth1", "wlp0s20f3.100" };
static char workloads[][32] = { "webserver", "w" };

static char workload_directory[] = "/srv";
static char *commands[][3] = { { "true" }, { "/bin/sh", "-c" } };
static char *environments[][2] = { { "TERM=xterm" }, { "LANG=C" } };

static const char *const vpc_blocks[] = { "10.0.0.0/16", "10.0.0.0/8", "10.1.0.0/16", "172.16.0.0/12", "192.168.0.0/28",
    "192.168.0.0/24" };
static const char *const subnet_blocks[] = { "10.0.0.0/24", "10.0.1.0/24", "10.0.1.128/25", "10.1.0.0/20", "10.1.16.0/28",
    "172.16.5.4/30", "172.17.0.0/16", "192.168.0.0/28", "192.168.0.8/29", "10.200.0.0/30" };
static const char *const peers[] = { "", "0.0.0.0/0", "10.0.0.0/16", "192.168.0.7/32", "fd00::/8" };

static void random_firewall(Walk *walk) {
    Firewall *firewall = &walk->firewall;

    firewall->rules = walk->rules;
    firewall->n_rules = below(walk, ELEMENTSOF(walk->rules) + 1);
    for (int i = 0; i < _DIRECTION_MAX; i++)
        firewall->defaults[i] = (Action)below(walk, _ACTION_MAX);
    for (size_t i = 0; i < firewall->n_rules; i++) {
        Protocol protocol = (Protocol)below(walk, _PROTOCOL_MAX);
        unsigned first = 1 + below(walk, 65535), last = first + below(walk, 65536 - first);
        bool ports = (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP) && below(walk, 3);

        walk->rules[i] = rule((Direction)below(walk, _DIRECTION_MAX), protocol, ports ? first : 0, ports ? last : 0,
                PICK(walk, peers), (Action)below(walk, _ACTION_MAX));
    }
}

Change walk_next(Walk *walk, Facts *facts) {
    static const Change changes[] = { change_create_vpc, change_create_vpc, change_create_vpc, change_add_subnet,
        change_add_subnet, change_add_subnet, change_add_subnet, change_enable_nat, change_enable_nat, change_disable_nat,
        change_create_peering, change_create_peering, change_create_peering, change_accept_peering, change_accept_peering,
        change_delete_peering, change_apply_firewall, change_apply_firewall, change_clear_firewall,
        change_deploy_webserver, change_deploy, change_stop_workload, change_delete_subnet, change_delete_vpc };
    Change change = below(walk, 200) == 0 ? change_purge : PICK(walk, changes);
    Request *request = &walk->request;

    *facts = (Facts){ .interface = 1, .forwarding = below(walk, 2), .host_route = NULL };
    *request = *REQUEST(.uid = below(walk, 4) ? ALICE : BOB, .vpc = PICK(walk, vpc_names),
            .other_vpc = PICK(walk, vpc_names), .subnet = PICK(walk, subnet_names), .interface = PICK(walk, interfaces),
            .type = (SubnetType)below(walk, _SUBNET_TYPE_MAX), .firewall = &walk->firewall,
            .port = (uint16_t)(1 + below(walk, 3)), .host_access = below(walk, 3) != 0, .all = below(walk, 2),
            .groups = walk->groups, .n_groups = below(walk, 3));
    walk->groups[0] = ALICE;
    walk->groups[1] = 27;
    random_firewall(walk);
    if (change == change_create_vpc || change == change_delete_vpc) {
        request->name = PICK(walk, vpc_names);
        request->cidr = block(walk, vpc_blocks, ELEMENTSOF(vpc_blocks));
    } else if (change == change_add_subnet) {
        request->name = PICK(walk, subnet_names);
        request->cidr = block(walk, subnet_blocks, ELEMENTSOF(subnet_blocks));
    } else
        request->name = PICK(walk, workloads);
    if (change == change_deploy) {
        request->argv = PICK(walk, commands);
        request->environment = below(walk, 2) ? PICK(walk, environments) : NULL;
        request->directory = below(walk, 2) ? workload_directory : NULL;
        request->restart = (Restart)below(walk, _RESTART_MAX);
        request->port = 0;
    }
    return change;
}
