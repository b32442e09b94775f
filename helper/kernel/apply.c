/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/conntrack.h"
#include "kernel/private.h"
#include "kernel/sysctl.h"

#include <stdio.h>

int kernel_new(Kernel **ret) {
    Kernel *kernel = calloc(1, sizeof(*kernel));
    if (!kernel)
        return -ENOMEM;
    int r = netns_pool_init(&kernel->pool);
    if (r < 0) {
        free(kernel);
        return r;
    }
    (void)nft_worker_start(&kernel->nft, kernel->pool.host->fd); /* if it does not start, a step will say so */
    *ret = kernel;
    return 0;
}

Kernel *kernel_free(Kernel *kernel) {
    if (!kernel)
        return NULL;
    nft_worker_dismiss(&kernel->nft);
    nft_worker_reap(&kernel->nft, true);
    removals_reap(&kernel->removals, true);
    netns_pool_clear(&kernel->pool);
    free(kernel);
    return NULL;
}

/* Each of the functions below returns a negative errno, and may leave more words in *why. */

static int say(char **why, const char *text, int r) {
    if (r < 0 && !*why && !str_empty(text))
        *why = strdup(text);
    return r;
}

static int find_netns(Kernel *kernel, const char *name, Netns **ret, char **why) {
    int r = netns_get(&kernel->pool, name, ret);
    return r == -ENOENT ? say(why, "there is no such namespace", r) : r;
}

static int find_route(Kernel *kernel, const char *name, Netlink **ret, char **why) {
    Netns *netns;
    int r = find_netns(kernel, name, &netns, why);
    return r < 0 ? r : netns_route(&kernel->pool, netns, ret);
}

static int enter(Kernel *kernel, const char *name, char **why) {
    Netns *netns;
    int r = find_netns(kernel, name, &netns, why);
    return r < 0 ? r : netns_enter(&kernel->pool, netns);
}

static int apply_netns(Kernel *kernel, const Step *step, ApplyMode mode, char **why) {
    bool converge = mode == APPLY_CONVERGE;
    if (step->remove)
        return netns_remove(&kernel->pool, step->netns, converge);
    return netns_create(&kernel->pool, step->netns, converge);
}

/* In the host's namespace, what has our name without our mark is somebody else's. */
static int delete_link(Kernel *kernel, const char *name, const char *link_name, char **why) {
    Netns *netns;
    Netlink *route;
    Link link;
    int r = find_netns(kernel, name, &netns, why);
    if (r >= 0)
        r = netns_route(&kernel->pool, netns, &route);
    if (r < 0)
        return r;
    r = netlink_link(route, link_name, &link);
    if (r < 0)
        return say(why, netlink_why(route), r);
    if (!netns->name && !link.ours)
        return say(why, "it was not made by vpcctl", -EEXIST);
    r = netns_enter(&kernel->pool, netns);
    return r < 0 ? r : removals_take_link(&kernel->removals, route, link_name, link.index, why);
}

/* A link's end, and for a veth its other end with it, may be known in any of the open namespaces. */
static void forget_links(Kernel *kernel) {
    if (kernel->pool.host->route)
        netlink_forget_links(kernel->pool.host->route);
    for (size_t i = 0; i < kernel->pool.n_open; i++)
        if (kernel->pool.open[i]->route)
            netlink_forget_links(kernel->pool.open[i]->route);
}

static int apply_bridge(Kernel *kernel, const Step *step, char **why) {
    Netlink *route;
    int r;
    if (step->remove) {
        r = delete_link(kernel, step->netns, step->link, why);
        forget_links(kernel);
        return r;
    }
    r = find_route(kernel, step->netns, &route, why);
    if (r < 0)
        return r;
    r = netlink_add_bridge(route, step->link, &step->mac);
    return say(why, netlink_why(route), r);
}

static int remove_veth(Kernel *kernel, const Step *step, char **why) {
    int r = delete_link(kernel, step->netns, step->link, why);
    if ((r == -ENOENT || r == -ENODEV) && *step->peer_link) {
        /* Its namespace lost its name but lives on in a process: then the other end is still there. */
        free(TAKE_PTR(*why));
        r = delete_link(kernel, step->peer_netns, step->peer_link, why);
    }
    forget_links(kernel);
    return r;
}

