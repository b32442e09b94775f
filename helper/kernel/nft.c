/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/nft.h"

#include <fcntl.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

/* Ten thousand rules load in 0.3 s. */
#define TIMEOUT_SECONDS 60
#define TEXT_MAX (256u << 20)
#define SAID_MAX TEXT_MAX

/* How long a context outlives its work, so that closing its socket finds nothing to wait for (see contexts_close()). */
#define LINGER_MILLISECONDS 100
#define CONTEXTS_MAX 64

/* How long a worker keeps its heap for the next time. */
#define IDLE_MILLISECONDS (5 * 1000)
#define HEAP_KEPT (32 << 20) /* the most that mallopt(3) takes */

/* After so many texts a worker is replaced, whatever libnftables may have kept of them. */
#define REQUESTS_MAX 1000

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

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Contexts that were used, the oldest first. */
typedef struct Contexts {
    struct {
        struct nft_ctx *context;
        int64_t used;
    } ring[CONTEXTS_MAX];
    size_t first, n;
} Contexts;

/* Closing an nft socket waits until what its namespace threw away has been taken apart (nft_rcv_nl_event(): 10 to 20 ms)
 * and holds up every transaction there. A little later there is nothing left to wait for. Much later would be too late:
 * the socket keeps its namespace alive. */
static void contexts_close(Contexts *contexts, int64_t used_until) {
    while (contexts->n > 0 && contexts->ring[contexts->first].used <= used_until) {
        nft_ctx_free(contexts->ring[contexts->first].context);
        contexts->first = (contexts->first + 1) % CONTEXTS_MAX;
        contexts->n--;
    }
}

static void contexts_keep(Contexts *contexts, struct nft_ctx *context) {
    if (contexts->n == CONTEXTS_MAX)
        contexts_close(contexts, contexts->ring[contexts->first].used);
    size_t last = (contexts->first + contexts->n++) % CONTEXTS_MAX;
    contexts->ring[last].context = context;
    contexts->ring[last].used = milliseconds();
}

/* A new context each time: its sockets and its cache are those of the namespace. */
static int run_here(Contexts *contexts, const char *text, char **ret_said) {
    struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!context)
        return -ENOMEM;
    contexts_keep(contexts, context);

    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    errno = 0;
    int r = nft_run_cmd_from_buffer(context, text) == 0 ? 0 : errno > 0 ? -errno : -EINVAL;
    const char *said = r == 0 ? nft_ctx_get_output_buffer(context) : nft_ctx_get_error_buffer(context);
    *ret_said = said && *said ? strdup(said) : NULL;
    if (r == 0)
        return !str_empty(said) && !*ret_said ? -ENOMEM : 0;
    if (*ret_said && strstr(*ret_said, strerror(ENOBUFS))) /* libnftables keeps the number to itself */
        r = -ENOBUFS;
    return r;
}

static int run_in(Contexts *contexts, int netns, int home, const char *text, char **ret_said) {
    if (setns(netns, CLONE_NEWNET) < 0)
        return -errno;
    int r = run_here(contexts, text, ret_said);
    if (r == -ENOBUFS) {
        /* The kernel's answers were lost, maybe not the change: only running it again tells. */
        free(TAKE_PTR(*ret_said));
        r = run_here(contexts, text, ret_said);
    }
    /* Staying would keep the namespace alive after it was removed. */
    if (setns(home, CLONE_NEWNET) < 0)
        _exit(1);
    return r;
}

/* How long there is nothing to do but to wait for a request: -1 for ever. */
static int time_to_wait(const Contexts *contexts, bool trimmed) {
    if (contexts->n == 0)
        return trimmed ? -1 : IDLE_MILLISECONDS;
    int64_t rest = contexts->ring[contexts->first].used + LINGER_MILLISECONDS - milliseconds();
    return rest > 0 ? (int)rest : 0;
}

/* Meanwhile closes contexts, and later gives memory back. Whether there is a request, or the other side has gone. */
static bool wait_for_request(Contexts *contexts, int socket) {
    struct pollfd wanted = { .fd = socket, .events = POLLIN };
    bool trimmed = false;
    for (;;) {
        int r = poll(&wanted, 1, time_to_wait(contexts, trimmed));
        if (r > 0)
            return true;
        if (r < 0 && errno != EINTR)
            return false;
        if (r == 0 && contexts->n == 0) {
            malloc_trim(0);
            trimmed = true;
        }
        contexts_close(contexts, milliseconds() - LINGER_MILLISECONDS);
    }
}

