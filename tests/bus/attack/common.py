# SPDX-License-Identifier: GPL-2.0-or-later
"""What the attacks share: checks, a person with a password agent, what vpcd offers and has made."""

import multiprocessing
import os
import pwd
import re
import select
import signal
import socket
import time
import xml.etree.ElementTree

from wire import (
    AUTHORITY,
    Bus,
    CALL,
    ERROR,
    INTERACTIVE,
    MANAGER,
    OBJECT,
    POLKIT,
    POLKIT_PATH,
    RETURN,
    SERVICE,
    descriptors,
    pack,
    start_time,
)

PREFIX = "org.vpcctl.Vpcd1.Error."
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
LIMIT = "org.freedesktop.DBus.Error.LimitsExceeded"
AGENT_PATH = "/org/vpcctl/attack/agent"
NOBODY = "nobody"


def check(name, good, why=""):
    print(f"ok - {name}" if good else f"not ok - {name}\n{why}", flush=True)
    return good


def skip(name, why):
    print(f"skip - {name}\n{why}", flush=True)


def note(text):
    print(f"# {text}", flush=True)


def eventually(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Prompt:
    def __init__(self, number, action, message, cookie, identities):
        self.number, self.action, self.message, self.cookie, self.identities = (
            number,
            action,
            message,
            cookie,
            identities,
        )
        # What a person reads: "Authentication is needed for vpcctl: verb: vpc-delete, vpc: blue, owner: 2001"
        self.details = dict(re.findall(r"(\w+): ([^,]*)", message.partition(": ")[2]))


class Person:
    def __init__(self, user, agent=True):
        self.user, self.prompts, self.cancelled, self.replies = user, [], set(), {}
        self.pipe, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.pipe.close()
                _become(user)
                _Desk(theirs, agent).run()
            finally:
                os._exit(0)
        theirs.close()
        kind, self.name = self.pipe.recv()
        assert kind == "name", self.name

    def _note(self, event):
        kind, *rest = event
        if kind == "prompt":
            self.prompts.append(Prompt(*rest))
        elif kind == "cancelled":
            self.cancelled.add(rest[0])
        else:
            self.replies[rest[0]] = rest[1:]

    def look(self, seconds=0.0):
        while self.pipe.poll(seconds):
            self._note(self.pipe.recv())
            seconds = 0

    def until(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.look(left)
        return True

    def send(self, *calls, connection=0):
        """Sends (member, signature, arguments) each, all in one write; gives a key per call."""
        self.pipe.send(("calls", connection, calls))
        keys = None
        while keys is None:
            event = self.pipe.recv()
            if event[0] == "sent":
                keys = event[1]
            else:
                self._note(event)
        return [(connection, serial) for serial in keys]

    def prompt(self, verb=None, seconds=10):
        """Takes the next prompt (about this verb)."""

        def find():
            return [p for p in self.prompts if verb in (None, p.details.get("verb"))]

        if not self.until(find, seconds):
            return None
        prompt = find()[0]
        self.prompts.remove(prompt)
        return prompt

    def answer(self, key, seconds=10):
        """(result, body, when) of a call, or None."""
        return self.replies.pop(key) if self.until(lambda: key in self.replies, seconds) else None

    def result(self, key, seconds=10):
        answer = self.answer(key, seconds)
        return answer[0] if answer else "no answer"

    def approve(self, prompt):
        """As the setuid helper of an agent would, once it has seen the right password: that of carol, who administers."""
        identity = next(i for i in prompt.identities if dict(i[1])["uid"][1] == pwd.getpwnam("carol").pw_uid)
        root = Bus()
        answer = root.call(
            POLKIT,
            POLKIT_PATH,
            AUTHORITY,
            "AuthenticationAgentResponse2",
            "us(sa{sv})",
            [pwd.getpwnam(self.user).pw_uid, prompt.cookie, identity],
        )
        root.close()
        self.pipe.send(("finish", prompt.number))
        return answer.type == RETURN

    def dismiss(self, prompt):
        self.pipe.send(("dismiss", prompt.number))

    def open(self):
        self.pipe.send(("open",))

    def close(self, connection):
        self.pipe.send(("close", connection))

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _become(user):
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def register_agent(bus):
    """A password agent for this process, reached over this connection."""
    subject = (
        "unix-process",
        [("pid", ("u", os.getpid())), ("start-time", ("t", start_time(os.getpid()))), ("uid", ("i", os.getuid()))],
    )
    answer = bus.call(
        POLKIT, POLKIT_PATH, AUTHORITY, "RegisterAuthenticationAgent", "(sa{sv})ss", [subject, "C", AGENT_PATH]
    )
    assert answer and answer.type == RETURN, answer and (answer.error, answer.body)


def _opened(kind, path):
    """A descriptor, which a Person makes for itself."""
    if kind == "open":
        return os.open(path, os.O_RDWR)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    return theirs.detach()


class _Desk:
    """The process of a Person: connections that call, and one that is the agent."""

    def __init__(self, pipe, agent):
        self.pipe, self.connections, self.agent, self.open_prompts, self.taken_back = pipe, [Bus()], None, {}, []
        if agent:
            self.agent = Bus()
            register_agent(self.agent)
        pipe.send(("name", self.connections[0].name))

    def run(self):
        while True:
            wanted = [self.pipe] + [c for c in self.connections + [self.agent] if c]
            while self.taken_back and self.taken_back[0][0] < time.monotonic():
                self.command("dismiss", self.taken_back.pop(0)[1])
            for ready in select.select(wanted, [], [], 0.05 if self.taken_back else None)[0]:
                if ready is self.pipe:
                    self.command(*self.pipe.recv())
                elif ready is self.agent:
                    self.drain(ready, self.asked)
                elif ready in self.connections:
                    number = self.connections.index(ready)
                    self.drain(ready, lambda m, n=number: self.answered(n, m))

    @staticmethod
    def drain(bus, take):
        message = bus.receive(0)
        while message:
            take(message)
            message = bus.receive(0)

    def command(self, kind, *rest):
        if kind == "calls":
            bus, data, fds, serials = self.connections[rest[0]], b"", [], []
            for member, signature, arguments in rest[1]:
                bus.serial += 1
                arguments = [_opened(*a) if isinstance(a, tuple) else a for a in arguments]
                one, own = pack(
                    CALL, {1: OBJECT, 2: MANAGER, 3: member, 6: SERVICE}, signature, arguments, bus.serial, INTERACTIVE
                )
                if own and data:  # descriptors go with the first byte of their own message
                    bus.send_raw(data)
                    data = b""
                data += one
                fds += own
                serials.append(bus.serial)
            bus.send_raw(data, fds)
            for fd in fds:
                os.close(fd)
            self.pipe.send(("sent", serials))
        elif kind == "open":
            self.connections.append(Bus())
        elif kind == "close":
            self.connections[rest[0]].close()
            self.connections[rest[0]] = None
        elif kind == "finish" and rest[0] in self.open_prompts:
            self.agent.reply(self.open_prompts.pop(rest[0]))
        elif kind == "dismiss" and rest[0] in self.open_prompts:
            self.agent.reply_error(self.open_prompts.pop(rest[0]), "org.freedesktop.PolicyKit1.Error.Cancelled", "no")

    def asked(self, message):
        if message.member == "BeginAuthentication":
            action, text, _, _, cookie, identities = message.body
            self.open_prompts[message.serial] = message
            self.pipe.send(("prompt", message.serial, action, text, cookie, identities))
        elif message.member == "CancelAuthentication":
            self.pipe.send(("cancelled", message.body[0]))
            self.agent.reply(message)
            # A moment later, as a person's agent would: polkit 122 with GLib 2.74 can lock itself up when the answer to a
            # question comes while it cancels it. Whoever has an agent can do that to it, vpcd or not.
            self.taken_back += [
                (time.monotonic() + 0.1, number)
                for number, prompt in self.open_prompts.items()
                if prompt.body[4] == message.body[0]
            ]

    def answered(self, number, message):
        if message.type in (RETURN, ERROR):
            self.pipe.send(("reply", (number, message.reply_serial), message.result(), message.body, time.monotonic()))


def interfaces(bus, path=OBJECT):
    text = bus.call(SERVICE, path, "org.freedesktop.DBus.Introspectable", "Introspect").body[0]
    return {i.get("name"): i for i in xml.etree.ElementTree.fromstring(text).iter("interface")}


def methods(bus):
    """[(name, [(argument's name, type)])] of the manager."""
    return [
        (m.get("name"), [(a.get("name"), a.get("type")) for a in m.findall("arg") if a.get("direction") != "out"])
        for m in interfaces(bus)[MANAGER].findall("method")
    ]


def changes(name):
    return not name.startswith(("List", "Get", "Check"))


def good_value(method, name, type_, vpc="vpc1"):
    """What the method would take. The objects are those that the suite has made."""
    if type_ == "s":
        new = method.startswith(("Create", "Add"))
        if name in ("vpc", "vpc1"):
            return vpc
        if name == "name":
            return (
                "walked"
                if new or method == "Deploy"
                else vpc
                if "Vpc" in method
                else "public"
                if "Subnet" in method
                else "webserver"
            )
        if name == "cidr":
            return "10.77.0.0/16" if "Vpc" in method else "10.0.77.0/24"
        return {
            "vpc2": "vpc2",
            "interface": "eth0",
            "verb": "vpc-delete",
            "ingress_default": "deny",
            "egress_default": "allow",
        }.get(name, "public")
    if type_ == "h":
        if name == "control":
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.close()
            return theirs.detach()
        return os.open("/dev/null", os.O_RDWR)
    return {
        "q": 8081,
        "u": 5,
        "t": 0,
        "b": False,
        "as": ["true"],
        "a{sv}": [],
        "a(ssqqss)": [("ingress", "tcp", 1, 2, "", "allow")],
    }[type_]


def close_descriptors(arguments, values):
    for (_, type_), value in zip(arguments, values):
        if type_ == "h":
            os.close(value)


def owned_by_bus():
    """The names of the VPCs as the service lists them."""
    bus = Bus()
    answer = bus.ask("ListVpcs", "a{sv}", [[]])
    bus.close()
    return {dict(vpc)["Name"][1] for vpc in answer.body[0]}


def owned_on_disk():
    return {name[: -len(".json")] for name in os.listdir("/var/lib/vpcctl/vpcs") if name.endswith(".json")}


def owned_in_kernel():
    names = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
    return {name for name in names if "-" not in name}


CREATE, DELETE = ("CreateVpc", "ssa{sv}"), ("DeleteVpc", "sa{sv}")


def created_by(user, name, cidr):
    bus = Bus(user)
    answer = bus.ask("CreateVpc", "ssa{sv}", [name, cidr, []])
    bus.close()
    assert answer.type == RETURN, (answer.error, answer.body)


def deleted_by_root(name):
    bus = Bus()
    answer = bus.ask("DeleteVpc", "sa{sv}", [name, []])
    bus.close()
    return answer.type == RETURN


def descriptors_after_use(vpcd):
    """How many vpcd has open, once it has opened what it keeps open."""
    created_by("alice", "warm", "10.249.0.0/16")
    deleted_by_root("warm")
    return descriptors(vpcd)


def check_descriptors(vpcd, before):
    check(
        "no descriptor is left open",
        eventually(10, lambda: descriptors_after_use(vpcd) <= before),
        f"{descriptors(vpcd)}, {before} before",
    )
