/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysctl.h"

#include <fcntl.h>
#include <stdio.h>

typedef char SysctlPath[256];

static int sysctl_path(const char *key, SysctlPath path) {
    if (str_empty(key) || key[0] == '/' || strstr(key, "/.."))
        return -EINVAL;
    int length = snprintf(path, sizeof(SysctlPath), "/proc/sys/net/%s", key);
    return length < (int)sizeof(SysctlPath) ? 0 : -ENAMETOOLONG;
}

int sysctl_read(const char *key, char *buffer, size_t size) {
    SysctlPath path;
    int r = sysctl_path(key, path);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, buffer, size - 1);
    if (length < 0)
        return -errno;
    while (length > 0 && buffer[length - 1] == '\n')
        length--;
    buffer[length] = '\0';
    return 0;
}

bool sysctl_may_be_absent(const char *key) {
    return strncmp(key, "bridge/", 7) == 0 || strncmp(key, "ipv6/", 5) == 0;
}

int sysctl_write(const char *key, const char *value, const char *expected) {
    SysctlPath path;
    int r = sysctl_path(key, path);
    if (r < 0)
        return r;
    if (expected) {
        char now[256];
        r = sysctl_read(key, now, sizeof(now));
        if (r == -ENOENT) /* the interface went, and its settings with it */
            return 0;
        if (r < 0)
            return r;
        if (!streq(now, expected))
            return 0;
    }
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT && sysctl_may_be_absent(key) ? 0 : -errno;
    size_t length = strlen(value);
    ssize_t written = write(fd, value, length);
    if (written < 0)
        return -errno;
    return (size_t)written == length ? 0 : -EIO;
}
