/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arguments of every method, as the operations' own rows decode them: of the right types, and in the places that the
 * input says of others; options with known and unknown keys; arrays up to what is too large; descriptors of all kinds. */

#include "fuzz.h"

#include "core/ident.h"
#include "decode.h"
#include "ops.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Descriptors to pass: each kind once, for the whole run. */
static int descriptors[8];
static sd_bus *bus;

static int socket_of(int type) {
    int pair[2];

    CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0);
    return pair[0]; /* the other stays open with it */
}

static void set_up(void) {
    int fd = socket_of(SOCK_STREAM);

    /* A bus at whose other end is nobody: messages are made for it and never sent. */
    CHECK(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fd, fd) >= 0 && sd_bus_start(bus) >= 0);
    descriptors[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    descriptors[1] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    descriptors[2] = open("/", O_PATH | O_CLOEXEC);
    descriptors[3] = open("/dev/null", O_PATH | O_CLOEXEC);
    descriptors[4] = socket_of(SOCK_SEQPACKET);
    descriptors[5] = socket_of(SOCK_STREAM);
    descriptors[6] = socket_of(SOCK_DGRAM);
    descriptors[7] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < ELEMENTSOF(descriptors); i++)
        CHECK(descriptors[i] >= 0);
}

/* --- messages from bytes --- */

static int append_text(sd_bus_message *m, Input *input, unsigned depth) {
    static const char *const words[] = { "", "a", "vpc1", "public", "private", "webserver", "10.0.0.0/16", "10.0.1.0/24",
        "10.0.0.5/16", "fd00::/8", "0.0.0.0/0", "eth0", "ingress", "egress", "allow", "deny", "tcp", "udp", "icmp", "all",
        "name", "root", "host-access", "subnet-cidr", "environment", "directory", "restart", "always", "on-failure", "no",
        "as-root", "login-shell", "rows", "columns", "terminal", "since", "TERM=xterm", "LANG=C", "LC_ALL=C", "PATH=/",
        "/bin/sh", "true", "vpc-create", "abcdefghijklmnopqrstuvwxyz012345", "../..", "a b", "\xc3\xa4", "\x1b[31m", "%s%n", "size" };
    unsigned choice = input_below(input, 256);
    char text[300];
    size_t n = 0;

    if (choice < ELEMENTSOF(words))
        return sd_bus_message_append_basic(m, 's', words[choice]);
    if (choice == 255) { /* a long one */
        _cleanup_free_ char *long_text = malloc(depth > 1 ? 257 : 4097);

        n = (depth > 1 ? 1 : 16) * input_below(input, 257);
        memset(long_text, 'x', n);
        long_text[n] = '\0';
        return sd_bus_message_append_basic(m, 's', long_text);
    }
    for (size_t length = choice % 64; n < length && input->size > 0; n++) {
        text[n] = (char)input_byte(input);
        if (!text[n] || text[n] & 0x80) /* what is no UTF-8 the bus refuses before us */
            text[n] = '?';
    }
    text[n] = '\0';
    return sd_bus_message_append_basic(m, 's', text);
}

/* How long the first complete type of a signature is. */
static size_t type_length(const char *signature) {
    size_t depth = 0;

    for (size_t i = 0; signature[i]; i++) {
        depth += signature[i] == '(' || signature[i] == '{';
        depth -= signature[i] == ')' || signature[i] == '}';
        if (depth == 0 && signature[i] != 'a')
            return i + 1;
    }
    return strlen(signature);
}

static int append_all(sd_bus_message *m, const char *signature, Input *input, unsigned depth, bool exact);

