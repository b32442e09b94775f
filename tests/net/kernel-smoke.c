/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper/kernel against a real kernel: plans of the pure core go in, what can be seen from outside is checked. For root
 * on a throw-away machine: tests/lab .../kernel-smoke. Prints TAP. */

#include "core/plan.h"
#include "kernel/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

typedef struct Tap {
    int n, failed;
} Tap;

static bool _printf_(3, 4) ok(Tap *tap, bool good, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%sok %d - ", good ? "" : "not ", ++tap->n);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    tap->failed += !good;
    fflush(stdout);
    return good;
}

static bool _printf_(1, 2) shell(const char *format, ...) {
    _cleanup_free_ char *command = NULL;
    va_list arguments;
    va_start(arguments, format);
    int r = vasprintf(&command, format, arguments);
    va_end(arguments);
    return r >= 0 && system(command) == 0;
}

static int count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;
    while (directory && readdir(directory))
        n++;
    if (directory)
        closedir(directory);
    return n;
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void require(bool good, const char *what) {
    if (!good) {
        printf("Bail out! %s\n", what);
        exit(1);
    }
}

/* --- a VPC of two subnets, the first public --- */

static Subnet *make_subnet(const char *name, unsigned id, const char *cidr, const char *address, SubnetType type) {
    Subnet *subnet = calloc(1, sizeof(*subnet));
    Endpoint *endpoint = calloc(1, sizeof(*endpoint));
    require(subnet && endpoint, "memory");
    subnet->name = strdup(name);
    subnet->id = id;
    subnet->type = type;
    endpoint->name = strdup("");
    endpoint->id = id;
    require(cidr_parse(cidr, &subnet->cidr) == 0 && address_parse(address, &endpoint->address) == 0 &&
                    subnet_add_endpoint(subnet, endpoint) == 0,
            "subnet");
    return subnet;
}

static Vpc *make_vpc(const char *name, unsigned id, const char *cidr) {
    Vpc *vpc = calloc(1, sizeof(*vpc));
    require(vpc != NULL, "memory");
    vpc->name = strdup(name);
    vpc->id = id;
    vpc->host_access = true;
    require(cidr_parse(cidr, &vpc->cidr) == 0, "vpc");
    return vpc;
}

static Vpc *make_vpc_of_two(void) {
    Vpc *vpc = make_vpc("vpc1", 0, "10.0.0.0/16");
    require(vpc_add_subnet(vpc, make_subnet("public", 1, "10.0.1.0/24", "10.0.1.2", SUBNET_PUBLIC)) == 0 &&
                    vpc_add_subnet(vpc, make_subnet("private", 2, "10.0.2.0/24", "10.0.2.2", SUBNET_PRIVATE)) == 0,
            "subnets");
    return vpc;
}

static void make_plans(const Draft *draft, Plan *there, Plan *back) {
    require(plan_make(draft, false, there) == 0 && plan_make(draft, true, back) == 0, "plan");
}

static int apply(Kernel *kernel, const Plan *plan, ApplyMode mode, ErrorCode *code) {
    _cleanup_failure_ Failure failure = {};
    int r = kernel_apply(kernel, plan, mode, &failure);
    if (r < 0)
        printf("# %s\n", failure.message);
    if (code)
        *code = failure.code;
    return r;
}

/* Links that were taken away are waited for in the background. */
static void settle(Kernel *kernel) {
    usleep(200 * 1000);
    apply(kernel, &(Plan){}, APPLY_STRICT, NULL);
}

static bool nothing_left(void) {
    return shell("! ip -br link | grep -e vpc- -e '^p[0-9]' -e '^br-' && ! ls /run/netns | grep . && "
                 "! nft list tables | grep vpcctl && ! ip route | grep -F 10.0.");
}

static bool reachable(void) {
    return shell("ip netns exec vpc1-public ping -c 1 -W 1 10.0.2.2 >/dev/null && ping -c 1 -W 1 10.0.1.2 >/dev/null");
}