static int serve_one(Contexts *contexts, int socket, int home) {
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

    _cleanup_free_ char *said = NULL;
    Answer answer = { .error = run_in(contexts, netns, home, text, &said) };
    size_t n = said ? strlen(said) : 0;
    answer.length = n < SAID_MAX ? (uint32_t)n : SAID_MAX;
    int r = send_all(socket, &answer, sizeof(answer));
    return r < 0 ? r : send_all(socket, said, answer.length);
}

static void leave_at_once(void) {
    _exit(1);
}

static void close_others(int keep) {
    if (keep > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0);
    close_range((unsigned)keep + 1, ~0u, 0);
}

/* The parent's handlers, atexit functions and descriptors are none of the worker's business. The service manager's signal to
 * stop reaches all of the service: it ends when its parent does, not in the middle of what that has begun. */
static _Noreturn void worker_main(pid_t parent, int socket, int host_netns) {
    prctl(PR_SET_NAME, "vpcd-nft");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; number++)
        signal(number, number == SIGTERM || number == SIGINT ? SIG_IGN : SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != parent || atexit(leave_at_once) != 0 || setns(host_netns, CLONE_NEWNET) < 0)
        _exit(1);
    close_others(socket);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        _exit(1);
    /* libnftables takes half a megabyte for each table that it looks at: a kept heap saves making its pages anew. */
    mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    Contexts contexts = {};
    while (wait_for_request(&contexts, socket) && serve_one(&contexts, socket, home) == 0)
        ;
    usleep(contexts.n > 0 ? LINGER_MILLISECONDS * 1000 : 0);
    _exit(0);
}

/* --- the service's side --- */

int nft_worker_start(NftWorker *worker, int host_netns) {
    int pair[2];
    if (worker->pid > 0)
        return 0;
    if (GROW(worker->dismissed, worker->n_dismissed) < 0) /* so that dismissal cannot fail */
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
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
        return -error;
    }
    worker->pid = pid;
    worker->socket = pair[0];
    worker->n_requests = 0;
    return 0;
}

void nft_worker_dismiss(NftWorker *worker) {
    if (worker->pid <= 0)
        return;
    close(worker->socket);
    worker->dismissed[worker->n_dismissed++] = worker->pid;
    worker->pid = 0;
}

void nft_worker_reap(NftWorker *worker, bool wait) {
    for (size_t i = 0; i < worker->n_dismissed;) {
        pid_t pid;
        if (wait) /* it has nothing to do any more but linger */
            kill(worker->dismissed[i], SIGKILL);
        do
            pid = waitpid(worker->dismissed[i], NULL, wait ? 0 : WNOHANG);
        while (pid < 0 && errno == EINTR);
        if (pid == 0)
            i++;
        else
            worker->dismissed[i] = worker->dismissed[--worker->n_dismissed];
    }
    if (worker->n_dismissed == 0 && worker->pid <= 0)
        free(TAKE_PTR(worker->dismissed));
}

static int receive_said(int socket, uint32_t length, char **ret) {
    _cleanup_free_ char *said = length <= SAID_MAX ? malloc((size_t)length + 1) : NULL;
    if (!said || receive_all(socket, said, length) < 0)
        return -EPIPE;
    said[length] = '\0';
    *ret = TAKE_PTR(said);
    return 0;
}

/* It hangs, or is of no use any more. */
static int discard(NftWorker *worker) {
    kill(worker->pid, SIGKILL);
    nft_worker_dismiss(worker);
    return -EPIPE;
}

int nft_worker_begin(NftWorker *worker, int host_netns, int netns, const char *text) {
    size_t length = strlen(text);
    if (length > TEXT_MAX)
        return -E2BIG;
    /* One that is gone since it was last needed is replaced without a word. */
    for (int attempt = 0; attempt < 2; attempt++) {
        int r = nft_worker_start(worker, host_netns);
        if (r < 0)
            return r;
        worker->n_requests++;
        if (send_request(worker->socket, netns, (uint32_t)length) == 0 && send_all(worker->socket, text, length) == 0)
            return 0;
        discard(worker);
    }
    return -EPIPE;
}

int nft_worker_finish(NftWorker *worker, char **ret_said) {
    Answer answer;
    int r = receive_all(worker->socket, &answer, sizeof(answer));
    if (r == 0 && answer.length > 0)
        r = receive_said(worker->socket, answer.length, ret_said);
    if (r < 0)
        return discard(worker);
    if (answer.error < 0 && *ret_said) /* below the first line stands the command with a mark below its fault */
        (*ret_said)[strcspn(*ret_said, "\n")] = '\0';
    return answer.error;
}

void nft_worker_renew(NftWorker *worker, int host_netns) {
    if (worker->n_requests >= REQUESTS_MAX)
        nft_worker_dismiss(worker);
    (void)nft_worker_start(worker, host_netns);
}
