/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ops.h"

#include "bus.h"
#include "core/ident.h"
#include "decode.h"
#include "engine.h"
#include "journal.h"
#include "objects.h"

#include <stdio.h>

/* --- reading --- */

static int list_reply(sd_bus_message *reply, int (*fill)(const OpContext *, const Request *, sd_bus_message *),
        const OpContext *context, const Request *request) {
    int r = sd_bus_message_open_container(reply, 'a', "a{sv}");

    if (r >= 0)
        r = fill(context, request, reply);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int fill_vpcs(const OpContext *context, const Request *request, sd_bus_message *reply) {
    int r = 0;

    for (size_t i = 0; r >= 0 && i < context->model->n_vpcs; i++)
        r = objects_append(reply, OBJECT_VPC, &(Object){ .model = context->model, .vpc = context->model->vpcs[i] });
    return r;
}

static int read_vpcs(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    return list_reply(reply, fill_vpcs, context, request);
}

/* The VPC that is asked for has to be there. */
static int check_filter(const OpContext *context, const Request *request, Failure *failure) {
    const Vpc *vpc;

    return request->vpc ? find_vpc(context->model, request->vpc, &vpc, failure) : 0;
}

static bool is_asked_for(const Request *request, const Vpc *vpc) {
    return !request->vpc || streq(request->vpc, vpc->name);
}

static int fill_subnets(const OpContext *context, const Request *request, sd_bus_message *reply) {
    int r = 0;

    for (size_t i = 0; r >= 0 && i < context->model->n_vpcs; i++) {
        const Vpc *vpc = context->model->vpcs[i];

        for (size_t j = 0; r >= 0 && is_asked_for(request, vpc) && j < vpc->n_subnets; j++)
            r = objects_append(reply, OBJECT_SUBNET, &(Object){ context->model, vpc, vpc->subnets[j] });
    }
    return r;
}

static int read_subnets(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    int r = check_filter(context, request, failure);

    return r < 0 ? r : list_reply(reply, fill_subnets, context, request);
}

static int fill_peerings(const OpContext *context, const Request *request, sd_bus_message *reply) {
    int r = 0;

    for (size_t i = 0; r >= 0 && i < context->model->n_peerings; i++) {
        const Peering *peering = context->model->peerings[i];

        if (!request->vpc || peering_other(peering, request->vpc))
            r = objects_append(reply, OBJECT_PEERING, &(Object){ .model = context->model, .peering = peering });
    }
    return r;
}

static int read_peerings(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    int r = check_filter(context, request, failure);

    return r < 0 ? r : list_reply(reply, fill_peerings, context, request);
}

static int fill_workloads(const OpContext *context, const Request *request, sd_bus_message *reply) {
    Object object = { .model = context->model };
    int r = 0;

    for (size_t i = 0; i < context->model->n_vpcs; i++) {
        object.vpc = context->model->vpcs[i];
        for (size_t j = 0; is_asked_for(request, object.vpc) && j < object.vpc->n_subnets; j++) {
            object.subnet = object.vpc->subnets[j];
            for (size_t k = 0; k < object.subnet->n_endpoints; k++) {
                object.endpoint = object.subnet->endpoints[k];
                for (size_t l = 0; r >= 0 && l < object.endpoint->n_workloads; l++) {
                    object.workload = object.endpoint->workloads[l];
                    r = objects_append(reply, OBJECT_WORKLOAD, &object);
                }
            }
        }
    }
    return r;
}

static int read_workloads(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    int r = check_filter(context, request, failure);

    return r < 0 ? r : list_reply(reply, fill_workloads, context, request);
}

static int append_rules(const Firewall *firewall, sd_bus_message *reply) {
    int r = sd_bus_message_open_container(reply, 'a', "(ssqqss)");

    for (size_t i = 0; r >= 0 && firewall && i < firewall->n_rules; i++) {
        const Rule *rule = &firewall->rules[i];
        char cidr[CIDR_TEXT_MAX];

        r = sd_bus_message_append(reply, "(ssqqss)", direction_name(rule->direction), protocol_name(rule->protocol),
                rule->port_first, rule->port_last, cidr_format(&rule->peer, cidr), action_name(rule->action));
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int read_firewall(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    const Vpc *vpc;
    const Subnet *subnet;
    const Firewall *firewall;
    int r = find_subnet(context->model, request->vpc, request->subnet, &vpc, &subnet, failure);

    if (r < 0)
        return r;
    firewall = subnet->firewall;
    r = sd_bus_message_append(reply, "bss", (int)(firewall != NULL),
            action_name(firewall ? firewall->defaults[DIRECTION_INGRESS] : ACTION_ALLOW),
            action_name(firewall ? firewall->defaults[DIRECTION_EGRESS] : ACTION_ALLOW));
    return r < 0 ? r : append_rules(firewall, reply);
}

/* Takes the lines. */
static int append_lines(sd_bus_message *reply, char **lines, size_t n) {
    int r = sd_bus_message_open_container(reply, 'a', "s");

    for (size_t i = 0; i < n; i++) {
        if (r >= 0)
            r = sd_bus_message_append(reply, "s", lines[i]);
        free(lines[i]);
    }
    free(lines);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int read_log(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    char **lines = NULL;
    size_t n = 0;
    int r = audit_read(context->audit, request->uid, request->lines, &lines, &n);

    return r < 0 ? r : append_lines(reply, lines, n);
}

static int read_workload_log(const OpContext *context, const Request *request, sd_bus_message *reply,
        Failure *failure) {
    _cleanup_free_ char *unit = NULL;
    const Vpc *vpc;
    const Subnet *subnet;
    const Endpoint *endpoint;
    const Workload *workload;
    char **lines = NULL;
    size_t n = 0;
    int r = find_workload(context->model, request, &vpc, &subnet, &endpoint, &workload, failure);

    if (r < 0)
        return r;
    unit = unit_workload(vpc->name, subnet->name, endpoint->name, workload->name);
    if (!unit)
        return -ENOMEM;
    r = journal_read(unit, workload->created, request->since, request->lines, &lines, &n);
    if (r < 0)
        return failure_set(failure, ERROR_FAILED, "the journal cannot be read: %s", strerror(-r));
    return append_lines(reply, lines, n);
}

static int append_finding(sd_bus_message *reply, const Finding *finding) {
    return sd_bus_message_append(reply, "a{sv}", 5, "object", "s", finding->object, "finding", "s", finding->finding,
            "why", "s", finding->why, "mend", "s", finding->mend, "ours", "b", (int)finding->ours);
}

static int read_check(const OpContext *context, const Request *request, sd_bus_message *reply, Failure *failure) {
    _cleanup_findings_ Findings findings = { 0 };
    int r = engine_check(context->engine, request->vpc, request->uid, &findings, failure);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
    for (size_t i = 0; r >= 0 && i < findings.n; i++)
        r = append_finding(reply, &findings.items[i]);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* --- what each change needs --- */

/* The owner needs one thing, anybody else "manage". For a VPC that is not there this is manage-own: who may not even
 * manage his own is told nothing about others'. */
static unsigned manage(const Model *model, const Request *request, const char *name) {
    const Vpc *vpc = model_vpc(model, name);

    return vpc && vpc->owner != request->uid ? PERMISSION_MANAGE : PERMISSION_MANAGE_OWN;
}

static unsigned needs_create(const Model *model, const Request *request) {
    return PERMISSION_CREATE;
}

static unsigned needs_manage_named(const Model *model, const Request *request) {
    return manage(model, request, request->name);
}

static unsigned needs_manage(const Model *model, const Request *request) {
    return manage(model, request, request->vpc);
}

/* `extra` for the owner; for anybody else "manage" besides. */
static unsigned manage_and(const Model *model, const Request *request, Permission extra) {
    return manage(model, request, request->vpc) == PERMISSION_MANAGE ? PERMISSION_MANAGE | extra : extra;
}

static unsigned needs_expose(const Model *model, const Request *request) {
    return manage_and(model, request, PERMISSION_EXPOSE);
}

/* The owner of one side may ask for a peering, and may end it. */
static unsigned needs_manage_either(const Model *model, const Request *request) {
    unsigned sides = manage(model, request, request->vpc) | manage(model, request, request->other_vpc);

    return sides & PERMISSION_MANAGE_OWN ? PERMISSION_MANAGE_OWN : PERMISSION_MANAGE;
}

/* The side that has not agreed has to. */
static unsigned needs_manage_awaited(const Model *model, const Request *request) {
    const Peering *peering = model_peering(model, request->vpc, request->other_vpc);

    if (!peering || peering_is_active(peering))
        return needs_manage_either(model, request);
    return manage(model, request, peering->vpcs[peering->agreed[0] ? 1 : 0]);
}

static unsigned needs_run(const Model *model, const Request *request) {
    return manage_and(model, request, PERMISSION_RUN);
}

static unsigned needs_exec(const Model *model, const Request *request) {
    return needs_run(model, request) | (request->as_root ? PERMISSION_RUN_AS_ROOT : 0);
}

/* What a program wrote is for the one it runs as, the VPC's owner, and who manages others'. That there is none of the
 * name is no secret. */
static unsigned needs_log(const Model *model, const Request *request) {
    _cleanup_failure_ Failure failure = { 0 };
    const Vpc *vpc;
    const Subnet *subnet;
    const Endpoint *endpoint;
    const Workload *workload;

    if (!request->subnet) /* only asked about, of the whole VPC */
        return request->uid == 0 || manage(model, request, request->vpc) == PERMISSION_MANAGE_OWN ? 0 : PERMISSION_MANAGE;
    if (find_workload(model, request, &vpc, &subnet, &endpoint, &workload, &failure) < 0)
        return 0;
    return request->uid == 0 || request->uid == vpc->owner || request->uid == workload->uid ? 0 : PERMISSION_MANAGE;
}

/* Other people's VPCs are for who manages them. Whether there is one is no secret. */
static unsigned needs_check(const Model *model, const Request *request) {
    const Vpc *vpc = request->vpc ? model_vpc(model, request->vpc) : NULL;

    return vpc && vpc->owner != request->uid && request->uid != 0 ? PERMISSION_MANAGE : 0;
}

/* Without a name, what is the caller's own. */
static unsigned needs_repair(const Model *model, const Request *request) {
    return request->vpc ? manage(model, request, request->vpc) : PERMISSION_MANAGE_OWN;
}

static unsigned needs_purge(const Model *model, const Request *request) {
    return request->all ? PERMISSION_PURGE : PERMISSION_MANAGE_OWN;
}

/* --- the rows --- */

#define READ(method, in, out, decoder, reader)                                                                         \
    {                                                                                                                  \
        .entry = SD_BUS_METHOD_WITH_ARGS(method, SD_BUS_ARGS in, SD_BUS_RESULT out, bus_dispatch,                      \
                SD_BUS_VTABLE_UNPRIVILEGED),                                                                           \
        .kind = OP_READ, .decode = decoder, .read = reader                                                             \
    }

#define ACT(op_kind, method, in, out, ...)                                                                             \
    {                                                                                                                  \
        .entry = SD_BUS_METHOD_WITH_ARGS(method, SD_BUS_ARGS in, SD_BUS_RESULT out, bus_dispatch,                      \
                SD_BUS_VTABLE_UNPRIVILEGED),                                                                           \
        .kind = op_kind, __VA_ARGS__                                                                                   \
    }
#define CHANGE(method, in, ...) ACT(OP_CHANGE, method, in, ("t", generation), __VA_ARGS__)

static const Op ops[] = {
    READ("ListVpcs", ("a{sv}", options), ("aa{sv}", vpcs), decode_options_only, read_vpcs),
    READ("ListSubnets", ("s", vpc, "a{sv}", options), ("aa{sv}", subnets), decode_filter, read_subnets),
    READ("ListPeerings", ("s", vpc, "a{sv}", options), ("aa{sv}", peerings), decode_filter, read_peerings),
    READ("ListWorkloads", ("s", vpc, "a{sv}", options), ("aa{sv}", workloads), decode_filter, read_workloads),
    READ("GetFirewall", ("s", vpc, "s", subnet, "a{sv}", options),
            ("b", present, "s", ingress_default, "s", egress_default, "a(ssqqss)", rules), decode_subnet, read_firewall),
    ACT(OP_READ, "Check", ("s", vpc, "a{sv}", options), ("aa{sv}", findings), .verb = "check", .decode = decode_filter,
            .permissions = needs_check, .read = read_check),
    ACT(OP_CHECK, "CheckAccess", ("s", verb, "s", vpc, "a{sv}", options),
            ("b", allowed, "as", actions, "s", reason), .verb = "check-access", .decode = decode_check_access),
    READ("GetLog", ("u", lines, "a{sv}", options), ("as", entries), decode_log, read_log),

    CHANGE("CreateVpc", ("s", name, "s", cidr, "a{sv}", options), .verb = "vpc-create", .decode = decode_create_vpc,
            .permissions = needs_create, .change = change_create_vpc, .facts = OP_FACTS_HOST_ROUTE, .object_kind = "vpc",
            .object_verb = "created"),
    CHANGE("DeleteVpc", ("s", name, "a{sv}", options), .verb = "vpc-delete", .decode = decode_delete_vpc,
            .permissions = needs_manage_named, .change = change_delete_vpc, .object_kind = "vpc",
            .object_verb = "deleted"),
    CHANGE("AddSubnet", ("s", vpc, "s", name, "s", cidr, "s", type, "a{sv}", options), .verb = "subnet-add",
            .decode = decode_add_subnet, .permissions = needs_manage, .change = change_add_subnet,
            .object_kind = "subnet", .object_verb = "created"),
    CHANGE("DeleteSubnet", ("s", vpc, "s", name, "a{sv}", options), .verb = "subnet-delete",
            .decode = decode_delete_subnet, .permissions = needs_manage, .change = change_delete_subnet,
            .object_kind = "subnet", .object_verb = "deleted"),
    CHANGE("EnableNat", ("s", vpc, "s", interface, "a{sv}", options), .verb = "nat-enable", .decode = decode_enable_nat,
            .permissions = needs_expose, .change = change_enable_nat, .facts = OP_FACTS_INTERFACE, .object_kind = "nat",
            .object_verb = "enabled"),
    CHANGE("DisableNat", ("s", vpc, "a{sv}", options), .verb = "nat-disable", .decode = decode_disable_nat,
            .permissions = needs_manage, .change = change_disable_nat, .object_kind = "nat", .object_verb = "disabled"),
    CHANGE("CreatePeering", ("s", vpc1, "s", vpc2, "a{sv}", options), .verb = "peer-create", .decode = decode_peering,
            .permissions = needs_manage_either, .change = change_create_peering, .object_kind = "peering",
            .object_verb = "created"),
    CHANGE("AcceptPeering", ("s", vpc1, "s", vpc2, "a{sv}", options), .verb = "peer-accept", .decode = decode_peering,
            .permissions = needs_manage_awaited, .change = change_accept_peering, .object_kind = "peering",
            .object_verb = "changed"),
    CHANGE("DeletePeering", ("s", vpc1, "s", vpc2, "a{sv}", options), .verb = "peer-delete", .decode = decode_peering,
            .permissions = needs_manage_either, .change = change_delete_peering, .object_kind = "peering",
            .object_verb = "deleted"),
    CHANGE("ApplyFirewall",
            ("s", vpc, "s", subnet, "s", ingress_default, "s", egress_default, "a(ssqqss)", rules, "a{sv}", options),
            .verb = "firewall-apply", .decode = decode_apply_firewall, .permissions = needs_manage,
            .change = change_apply_firewall, .object_kind = "firewall", .object_verb = "changed"),
    CHANGE("ClearFirewall", ("s", vpc, "s", subnet, "a{sv}", options), .verb = "firewall-clear", .decode = decode_subnet,
            .permissions = needs_manage, .change = change_clear_firewall, .object_kind = "firewall",
            .object_verb = "deleted"),
    ACT(OP_DEPLOY, "DeployWebserver", ("s", vpc, "s", subnet, "q", port, "a{sv}", options), ("t", generation),
            .verb = "deploy-webserver", .decode = decode_deploy_webserver, .permissions = needs_run,
            .change = change_deploy_webserver, .object_kind = "workload", .object_verb = "created"),
    ACT(OP_DEPLOY, "Deploy", ("s", vpc, "s", subnet, "s", name, "as", argv, "a{sv}", options), ("t", generation),
            .verb = "deploy-run", .decode = decode_deploy, .permissions = needs_run, .change = change_deploy,
            .object_kind = "workload", .object_verb = "created"),
    ACT(OP_RESTART, "RestartWorkload", ("s", vpc, "s", subnet, "s", name, "a{sv}", options), ("t", generation),
            .verb = "deploy-restart", .decode = decode_workload, .permissions = needs_run, .object_kind = "workload",
            .object_verb = "restarted"),
    ACT(OP_READ, "GetWorkloadLog", ("s", vpc, "s", subnet, "s", name, "u", lines, "a{sv}", options), ("as", entries),
            .verb = "deploy-logs", .decode = decode_workload_log, .permissions = needs_log, .read = read_workload_log),
    CHANGE("StopWorkload", ("s", vpc, "s", subnet, "s", name, "a{sv}", options), .verb = "deploy-stop",
            .decode = decode_workload, .permissions = needs_run, .change = change_stop_workload,
            .object_kind = "workload", .object_verb = "deleted"),
    ACT(OP_REPAIR, "Repair", ("s", vpc, "a{sv}", options), ("u", repaired), .verb = "repair", .decode = decode_filter,
            .permissions = needs_repair, .object_kind = "vpc", .object_verb = "repaired"),
    ACT(OP_EXEC, "Exec",
            ("s", vpc, "s", subnet, "as", argv, "h", stdin, "h", stdout, "h", stderr, "h", control, "a{sv}", options),
            ("s", unit), .verb = "exec", .decode = decode_exec, .permissions = needs_exec),
    ACT(OP_EXEC, "ExecTerminal", ("s", vpc, "s", subnet, "as", argv, "h", control, "a{sv}", options),
            ("s", unit, "h", terminal), .verb = "exec", .decode = decode_exec_terminal, .permissions = needs_exec),
    CHANGE("Purge", ("a{sv}", options), .verb = "purge", .decode = decode_purge, .permissions = needs_purge,
            .change = change_purge, .object_kind = "vpc", .object_verb = "deleted"),
};

const Op *op_all(size_t *ret_count) {
    *ret_count = ELEMENTSOF(ops);
    return ops;
}

const Op *op_find(const char *member) {
    for (size_t i = 0; i < ELEMENTSOF(ops); i++)
        if (streq(ops[i].entry.x.method.member, member))
            return &ops[i];
    return NULL;
}

const Op *op_find_verb(const char *verb) {
    for (size_t i = 0; i < ELEMENTSOF(ops); i++)
        if (ops[i].permissions && streq_null(ops[i].verb, verb))
            return &ops[i];
    return NULL;
}

char *op_object(const Op *op, const Request *request) {
    const char *names[] = { request->vpc, request->other_vpc, request->subnet, request->name };
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    bool first = true;

    if (!stream)
        return NULL;
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        if (!names[i])
            continue;
        fprintf(stream, "%s%s", first ? "" : "/", names[i]);
        first = false;
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
