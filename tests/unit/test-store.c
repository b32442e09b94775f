/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the intent: saved and loaded, damaged, foreign, and a change that was killed in the middle. */

#include "store.h"

#include "fixture.h"
#include "serial.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

/* A store in directories of its own, with what is in it at a time. */
typedef struct Room {
    char *top, *state, *run;
    Store *store;
    Model *model; /* what ought to be stored */
} Room;

static void room_set_up(Room *room, gconstpointer data) {
    room->top = g_dir_make_tmp("test-store-XXXXXX", NULL);
    g_assert_nonnull(room->top);
    room->state = g_build_filename(room->top, "state", NULL);
    room->run = g_build_filename(room->top, "run", NULL);
    g_assert_cmpint(store_open(room->state, room->run, &room->store), ==, 0);
    room->model = model_new();
}

static void remove_tree(const char *path) {
    GDir *directory = g_dir_open(path, 0, NULL);
    const char *name;

    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);

        if (!g_file_test(inner, G_FILE_TEST_IS_SYMLINK) && g_file_test(inner, G_FILE_TEST_IS_DIR))
            remove_tree(inner);
        else
            g_assert_cmpint(g_unlink(inner), ==, 0);
    }
    if (directory)
        g_dir_close(directory);
    g_assert_cmpint(g_rmdir(path), ==, 0);
}

static void room_tear_down(Room *room, gconstpointer data) {
    store_free(room->store);
    model_free(room->model);
    remove_tree(room->top);
    g_free(room->top);
    g_free(room->state);
    g_free(room->run);
}

static char *path_of(const Room *room, const char *file) {
    return g_build_filename(room->state, file, NULL);
}

static bool is_there(const Room *room, const char *file) {
    g_autofree char *path = path_of(room, file);

    return g_file_test(path, G_FILE_TEST_IS_REGULAR) || g_file_test(path, G_FILE_TEST_IS_SYMLINK);
}

static char *contents_of(const Room *room, const char *file) {
    g_autofree char *path = path_of(room, file);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void write_to(const Room *room, const char *file, const char *text) {
    g_autofree char *path = path_of(room, file);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* The change is drafted, saved and committed. */
static void save_change_on(Room *room, Change change, const Request *request, const Facts *facts) {
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };
    uint64_t generation = room->model->generation + 1;

    g_assert_cmpint(try_change(room->model, change, request, facts, &draft, &failure), ==, 0);
    g_assert_cmpint(store_save(room->store, &draft, false, generation, &failure), ==, 0);
    g_assert_cmpint(draft_commit(&draft, room->model, generation), ==, 0);
}

static void save_change(Room *room, Change change, const Request *request) {
    save_change_on(room, change, request, FACTS());
}

static Model *load(const Room *room, const char *warnings) {
    Model *model = NULL;
    g_autofree char *got = NULL;

    g_assert_cmpint(store_load(room->store, &model, &got), ==, 0);
    g_assert_cmpstr(got, ==, warnings);
    return model;
}

/* The numbers of changes do not count: what a change touches and leaves as it was is not written for a number's sake. */
static void forget_generations(Model *model) {
    model->generation = 0;
    for (size_t i = 0; i < model->n_vpcs; i++)
        model->vpcs[i]->generation = 0;
    for (size_t i = 0; i < model->n_peerings; i++)
        model->peerings[i]->generation = 0;
}

static bool same_intent(const Model *a, const Model *b) {
    _cleanup_(model_free_pointer) Model *x = model_copy(a), *y = model_copy(b);

    forget_generations(x);
    forget_generations(y);
    return model_equal(x, y);
}

static void assert_loads(const Room *room, const Model *wanted, const char *warnings) {
    _cleanup_(model_free_pointer) Model *model = load(room, warnings);

    g_assert_true(same_intent(model, wanted));
    g_assert_cmpuint(model->generation, <=, wanted->generation);
}

#define CREATE(vpc, block) change_create_vpc, REQUEST(.name = (vpc), .cidr = cidr(block))

/* a and b, peered, a with NAT and a subnet */
static void save_some(Room *room) {
    save_change(room, CREATE("a", "10.0.0.0/16"));
    save_change(room, CREATE("b", "10.1.0.0/16"));
    save_change(room, change_enable_nat, REQUEST(.vpc = "a", .interface = "eth0"));
    save_change(room, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "b"));
    save_change(room, change_add_subnet, REQUEST(.vpc = "a", .name = "s", .cidr = cidr("10.0.1.0/24")));
}

