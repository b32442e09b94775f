# SPDX-License-Identifier: GPL-2.0-or-later
"""A D-Bus client that may say anything: forged replies, odd descriptors, hundreds of calls before it reads an answer. No
library would send most of that, so this one knows the wire format itself.

Values: a variant is (signature, value); a dictionary is a list of pairs; a descriptor is a number, sent with the message.
"""

import os
import pwd
import select
import socket
import struct
import time

SOCKET = "/run/dbus/system_bus_socket"
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY, NO_AUTO_START, INTERACTIVE = 1, 2, 4
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
SERVICE, OBJECT, MANAGER = "org.vpcctl.Vpcd1", "/org/vpcctl/Vpcd1", "org.vpcctl.Vpcd1.Manager"
POLKIT, POLKIT_PATH = "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority"
AUTHORITY = "org.freedesktop.PolicyKit1.Authority"

FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d"}
ALIGNMENT = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}


def first_type(signature):
    """The first complete type of a signature."""
    i = 0
    while signature[i] == "a":
        i += 1
    if signature[i] in "({":
        depth, start = 0, i
        for i in range(start, len(signature)):
            depth += (signature[i] in "({") - (signature[i] in ")}")
            if depth == 0:
                break
    return signature[: i + 1]


def types_of(signature):
    while signature:
        one = first_type(signature)
        yield one
        signature = signature[len(one) :]


class Writer:
    def __init__(self):
        self.data, self.fds = bytearray(), []

    def align(self, n):
        self.data += bytes(-len(self.data) % n)

    def add(self, type_, value):
        data = self.data
        self.align(ALIGNMENT.get(type_[0], 4))
        if type_ in FIXED:
            data += struct.pack("<" + FIXED[type_], value)
        elif type_ in "so":
            text = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
            data += struct.pack("<I", len(text)) + text + b"\0"
        elif type_ == "g":
            data += bytes([len(value)]) + value.encode() + b"\0"
        elif type_ == "h":
            data += struct.pack("<I", len(self.fds))
            self.fds.append(value)
        elif type_ == "v":
            self.add("g", value[0])
            self.add(value[0], value[1])
        elif type_[0] == "a":
            at = len(data)
            data += bytes(4)
            self.align(ALIGNMENT.get(type_[1], 4))
            start = len(data)
            for element in value:
                self.add(type_[1:], element)
            struct.pack_into("<I", data, at, len(data) - start)
        elif type_[0] in "({":
            for one, element in zip(types_of(type_[1:-1]), value, strict=True):
                self.add(one, element)
        else:
            raise ValueError(type_)


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def get(self, type_):
        n = ALIGNMENT.get(type_[0], 4)
        self.at += -self.at % n
        if type_ in FIXED or type_ == "h":
            form = "<" + FIXED.get(type_, "I")
            (value,) = struct.unpack_from(form, self.data, self.at)
            self.at += struct.calcsize(form)
            return value
        if type_ in "sog":
            size = self.data[self.at] if type_ == "g" else struct.unpack_from("<I", self.data, self.at)[0]
            self.at += 1 if type_ == "g" else 4
            value = self.data[self.at : self.at + size].decode()
            self.at += size + 1
            return value
        if type_ == "v":
            inner = self.get("g")
            return inner, self.get(inner)
        if type_[0] == "a":
            size = self.get("u")
            self.at += -self.at % ALIGNMENT.get(type_[1], 4)
            end, values = self.at + size, []
            while self.at < end:
                values.append(self.get(type_[1:]))
            return values
        return tuple(self.get(one) for one in types_of(type_[1:-1]))


class Message:
    def __init__(self, type_, flags, serial, fields, body):
        self.type, self.flags, self.serial, self.body = type_, flags, serial, body
        self.path, self.interface, self.member = fields.get(1), fields.get(2), fields.get(3)
        self.error, self.reply_serial = fields.get(4), fields.get(5)
        self.destination, self.sender = fields.get(6), fields.get(7)

    def result(self):
        """ "ok", or the error's name."""
        return "ok" if self.type == RETURN else self.error


def pack(type_, fields, signature="", args=(), serial=1, flags=0):
    """The bytes of a message and its descriptors. `fields` are numbered as in the specification."""
    body = Writer()
    for one, value in zip(types_of(signature), args, strict=True):
        body.add(one, value)
    fields = dict(fields)
    if signature:
        fields[8] = signature
    if body.fds:
        fields[9] = len(body.fds)
    head = Writer()
    head.data += struct.pack("<BBBBII", ord("l"), type_, flags, 1, len(body.data), serial)
    head.add("a(yv)", [(key, ({1: "o", 5: "u", 8: "g", 9: "u"}.get(key, "s"), value)) for key, value in fields.items()])
    head.align(8)
    return bytes(head.data + body.data), body.fds


