/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "objects.h"

#include "core/ident.h"
#include "names.h"

/* --- properties --- */

static int append_address(sd_bus_message *m, const Address *address) {
    char text[ADDRESS_TEXT_MAX];

    return sd_bus_message_append(m, "s", address_format(address, text));
}

static int append_cidr(sd_bus_message *m, const Cidr *cidr) {
    char text[CIDR_TEXT_MAX];

    return sd_bus_message_append(m, "s", cidr_format(cidr, text));
}

static int append_owned(sd_bus_message *m, char *text) {
    _cleanup_free_ char *owned = text;

    return owned ? sd_bus_message_append(m, "s", owned) : -ENOMEM;
}

static int vpc_name(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->vpc->name);
}

static int vpc_cidr(sd_bus_message *m, const Object *o) {
    return append_cidr(m, &o->vpc->cidr);
}

static int vpc_gateway_address(sd_bus_message *m, const Object *o) {
    Address gateway = vpc_gateway(o->vpc);

    return append_address(m, &gateway);
}

static int vpc_namespace(sd_bus_message *m, const Object *o) {
    return append_owned(m, netns_router(o->vpc));
}

static int vpc_owner(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "u", (uint32_t)o->vpc->owner);
}

static int vpc_nat_interface(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->vpc->nat_interface ? o->vpc->nat_interface : "");
}

static int vpc_host_access(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "b", (int)o->vpc->host_access);
}

static int vpc_subnets(sd_bus_message *m, const Object *o) {
    int r = sd_bus_message_open_container(m, 'a', "s");

    for (size_t i = 0; r >= 0 && i < o->vpc->n_subnets; i++)
        r = sd_bus_message_append(m, "s", o->vpc->subnets[i]->name);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int vpc_peers(sd_bus_message *m, const Object *o) {
    int r = sd_bus_message_open_container(m, 'a', "s");

    for (size_t i = 0; r >= 0 && i < o->model->n_peerings; i++) {
        const char *other = peering_other(o->model->peerings[i], o->vpc->name);

        if (other && peering_is_active(o->model->peerings[i]))
            r = sd_bus_message_append(m, "s", other);
    }
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int vpc_created(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "t", o->vpc->created);
}

static int subnet_name(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->subnet->name);
}

static int subnet_cidr(sd_bus_message *m, const Object *o) {
    return append_cidr(m, &o->subnet->cidr);
}

static int subnet_type(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", subnet_type_name(o->subnet->type));
}

static int subnet_namespace(sd_bus_message *m, const Object *o) {
    return append_owned(m, netns_endpoint(o->vpc, o->subnet, subnet_first_endpoint(o->subnet)));
}

static int subnet_address(sd_bus_message *m, const Object *o) {
    return append_address(m, &subnet_first_endpoint(o->subnet)->address);
}

static int subnet_has_firewall(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "b", (int)(o->subnet->firewall != NULL));
}

static int subnet_endpoints(sd_bus_message *m, const Object *o) {
    int r = sd_bus_message_open_container(m, 'a', "s");

    for (size_t i = 0; r >= 0 && i < o->subnet->n_endpoints; i++)
        r = sd_bus_message_append(m, "s", o->subnet->endpoints[i]->name);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int endpoint_name(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->endpoint->name);
}

static int endpoint_address(sd_bus_message *m, const Object *o) {
    return append_address(m, &o->endpoint->address);
}

static int endpoint_mac(sd_bus_message *m, const Object *o) {
    Mac mac = mac_from_address(&o->endpoint->address);
    char text[MAC_TEXT_MAX];

    return sd_bus_message_append(m, "s", mac_format(&mac, text));
}

static int endpoint_namespace(sd_bus_message *m, const Object *o) {
    return append_owned(m, netns_endpoint(o->vpc, o->subnet, o->endpoint));
}

static int peering_vpc1(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->peering->vpcs[0]);
}

static int peering_vpc2(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->peering->vpcs[1]);
}

static int append_peering_cidr(sd_bus_message *m, const Object *o, size_t side) {
    const Vpc *vpc = model_vpc(o->model, o->peering->vpcs[side]);

    return vpc ? append_cidr(m, &vpc->cidr) : sd_bus_message_append(m, "s", "");
}

static int peering_cidr1(sd_bus_message *m, const Object *o) {
    return append_peering_cidr(m, o, 0);
}

static int peering_cidr2(sd_bus_message *m, const Object *o) {
    return append_peering_cidr(m, o, 1);
}

