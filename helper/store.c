/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store.h"

#include "serial.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define JOURNAL "journal"
#define BOOTED "booted"
#define TEMPORARY ".new" /* the end of a file's name while it is being written */

typedef enum Kind { KIND_VPC, KIND_PEERING, KIND_INTERFACE, _KIND_MAX } Kind;

static const char *const directories[] = { "vpcs", "peerings", "interfaces" };
_Static_assert(ELEMENTSOF(directories) == _KIND_MAX, "a directory for each kind");

struct Store {
    int runtime;               /* descriptor of the runtime directory */
    int directory[_KIND_MAX];
};

static int open_directory(int at, const char *path) {
    int fd;

    if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Removes the files whose names end so. */
static int sweep(int directory, const char *suffix) {
    size_t suffix_length = strlen(suffix);
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!entries) {
        int r = -errno;

        close_descriptor(&fd);
        return r;
    }
    while ((entry = readdir(entries))) {
        size_t length = strlen(entry->d_name);

        if (length > suffix_length && streq(entry->d_name + length - suffix_length, suffix))
            (void)unlinkat(directory, entry->d_name, 0);
    }
    closedir(entries);
    return 0;
}

int store_open(const char *state_directory, const char *runtime_directory, Store **ret) {
    _cleanup_(store_free_pointer) Store *store = malloc(sizeof(Store));
    _cleanup_close_ int state = -1;
    int r;

    if (!store)
        return -ENOMEM;
    *store = (Store){ .runtime = -1, .directory = { -1, -1, -1 } };
    state = open_directory(AT_FDCWD, state_directory);
    if (state < 0)
        return state;
    store->runtime = open_directory(AT_FDCWD, runtime_directory);
    if (store->runtime < 0)
        return store->runtime;
    for (int i = 0; i < _KIND_MAX; i++) {
        store->directory[i] = open_directory(state, directories[i]);
        if (store->directory[i] < 0)
            return store->directory[i];
        r = sweep(store->directory[i], TEMPORARY); /* what was being written when vpcd was killed */
        if (r < 0)
            return r;
    }
    r = sweep(store->runtime, TEMPORARY);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(store);
    return 0;
}

Store *store_free(Store *store) {
    if (store) {
        close_descriptor(&store->runtime);
        for (int i = 0; i < _KIND_MAX; i++)
            close_descriptor(&store->directory[i]);
    }
    free(store);
    return NULL;
}

/* --- files --- */

static int write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* The whole of a regular file of sensible size. A symbolic link is refused (ELOOP): we never make one. */
static int read_file(int directory, const char *name, char **ret, size_t *ret_size) {
    _cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t n = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size > STATE_BYTES_MAX)
        return -EBADMSG;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, text + n, (size_t)st.st_size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    text[n] = '\0';
    *ret = TAKE_PTR(text);
    *ret_size = n;
    return 0;
}

/* Temporary file, fsync, rename; with `keep` the file of that name lives on as NAME~. The directory is synced later, once
 * for a change. */
