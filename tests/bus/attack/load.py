# SPDX-License-Identifier: GPL-2.0-or-later
"""Much at a time."""

import contextlib
import multiprocessing
import os
import pwd
import random
import socket
import subprocess
import time

from wire import Bus, CALL, INTERACTIVE, MANAGER, OBJECT, RETURN, SERVICE, memory, pack, service_pid
from common import (
    CREATE,
    DELETE,
    _become,
    check,
    check_descriptors,
    created_by,
    descriptors_after_use,
    eventually,
    note,
    register_agent,
    skip,
)
from arguments import RULE


def _many(bus, calls):
    """Calls in one write; their answers are waited for."""
    data, serials = b"", []
    for member, signature, arguments in calls:
        bus.serial += 1
        data += pack(CALL, {1: OBJECT, 2: MANAGER, 3: member, 6: SERVICE}, signature, arguments, bus.serial)[0]
        serials.append(bus.serial)
    bus.send_raw(data)
    for serial in serials:
        bus.wait(serial, 30)


def _exec_closed(bus):
    null = os.open("/dev/null", os.O_RDWR)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    bus.ask("Exec", "ssashhhha{sv}", ["bobs", "public", ["sleep", "5"], null, null, null, theirs.fileno(), []])
    theirs.close()
    os.close(null)


def _leave(_):
    bus = Bus()
    for i in range(20):
        bus.manager(*CREATE, [f"left{i}", "10.98.0.0/16", []], INTERACTIVE)
    bus.close()
    time.sleep(0.02)


def _deaf(_):
    """Calls whose answers nobody reads. No more than the bus lets a connection have open: with more it is the bus itself
    that everybody waits for, whichever service is called."""
    bus = Bus()
    for _ in range(120):
        bus.manager("GetLog", "ua{sv}", [100, []])
    time.sleep(0.3)
    bus.close()


def _prompts(_):
    bus = Bus()
    for i in range(6):
        bus.manager(*DELETE, ["vpc1", []], INTERACTIVE)
    time.sleep(0.2)
    bus.close()