class Bus:
    """A connection. `user`: of a process that is root, the connection's credentials are those of that user."""

    def __init__(self, user=None, path=SOCKET, hello=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        if user is None:
            self.uid = os.geteuid()
            self.socket.connect(path)
        else:
            entry = pwd.getpwnam(user)
            groups, self.uid = os.getgroups(), entry.pw_uid
            os.initgroups(user, entry.pw_gid)
            os.setegid(entry.pw_gid)
            os.seteuid(entry.pw_uid)
            try:
                self.socket.connect(path)
            finally:
                os.seteuid(0)
                os.setegid(0)
                os.setgroups(groups)
        self.serial, self.buffer, self.waiting, self.queue = 0, b"", {}, []
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(self.uid).encode().hex().encode() + b"\r\n")
        self._line(b"OK")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self._line(b"AGREE_UNIX_FD")
        self.socket.sendall(b"BEGIN\r\n")
        self.name = self.call_bus("Hello").body[0] if hello else None

    def _line(self, wanted):
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(512)
            if not data:
                raise ConnectionError("the bus closes the connection")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        if not line.startswith(wanted):
            raise ConnectionError(line)

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def send_raw(self, data, fds=()):
        if fds:
            sent = socket.send_fds(self.socket, [data[:65536]], list(fds))
            data = data[sent:]
        self.socket.sendall(data)

    def send(self, type_, fields, signature="", args=(), flags=0):
        self.serial += 1
        self.send_raw(*pack(type_, fields, signature, args, self.serial, flags))
        return self.serial

    def start(self, destination, path, interface, member, signature="", args=(), flags=0):
        """Sends a call; gives its serial."""
        return self.send(CALL, {1: path, 2: interface, 3: member, 6: destination}, signature, args, flags)

    def reply(self, call, signature="", args=()):
        self.send(RETURN, {5: call.serial, 6: call.sender}, signature, args)

    def reply_error(self, call, name, text=""):
        self.send(ERROR, {4: name, 5: call.serial, 6: call.sender}, "s", [text])

    def _parse(self):
        if len(self.buffer) < 16:
            return None
        _, type_, flags, _, size, serial, fields_size = struct.unpack_from("<BBBBIII", self.buffer)
        start = 16 + fields_size
        start += -start % 8
        if len(self.buffer) < start + size:
            return None
        fields = {key: value[1] for key, value in Reader(self.buffer, 12).get("a(yv)")}
        reader = Reader(self.buffer[start : start + size])
        body = [reader.get(one) for one in types_of(fields.get(8, ""))]
        self.buffer = self.buffer[start + size :]
        return Message(type_, flags, serial, fields, body)

    def receive(self, seconds):
        """The next message, or None when the time is over."""
        if self.queue:
            return self.queue.pop(0)
        return self._receive(time.monotonic() + seconds)

    def _receive(self, end):
        while True:
            message = self._parse()
            if message:
                return message
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                return None
            data, fds, _, _ = socket.recv_fds(self.socket, 262144, 64)
            for fd in fds:
                os.close(fd)
            if not data:
                raise ConnectionError("the bus closes the connection")
            self.buffer += data

    def wait(self, serial, seconds=30):
        """The answer to a call, or None. Other messages are kept for receive()."""
        end = time.monotonic() + seconds
        for i, message in enumerate(self.queue):
            if message.reply_serial == serial:
                return self.queue.pop(i)
        while True:
            message = self._receive(end)
            if not message or message.reply_serial == serial:
                return message
            self.queue.append(message)

    def call(self, destination, path, interface, member, signature="", args=(), flags=0, seconds=30):
        return self.wait(self.start(destination, path, interface, member, signature, args, flags), seconds)

    def call_bus(self, member, signature="", args=()):
        return self.call(BUS, BUS_PATH, BUS, member, signature, args)

    def manager(self, member, signature="", args=(), flags=0):
        """Sends a call of vpcd's manager; gives its serial."""
        return self.start(SERVICE, OBJECT, MANAGER, member, signature, args, flags)

    def ask(self, member, signature="", args=(), flags=0, seconds=30):
        return self.wait(self.manager(member, signature, args, flags), seconds)


class Monitor:
    """All that passes on the bus from now on, as root."""

    def __init__(self):
        self.bus = Bus()
        self.seen = []
        answer = self.bus.call(BUS, BUS_PATH, "org.freedesktop.DBus.Monitoring", "BecomeMonitor", "asu", [[], 0])
        assert answer.type == RETURN, answer.error

    def collect(self, seconds=0.3):
        """What has been seen so far and in so many seconds from now."""
        end = time.monotonic() + seconds
        while message := self.bus.receive(max(0, end - time.monotonic())):
            self.seen.append(message)
        return self.seen


def start_time(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def service_pid(bus):
    """vpcd, started if it was not there."""
    bus.call(SERVICE, OBJECT, "org.freedesktop.DBus.Peer", "Ping")
    return bus.call_bus("GetConnectionUnixProcessID", "s", [SERVICE]).body[0]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid):
    """Resident, in KiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])