static int finish_peer(Kernel *kernel, Netns *netns, const char *link, char **why) {
    Netlink *route;
    int r = netns_route(&kernel->pool, netns, &route);
    if (r < 0)
        return r;
    r = netlink_finish_peer(route, link);
    return say(why, netlink_why(route), r);
}

/* A veth pair, the end that is made first before the other. */
typedef struct Pair {
    Netns *netns[2];
    const char *link[2];
    const Mac *mac[2];
} Pair;

static int find_pair(Kernel *kernel, const Step *step, Pair *ret, char **why) {
    /* The end that is made first has our mark at once, and the one in the host's namespace needs that most. */
    bool swap = !step->peer_netns;
    ret->link[swap] = step->link;
    ret->mac[swap] = &step->mac;
    ret->link[!swap] = step->peer_link;
    ret->mac[!swap] = &step->peer_mac;
    int r = find_netns(kernel, step->netns, &ret->netns[swap], why);
    return r < 0 ? r : find_netns(kernel, step->peer_netns, &ret->netns[!swap], why);
}

static int add_pair(Kernel *kernel, const Pair *pair, char **why) {
    Netlink *route;
    int r = netns_route(&kernel->pool, pair->netns[0], &route);
    if (r < 0)
        return r;
    r = netlink_add_veth(route, pair->link[0], pair->mac[0], pair->netns[1]->fd, pair->link[1], pair->mac[1]);
    return r < 0 ? say(why, netlink_why(route), r) : finish_peer(kernel, pair->netns[1], pair->link[1], why);
}

/* Whether both ends are there and each other's. One may be there whose other end is in a namespace that is being taken
 * apart or lost its name. */
static int pair_is_whole(Kernel *kernel, const Pair *pair) {
    Link links[2];
    for (int i = 0; i < 2; i++) {
        Netlink *route;
        int r = netns_route(&kernel->pool, pair->netns[i], &route);
        if (r >= 0)
            r = netlink_link(route, pair->link[i], &links[i]);
        if (r < 0)
            return r == -ENODEV ? 0 : r;
    }
    return links[0].other == links[1].index && links[1].other == links[0].index;
}

static int apply_veth(Kernel *kernel, const Step *step, ApplyMode mode, char **why) {
    Pair pair;
    if (step->remove)
        return remove_veth(kernel, step, why);
    int r = find_pair(kernel, step, &pair, why);
    if (r < 0)
        return r;
    r = add_pair(kernel, &pair, why);
    if (r != -EEXIST || mode != APPLY_CONVERGE || !pair.netns[1]->name)
        return r;
    free(TAKE_PTR(*why));
    r = pair_is_whole(kernel, &pair);
    if (r != 0)
        return r < 0 ? r : finish_peer(kernel, pair.netns[1], pair.link[1], why);

    for (int i = 0; i < 2; i++) {
        r = delete_link(kernel, pair.netns[i]->name, pair.link[i], why);
        forget_links(kernel);
        if (r < 0 && r != -ENODEV && r != -ENOENT)
            return r;
        free(TAKE_PTR(*why));
    }
    return add_pair(kernel, &pair, why);
}

static int apply_port(Kernel *kernel, const Step *step, char **why) {
    Netlink *route;
    int r = find_route(kernel, step->netns, &route, why);
    if (r < 0)
        return r;
    r = netlink_set_port(route, step->link, step->remove ? NULL : step->peer_link);
    return say(why, netlink_why(route), r);
}

static int apply_link_up(Kernel *kernel, const Step *step, char **why) {
    Netlink *route;
    int r = find_route(kernel, step->netns, &route, why);
    if (r < 0)
        return r;
    r = netlink_set_up(route, step->link, !step->remove);
    return say(why, netlink_why(route), r);
}

