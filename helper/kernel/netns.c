/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/netns.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Two descriptors each; a plan that rebuilds a thousand endpoints must not run out of them. */
#define OPEN_MAX_NAMESPACES 64

typedef char NetnsPath[sizeof(NETNS_DIRECTORY) + 1 + NAME_MAX];

/* Names were checked long ago, yet here one becomes a path. */
static int netns_path(const char *name, NetnsPath path) {
    if (str_empty(name) || streq(name, ".") || streq(name, "..") || strchr(name, '/') || strlen(name) > NAME_MAX)
        return -EINVAL;
    snprintf(path, sizeof(NetnsPath), "%s/%s", NETNS_DIRECTORY, name);
    return 0;
}

static Netns *netns_close(Netns *netns) {
    if (!netns)
        return NULL;
    netlink_close(netns->route);
    close_descriptor(&netns->fd);
    free(netns->name);
    free(netns);
    return NULL;
}
DEFINE_CLEANUP(Netns *, netns_close)

/* Takes the descriptor, also on failure. */
static int netns_wrap(const char *name, int descriptor, Netns **ret) {
    _cleanup_close_ int fd = descriptor;
    _cleanup_(netns_close_pointer) Netns *netns = calloc(1, sizeof(*netns));
    if (!netns)
        return -ENOMEM;
    netns->fd = -1;
    if (name && !(netns->name = strdup(name)))
        return -ENOMEM;
    netns->fd = TAKE_FD(fd);
    *ret = TAKE_PTR(netns);
    return 0;
}

int netns_pool_init(NetnsPool *pool) {
    *pool = (NetnsPool){};
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = netns_wrap(NULL, fd, &pool->host);
    pool->current = pool->host;
    return r;
}

void netns_pool_clear(NetnsPool *pool) {
    if (!pool->host)
        return;
    netns_forget(pool);
    free(pool->open);
    netns_close(pool->host);
    *pool = (NetnsPool){};
}

int netns_in_the_way(const char *name) {
    NetnsPath path;
    int r = netns_path(name, path);
    if (r < 0)
        return r;
    struct stat status;
    if (lstat(path, &status) == 0)
        return 1;
    return errno == ENOENT ? 0 : -errno;
}

/* Whether the open file is a network namespace: joining anything else must not even be tried. ioctl_nsfs(2). */
static bool is_network_namespace(int fd) {
    struct statfs filesystem;
    return fstatfs(fd, &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

static int open_path(const char *path) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) /* a left-over file has mode 0, and we have no CAP_DAC_OVERRIDE */
        return errno == EACCES || errno == ELOOP ? -ENOENT : -errno;
    if (!is_network_namespace(fd))
        return -ENOENT;
    return TAKE_FD(fd);
}

/* Closes the one that was not needed for longest. */
static void make_room(NetnsPool *pool) {
    while (pool->n_open >= OPEN_MAX_NAMESPACES) {
        size_t oldest = 0;
        for (size_t i = 1; i < pool->n_open; i++)
            if (pool->open[i]->used < pool->open[oldest]->used)
                oldest = i;
        if (pool->current == pool->open[oldest])
            pool->current = NULL;
        netns_close(pool->open[oldest]);
        pool->open[oldest] = pool->open[--pool->n_open];
    }
}

static int remember(NetnsPool *pool, const char *name, int descriptor, Netns **ret) {
    Netns *netns;
    make_room(pool);
    int r = netns_wrap(name, descriptor, &netns);
    if (r < 0)
        return r;
    r = GROW(pool->open, pool->n_open);
    if (r < 0) {
        netns_close(netns);
        return r;
    }
    netns->used = ++pool->clock;
    pool->open[pool->n_open++] = netns;
    *ret = netns;
    return 0;
}

int netns_get(NetnsPool *pool, const char *name, Netns **ret) {
    if (!name) {
        *ret = pool->host;
        return 0;
    }
    for (size_t i = pool->n_open; i-- > 0;)
        if (streq(pool->open[i]->name, name)) {
            pool->open[i]->used = ++pool->clock;
            *ret = pool->open[i];
            return 0;
        }

    NetnsPath path;
    int r = netns_path(name, path);
    if (r < 0)
        return r;
    int fd = open_path(path);
    if (fd < 0)
        return fd;
    return remember(pool, name, fd, ret);
}

int netns_enter(NetnsPool *pool, const Netns *netns) {
    if (pool->current == netns)
        return 0;
    if (setns(netns->fd, CLONE_NEWNET) < 0)
        return -errno;
    pool->current = netns;
    return 0;
}

