/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the users asked for, and nothing else: the intent that is stored, planned from and shown. No kernel number
 * (ifindex, nsid) is ever in it. Pure: no bus, file, clock or socket. Arrays are sorted by name. */

#include "core/cidr.h"

#include <sys/types.h>

typedef enum Direction { DIRECTION_INGRESS, DIRECTION_EGRESS, _DIRECTION_MAX } Direction;
typedef enum Action { ACTION_DENY, ACTION_ALLOW, _ACTION_MAX } Action;
typedef enum Protocol { PROTOCOL_ALL, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, _PROTOCOL_MAX } Protocol;
typedef enum SubnetType { SUBNET_PRIVATE, SUBNET_PUBLIC, _SUBNET_TYPE_MAX } SubnetType;
typedef enum WorkloadKind { WORKLOAD_WEBSERVER, WORKLOAD_PROGRAM, _WORKLOAD_KIND_MAX } WorkloadKind;
typedef enum Restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, _RESTART_MAX } Restart;

/* The word for a value, and the value for a word (-EINVAL when there is none). */
const char *direction_name(Direction value);
const char *action_name(Action value);
const char *protocol_name(Protocol value);
const char *subnet_type_name(SubnetType value);
const char *workload_kind_name(WorkloadKind value);
const char *restart_name(Restart value);
int direction_parse(const char *word);
int action_parse(const char *word);
int protocol_parse(const char *word);
int subnet_type_parse(const char *word);
int workload_kind_parse(const char *word);
int restart_parse(const char *word);

typedef struct Rule {
    Direction direction;
    Protocol protocol;
    uint16_t port_first, port_last; /* both 0: every port */
    Cidr peer;                      /* the other side; family AF_UNSPEC: everybody */
    Action action;
} Rule;

/* Stateful; the first rule of a direction that matches decides, else the direction's default. */
typedef struct Firewall {
    Action defaults[_DIRECTION_MAX];
    Rule *rules;
    size_t n_rules;
} Firewall;

/* A program that is kept running in an endpoint's namespace, as the user who asked for it. */
typedef struct Workload {
    char *name;
    WorkloadKind kind;
    uint16_t port; /* of a web server, else 0 */
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    uint64_t created;   /* microseconds since 1970: what its unit logged before is another's */
    Restart restart;    /* with RESTART_NO it is not started again after a boot either */
    char *directory;    /* an absolute path: what a web server serves (NULL: a page), where a program starts (NULL: home) */
    char **argv;        /* of a program, NULL-terminated; else NULL */
    char **environment; /* of a program, NAME=value, NULL-terminated; may be NULL */
} Workload;

typedef struct Endpoint {
    char *name;      /* "" for the subnet's first, which is the subnet's own namespace */
    unsigned id;     /* 1 to 1023, unique in the VPC: the bridge port's name is made from it */
    Address address; /* IPv4 */
    Workload **workloads;
    size_t n_workloads;
} Endpoint;

typedef struct Subnet {
    char *name;
    unsigned id; /* from 1, unique in the VPC: names of nft chains are made from it */
    Cidr cidr;
    SubnetType type;
    Firewall *firewall; /* NULL: no policy, everything inside the VPC passes */
    Endpoint **endpoints;
    size_t n_endpoints;
} Subnet;

typedef struct Vpc {
    char *name;
    unsigned id; /* 0 to 8191, unique on the host: the uplink's addresses are made from it */
    uid_t owner;
    uint64_t created;    /* microseconds since 1970 */
    uint64_t generation; /* of the last change to it */
    Cidr cidr;
    bool host_access;    /* the host has a route to cidr */
    char *nat_interface; /* NULL: no NAT */
    Subnet **subnets;
    size_t n_subnets;
} Vpc;

typedef struct Peering {
    char *vpcs[2]; /* the lesser name first */
    unsigned id;   /* 0 to 8063, unique on the host: the link's addresses are made from it */
    bool agreed[2]; /* each side's owner wants it; until both do, it is only a request */
    uint64_t generation;
} Peering;

/* A setting of a host interface that we changed, with what it was before the first VPC needed it. */
typedef struct HostInterface {
    char *name;
    bool forwarding_before;
} HostInterface;

