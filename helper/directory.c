/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nothing here may wait for a file system, since it can be the caller's own (FUSE) or a server that is away: attributes
 * come from what the kernel knows already, and the walk along the path is given up where it would have to ask. Nor is the
 * walk a check of rights: vpcd could not enter a home directory, and need not. Who enters is checked then. */
#include "directory.h"

#include "core/ident.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DELETED " (deleted)" /* what the kernel adds to the path */

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && streq(text + length - end_length, end);
}

static int look(int fd, struct statx *ret) {
    return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_NLINK, ret) < 0 ? -errno : 0;
}

bool is_directory(int fd) {
    struct statx opened;

    return look(fd, &opened) == 0 && S_ISDIR(opened.stx_mode);
}

int directory_path(int fd, char **ret) {
    static const struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_CACHED };
    _cleanup_close_ int there = -1;
    struct statx opened, named;
    char link[64], path[PATH_MAX];
    ssize_t n;
    int r;

    r = look(fd, &opened);
    if (r < 0)
        return r;
    if (!S_ISDIR(opened.stx_mode))
        return -ENOTDIR;
    if (opened.stx_nlink == 0)
        return -ENOENT;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path));
    if (n < 0)
        return -errno;
    if (n == (ssize_t)sizeof(path))
        return -ENAMETOOLONG;
    path[n] = '\0';
    if (path[0] != '/') /* "(unreachable)/…" */
        return -ESTALE;

    there = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    if (there >= 0) {
        if (look(there, &named) < 0 || named.stx_dev_major != opened.stx_dev_major ||
                named.stx_dev_minor != opened.stx_dev_minor || named.stx_ino != opened.stx_ino)
            return ends_with(path, DELETED) ? -ENOENT : -ESTALE;
    } else if (errno == ENOENT || errno == ENOTDIR)
        return -ESTALE;
    if (!directory_is_valid(path))
        return -EINVAL;
    *ret = strdup(path);
    return *ret ? 0 : -ENOMEM;
}
