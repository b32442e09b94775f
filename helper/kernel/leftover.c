/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftgen.h"
#include "kernel/nftlist.h"
#include "kernel/view.h"

#include <dirent.h>
#include <stdio.h>

/* Whether the plan makes the namespace, or with a link that one in the host's namespace. */
static bool is_expected(const Plan *plan, const char *netns, const char *link) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        const Step *step = &plan->steps[i];
        if (netns ? step->kind == STEP_NETNS && streq(step->netns, netns)
                  : step->kind == STEP_VETH && !step->netns && streq(step->link, link))
            return true;
    }
    return false;
}

static int add(Plan *plan, Step step) {
    if (GROW(plan->steps, plan->n_steps) < 0)
        return -ENOMEM;
    plan->steps[plan->n_steps++] = step;
    return 0;
}

/* A namespace has no mark of its own, but what we put into one has, and nobody else's has that. */
static int holds_ours(Kernel *kernel, const char *name) {
    _cleanup_(view_clear) View view = {};
    Netns *netns;
    Netlink *route;
    int r = netns_get(&kernel->pool, name, &netns);
    if (r == -ENOENT)
        return 0;
    if (r >= 0)
        r = netns_route(&kernel->pool, netns, &route);
    if (r >= 0)
        r = view_load(route, &view);
    for (size_t i = 0; r >= 0 && i < view.n_links; i++)
        if (view.links[i].ours)
            return 1;
    return r < 0 ? r : 0;
}

static inline void directory_close(DIR **directory) {
    if (*directory)
        closedir(*directory);
}

static int find_namespaces(Kernel *kernel, const Plan *expected, Plan *ret) {
    _cleanup_(directory_close) DIR *directory = opendir(NETNS_DIRECTORY);
    struct dirent *entry;
    if (!directory)
        return errno == ENOENT ? 0 : -errno;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.' || is_expected(expected, entry->d_name, NULL))
            continue;
        int r = holds_ours(kernel, entry->d_name);
        if (r == 0)
            continue;
        char *name = r < 0 ? NULL : strdup(entry->d_name);
        if (!name)
            return r < 0 ? r : -ENOMEM;
        r = add(ret, (Step){ .kind = STEP_NETNS, .remove = true, .netns = name });
        if (r < 0) {
            free(name);
            return r;
        }
    }
    return 0;
}

static int find_links(Kernel *kernel, const Plan *expected, Plan *ret) {
    _cleanup_(view_clear) View view = {};
    Netlink *route;
    int r = netns_route(&kernel->pool, kernel->pool.host, &route);
    if (r >= 0)
        r = view_load(route, &view);
    for (size_t i = 0; r >= 0 && i < view.n_links; i++) {
        Step step = { .kind = STEP_VETH, .remove = true };
        if (!view.links[i].ours || is_expected(expected, NULL, view.links[i].name))
            continue;
        memcpy(step.link, view.links[i].name, sizeof(step.link));
        r = add(ret, step);
    }
    return r < 0 ? r : 0;
}

/* The host's table, when no VPC needs it. */
static int find_table(Kernel *kernel, const Plan *expected, Plan *ret) {
    _cleanup_free_ char *listed = NULL;
    if (expected->n_steps > 0)
        return 0;
    int r = nft_list_table(kernel, kernel->pool.host->fd, "inet", &listed);
    if (r < 0 || !listed || !strstr(listed, NFT_COMMENT))
        return r;
    char *text = nftgen_host_remove();
    r = text ? add(ret, (Step){ .kind = STEP_RULES, .text = text }) : -ENOMEM;
    if (r < 0)
        free(text);
    return r;
}

int kernel_find_leftovers(Kernel *kernel, const Plan *expected, Plan *ret) {
    _cleanup_plan_ Plan plan = {};
    int r = find_links(kernel, expected, &plan);
    if (r >= 0)
        r = find_namespaces(kernel, expected, &plan);
    if (r >= 0)
        r = find_table(kernel, expected, &plan);
    netns_forget(&kernel->pool);
    if (r < 0)
        return r;
    *ret = plan;
    plan = (Plan){};
    return 0;
}

int kernel_report_leftovers(const Plan *leftovers, Findings *findings) {
    for (size_t i = 0; i < leftovers->n_steps; i++) {
        if (leftovers->steps[i].kind == STEP_RULES) /* a comparison of the host's rules tells of them */
            continue;
        int r = findings_add(findings, step_describe(&leftovers->steps[i]), strdup("is left over: no VPC has it"),
                strdup("nothing looks after it, and its name is taken"), strdup("vpcctl cleanup --all"), true);
        if (r < 0)
            return r;
    }
    return 0;
}
