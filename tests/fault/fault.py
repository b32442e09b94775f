#!/usr/bin/python3
"""fault.py full|sample [SHARD/SHARDS] [OPERATION…]: vpcd loses its life, or a system call fails, at every point of an operation.

Runs inside the lab as root and prints TAP. For each operation it is first recorded which system calls vpcd makes, then
for the Nth call of each name
  - vpcd is killed there,
  - the call fails with each of ENOSPC, EIO, ENOBUFS, EINTR, EBUSY, where it is one for files, namespaces or netlink,
  - the process that loads nft rules is killed there, or its netlink calls fail.
strace does that from outside (signal= and error= of -e inject=). After each of these points
  - the service answers and `vpcctl check` finds nothing,
  - objects, kernel and state files are those before the operation or those after it, nothing in between; and if vpcd
    lived, those that its answer says,
  - the same call again succeeds, or says that it is done already; taking it back succeeds.
Meanwhile packets between two subnets of another VPC are counted: none may be lost.

With LAB_POINTS only points that match that expression, such as "kill at openat 3$", are tried.

"sample" takes some points of each kind, always the same ones, "full" all. A check is printed for each operation, kind
and system call, and one for each point that ends badly.
"""

import collections
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ERRORS = ("ENOSPC", "EIO", "ENOBUFS", "EINTR", "EBUSY")
FAILING = (
    "openat", "write", "fsync", "renameat", "renameat2", "linkat", "unlinkat", "unlink", "mkdirat", "mkdir", "mount",
    "umount2", "unshare", "setns", "sendmsg", "sendto", "recvmsg", "recvfrom", "socket", "bind", "read",
)
SAMPLE_KILLS = 9  # points of an operation
SAMPLE_ERRORS = 6
SAMPLE_WORKER = 2

work = tempfile.mkdtemp()
policy = os.path.join(work, "policy.json")
with open(policy, "w", encoding="ascii") as file:
    file.write('{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}]}')

# name: commands before it (to be made anew each time), the operation, commands that take it back.
OPERATIONS = {
    "create": ([], "vpc create work 10.9.0.0/16", ["vpc delete work"]),
    "subnet-add": ([], "subnet add base s2 10.0.2.0/24 --type public", ["subnet delete base s2"]),
    "nat-enable": ([], "nat enable base eth0", ["nat disable base"]),
    "peer-create": ([], "peer create base other", ["peer delete base other"]),
    "firewall-apply": ([], f"firewall apply base s1 --policy {policy}", ["firewall clear base s1"]),
    "delete": (
        [
            "vpc create doomed 10.8.0.0/16", "subnet add doomed a 10.8.1.0/24 --type public",
            "subnet add doomed b 10.8.2.0/24", "nat enable doomed eth0", "peer create doomed base",
            f"firewall apply doomed a --policy {policy}",
        ],
        "vpc delete doomed", [],
    ),
}

count = failures = 0


def tap(good, name, why=""):
    global count, failures
    count += 1
    if not good:
        failures += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    for line in why.splitlines()[:120]:
        print(f"#   {line}", flush=True)


