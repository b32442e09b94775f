/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The least that a VPC of two subnets costs: its namespaces, links, addresses and routes made straight with libnl,
 * without rules, settings, checks, service or bus. What benchmarks of vpcctl are held against.
 *
 *     cc -D_GNU_SOURCE floor.c -o floor $(pkg-config --cflags --libs libnl-3.0 libnl-route-3.0)
 *     floor create NAME; floor delete NAME      (as root, NAME of up to 11 letters, prints milliseconds) */

#include <fcntl.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct Space {
    int fd;
    struct nl_sock *socket;
} Space;

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "floor: %s failed\n", what);
        exit(1);
    }
}

static Space here(void) {
    Space space = { open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), nl_socket_alloc() };
    check(space.fd >= 0 && space.socket && nl_connect(space.socket, NETLINK_ROUTE) == 0, "socket");
    return space;
}

static Space make_namespace(const char *name, const char *suffix) {
    char path[64];
    snprintf(path, sizeof(path), "/run/netns/%s%s", name, suffix);
    int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    check(fd >= 0 && close(fd) == 0 && unshare(CLONE_NEWNET) == 0, path);
    check(mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) == 0, path);
    return here();
}

static void remove_namespace(const char *name, const char *suffix) {
    char path[64];
    snprintf(path, sizeof(path), "/run/netns/%s%s", name, suffix);
    check(umount2(path, MNT_DETACH) == 0 && unlink(path) == 0, path);
}

static struct rtnl_link *find(Space space, const char *name) {
    struct rtnl_link *link = NULL;
    check(rtnl_link_get_kernel(space.socket, 0, name, &link) == 0, name);
    return link;
}

static void set_up(Space space, const char *name) {
    struct rtnl_link *link = find(space, name), *change = rtnl_link_alloc();
    rtnl_link_set_flags(change, IFF_UP);
    check(rtnl_link_change(space.socket, link, change, 0) == 0, name);
    rtnl_link_put(change);
    rtnl_link_put(link);
}

static void make_bridge(Space space, const char *name) {
    struct rtnl_link *bridge = rtnl_link_bridge_alloc();
    rtnl_link_set_name(bridge, name);
    rtnl_link_set_flags(bridge, IFF_UP);
    check(rtnl_link_add(space.socket, bridge, NLM_F_CREATE | NLM_F_EXCL) == 0, name);
    rtnl_link_put(bridge);
}

static void make_veth(Space space, const char *name, Space peer_space, const char *peer_name) {
    struct rtnl_link *link = rtnl_link_veth_alloc(), *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(link, name);
    rtnl_link_set_flags(link, IFF_UP);
    rtnl_link_set_name(peer, peer_name);
    rtnl_link_set_ns_fd(peer, peer_space.fd);
    check(rtnl_link_add(space.socket, link, NLM_F_CREATE | NLM_F_EXCL) == 0, name);
    rtnl_link_put(peer);
    rtnl_link_put(link);
    set_up(peer_space, peer_name);
}

static void make_port(Space space, const char *name, const char *bridge_name) {
    struct rtnl_link *port = find(space, name), *bridge = find(space, bridge_name);
    check(rtnl_link_enslave(space.socket, bridge, port) == 0, name);
    rtnl_link_put(bridge);
    rtnl_link_put(port);
}

static void add_address(Space space, const char *name, const char *text) {
    struct rtnl_link *link = find(space, name);
    struct rtnl_addr *address = rtnl_addr_alloc();
    struct nl_addr *local = NULL;
    check(nl_addr_parse(text, AF_INET, &local) == 0, text);
    rtnl_addr_set_ifindex(address, rtnl_link_get_ifindex(link));
    rtnl_addr_set_local(address, local);
    check(rtnl_addr_add(space.socket, address, 0) == 0, text);
    nl_addr_put(local);
    rtnl_addr_put(address);
    rtnl_link_put(link);
}

static void add_route(Space space, const char *name, const char *to, const char *through) {
    struct rtnl_link *link = find(space, name);
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *destination = NULL, *gateway = NULL;
    check(nl_addr_parse(to, AF_INET, &destination) == 0, to);
    rtnl_route_set_dst(route, destination);
    rtnl_route_nh_set_ifindex(hop, rtnl_link_get_ifindex(link));
    if (through) {
        check(nl_addr_parse(through, AF_INET, &gateway) == 0, through);
        rtnl_route_nh_set_gateway(hop, gateway);
        nl_addr_put(gateway);
    }
    rtnl_route_add_nexthop(route, hop);
    check(rtnl_route_add(space.socket, route, NLM_F_EXCL) == 0, to);
    nl_addr_put(destination);
    rtnl_route_put(route);
    rtnl_link_put(link);
}

static void create(const char *name, const char *uplink, const char *bridge) {
    Space host = here(), router = make_namespace(name, ""), public = make_namespace(name, "-public"),
          private = make_namespace(name, "-private");

    set_up(router, "lo");
    make_bridge(router, bridge);
    add_address(router, bridge, "10.0.0.1/16");
    make_veth(host, uplink, router, "uplink");
    add_address(host, uplink, "169.254.64.0/31");
    add_address(router, "uplink", "169.254.64.1/31");
    add_route(router, "uplink", "0.0.0.0/0", "169.254.64.0");
    add_route(host, uplink, "10.0.0.0/16", "169.254.64.1");

    const struct {
        Space space;
        const char *port, *address;
    } endpoints[] = { { public, "p1", "10.0.1.2/24" }, { private, "p2", "10.0.2.2/24" } };
    for (int i = 0; i < 2; i++) {
        make_veth(router, endpoints[i].port, endpoints[i].space, "eth0");
        make_port(router, endpoints[i].port, bridge);
        set_up(endpoints[i].space, "lo");
        add_address(endpoints[i].space, "eth0", endpoints[i].address);
        add_route(endpoints[i].space, "eth0", "10.0.0.1/32", NULL);
        add_route(endpoints[i].space, "eth0", "0.0.0.0/0", "10.0.0.1");
    }
}

static void delete(const char *name, const char *uplink) {
    Space host = here();
    struct rtnl_link *link = find(host, uplink);
    check(rtnl_link_delete(host.socket, link) == 0, uplink);
    rtnl_link_put(link);
    remove_namespace(name, "-public");
    remove_namespace(name, "-private");
    remove_namespace(name, "");
}

int main(int argc, char **argv) {
    struct timespec start, end;
    char uplink[IFNAMSIZ], bridge[IFNAMSIZ];
    if (argc != 3 || strlen(argv[2]) > 11 || strchr(argv[2], '/')) {
        fprintf(stderr, "usage: floor create|delete NAME\n");
        return 2;
    }
    snprintf(uplink, sizeof(uplink), "vpc-%.11s", argv[2]);
    snprintf(bridge, sizeof(bridge), "br-%.11s", argv[2]);
    mkdir("/run/netns", 0755);
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (strcmp(argv[1], "create") == 0)
        create(argv[2], uplink, bridge);
    else
        delete(argv[2], uplink);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.3f\n", (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6);
    return 0;
}
