/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One check is a row of questions to polkit, one per permission, asked one after the other. The caller is named by its
 * unique name on the bus and never by a process id, which can be reused while polkit looks. Whatever is not a clear yes
 * (an error, no polkit, a caller that is gone, a dismissed prompt, time) ends the check as a no. */

#include "authz.h"

#include "names.h"

#include <inttypes.h>
#include <stdio.h>

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_AUTHORITY "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_INTERACTION 1u

#define ACTION_PREFIX "org.vpcctl.vpcd1."

/* A prompt shows details to a person, who can not be expected to read more than this of each. */
#define DETAIL_MAX 200
#define DETAIL_CUT "\xe2\x80\xa6[cut]"

static const char *const action_names[] = {
    ACTION_PREFIX "create", ACTION_PREFIX "manage-own",  ACTION_PREFIX "manage", ACTION_PREFIX "expose",
    ACTION_PREFIX "run",    ACTION_PREFIX "run-as-root", ACTION_PREFIX "purge",
};

#define PERMISSIONS_ALL ((1u << ELEMENTSOF(action_names)) - 1)
/* The bus lets a connection have 128 calls open at a time, ours to the service manager among them. So that no user can
 * take them all, few of the questions that a rule answers are open at once, and fewer of one user; prompts, which may be
 * open for minutes, have their own number. What has to wait does so here. */
#define QUESTIONS_MAX 32
#define QUESTIONS_PER_USER 8
#define PROMPTS_MAX 64

/* A caller often takes its own agent with it, which ends the prompt. polkit 122 with GLib 2.74 can lock itself up when that
 * and our taking it back come at the same moment. */
#define CANCEL_DELAY_USEC 200000

_Static_assert(PERMISSION_PURGE == 1 << (ELEMENTSOF(action_names) - 1), "every permission has an action");

typedef struct Check Check;

/* What polkit has not answered. It may outlive its check, since the bus counts it until there is an answer. */
typedef struct Question {
    Authz *authz;
    Check *check; /* or NULL: nobody wants to know any more */
    uid_t uid;
    bool prompt;
    uint64_t id; /* by which polkit cancels it */
    sd_bus_slot *slot;
    sd_event_source *cancel;
    struct Question *next;
} Question;

struct Authz {
    sd_bus *bus;
    const Limits *limits;
    Check *checks;
    unsigned n_checks;
    Question *questions;
    Check *first_waiting, *last_waiting; /* to ask, in the order of their coming */
    uint64_t next_id;
};

struct Check {
    Authz *authz;
    Check *previous, *next;
    AuthzDone done;
    void *data;

    char *sender;
    uid_t uid;
    bool interactive; /* a person may be asked */
    bool prompting;   /* and is */
    unsigned remaining; /* permissions not yet granted; the lowest is the one being asked for */
    char **keys, **values;
    size_t n_details;

    Question *question; /* that is open, or NULL */
    bool waiting;       /* to ask it */
    Check *next_waiting;
    sd_event_source *timer;

    /* The verdict, while it waits for its turn in the event loop. */
    sd_event_source *later;
    ErrorCode verdict;
    char *message;
};

static int check_ask(Check *check);

const char *authz_action(Permission permission) {
    return action_names[__builtin_ctz((unsigned)permission)];
}

static const char *check_action(const Check *check) {
    return action_names[__builtin_ctz(check->remaining)];
}

static Question *question_free(Question *question) {
    for (Question **link = &question->authz->questions; *link; link = &(*link)->next)
        if (*link == question) {
            *link = question->next;
            break;
        }
    if (question->check)
        question->check->question = NULL;
    sd_bus_slot_unref(question->slot);
    sd_event_source_disable_unref(question->cancel);
    free(question);
    return NULL;
}
DEFINE_CLEANUP(Question *, question_free)

