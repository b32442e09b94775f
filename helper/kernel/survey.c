/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftgen.h"
#include "kernel/nftlist.h"
#include "kernel/sysctl.h"
#include "kernel/view.h"

#include <net/if.h>
#include <stdio.h>

/* A chain of somebody else's that drops what its rules do not accept. */
typedef struct Dropper {
    char family[16], table[64], chain[64], hook[16];
} Dropper;

typedef struct Survey {
    Kernel *kernel;
    Findings *findings;
    View view; /* the host's */
    bool nat, host_access; /* whether any of the VPCs has it */
} Survey;

static void survey_clear(Survey *survey) {
    view_clear(&survey->view);
}

/* --- other programs' rules --- */

/* Whether the table's rules speak of our links, or for replies let pass what we began: then its owner has thought of us, or
 * there is no need to. */
static int is_provided_for(Survey *survey, const Dropper *dropper) {
    _cleanup_free_ char *command = finding_text("list table %s %s\n", dropper->family, dropper->table);
    _cleanup_free_ char *text = NULL;
    int r = command ? nft_run(survey->kernel, survey->kernel->pool.host->fd, command, &text) : -ENOMEM;
    if (r == -EPIPE || r == -ENOMEM)
        return r;
    if (r < 0 || !text) /* it went meanwhile */
        return 1;
    bool transit = streq(dropper->hook, "forward") || streq(dropper->hook, "postrouting");
    return strstr(text, "\"vpc-") || (!transit && strstr(text, "established"));
}

static char *mend_dropper(const Dropper *dropper) {
    bool iptables = streq(dropper->family, "ip") && streq(dropper->table, "filter") && streq(dropper->chain, "FORWARD");
    if (iptables)
        return strdup("iptables -I FORWARD -i vpc-+ -j ACCEPT && iptables -I FORWARD -o vpc-+ -j ACCEPT");
    if (streq(dropper->hook, "forward"))
        return finding_text("nft insert rule %s %s %s iifname '\"vpc-*\"' accept && "
                            "nft insert rule %s %s %s oifname '\"vpc-*\"' accept",
                dropper->family, dropper->table, dropper->chain, dropper->family, dropper->table, dropper->chain);
    return finding_text("nft insert rule %s %s %s %s '\"vpc-*\"' accept", dropper->family, dropper->table,
            dropper->chain, streq(dropper->hook, "input") || streq(dropper->hook, "prerouting") ? "iifname" : "oifname");
}

static int report_dropper(Survey *survey, const Dropper *dropper) {
    if (streq(dropper->table, NFT_TABLE))
        return 0;
    bool reply = streq(dropper->hook, "input") || streq(dropper->hook, "output");
    if (reply ? !survey->host_access : !survey->nat)
        return 0;
    int r = is_provided_for(survey, dropper);
    if (r != 0)
        return r < 0 ? r : 0;
    return findings_add(survey->findings,
            finding_text("table %s %s chain %s of the host", dropper->family, dropper->table, dropper->chain),
            finding_text("drops by its policy what passes hook %s", dropper->hook),
            strdup(reply ? "this host and the VPCs may not reach each other"
                         : "the VPCs' packets to and from the internet may be dropped there, whatever our rules accept"),
            mend_dropper(dropper), false);
}

static void copy_word(char *target, size_t size, const char *from) {
    size_t length = strcspn(from, " \t\n{;");
    if (length >= size)
        length = size - 1;
    memcpy(target, from, length);
    target[length] = '\0';
}

/* The text of "list chains": "table ip filter {", "<tab>chain FORWARD {", "<tab><tab>type filter hook forward priority
 * filter; policy drop;" and closing braces. */
