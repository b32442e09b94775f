/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

/* A table from "NETNS|KIND|…" to the rest of the line, which is "" but for links, settings and how many rules a chain has.
 * Nothing that we make has a '|' in it. */

static void put(World *world, char *key, const char *value) {
    g_hash_table_insert(world->things, key, g_strdup(value)); /* takes the key over */
}

static const char *value_of(const World *world, const char *key) {
    return g_hash_table_lookup(world->things, key);
}

World *world_new(void) {
    World *world = g_new0(World, 1);

    world->things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    world->block_maps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->command_chains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    put(world, g_strdup("host|netns"), "");
    put(world, g_strdup("host|sysctl|ipv4/conf/eth1/forwarding|"), "1");
    return world;
}

World *world_copy(const World *world) {
    World *copy = world_new();
    GHashTableIter iterator;
    gpointer key, value;

    g_hash_table_remove_all(copy->things);
    g_hash_table_iter_init(&iterator, world->things);
    while (g_hash_table_iter_next(&iterator, &key, &value))
        put(copy, g_strdup(key), value);
    return copy;
}

void world_free(World *world) {
    g_hash_table_unref(world->things);
    g_hash_table_unref(world->block_maps);
    g_hash_table_unref(world->command_chains);
    g_free(world);
}

static bool has(const World *world, const char *key) {
    return g_hash_table_contains(world->things, key);
}

/* Takes away every line that begins so; how many there were. */
static unsigned drop_prefix(World *world, const char *prefix) {
    GHashTableIter iterator;
    gpointer line;
    unsigned n = 0;

    g_hash_table_iter_init(&iterator, world->things);
    while (g_hash_table_iter_next(&iterator, &line, NULL))
        if (g_str_has_prefix(line, prefix)) {
            g_hash_table_iter_remove(&iterator);
            n++;
        }
    return n;
}

#define DROP(world, ...)                                                                                               \
    ({                                                                                                                 \
        g_autofree char *_prefix = g_strdup_printf(__VA_ARGS__);                                                       \
        drop_prefix(world, _prefix);                                                                                   \
    })
#define HAS(world, ...)                                                                                                \
    ({                                                                                                                 \
        g_autofree char *_line = g_strdup_printf(__VA_ARGS__);                                                         \
        has(world, _line);                                                                                             \
    })
#define PUT(world, ...) put(world, g_strdup_printf(__VA_ARGS__), "")
#define REMOVE(world, ...)                                                                                             \
    ({                                                                                                                 \
        g_autofree char *_line = g_strdup_printf(__VA_ARGS__);                                                         \
        g_hash_table_remove((world)->things, _line);                                                                   \
    })
#define VALUE_OF(world, ...)                                                                                           \
    ({                                                                                                                 \
        g_autofree char *_line = g_strdup_printf(__VA_ARGS__);                                                         \
        value_of(world, _line);                                                                                        \
    })

static void complain(const char *what, const char *where, const char *thing) {
    g_error("the kernel refuses: %s [%s] %s", what, where, thing);
}

bool world_forwards(const World *world, const char *interface) {
    return streq_null(VALUE_OF(world, "host|sysctl|ipv4/conf/%s/forwarding|", interface), "1");
}

/* --- links --- */

/* "NETNS|link|NAME|" has "bridge MAC" or "veth MAC OTHER-NETNS OTHER-LINK". */

/* A link with its addresses, routes and settings. */
static void drop_link(World *world, const char *netns, const char *link) {
    g_assert_true(REMOVE(world, "%s|link|%s|", netns, link));
    (void)DROP(world, "%s|port|%s|", netns, link);
    (void)DROP(world, "%s|address|%s|", netns, link);
    (void)DROP(world, "%s|route|%s|", netns, link);
    (void)DROP(world, "%s|sysctl|ipv4/conf/%s/", netns, link);
    (void)DROP(world, "%s|sysctl|ipv6/conf/%s/", netns, link);
    (void)DROP(world, "%s|sysctl|ipv4/neigh/%s/", netns, link);
}

static bool has_link(const World *world, const char *netns, const char *link) {
    return streq(link, "lo") ? HAS(world, "%s|netns", netns) : HAS(world, "%s|link|%s|", netns, link);
}

/* A veth and its other end. False when there is none. */
static bool drop_veth(World *world, const char *netns, const char *link) {
    const char *value = VALUE_OF(world, "%s|link|%s|", netns, link);

    if (!value || !g_str_has_prefix(value, "veth "))
        return false;
    g_auto(GStrv) parts = g_strsplit(value, " ", -1);
    drop_link(world, netns, link);
    drop_link(world, parts[2], parts[3]);
    return true;
}

