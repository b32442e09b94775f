/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program sees of the machine. It must be able to ping, and must hold no capability; Debian's ping has a file
 * capability, and the kernel refuses to execute such a file when the capability is outside the bounding set. On a
 * nosuid mount file capabilities do not count, ping starts, and uses the unprivileged ICMP socket that the namespace
 * allows. systemd mounts everything nosuid for a unit that has NoNewPrivileges= and a mount namespace with an entry for
 * "/" (systemd.exec(5), NoNewPrivileges=), and ReadWritePaths=/ is such an entry that changes nothing else: the file
 * system stays the host's. */

#include "units/private.h"

#include <stdio.h>

#define START_TIMEOUT (30 * SECOND) /* of a unit, by systemd */
#define STOP_TIMEOUT (2 * SECOND)

static int append_array(sd_bus_message *message, char *const *strings) {
    int r = sd_bus_message_open_container(message, 'a', "s");

    for (; r >= 0 && strings && *strings; strings++)
        r = sd_bus_message_append_basic(message, 's', *strings);
    return r < 0 ? r : sd_bus_message_close_container(message);
}

int unit_append_strings(sd_bus_message *message, const char *property, char *const *strings) {
    int r = sd_bus_message_open_container(message, 'r', "sv");

    if (r >= 0)
        r = sd_bus_message_append(message, "s", property);
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'v', "as");
    if (r >= 0)
        r = append_array(message, strings);
    if (r >= 0)
        r = sd_bus_message_close_container(message);
    return r < 0 ? r : sd_bus_message_close_container(message);
}

/* Users and groups go as numbers: systemd looks a name up, and a name can be made to look like a number. */
static int append_identity(sd_bus_message *message, const RunAs *as) {
    char user[16], group[16], *digits;
    _cleanup_free_ char *text = calloc(as->n_groups + 1, sizeof(group));
    _cleanup_free_ char **groups = calloc(as->n_groups + 1, sizeof(char *));
    int r;

    if (!text || !groups)
        return -ENOMEM;
    digits = text;
    for (size_t i = 0; i < as->n_groups; i++, digits += sizeof(group)) {
        snprintf(digits, sizeof(group), "%u", as->groups[i]);
        groups[i] = digits;
    }
    snprintf(user, sizeof(user), "%u", as->uid);
    snprintf(group, sizeof(group), "%u", as->gid);
    r = sd_bus_message_append(message, "(sv)(sv)", "User", "s", user, "Group", "s", group);
    return r < 0 ? r : unit_append_strings(message, "SupplementaryGroups", groups);
}

/* systemd puts variables in where an argument has '$', which is the caller's own; "$$" stands for one. */
static char *double_dollars(const char *text) {
    char *doubled = malloc(strlen(text) * 2 + 1), *end = doubled;

    if (!doubled)
        return NULL;
    for (; *text; text++) {
        if (*text == '$')
            *end++ = '$';
        *end++ = *text;
    }
    *end = '\0';
    return doubled;
}

/* Not ExecStartEx, which could switch the variables off: systemd 252 writes that word into the unit's file and does not
 * know it when it reads the file again ("systemctl daemon-reload"), and then the unit has lost its slice. */
int unit_append_command(sd_bus_message *message, const char *path, char *const *argv) {
    int r = sd_bus_message_open_container(message, 'r', "sv");

    if (r >= 0)
        r = sd_bus_message_append(message, "s", "ExecStart");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'v', "a(sasb)");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "(sasb)");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'r', "sasb");
    if (r >= 0)
        r = sd_bus_message_append(message, "s", path);
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "s");
    for (; r >= 0 && *argv; argv++) {
        _cleanup_free_ char *argument = double_dollars(*argv);

        r = argument ? sd_bus_message_append_basic(message, 's', argument) : -ENOMEM;
    }
    if (r >= 0)
        r = sd_bus_message_close_container(message);
    if (r >= 0)
        r = sd_bus_message_append(message, "b", false);
    for (unsigned depth = 0; r >= 0 && depth < 4; depth++)
        r = sd_bus_message_close_container(message);
    return r;
}

int unit_begin(Units *units, const char *unit, const char *description, const char *slice, const char *netns,
        const RunAs *as, sd_bus_message **ret) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_free_ char *path = NULL;
    int r;

    if (asprintf(&path, "/run/netns/%s", netns) < 0)
        return -ENOMEM;
    r = sd_bus_message_new_method_call(
            units->bus, &message, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "StartTransientUnit");
    if (r >= 0)
        r = sd_bus_message_append(message, "ss", unit, "fail");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "(sv)");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)", "Description", "s", description, "Slice", "s", slice,
                "NetworkNamespacePath", "s", path, "AddRef", "b",
                true); /* keeps the unit's state until we have read it, however soon it ends */
    if (r >= 0)
        r = append_identity(message, as);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "NoNewPrivileges", "b", true,
                "CapabilityBoundingSet", "t", UINT64_C(0), "AmbientCapabilities", "t", UINT64_C(0), "RestrictSUIDSGID",
                "b", true, "KeyringMode", "s", "private", "UMask", "u", UINT32_C(0022), "LimitCORE", "t", UINT64_C(0),
                "ReadWritePaths", "as", 1, "/"); /* everything nosuid: see the top */
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)", "KillMode", "s", "control-group", "SendSIGHUP",
                "b", true, "TimeoutStartUSec", "t", START_TIMEOUT, "TimeoutStopUSec", "t", STOP_TIMEOUT, "TasksMax",
                "t", UINT64_C(1024), "MemoryMax", "t", UINT64_C(4) << 30);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(message);
    return 0;
}

int unit_start(Task *task, sd_bus_message *message) {
    int r;

    r = sd_bus_message_close_container(message);
    if (r >= 0)
        r = sd_bus_message_append(message, "a(sa(sv))", 0);
    if (r >= 0)
        r = sd_bus_call_async(task->units->bus, &task->jobs[0].slot, message, on_job, &task->jobs[0], 0);
    return r;
}
