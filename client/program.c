/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

extern char **environ;

int program_directory(Context *context, int *ret) {
    const char *given = context->values[OPTION_DIRECTORY];
    _cleanup_close_ int fd = open(given ? given : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || faccessat(fd, ".", X_OK, AT_EACCESS) < 0)
        return report_usage(context, "%s%s: %s%s", given ? "--directory " : "the current directory", given ? given : "",
                strerror(errno), given ? "" : "; go elsewhere or give --directory");
    *ret = TAKE_FD(fd);
    return EXIT_DONE;
}

/* A program that is named by a path from here is meant from here, and vpcd puts the directory in front. It takes no "..",
 * which can mean something else after a symbolic link, so that is resolved. NULL with errno on failure. */
static char *program_path(const char *program) {
    _cleanup_free_ char *directory = NULL, *real = NULL;
    const char *name = strrchr(program, '/');
    char *path;

    if (!name || !strstr(program, ".."))
        return strdup(program);
    directory = strndup(program, (size_t)(name - program) + 1);
    if (!directory)
        return NULL;
    real = realpath(directory, NULL);
    if (!real)
        return NULL;
    return asprintf(&path, "%s%s", streq(real, "/") ? "" : real, name) < 0 ? NULL : path;
}

int program_append(Context *context, sd_bus_message *call) {
    _cleanup_free_ char *program = NULL;
    int r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");

    if (context->n_command > 0) {
        program = program_path(context->command[0]);
        if (!program)
            return report_errno(context, -errno, context->command[0]);
        if (r >= 0)
            r = sd_bus_message_append(call, "s", program);
    }
    for (size_t i = 1; r >= 0 && i < context->n_command; i++)
        r = sd_bus_message_append(call, "s", context->command[i]);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r == -EINVAL)
        return report_usage(context, "an argument is no valid UTF-8 text");
    return r < 0 ? report_errno(context, r, "call") : EXIT_DONE;
}

/* vpcd refuses others, and values with control characters. */
static bool variable_is_passed(const char *variable) {
    static const char *const names[] = { "TERM=", "COLORTERM=", "NO_COLOR=", "LANG=", "LANGUAGE=", "TZ=", "LC_" };

    for (const char *p = variable; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int append_environment(sd_bus_message *call) {
    int r = sd_bus_message_open_container(call, SD_BUS_TYPE_DICT_ENTRY, "sv");

    if (r >= 0)
        r = sd_bus_message_append(call, "s", "environment");
    if (r >= 0)
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_VARIANT, "as");
    if (r >= 0)
        r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "s");
    for (char **variable = environ; r >= 0 && *variable; variable++)
        if (variable_is_passed(*variable)) {
            r = sd_bus_message_append(call, "s", *variable);
            if (r == -EINVAL) /* not UTF-8: nothing that a program would miss */
                r = 0;
        }
    for (unsigned open = 3; r >= 0 && open > 0; open--)
        r = sd_bus_message_close_container(call);
    return r;
}

int program_open_options(sd_bus_message *call, int directory) {
    int r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");

    if (r >= 0)
        r = append_environment(call);
    if (r >= 0 && directory >= 0)
        r = sd_bus_message_append(call, "{sv}", "directory", "h", directory);
    return r;
}