static int peering_state(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", peering_is_active(o->peering) ? "active" : "requested");
}

/* Whose consent is missing, "" when the peering is in force. */
static int peering_awaits(sd_bus_message *m, const Object *o) {
    const Peering *peering = o->peering;

    return sd_bus_message_append(m, "s", !peering->agreed[0] ? peering->vpcs[0] : !peering->agreed[1] ? peering->vpcs[1] : "");
}

static int workload_name(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->workload->name);
}

static int workload_kind(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", workload_kind_name(o->workload->kind));
}

static int workload_port(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "q", o->workload->port);
}

static int append_strings(sd_bus_message *m, char *const *strings) {
    int r = sd_bus_message_open_container(m, 'a', "s");

    for (; r >= 0 && strings && *strings; strings++)
        r = sd_bus_message_append(m, "s", *strings);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int workload_command(sd_bus_message *m, const Object *o) {
    return append_strings(m, o->workload->argv);
}

static int workload_directory(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", o->workload->directory ? o->workload->directory : "");
}

static int workload_restart(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "s", restart_name(o->workload->restart));
}

static int workload_uid(sd_bus_message *m, const Object *o) {
    return sd_bus_message_append(m, "u", (uint32_t)o->workload->uid);
}

static int workload_unit(sd_bus_message *m, const Object *o) {
    return append_owned(m, unit_workload(o->vpc->name, o->subnet->name, o->endpoint->name, o->workload->name));
}

typedef struct Property {
    const char *name;
    const char *signature;
    int (*append)(sd_bus_message *m, const Object *object);
} Property;

static const Property vpc_properties[] = {
    { "Name", "s", vpc_name },
    { "Cidr", "s", vpc_cidr },
    { "Gateway", "s", vpc_gateway_address },
    { "Namespace", "s", vpc_namespace },
    { "OwnerUid", "u", vpc_owner },
    { "NatInterface", "s", vpc_nat_interface },
    { "HostAccess", "b", vpc_host_access },
    { "Subnets", "as", vpc_subnets },
    { "Peers", "as", vpc_peers },
    { "Created", "t", vpc_created },
    { NULL },
};

static const Property subnet_properties[] = {
    { "Vpc", "s", vpc_name },
    { "Name", "s", subnet_name },
    { "Cidr", "s", subnet_cidr },
    { "Type", "s", subnet_type },
    { "Namespace", "s", subnet_namespace },
    { "Address", "s", subnet_address },
    { "Firewall", "b", subnet_has_firewall },
    { "Endpoints", "as", subnet_endpoints },
    { NULL },
};

static const Property endpoint_properties[] = {
    { "Vpc", "s", vpc_name },
    { "Subnet", "s", subnet_name },
    { "Name", "s", endpoint_name },
    { "Address", "s", endpoint_address },
    { "Mac", "s", endpoint_mac },
    { "Namespace", "s", endpoint_namespace },
    { NULL },
};

static const Property peering_properties[] = {
    { "Vpc1", "s", peering_vpc1 },
    { "Vpc2", "s", peering_vpc2 },
    { "Cidr1", "s", peering_cidr1 },
    { "Cidr2", "s", peering_cidr2 },
    { "State", "s", peering_state },
    { "Awaits", "s", peering_awaits },
    { NULL },
};

static const Property workload_properties[] = {
    { "Vpc", "s", vpc_name },
    { "Subnet", "s", subnet_name },
    { "Name", "s", workload_name },
    { "Kind", "s", workload_kind },
    { "Address", "s", endpoint_address },
    { "Port", "q", workload_port },
    { "Command", "as", workload_command },
    { "Directory", "s", workload_directory },
    { "Restart", "s", workload_restart },
    { "Uid", "u", workload_uid },
    { "Unit", "s", workload_unit },
    { NULL },
};

/* --- finding and listing --- */

typedef int (*Visit)(const Object *object, void *data);

static int each_vpc(const Model *model, Visit visit, void *data) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < model->n_vpcs; i++)
        r = visit(&(Object){ .model = model, .vpc = model->vpcs[i] }, data);
    return r;
}

static int each_subnet(const Model *model, Visit visit, void *data) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < model->n_vpcs; i++)
        for (size_t j = 0; r == 0 && j < model->vpcs[i]->n_subnets; j++)
            r = visit(&(Object){ model, model->vpcs[i], model->vpcs[i]->subnets[j] }, data);
    return r;
}

