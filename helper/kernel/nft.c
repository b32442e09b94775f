/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft.h"

#include <fcntl.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

/* Ten thousand rules load in 0.3 s. */
#define TIMEOUT_SECONDS 60
#define TEXT_MAX (256u << 20)
#define WHY_MAX 65536u

struct NftWorker {
    pid_t pid;
    int socket;
};

/* Both go ahead of their text; a request comes with the namespace's descriptor. */
typedef struct Request {
    uint32_t length;
} Request;

typedef struct Answer {
    int32_t error;
    uint32_t length;
} Answer;

static int send_all(int fd, const void *data, size_t length) {
    for (const char *rest = data; length > 0;) {
        ssize_t n = send(fd, rest, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -EPIPE;
        rest += n;
        length -= (size_t)n;
    }
    return 0;
}

static int receive_all(int fd, void *data, size_t length) {
    for (char *rest = data; length > 0;) {
        ssize_t n = recv(fd, rest, length, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EPIPE;
        rest += n;
        length -= (size_t)n;
    }
    return 0;
}

/* cmsg(3) */
typedef union Control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
} Control;

static int send_request(int fd, int netns, uint32_t length) {
    Request request = { length };
    Control control = {};
    struct iovec part = { &request, sizeof(request) };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &netns, sizeof(int));

    ssize_t n;
    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(request) ? 0 : -EPIPE;
}

/* --- the worker's side --- */

/* The namespace's descriptor, or -EPIPE when the other side has gone. */
static int receive_request(int fd, uint32_t *ret_length) {
    Request request;
    Control control = {};
    struct iovec part = { &request, sizeof(request) };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room),
    };
    ssize_t n;
    do
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *header = n == (ssize_t)sizeof(request) ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
        return -EPIPE;
    int netns;
    memcpy(&netns, CMSG_DATA(header), sizeof(int));
    *ret_length = request.length;
    return netns;
}

/* A new context each time: its sockets and its cache are those of the namespace. */
static int run_here(const char *text, char **ret_why) {
    struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!context)
        return -ENOMEM;
    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    errno = 0;
    int r = 0;
    if (nft_run_cmd_from_buffer(context, text) != 0) {
        r = errno > 0 ? -errno : -EINVAL;
        const char *why = nft_ctx_get_error_buffer(context);
        *ret_why = why && *why ? strdup(why) : NULL;
        if (*ret_why && strstr(*ret_why, strerror(ENOBUFS))) /* libnftables keeps the number to itself */
            r = -ENOBUFS;
    }
    nft_ctx_free(context);
    return r;
}

static int run_in(int netns, int home, const char *text, char **ret_why) {
    if (setns(netns, CLONE_NEWNET) < 0)
        return -errno;
    int r = run_here(text, ret_why);
    if (r == -ENOBUFS) {
        /* The kernel's answers were lost, maybe not the change: only running it again tells. */
        free(TAKE_PTR(*ret_why));
        r = run_here(text, ret_why);
    }
    /* Staying would keep the namespace alive after it was removed. */
    if (setns(home, CLONE_NEWNET) < 0)
        _exit(1);
    return r;
}

static int serve_one(int socket, int home) {
    uint32_t length;
    _cleanup_close_ int netns = receive_request(socket, &length);
    if (netns < 0)
        return netns;
    _cleanup_free_ char *text = malloc((size_t)length + 1);
    if (!text)
        return -ENOMEM;
    if (receive_all(socket, text, length) < 0)
        return -EPIPE;
    text[length] = '\0';

    _cleanup_free_ char *why = NULL;
    Answer answer = { .error = run_in(netns, home, text, &why) };
    size_t n = why ? strlen(why) : 0;
    answer.length = n < WHY_MAX ? (uint32_t)n : WHY_MAX;
    int r = send_all(socket, &answer, sizeof(answer));
    return r < 0 ? r : send_all(socket, why, answer.length);
}

static void leave_at_once(void) {
    _exit(1);
}

static void close_others(int keep) {
    if (keep > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
    close_range((unsigned)keep + 1, ~0u, 0);
}

/* The parent's handlers, atexit functions and descriptors are none of the worker's business. */
static _Noreturn void worker_main(pid_t parent, int socket, int host_netns) {
    prctl(PR_SET_NAME, "vpcd-nft");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != parent || atexit(leave_at_once) != 0 || setns(host_netns, CLONE_NEWNET) < 0)
        _exit(1);
    close_others(socket);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        _exit(1);
    while (serve_one(socket, home) == 0)
        ;
    _exit(0);
}

/* --- the service's side --- */

int nft_worker_start(int host_netns, NftWorker **ret) {
    int pair[2];
    NftWorker *worker = malloc(sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        free(worker);
        return -errno;
    }
    struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));

    /* No handler of ours may run in the child. */
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        worker_main(parent, pair[1], host_netns);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        free(worker);
        return -error;
    }
    *worker = (NftWorker){ .pid = pid, .socket = pair[0] };
    *ret = worker;
    return 0;
}

NftWorker *nft_worker_stop(NftWorker *worker) {
    if (!worker)
        return NULL;
    /* It is idle, or dead, or beyond waiting for; a transaction is carried out whole or not at all. */
    close(worker->socket);
    kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(worker);
    return NULL;
}

int nft_worker_run(NftWorker *worker, int netns, const char *text, char **why) {
    size_t length = strlen(text);
    if (length > TEXT_MAX)
        return -E2BIG;
    Answer answer;
    int r = send_request(worker->socket, netns, (uint32_t)length);
    if (r < 0)
        return r;
    r = send_all(worker->socket, text, length);
    if (r < 0)
        return r;
    r = receive_all(worker->socket, &answer, sizeof(answer));
    if (r < 0)
        return r;
    if (answer.length > WHY_MAX)
        return -EPIPE;
    if (answer.length > 0) {
        _cleanup_free_ char *said = malloc(answer.length + 1);
        if (!said)
            return -EPIPE; /* the rest stays unread, which makes the worker useless */
        r = receive_all(worker->socket, said, answer.length);
        if (r < 0)
            return r;
        said[answer.length] = '\0';
        said[strcspn(said, "\n")] = '\0'; /* below stands the command with a mark below its fault */
        *why = TAKE_PTR(said);
    }
    return answer.error;
}
