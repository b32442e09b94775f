/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd-root -- PROGRAM ARGV0 [ARGUMENT...]: between the service manager and a program that runs as root in a network
 * (`vpcctl exec --as-root`). Without any capability uid 0 can still signal every process of root and look into those that
 * have none either; so the program gets a PID namespace with a /proc and a /dev/pts of its own, for which this one needs
 * CAP_SYS_ADMIN, and keeps only what is for the network.
 *
 *   the unit's main process   waits, and ends as the program ended
 *   process 1 within          collects whoever is left over
 *   the program
 *
 * The first two take no signals: what is sent to the unit or typed at its terminal is for the program. */

#include "core/util.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* As the service manager's own (systemd.exec(5)), which the client knows. */
#define EXIT_NOT_EXECUTED 203
#define EXIT_NO_NAMESPACE 226
#define EXIT_NO_CAPABILITIES 218

#define KEPT (1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW)

static int keep_only(uint32_t kept) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { .effective = kept, .permitted = kept } };

    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if ((capability >= 32 || !(kept & 1u << capability)) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -errno;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
        return -errno;
    return 0;
}

static int wait_for(pid_t child) {
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status;
}

_Noreturn static void run(char **argv, const sigset_t *signals) {
    if (keep_only(KEPT) < 0)
        _exit(EXIT_NO_CAPABILITIES);
    sigprocmask(SIG_SETMASK, signals, NULL);
    if (argv[0][0] == '/')
        execv(argv[0], argv + 1);
    else
        execvp(argv[0], argv + 1);
    _exit(EXIT_NOT_EXECUTED);
}

/* Process 1: its end takes everybody along. */
_Noreturn static void be_first(char **argv, const sigset_t *signals, int result) {
    pid_t program, gone;
    int status;

    /* Read-only, since settings of the whole kernel in it belong to root. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("proc", "/proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
            mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5") < 0)
        _exit(EXIT_NO_NAMESPACE);
    program = fork();
    if (program < 0)
        _exit(EXIT_NO_NAMESPACE);
    if (program == 0)
        run(argv, signals);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (keep_only(0) < 0)
        _exit(EXIT_NO_CAPABILITIES);
    while ((gone = wait(&status)) != program)
        if (gone < 0 && errno != EINTR)
            _exit(EXIT_NO_NAMESPACE);
    (void)!write(result, &status, sizeof(status));
    _exit(0);
}

int main(int argc, char **argv) {
    struct rlimit no_core = { 0 };
    sigset_t all, before;
    int result[2], status;
    pid_t first;

    if (argc < 4 || !streq(argv[1], "--")) {
        fputs("vpcd-root is part of vpcd and of no use by itself\n", stderr);
        return 2;
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    if (pipe2(result, O_CLOEXEC) < 0 || unshare(CLONE_NEWPID) < 0)
        return EXIT_NO_NAMESPACE;
    first = fork();
    if (first < 0)
        return EXIT_NO_NAMESPACE;
    if (first == 0)
        be_first(argv + 2, &before, result[1]);
    close(result[1]);
    if (keep_only(0) < 0)
        return EXIT_NO_CAPABILITIES;
    status = wait_for(first);
    if (status < 0)
        return EXIT_NO_NAMESPACE;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return WEXITSTATUS(status);
    if (read(result[0], &status, sizeof(status)) == sizeof(status) && WIFEXITED(status))
        return WEXITSTATUS(status);
    if (!WIFSIGNALED(status))
        return EXIT_NO_NAMESPACE;
    setrlimit(RLIMIT_CORE, &no_core);
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&all);
    sigaddset(&all, WTERMSIG(status));
    raise(WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    return 128 + WTERMSIG(status);
}