static bool in_host_namespace(void) {
    struct stat self, first;
    return stat("/proc/self/ns/net", &self) == 0 && stat("/proc/1/ns/net", &first) == 0 && self.st_ino == first.st_ino;
}

/* --- checks --- */

static void check_way_there_and_back(Tap *tap, Kernel *kernel, const Plan *there, const Plan *back) {
    ErrorCode code;
    char *way;

    ok(tap, observe_in_the_way(kernel, there, &way) == 0 && !way, "nothing in the way at first");
    ok(tap, apply(kernel, there, APPLY_STRICT, NULL) == 0, "strict: made");
    ok(tap, reachable(), "endpoints and host reach each other");
    ok(tap, shell("ip -d -n vpc1 link show p1 | grep -q 'isolated on' && ip -n vpc1 link show br-vpc1 | grep -q UP"),
            "ports are isolated");
    ok(tap, shell("ip link show vpc-vpc1 | grep -q 'alias vpcctl'"), "the uplink has our mark");
    ok(tap, observe_interface(kernel, "vpc-vpc1") == -EINVAL && observe_interface(kernel, "lo") == -EINVAL &&
                    observe_interface(kernel, "no-such") == 0,
            "interfaces that are none to leave by");
    ok(tap, observe_forwarding("lo") >= 0 && observe_forwarding("no-such") == -ENOENT, "forwarding is read");
    bool seen = observe_in_the_way(kernel, there, &way) == 0 && streq_null(way, "namespace vpc1");
    ok(tap, seen, "then in the way: %s", way);
    free(way);
    ok(tap, apply(kernel, there, APPLY_STRICT, &code) < 0 && code == ERROR_CONFLICT,
            "strict: a second time is a conflict");
    ok(tap, in_host_namespace(), "in the host's namespace after a failure");
    shell("ip -n vpc1-public link del eth0; ip -n vpc1 route del default; nft delete table inet vpcctl");
    ok(tap, apply(kernel, there, APPLY_CONVERGE, NULL) == 0 && reachable(), "converge: mended what was broken");
    ok(tap, apply(kernel, there, APPLY_CONVERGE, NULL) == 0 && reachable(), "converge: a second time changes nothing");
    ok(tap, apply(kernel, back, APPLY_STRICT, NULL) == 0, "strict: removed");
    ok(tap, nothing_left(), "nothing is left");
    ok(tap, apply(kernel, back, APPLY_STRICT, NULL) < 0, "strict: what is not there cannot be removed");
    ok(tap, apply(kernel, back, APPLY_CONVERGE, NULL) == 0, "converge: may be gone");
    ok(tap, in_host_namespace(), "in the host's namespace at the end");
}

/* As after a crash: the plan broke off after each of its steps. */
static void check_broken_off(Tap *tap, Kernel *kernel, const Plan *there, const Plan *back) {
    size_t bad = 0;
    for (size_t n = 0; n <= there->n_steps; n++) {
        Plan part = { .steps = there->steps, .n_steps = n };
        if (apply(kernel, &part, APPLY_STRICT, NULL) < 0 || apply(kernel, back, APPLY_CONVERGE, NULL) < 0 ||
                !nothing_left()) {
            printf("# after %zu steps\n", n);
            bad++;
        }
    }
    ok(tap, bad == 0, "after each of %zu steps there is a way back", there->n_steps);

    bad = 0;
    for (size_t n = 0; n <= back->n_steps; n++) {
        Plan part = { .steps = back->steps, .n_steps = n };
        if (apply(kernel, there, APPLY_STRICT, NULL) < 0 || apply(kernel, &part, APPLY_STRICT, NULL) < 0 ||
                apply(kernel, there, APPLY_CONVERGE, NULL) < 0 || (n % 4 == 0 && !reachable()) ||
                apply(kernel, back, APPLY_STRICT, NULL) < 0 || !nothing_left()) {
            printf("# after %zu steps back\n", n);
            bad++;
        }
    }
    ok(tap, bad == 0, "after each of %zu steps back there is a way forth", back->n_steps);
}

