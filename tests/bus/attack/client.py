# SPDX-License-Identifier: GPL-2.0-or-later
"""vpcctl under forged messages, on a bus of the attacker, in a hostile environment."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from wire import BUS, BUS_PATH, Bus, CALL, ERROR, MANAGER, OBJECT, RETURN, SERVICE, SIGNAL, service_pid
from common import DENIED, check, created_by, deleted_by_root, eventually
from arguments import nested


def name_of(root, pid, seconds=5):
    """The unique name of a process's connection."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in root.call_bus("ListNames").body[0]:
            if name.startswith(":"):
                answer = root.call_bus("GetConnectionUnixProcessID", "s", [name])
                if answer.type == RETURN and answer.body[0] == pid:
                    return name
        time.sleep(0.02)
    return None


def forged():
    """Signals and answers that pose as vpcd's."""
    root = Bus()
    vpcd = service_pid(root)
    real = root.call_bus("GetNameOwner", "s", [SERVICE]).body[0]
    outputs = {"text": tempfile.TemporaryFile("w+"), "json": tempfile.TemporaryFile("w+")}
    watching = {
        kind: subprocess.Popen(
            ["as", "alice", "vpcctl", "monitor"] + (["--json"] if kind == "json" else []),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        for kind, out in outputs.items()
    }
    names_ = {kind: name_of(root, process.pid) for kind, process in watching.items()}
    time.sleep(0.3)  # its matches

    def text(kind):
        outputs[kind].seek(0)
        return outputs[kind].read()

    def seen(word):
        return eventually(5, lambda: all(word in text(kind) for kind in outputs))

    created_by("alice", "real1", "10.91.0.0/16")
    check("a real change is seen", seen("real1"))

    body = ["vpc", "forged", "deleted", 0, 99]
    for user in ("mallory", "bob", "alice"):
        for round_ in range(3):
            bus = Bus(user)
            for target in names_.values():
                changed = {1: OBJECT, 2: MANAGER, 3: "Changed", 6: target}
                moved = {1: BUS_PATH, 2: BUS, 3: "NameOwnerChanged", 6: target}
                bus.send(SIGNAL, changed, "sssut", body)
                bus.send(SIGNAL, moved, "sss", [SERVICE, real, bus.name])  # "vpcd is me now"
                bus.send(SIGNAL, changed, "sssut", body)
                bus.send(SIGNAL, moved, "sss", [SERVICE, "", real])
                bus.send(SIGNAL, changed, "sssut", body)
                bus.send(SIGNAL, moved, "sss", [SERVICE, real, ""])  # "vpcd is gone"
                for serial in range(1, 60):
                    bus.send(RETURN, {5: serial, 6: target}, "s", [bus.name])
                    bus.send(ERROR, {4: DENIED, 5: serial, 6: target}, "s", ["forged"])
            bus.send(SIGNAL, {1: OBJECT, 2: MANAGER, 3: "Changed"}, "sssut", body)
            bus.call_bus("GetId")
            bus.close()
            bus = Bus(user)
            with contextlib.suppress(ConnectionError, BrokenPipeError):  # "the bus is gone"; it does not let that pass
                for target in names_.values():
                    bus.send(
                        SIGNAL,
                        {
                            1: "/org/freedesktop/DBus/Local",
                            2: "org.freedesktop.DBus.Local",
                            3: "Disconnected",
                            6: target,
                        },
                    )
                bus.call_bus("GetId")
            bus.close()
            answer = None
            bus = Bus(user)
            answer = bus.call_bus("RequestName", "su", [SERVICE, 7])
            bus.close()
            if round_ == 0:
                check(f"{user} cannot take the name of the service", answer.error == DENIED, str(answer.result()))
    created_by("alice", "real2", "10.92.0.0/16")
    check("the next real change is seen", seen("real2"), text("text"))
    check("and none of the forged ones", not any("forged" in text(kind) for kind in outputs), text("text"))
    check("monitor goes on", all(process.poll() is None for process in watching.values()))
    for process in watching.values():
        process.terminate()
        process.wait()

    # Answers to a call that waits. vpcd stands still meanwhile.
    os.kill(vpcd, signal.SIGSTOP)
    try:
        listing = subprocess.Popen(
            ["as", "alice", "vpcctl", "vpc", "list"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        target = name_of(root, listing.pid)
        time.sleep(0.2)
        for user in ("mallory", "bob", "alice"):
            bus = Bus(user)
            for serial in range(1, 40):
                bus.send(
                    RETURN,
                    {5: serial, 6: target},
                    "aa{sv}",
                    [[[("Name", ("s", "forged")), ("Cidr", ("s", "6.6.6.6/32"))]]],
                )
                bus.send(ERROR, {4: DENIED, 5: serial, 6: target}, "s", ["forged"])
            bus.send(
                SIGNAL,
                {
                    1: "/org/freedesktop/systemd1",
                    2: "org.freedesktop.systemd1.Activator",
                    3: "ActivationFailure",
                    6: target,
                },
                "sss",
                [SERVICE, "forged", "forged"],
            )
            bus.call_bus("GetId")
            bus.close()
        time.sleep(0.2)
        check("forged answers do not end the wait", listing.poll() is None)
    finally:
        os.kill(vpcd, signal.SIGCONT)
    output = listing.communicate(timeout=20)[0]
    check(
        "the real answer is what counts",
        listing.returncode == 0 and "real1" in output and "forged" not in output,
        output,
    )
    deleted_by_root("real1")
    deleted_by_root("real2")
    check("vpcd is the same process", service_pid(root) == vpcd)


def _fake_bus(listener, answer):
    """A bus that answers whatever is asked with `answer`: (type, signature, values)."""
    while True:
        client, _ = listener.accept()
        side = Bus.__new__(Bus)
        side.socket, side.buffer, side.serial, side.queue, side.waiting = client, b"", 0, [], {}
        with contextlib.suppress(OSError, ConnectionError, ValueError, KeyError, IndexError):
            data = b""
            while b"BEGIN\r\n" not in data:
                data += client.recv(4096)
                sent = data.count(b"\r\n")
                for line in data.split(b"\r\n")[:sent]:
                    line = line.lstrip(b"\0")
                    if line.startswith(b"AUTH"):
                        client.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                    elif line.startswith(b"DATA"):
                        client.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                    elif line.startswith(b"NEGOTIATE"):
                        client.sendall(b"AGREE_UNIX_FD\r\n")
                data = data[data.rfind(b"\r\n") + 2 :] if b"BEGIN\r\n" not in data else data
            side.buffer = data[data.index(b"BEGIN\r\n") + 7 :]
            while True:
                message = side.receive(20)
                if not message:
                    break
                head = {5: message.serial, 6: ":1.1", 7: SERVICE if message.destination == SERVICE else BUS}
                if message.member == "Hello":
                    side.send(RETURN, head, "s", [":1.1"])
                elif message.member in ("AddMatch", "RemoveMatch"):
                    side.send(RETURN, head)
                elif message.member == "GetNameOwner":
                    side.send(RETURN, head, "s", [":1.2"])
                elif message.member == "GetConnectionUnixUser":
                    side.send(RETURN, head, "u", [2003])
                elif message.type == CALL:
                    kind, signature, values = answer
                    side.send(kind, head | ({4: "x.y"} if kind == ERROR else {}), signature, values)
        client.close()


def client():
    """vpcctl for a user whose environment is an attacker's. What it does is done with that user's rights only."""
    root = Bus()
    vpcd = service_pid(root)
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o777)
    marker = os.path.join(directory, "marker")
    bin_ = os.path.join(directory, "bin")
    os.mkdir(bin_, 0o755)
    for program in ("pkttyagent", "sh", "bash", "ip", "nft", "systemctl", "busctl", "busybox", "id"):
        with open(os.path.join(bin_, program), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n/usr/bin/touch {marker}\n")
        os.chmod(os.path.join(bin_, program), 0o755)

    long = [
        ("Name", ("s", "\x1b]0;gotcha\x07" + "x" * 1000)),
        ("Cidr", ("s", "\x1b[2J\u202e\n\r")),
        ("OwnerUid", ("u", 0)),
        ("Subnets", ("as", ["\x1b[31m"] * 50)),
        ("Peers", ("as", ["\n"])),
        ("NatInterface", ("s", "\x9b31m")),
    ]
    answers = {
        "escapes": (RETURN, "aa{sv}", [[long]]),
        "a mapping": (RETURN, "a{sv}", [long]),
        "nothing": (RETURN, "", []),
        "a number": (RETURN, "t", [(1 << 64) - 1]),
        "nested": (RETURN, "v", [nested(50)]),
        "text": (RETURN, "s", ["\x1b[2J"]),
        "many": (RETURN, "aa{sv}", [[[("Name", ("s", str(i)))] for i in range(20000)]]),
        "wrong types": (RETURN, "aa{sv}", [[[("Name", ("u", 1)), ("Cidr", ("as", [])), ("OwnerUid", ("s", "x"))]]]),
        "rules": (RETURN, "bssa(ssqqss)", [True, "\x1b[2J", "\n", [("\x1b", "\x1b", 9, 1, "\x1b", "\x1b")] * 10]),
        "log": (
            RETURN,
            "as",
            [["time=\x1b[2J uid=4294967295 verb=\x1b", "", "=", "\n\n", "x" * 100000, "uid=99999999999999999999"]],
        ),
        "an error": (ERROR, "s", ["\x1b[2J\x1b]0;gotcha\x07\u202e"]),
        "an odd error": (ERROR, "", []),
        "a unit": (RETURN, "s", ["\x1b[2J"]),
    }
    commands = (
        ["vpc", "list"],
        ["vpc", "show", "vpc1"],
        ["subnet", "list", "--vpc", "vpc1"],
        ["peer", "list"],
        ["deploy", "list"],
        ["firewall", "show", "--vpc", "vpc1", "--subnet", "public"],
        ["log"],
        ["vpc", "list", "--json"],
        ["whoami"],
        ["vpc", "create", "vpc9", "10.9.0.0/16"],
        ["exec", "--vpc", "vpc1", "--subnet", "public", "true"],
        ["can", "vpc-delete", "vpc1"],
        ["log", "--json"],
        ["cleanup", "--yes"],
    )
    env = [
        "env",
        "-i",
        f"PATH={bin_}",
        "HOME=/proc/1/root",
        "TERM=\x1b[2J",
        "LANG=../../x",
        f"LD_LIBRARY_PATH={bin_}",
        "LD_PRELOAD=",
        "SYSTEMD_LOG_LEVEL=debug",
    ] + [f"{n}={os.environ[n]}" for n in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if n in os.environ]
    plain = subprocess.run(["as", "alice", "vpcctl", "vpc", "list"], capture_output=True, check=False)
    crashed, raw, hung = [], [], []
    for kind, answer in answers.items():
        path = os.path.join(directory, "bus-" + kind.replace(" ", "-"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(64)
            os.chmod(path, 0o777)
            pid = os.fork()
            if pid == 0:
                try:
                    _fake_bus_each(listener, answer)
                finally:
                    os._exit(0)
        running = [
            (
                command,
                subprocess.Popen(
                    ["as", "mallory", *env, f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={path}", "/usr/bin/vpcctl", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                ),
            )
            for command in commands
        ]
        for command, process in running:
            try:
                out, err = process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                hung.append((kind, command))
                continue
            if process.returncode < 0 or process.returncode > 125:
                crashed.append((kind, command, process.returncode, err[-300:]))
            commands_it = rb"[\x00-\x08\x0b-\x1f\x7f]" + (
                b"" if "--json" in command else rb"|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]"
            )
            if re.search(commands_it, out + err):
                raw.append((kind, command, (out + err)[:200]))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    check("a bus of the attacker: no crash", not crashed, "\n".join(map(str, crashed[:6])))
    check(
        "a bus of the attacker: nothing reaches the terminal that commands it", not raw, "\n".join(map(str, raw[:12]))
    )
    check("a bus of the attacker: no command hangs", not hung, str(hung))
    again = subprocess.run(["as", "alice", *env, "/usr/bin/vpcctl", "vpc", "list"], capture_output=True, check=False)
    check(
        "a hostile environment changes nothing in what is said",
        again.stdout == plain.stdout and again.returncode == 0,
        f"{plain.stdout} {again.stdout} {again.stderr}",
    )
    drive = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../net/pty-drive.py")
    asked = subprocess.run(
        [
            drive,
            "30",
            "[Pp]assword: ?$",
            "carol",
            "su",
            "--pty",
            "-l",
            "carol",
            "-c",
            f"PATH={bin_} " "/usr/bin/vpcctl vpc create hostile 10.93.0.0/16",
        ],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    check("with a PATH of the attacker it is the system's agent that asks", asked.returncode == 0, str(asked))
    check("no program of the attacker ran", not os.path.exists(marker))
    deleted_by_root("hostile")
    check("vpcd is the same process", service_pid(root) == vpcd)
    with open(f"/proc/{vpcd}/environ", "rb") as file:
        names_ = {entry.split(b"=")[0].decode() for entry in file.read().split(b"\0") if entry}
    strange = {n for n in names_ if n.startswith(("LD_", "DBUS_")) or n in ("HOME", "USER", "SHELL")}
    check("nothing of a caller is in vpcd's environment", not strange, str(strange))


def _fake_bus_each(listener, answer):
    """A process for each client, since they come at once."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(4):
        if os.fork() == 0:
            break
    _fake_bus(listener, answer)