/* Calls the next visitor for each endpoint of the subnet it is given. */
typedef struct Nested {
    Visit visit;
    void *data;
} Nested;

static int visit_endpoints(const Object *subnet, void *data) {
    const Nested *nested = data;
    Object object = *subnet;
    int r = 0;

    for (size_t i = 0; r == 0 && i < subnet->subnet->n_endpoints; i++) {
        object.endpoint = subnet->subnet->endpoints[i];
        r = nested->visit(&object, nested->data);
    }
    return r;
}

static int each_endpoint(const Model *model, Visit visit, void *data) {
    return each_subnet(model, visit_endpoints, &(Nested){ visit, data });
}

static int visit_workloads(const Object *endpoint, void *data) {
    const Nested *nested = data;
    Object object = *endpoint;
    int r = 0;

    for (size_t i = 0; r == 0 && i < endpoint->endpoint->n_workloads; i++) {
        object.workload = endpoint->endpoint->workloads[i];
        r = nested->visit(&object, nested->data);
    }
    return r;
}

static int each_workload(const Model *model, Visit visit, void *data) {
    return each_endpoint(model, visit_workloads, &(Nested){ visit, data });
}

static int each_peering(const Model *model, Visit visit, void *data) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < model->n_peerings; i++)
        r = visit(&(Object){ .model = model, .peering = model->peerings[i] }, data);
    return r;
}

/* The object of up to three names; those that a kind does not have are NULL. */
static bool find_vpc_object(Object *o, char *const names[3]) {
    return (o->vpc = model_vpc(o->model, names[0]));
}

static bool find_subnet_object(Object *o, char *const names[3]) {
    return find_vpc_object(o, names) && (o->subnet = vpc_subnet(o->vpc, names[1]));
}

static bool find_endpoint_object(Object *o, char *const names[3]) {
    return find_subnet_object(o, names) && (o->endpoint = subnet_endpoint(o->subnet, names[2]));
}

/* A workload's name is looked for in every endpoint of the subnet. */
static bool find_workload_object(Object *o, char *const names[3]) {
    if (!find_subnet_object(o, names))
        return false;
    for (size_t i = 0; i < o->subnet->n_endpoints && !o->workload; i++) {
        o->endpoint = o->subnet->endpoints[i];
        o->workload = endpoint_workload(o->endpoint, names[2]);
    }
    return o->workload;
}

static bool find_peering_object(Object *o, char *const names[3]) {
    /* One path an object: the lesser name first. */
    return strcmp(names[0], names[1]) < 0 && (o->peering = model_peering(o->model, names[0], names[1]));
}

static void object_names(ObjectKind kind, const Object *o, const char *names[static 3]) {
    names[0] = kind == OBJECT_PEERING ? o->peering->vpcs[0] : o->vpc->name;
    names[1] = kind == OBJECT_PEERING ? o->peering->vpcs[1] : o->subnet ? o->subnet->name : NULL;
    names[2] = kind == OBJECT_WORKLOAD ? o->workload->name : o->endpoint ? o->endpoint->name : NULL;
}

typedef struct Kind {
    const char *interface;
    const char *prefix; /* of the object paths */
    const char *pattern;
    const Property *properties;
    bool (*find)(Object *object, char *const names[3]);
    int (*each)(const Model *model, Visit visit, void *data);
} Kind;

static const Kind kinds[] = {
    [OBJECT_VPC] = { VPCD_VPC, VPCD_PATH_VPC, VPCD_PATH_VPC "/%", vpc_properties, find_vpc_object, each_vpc },
    [OBJECT_SUBNET] = { VPCD_SUBNET, VPCD_PATH_SUBNET, VPCD_PATH_SUBNET "/%/%", subnet_properties, find_subnet_object,
            each_subnet },
    [OBJECT_ENDPOINT] = { VPCD_ENDPOINT, VPCD_PATH_ENDPOINT, VPCD_PATH_ENDPOINT "/%/%/%", endpoint_properties,
            find_endpoint_object, each_endpoint },
    [OBJECT_PEERING] = { VPCD_PEERING, VPCD_PATH_PEERING, VPCD_PATH_PEERING "/%/%", peering_properties,
            find_peering_object, each_peering },
    [OBJECT_WORKLOAD] = { VPCD_WORKLOAD, VPCD_PATH_WORKLOAD, VPCD_PATH_WORKLOAD "/%/%/%", workload_properties,
            find_workload_object, each_workload },
};