static void stop_waiting(Check *check) {
    Check *before = NULL;

    if (!check->waiting)
        return;
    for (Check *other = check->authz->first_waiting; other != check; other = other->next_waiting)
        before = other;
    if (before)
        before->next_waiting = check->next_waiting;
    else
        check->authz->first_waiting = check->next_waiting;
    if (check->authz->last_waiting == check)
        check->authz->last_waiting = before;
    check->waiting = false;
    check->next_waiting = NULL;
}

static void question_cancel(Question *question) {
    char id[32];

    snprintf(id, sizeof(id), "vpcd-%" PRIu64, question->id);
    (void) sd_bus_call_method_async(question->authz->bus, NULL, POLKIT_NAME, POLKIT_PATH, POLKIT_AUTHORITY,
            "CancelCheckAuthorization", NULL, NULL, "s", id);
}

static int on_cancel(sd_event_source *source, uint64_t usec, void *data) {
    question_cancel(data);
    return 0;
}

/* polkit would keep the prompt on a person's screen though the answer has become worthless. */
static void check_cancel_question(Check *check) {
    Question *question = check->question;

    stop_waiting(check);
    if (!question)
        return;
    question->check = NULL;
    check->question = NULL;
    if (sd_event_add_time_relative(sd_bus_get_event(check->authz->bus), &question->cancel, CLOCK_MONOTONIC,
                CANCEL_DELAY_USEC, CANCEL_DELAY_USEC / 2, on_cancel, question) < 0)
        question_cancel(question);
}

static Check *check_free(Check *check) {
    Authz *authz = check->authz;

    if (check->previous)
        check->previous->next = check->next;
    else if (authz->checks == check)
        authz->checks = check->next;
    if (check->next)
        check->next->previous = check->previous;
    authz->n_checks--;

    check_cancel_question(check);
    sd_event_source_disable_unref(check->timer);
    sd_event_source_disable_unref(check->later);
    for (size_t i = 0; i < check->n_details; i++) {
        free(check->keys[i]);
        free(check->values[i]);
    }
    free(check->keys);
    free(check->values);
    free(check->sender);
    free(check->message);
    free(check);
    return NULL;
}
DEFINE_CLEANUP(Check *, check_free)

static int on_later(sd_event_source *source, void *data) {
    Check *check = data;
    AuthzDone done = check->done;
    void *done_data = check->data;
    ErrorCode verdict = check->verdict;
    _cleanup_free_ char *message = TAKE_PTR(check->message);

    /* Freed first, so that the callback may do as it likes, authz_free() included. */
    check_free(check);
    done(done_data, verdict, message);
    return 0;
}

/* Nothing that happens to the check after this changes the verdict. */
static int check_decide(Check *check, ErrorCode verdict, char *message) {
    int r;

    check_cancel_question(check);
    check->timer = sd_event_source_disable_unref(check->timer);
    check->verdict = verdict;
    check->message = message;

    r = sd_event_add_defer(sd_bus_get_event(check->authz->bus), &check->later, on_later, check);
    if (r >= 0)
        (void) sd_event_source_set_description(check->later, "authz-verdict");
    return r;
}

/* As check_decide() when there is nobody left to tell of a failure: then the verdict is given at once, since a check
 * must not end without one. Always called from the event loop. */
static void check_end(Check *check, ErrorCode verdict, char *message) {
    if (check_decide(check, verdict, message) < 0)
        (void) on_later(NULL, check);
}

_printf_(2, 3) static void check_deny(Check *check, const char *format, ...) {
    char *reason = NULL, *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&reason, format, arguments) < 0)
        reason = NULL;
    va_end(arguments);

    if (asprintf(&message, "not authorized for the polkit action %s: %s", check_action(check),
                reason ? reason : "out of memory") < 0)
        message = NULL;
    free(reason);
    check_end(check, ERROR_ACCESS_DENIED, message);
}

