# SPDX-License-Identifier: GPL-2.0-or-later
"""Arguments of every wrong kind."""

import os
import random
import socket
import tempfile
import time

from wire import Bus, ERROR, MANAGER, OBJECT, RETURN, SERVICE, memory, service_pid, types_of
from common import (
    DENIED,
    INVALID,
    PREFIX,
    check,
    check_descriptors,
    close_descriptors,
    created_by,
    descriptors_after_use,
    good_value,
    methods,
    note,
)


def nested(depth):
    value = ("s", "core")
    for _ in range(depth):
        value = ("v", value)
    return value


def boxed(depth):
    return (boxed(depth - 1),) if depth else "x"


TEXTS = [
    "",
    " ",
    "a" * 31,
    "a" * 10240,
    "x" * 100000,
    "\x1b[2J",
    "\u202e",
    "%s%n%x",
    "../..",
    "/",
    "-1",
    "0",
    "4294967296",
    "1.2.3.4/33",
    "10.0.0.0/8/8",
    "::/0",
    "fe80::1%eth0/64",
    "0x0a.0.0.0/8",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "256.0.0.0/8",
    "\U0010ffff",
    "allow\n",
    "tcp",
    "ingress",
]
NUMBERS = {
    "q": [0, 1, 65535],
    "u": [0, 1000, 1001, 0x7FFFFFFF, 0xFFFFFFFF],
    "t": [0, 1 << 63, (1 << 64) - 1],
    "b": [0, 1],
    "y": [0, 255],
    "i": [-1 << 31],
    "x": [-1 << 63],
    "d": [float("nan"), float("inf")],
}
OPTIONS = [
    "host-access",
    "subnet-cidr",
    "name",
    "root",
    "environment",
    "directory",
    "as-root",
    "size",
    "restart",
    "since",
    "all",
    "",
    "x" * 5000,
    "\x1b",
    "path",
]
ODD = [
    ("s", ""),
    ("s", "x" * 10240),
    ("b", True),
    ("t", (1 << 64) - 1),
    ("as", ["LD_PRELOAD=/x", "A" * 70000]),
    ("as", ["TERM"] * 5000),
    ("(qq)", (0, 65535)),
    ("a{sv}", [("a", ("s", "b"))]),
    nested(50),
    ("ay", [0] * 5000),
    ("d", 1.0),
    ("g", "a{sv}"),
    ("o", "/"),
    ("aas", [["x"]] * 100),
    ("(s)", ("x",)),
]
RULE = ("ingress", "tcp", 1, 2, "", "allow")
SIGNATURES = [
    ("", []),
    ("s", ["x"]),
    ("u", [1]),
    ("as", [["x"] * 1000]),
    ("a{sv}", [[]]),
    ("v", [nested(55)]),
    ("ay", [[0] * 200000]),
    ("(" * 16 + "s" + ")" * 16, [boxed(16)]),
    ("sssssssssssssssss", ["x"] * 17),
    ("aaaaaaaaaaaaaaas", [[]]),
    ("x", [-1]),
    ("a{ss}", [[("a", "b")] * 100]),
]


def kinds_of_descriptors(directory):
    """name: what makes a descriptor that no program expects."""
    fifo, deleted = os.path.join(directory, "fifo"), os.path.join(directory, "deleted")
    if not os.path.exists(fifo):
        os.mkfifo(fifo)

    def one_of(pair):
        pair[1].close()
        return pair[0].detach()

    def keep(kind):
        left, right = socket.socketpair(socket.AF_UNIX, kind)
        kept.append(right)
        return left.detach()

    def gone():
        fd = os.open(deleted, os.O_RDWR | os.O_CREAT)
        os.unlink(deleted)
        return fd

    def listening():
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server.bind("\0attack" + str(random.random()))
        server.listen()
        return server.detach()

    kept = []
    return {
        "zero": lambda: os.open("/dev/zero", os.O_RDWR),
        "full": lambda: os.open("/dev/full", os.O_RDWR),
        "FIFO": lambda: os.open(fifo, os.O_RDWR),
        "directory": lambda: os.open("/", os.O_RDONLY),
        "O_PATH": lambda: os.open("/etc/passwd", os.O_PATH),
        "O_PATH directory": lambda: os.open("/", os.O_PATH | os.O_DIRECTORY),
        "deleted": gone,
        "proc": lambda: os.open("/proc/self/mem", os.O_RDONLY),
        "namespace": lambda: os.open("/proc/self/ns/net", os.O_RDONLY),
        "stream": lambda: keep(socket.SOCK_STREAM),
        "datagram": lambda: keep(socket.SOCK_DGRAM),
        "packets": lambda: keep(socket.SOCK_SEQPACKET),
        "packets, other end closed": lambda: one_of(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)),
        "listening": listening,
        "unconnected": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach(),
        "tcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach(),
        "event": lambda: os.eventfd(0),
        "memory": lambda: os.memfd_create("x"),
        "process": lambda: os.pidfd_open(os.getpid()),
    }