static void drop_netns(World *world, const char *netns) {
    g_autofree char *prefix = g_strdup_printf("%s|link|", netns);
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iterator;
    gpointer key;

    /* Its veths take their other ends along. */
    g_hash_table_iter_init(&iterator, world->things);
    while (g_hash_table_iter_next(&iterator, &key, NULL))
        if (g_str_has_prefix(key, prefix))
            g_ptr_array_add(links, g_strndup((char *)key + strlen(prefix), strlen(key) - strlen(prefix) - 1));
    for (unsigned i = 0; i < links->len; i++)
        (void)drop_veth(world, netns, links->pdata[i]);
    (void)DROP(world, "%s|", netns);
}

static void make_veth(World *world, const Step *step, const char *netns, bool converge) {
    const char *other = step->peer_netns ? step->peer_netns : "host";
    char mac[MAC_TEXT_MAX], peer_mac[MAC_TEXT_MAX];

    if (!HAS(world, "%s|netns", netns) || !HAS(world, "%s|netns", other))
        complain("veth without namespace", netns, step->link);
    if (has_link(world, netns, step->link) || has_link(world, other, step->peer_link)) {
        if (!converge)
            complain("veth is there", netns, step->link);
        if (has_link(world, netns, step->link) && has_link(world, other, step->peer_link))
            return;
        complain("half a veth", netns, step->link);
    }
    mac_format(&step->mac, mac);
    mac_format(&step->peer_mac, peer_mac);
    g_autofree char *end = g_strdup_printf("veth %s %s %s", mac, other, step->peer_link),
                    *peer_end = g_strdup_printf("veth %s %s %s", peer_mac, netns, step->link);
    put(world, g_strdup_printf("%s|link|%s|", netns, step->link), end);
    put(world, g_strdup_printf("%s|link|%s|", other, step->peer_link), peer_end);
}

/* --- nft --- */

/* The table must be there for all that follows in it. */
static void need_table(const World *world, const char *netns, const char *family, const char *table) {
    if (!HAS(world, "%s|nft|%s|%s", netns, family, table))
        complain("no such table", netns, family);
}

/* "{ a, b }" with the command's words before it. */
static void nft_elements(World *world, const char *netns, char **words, const char *line, bool remove) {
    const char *open = strstr(line, "{ "), *close = strrchr(line, '}');
    g_autofree char *inside = open && close ? g_strndup(open + 2, (size_t)(close - open - 2)) : NULL;

    if (!inside)
        complain("elements", netns, line);
    if (!HAS(world, "%s|nft|%s|%s|set|%s", netns, words[2], words[3], words[4]))
        complain("no such set", netns, line);
    g_auto(GStrv) elements = g_strsplit(inside, ", ", -1);
    for (char **element = elements; *element; element++) {
        g_strstrip(*element);
        g_autofree char *thing = g_strdup_printf("%s|nft|%s|%s|set|%s|%s", netns, words[2], words[3], words[4], *element);
        const char *jump = strstr(*element, ": jump ");

        if (remove && !g_hash_table_remove(world->things, thing))
            complain("no such element", netns, thing);
        if (remove)
            continue;
        if (jump && !HAS(world, "%s|nft|%s|%s|chain|%s", netns, words[2], words[3], jump + strlen(": jump ")))
            complain("jump to no chain", netns, thing);
        if (jump && g_hash_table_contains(world->block_maps, words[4]) &&
                g_hash_table_contains(world->command_chains, jump + strlen(": jump ")))
            complain("jump to a chain that nft makes later", netns, thing);
        put(world, g_steal_pointer(&thing), "");
    }
}

/* Rules of a chain in their order. The chain's own value counts them. */
static void nft_add_rule(World *world, const char *netns, char **words, const char *line) {
    g_autofree char *chain = g_strdup_printf("%s|nft|%s|%s|chain|%s", netns, words[2], words[3], words[4]);
    const char *count = value_of(world, chain);
    unsigned n = count ? (unsigned)strtoul(count, NULL, 10) : 0;

    if (!count)
        complain("no such chain", netns, line);
    PUT(world, "%s|%04u %s", chain, n, line);
    g_autofree char *more = g_strdup_printf("%u", n + 1);
    put(world, g_steal_pointer(&chain), more);
}