static void test_empty(Room *room, gconstpointer data) {
    assert_loads(room, room->model, NULL);
}

static void test_save(Room *room, gconstpointer data) {
    struct stat st;
    g_autofree char *file = path_of(room, "vpcs/a.json");

    save_some(room);
    g_assert_true(is_there(room, "vpcs/a.json") && is_there(room, "vpcs/b.json") && is_there(room, "peerings/a+b.json") &&
            is_there(room, "interfaces/eth0.json"));
    assert_loads(room, room->model, NULL);
    g_assert_cmpint(stat(file, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 0777, ==, 0600);
    g_assert_cmpint(stat(room->state, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 0777, ==, 0700);
    g_assert_false(is_there(room, "vpcs/a.json.new"));

    save_change(room, change_delete_vpc, REQUEST(.name = "a"));
    g_assert_false(is_there(room, "vpcs/a.json") || is_there(room, "vpcs/a.json~") || is_there(room, "peerings/a+b.json") ||
            is_there(room, "interfaces/eth0.json"));
    assert_loads(room, room->model, NULL);
}

/* Only what differs is written: the file of an untouched VPC, or of one with only a new number, stays as it is. */
static void test_writes_what_differs(Room *room, gconstpointer data) {
    g_autofree char *before = NULL, *after = NULL, *other_before = NULL, *other_after = NULL;

    save_some(room);
    before = contents_of(room, "vpcs/b.json");
    other_before = contents_of(room, "peerings/a+b.json");
    save_change(room, change_disable_nat, REQUEST(.vpc = "a"));
    save_change(room, change_delete_subnet, REQUEST(.vpc = "a", .subnet = "s"));
    after = contents_of(room, "vpcs/b.json");
    other_after = contents_of(room, "peerings/a+b.json");
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpstr(other_before, ==, other_after);
}

static void test_opened_twice(Room *room, gconstpointer data) {
    _cleanup_(store_free_pointer) Store *again = NULL;
    _cleanup_(model_free_pointer) Model *model = NULL;
    g_autofree char *warnings = NULL;

    save_some(room);
    g_assert_cmpint(store_open(room->state, room->run, &again), ==, 0);
    g_assert_cmpint(store_load(again, &model, &warnings), ==, 0);
    g_assert_null(warnings);
    g_assert_true(same_intent(model, room->model));
}

/* --- damage --- */

static void test_previous_generation(Room *room, gconstpointer data) {
    _cleanup_(model_free_pointer) Model *before = NULL;
    g_autofree char *text = NULL;

    save_change(room, CREATE("a", "10.0.0.0/16"));
    before = model_copy(room->model);
    save_change(room, change_add_subnet, REQUEST(.vpc = "a", .name = "s", .cidr = cidr("10.0.1.0/24")));
    text = contents_of(room, "vpcs/a.json");
    text[strlen(text) / 2] ^= 1;
    write_to(room, "vpcs/a.json", text);
    assert_loads(room, before, "vpcs/a.json: it is damaged; the generation before is used\n");
    write_to(room, "vpcs/a.json", "");
    assert_loads(room, before, "vpcs/a.json: it is damaged; the generation before is used\n");
    text[10] = '\0';
    write_to(room, "vpcs/a.json", text);
    assert_loads(room, before, "vpcs/a.json: it is damaged; the generation before is used\n");
}

static void test_both_damaged(Room *room, gconstpointer data) {
    _cleanup_(model_free_pointer) Model *model = NULL;

    save_some(room);
    write_to(room, "vpcs/a.json", "{");
    write_to(room, "vpcs/a.json~", "}");
    model = load(room,
            "vpcs/a.json: it is damaged; it is left as it is and not used\n"
            "peering of a and b: one of them is not there; it is not used\n");
    g_assert_cmpuint(model->n_vpcs, ==, 1);
    g_assert_cmpuint(model->n_peerings, ==, 0);
    g_assert_true(is_there(room, "vpcs/a.json")); /* for a person to look at */
    g_assert_true(is_there(room, "peerings/a+b.json"));
}

static void test_newer_version(Room *room, gconstpointer data) {
    _cleanup_(model_free_pointer) Model *model = NULL;
    static const char newer[] = "{\"version\":2,\"content\":[]}";
    g_autofree char *kept = NULL;

    save_some(room);
    write_to(room, "vpcs/a.json", newer);
    model = load(room,
            "vpcs/a.json: it was written by a newer version; it is left as it is and not used\n"
            "peering of a and b: one of them is not there; it is not used\n");
    g_assert_null(model_vpc(model, "a"));
    kept = contents_of(room, "vpcs/a.json");
    g_assert_cmpstr(kept, ==, newer);
}

static void test_symlink(Room *room, gconstpointer data) {
    _cleanup_(model_free_pointer) Model *model = NULL;
    g_autofree char *real = path_of(room, "elsewhere"), *link = path_of(room, "vpcs/b.json"), *good = NULL;

    save_change(room, CREATE("a", "10.0.0.0/16"));
    save_change(room, CREATE("b", "10.1.0.0/16"));
    good = contents_of(room, "vpcs/b.json");
    write_to(room, "elsewhere", good);
    g_assert_cmpint(g_unlink(link), ==, 0);
    g_assert_cmpint(symlink(real, link), ==, 0);
    model = load(room, "vpcs/b.json: Too many levels of symbolic links; it is left as it is and not used\n");
    g_assert_null(model_vpc(model, "b"));

    /* Nor is it written through. */
    save_change(room, change_add_subnet, REQUEST(.vpc = "b", .name = "s", .cidr = cidr("10.1.1.0/24")));
    g_autofree char *after = contents_of(room, "elsewhere");
    g_assert_cmpstr(good, ==, after);
    g_assert_false(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    assert_loads(room, room->model, NULL);
}

/* What stands in the way of the temporary file is taken away, not followed. */
static void test_symlink_in_the_way(Room *room, gconstpointer data) {
    g_autofree char *victim = path_of(room, "victim"), *new = path_of(room, "vpcs/a.json.new"),
                    *previous = path_of(room, "vpcs/a.json~");

    write_to(room, "victim", "precious");
    g_assert_cmpint(symlink(victim, new), ==, 0);
    g_assert_cmpint(symlink(victim, previous), ==, 0);
    save_change(room, CREATE("a", "10.0.0.0/16"));
    save_change(room, change_add_subnet, REQUEST(.vpc = "a", .name = "s", .cidr = cidr("10.0.1.0/24")));
    g_autofree char *after = contents_of(room, "victim");
    g_assert_cmpstr(after, ==, "precious");
    assert_loads(room, room->model, NULL);
}

static void test_not_files(Room *room, gconstpointer data) {
    g_autofree char *directory = path_of(room, "vpcs/c.json"), *pipe = path_of(room, "vpcs/d.json");
    _cleanup_(model_free_pointer) Model *model = NULL;
    g_autofree char *warnings = NULL;

    save_some(room);
    g_assert_cmpint(g_mkdir(directory, 0700), ==, 0);
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0); /* must not wait for a writer */
    g_assert_cmpint(store_load(room->store, &model, &warnings), ==, 0);
    g_assert_true(same_intent(model, room->model));
    g_assert_nonnull(strstr(warnings, "vpcs/c.json: it is damaged; it is left as it is and not used\n"));
    g_assert_nonnull(strstr(warnings, "vpcs/d.json: it is damaged; it is left as it is and not used\n"));
}

/* Left by a kill between the steps of writing, or of removing. */
static void test_leftovers(Room *room, gconstpointer data) {
    g_autofree char *text = NULL;

    save_some(room);
    text = contents_of(room, "vpcs/a.json");
    write_to(room, "vpcs/a.json.new", "{\"version\":1,");
    write_to(room, "vpcs/gone.json~", text);
    write_to(room, "vpcs/.json", text);
    write_to(room, "vpcs/README", "something else");
    assert_loads(room, room->model, NULL);
    save_change(room, change_delete_subnet, REQUEST(.vpc = "a", .subnet = "s"));
    g_assert_false(is_there(room, "vpcs/a.json.new"));
    assert_loads(room, room->model, NULL);
}

/* A copy under another name is not the object's file: it would bring one back that is gone. */
static void test_copied_files(Room *room, gconstpointer data) {
    static const char *const copies[][2] = { { "vpcs/a.json", "vpcs/c.json" }, { "peerings/a+b.json", "peerings/a+c.json" },
        { "interfaces/eth0.json", "interfaces/eth1.json" } };

    save_some(room);
    for (size_t i = 0; i < ELEMENTSOF(copies); i++) {
        g_autofree char *text = contents_of(room, copies[i][0]), *path = path_of(room, copies[i][1]),
                        *warning = g_strdup_printf("%s: it is damaged; it is left as it is and not used\n", copies[i][1]);

        write_to(room, copies[i][1], text);
        assert_loads(room, room->model, warning);
        g_assert_cmpint(g_unlink(path), ==, 0);
    }
}

static void test_dangling_peering(Room *room, gconstpointer data) {
    g_autofree char *path = path_of(room, "vpcs/b.json"), *previous = path_of(room, "vpcs/b.json~");
    _cleanup_(model_free_pointer) Model *model = NULL;

    save_some(room);
    g_assert_cmpint(g_unlink(path), ==, 0);
    (void)g_unlink(previous);
    model = load(room, "peering of a and b: one of them is not there; it is not used\n");
    g_assert_cmpuint(model->n_vpcs, ==, 1);
    g_assert_cmpuint(model->n_peerings, ==, 0);
}

/* --- failing to write --- */

static void test_cannot_write(Room *room, gconstpointer data) {
    g_autofree char *vpcs = path_of(room, "vpcs");
    _cleanup_(model_free_pointer) Model *before = NULL;
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 };

    if (geteuid() == 0) {
        g_test_skip("root may write everywhere");
        return;
    }
    save_some(room);
    before = model_copy(room->model);
    g_assert_cmpint(try_change(room->model, change_delete_vpc, REQUEST(.name = "a"), FACTS(), &draft, &failure), ==, 0);
    g_assert_cmpint(g_chmod(vpcs, 0500), ==, 0);
    g_assert_cmpint(store_save(room->store, &draft, false, 9, &failure), ==, -EACCES);
    g_assert_cmpint(failure.code, ==, ERROR_STORAGE);
    g_assert_cmpstr(failure.message, ==, "the state cannot be written: Permission denied");
    g_assert_cmpint(g_chmod(vpcs, 0700), ==, 0);
    /* Some of it is written; the way back puts it right. */
    failure_clear(&failure);
    g_assert_cmpint(store_save(room->store, &draft, true, before->generation, &failure), ==, 0);
    {
        _cleanup_(model_free_pointer) Model *model = load(room, NULL);

        g_assert_cmpuint(model->n_vpcs, ==, 2);
        g_assert_nonnull(model_peering(model, "a", "b"));
        g_assert_nonnull(model_interface(model, "eth0"));
        g_assert_cmpstr(model_vpc(model, "a")->nat_interface, ==, "eth0");
    }
}

static void test_no_directories(void) {
    g_autofree char *top = g_dir_make_tmp("test-store-XXXXXX", NULL), *file = g_build_filename(top, "file", NULL),
                    *below = g_build_filename(file, "state", NULL), *run = g_build_filename(top, "run", NULL);
    Store *store = NULL;

    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    g_assert_cmpint(store_open(file, run, &store), ==, -ENOTDIR);
    g_assert_cmpint(store_open(below, run, &store), ==, -ENOTDIR);
    g_assert_null(store);
    g_assert_null(store_free(NULL));
    remove_tree(top);
}

/* --- the journal --- */

/* How far the killed change had got on disk. */
typedef enum Killed { KILLED_BEFORE, KILLED_AFTER, _KILLED_MAX } Killed;

/* A change is begun, and ends in the middle. `forward`: what is to be done about it; either way the model is then whole. */
static void assert_killed(Room *room, Change change, const Request *request, Killed killed, bool forward) {
    _cleanup_(model_free_pointer) Model *model = NULL, *wanted = model_copy(room->model);
    _cleanup_failure_ Failure failure = { 0 };
    _cleanup_draft_ Draft draft = { 0 }, read = { 0 };
    uint64_t generation = room->model->generation + 1, read_generation = 0;
    bool read_forward = !forward;

    g_assert_cmpint(try_change(room->model, change, request, FACTS(), &draft, &failure), ==, 0);
    g_assert_cmpint(store_journal_begin(room->store, &draft, generation, &failure), ==, 0);
    if (killed == KILLED_AFTER)
        g_assert_cmpint(store_save(room->store, &draft, false, generation, &failure), ==, 0);
    if (forward) {
        model_free(wanted);
        wanted = model_copy(room->model);
        accept_change(wanted, change, request);
    }

    model = load(room, NULL);
    read.model = model;
    g_assert_cmpint(store_journal_read(room->store, model, &read, &read_forward, &read_generation), ==, 1);
    g_assert_cmpint(read_forward, ==, forward);
    g_assert_cmpuint(read_generation, ==, generation);
    /* The model is where the change began, whatever was on disk. */
    for (size_t i = 0; i < draft.n_vpcs; i++) {
        const Vpc *before = draft.vpcs[i].before, *after = draft.vpcs[i].after;

        g_assert_true(vpc_equal(before, model_vpc(model, (before ? before : after)->name)));
        g_assert_true(vpc_equal(after, draft_see_vpc(&read, (before ? before : after)->name, false)));
    }
    g_assert_cmpuint(read.n_vpcs, ==, draft.n_vpcs);
    g_assert_cmpuint(read.n_peerings, ==, draft.n_peerings);
    g_assert_cmpuint(read.n_interfaces, ==, draft.n_interfaces);

    /* As the engine goes on. */
    g_assert_cmpint(store_save(room->store, &read, !forward, forward ? generation : model->generation, &failure), ==, 0);
    if (forward)
        g_assert_cmpint(draft_commit(&read, model, generation), ==, 0);
    store_journal_end(room->store);
    g_assert_true(same_intent(model, wanted));
    assert_loads(room, wanted, NULL); /* and it is on disk so */
    draft_clear(&draft);
    model_free(room->model);
    room->model = load(room, NULL);
}

static void test_killed(Room *room, gconstpointer data) {
    save_some(room);
    assert_killed(room, CREATE("c", "10.2.0.0/16"), KILLED_BEFORE, false);
    assert_killed(room, CREATE("c", "10.2.0.0/16"), KILLED_AFTER, true);
    assert_killed(room, change_enable_nat, REQUEST(.vpc = "b", .interface = "eth1"), KILLED_BEFORE, false);
    assert_killed(room, change_enable_nat, REQUEST(.vpc = "b", .interface = "eth1"), KILLED_AFTER, true);
    assert_killed(room, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "c"), KILLED_BEFORE, false);
    assert_killed(room, change_create_peering, REQUEST(.vpc = "b", .other_vpc = "c"), KILLED_AFTER, true);
    /* Programs may have been ended already, so what deletes is finished. */
    assert_killed(room, change_delete_peering, REQUEST(.vpc = "b", .other_vpc = "c"), KILLED_BEFORE, true);
    assert_killed(room, change_delete_vpc, REQUEST(.name = "a"), KILLED_BEFORE, true);
    assert_killed(room, change_delete_vpc, REQUEST(.name = "b"), KILLED_AFTER, true);
    g_assert_cmpuint(room->model->n_vpcs, ==, 1);
    g_assert_cmpuint(room->model->n_interfaces, ==, 0);
}