static void check_strangers(Tap *tap, Kernel *kernel, const Plan *there, const Plan *back) {
    ErrorCode code;

    shell("touch /run/netns/vpc1 && chmod 0 /run/netns/vpc1");
    ok(tap, apply(kernel, there, APPLY_STRICT, &code) < 0 && code == ERROR_CONFLICT,
            "strict: a left-over file is in the way");
    ok(tap, apply(kernel, there, APPLY_CONVERGE, NULL) == 0 && reachable(), "converge: it is not");
    apply(kernel, back, APPLY_STRICT, NULL);
    shell("touch /run/netns/vpc1");
    ok(tap, apply(kernel, back, APPLY_CONVERGE, NULL) == 0 && nothing_left(), "converge: and it goes");

    shell("ip link add vpc-vpc1 type veth peer name other");
    ok(tap, apply(kernel, there, APPLY_STRICT, &code) < 0 && code == ERROR_CONFLICT,
            "strict: a foreign link is a conflict");
    ok(tap, apply(kernel, back, APPLY_CONVERGE, &code) < 0 && code == ERROR_CONFLICT, "converge: it is not taken away");
    ok(tap, shell("ip link show vpc-vpc1 >/dev/null && ip link del vpc-vpc1") && nothing_left(),
            "it is still there, all else gone");

    ok(tap, shell("echo 'a text, no namespace' >/run/netns/vpc1-public") &&
                    apply(kernel, back, APPLY_CONVERGE, &code) < 0 && code == ERROR_CONFLICT &&
                    shell("rm /run/netns/vpc1-public"),
            "converge: a file with something in it is not taken away");
}

static void check_host_route(Tap *tap, Kernel *kernel) {
    static const struct {
        const char *cidr, *answer;
    } cases[] = {
        { "10.20.0.0/16", "10.20.0.0/16 dev t0" },
        { "10.20.5.0/24", "10.20.0.0/16 dev t0" },
        { "192.0.2.128/25", "192.0.2.0/24 dev t0" },
        { "10.0.0.0/16", NULL }, /* our own uplink */
        { "172.20.0.0/16", NULL },
        { "10.30.0.0/16", "10.30.1.0/24" }, /* a route to nowhere */
        { "127.3.0.0/16", "127.0.0.0/8 dev lo" },
    };
    shell("ip link set lo up; ip link add t0 type veth peer name t1; ip link set t0 up; ip link set t1 up;"
          "ip addr add 192.0.2.1/24 dev t0; ip route add 10.20.0.0/16 dev t0;"
          "ip route add 0.0.0.0/1 dev t0; ip route add 128.0.0.0/1 dev t0; ip route add blackhole 10.30.1.0/24;"
          "ip link add vpc-z type veth peer name z; ip link set vpc-z alias vpcctl up; ip link set z up;"
          "ip route add 10.0.0.0/16 dev vpc-z");
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Cidr cidr;
        char *answer = NULL;
        require(cidr_parse(cases[i].cidr, &cidr) == 0, "cidr");
        int r = observe_host_route(kernel, &cidr, &answer);
        ok(tap, r == (cases[i].answer != NULL) && streq_null(answer, cases[i].answer), "%s meets %s", cases[i].cidr,
                answer ? answer : "nothing");
        free(answer);
    }
    shell("ip link del t0; ip link del vpc-z; ip route del blackhole 10.30.1.0/24");
}

static bool connections_are(int n) {
    return shell("test $(ip netns exec vpc1 cat /proc/net/nf_conntrack | grep -c icmp) = %d", n);
}