_Static_assert(ELEMENTSOF(kinds) == _OBJECT_KIND_MAX, "a row for each kind");

/* PREFIX/NAME[/NAME[/NAME]], each name one element. The caller frees. */
static char *object_path(ObjectKind kind, const Object *object) {
    const char *names[3];
    char *path = NULL;

    object_names(kind, object, names);
    switch (kind) {
    case OBJECT_VPC:
        (void)sd_bus_path_encode_many(&path, kinds[kind].pattern, names[0]);
        break;
    case OBJECT_SUBNET:
    case OBJECT_PEERING:
        (void)sd_bus_path_encode_many(&path, kinds[kind].pattern, names[0], names[1]);
        break;
    default:
        (void)sd_bus_path_encode_many(&path, kinds[kind].pattern, names[0], names[1], names[2]);
    }
    return path;
}

int objects_append(sd_bus_message *message, ObjectKind kind, const Object *object) {
    int r = sd_bus_message_open_container(message, 'a', "{sv}");

    for (const Property *p = kinds[kind].properties; r >= 0 && p->name; p++) {
        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
            r = sd_bus_message_append(message, "s", p->name);
        if (r >= 0)
            r = sd_bus_message_open_container(message, 'v', p->signature);
        if (r >= 0)
            r = p->append(message, object);
        if (r >= 0)
            r = sd_bus_message_close_container(message);
        if (r >= 0)
            r = sd_bus_message_close_container(message);
    }
    return r < 0 ? r : sd_bus_message_close_container(message);
}

/* --- on the bus --- */

typedef struct Registered {
    ObjectKind kind;
    Objects *objects;
    sd_bus_vtable *vtable;
    Object found; /* of the last look-up: the bus reads its properties before it looks up the next */
} Registered;

/* What objects_after_commit() has to say. */
typedef struct Announcement {
    char *path;
    const char *interface;
    bool added;
    const char *changed[4]; /* property names */
} Announcement;

struct Objects {
    sd_bus *bus;
    const Model *model;
    sd_bus_slot *manager;
    sd_bus_slot *slots[_OBJECT_KIND_MAX * 2];
    Registered registered[_OBJECT_KIND_MAX];
    Announcement *announcements;
    size_t n_announcements;
};

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
    const Registered *registered = userdata;

    for (const Property *p = kinds[registered->kind].properties; p->name; p++)
        if (streq(p->name, property))
            return p->append(reply, &registered->found);
    return -ENOENT;
}

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
        sd_bus_error *error) {
    Registered *registered = userdata;
    char *names[3] = { NULL };
    const char *pattern = kinds[registered->kind].pattern;
    int r;

    switch (registered->kind) {
    case OBJECT_VPC:
        r = sd_bus_path_decode_many(path, pattern, &names[0]);
        break;
    case OBJECT_SUBNET:
    case OBJECT_PEERING:
        r = sd_bus_path_decode_many(path, pattern, &names[0], &names[1]);
        break;
    default:
        r = sd_bus_path_decode_many(path, pattern, &names[0], &names[1], &names[2]);
    }
    if (r > 0) {
        registered->found = (Object){ .model = registered->objects->model };
        r = kinds[registered->kind].find(&registered->found, names);
        *ret_found = registered;
    }
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        free(names[i]);
    return r;
}

typedef struct PathList {
    ObjectKind kind;
    char **paths;
    size_t n;
} PathList;

static int collect_path(const Object *object, void *data) {
    PathList *list = data;
    int r = GROW(list->paths, list->n);

    if (r < 0)
        return r;
    list->paths[list->n] = object_path(list->kind, object);
    return list->paths[list->n] ? (list->n++, 0) : -ENOMEM;
}

static int enumerate_objects(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
    const Registered *registered = userdata;
    PathList list = { .kind = registered->kind };
    int r = kinds[registered->kind].each(registered->objects->model, collect_path, &list);

    if (r == 0)
        r = GROW(list.paths, list.n);
    if (r < 0) {
        for (size_t i = 0; i < list.n; i++)
            free(list.paths[i]);
        free(list.paths);
        return r;
    }
    list.paths[list.n] = NULL;
    *ret_nodes = list.paths;
    return 0;
}