/* The consent to a request changes a peering that was there before. */
static void test_killed_at_consent(Room *room, gconstpointer data) {
    save_change(room, CREATE("a", "10.0.0.0/16"));
    save_change(room, change_create_vpc, REQUEST(.uid = BOB, .name = "b", .cidr = cidr("10.1.0.0/16")));
    save_change(room, change_create_peering, REQUEST(.vpc = "a", .other_vpc = "b"));
    g_assert_false(peering_is_active(room->model->peerings[0]));
    assert_killed(room, change_accept_peering, REQUEST(.uid = BOB, .vpc = "a", .other_vpc = "b"), KILLED_BEFORE, false);
    g_assert_false(peering_is_active(room->model->peerings[0]));
    assert_killed(room, change_accept_peering, REQUEST(.uid = BOB, .vpc = "a", .other_vpc = "b"), KILLED_AFTER, true);
    g_assert_true(peering_is_active(room->model->peerings[0]));
}

static void test_no_journal(Room *room, gconstpointer data) {
    _cleanup_draft_ Draft draft = { .model = room->model };
    uint64_t generation;
    bool forward;

    g_assert_cmpint(store_journal_read(room->store, room->model, &draft, &forward, &generation), ==, 0);
    store_journal_end(room->store); /* nothing happens */
}