ATTACKS = {
    "lists": lambda bus: _many(bus, [("ListVpcs", "a{sv}", [[]])] * 50),
    "logs": lambda bus: _many(bus, [("GetLog", "ua{sv}", [1000, []])] * 10),
    "changes": lambda bus: _many(
        bus, [(*CREATE, [f"bob{os.getpid()}", "10.97.0.0/16", []]), (*DELETE, [f"bob{os.getpid()}", []])]
    ),
    "questions": lambda bus: _many(bus, [("CheckAccess", "ssa{sv}", ["vpc-delete", "vpc1", []])] * 20),
    "refused": lambda bus: _many(bus, [(*DELETE, ["vpc1", []])] * 20),
    "arrays": lambda bus: _many(
        bus, [("ApplyFirewall", "ssssa(ssqqss)a{sv}", ["bobs", "public", "deny", "deny", [RULE] * 20000, []])] * 2
    ),
    "options": lambda bus: _many(
        bus, [("ListVpcs", "a{sv}", [[(f"k{i}", ("s", "v" * 100)) for i in range(3000)]])] * 3
    ),
    "objects": lambda bus: bus.call(SERVICE, OBJECT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
    "exec": _exec_closed,
    "leave": _leave,
    "deaf": _deaf,
    "prompts": _prompts,
}


def _attacker(number, end):
    # Ten such weigh as much as one process of another user: what a machine that shares its processors among users gives
    # them all, and the lab cannot otherwise. Without it ten loops that do nothing at all make alice as slow.
    os.nice(10)
    _become("bob")
    random.seed(number)
    bus = Bus()
    if number < 3:
        register_agent(bus)
    counts = {}
    while time.monotonic() < end:
        kind = random.choice(list(ATTACKS))
        try:
            ATTACKS[kind](bus)
        except OSError:
            bus = Bus()
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _burner(_, end):
    os.nice(10)
    _become("bob")
    while time.monotonic() < end:
        sum(range(1000))
    return {}


def _ten_times(work, seconds):
    """Ten processes; gives what waits for them and returns what they did."""
    end, pipes = time.monotonic() + seconds, []
    for number in range(10):
        ours, theirs = multiprocessing.Pipe()
        pid = os.fork()
        if pid == 0:
            try:
                theirs.send(work(number, end))
            finally:
                os._exit(0)
        theirs.close()
        pipes.append((pid, ours))

    def finish():
        results = []
        for pid, ours in pipes:
            with contextlib.suppress(EOFError):
                results.append(ours.recv())
            os.waitpid(pid, 0)
        return results

    return finish


def _listing(seconds, least):
    """How long alice's vpcctl takes, each time."""
    entry = pwd.getpwnam("alice")
    environment = {
        "PATH": "/usr/bin:/bin",
        **{n: os.environ[n] for n in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if n in os.environ},
    }
    times, bad, end = [], [], time.monotonic() + seconds
    while time.monotonic() < end or len(times) < least:
        begin = time.monotonic()
        done = subprocess.run(
            ["/usr/bin/vpcctl", "vpc", "list"],
            capture_output=True,
            check=False,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[entry.pw_gid],
            env=environment,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        times.append(time.monotonic() - begin)
        if done.returncode or b"vpc1" not in done.stdout:
            bad.append(done)
        time.sleep(0.01)
    return sorted(times), bad


def load(seconds):
    """Ten processes of bob do all they can; alice goes on working."""
    root = Bus()
    vpcd = service_pid(root)
    created_by("bob", "bobs", "10.100.0.0/16")
    Bus("bob").ask("AddSubnet", "ssssa{sv}", ["bobs", "public", "10.100.1.0/24", "public", []])
    _exec_closed_as_bob()
    fds, rss = descriptors_after_use(vpcd), memory(vpcd)
    kinds = os.environ.get("LAB_ATTACKS", "").split()
    for kind in list(ATTACKS):
        if kinds and kind not in kinds:
            del ATTACKS[kind]
    quiet, bad = _listing(3, 200)
    check("quiet: she is served", not bad, str(bad[:2]))

    finish = _ten_times(_burner, 4)
    burning, _ = _listing(3, 1)
    finish()
    finish = _ten_times(_attacker, float(seconds))
    time.sleep(0.5)
    busy, bad = _listing(float(seconds) - 1, 1)
    highest = memory(vpcd)
    counts = {}
    for one in finish():
        for kind, n in one.items():
            counts[kind] = counts.get(kind, 0) + n

    def part(times, share):
        return times[min(len(times) - 1, int(len(times) * share))] * 1000

    note(f"attacks: {counts}")
    for name, times in (("quiet", quiet), ("beside ten loops that do nothing", burning), ("under attack", busy)):
        note(
            f"vpc list {name}, {len(times)} times: median {part(times, 0.5):.1f} ms, p99 {part(times, 0.99):.1f} ms, "
            f"longest {times[-1] * 1000:.1f} ms"
        )
    check("under attack: she is served every time", not bad, str(bad[:2]))
    # Told, not judged: a time is of the machine and of what else it does. What is wanted is less than five times the quiet
    # one; docs/security.md says how far that is met.
    note(f"p99 under attack is {part(busy, 0.99) / part(quiet, 0.99):.1f} times the quiet one (wanted: less than 5)")
    check("every attacker ended by itself", all(counts.get(kind) for kind in ATTACKS), str(counts))
    bob = Bus("bob")
    purged = bob.ask("Purge", "a{sv}", [[]], seconds=60)
    check("then: bob's can be removed", purged and purged.type == RETURN, str(purged and purged.body))
    check("then: vpcd is the same process", service_pid(root) == vpcd)
    check_descriptors(vpcd, fds)
    note(f"resident before {rss} KiB, under attack {highest} KiB, after {memory(vpcd)} KiB")
    flat = "then: memory is within 16 MiB of what it was"
    if os.environ.get("LAB_SANITIZE"):
        skip(flat, "the sanitizers keep what is freed; they look for leaks themselves")
    else:
        check(flat, eventually(10, lambda: memory(vpcd) - rss < 16 * 1024), f"{rss}, {memory(vpcd)}")


def _exec_closed_as_bob():
    pid = os.fork()
    if pid == 0:
        try:
            _become("bob")
            _exec_closed(Bus())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