void authz_gone(Authz *authz, const char *name) {
    for (Check *check = authz->checks, *next; check; check = next) {
        next = check->next;
        if (!check->later && streq(check->sender, name))
            check_deny(check, "the caller has left the bus");
    }
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *data) {
    Check *check = data;
    char *message;

    if (asprintf(&message, "nobody answered within %d s for the polkit action %s",
                VPCD_AUTH_TIMEOUT_SEC, check_action(check)) < 0)
        message = NULL;
    check_end(check, ERROR_AUTH_TIMEOUT, message);
    return 0;
}

/* 1 if polkit says that the person closed the prompt. */
static int read_dismissed(sd_bus_message *reply) {
    const char *key, *value;
    int r, dismissed = 0;

    r = sd_bus_message_enter_container(reply, 'a', "{ss}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
        dismissed |= streq(key, "polkit.dismissed") && !str_empty(value);
    return r < 0 ? r : dismissed;
}

/* Most calls are answered by a rule. Only one that is not is asked about again with a prompt, of which a user may have
 * few open at a time: they are what waits for a person. */
static void ask_person(Check *check) {
    unsigned prompts = 0, of_user = 0;
    char *message = NULL;

    for (const Question *other = check->authz->questions; other; other = other->next) {
        prompts += other->prompt;
        of_user += other->prompt && other->check && other->uid == check->uid;
    }
    if (of_user < check->authz->limits->prompts_per_user && prompts < PROMPTS_MAX) {
        check->prompting = true;
        if (check_ask(check) < 0)
            check_deny(check, "polkit could not be asked");
        return;
    }
    if (asprintf(&message, "%u password prompts %s are open already%s; %s", prompts < PROMPTS_MAX ? of_user : prompts,
                prompts < PROMPTS_MAX ? "of yours" : "on this machine",
                prompts < PROMPTS_MAX ? " ('prompts-per-user')" : "",
                prompts < PROMPTS_MAX ? "answer one" : "try again later") < 0)
        message = NULL;
    check_end(check, ERROR_LIMIT, message);
}

static void check_answered(Check *check, sd_bus_message *reply) {
    const sd_bus_error *refusal = sd_bus_message_get_error(reply);
    int authorized = false, challenge = false, dismissed = 0, r;

    if (refusal) {
        /* no polkit, or one that is confused */
        check_deny(check, "polkit did not decide (%s)", refusal->message ? refusal->message : refusal->name);
        return;
    }

    r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    if (r >= 0)
        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
    if (r >= 0)
        r = dismissed = read_dismissed(reply);
    if (r < 0) {
        check_deny(check, "polkit's answer is not understood");
        return;
    }

    if (!authorized && challenge && check->interactive && !check->prompting) {
        ask_person(check);
        return;
    }
    if (!authorized) {
        check_deny(check, "%s",
                dismissed                           ? "the prompt was dismissed"
                : challenge && !check->interactive ? "a password would have been asked for, but the caller does not "
                                                     "allow interaction"
                : challenge                         ? "a password is needed, and nothing here could ask for it"
                                                    : "polkit says no");
        return;
    }

    check->remaining &= check->remaining - 1;
    check->prompting = false;
    if (!check->remaining)
        check_end(check, ERROR_NONE, NULL);
    else if (check_ask(check) < 0)
        check_deny(check, "polkit could not be asked");
}

static void ask_those_waiting(Authz *authz);

static int on_answer(sd_bus_message *reply, void *data, sd_bus_error *error) {
    Question *question = data;
    Authz *authz = question->authz;
    Check *check = question->check;

    question_free(question);
    if (check)
        check_answered(check, reply);
    ask_those_waiting(authz);
    return 0;
}

/* What a person reads in place of the action's general text: "Authentication is needed: verb create, vpc blue". polkit
 * puts the details' values in, in one pass, so a value can not pull in another. */
static char *prompt_text(const Check *check) {
    _cleanup_free_ char *text = strdup("Authentication is needed for vpcctl:");

    for (size_t i = 0; text && i < check->n_details; i++) {
        char *longer;

        if (asprintf(&longer, "%s%s %s: $(%s)", text, i > 0 ? "," : "", check->keys[i], check->keys[i]) < 0)
            return NULL;
        free(text);
        text = longer;
    }
    return TAKE_PTR(text);
}

static int append_details(sd_bus_message *message, const Check *check) {
    int r = sd_bus_message_open_container(message, 'a', "{ss}");

    for (size_t i = 0; r >= 0 && i < check->n_details; i++)
        r = sd_bus_message_append(message, "{ss}", check->keys[i], check->values[i]);
    if (r >= 0 && check->n_details > 0) {
        _cleanup_free_ char *text = prompt_text(check);

        r = text ? sd_bus_message_append(message, "{ss}", "polkit.message", text) : -ENOMEM;
    }
    return r < 0 ? r : sd_bus_message_close_container(message);
}

static int question_send(Check *check) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_(question_free_pointer) Question *question = calloc(1, sizeof(Question));
    Authz *authz = check->authz;
    char id[32];
    int r;

    if (!question)
        return -ENOMEM;
    *question = (Question) {
        .authz = authz,
        .check = check,
        .uid = check->uid,
        .prompt = check->prompting,
        .id = ++authz->next_id,
        .next = authz->questions,
    };
    authz->questions = check->question = question;
    snprintf(id, sizeof(id), "vpcd-%" PRIu64, question->id);

    r = sd_bus_message_new_method_call(authz->bus, &message, POLKIT_NAME, POLKIT_PATH, POLKIT_AUTHORITY,
            "CheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sa{sv})s", "system-bus-name", 1, "name", "s", check->sender,
                check_action(check));
    if (r >= 0)
        r = append_details(message, check);
    if (r >= 0)
        r = sd_bus_message_append(message, "us", check->prompting ? POLKIT_ALLOW_INTERACTION : 0u, id);
    if (r >= 0) /* no time-out here: the check has one of its own, over all its questions */
        r = sd_bus_call_async(authz->bus, &question->slot, message, on_answer, question, UINT64_MAX);
    if (r >= 0)
        TAKE_PTR(question);
    return r;
}

