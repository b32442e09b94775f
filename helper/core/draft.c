/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/draft.h"

void draft_clear(Draft *draft) {
    for (size_t i = 0; i < draft->n_vpcs; i++)
        vpc_free(draft->vpcs[i].after);
    for (size_t i = 0; i < draft->n_peerings; i++)
        peering_free(draft->peerings[i].after);
    for (size_t i = 0; i < draft->n_interfaces; i++)
        host_interface_free(draft->interfaces[i].after);
    free(draft->vpcs);
    free(draft->peerings);
    free(draft->interfaces);
    *draft = (Draft){ .model = draft->model };
}

/* Each kind has a pair (before, after); a draft holds few of them, so they are searched one by one. */

static DraftVpc *pair_vpc(const Draft *draft, const char *name) {
    for (size_t i = 0; i < draft->n_vpcs; i++) {
        DraftVpc *pair = &draft->vpcs[i];

        if (streq(pair->before ? pair->before->name : pair->after->name, name))
            return pair;
    }
    return NULL;
}

static DraftPeering *pair_peering(const Draft *draft, const char *a, const char *b) {
    for (size_t i = 0; i < draft->n_peerings; i++) {
        DraftPeering *pair = &draft->peerings[i];

        if (streq_null(peering_other(pair->before ? pair->before : pair->after, a), b))
            return pair;
    }
    return NULL;
}

static DraftInterface *pair_interface(const Draft *draft, const char *name) {
    for (size_t i = 0; i < draft->n_interfaces; i++) {
        DraftInterface *pair = &draft->interfaces[i];

        if (streq(pair->before ? pair->before->name : pair->after->name, name))
            return pair;
    }
    return NULL;
}

/* Takes the model's object into the draft with a copy to change. Gives the pair's place, or NULL in *ret when the model
 * has none. A macro, since the three kinds differ only in their types. */
