/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A terminal of the program's own: the caller's is never given to it, so it cannot be typed into from there. */

#include "units/private.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>

int terminal_new(uint16_t rows, uint16_t columns, int *ret_fd, char **ret_path) {
    _cleanup_close_ int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct winsize size = { .ws_row = rows, .ws_col = columns };
    struct termios settings;
    unsigned number;
    int unlocked = 0;

    if (fd < 0)
        return -errno;
    /* Not ptsname(): vpcd and PID 1 share the one /dev/pts, and its name is all there is to know. */
    if (ioctl(fd, TIOCSPTLCK, &unlocked) < 0 || ioctl(fd, TIOCGPTN, &number) < 0)
        return -errno;
    /* Erasing takes a whole character away. (On this side the setting is the other one's.) */
    if (tcgetattr(fd, &settings) < 0)
        return -errno;
    settings.c_iflag |= IUTF8;
    if (tcsetattr(fd, TCSANOW, &settings) < 0)
        return -errno;
    if (rows && columns && ioctl(fd, TIOCSWINSZ, &size) < 0)
        return -errno;
    if (asprintf(ret_path, "/dev/pts/%u", number) < 0)
        return -ENOMEM;
    *ret_fd = TAKE_FD(fd);
    return 0;
}