static bool is_jumped_to(const World *world, const char *netns, const char *chain) {
    g_autofree char *suffix = g_strdup_printf(": jump %s", chain), *prefix = g_strdup_printf("%s|nft|", netns);
    GHashTableIter iterator;
    gpointer thing;

    g_hash_table_iter_init(&iterator, world->things);
    while (g_hash_table_iter_next(&iterator, &thing, NULL))
        if (g_str_has_prefix(thing, prefix) && g_str_has_suffix(thing, suffix))
            return true;
    return false;
}

static void nft_command(World *world, const char *netns, const char *line) {
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    unsigned n = g_strv_length(words);
    const char *verb = words[0], *kind = n > 1 ? words[1] : "";
    bool add = streq(verb, "add"), delete = streq(verb, "delete");

    if (n < 4)
        complain("nft command", netns, line);
    if (streq(kind, "table") && add) {
        if (!HAS(world, "%s|nft|%s|%s", netns, words[2], words[3]))
            PUT(world, "%s|nft|%s|%s", netns, words[2], words[3]);
        return;
    }
    need_table(world, netns, words[2], words[3]);
    if (streq(kind, "table") && delete)
        (void)DROP(world, "%s|nft|%s|%s", netns, words[2], words[3]);
    else if (streq(kind, "set") && add)
        PUT(world, "%s|nft|%s|%s|set|%s", netns, words[2], words[3], words[4]);
    else if (streq(kind, "element") && (add || delete))
        nft_elements(world, netns, words, line, delete);
    else if (streq(kind, "chain") && add) {
        if (!HAS(world, "%s|nft|%s|%s|chain|%s", netns, words[2], words[3], words[4]))
            PUT(world, "%s|nft|%s|%s|chain|%s", netns, words[2], words[3], words[4]);
        g_hash_table_add(world->command_chains, g_strdup(words[4]));
    } else if (streq(kind, "chain") && streq(verb, "flush")) {
        if (!HAS(world, "%s|nft|%s|%s|chain|%s", netns, words[2], words[3], words[4]))
            complain("no such chain", netns, line);
        (void)DROP(world, "%s|nft|%s|%s|chain|%s|", netns, words[2], words[3], words[4]);
        PUT(world, "%s|nft|%s|%s|chain|%s", netns, words[2], words[3], words[4]);
    } else if (streq(kind, "chain") && delete) {
        if (is_jumped_to(world, netns, words[4]))
            complain("chain in use", netns, line);
        if (DROP(world, "%s|nft|%s|%s|chain|%s|", netns, words[2], words[3], words[4]) > 0)
            complain("chain with rules", netns, line);
        if (!REMOVE(world, "%s|nft|%s|%s|chain|%s", netns, words[2], words[3], words[4]))
            complain("no such chain", netns, line);
    } else if (streq(kind, "rule") && add)
        nft_add_rule(world, netns, words, line);
    else
        complain("nft command", netns, line);
}

/* One line of "table FAMILY NAME {": the sets and chains in it, and their lines as they stand. */
static void nft_block_line(World *world, const char *netns, const char *table, char **part, const char *line) {
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    if ((g_str_has_prefix(line, "set ") || g_str_has_prefix(line, "map ") || g_str_has_prefix(line, "chain ")) &&
            g_str_has_suffix(line, "{")) {
        g_free(*part);
        *part = g_strdup_printf("%s|%s", streq(words[0], "chain") ? "chain" : "set", words[1]);
        PUT(world, "%s|nft|%s|%s", netns, table, *part);
        if (streq(words[0], "map"))
            g_hash_table_add(world->block_maps, g_strdup(words[1]));
    } else if (streq(line, "}"))
        g_clear_pointer(part, g_free);
    else if (*line)
        PUT(world, "%s|nft|%s|%s| %s", netns, table, *part ? *part : "", line);
}

void world_load_rules(World *world, const char *netns, const char *text) {
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *table = NULL, *part = NULL;

    g_hash_table_remove_all(world->block_maps);
    g_hash_table_remove_all(world->command_chains);
    for (char **line = lines; *line; line++) {
        bool ends = table && streq(*line, "}");

        g_strstrip(*line);
        if (ends)
            g_clear_pointer(&table, g_free);
        else if (table)
            nft_block_line(world, netns, table, &part, *line);
        else if (g_str_has_prefix(*line, "table ")) {
            g_auto(GStrv) words = g_strsplit(*line, " ", -1);

            table = g_strdup_printf("%s|%s", words[1], words[2]);
            PUT(world, "%s|nft|%s", netns, table);
        } else if (**line)
            nft_command(world, netns, *line);
    }
}

/* --- steps --- */

