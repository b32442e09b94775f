/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/nftdiff.h"

#include "core/text.h"

/* A set, map, chain or property of the table. */
typedef struct Block {
    char *head; /* "chain forward" */
    char *body; /* spaces made single, elements sorted */
} Block;

typedef struct Blocks {
    Block *items;
    size_t n;
} Blocks;

static void blocks_clear(Blocks *blocks) {
    for (size_t i = 0; i < blocks->n; i++) {
        free(blocks->items[i].head);
        free(blocks->items[i].body);
    }
    free(blocks->items);
    *blocks = (Blocks){ 0 };
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

/* In place: runs of white space become one space, those at the ends go. */
static void squeeze(char *text) {
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (!is_space(*from))
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

static int compare_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In place: "elements = { b, a }" becomes "elements = { a, b }". The text is squeezed. */
static int sort_elements(char *text) {
    static const char begin[] = "elements = { ";
    char *start = strstr(text, begin), *end = start ? strchr(start, '}') : NULL;
    _cleanup_free_ char **elements = NULL;
    _cleanup_free_ char *copy = NULL;
    size_t n = 0;

    if (!end || end == start + sizeof(begin) - 1)
        return 0;
    start += sizeof(begin) - 1;
    end--; /* the space before the brace */
    copy = strndup(start, (size_t)(end - start));
    if (!copy)
        return -ENOMEM;
    for (char *rest = copy, *element; (element = strsep(&rest, ","));) {
        if (GROW(elements, n) < 0)
            return -ENOMEM;
        elements[n++] = element + (*element == ' ');
    }
    qsort(elements, n, sizeof(*elements), compare_text);
    for (size_t i = 0; i < n; i++) { /* as long as before */
        if (i > 0)
            start = stpcpy(start, ", ");
        size_t length = strlen(elements[i]);
        memcpy(start, elements[i], length);
        start += length;
    }
    return 0;
}

/* From the line `head` on, of which the body ends at `end`. */
static int add_block(Blocks *blocks, const char *head, size_t head_length, const char *body, size_t body_length) {
    Block block = { strndup(head, head_length), strndup(body, body_length) };
    int r = block.head && block.body && GROW(blocks->items, blocks->n) == 0 ? 0 : -ENOMEM;

    if (r == 0) {
        squeeze(block.head);
        squeeze(block.body);
        r = sort_elements(block.body);
    }
    if (r < 0) {
        free(block.head);
        free(block.body);
        return r;
    }
    blocks->items[blocks->n++] = block;
    return 0;
}

static int compare_blocks(const void *a, const void *b) {
    const Block *one = a, *other = b;
    int r = strcmp(one->head, other->head);

    return r != 0 ? r : strcmp(one->body, other->body);
}

/* nft indents what is in a table by one tab, and what is in that by more. */
static int parse(const char *text, Blocks *ret) {
    _cleanup_(blocks_clear) Blocks blocks = { 0 };
    const char *line = strchr(text, '\n'); /* the first is the table's own */
    int r = 0;

    line = line ? line + 1 : "";
    while (r == 0 && *line) {
        const char *end = strchrnul(line, '\n'), *next = *end ? end + 1 : end;

        if (*line == '\t' && end > line + 1 && end[-1] == '{') {
            const char *stop = strstr(next, "\n\t}\n");
            size_t length = stop ? (size_t)(stop - next) : strlen(next);

            if (strncmp(next, "\t}\n", 3) == 0) { /* nothing in it */
                length = 0;
                stop = next - 1;
            }
            r = add_block(&blocks, line, (size_t)(end - 1 - line), next, length);
            next = stop ? stop + 4 : next + length;
        } else if (*line == '\t')
            r = add_block(&blocks, line, (size_t)(end - line), "", 0);
        line = next;
    }
    if (r < 0)
        return r;
    if (blocks.n > 0)
        qsort(blocks.items, blocks.n, sizeof(*blocks.items), compare_blocks);
    *ret = blocks;
    blocks = (Blocks){ 0 };
    return 0;
}

static int say(char **ret, const Block *block, const char *what) {
    return asprintf(ret, "%s %s", block->head, what) < 0 ? -ENOMEM : 0;
}

int nftdiff(const char *wanted, const char *actual, char **ret) {
    _cleanup_(blocks_clear) Blocks a = { 0 }, b = { 0 };
    size_t i = 0, j = 0;
    int r = parse(wanted, &a);

    *ret = NULL;
    if (r == 0)
        r = parse(actual, &b);
    while (r == 0 && (i < a.n || j < b.n)) {
        int order = i == a.n ? 1 : j == b.n ? -1 : strcmp(a.items[i].head, b.items[j].head);

        if (order < 0)
            return say(ret, &a.items[i], "is missing");
        if (order > 0)
            return say(ret, &b.items[j], "is not ours");
        if (!streq(a.items[i].body, b.items[j].body))
            return say(ret, &a.items[i], "differs");
        i++;
        j++;
    }
    return r;
}