static int apply_address(Kernel *kernel, const Step *step, char **why) {
    Netlink *route;
    int r = find_route(kernel, step->netns, &route, why);
    if (r < 0)
        return r;
    r = netlink_change_address(route, step->remove ? CHANGE_DELETE : CHANGE_ADD, step->link, &step->address,
            step->cidr.prefix);
    return say(why, netlink_why(route), r);
}

static int apply_route(Kernel *kernel, const Step *step, ApplyMode mode, char **why) {
    Change change = step->remove ? CHANGE_DELETE : mode == APPLY_CONVERGE ? CHANGE_REPLACE : CHANGE_ADD;
    Netlink *route;
    int r = find_route(kernel, step->netns, &route, why);
    if (r < 0)
        return r;
    r = netlink_change_route(route, change, step->link, &step->cidr, &step->gateway);
    return say(why, netlink_why(route), r);
}

static int apply_sysctl(Kernel *kernel, const Step *step, char **why) {
    int r = enter(kernel, step->netns, why);
    return r < 0 ? r : sysctl_write(step->key, step->text, step->host_sysctl_guard ? step->expected : NULL);
}

static int begin_rules(Kernel *kernel, const Step *step, char **why) {
    Netns *netns;
    int r = find_netns(kernel, step->netns, &netns, why);
    if (r >= 0)
        r = nft_worker_begin(&kernel->nft, kernel->pool.host->fd, netns->fd, step->text);
    if (r >= 0)
        kernel->rules = step;
    return r;
}

static int finish_rules(Kernel *kernel, char **why) {
    kernel->rules = NULL;
    int r = nft_worker_finish(&kernel->nft, why);
    return r == -EPIPE ? say(why, "the process that loads nft rules died or hung", r) : r;
}

/* Whether the step may be done while rules are being loaded: it makes something that nothing passes through before a later
 * step, which waits. What goes, what is the host's and what joins a bridge waits. */
static bool goes_beside_rules(const Step *step) {
    if (!step->netns || step->remove)
        return false;
    switch (step->kind) {
        case STEP_NETNS:
        case STEP_BRIDGE:
        case STEP_LINK_UP:
        case STEP_ADDRESS:
        case STEP_ROUTE:
            return true;
        case STEP_VETH:
            return step->peer_netns != NULL;
        case STEP_SYSCTL: /* those of netfilter are there when the rules are */
            return strncmp(step->key, "netfilter/", 10) != 0;
        default:
            return false;
    }
}

static int apply_cut(Kernel *kernel, const Step *step, char **why) {
    int r = enter(kernel, step->netns, why);
    return r < 0 ? r : conntrack_cut(step->vpc, why);
}

static int apply_step(Kernel *kernel, const Step *step, ApplyMode mode, char **why) {
    switch (step->kind) {
        case STEP_NETNS:
            return apply_netns(kernel, step, mode, why);
        case STEP_BRIDGE:
            return apply_bridge(kernel, step, why);
        case STEP_VETH:
            return apply_veth(kernel, step, mode, why);
        case STEP_PORT:
            return apply_port(kernel, step, why);
        case STEP_LINK_UP:
            return apply_link_up(kernel, step, why);
        case STEP_ADDRESS:
            return apply_address(kernel, step, why);
        case STEP_ROUTE:
            return apply_route(kernel, step, mode, why);
        case STEP_SYSCTL:
            return apply_sysctl(kernel, step, why);
        case STEP_RULES:
            return begin_rules(kernel, step, why);
        case STEP_CUT:
            return apply_cut(kernel, step, why);
        case _STEP_MAX:
            break;
    }
    return -EINVAL;
}

/* Whether the world is as the step wants it although the kernel refused it. */
static bool is_so_already(const Step *step, int r) {
    if (step->remove || step->kind == STEP_CUT)
        return r == -ENOENT || r == -ENODEV || r == -ESRCH || r == -EADDRNOTAVAIL;
    return r == -EEXIST;
}