static void write_journal(const Room *room, struct json_object *body) {
    g_autofree char *path = g_build_filename(room->run, "journal", NULL), *text = serial_wrap(body);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void test_bad_journals(Room *room, gconstpointer data) {
    static const char *const bodies[] = { "{}", "[]", "{\"objects\":[],\"generation\":1,", "{\"objects\":5,\"generation\":1}",
        "{\"objects\":[5],\"generation\":1}", "{\"objects\":[{}],\"generation\":1}",
        "{\"objects\":[{\"kind\":0,\"before\":null,\"after\":null}],\"generation\":1}",
        "{\"objects\":[{\"kind\":0,\"before\":{},\"after\":null}],\"generation\":1}",
        "{\"objects\":[{\"kind\":1,\"before\":{},\"after\":{}}],\"generation\":1}",
        "{\"objects\":[{\"kind\":2,\"before\":[],\"after\":null}],\"generation\":1}" };
    g_autofree char *path = g_build_filename(room->run, "journal", NULL);

    for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
        _cleanup_draft_ Draft draft = { .model = room->model };
        _cleanup_json_ struct json_object *body = json_tokener_parse(bodies[i]);
        uint64_t generation;
        bool forward;

        if (body)
            write_journal(room, body);
        else
            g_assert_true(g_file_set_contents(path, bodies[i], -1, NULL));
        g_assert_cmpint(store_journal_read(room->store, room->model, &draft, &forward, &generation), ==, -EBADMSG);
    }
}