def run(command, timeout=60):
    try:
        done = subprocess.run(command, shell=isinstance(command, str), capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return 124, f"{command}: no end in {timeout} s"
    return done.returncode, done.stdout + done.stderr


def vpcctl(arguments, timeout=60):
    return run(["vpcctl", "--no-ask-password", *arguments.split()], timeout)


def where_it_hangs():
    """What vpcd's threads, and the process for nft, wait in."""
    return run("for p in $(pgrep -x vpcd); do for t in /proc/$p/task/*; do echo $t; grep -E '^(State|TracerPid|SigQ)' $t/status;"
               " cat $t/syscall $t/wchan; echo; cat $t/stack; done; ls -l /proc/$p/fd; done 2>&1")[1]


def must(arguments):
    status, output = vpcctl(arguments, 20)
    if status == 124:
        output += where_it_hangs()
    if status != 0:
        raise RuntimeError(f"vpcctl {arguments}: exit status {status}: {output}")


def main_pid():
    for _ in range(200):
        pid = int(run("systemctl show -P MainPID vpcd.service")[1] or 0)
        if pid > 0 and run("systemctl is-active vpcd.service")[1].strip() == "active":
            return pid
        vpcctl("vpc list")
        time.sleep(0.02)
    raise RuntimeError("vpcd does not start")


# ---- What there is. --------------------------------------------------------------------------------------------------

CLONE_NEWNET = 0x40000000
VOLATILE = ("created", "generation")


def strip(value):
    if isinstance(value, dict):
        return {key: strip(part) for key, part in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [strip(part) for part in value]
    return value


def objects():
    parts = []
    for noun in ("vpc", "subnet", "nat", "peer", "firewall", "deploy"):
        status, output = vpcctl(f"{noun} list --json")
        if status != 0:
            return f"{noun} list: exit status {status}: {output}"
        parts.append(f"{noun}: {json.dumps(strip(json.loads(output)), sort_keys=True)}")
    return "\n".join(parts)


libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)


def read(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        return f"{path}: {error}"


def seen_here():
    """Names of links, addresses and routes of the namespace this is in. Files, since starting `ip` takes long."""
    links = sorted(line.split(":")[0].strip() for line in read("/proc/thread-self/net/dev").splitlines() if ":" in line)
    routes = sorted(line.rstrip() for line in read("/proc/thread-self/net/route").splitlines()[1:])
    addresses = sorted(set(re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", read("/proc/thread-self/net/fib_trie"))))
    return f"links {links}\naddresses {addresses}\nroutes " + "\n       ".join(routes)


def namespaces():
    parts = []
    for name in sorted(os.listdir("/run/netns")):
        fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
        inside = libc.setns(fd, CLONE_NEWNET) == 0
        os.close(fd)
        parts.append(f"== {name}\n{seen_here() if inside else 'no namespace'}")
        if inside and libc.setns(home, CLONE_NEWNET) != 0:
            raise RuntimeError("cannot go home")
    return "\n".join(parts)


def files(top):
    return sorted(os.path.join(place, name) for place, _, names in os.walk(top) for name in names
                  if not name.endswith("~") and not name.startswith("vpcctl.log"))


def kernel():
    # The order of a set's elements is of no meaning.
    def sort_set(match):
        return "elements = { " + ", ".join(sorted(re.split(r",\s+", match.group(1).strip()))) + " }"

    forwarding = [f"forwarding of {link} {read(f'/proc/sys/net/ipv4/conf/{link}/forwarding').strip()}"
                  for link in sorted(os.listdir("/proc/sys/net/ipv4/conf")) if not link.startswith("vpc-")]
    rules = re.sub(r"elements = \{([^}]*)\}", sort_set, run(["nft", "list", "ruleset"])[1])
    units = sorted(line.split()[0] for line in run(["systemctl", "list-units", "--all", "--plain", "--no-legend",
                                                    "vpcctl*"])[1].splitlines() if "vpcctl.slice" not in line)
    return "\n".join([seen_here(), *forwarding, rules, *files("/var/lib/vpcctl"), *files("/run/vpcctl"), *units, namespaces()])


def picture():
    return objects() + "\n" + kernel()


def difference(wanted, actual):
    with open(f"{work}/wanted", "w", encoding="utf-8") as a, open(f"{work}/actual", "w", encoding="utf-8") as b:
        a.write(wanted)
        b.write(actual)
    return run(f"diff {work}/wanted {work}/actual")[1]


# ---- Faults. ---------------------------------------------------------------------------------------------------------


class Strace:
    """Attached to a process while the block runs; without an injection it records."""

    def __init__(self, pid, calls=None, injection=None):
        self.log = f"{work}/strace"
        command = ["strace", "-o", self.log, "-p", str(pid)]
        if calls:
            command += ["-e", f"trace={calls}"]
        if injection:
            command += ["-e", f"inject={injection}"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        line = self.process.stderr.readline()
        if "attached" not in line:
            raise RuntimeError(f"strace: {line}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stderr.close()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


def worker_pid(pid):
    status, output = run(f"pgrep -P {pid}")
    return int(output.split()[0]) if status == 0 else None


def record(operation, worker):
    """How often each system call is made."""
    pid = main_pid()
    target = worker_pid(pid) if worker else pid
    if target is None:
        return {}
    with Strace(target) as strace:
        must(operation)
        time.sleep(0.05)
    calls = collections.Counter()
    for line in strace.text().splitlines():
        match = re.match(r"([a-z0-9_]+)\(", line)
        if match:
            calls[match.group(1)] += 1
    return calls


Point = collections.namedtuple("Point", "kind call nth")


def points(calls, worker_calls):
    kills = [Point("kill", call, nth) for call in sorted(calls) for nth in range(1, calls[call] + 1)]
    errors = [Point(error, call, nth) for error in ERRORS for call in sorted(calls) if call in FAILING
              for nth in range(1, calls[call] + 1)]
    worker = [Point("worker-kill", call, nth) for call in sorted(worker_calls) for nth in range(1, worker_calls[call] + 1)]
    worker += [Point(f"worker-{error}", call, nth) for error in ("ENOBUFS", "EINTR", "EIO") for call in
               ("sendmsg", "sendto", "recvmsg", "recvfrom", "setns") for nth in range(1, worker_calls.get(call, 0) + 1)]
    return kills, errors, worker


def spread(all_points, n):
    """n of them, from first to last."""
    if len(all_points) <= n:
        return all_points
    return [all_points[i * (len(all_points) - 1) // (n - 1)] for i in range(n)]


class Probe:
    """Datagrams from one subnet of a VPC to the other, which sends them back."""

    def __init__(self, source, target, address):
        echo = ("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 7007))\n"
                "while True:\n    data, peer = s.recvfrom(100)\n    s.sendto(data, peer)\n")
        send = (f"""
import select, signal, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('{address}', 7007))
sent, got, going = 0, set(), True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
def take(wait):
    while select.select([s], [], [], wait)[0]:
        got.add(int(s.recv(100)))
while going:
    s.send(b'%d' % sent)
    sent += 1
    end = time.monotonic() + 0.002
    while time.monotonic() < end:
        take(0.001)
for _ in range(40):
    take(0.05)
    if len(got) == sent:
        break
print(sent, sent - len(got), sorted(set(range(sent)) - got)[:10])
""")
        self.echo = subprocess.Popen(["ip", "netns", "exec", target, "python3", "-c", echo])
        time.sleep(0.3)
        self.send = subprocess.Popen(["ip", "netns", "exec", source, "python3", "-c", send], stdout=subprocess.PIPE, text=True)

    def end(self):
        self.send.terminate()
        words = self.send.communicate()[0].split(" ", 2)
        self.echo.kill()
        self.echo.wait()
        return int(words[0]), int(words[1]), words[2].strip()


# ---- One point. ------------------------------------------------------------------------------------------------------


def bad_end(operation, undo, point, old, new, old_objects, new_objects):
    """Whether the point was reached, and what is wrong after it."""
    run("systemctl reset-failed vpcd.service")
    pid = main_pid()
    worker = point.kind.startswith("worker-")
    target = worker_pid(pid) if worker else pid
    kind = point.kind.removeprefix("worker-")
    if target is None:
        return False, []
    how = "signal=KILL" if kind == "kill" else f"error={kind}"
    wrong = []
    with Strace(target, point.call, f"{point.call}:{how}:when={point.nth}") as strace:
        status, output = vpcctl(operation)
    log = strace.text()
    reached = "INJECTED" in log or "killed by SIGKILL" in log
    lived = int(run("systemctl show -P MainPID vpcd.service")[1] or 0) == pid

    if vpcctl("vpc list")[0] != 0:
        time.sleep(1)
        answer = vpcctl("vpc list")
        if answer[0] != 0:
            wrong.append(f"the service does not answer: {answer[1]}")
    checked, findings = vpcctl("check")
    if checked != 0:
        wrong.append(f"check: {findings}")
    now_objects = objects()
    if now_objects == new_objects:
        done, expected = True, new
    elif now_objects == old_objects:
        done, expected = False, old
    else:
        done, expected = None, None
        wrong.append("half a change in the lists:\n" + difference(old_objects, now_objects))
    if expected is not None:
        now = picture()
        for _ in range(20): # a namespace goes, or a unit does, a moment after its name
            if now == expected:
                break
            time.sleep(0.05)
            now = picture()
        if now != expected:
            wrong.append(f"something is left of the {'old' if done else 'new'} state:\n" + difference(expected, now))
    # 7: the bus told that nobody answered.
    if lived and status != 7 and done is not None and (status == 0) != done:
        wrong.append(f"it was answered {status} ({output.strip()}), and it is {'done' if done else 'not done'}")

    status, output = vpcctl(operation)
    if status != 0 and not (done and (status in (3, 5))):
        wrong.append(f"the same call again: exit status {status}: {output}")
    now = picture()
    if now != new:
        wrong.append("after the same call again:\n" + difference(new, now))
    return reached, wrong


def take_back(undo, before, old):
    for command in undo + before:
        must(command)
    now = picture()
    for _ in range(20):
        if now == old:
            return []
        time.sleep(0.05)
        now = picture()
    return ["after taking it back:\n" + difference(old, now)]


def start_over():
    """After a bad end, so that the next point is not to blame for it."""
    run("vpcctl cleanup --all --yes; systemctl stop vpcd; rm -rf /var/lib/vpcctl/*s/* /run/vpcctl/*; nft delete table inet vpcctl;"
        "for n in $(ls /run/netns | grep -v ^bystander); do ip netns del $n; rm -f /run/netns/$n; done;"
        "for l in $(ip -br link | grep -o '^vpc-[^@ ]*'); do ip link del $l; done; sysctl -qw net.ipv4.conf.eth0.forwarding=0")


def make_world():
    for command in ("vpc create bystander 10.7.0.0/16", "subnet add bystander a 10.7.1.0/24",
                    "subnet add bystander b 10.7.2.0/24", "vpc create base 10.0.0.0/16",
                    "subnet add base s1 10.0.1.0/24 --type public", "vpc create other 172.16.0.0/16",
                    "subnet add other s1 172.16.1.0/24"):
        must(command)


def try_operation(name, full, shard, shards):
    before, operation, undo = OPERATIONS[name]
    for command in before:
        must(command)
    must("check")
    # The first time leaves the generation before of each file, which later ones have too.
    must(operation)
    for command in undo + before:
        must(command)
    old, old_objects = picture(), objects()
    calls = record(operation, False)
    time.sleep(0.1)
    new, new_objects = picture(), objects()
    wrong = take_back(undo, before, old)
    worker_calls = record(operation, True)
    wrong += take_back(undo, before, old)
    tap(not wrong, f"{name}: recorded, {sum(calls.values())} system calls, {sum(worker_calls.values())} of the nft process",
        "\n".join(wrong))

    kinds = points(calls, worker_calls)
    if not full:
        kinds = [spread(group, n) for group, n in zip(kinds, (SAMPLE_KILLS, SAMPLE_ERRORS, SAMPLE_WORKER))]
    todo = [point for group in kinds for point in group][shard::shards]
    if "LAB_POINTS" in os.environ:
        todo = [point for point in todo if re.search(os.environ["LAB_POINTS"], f"{point.kind} at {point.call} {point.nth}")]
    probe = Probe("bystander-a", "bystander-b", "10.7.2.2")
    tried = collections.Counter()
    for point in todo:
        if "LAB_POINTS" in os.environ:
            print(f"# {point}", flush=True)
        try:
            reached, wrong = bad_end(operation, undo, point, old, new, old_objects, new_objects)
            wrong += take_back(undo, before, old)
        except RuntimeError as error:
            raise RuntimeError(f"{point}: {error}") from error
        if reached:
            tried[point.kind if not full else f"{point.kind} at {point.call}"] += 1
        if wrong:
            tap(False, f"{name}: {point.kind} at {point.call} {point.nth}", "\n".join(wrong))
            # Whatever it is, the next point begins where all begin.
            vpcctl("repair")
            if picture() != old:
                raise RuntimeError(f"{name}: {point}: cannot be put right:\n" + difference(old, picture()))
    for kind, n in sorted(tried.items()):
        tap(True, f"{name}: {kind}: {n} points tried")
    sent, lost, which = probe.end()
    tap(lost == 0 and sent > 100, f"{name}: the other VPC's stream lost nothing of {sent}", f"{lost} lost: {which}" if lost else "")
    for command in [] if not before else ["vpc delete doomed"]:
        must(command)
    return sum(tried.values())


def main():
    full = len(sys.argv) > 1 and sys.argv[1] == "full"
    arguments = sys.argv[2:]
    shard, shards = 0, 1
    if arguments and "/" in arguments[0]:
        shard, shards = (int(part) for part in arguments.pop(0).split("/"))
    total = 0
    # No limit on starts, they are what this is about.
    os.makedirs("/run/systemd/system/vpcd.service.d", exist_ok=True)
    with open("/run/systemd/system/vpcd.service.d/90-fault.conf", "w", encoding="ascii") as dropin:
        dropin.write("[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=1ms\n")
    run("systemctl daemon-reload; systemctl restart vpcd")
    make_world()
    for name in arguments or OPERATIONS:
        start = time.monotonic()
        try:
            n = try_operation(name, full, shard, shards)
        except RuntimeError as error:
            tap(False, f"{name}: goes on to its end", str(error))
            print(run("journalctl -q --no-pager -n 30 -o cat -u vpcd.service | sed 's/^/# vpcd: /'")[1])
            start_over()
            run("systemctl restart vpcd; vpcctl cleanup --all --yes")
            make_world()
            continue
        print(f"# {name}: {n} points in {time.monotonic() - start:.1f} s", flush=True)
        total += n
    print(f"# {total} fault points")
    print(f"1..{count}")
    return failures > 0


sys.exit(main())