static int write_file(int directory, const char *name, const char *text, bool keep) {
    _cleanup_free_ char *temporary = NULL, *previous = NULL;
    _cleanup_close_ int fd = -1;
    int r;

    if (asprintf(&temporary, "%s" TEMPORARY, name) < 0)
        return -ENOMEM;
    if (asprintf(&previous, "%s~", name) < 0) {
        previous = NULL;
        return -ENOMEM;
    }
    if (unlinkat(directory, temporary, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (r == 0 && keep && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && keep) {
        /* A link, so that at no moment there is no file of that name. */
        if ((unlinkat(directory, previous, 0) < 0 && errno != ENOENT) ||
                (linkat(directory, name, directory, previous, 0) < 0 && errno != ENOENT))
            r = -errno;
    }
    if (r == 0 && renameat(directory, temporary, directory, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(directory, temporary, 0);
    return r;
}

static int remove_file(int directory, const char *name) {
    _cleanup_free_ char *previous = NULL;

    if (asprintf(&previous, "%s~", name) < 0) {
        previous = NULL;
        return -ENOMEM;
    }
    if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
        return -errno;
    return unlinkat(directory, previous, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* --- names of files --- */

static char *file_of_name(const char *name) {
    char *file;

    return asprintf(&file, "%s.json", name) < 0 ? NULL : file;
}

static char *file_of_peering(const Peering *peering) {
    char *file;

    return asprintf(&file, "%s+%s.json", peering->vpcs[0], peering->vpcs[1]) < 0 ? NULL : file;
}

/* --- saving --- */

typedef struct Save {
    Store *store;
    bool dirty[_KIND_MAX];
} Save;

/* One object's way from `before` to `after` as JSON (either may be NULL), where they differ. */
static int save_one(Save *save, Kind kind, char *file, struct json_object *before, struct json_object *after) {
    _cleanup_free_ char *owned = file, *text = NULL;
    int r;

    if (!owned)
        return -ENOMEM;
    if (before && after && json_object_equal(before, after))
        return 0;
    save->dirty[kind] = true;
    if (!after)
        return remove_file(save->store->directory[kind], file);
    text = serial_wrap(after);
    if (!text)
        return -ENOMEM;
    r = write_file(save->store->directory[kind], file, text, true);
    return r;
}

/* The number of the change is part of what is written, but a new number alone is no reason to write. */
static int save_vpc(Save *save, const Vpc *before, const Vpc *after, uint64_t generation) {
    _cleanup_json_ struct json_object *old = before ? serial_vpc(before) : NULL;
    _cleanup_json_ struct json_object *new = after ? serial_vpc(after) : NULL;

    if ((before && !old) || (after && !new))
        return -ENOMEM;
    if (old && new && json_object_equal(old, new))
        return 0;
    if (new && json_object_object_add(new, "generation", json_object_new_int64((int64_t)generation)) < 0)
        return -ENOMEM;
    return save_one(save, KIND_VPC, file_of_name((after ? after : before)->name), old, new);
}

static int save_peering(Save *save, const Peering *before, const Peering *after) {
    _cleanup_json_ struct json_object *old = before ? serial_peering(before) : NULL;
    _cleanup_json_ struct json_object *new = after ? serial_peering(after) : NULL;

    if ((before && !old) || (after && !new))
        return -ENOMEM;
    return save_one(save, KIND_PEERING, file_of_peering(after ? after : before), old, new);
}

static int save_interface(Save *save, const HostInterface *before, const HostInterface *after) {
    _cleanup_json_ struct json_object *old = before ? serial_interface(before) : NULL;
    _cleanup_json_ struct json_object *new = after ? serial_interface(after) : NULL;

    if ((before && !old) || (after && !new))
        return -ENOMEM;
    return save_one(save, KIND_INTERFACE, file_of_name((after ? after : before)->name), old, new);
}

static int save_all(Save *save, const Draft *draft, bool reverse, uint64_t generation) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < draft->n_interfaces; i++) {
        const DraftInterface *pair = &draft->interfaces[i];

        if (pair->before || pair->after)
            r = save_interface(save, reverse ? pair->after : pair->before, reverse ? pair->before : pair->after);
    }
    for (size_t i = 0; r == 0 && i < draft->n_peerings; i++) {
        const DraftPeering *pair = &draft->peerings[i];

        if (pair->before || pair->after)
            r = save_peering(save, reverse ? pair->after : pair->before, reverse ? pair->before : pair->after);
    }
    for (size_t i = 0; r == 0 && i < draft->n_vpcs; i++) {
        const DraftVpc *pair = &draft->vpcs[i];

        if (pair->before || pair->after)
            r = save_vpc(save, reverse ? pair->after : pair->before, reverse ? pair->before : pair->after, generation);
    }
    for (int i = 0; r == 0 && i < _KIND_MAX; i++)
        if (save->dirty[i] && fsync(save->store->directory[i]) < 0)
            r = -errno;
    return r;
}

int store_save(Store *store, const Draft *draft, bool reverse, uint64_t generation, Failure *failure) {
    Save save = { .store = store };
    int r = save_all(&save, draft, reverse, generation);

    if (r < 0)
        (void)failure_set(failure, ERROR_STORAGE, "the state cannot be written: %s", strerror(-r));
    return r;
}

/* --- loading --- */

static int load_body(int directory, const char *file, struct json_object **ret) {
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = read_file(directory, file, &text, &size);

    return r < 0 ? r : parse_wrapped(text, size, ret);
}

/* The file's own name has to be the object's, or a copied file would bring two of one name, or one back that is gone.
 * Takes over `expected`; `file` may be the generation before. */
static int check_file(const char *file, char *expected) {
    _cleanup_free_ char *owned = expected;
    size_t length = strlen(file) - (file[strlen(file) - 1] == '~');

    if (!owned)
        return -ENOMEM;
    return strlen(owned) == length && strncmp(owned, file, length) == 0 ? 0 : -EBADMSG;
}

static int load_object(Store *store, Kind kind, const char *file, Model *model) {
    _cleanup_json_ struct json_object *body = NULL;
    int r = load_body(store->directory[kind], file, &body);

    if (r < 0)
        return r;
    if (kind == KIND_VPC) {
        _cleanup_(vpc_free_pointer) Vpc *vpc = NULL;

        r = parse_vpc(body, &vpc);
        if (r == 0)
            r = check_file(file, file_of_name(vpc->name));
        if (r == 0 && (r = model_put_vpc(model, vpc)) == 0) {
            if (vpc->generation > model->generation)
                model->generation = vpc->generation;
            TAKE_PTR(vpc);
        }
    } else if (kind == KIND_PEERING) {
        _cleanup_(peering_free_pointer) Peering *peering = NULL;

        r = parse_peering(body, &peering);
        if (r == 0)
            r = check_file(file, file_of_peering(peering));
        if (r == 0 && (r = model_put_peering(model, peering)) == 0) {
            if (peering->generation > model->generation)
                model->generation = peering->generation;
            TAKE_PTR(peering);
        }
    } else {
        _cleanup_(host_interface_free_pointer) HostInterface *interface = NULL;

        r = parse_interface(body, &interface);
        if (r == 0)
            r = check_file(file, file_of_name(interface->name));
        if (r == 0 && (r = model_put_interface(model, interface)) == 0)
            TAKE_PTR(interface);
    }
    return r;
}

static const char *load_problem(int r, char buffer[static 128]) {
    if (r == -EBADMSG)
        return "it is damaged";
    if (r == -EPROTONOSUPPORT)
        return "it was written by a newer version";
    return strerror_r(-r, buffer, 128);
}

static int load_directory(Store *store, Kind kind, Model *model, FILE *warnings) {
    _cleanup_close_ int fd = openat(store->directory[kind], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int result = 0;

    if (!directory)
        return -errno;
    TAKE_FD(fd);
    while (result == 0 && (entry = readdir(directory))) {
        _cleanup_free_ char *previous = NULL;
        size_t length = strlen(entry->d_name);
        char buffer[128];
        int r, r_previous;

        if (length < 6 || !streq(entry->d_name + length - 5, ".json"))
            continue;
        r = load_object(store, kind, entry->d_name, model);
        if (r == -ENOMEM)
            result = r;
        if (r == 0 || result < 0)
            continue;
        if (asprintf(&previous, "%s~", entry->d_name) < 0) {
            previous = NULL;
            result = -ENOMEM;
            continue;
        }
        fprintf(warnings, "%s/%s: %s; ", directories[kind], entry->d_name, load_problem(r, buffer));
        /* What a newer version wrote is left alone: an older copy would undo it. */
        r_previous = r == -EPROTONOSUPPORT ? r : load_object(store, kind, previous, model);
        model->incomplete = model->incomplete || r_previous < 0;
        fprintf(warnings, "%s\n", r_previous == 0 ? "the generation before is used" : "it is left as it is and not used");
    }
    closedir(directory);
    return result;
}

/* A peering whose side is not there, after a crash between two files of one change. */
static void drop_dangling_peerings(Model *model, FILE *warnings) {
    for (size_t i = model->n_peerings; i-- > 0;) {
        const Peering *peering = model->peerings[i];

        if (model_vpc(model, peering->vpcs[0]) && model_vpc(model, peering->vpcs[1]))
            continue;
        fprintf(warnings, "peering of %s and %s: one of them is not there; it is not used\n", peering->vpcs[0],
                peering->vpcs[1]);
        model_remove_peering(model, peering->vpcs[0], peering->vpcs[1]);
    }
}

int store_load(Store *store, Model **ret, char **ret_warnings) {
    _cleanup_(model_free_pointer) Model *model = calloc(1, sizeof(Model));
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *warnings = open_memstream(&text, &size);
    int r = model && warnings ? 0 : -ENOMEM;

    for (int kind = 0; r == 0 && kind < _KIND_MAX; kind++)
        r = load_directory(store, (Kind)kind, model, warnings);
    if (r == 0)
        drop_dangling_peerings(model, warnings);
    if (warnings && fclose(warnings) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(model);
    *ret_warnings = size ? TAKE_PTR(text) : NULL;
    return 0;
}

int store_clear(Store *store, Failure *failure) {
    int r = 0;

    for (int kind = 0; r == 0 && kind < _KIND_MAX; kind++) {
        r = sweep(store->directory[kind], ".json~");
        if (r == 0)
            r = sweep(store->directory[kind], ".json");
        if (r == 0 && fsync(store->directory[kind]) < 0)
            r = -errno;
    }
    return r < 0 ? failure_set(failure, ERROR_STORAGE, "the stored objects cannot be removed: %s", strerror(-r)) : 0;
}

/* --- journal --- */

/* {"kind", "before", "after"}; takes over both. A side that is there but has no JSON means that memory ran out. */
static int journal_add(struct json_object *list, Kind kind, const void *before, struct json_object *before_json,
        const void *after, struct json_object *after_json) {
    _cleanup_json_ struct json_object *entry = json_object_new_object();
    bool complete = !before == !before_json && !after == !after_json;

    if (!entry || json_object_object_add(entry, "kind", json_object_new_int((int)kind)) < 0 ||
            json_object_object_add(entry, "before", before_json) < 0 ||
            json_object_object_add(entry, "after", after_json) < 0 || !complete ||
            json_object_array_add(list, entry) < 0)
        return -ENOMEM;
    TAKE_PTR(entry);
    return 0;
}

#define JOURNAL_ADD(list, kind, pair, serial)                                                                          \
    journal_add(list, kind, (pair).before, (pair).before ? serial((pair).before) : NULL, (pair).after,                 \
            (pair).after ? serial((pair).after) : NULL)

static int journal_fill(struct json_object *list, const Draft *draft) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < draft->n_vpcs; i++)
        r = JOURNAL_ADD(list, KIND_VPC, draft->vpcs[i], serial_vpc);
    for (size_t i = 0; r == 0 && i < draft->n_peerings; i++)
        r = JOURNAL_ADD(list, KIND_PEERING, draft->peerings[i], serial_peering);
    for (size_t i = 0; r == 0 && i < draft->n_interfaces; i++)
        r = JOURNAL_ADD(list, KIND_INTERFACE, draft->interfaces[i], serial_interface);
    return r;
}

int store_journal_begin(Store *store, const Draft *draft, uint64_t generation, Failure *failure) {
    _cleanup_json_ struct json_object *body = json_object_new_object();
    struct json_object *list = json_object_new_array();
    _cleanup_free_ char *text = NULL;
    int r;

    if (!body || !list) {
        json_object_put(list);
        return -ENOMEM;
    }
    r = json_object_object_add(body, "objects", list) < 0 ||
                    json_object_object_add(body, "generation", json_object_new_int64((int64_t)generation)) < 0
            ? -ENOMEM
            : journal_fill(list, draft);
    if (r == 0 && !(text = serial_wrap(body)))
        r = -ENOMEM;
    /* /run is memory and the journal only counts within a boot, so there is nothing to sync. */
    if (r == 0)
        r = write_file(store->runtime, JOURNAL, text, false);
    if (r < 0)
        (void)failure_set(failure, ERROR_STORAGE, "the journal of changes cannot be written: %s", strerror(-r));
    return r;
}

void store_journal_end(Store *store) {
    /* One that stays is carried out again at the next start, which changes nothing; the next change replaces it. */
    for (int attempt = 0; attempt < 3; attempt++)
        if (unlinkat(store->runtime, JOURNAL, 0) == 0 || errno == ENOENT)
            break;
}

/* An object is in a journal once: a second entry would replace in the model what the draft already points to. */
static bool is_drafted(const Draft *draft, const char *vpc, const Peering *peering, const char *interface) {
    for (size_t i = 0; vpc && i < draft->n_vpcs; i++)
        if (streq((draft->vpcs[i].before ? draft->vpcs[i].before : draft->vpcs[i].after)->name, vpc))
            return true;
    for (size_t i = 0; peering && i < draft->n_peerings; i++) {
        const Peering *other = draft->peerings[i].before ? draft->peerings[i].before : draft->peerings[i].after;

        if (streq(other->vpcs[0], peering->vpcs[0]) && streq(other->vpcs[1], peering->vpcs[1]))
            return true;
    }
    for (size_t i = 0; interface && i < draft->n_interfaces; i++)
        if (streq((draft->interfaces[i].before ? draft->interfaces[i].before : draft->interfaces[i].after)->name,
                    interface))
            return true;
    return false;
}

/* One entry: the model gets `before`, the draft leads from there to `after`. */
static int journal_replay_vpc(struct json_object *before, struct json_object *after, Model *model, Draft *draft) {
    _cleanup_(vpc_free_pointer) Vpc *old = NULL, *new = NULL;
    Vpc *copy = NULL;
    int r = before ? parse_vpc(before, &old) : 0;

    if (r == 0 && after)
        r = parse_vpc(after, &new);
    if (r == 0 && ((old && new && !streq(old->name, new->name)) ||
                    is_drafted(draft, (old ? old : new)->name, NULL, NULL)))
        r = -EBADMSG;
    if (r < 0)
        return r;
    if (old) {
        r = model_put_vpc(model, old);
        if (r < 0)
            return r;
        r = draft_vpc(draft, TAKE_PTR(old)->name, &copy);
        if (r == 0)
            r = draft_remove_vpc(draft, copy->name);
    } else if (new)
        model_remove_vpc(model, new->name);
    if (r == 0 && new && (r = draft_add_vpc(draft, new)) == 0)
        TAKE_PTR(new);
    return r;
}

static int journal_replay_peering(struct json_object *before, struct json_object *after, Model *model, Draft *draft) {
    _cleanup_(peering_free_pointer) Peering *old = NULL, *new = NULL;
    int r = before ? parse_peering(before, &old) : 0;

    if (r == 0 && after)
        r = parse_peering(after, &new);
    if (r == 0 && ((old && new && (!streq(old->vpcs[0], new->vpcs[0]) || !streq(old->vpcs[1], new->vpcs[1]))) ||
                    is_drafted(draft, NULL, old ? old : new, NULL)))
        r = -EBADMSG;
    if (r < 0)
        return r;
    if (old) {
        const Peering *kept = old;

        r = model_put_peering(model, old);
        if (r < 0)
            return r;
        TAKE_PTR(old);
        r = draft_remove_peering(draft, kept->vpcs[0], kept->vpcs[1]);
    } else if (new)
        model_remove_peering(model, new->vpcs[0], new->vpcs[1]);
    if (r == 0 && new && (r = draft_add_peering(draft, new)) == 0)
        TAKE_PTR(new);
    return r;
}

static int journal_replay_interface(struct json_object *before, struct json_object *after, Model *model, Draft *draft) {
    _cleanup_(host_interface_free_pointer) HostInterface *old = NULL, *new = NULL;
    int r = before ? parse_interface(before, &old) : 0;

    if (r == 0 && after)
        r = parse_interface(after, &new);
    if (r == 0 && ((old && new && !streq(old->name, new->name)) ||
                    is_drafted(draft, NULL, NULL, (old ? old : new)->name)))
        r = -EBADMSG;
    if (r < 0)
        return r;
    if (old) {
        const HostInterface *kept = old;

        r = model_put_interface(model, old);
        if (r < 0)
            return r;
        TAKE_PTR(old);
        r = draft_remove_interface(draft, kept->name);
    } else if (new)
        model_remove_interface(model, new->name);
    if (r == 0 && new && (r = draft_add_interface(draft, new)) == 0)
        TAKE_PTR(new);
    return r;
}

/* Whether the object is on disk as the change would leave it, whatever number the change has. */
static bool vpc_is_as(const Model *model, struct json_object *before, struct json_object *after) {
    _cleanup_(vpc_free_pointer) Vpc *named = NULL;
    _cleanup_json_ struct json_object *stored = NULL;
    const Vpc *vpc;

    if (parse_vpc(after ? after : before, &named) < 0)
        return false;
    vpc = model_vpc(model, named->name);
    if (!vpc || !after)
        return !vpc && !after;
    named->generation = vpc->generation;
    stored = serial_vpc(vpc);
    _cleanup_json_ struct json_object *wanted = serial_vpc(named);
    return stored && wanted && json_object_equal(stored, wanted);
}

static bool peering_is_as(const Model *model, struct json_object *before, struct json_object *after) {
    _cleanup_(peering_free_pointer) Peering *named = NULL;
    const Peering *peering;

    if (parse_peering(after ? after : before, &named) < 0)
        return false;
    peering = model_peering(model, named->vpcs[0], named->vpcs[1]);
    if (!peering || !after)
        return !peering && !after;
    return peering_is_active(peering) == peering_is_active(named);
}

int store_journal_read(Store *store, Model *model, Draft *ret, bool *ret_forward, uint64_t *ret_generation) {
    _cleanup_draft_ Draft draft = { .model = model };
    _cleanup_json_ struct json_object *body = NULL;
    struct json_object *list = NULL, *number = NULL;
    bool stored = true, deletes = false;
    int r = load_body(store->runtime, JOURNAL, &body);

    if (r == -ENOENT)
        return 0;
    if (r == 0 && (!json_object_object_get_ex(body, "objects", &list) || !json_object_is_type(list, json_type_array) ||
                    !json_object_object_get_ex(body, "generation", &number)))
        r = -EBADMSG;
    for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i), *kind = NULL, *before = NULL, *after = NULL;

        if (!json_object_is_type(entry, json_type_object) || !json_object_object_get_ex(entry, "kind", &kind) ||
                !json_object_object_get_ex(entry, "before", &before) ||
                !json_object_object_get_ex(entry, "after", &after) || (!before && !after))
            return -EBADMSG;
        switch (json_object_get_int(kind)) {
        case KIND_VPC:
            deletes = deletes || !after;
            stored = stored && vpc_is_as(model, before, after);
            r = journal_replay_vpc(before, after, model, &draft);
            break;
        case KIND_PEERING:
            deletes = deletes || !after;
            stored = stored && peering_is_as(model, before, after);
            r = journal_replay_peering(before, after, model, &draft);
            break;
        default:
            r = journal_replay_interface(before, after, model, &draft);
        }
    }
    if (r < 0)
        return r;
    *ret_forward = stored || deletes;
    *ret_generation = (uint64_t)json_object_get_int64(number);
    *ret = draft;
    draft = (Draft){ 0 };
    return 1;
}

/* --- this boot --- */

bool store_is_booted(Store *store) {
    return faccessat(store->runtime, BOOTED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_set_booted(Store *store) {
    _cleanup_close_ int fd = openat(store->runtime, BOOTED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? -errno : 0;
}