static void check_peering(Tap *tap, Kernel *kernel) {
    _cleanup_draft_ Draft draft = {};
    _cleanup_plan_ Plan there = {}, back = {};
    Model model = {};
    Vpc *other = make_vpc("vpc2", 1, "172.16.0.0/16");
    Peering *peering = calloc(1, sizeof(*peering));

    require(peering != NULL, "memory");
    peering->vpcs[0] = strdup("vpc1");
    peering->vpcs[1] = strdup("vpc2");
    peering->agreed[0] = peering->agreed[1] = true;
    draft.model = &model;
    require(vpc_add_subnet(other, make_subnet("web", 1, "172.16.1.0/24", "172.16.1.2", SUBNET_PUBLIC)) == 0 &&
                    draft_add_vpc(&draft, make_vpc_of_two()) == 0 && draft_add_vpc(&draft, other) == 0 &&
                    draft_add_peering(&draft, peering) == 0,
            "peering");
    make_plans(&draft, &there, &back);
    ok(tap, apply(kernel, &there, APPLY_STRICT, NULL) == 0, "two VPCs and a peering are made");
    ok(tap, shell("ip netns exec vpc1-public ping -c 1 -W 1 172.16.1.2 >/dev/null"), "one reaches the other");
    ok(tap, apply(kernel, &there, APPLY_CONVERGE, NULL) == 0, "converge: changes nothing");
    ok(tap, apply(kernel, &back, APPLY_STRICT, NULL) == 0 && nothing_left(), "removed, and nothing is left");
}

/* Takes ICMP away from one of two subnets' endpoints, and then a subnet. */
static void check_cut(Tap *tap, Kernel *kernel, Draft *draft) {
    Vpc *vpc = draft->vpcs[0].after;
    Step step = { .kind = STEP_CUT, .netns = vpc->name, .vpc = vpc };
    Plan cut = { .steps = &step, .n_steps = 1 };

    shell("ip netns exec vpc1-public ping -c 1 10.0.2.2 >/dev/null;"
          "ip netns exec vpc1-public ping -c 1 10.0.0.1 >/dev/null;"
          "ping -c 1 10.0.2.2 >/dev/null; ping -c 1 10.0.1.2 >/dev/null");
    ok(tap, connections_are(4), "four connections");
    ok(tap, apply(kernel, &cut, APPLY_STRICT, NULL) == 0 && connections_are(4), "without a change none is cut");

    Firewall firewall = { .defaults = { ACTION_DENY, ACTION_ALLOW } };
    Subnet *private = vpc_subnet(vpc, "private");
    private->firewall = &firewall;
    ok(tap, apply(kernel, &cut, APPLY_STRICT, NULL) == 0 && connections_are(2), "a policy on one subnet cuts its two");
    private->firewall = NULL;

    vpc->host_access = false;
    ok(tap, apply(kernel, &cut, APPLY_STRICT, NULL) == 0 && connections_are(1), "without host access the host's goes");
    vpc->host_access = true;

    shell("ip netns exec vpc1-public ping -c 1 10.0.2.2 >/dev/null");
    Vpc *smaller = vpc_copy(vpc);
    vpc_remove_subnet(smaller, "private");
    step.vpc = smaller;
    ok(tap, apply(kernel, &cut, APPLY_STRICT, NULL) == 0 && connections_are(1),
            "without the subnet only the one to the router stays");
    vpc_free(smaller);
}

