/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "callers.h"

/* Before each turn so many messages are taken off the bus, so that who waits there is seen. */
#define READ_AHEAD 64
/* More answers than this are not made before the bus has taken some. */
#define ANSWERS_MAX 512

typedef struct User {
    uid_t uid;
    unsigned tickets;     /* all of them */
    Ticket *first, *last; /* that wait */
    struct User *next;
} User;

typedef struct Connection {
    Callers *callers;
    char *name;
    Caller who;
    bool known;
    sd_bus_slot *question;
    unsigned n_waiting;
    Ticket *first, *last; /* that wait for its being known */
    struct Connection *next;
} Connection;

struct Ticket {
    Callers *callers;
    Connection *connection; /* until its turn has come */
    User *user;             /* once that is known */
    TicketCalled called;
    void *data;
    Ticket *next; /* of its connection, or of its user */
};

struct Callers {
    sd_bus *bus;
    const Limits *limits;
    void (*gone)(void *data, const char *name);
    void *data;
    Connection *connections; /* the one that called last comes first */
    User *users;             /* the one whose turn was last comes last */
    sd_event_source *turn;
    sd_bus_slot *match;
};

/* --- queues --- */

static void append(Ticket **first, Ticket **last, Ticket *ticket) {
    ticket->next = NULL;
    if (*last)
        (*last)->next = ticket;
    else
        *first = ticket;
    *last = ticket;
}

static void take_out(Ticket **first, Ticket **last, Ticket *ticket) {
    Ticket *before = NULL;

    for (Ticket *other = *first; other; before = other, other = other->next) {
        if (other != ticket)
            continue;
        if (before)
            before->next = ticket->next;
        else
            *first = ticket->next;
        if (*last == ticket)
            *last = before;
        return;
    }
}

/* --- users --- */

static User *user_get(Callers *callers, uid_t uid) {
    User **link = &callers->users;

    for (; *link; link = &(*link)->next)
        if ((*link)->uid == uid)
            return *link;
    *link = calloc(1, sizeof(User));
    if (*link)
        (*link)->uid = uid;
    return *link;
}

static void user_forget_if_idle(Callers *callers, User *user) {
    if (user->tickets > 0)
        return;
    for (User **link = &callers->users; *link; link = &(*link)->next)
        if (*link == user) {
            *link = user->next;
            free(user);
            return;
        }
}

/* The next user in turn who waits for one, put behind the others; NULL: nobody waits. */
static User *user_next(Callers *callers) {
    User **link = &callers->users, *user;

    while (*link && !(*link)->first)
        link = &(*link)->next;
    user = *link;
    if (!user)
        return NULL;
    *link = user->next;
    user->next = NULL;
    while (*link)
        link = &(*link)->next;
    *link = user;
    return user;
}

/* --- tickets --- */

Ticket *ticket_free(Ticket *ticket) {
    Callers *callers;
    User *user;

    if (!ticket)
        return NULL;
    callers = ticket->callers;
    user = ticket->user;
    if (user) {
        take_out(&user->first, &user->last, ticket);
        user->tickets--;
        user_forget_if_idle(callers, user);
    } else if (ticket->connection) {
        take_out(&ticket->connection->first, &ticket->connection->last, ticket);
        ticket->connection->n_waiting--;
    }
    free(ticket);
    return NULL;
}

/* In the next round of the event loop, in which everything else has its turn as well. (A defer source would always come
 * before the others.) */
static int schedule_turn(Callers *callers) {
    int r = sd_event_source_set_time_relative(callers->turn, 0);

    return r < 0 ? r : sd_event_source_set_enabled(callers->turn, SD_EVENT_ONESHOT);
}

/* The connection is known: its ticket joins the queue of its user. */
static void join_user(Ticket *ticket) {
    Callers *callers = ticket->callers;
    User *user = user_get(callers, ticket->connection->who.uid);

    if (!user || (user->uid != 0 && user->tickets >= callers->limits->calls_per_user)) {
        if (user)
            user_forget_if_idle(callers, user);
        ticket->connection = NULL;
        ticket->called(ticket->data, FATE_TOO_MANY, NULL);
        return;
    }
    ticket->user = user;
    user->tickets++;
    append(&user->first, &user->last, ticket);
    (void)schedule_turn(callers);
}

static int on_turn(sd_event_source *source, uint64_t usec, void *data) {
    Callers *callers = data;
    uint64_t answers = 0;
    const Caller *who;
    Ticket *ticket;
    User *user;

    for (int i = 0; i < READ_AHEAD; i++)
        if (sd_bus_get_n_queued_write(callers->bus, &answers) < 0 || answers > ANSWERS_MAX ||
                sd_bus_process(callers->bus, NULL) <= 0)
            break;
    user = user_next(callers);
    if (!user)
        return 0;
    (void)schedule_turn(callers);
    ticket = user->first;
    take_out(&user->first, &user->last, ticket);
    who = &ticket->connection->who;
    ticket->connection = NULL;
    ticket->called(ticket->data, FATE_TURN, who);
    return 0;
}

/* --- connections --- */

