/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program sees of the machine. It must be able to ping, and must hold no capability; Debian's ping has a file
 * capability, and the kernel refuses to execute such a file when the capability is outside the bounding set. On a
 * nosuid mount file capabilities do not count, ping starts, and uses the unprivileged ICMP socket that the namespace
 * allows. systemd mounts everything nosuid for a unit that has NoNewPrivileges= and a mount namespace with an entry for
 * "/" (systemd.exec(5), NoNewPrivileges=), and ReadWritePaths=/ is such an entry that changes nothing else: the file
 * system stays the host's. */

#include "units/private.h"

#include "core/ident.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>

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

/* systemd refuses a path with ".." in it, and only once the unit is to be loaded. */
int unit_program_path(const char *program, const char *directory, char **ret) {
    bool relative = program[0] != '/' && strchr(program, '/');
    _cleanup_free_ char *path = NULL;

    *ret = NULL;
    /* In front of a name these are modifiers in the unit file that systemd writes. */
    if (strchr("-@:+!|", program[0]) || (relative && !directory))
        return 0;
    if (asprintf(&path, "%s%s%s", relative ? directory : "", relative ? "/" : "", program) < 0)
        return -ENOMEM;
    if (path[0] == '/' && directory_is_valid(path))
        *ret = TAKE_PTR(path);
    else if (path[0] != '/' && !relative) { /* as a name in a directory it has to be as sound */
        _cleanup_free_ char *anywhere = NULL;

        if (asprintf(&anywhere, "/%s", path) < 0)
            return -ENOMEM;
        if (directory_is_valid(anywhere))
            *ret = TAKE_PTR(path);
    }
    return 0;
}

#define CAPABILITY(number) (UINT64_C(1) << (number))

/* Nothing of root's power but over the endpoint's own network: no capability that reaches further, and away with what is
 * open to uid 0 without one. That is a lot: files, devices and settings that belong to root; the system bus and other
 * sockets, where being root is enough to be obeyed; other processes of root, to signal and to trace. So the file system is
 * read-only and parts of it are missing, /dev and /run are almost empty, no unix socket can be opened, and a program of
 * ours in between (root/vpcd-root.c) makes a PID namespace. That one needs two more capabilities, and drops them. */
static int append_root(sd_bus_message *message) {
    static const char *const paths[] = { "-/var/lib/vpcctl", "-/etc/vpcctl", "-/etc/shadow", "-/etc/shadow-",
        "-/etc/gshadow", "-/etc/gshadow-", "-/etc/ssh", "-/etc/ssl/private", "-/etc/sudoers", "-/etc/sudoers.d",
        "-/boot", "-/var/spool", "-/var/backups", "-/lost+found" };
    char *hidden[ELEMENTSOF(paths) + 1] = { NULL };
    int r;

    for (size_t i = 0; i < ELEMENTSOF(paths); i++)
        hidden[i] = strdupa(paths[i]);
    r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)",
            "User", "s", "0",
            "Group", "s", "0",
            "CapabilityBoundingSet", "t", CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_RAW) |
                    CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_SETPCAP),
            "ProtectSystem", "s", "strict",
            "ProtectHome", "s", "yes");
    if (r >= 0)
        r = unit_append_strings(message, "InaccessiblePaths", hidden);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "PrivateTmp", "b", true,
                "PrivateDevices", "b", true, /* a disk's device belongs to root */
                "PrivateIPC", "b", true,
                "ProtectKernelTunables", "b", true,
                "ProtectKernelModules", "b", true,
                "ProtectKernelLogs", "b", true,
                "ProtectControlGroups", "b", true,
                "ProtectClock", "b", true,
                "ProtectHostname", "b", true);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)",
                "TemporaryFileSystem", "a(ss)", 2, "/run", "ro,mode=0755", "/dev/shm", "mode=1777",
                "RestrictAddressFamilies", "(bas)", true, 4, "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET",
                "RestrictNamespaces", "t", (uint64_t)CLONE_NEWPID,
                "SystemCallArchitectures", "as", 1, "native",
                /* io_uring makes sockets past the filter above; keys of uid 0 are root's */
                "SystemCallFilter", "(bas)", false, 12, "io_uring_setup", "io_uring_enter", "io_uring_register",
                "@keyring", "@module", "@raw-io", "@reboot", "@swap", "@obsolete", "bpf", "perf_event_open",
                "userfaultfd");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)",
                "SystemCallErrorNumber", "i", (int32_t)EPERM,
                "RestrictRealtime", "b", true,
                "LockPersonality", "b", true);
    return r;
}

static int append_user(sd_bus_message *message, const RunAs *as) {
    int r = append_identity(message, as);

    return r < 0 ? r
                 : sd_bus_message_append(message, "(sv)(sv)(sv)",
                           "CapabilityBoundingSet", "t", UINT64_C(0),
                           "AmbientCapabilities", "t", UINT64_C(0),
                           "ReadWritePaths", "as", 1, "/"); /* everything nosuid: see the top */
}

int unit_begin(Units *units, const UnitBasics *basics, sd_bus_message **ret) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_free_ char *path = NULL;
    int r;

    if (asprintf(&path, "/run/netns/%s", basics->netns) < 0)
        return -ENOMEM;
    r = sd_bus_message_new_method_call(units->bus, &message, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
            "StartTransientUnit");
    if (r >= 0)
        r = sd_bus_message_append(message, "ss", basics->unit, "fail");
    if (r >= 0)
        r = sd_bus_message_open_container(message, 'a', "(sv)");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)",
                "Description", "s", basics->description,
                "Slice", "s", basics->slice,
                "NetworkNamespacePath", "s", path,
                "AddRef", "b", true); /* keeps the unit's state until we have read it, however soon it ends */
    if (r >= 0)
        r = basics->as ? append_user(message, basics->as) : append_root(message);
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)",
                "NoNewPrivileges", "b", true,
                "IgnoreSIGPIPE", "b", false, /* as in a shell */
                "RestrictSUIDSGID", "b", true,
                "KeyringMode", "s", "private",
                "UMask", "u", UINT32_C(0022),
                "LimitCORE", "t", UINT64_C(0));
    if (r >= 0)
        r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)",
                "KillMode", "s", "control-group",
                "SendSIGHUP", "b", true,
                "TimeoutStartUSec", "t", basics->start_timeout,
                "TimeoutStopUSec", "t", STOP_TIMEOUT,
                "TasksMax", "t", UINT64_C(1024),
                "MemoryMax", "t", UINT64_C(4) << 30);
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