static void check_rules(Tap *tap, Kernel *kernel) {
    char bad[] = "add table inet t\nadd rule inet t nochain accept\n";
    char *big = NULL;
    size_t size = 0;
    ErrorCode code;

    FILE *file = open_memstream(&big, &size);
    fprintf(file, "add table inet t\nadd set inet t s { type ipv4_addr ; }\nadd element inet t s {\n");
    for (unsigned i = 0; i < 100000; i++)
        fprintf(file, "10.%u.%u.%u,\n", i >> 16, i >> 8 & 255, i & 255);
    fprintf(file, "192.0.2.1 }\n");
    fclose(file);

    Step steps[] = { { .kind = STEP_RULES, .text = bad } };
    Plan plan = { .steps = steps, .n_steps = 1 };
    ok(tap, apply(kernel, &plan, APPLY_STRICT, &code) < 0 && code == ERROR_KERNEL &&
            shell("! nft list table inet t 2>/dev/null"),
            "rules that are wrong change nothing");
    steps[0].text = big;
    ok(tap, apply(kernel, &plan, APPLY_STRICT, NULL) == 0 &&
            shell("nft get element inet t s '{ 192.0.2.1 }' >/dev/null"),
            "%zu bytes of rules", size);
    shell("nft delete table inet t");
    free(big);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_time(Tap *tap, Kernel *kernel, const Plan *there, const Plan *back) {
    enum { ROUNDS = 50 };
    double made[ROUNDS], removed[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = milliseconds();
        apply(kernel, there, APPLY_STRICT, NULL);
        made[i] = milliseconds() - start;
        usleep(100 * 1000);
        start = milliseconds();
        apply(kernel, back, APPLY_STRICT, NULL);
        removed[i] = milliseconds() - start;
        usleep(100 * 1000); /* the kernel takes namespaces apart afterwards */
    }
    qsort(made, ROUNDS, sizeof(double), compare);
    qsort(removed, ROUNDS, sizeof(double), compare);
    printf("# made in %.2f ms, removed in %.2f ms (medians of %d; best %.2f, %.2f)\n", made[ROUNDS / 2],
            removed[ROUNDS / 2], ROUNDS, made[0], removed[0]);
    ok(tap, nothing_left(), "nothing is left after %d rounds", ROUNDS);
}

/* Where the time goes, a step at a time. */
static void print_profile(Kernel *kernel, const Plan *plan) {
    double total = milliseconds();
    for (size_t i = 0; i < plan->n_steps; i++) {
        Plan one = { .steps = &plan->steps[i], .n_steps = 1 };
        double start = milliseconds();
        apply(kernel, &one, APPLY_STRICT, NULL);
        printf("# %7.0f us %s%s %s %s\n", (milliseconds() - start) * 1e3, one.steps->remove ? "remove " : "",
                step_kind_name(one.steps->kind), one.steps->netns ? one.steps->netns : "host", one.steps->link);
    }
    printf("# %7.0f us in all, one by one\n", (milliseconds() - total) * 1e3);
}

int main(int argc, char **argv) {
    _cleanup_(kernel_free_pointer) Kernel *kernel = NULL;
    _cleanup_draft_ Draft draft = {};
    _cleanup_plan_ Plan there = {}, back = {};
    Model model = {};
    Tap tap = {};

    require(getuid() == 0 && kernel_new(&kernel) == 0, "root and a kernel");
    require(access("/run/netns", F_OK) != 0 || nothing_left(), "not a throw-away machine");
    draft.model = &model;
    require(draft_add_vpc(&draft, make_vpc_of_two()) == 0, "vpc");
    make_plans(&draft, &there, &back);
    if (argc > 1 && streq(argv[1], "profile")) {
        print_profile(kernel, &there);
        print_profile(kernel, &back);
        return 0;
    }

    check_way_there_and_back(&tap, kernel, &there, &back);
    settle(kernel);
    int descriptors = count_descriptors();
    check_strangers(&tap, kernel, &there, &back);
    check_host_route(&tap, kernel);
    check_rules(&tap, kernel);
    apply(kernel, &there, APPLY_STRICT, NULL);
    check_cut(&tap, kernel, &draft);
    apply(kernel, &back, APPLY_STRICT, NULL);
    check_peering(&tap, kernel);
    check_time(&tap, kernel, &there, &back);
    check_broken_off(&tap, kernel, &there, &back);
    settle(kernel);
    ok(&tap, count_descriptors() == descriptors, "no descriptor is left open");
    kernel = kernel_free(kernel);
    ok(&tap, shell("! ps -eo comm | grep vpcd-nft"), "no worker is left");
    printf("1..%d\n", tap.n);
    return tap.failed > 0;
}