void netns_leave(NetnsPool *pool) {
    for (int attempt = 0; netns_enter(pool, pool->host) < 0; attempt++) {
        if (attempt == 10) /* what comes next would happen in the wrong place; a new start finishes the journal */
            abort();
        usleep(10 * 1000);
    }
}

int netns_route(NetnsPool *pool, Netns *netns, Netlink **ret) {
    if (!netns->route) {
        int r = netns_enter(pool, netns);
        if (r < 0)
            return r;
        r = netlink_open(NETLINK_ROUTE, &netns->route);
        if (r < 0)
            return r;
    }
    *ret = netns->route;
    return 0;
}

/* The directory as a mount of its own that is shared, so that what is bound below it is seen everywhere. Under the lock
 * of ip-netns: without, parallel makers stack mounts (iproute2, ip/ipnetns.c, netns_add()). */
static int prepare_directory(void) {
    if (mkdir(NETNS_DIRECTORY, 0755) == 0)
        (void)chmod(NETNS_DIRECTORY, 0755); /* whatever our umask says: everybody lists namespaces */
    else if (errno != EEXIST)
        return -errno;
    _cleanup_close_ int lock = open(NETNS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return -errno;
    while (flock(lock, LOCK_EX) < 0)
        if (errno != EINTR)
            return -errno;
    if (mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) == 0)
        return 0;
    if (errno != EINVAL) /* EINVAL: not a mount yet */
        return -errno;
    if (mount(NETNS_DIRECTORY, NETNS_DIRECTORY, "none", MS_BIND | MS_REC, NULL) < 0)
        return -errno;
    if (mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) < 0)
        return -errno;
    return 0;
}

/* Removes a file that no namespace is bound over. */
static int remove_stray(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size != 0)
        return -EEXIST;
    return unlink(path) < 0 ? -errno : 0;
}

static int make_file(const char *path, bool replace) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    if (fd >= 0)
        return 0;
    if (errno != EEXIST || !replace)
        return -errno;

    _cleanup_close_ int there = open_path(path);
    if (there != -ENOENT)
        return -EEXIST;
    int r = remove_stray(path); /* EBUSY: something was bound over it just now */
    if (r < 0)
        return r == -EBUSY ? -EEXIST : r;
    fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
    return fd < 0 ? -errno : 0;
}

/* Moves the process into a new namespace and binds that over the file. */
static int make_namespace(NetnsPool *pool, const char *name, const char *path) {
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    pool->current = NULL;
    _cleanup_close_ int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) < 0)
        return -errno;
    Netns *netns;
    int r = remember(pool, name, TAKE_FD(fd), &netns);
    if (r < 0) {
        umount2(path, MNT_DETACH);
        return r;
    }
    pool->current = netns;
    return 0;
}

int netns_create(NetnsPool *pool, const char *name, bool replace) {
    NetnsPath path;
    int r = netns_path(name, path);
    if (r < 0)
        return r;
    r = prepare_directory();
    if (r < 0)
        return r;
    r = make_file(path, replace);
    if (r < 0)
        return r;
    r = make_namespace(pool, name, path);
    if (r < 0) {
        unlink(path);
        netns_leave(pool);
    }
    return r;
}

int netns_scratch(NetnsPool *pool, int *ret) {
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    pool->current = NULL;
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    netns_leave(pool);
    if (r == 0)
        *ret = fd;
    return r;
}

/* An open descriptor or socket would keep the namespace alive. */
static void forget_one(NetnsPool *pool, const char *name) {
    for (size_t i = 0; i < pool->n_open; i++)
        if (streq(pool->open[i]->name, name)) {
            if (pool->current == pool->open[i])
                netns_leave(pool);
            netns_close(pool->open[i]);
            pool->open[i] = pool->open[--pool->n_open];
            return;
        }
}

int netns_remove(NetnsPool *pool, const char *name, bool stray) {
    NetnsPath path;
    int r = netns_path(name, path);
    if (r < 0)
        return r;
    forget_one(pool, name);
    if (!pool->current)
        netns_leave(pool);
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
        if (errno != EINVAL) /* EINVAL: nothing is bound there */
            return -errno;
        return stray ? remove_stray(path) : -ENOENT;
    }
    /* More than one may be bound over it, by somebody who did not look. */
    for (int i = 0; unlink(path) < 0; i++)
        if (errno != EBUSY || i == 8 || umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
            return -errno;
    return 0;
}

void netns_forget(NetnsPool *pool) {
    netns_leave(pool);
    while (pool->n_open > 0)
        netns_close(pool->open[--pool->n_open]);
    if (pool->host->route)
        netlink_forget_links(pool->host->route);
}