/* One object twice, or one under two names: what the draft points to would be gone. */
static void test_journal_twice(Room *room, gconstpointer data) {
    _cleanup_(model_free_pointer) Model *model = model_rich();

    for (int kind = 0; kind < 3; kind++)
        for (int other = 0; other < 2; other++) {
            _cleanup_draft_ Draft draft = { .model = model };
            _cleanup_json_ struct json_object *body = json_object_new_object();
            struct json_object *list = json_object_new_array();
            uint64_t generation;
            bool forward;

            for (int i = 0; i < 2; i++) {
                struct json_object *entry = json_object_new_object();
                int after = i ^ other;

                json_object_object_add(entry, "kind", json_object_new_int(kind));
                json_object_object_add(entry, "before",
                        kind == 0 ? serial_vpc(model->vpcs[0])
                                  : kind == 1 ? serial_peering(model->peerings[0]) : serial_interface(model->interfaces[0]));
                json_object_object_add(entry, "after",
                        kind == 0 ? serial_vpc(model->vpcs[after])
                                  : kind == 1 ? serial_peering(model->peerings[after])
                                              : serial_interface(model->interfaces[after]));
                json_object_array_add(list, entry);
            }
            json_object_object_add(body, "objects", list);
            json_object_object_add(body, "generation", json_object_new_int(1));
            write_journal(room, body);
            g_assert_cmpint(store_journal_read(room->store, model, &draft, &forward, &generation), ==, -EBADMSG);
        }
}