/* Whether one more question that a rule answers may be open, of this user. Whoever waits does so for an answer, which is
 * what lets the next one ask. */
static bool may_ask(const Authz *authz, uid_t uid) {
    unsigned open = 0, of_user = 0;

    for (const Question *other = authz->questions; other; other = other->next) {
        open += !other->prompt;
        of_user += !other->prompt && other->uid == uid;
    }
    return open < QUESTIONS_MAX && of_user < QUESTIONS_PER_USER;
}

static void ask_those_waiting(Authz *authz) {
    Check *next;

    for (Check *check = authz->first_waiting; check; check = next) {
        next = check->next_waiting;
        if (!may_ask(authz, check->uid))
            continue;
        stop_waiting(check);
        if (question_send(check) < 0)
            check_deny(check, "polkit could not be asked");
    }
}

/* Asks for the lowest remaining permission, when it is the check's turn. */
static int check_ask(Check *check) {
    Authz *authz = check->authz;
    bool queue = !check->prompting && !may_ask(authz, check->uid);

    for (const Check *other = authz->first_waiting; other && !queue && !check->prompting; other = other->next_waiting)
        queue = other->uid == check->uid;
    if (!queue)
        return question_send(check);
    check->waiting = true;
    if (authz->last_waiting)
        authz->last_waiting->next_waiting = check;
    else
        authz->first_waiting = check;
    authz->last_waiting = check;
    return 0;
}

/* Takes one character off the text. 0 when it is not valid UTF-8, and then one byte is taken. */
static uint32_t utf8_next(const char **text) {
    const unsigned char *p = (const unsigned char *) *text;
    unsigned length = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
    uint32_t c = length == 1 ? p[0] : p[0] & (0x7f >> length);

    for (unsigned i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            length = 0;
        else
            c = c << 6 | (p[i] & 0x3f);
    }
    *text += length ? length : 1;
    return length ? c : 0;
}