static Connection *connection_free(Connection *connection) {
    sd_bus_slot_unref(connection->question);
    caller_clear(&connection->who);
    free(connection->name);
    free(connection);
    return NULL;
}

static int on_credentials(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Connection *connection = data;
    Ticket *ticket;

    connection->question = sd_bus_slot_unref(connection->question);
    connection->known = !sd_bus_message_is_method_error(reply, NULL) && decode_credentials(reply, &connection->who) >= 0;
    while ((ticket = connection->first)) {
        take_out(&connection->first, &connection->last, ticket);
        connection->n_waiting--;
        if (connection->known)
            join_user(ticket);
        else {
            ticket->connection = NULL;
            ticket->called(ticket->data, FATE_UNKNOWN, NULL);
        }
    }
    return 0;
}

/* Known, or asked about; NULL if neither can be. */
static Connection *connection_get(Callers *callers, const char *name) {
    Connection *connection;

    for (Connection **link = &callers->connections; *link; link = &(*link)->next)
        if (streq((*link)->name, name)) {
            connection = *link;
            *link = connection->next;
            connection->next = callers->connections;
            return callers->connections = connection;
        }
    connection = calloc(1, sizeof(Connection));
    if (!connection)
        return NULL;
    connection->callers = callers;
    connection->name = strdup(name);
    if (!connection->name ||
            sd_bus_call_method_async(callers->bus, &connection->question, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                    "org.freedesktop.DBus", "GetConnectionCredentials", on_credentials, connection, "s", name) < 0)
        return connection_free(connection);
    connection->next = callers->connections;
    return callers->connections = connection;
}

static void connection_leaves(Callers *callers, const char *name) {
    Connection **link = &callers->connections, *connection;

    while (*link && !streq((*link)->name, name))
        link = &(*link)->next;
    connection = *link;
    if (!connection)
        return;
    *link = connection->next;
    for (Ticket *ticket; (ticket = connection->first);) {
        take_out(&connection->first, &connection->last, ticket);
        ticket->connection = NULL;
        ticket->called(ticket->data, FATE_GONE, NULL);
    }
    for (User *user = callers->users, *next_user; user; user = next_user) {
        next_user = user->next;
        for (Ticket *ticket = user->first, *next; ticket; ticket = next) {
            next = ticket->next;
            if (ticket->connection != connection)
                continue;
            user->tickets++; /* so that the user outlives the ticket */
            take_out(&user->first, &user->last, ticket);
            ticket->connection = NULL;
            ticket->called(ticket->data, FATE_GONE, NULL);
            user->tickets--;
        }
        user_forget_if_idle(callers, user);
    }
    connection_free(connection);
}

static int on_owner_changed(sd_bus_message *message, void *data, sd_bus_error *error) {
    Callers *callers = data;
    const char *name, *before, *after;

    if (!streq_null(sd_bus_message_get_sender(message), "org.freedesktop.DBus") ||
            sd_bus_message_read(message, "sss", &name, &before, &after) < 0 || *after || *name != ':')
        return 0;
    connection_leaves(callers, name);
    callers->gone(callers->data, name);
    return 0;
}

/* --- outside --- */

int callers_queue(Callers *callers, sd_bus_message *message, TicketCalled called, void *data, Ticket **ret) {
    const char *sender = sd_bus_message_get_sender(message);
    Connection *connection = sender ? connection_get(callers, sender) : NULL;
    Ticket *ticket = connection ? calloc(1, sizeof(Ticket)) : NULL;

    if (!ticket)
        return -ENOMEM;
    *ticket = (Ticket){ .callers = callers, .connection = connection, .called = called, .data = data };
    *ret = ticket;
    if (connection->known)
        join_user(ticket);
    else if (!connection->question || connection->n_waiting >= callers->limits->calls_per_user) {
        ticket->connection = NULL;
        called(data, connection->question ? FATE_TOO_MANY : FATE_UNKNOWN, NULL);
    } else {
        append(&connection->first, &connection->last, ticket);
        connection->n_waiting++;
    }
    return 0;
}

int callers_new(sd_bus *bus, const Limits *limits, void (*gone)(void *data, const char *name), void *data, Callers **ret) {
    _cleanup_(callers_free_pointer) Callers *callers = calloc(1, sizeof(Callers));
    int r;

    if (!callers)
        return -ENOMEM;
    *callers = (Callers){ .bus = bus, .limits = limits, .gone = gone, .data = data };
    r = sd_event_add_time_relative(sd_bus_get_event(bus), &callers->turn, CLOCK_MONOTONIC, 0, 1, on_turn, callers);
    if (r >= 0)
        r = sd_event_source_set_enabled(callers->turn, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_bus_add_match(bus, &callers->match,
                "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
                "member='NameOwnerChanged',arg2=''",
                on_owner_changed, callers);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(callers);
    return 0;
}

Callers *callers_free(Callers *callers) {
    if (!callers)
        return NULL;
    while (callers->connections) {
        Connection *connection = callers->connections;

        callers->connections = connection->next;
        connection_free(connection);
    }
    sd_bus_slot_unref(callers->match);
    sd_event_source_disable_unref(callers->turn);
    free(callers);
    return NULL;
}
