/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/removal.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* As many threads; what is more is waited for. */
#define RUNNING_MAX 16
#define LOOK_MICROSECONDS 30

struct Removal {
    pthread_t thread;
    Netlink *netlink;
    int index;
    int result;
    atomic_bool ended;
    Removal *next;
};

static void removal_free(Removal *removal) {
    netlink_close(removal->netlink);
    free(removal);
}
DEFINE_CLEANUP(Removal *, removal_free)

static void *run(void *data) {
    Removal *removal = data;
    removal->result = netlink_delete_link(removal->netlink, removal->index);
    atomic_store(&removal->ended, true);
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(Removal *removal) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&removal->thread, NULL, run, removal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static size_t count(const Removals *removals) {
    size_t n = 0;
    for (const Removal *removal = removals->running; removal; removal = removal->next)
        n++;
    return n;
}

void removals_reap(Removals *removals, bool wait) {
    for (Removal **link = &removals->running; *link;) {
        Removal *removal = *link;
        if (!wait && !atomic_load(&removal->ended)) {
            link = &removal->next;
            continue;
        }
        pthread_join(removal->thread, NULL);
        *link = removal->next;
        removal_free(removal);
    }
}

/* Looking waits for the lock under which the link goes (rtnl_getlink()), so this looks once or twice. */
static bool wait_until_gone(const Removal *removal, Netlink *route, const char *name) {
    while (!atomic_load(&removal->ended)) {
        Link link;
        int r = netlink_link(route, name, &link);
        if (r == -ENODEV || (r == 0 && link.index != removal->index))
            return true;
        usleep(LOOK_MICROSECONDS);
    }
    return false;
}

int removals_take_link(Removals *removals, Netlink *route, const char *name, int index, char **why) {
    _cleanup_(removal_free_pointer) Removal *removal = calloc(1, sizeof(*removal));
    if (!removal)
        return -ENOMEM;
    removal->index = index;
    int r = netlink_open(NETLINK_ROUTE, &removal->netlink);
    if (r < 0)
        return r;
    removals_reap(removals, false);
    if (count(removals) >= RUNNING_MAX || start_thread(removal) < 0)
        run(removal);
    else if (wait_until_gone(removal, route, name)) {
        removal->next = removals->running;
        removals->running = TAKE_PTR(removal);
        return 0;
    } else
        pthread_join(removal->thread, NULL);
    if (removal->result < 0 && !str_empty(netlink_why(removal->netlink)))
        *why = strdup(netlink_why(removal->netlink));
    return removal->result;
}