def hostile_values(type_, kinds, known=()):
    """Makers of values of a type."""
    if type_ == "s":
        return [lambda t=t: t for t in TEXTS]
    if type_ in NUMBERS:
        return [lambda n=n: n for n in NUMBERS[type_]]
    if type_ == "h":
        return list(kinds.values())
    if type_ == "as":
        lists = [
            [],
            [""],
            ["x"] * 1025,
            ["true"] + ["a" * 70000],
            ["\n"],
            ["a" * 4097],
            ["", "x"],
            ["/nowhere"],
            ["x"] * 20000,
        ]
        return [lambda v=v: v for v in lists]
    if type_ == "a(ssqqss)":
        fields = (
            [(0, t) for t in ("", "x" * 1000, "INGRESS")]
            + [(1, t) for t in ("", "sctp", "6")]
            + [(2, 3), (2, 0), (3, 0)]
        )
        fields += [(4, t) for t in TEXTS if t] + [(5, t) for t in ("", "reject", "x" * 1000)]
        rules = [[RULE[:i] + (v,) + RULE[i + 1 :]] for i, v in fields] + [[RULE] * 20000, [RULE] * 1025]
        return [lambda v=v: v for v in rules]
    if type_ == "a{sv}":
        makers = [lambda k=k, v=v: [(k, v)] for k in known for v in ODD]
        makers += [lambda k=k: [(k, ("s", "x"))] for k in OPTIONS if k not in known]
        makers += [lambda k=k, m=m: [(k, ("h", m()))] for k in known for m in kinds.values()]
        makers += [
            lambda: [(f"k{i}", ("s", "v")) for i in range(5000)],
            lambda: [("name", ("s", "twice"))] * 2000,
            lambda: [("environment", ("as", ["TERM=x"]))] * 200,
            lambda: [("directory", ("h", kinds["directory"]()))] * 10,
        ]
        return makers
    raise ValueError(type_)


def descriptors_in(type_, value):
    if type_ == "h":
        return [value]
    if type_ == "a{sv}":
        return [v[1] for _, v in value if v[0] == "h"]
    return []