typedef struct Model {
    Vpc **vpcs;
    size_t n_vpcs;
    Peering **peerings;
    size_t n_peerings;
    HostInterface **interfaces;
    size_t n_interfaces;
    uint64_t generation; /* of the last change to anything */
    bool incomplete;     /* an object that is stored could not be read: more may be in the kernel than this says */
} Model;

Model *model_free(Model *model);
Vpc *vpc_free(Vpc *vpc);
Subnet *subnet_free(Subnet *subnet);
Endpoint *endpoint_free(Endpoint *endpoint);
Workload *workload_free(Workload *workload);
Peering *peering_free(Peering *peering);
HostInterface *host_interface_free(HostInterface *interface);
Firewall *firewall_free(Firewall *firewall);
DEFINE_CLEANUP(Model *, model_free)
DEFINE_CLEANUP(Vpc *, vpc_free)
DEFINE_CLEANUP(Subnet *, subnet_free)
DEFINE_CLEANUP(Endpoint *, endpoint_free)
DEFINE_CLEANUP(Workload *, workload_free)
DEFINE_CLEANUP(Peering *, peering_free)
DEFINE_CLEANUP(HostInterface *, host_interface_free)
DEFINE_CLEANUP(Firewall *, firewall_free)

/* NULL-terminated arrays of strings; NULL is an array without any. */
void strings_free(char **strings);
size_t strings_length(char *const *strings);
char **strings_copy(char *const *strings); /* NULL for NULL and without memory */

/* Deep copies, NULL without memory. */
Vpc *vpc_copy(const Vpc *vpc);
Peering *peering_copy(const Peering *peering);
HostInterface *host_interface_copy(const HostInterface *interface);
Firewall *firewall_copy(const Firewall *firewall);

/* Found by name, NULL when there is none. Logarithmic. The peering of two VPCs is found in either order. */
Vpc *model_vpc(const Model *model, const char *name);
Peering *model_peering(const Model *model, const char *a, const char *b);
HostInterface *model_interface(const Model *model, const char *name);
Subnet *vpc_subnet(const Vpc *vpc, const char *name);
Endpoint *subnet_endpoint(const Subnet *subnet, const char *name);
Workload *endpoint_workload(const Endpoint *endpoint, const char *name);

/* The subnet's own namespace: its endpoint named "". */
Endpoint *subnet_first_endpoint(const Subnet *subnet);

/* Insert in order, or replace the one of that name and free it; the object is owned by the container afterwards.
 * -ENOMEM leaves it with the caller. */
int model_put_vpc(Model *model, Vpc *vpc);
int model_put_peering(Model *model, Peering *peering);
int model_put_interface(Model *model, HostInterface *interface);
int vpc_add_subnet(Vpc *vpc, Subnet *subnet);
int subnet_add_endpoint(Subnet *subnet, Endpoint *endpoint);
int endpoint_add_workload(Endpoint *endpoint, Workload *workload);

/* Take out and free; nothing happens when there is none. */
void model_remove_vpc(Model *model, const char *name);
void model_remove_peering(Model *model, const char *a, const char *b);
void model_remove_interface(Model *model, const char *name);
void vpc_remove_subnet(Vpc *vpc, const char *name);
void endpoint_remove_workload(Endpoint *endpoint, const char *name);

/* The other VPC of a peering, NULL when the named one is not a side of it. */
const char *peering_other(const Peering *peering, const char *vpc);

/* Whether both sides have agreed. False for NULL. Only then is there anything in the kernel. */
bool peering_is_active(const Peering *peering);

/* The VPC's router address: the first of its block. */
Address vpc_gateway(const Vpc *vpc);

/* Both may be NULL: no policy. */
bool firewall_equal(const Firewall *a, const Firewall *b);

/* The verdict of a policy on a new connection, from the subnet's view: the other side and the destination port
 * (0 where the protocol has none). protocol is an IPPROTO_ number. A NULL policy allows. */
Action firewall_verdict(const Firewall *firewall, Direction direction, uint8_t protocol, const Address *peer,
        uint16_t port);