char *step_describe(const Step *step) {
    char cidr[CIDR_TEXT_MAX], address[ADDRESS_TEXT_MAX];
    bool direct = step->gateway.family == AF_UNSPEC;
    char *text = NULL;
    int r = -1;
    switch (step->kind) {
        case STEP_NETNS:
            return asprintf(&text, "namespace %s", step->netns) < 0 ? NULL : text;
        case STEP_BRIDGE:
            r = asprintf(&text, "bridge %s", step->link);
            break;
        case STEP_VETH:
        case STEP_LINK_UP:
            r = asprintf(&text, "link %s", step->link);
            break;
        case STEP_PORT:
            r = asprintf(&text, "port %s of bridge %s", step->link, step->peer_link);
            break;
        case STEP_ADDRESS:
            r = asprintf(&text, "address %s/%u on %s", address_format(&step->address, address), step->cidr.prefix,
                    step->link);
            break;
        case STEP_ROUTE:
            r = asprintf(&text, "route %s%s%s dev %s", cidr_format(&step->cidr, cidr), direct ? "" : " via ",
                    direct ? "" : address_format(&step->gateway, address), step->link);
            break;
        case STEP_SYSCTL:
            r = asprintf(&text, "setting %s", step->key);
            break;
        case STEP_RULES:
            r = asprintf(&text, "nft rules");
            break;
        case STEP_CUT:
            r = asprintf(&text, "connections");
            break;
        case _STEP_MAX:
            break;
    }
    if (r < 0)
        return NULL;
    _cleanup_free_ char *object = text;
    r = asprintf(&text, "%s in %s%s", object, step->netns ? "namespace " : "the host's namespace",
            step->netns ? step->netns : "");
    return r < 0 ? NULL : text;
}

static const char *verb_of(const Step *step) {
    switch (step->kind) {
        case STEP_LINK_UP:
            return step->remove ? "take down" : "bring up";
        case STEP_SYSCTL:
            return "change";
        case STEP_RULES:
            return "load";
        case STEP_CUT:
            return "end";
        default:
            return step->remove ? "remove" : "make";
    }
}

static int report(const Step *step, int r, const char *why, Failure *failure) {
    _cleanup_free_ char *object = step_describe(step);
    const char *name = object ? object : step_kind_name(step->kind);
    if (r == -EEXIST && !step->remove)
        return failure_set(failure, ERROR_CONFLICT, "cannot make %s: it exists already", name);
    if (r == -EEXIST)
        return failure_set(failure, ERROR_CONFLICT, "cannot remove %s: %s", name, why ? why : "it is something else");
    return failure_set(failure, ERROR_KERNEL, "cannot %s %s: %s%s%s", verb_of(step), name,
            strerror(-r), why ? ": " : "", why ? why : "");
}

/* Whether it goes on. */
static bool done(const Step *step, int r, ApplyMode mode, const char *why, Failure *failure, int *result) {
    if (r >= 0 || (mode == APPLY_CONVERGE && is_so_already(step, r)))
        return true;
    r = report(step, r, why, failure);
    if (*result == 0)
        *result = r;
    return mode == APPLY_CONVERGE;
}

/* Waits for the rules, if any are being loaded. */
static bool settle_rules(Kernel *kernel, ApplyMode mode, Failure *failure, int *result) {
    _cleanup_free_ char *why = NULL;
    const Step *step = kernel->rules;
    if (!step)
        return true;
    int r = finish_rules(kernel, &why);
    return done(step, r, mode, why, failure, result);
}

int kernel_apply(Kernel *kernel, const Plan *plan, ApplyMode mode, Failure *failure) {
    bool going = true;
    int result = 0;
    nft_worker_reap(&kernel->nft, false);
    removals_reap(&kernel->removals, false);
    for (size_t i = 0; going && i < plan->n_steps; i++) {
        const Step *step = &plan->steps[i];
        _cleanup_free_ char *why = NULL;
        if (!goes_beside_rules(step) && !settle_rules(kernel, mode, failure, &result))
            break;
        int r = apply_step(kernel, step, mode, &why);
        going = done(step, r, mode, why, failure, &result);
    }
    (void)settle_rules(kernel, mode, failure, &result);
    nft_worker_renew(&kernel->nft, kernel->pool.host->fd);
    netns_forget(&kernel->pool);
    return result;
}