def hostile(user):
    """Every method and property with arguments of every wrong kind."""
    root = Bus()
    vpcd = service_pid(root)
    vpc = "vpc1"
    if user == "bob":
        vpc = "bobs"
        created_by("bob", vpc, "10.0.0.0/16")
        Bus("bob").ask("AddSubnet", "ssssa{sv}", [vpc, "public", "10.0.1.0/24", "public", []])
    fds, rss = descriptors_after_use(vpcd), memory(vpcd)
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o777)
    kinds = kinds_of_descriptors(directory)
    counts, slow, silent, bus = {}, [], [], Bus(user)

    def ask(path, interface, member, signature, values):
        nonlocal bus
        begin = time.monotonic()
        try:
            answer = bus.call(SERVICE, path, interface, member, signature, values, seconds=30)
            result = answer.result() if answer else "no answer"
        except (ConnectionError, BrokenPipeError):  # the bus itself took offence
            bus, result = Bus(user), "thrown off the bus"
        took = time.monotonic() - begin
        for type_, value in zip(types_of(signature), values):
            for fd in set(descriptors_in(type_, value)):
                os.close(fd)
        counts[result] = counts.get(result, 0) + 1
        if took > 1:
            slow.append((member, signature, str(values)[:80], result, took))
        if result in ("no answer", "org.freedesktop.DBus.Error.NoReply"):
            silent.append((member, signature, str(values)[:80], result))
        return result

    wrong, options, methods_of_vpcd = [], set(), methods(root)
    for method, arguments in methods_of_vpcd:
        signature = "".join(type_ for _, type_ in arguments)
        for other, values in SIGNATURES:
            if other != signature:
                result = ask(OBJECT, MANAGER, method, other, values)
                if result in ("ok", DENIED):
                    wrong.append((method, other, result))
        known = []
        for option in OPTIONS:  # which of them the method reads at all
            values = [
                [(option, ("(s)", ("x",)))] if t == "a{sv}" else good_value(method, n, t, vpc) for n, t in arguments
            ]
            answer = bus.ask(method, signature, values)
            close_descriptors(arguments, values)
            if answer.type == ERROR and "its type is" in answer.body[0]:
                known.append(option)
        for i, (_, type_) in enumerate(arguments):
            for make in hostile_values(type_, kinds, known):
                values = [make() if i == j else good_value(method, n, t, vpc) for j, (n, t) in enumerate(arguments)]
                ask(OBJECT, MANAGER, method, signature, values)
        values = [hostile_values(t, kinds)[-1]() for _, t in arguments]
        ask(OBJECT, MANAGER, method, signature, values)
        options |= set(known)
    check(
        "the options that there are were found",
        options
        >= {
            "host-access",
            "name",
            "root",
            "environment",
            "directory",
            "as-root",
            "size",
            "restart",
            "since",
            "all",
            "subnet-cidr",
        },
        str(options),
    )
    refused = {
        "control": set(kinds) - {"packets", "packets, other end closed", "listening", "unconnected"},
        "root": set(kinds) - {"directory", "O_PATH directory"},
        "directory": set(kinds) - {"directory", "O_PATH directory"},
        "stdin": {"O_PATH", "O_PATH directory", "directory"},
    }
    taken = []
    for what, bad in refused.items():
        for kind in bad:
            method = "DeployWebserver" if what == "root" else "Exec"
            arguments = dict(methods_of_vpcd)[method]
            values = [
                [(what, ("h", kinds[kind]()))]
                if t == "a{sv}" and what in ("root", "directory")
                else kinds[kind]()
                if n == what
                else good_value(method, n, t, vpc)
                for n, t in arguments
            ]
            if ask(OBJECT, MANAGER, method, "".join(t for _, t in arguments), values) != INVALID:
                taken.append((what, kind))
    check("a descriptor that is not what it should be is refused", not taken, str(taken))
    check("other types than a method's are refused before anything else", not wrong, str(wrong))
    objects = root.call(SERVICE, OBJECT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects").body[0]
    paths = [path for path, _ in objects]
    odd = [
        OBJECT + end
        for end in (
            "/vpc",
            "/vpc/_",
            "/vpc/_zz",
            "/vpc/nothere",
            "/vpc/vpc1/x/y",
            "/subnet/vpc1",
            "/subnet/vpc1/public/x",
            "/endpoint",
            "/peering/vpc1/vpc1",
            "/workload/a/b/c",
            "/vpc/" + "a" * 5000,
            "/x",
        )
    ] + ["/", "/org"]
    interfaces_ = [SERVICE + "." + kind for kind in ("Manager", "Vpc", "Subnet", "Endpoint", "Peering", "Workload")] + [
        "x.y",
        "org.freedesktop.DBus.Properties",
    ]
    changed = []
    for path in [OBJECT] + paths + odd:
        for member, signature, values in (("Introspect", "", []), ("Introspect", "s", ["x"])):
            ask(path, "org.freedesktop.DBus.Introspectable", member, signature, values)
        for member in ("Ping", "GetMachineId", "Nothing"):
            ask(path, "org.freedesktop.DBus.Peer", member, "", [])
        ask(path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", [])
        for interface in interfaces_ if path in [OBJECT] + paths[:6] else interfaces_[:2]:
            ask(path, "org.freedesktop.DBus.Properties", "GetAll", "s", [interface])
            for name in ("Name", "OwnerUid", "Generation", "Version", "Nothing", "", "x" * 5000):
                ask(path, "org.freedesktop.DBus.Properties", "Get", "ss", [interface, name])
                for value in (("u", 0), ("s", "x"), ("t", 5)) if path in paths + [OBJECT] else [nested(50)]:
                    if ask(path, "org.freedesktop.DBus.Properties", "Set", "ssv", [interface, name, value]) == "ok":
                        changed.append((path, interface, name, value))
    check("no property can be set", not changed, str(changed[:5]))
    note(f"{sum(counts.values())} calls: {counts}")
    check("every call had an answer", not silent, str(silent[:5]))
    check("within a second", not slow, "\n".join(map(str, slow[:8])))
    if user != "bob":
        check(
            "none got as far as a change",
            not [r for r in counts if r.startswith(PREFIX) and "NoSuch" not in r],
            str(counts),
        )
    else:
        purged = Bus("bob").ask("Purge", "a{sv}", [[]], seconds=100)
        check("what is left of it can be removed", purged and purged.type == RETURN, str(purged and purged.body))
    check("vpcd is the same process", service_pid(root) == vpcd)
    check_descriptors(vpcd, fds)
    limit = 200 if os.environ.get("LAB_SANITIZE") else 8
    note(f"resident before {rss} KiB, after {memory(vpcd)} KiB")
    check(f"memory is within {limit} MiB of what it was", memory(vpcd) - rss < limit * 1024, f"{rss}, {memory(vpcd)}")
