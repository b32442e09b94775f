/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Where a directory is that a caller has open. */

#include <stdbool.h>

/* Its path, for somebody else to enter with rights of his own. -ENOTDIR; -ENOENT when it has been deleted; -ESTALE when
 * something else is there (it was moved, or the caller sees other mounts); -EINVAL for a path that cannot be told on. */
int directory_path(int fd, char **ret);

/* Without asking the file system. */
bool is_directory(int fd);