static void test_booted(Room *room, gconstpointer data) {
    g_assert_false(store_is_booted(room->store));
    g_assert_cmpint(store_set_booted(room->store), ==, 0);
    g_assert_true(store_is_booted(room->store));
    g_assert_cmpint(store_set_booted(room->store), ==, 0);
}

#define ADD(name, function) g_test_add("/store/" name, Room, NULL, room_set_up, function, room_tear_down)

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    ADD("empty", test_empty);
    ADD("save", test_save);
    ADD("writes-what-differs", test_writes_what_differs);
    ADD("opened-twice", test_opened_twice);
    ADD("previous-generation", test_previous_generation);
    ADD("both-damaged", test_both_damaged);
    ADD("newer-version", test_newer_version);
    ADD("symlink", test_symlink);
    ADD("symlink-in-the-way", test_symlink_in_the_way);
    ADD("not-files", test_not_files);
    ADD("leftovers", test_leftovers);
    ADD("copied-files", test_copied_files);
    ADD("dangling-peering", test_dangling_peering);
    ADD("cannot-write", test_cannot_write);
    g_test_add_func("/store/no-directories", test_no_directories);
    ADD("killed", test_killed);
    ADD("killed-at-consent", test_killed_at_consent);
    ADD("no-journal", test_no_journal);
    ADD("bad-journals", test_bad_journals);
    ADD("journal-twice", test_journal_twice);
    ADD("booted", test_booted);
    return g_test_run();
}