/* One complete type, which lasts for `length`. */
static int append_one(sd_bus_message *m, const char *signature, size_t length, Input *input, unsigned depth, bool exact) {
    static const char *const types[] = { "s", "b", "q", "u", "t", "h", "as", "a{sv}", "v", "(ss)", "x", "d", "y", "o", "(qq)" };
    char inner[64] = "";
    uint64_t number = 0;
    int r = 0;

    /* In its place something else. */
    if (!exact && input_below(input, 32) == 31) {
        const char *other = types[input_below(input, ELEMENTSOF(types))];

        return append_one(m, other, strlen(other), input, depth + 1, true);
    }
    if (length >= sizeof(inner))
        return -E2BIG;
    if (length > 2 || *signature == 'a')
        memcpy(inner, signature + 1, length - 1 - (*signature != 'a'));

    switch (*signature) {
    case 's':
        return append_text(m, input, depth);
    case 'o':
        return sd_bus_message_append_basic(m, 'o', "/a");
    case 'h':
        return sd_bus_message_append_basic(m, 'h', &descriptors[input_below(input, ELEMENTSOF(descriptors))]);
    case 'b': {
        int yes = input_byte(input) & 1;

        return sd_bus_message_append_basic(m, 'b', &yes);
    }
    case 'y':
    case 'q':
    case 'u':
    case 't':
    case 'x':
    case 'd':
        for (size_t i = 0, n = 1 + input_below(input, 8); i < n; i++)
            number = number << 8 | input_byte(input);
        return sd_bus_message_append_basic(m, *signature, &number); /* little endian: its low bytes */
    case 'v': {
        const char *type = types[input_below(input, ELEMENTSOF(types))];

        if (depth > 6)
            type = "b";
        r = sd_bus_message_open_container(m, 'v', type);
        if (r >= 0)
            r = append_one(m, type, strlen(type), input, depth + 1, true);
        return r < 0 ? r : sd_bus_message_close_container(m);
    }
    case '(':
    case '{':
        r = sd_bus_message_open_container(m, *signature == '(' ? 'r' : 'e', inner);
        if (r >= 0)
            r = append_all(m, inner, input, depth + 1, true);
        return r < 0 ? r : sd_bus_message_close_container(m);
    default: { /* 'a' */
        unsigned n = input_byte(input);
        Input same;

        n = depth > 3 ? n % 2 : n == 255 ? 1100 : n % 8;
        r = sd_bus_message_open_container(m, 'a', inner);
        same = *input;
        for (unsigned i = 0; r >= 0 && i < n; i++) {
            Input again = same;

            /* The many are all the same. */
            r = append_one(m, inner, strlen(inner), n > 8 ? &again : input, depth + 1, true);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
    }
    }
}

static int append_all(sd_bus_message *m, const char *signature, Input *input, unsigned depth, bool exact) {
    int r = 0;

    for (size_t length; r >= 0 && *signature; signature += length) {
        length = type_length(signature);
        r = append_one(m, signature, length, input, depth, exact);
    }
    return r;
}

/* --- what was decoded --- */

static void check_name(const char *name) {
    CHECK(!name || name_is_valid(name));
}

/* Whatever the method, this much holds of a request that is let pass: it goes on to name files, links and units. */
static void check_request(const Request *request) {
    check_name(request->vpc);
    check_name(request->other_vpc);
    check_name(request->subnet);
    check_name(request->name);
    CHECK(!request->interface || interface_name_is_valid(request->interface));
    CHECK(request->cidr.prefix <= 128);
    CHECK(!request->firewall || request->firewall->n_rules <= 1000);
    for (size_t i = 0; request->firewall && i < request->firewall->n_rules; i++) {
        const Rule *rule = &request->firewall->rules[i];

        CHECK((rule->port_first == 0) == (rule->port_last == 0) && rule->port_first <= rule->port_last);
        CHECK((unsigned)rule->protocol < _PROTOCOL_MAX && (unsigned)rule->direction < _DIRECTION_MAX &&
                (unsigned)rule->action < _ACTION_MAX);
    }
    for (size_t i = 0; i < 3; i++)
        CHECK(request->stdio[i] < 0 || fcntl(request->stdio[i], F_GETFD) == FD_CLOEXEC);
    CHECK(request->control < 0 || fcntl(request->control, F_GETFD) == FD_CLOEXEC);
    CHECK(!request->directory || *request->directory == '/');
    CHECK(request->lines <= 100000);
}

static void decode_one(const Op *op, sd_bus_message *m) {
    _cleanup_(request_free_pointer) Request *request = request_new();
    _cleanup_failure_ Failure failure = { 0 };
    int r = op->decode(m, request, &failure);

    CHECK(r <= 0);
    CHECK((r == 0) == (failure.code == ERROR_NONE));
    if (r < 0) {
        CHECK(failure.message && *failure.message);
        /* It goes to terminals and logs. */
        for (const char *c = failure.message; *c; c++)
            CHECK(*c >= ' ' && *c < 0x7f);
        return;
    }
    check_request(request);
    _cleanup_free_ char *object = op_object(op, request);
    CHECK(object);
}

/* The method is named at the beginning, up to a zero byte, so that the corpus means the same when there are more of them;
 * or else by a number. */
static const Op *choose_op(Input *input) {
    const char *end = memchr(input->bytes, '\0', input->size);
    const Op *op = end ? op_find((const char *)input->bytes) : NULL;
    size_t n;

    if (!op) {
        op = op_all(&n);
        return &op[input_below(input, (unsigned)n)];
    }
    input->size -= (size_t)(end + 1 - (const char *)input->bytes);
    input->bytes = (const uint8_t *)end + 1;
    return op;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Input input = { data, size };
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
    const Op *op;
    int lowest, after;

    if (!bus)
        set_up();
    lowest = dup(0); /* the lowest that is free, as afterwards */
    close(lowest);

    op = choose_op(&input);
    CHECK(sd_bus_message_new_method_call(bus, &m, "org.vpcctl.Vpcd1", "/org/vpcctl/Vpcd1", "org.vpcctl.Vpcd1.Manager",
                  op->entry.x.method.member) >= 0);
    bool exact = input_byte(&input) & 3;
    if (append_all(m, op->entry.x.method.signature, &input, 0, exact) < 0)
        return 0;
    CHECK(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0);
    decode_one(op, m);
    m = sd_bus_message_unref(m);

    after = dup(0);
    close(after);
    CHECK(after == lowest);
    return 0;
}