static void apply_sysctl(World *world, const Step *step, const char *netns) {
    g_autofree char *prefix = g_strdup_printf("%s|sysctl|%s|", netns, step->key);
    g_auto(GStrv) parts = g_strsplit(step->key, "/", -1);

    g_assert_cmpint(step->host_sysctl_guard, ==, step->expected != NULL);
    if (step->host_sysctl_guard && !streq_null(value_of(world, prefix), step->expected))
        return;
    /* A setting of a link is there with it; the host's own interfaces are nobody's here. */
    if ((streq(parts[1], "conf") || streq(parts[1], "neigh")) && !streq(parts[2], "all") && !streq(parts[2], "default") &&
            (!streq(netns, "host") || g_str_has_prefix(parts[2], "vpc-")) && !has_link(world, netns, parts[2]))
        complain("setting of no link", netns, step->key);
    put(world, g_steal_pointer(&prefix), step->text);
}

static void apply_simple(World *world, const Step *step, const char *netns, bool converge, char *thing) {
    g_autofree char *owned = thing;

    if (!has_link(world, netns, step->link) && !(converge && step->remove))
        complain("no such link", netns, thing);
    if (step->remove) {
        if (!g_hash_table_remove(world->things, thing) && !converge)
            complain("not there", netns, thing);
        return;
    }
    if (has(world, thing) && !converge)
        complain("there already", netns, thing);
    put(world, g_steal_pointer(&owned), "");
}

static void apply_step(World *world, const Step *step, bool converge) {
    const char *netns = step->netns ? step->netns : "host";
    char mac[MAC_TEXT_MAX], cidr[CIDR_TEXT_MAX], address[ADDRESS_TEXT_MAX];
    g_autofree char *bridge = NULL;

    if (!HAS(world, "%s|netns", netns) && step->kind != STEP_NETNS && !(converge && step->remove))
        complain("no such namespace", netns, step_kind_name(step->kind));
    switch (step->kind) {
    case STEP_NETNS:
        if (HAS(world, "%s|netns", netns) == !step->remove && !converge)
            complain(step->remove ? "no namespace" : "namespace is there", netns, "");
        if (step->remove)
            drop_netns(world, netns);
        else
            PUT(world, "%s|netns", netns);
        break;
    case STEP_BRIDGE:
        if (has_link(world, netns, step->link) && !converge)
            complain("bridge is there", netns, step->link);
        bridge = g_strconcat("bridge ", mac_format(&step->mac, mac), NULL);
        put(world, g_strdup_printf("%s|link|%s|", netns, step->link), bridge);
        break;
    case STEP_VETH:
        if (!step->remove)
            make_veth(world, step, netns, converge);
        else if (!drop_veth(world, netns, step->link) && !converge)
            complain("no such veth", netns, step->link);
        break;
    case STEP_PORT:
        if (!has_link(world, netns, step->peer_link))
            complain("no such bridge", netns, step->peer_link);
        apply_simple(world, step, netns, converge,
                g_strdup_printf("%s|port|%s|%s", netns, step->link, step->peer_link));
        break;
    case STEP_LINK_UP:
        apply_simple(world, step, netns, converge, g_strdup_printf("%s|up|%s", netns, step->link));
        break;
    case STEP_ADDRESS:
        apply_simple(world, step, netns, converge,
                g_strdup_printf("%s|address|%s|%s/%u", netns, step->link, address_format(&step->address, address),
                        step->cidr.prefix));
        break;
    case STEP_ROUTE:
        apply_simple(world, step, netns, converge,
                g_strdup_printf("%s|route|%s|%s|%s", netns, step->link, cidr_format(&step->cidr, cidr),
                        address_format(&step->gateway, address)));
        break;
    case STEP_SYSCTL:
        apply_sysctl(world, step, netns);
        break;
    case STEP_RULES:
        world_load_rules(world, netns, step->text);
        break;
    case STEP_CUT:
        g_assert_cmpstr(step->vpc->name, ==, netns);
        break;
    default:
        g_assert_not_reached();
    }
}

void world_apply(World *world, const Plan *plan, bool converge) {
    for (size_t i = 0; i < plan->n_steps; i++)
        apply_step(world, &plan->steps[i], converge);
}

static int compare_lines(gconstpointer a, gconstpointer b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *world_text(const World *world) {
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iterator;
    gpointer key, value;

    g_hash_table_iter_init(&iterator, world->things);
    while (g_hash_table_iter_next(&iterator, &key, &value))
        if (!(g_str_has_prefix(key, "host|sysctl|") && streq(value, "0")))
            g_ptr_array_add(lines, *(char *)value ? g_strconcat(key, " ", value, NULL) : g_strdup(key));
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}