static int read_chains(Survey *survey, const char *text) {
    Dropper dropper = {};
    for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, "table ", 6) == 0) {
            copy_word(dropper.family, sizeof(dropper.family), line + 6);
            copy_word(dropper.table, sizeof(dropper.table), line + 6 + strlen(dropper.family) + 1);
        } else if (strncmp(line, "\tchain ", 7) == 0)
            copy_word(dropper.chain, sizeof(dropper.chain), line + 7);
        else if (strncmp(line, "\t\ttype ", 7) == 0) {
            _cleanup_free_ char *words = strndup(line, length);
            const char *hook = words ? strstr(words, " hook ") : NULL;
            if (!words)
                return -ENOMEM;
            bool ours_to_know = streq(dropper.family, "ip") || streq(dropper.family, "inet");
            if (!hook || !ours_to_know || !strstr(hook, "policy drop"))
                continue;
            copy_word(dropper.hook, sizeof(dropper.hook), hook + 6);
            int r = report_dropper(survey, &dropper);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int survey_rules(Survey *survey) {
    _cleanup_free_ char *text = NULL;
    int r = nft_run(survey->kernel, survey->kernel->pool.host->fd, "list chains\n", &text);
    return r < 0 || !text ? r : read_chains(survey, text);
}

/* --- interfaces and routes --- */

static bool leaves_by(const View *view, const SeenLink *link, bool *ret_any) {
    bool found = false;
    *ret_any = false;
    for (size_t i = 0; i < view->n_routes; i++) {
        const SeenRoute *route = &view->routes[i];
        if (route->destination.prefix > 1 || route->destination.address.family != AF_INET)
            continue;
        *ret_any = true;
        found = found || route->link == link->index;
    }
    return found;
}

static int survey_route(Survey *survey, const Vpc *vpc, const SeenLink *exit) {
    char key[64], value[16];
    bool any;
    if (leaves_by(&survey->view, exit, &any))
        return 0;
    snprintf(key, sizeof(key), "ipv4/conf/%s/rp_filter", exit->name);
    bool strict = sysctl_read(key, value, sizeof(value)) == 0 && streq(value, "1");
    return findings_add(survey->findings, finding_text("interface %s, the way out of VPC %s,", exit->name, vpc->name),
            strdup(any ? "is not what the host's default route uses" : "has no default route"),
            finding_text("the VPC's packets to the internet go another way and are dropped, or go nowhere%s",
                    strict ? "; strict rp_filter drops answers besides" : ""),
            any ? finding_text("vpcctl nat enable --vpc %s --interface <that of 'ip route show default'>", vpc->name)
                : finding_text("ip route add default via <gateway> dev %s", exit->name),
            false);
}

static int survey_exit(Survey *survey, const Vpc *vpc) {
    const SeenLink *exit = view_link(&survey->view, vpc->nat_interface);
    LinkName uplink;
    if (!exit)
        return findings_add(survey->findings, finding_text("interface %s, the way out of VPC %s,", vpc->nat_interface,
                vpc->name), strdup("is not there"), strdup("public subnets do not reach the internet"),
                finding_text("vpcctl nat enable --vpc %s --interface <another>", vpc->name), false);
    if (!(exit->flags & IFF_UP))
        return findings_add(survey->findings, finding_text("interface %s, the way out of VPC %s,", exit->name, vpc->name),
                strdup("is down"), strdup("public subnets do not reach the internet"),
                finding_text("ip link set %s up", exit->name), false);
    int r = survey_route(survey, vpc, exit);
    const SeenLink *ours = view_link(&survey->view, link_uplink_host(vpc, uplink));
    if (r < 0 || !ours || exit->mtu >= ours->mtu)
        return r;
    return findings_add(survey->findings, finding_text("interface %s, the way out of VPC %s,", exit->name, vpc->name),
            finding_text("takes packets of %u bytes, the VPC makes them of %u", exit->mtu, ours->mtu),
            strdup("large transfers stall where ICMP is filtered on the way"),
            finding_text("ip link set %s mtu %u", exit->name, ours->mtu), false);
}

static int survey_host_route(Survey *survey, const Vpc *vpc) {
    _cleanup_free_ char *route = NULL;
    char cidr[CIDR_TEXT_MAX];
    int r = observe_host_route(survey->kernel, &vpc->cidr, &route);
    if (r <= 0)
        return r;
    return findings_add(survey->findings, finding_text("the host's route or address %s", route ? route : "?"),
            finding_text("meets VPC %s's block %s", vpc->name, cidr_format(&vpc->cidr, cidr)),
            strdup("from this host only one of the two is reached at such an address"),
            finding_text("remove that route, or make the VPC again in another block or with --no-host-access"), false);
}

int kernel_survey(Kernel *kernel, const Vpc *const *vpcs, size_t n_vpcs, Findings *findings) {
    _cleanup_(survey_clear) Survey survey = { .kernel = kernel, .findings = findings };
    Netlink *route;
    for (size_t i = 0; i < n_vpcs; i++) {
        survey.nat = survey.nat || vpcs[i]->nat_interface;
        survey.host_access = survey.host_access || vpcs[i]->host_access;
    }
    if (!survey.nat && !survey.host_access)
        return 0;
    int r = netns_route(&kernel->pool, kernel->pool.host, &route);
    if (r >= 0)
        r = view_load(route, &survey.view);
    if (r >= 0)
        r = survey_rules(&survey);
    for (size_t i = 0; r >= 0 && i < n_vpcs; i++) {
        if (vpcs[i]->nat_interface)
            r = survey_exit(&survey, vpcs[i]);
        if (r >= 0 && vpcs[i]->host_access)
            r = survey_host_route(&survey, vpcs[i]);
    }
    netns_forget(&kernel->pool);
    return r < 0 ? r : 0;
}
