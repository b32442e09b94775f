/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /sys shows the network namespace of whoever mounted it, and NetworkNamespacePath= keeps the host's; so a sysfs is
 * mounted from within the namespace, bound over /sys in the unit, and taken away when the unit has started (the unit
 * keeps its own reference). */

#include "units/private.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SYS_DIRECTORY "/run/vpcctl/sys"

int netns_open(const char *netns) {
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;

    if (asprintf(&path, "/run/netns/%s", netns) < 0)
        return -ENOMEM;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
        return -EINVAL;
    return TAKE_FD(fd);
}

void sys_unmount(const char *path) {
    (void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    (void)rmdir(path);
    (void)rmdir(SYS_DIRECTORY); /* the last one goes with it */
}

int sys_mount(int netns, const char *unit, char **ret) {
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int own = -1;
    int r = 0;

    if (asprintf(&path, SYS_DIRECTORY "/%s", unit) < 0)
        return -ENOMEM;
    if (mkdir(SYS_DIRECTORY, 0700) < 0 && errno != EEXIST)
        return -errno;
    own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || mkdir(path, 0700) < 0)
        return -errno;

    if (setns(netns, CLONE_NEWNET) < 0)
        r = -errno;
    else {
        if (mount("sysfs", path, "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
            r = -errno;
        /* A service that stayed in a tenant's namespace would do its next work there: better to be restarted. */
        if (setns(own, CLONE_NEWNET) < 0)
            abort();
    }
    if (r < 0) {
        (void)rmdir(path);
        (void)rmdir(SYS_DIRECTORY);
        return r;
    }
    *ret = TAKE_PTR(path);
    return 0;
}

void sys_sweep(void) {
    DIR *directory = opendir(SYS_DIRECTORY);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        _cleanup_free_ char *path = NULL;

        if (entry->d_name[0] != '.' && asprintf(&path, SYS_DIRECTORY "/%s", entry->d_name) >= 0)
            sys_unmount(path);
    }
    closedir(directory);
}