/* Characters that change how the text around them is shown: controls, line and paragraph ends, writing direction,
 * invisible ones. A prompt must not be made to say what is not approved. */
static bool is_deceptive(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
            (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
            (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000;
}

/* A value as a person may see it: deceptive characters as \u{…}, and what is too long cut with a mark. */
static char *detail_show(const char *value) {
    char *shown = malloc(DETAIL_MAX + sizeof("\\u{10ffff}") + sizeof(DETAIL_CUT)), *end = shown;

    if (!shown)
        return NULL;
    while (*value) {
        const char *start = value;
        uint32_t c = utf8_next(&value);

        if (end - shown >= DETAIL_MAX) {
            end = stpcpy(end, DETAIL_CUT);
            break;
        }
        if (is_deceptive(c))
            end += snprintf(end, sizeof("\\u{10ffff}"), "\\u{%" PRIx32 "}", c);
        else
            end = mempcpy(end, start, (size_t) (value - start));
    }
    *end = '\0';
    return shown;
}

static int check_add_details(Check *check, const AuthzDetail *details, size_t n_details) {
    check->keys = calloc(n_details + 1, sizeof(char *));
    check->values = calloc(n_details + 1, sizeof(char *));
    if (!check->keys || !check->values)
        return -ENOMEM;
    for (size_t i = 0; i < n_details; i++) {
        size_t n = check->n_details;

        if (str_empty(details[i].value)) /* of no use in a prompt */
            continue;
        check->keys[n] = detail_show(details[i].key);
        check->values[n] = detail_show(details[i].value);
        check->n_details++;
        if (!check->keys[n] || !check->values[n])
            return -ENOMEM;
    }
    return 0;
}

int authz_check(Authz *authz, sd_bus_message *call, uid_t uid, unsigned permissions, bool quiet,
        const AuthzDetail *details, size_t n_details, AuthzDone done, void *data) {
    _cleanup_(check_free_pointer) Check *check = NULL;
    const char *sender = sd_bus_message_get_sender(call);
    int r;

    /* Asking for nothing would be granted without asking. */
    if (permissions == 0 || (permissions & ~PERMISSIONS_ALL) || !sender || !done)
        return -EINVAL;

    check = calloc(1, sizeof(Check));
    if (!check)
        return -ENOMEM;
    *check = (Check) {
        .authz = authz,
        .next = authz->checks,
        .done = done,
        .data = data,
        .uid = uid,
        .interactive = !quiet && sd_bus_message_get_allow_interactive_authorization(call) > 0,
        .remaining = permissions,
    };
    if (check->next)
        check->next->previous = check;
    authz->checks = check;
    authz->n_checks++;

    check->sender = strdup(sender);
    if (!check->sender)
        return -ENOMEM;
    r = check_add_details(check, details, n_details);
    if (r < 0)
        return r;

    if (uid == 0)
        r = check_decide(check, ERROR_NONE, NULL);
    else {
        r = check_ask(check);
        if (r >= 0)
            r = sd_event_add_time_relative(sd_bus_get_event(authz->bus), &check->timer, CLOCK_MONOTONIC,
                    VPCD_AUTH_TIMEOUT_SEC * UINT64_C(1000000), 1000000, on_timeout, check);
    }
    if (r < 0)
        return r;
    TAKE_PTR(check);
    return 0;
}

unsigned authz_pending(const Authz *authz) {
    return authz->n_checks;
}

int authz_new(sd_bus *bus, const Limits *limits, Authz **ret) {
    Authz *authz;

    if (!sd_bus_get_event(bus))
        return -EINVAL;
    authz = calloc(1, sizeof(Authz));
    if (!authz)
        return -ENOMEM;
    authz->bus = bus;
    authz->limits = limits;
    *ret = authz;
    return 0;
}

Authz *authz_free(Authz *authz) {
    if (!authz)
        return NULL;
    while (authz->checks)
        check_free(authz->checks);
    while (authz->questions)
        question_free(authz->questions);
    free(authz);
    return NULL;
}