/* sd-bus wants its own table, which is made from ours so that there is one. It has to live as long as the slot. */
static sd_bus_vtable *make_vtable(const Property *properties) {
    size_t n = 0;
    sd_bus_vtable *vtable;

    while (properties[n].name)
        n++;
    vtable = calloc(n + 2, sizeof(*vtable));
    if (!vtable)
        return NULL;
    vtable[0] = (sd_bus_vtable)SD_BUS_VTABLE_START(0);
    for (size_t i = 0; i < n; i++)
        vtable[i + 1] = (sd_bus_vtable)SD_BUS_PROPERTY(properties[i].name, properties[i].signature, get_property, 0,
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE);
    vtable[n + 1] = (sd_bus_vtable)SD_BUS_VTABLE_END;
    return vtable;
}

int objects_new(sd_bus *bus, const Model *model, Objects **ret) {
    _cleanup_(objects_free_pointer) Objects *objects = calloc(1, sizeof(Objects));
    int r;

    if (!objects)
        return -ENOMEM;
    objects->bus = sd_bus_ref(bus);
    objects->model = model;
    r = sd_bus_add_object_manager(bus, &objects->manager, VPCD_PATH);
    for (size_t kind = 0; r >= 0 && kind < _OBJECT_KIND_MAX; kind++) {
        Registered *registered = &objects->registered[kind];

        *registered = (Registered){ (ObjectKind)kind, objects, make_vtable(kinds[kind].properties) };
        if (!registered->vtable)
            return -ENOMEM;
        r = sd_bus_add_fallback_vtable(bus, &objects->slots[kind * 2], kinds[kind].prefix, kinds[kind].interface,
                registered->vtable, find_object, registered);
        if (r >= 0)
            r = sd_bus_add_node_enumerator(bus, &objects->slots[kind * 2 + 1], kinds[kind].prefix, enumerate_objects,
                    registered);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(objects);
    return 0;
}

static void forget_announcements(Objects *objects) {
    for (size_t i = 0; i < objects->n_announcements; i++)
        free(objects->announcements[i].path);
    free(objects->announcements);
    objects->announcements = NULL;
    objects->n_announcements = 0;
}

Objects *objects_free(Objects *objects) {
    if (!objects)
        return NULL;
    forget_announcements(objects);
    for (size_t i = 0; i < ELEMENTSOF(objects->slots); i++)
        sd_bus_slot_unref(objects->slots[i]);
    for (int kind = 0; kind < _OBJECT_KIND_MAX; kind++)
        free(objects->registered[kind].vtable);
    sd_bus_slot_unref(objects->manager);
    sd_bus_unref(objects->bus);
    free(objects);
    return NULL;
}

/* --- what changed --- */

static Announcement *announce(Objects *objects, ObjectKind kind, const Object *object) {
    char *path = object_path(kind, object);

    if (!path || GROW(objects->announcements, objects->n_announcements) < 0) {
        free(path);
        return NULL;
    }
    objects->announcements[objects->n_announcements] = (Announcement){ path, kinds[kind].interface };
    return &objects->announcements[objects->n_announcements++];
}

static int say_added(Objects *objects, ObjectKind kind, const Object *object) {
    Announcement *announcement = announce(objects, kind, object);

    if (!announcement)
        return -ENOMEM;
    announcement->added = true;
    return 0;
}

static int say_removed(Objects *objects, ObjectKind kind, const Object *object) {
    _cleanup_free_ char *path = object_path(kind, object);

    return path ? sd_bus_emit_object_removed(objects->bus, path) : -ENOMEM;
}

/* Calls `say` for the endpoint and each of its workloads that the other one lacks. */
typedef int (*Say)(Objects *objects, ObjectKind kind, const Object *object);

static int say_endpoint(Objects *objects, Object object, const Endpoint *other, Say say) {
    int r = other ? 0 : say(objects, OBJECT_ENDPOINT, &object);

    for (size_t i = 0; r >= 0 && i < object.endpoint->n_workloads; i++) {
        object.workload = object.endpoint->workloads[i];
        if (!other || !endpoint_workload(other, object.workload->name))
            r = say(objects, OBJECT_WORKLOAD, &object);
    }
    return r;
}

static int say_vpc(Objects *objects, Object object, const Vpc *other, Say say) {
    int r = other ? 0 : say(objects, OBJECT_VPC, &object);

    for (size_t i = 0; r >= 0 && i < object.vpc->n_subnets; i++) {
        const Subnet *other_subnet;

        object.subnet = object.vpc->subnets[i];
        object.endpoint = NULL;
        other_subnet = other ? vpc_subnet(other, object.subnet->name) : NULL;
        if (!other_subnet)
            r = say(objects, OBJECT_SUBNET, &object);
        for (size_t j = 0; r >= 0 && j < object.subnet->n_endpoints; j++) {
            object.endpoint = object.subnet->endpoints[j];
            r = say_endpoint(objects, object, other_subnet ? subnet_endpoint(other_subnet, object.endpoint->name) : NULL,
                    say);
        }
    }
    return r;
}

static int say_changed(Objects *objects, ObjectKind kind, const Object *object, const char *const *names, size_t n) {
    Announcement *announcement;

    if (n == 0)
        return 0;
    announcement = announce(objects, kind, object);
    if (!announcement)
        return -ENOMEM;
    memcpy(announcement->changed, names, n * sizeof(*names));
    return 0;
}

static bool subnet_names_differ(const Vpc *a, const Vpc *b) {
    if (a->n_subnets != b->n_subnets)
        return true;
    for (size_t i = 0; i < a->n_subnets; i++)
        if (!streq(a->subnets[i]->name, b->subnets[i]->name))
            return true;
    return false;
}

static int say_vpc_changes(Objects *objects, const Draft *draft, const Vpc *before, const Vpc *after) {
    Object object = { .model = objects->model, .vpc = after };
    const char *names[3];
    size_t n = 0;
    int r;

    if (!streq_null(before->nat_interface, after->nat_interface))
        names[n++] = "NatInterface";
    if (subnet_names_differ(before, after))
        names[n++] = "Subnets";
    if (draft_changes_peers(draft, after->name))
        names[n++] = "Peers";
    r = say_changed(objects, OBJECT_VPC, &object, names, n);
    for (size_t i = 0; r >= 0 && i < after->n_subnets; i++) {
        const Subnet *old = vpc_subnet(before, after->subnets[i]->name);

        object.subnet = after->subnets[i];
        n = 0;
        if (old && !old->firewall != !object.subnet->firewall)
            names[n++] = "Firewall";
        if (old && old->n_endpoints != object.subnet->n_endpoints)
            names[n++] = "Endpoints";
        r = say_changed(objects, OBJECT_SUBNET, &object, names, n);
    }
    return r;
}

int objects_before_commit(Objects *objects, const Draft *draft) {
    int r = 0;

    forget_announcements(objects);
    for (size_t i = 0; r >= 0 && i < draft->n_peerings; i++) {
        const DraftPeering *pair = &draft->peerings[i];
        Object object = { .model = objects->model, .peering = pair->before ? pair->before : pair->after };

        if (pair->before && !pair->after)
            r = say_removed(objects, OBJECT_PEERING, &object);
        else if (pair->after && !pair->before)
            r = say_added(objects, OBJECT_PEERING, &object);
        else if (pair->before && peering_is_active(pair->before) != peering_is_active(pair->after))
            r = say_changed(objects, OBJECT_PEERING, &object, (const char *const[]){ "State", "Awaits" }, 2);
    }
    for (size_t i = 0; r >= 0 && i < draft->n_vpcs; i++) {
        const DraftVpc *pair = &draft->vpcs[i];

        if (pair->before)
            r = say_vpc(objects, (Object){ .model = objects->model, .vpc = pair->before }, pair->after, say_removed);
        if (r >= 0 && pair->after)
            r = say_vpc(objects, (Object){ .model = objects->model, .vpc = pair->after }, pair->before, say_added);
        if (r >= 0 && pair->before && pair->after)
            r = say_vpc_changes(objects, draft, pair->before, pair->after);
    }
    return r;
}

void objects_after_commit(Objects *objects) {
    for (size_t i = 0; i < objects->n_announcements; i++) {
        const Announcement *announcement = &objects->announcements[i];
        const char *names[ELEMENTSOF(announcement->changed) + 1] = { NULL };

        if (announcement->added) {
            (void)sd_bus_emit_object_added(objects->bus, announcement->path);
            continue;
        }
        memcpy(names, announcement->changed, sizeof(announcement->changed));
        char *strv[ELEMENTSOF(names)];
        for (size_t j = 0; j < ELEMENTSOF(names); j++)
            strv[j] = names[j] ? strdupa(names[j]) : NULL;
        (void)sd_bus_emit_properties_changed_strv(objects->bus, announcement->path, announcement->interface, strv);
    }
    forget_announcements(objects);
}