#define TOUCH(draft, array, count, find_pair, found, copy_one, ret)                                                    \
    ({                                                                                                                 \
        int _result = 0;                                                                                               \
        *(ret) = find_pair;                                                                                            \
        if (!*(ret)) {                                                                                                 \
            typeof((array)->before) _before = (found);                                                                 \
            if (_before && (_result = GROW(array, count)) == 0) {                                                      \
                typeof((array)->after) _after = copy_one(_before);                                                     \
                if (_after) {                                                                                          \
                    (array)[(count)] = (typeof(*(array))){ _before, _after };                                          \
                    *(ret) = &(array)[(count)++];                                                                      \
                } else                                                                                                 \
                    _result = -ENOMEM;                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        _result;                                                                                                       \
    })

static int touch_vpc(Draft *draft, const char *name, DraftVpc **ret) {
    return TOUCH(draft, draft->vpcs, draft->n_vpcs, pair_vpc(draft, name), model_vpc(draft->model, name), vpc_copy,
            ret);
}

static int touch_peering(Draft *draft, const char *a, const char *b, DraftPeering **ret) {
    return TOUCH(draft, draft->peerings, draft->n_peerings, pair_peering(draft, a, b),
            model_peering(draft->model, a, b), peering_copy, ret);
}

static int touch_interface(Draft *draft, const char *name, DraftInterface **ret) {
    return TOUCH(draft, draft->interfaces, draft->n_interfaces, pair_interface(draft, name),
            model_interface(draft->model, name), host_interface_copy, ret);
}

int draft_vpc(Draft *draft, const char *name, Vpc **ret) {
    DraftVpc *pair;
    int r = touch_vpc(draft, name, &pair);

    *ret = r == 0 && pair ? pair->after : NULL;
    return r;
}

int draft_peering(Draft *draft, const char *a, const char *b, Peering **ret) {
    DraftPeering *pair;
    int r = touch_peering(draft, a, b, &pair);

    *ret = r == 0 && pair ? pair->after : NULL;
    return r;
}

int draft_interface(Draft *draft, const char *name, HostInterface **ret) {
    DraftInterface *pair;
    int r = touch_interface(draft, name, &pair);

    *ret = r == 0 && pair ? pair->after : NULL;
    return r;
}

const Vpc *draft_see_vpc(const Draft *draft, const char *name, bool reverse) {
    const DraftVpc *pair = pair_vpc(draft, name);

    if (!pair)
        return model_vpc(draft->model, name);
    return reverse ? pair->before : pair->after;
}

const Peering *draft_see_peering(const Draft *draft, const char *a, const char *b, bool reverse) {
    const DraftPeering *pair = pair_peering(draft, a, b);

    if (!pair)
        return model_peering(draft->model, a, b);
    return reverse ? pair->before : pair->after;
}

int draft_each_peering(const Draft *draft, const char *vpc, bool reverse,
        int (*visit)(const Peering *peering, void *data), void *data) {
    for (size_t i = 0; i < draft->model->n_peerings; i++) {
        const Peering *peering = draft->model->peerings[i];

        if (!peering_other(peering, vpc))
            continue;
        peering = draft_see_peering(draft, peering->vpcs[0], peering->vpcs[1], reverse);
        int r = peering ? visit(peering, data) : 0;
        if (r != 0)
            return r;
    }
    for (size_t i = 0; !reverse && i < draft->n_peerings; i++) {
        const DraftPeering *pair = &draft->peerings[i];
        int r = !pair->before && pair->after && peering_other(pair->after, vpc) ? visit(pair->after, data) : 0;

        if (r != 0)
            return r;
    }
    return 0;
}

bool draft_changes_peers(const Draft *draft, const char *vpc) {
    for (size_t i = 0; i < draft->n_peerings; i++) {
        const DraftPeering *pair = &draft->peerings[i];

        if (peering_is_active(pair->before) != peering_is_active(pair->after) &&
                peering_other(pair->before ? pair->before : pair->after, vpc))
            return true;
    }
    return false;
}

#define ADD(draft, array, count, pair, object)                                                                         \
    ({                                                                                                                 \
        int _result = 0;                                                                                               \
        if (pair) {                                                                                                    \
            if ((pair)->after)                                                                                         \
                _result = -EEXIST;                                                                                     \
            else                                                                                                       \
                (pair)->after = (object);                                                                              \
        } else if ((_result = GROW(array, count)) == 0)                                                                \
            (array)[(count)++] = (typeof(*(array))){ NULL, (object) };                                                 \
        _result;                                                                                                       \
    })

int draft_add_vpc(Draft *draft, Vpc *vpc) {
    DraftVpc *pair = pair_vpc(draft, vpc->name);

    if (!pair && model_vpc(draft->model, vpc->name))
        return -EEXIST;
    return ADD(draft, draft->vpcs, draft->n_vpcs, pair, vpc);
}

int draft_add_peering(Draft *draft, Peering *peering) {
    DraftPeering *pair = pair_peering(draft, peering->vpcs[0], peering->vpcs[1]);

    if (!pair && model_peering(draft->model, peering->vpcs[0], peering->vpcs[1]))
        return -EEXIST;
    return ADD(draft, draft->peerings, draft->n_peerings, pair, peering);
}

int draft_add_interface(Draft *draft, HostInterface *interface) {
    DraftInterface *pair = pair_interface(draft, interface->name);

    if (!pair && model_interface(draft->model, interface->name))
        return -EEXIST;
    return ADD(draft, draft->interfaces, draft->n_interfaces, pair, interface);
}

/* What was neither there before nor will be: no pair is without both. */
#define FORGET_IF_NEW(array, count, pair)                                                                              \
    do {                                                                                                               \
        if (!(pair)->before)                                                                                           \
            memmove((pair), (pair) + 1, (size_t)((array) + --(count) - (pair)) * sizeof(*(pair)));                     \
    } while (0)

int draft_remove_vpc(Draft *draft, const char *name) {
    DraftVpc *pair;
    int r = touch_vpc(draft, name, &pair);

    if (r < 0)
        return r;
    if (!pair || !pair->after)
        return -ENOENT;
    pair->after = vpc_free(pair->after);
    FORGET_IF_NEW(draft->vpcs, draft->n_vpcs, pair);
    return 0;
}

int draft_remove_peering(Draft *draft, const char *a, const char *b) {
    DraftPeering *pair;
    int r = touch_peering(draft, a, b, &pair);

    if (r < 0)
        return r;
    if (!pair || !pair->after)
        return -ENOENT;
    pair->after = peering_free(pair->after);
    FORGET_IF_NEW(draft->peerings, draft->n_peerings, pair);
    return 0;
}

int draft_remove_interface(Draft *draft, const char *name) {
    DraftInterface *pair;
    int r = touch_interface(draft, name, &pair);

    if (r < 0)
        return r;
    if (!pair || !pair->after)
        return -ENOENT;
    pair->after = host_interface_free(pair->after);
    FORGET_IF_NEW(draft->interfaces, draft->n_interfaces, pair);
    return 0;
}

size_t draft_count_vpcs(const Draft *draft, bool reverse) {
    size_t n = draft->model->n_vpcs;

    for (size_t i = 0; !reverse && i < draft->n_vpcs; i++) {
        n += !draft->vpcs[i].before && draft->vpcs[i].after;
        n -= draft->vpcs[i].before && !draft->vpcs[i].after;
    }
    return n;
}

/* Room for every new object first, so that nothing can fail once the first one has moved. */
static int reserve(Model *model, const Draft *draft) {
    void *vpcs = reallocarray(model->vpcs, model->n_vpcs + draft->n_vpcs + 1, sizeof(*model->vpcs));
    if (!vpcs)
        return -ENOMEM;
    model->vpcs = vpcs;

    void *peerings = reallocarray(model->peerings, model->n_peerings + draft->n_peerings + 1, sizeof(*model->peerings));
    if (!peerings)
        return -ENOMEM;
    model->peerings = peerings;

    void *interfaces = reallocarray(model->interfaces, model->n_interfaces + draft->n_interfaces + 1,
            sizeof(*model->interfaces));
    if (!interfaces)
        return -ENOMEM;
    model->interfaces = interfaces;
    return 0;
}

int draft_commit(Draft *draft, Model *model, uint64_t generation) {
    int r = reserve(model, draft);

    if (r < 0)
        return r;
    for (size_t i = 0; i < draft->n_peerings; i++) {
        DraftPeering *pair = &draft->peerings[i];

        if (pair->after) {
            pair->after->generation = generation;
            r = model_put_peering(model, TAKE_PTR(pair->after));
        } else if (pair->before)
            model_remove_peering(model, pair->before->vpcs[0], pair->before->vpcs[1]);
    }
    for (size_t i = 0; i < draft->n_interfaces; i++) {
        DraftInterface *pair = &draft->interfaces[i];

        if (pair->after)
            r = model_put_interface(model, TAKE_PTR(pair->after));
        else if (pair->before)
            model_remove_interface(model, pair->before->name);
    }
    for (size_t i = 0; i < draft->n_vpcs; i++) {
        DraftVpc *pair = &draft->vpcs[i];

        if (pair->after) {
            pair->after->generation = generation;
            r = model_put_vpc(model, TAKE_PTR(pair->after));
        } else if (pair->before)
            model_remove_vpc(model, pair->before->name);
    }
    model->generation = generation;
    draft_clear(draft);
    return r;
}
