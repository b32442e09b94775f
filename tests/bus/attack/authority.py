# SPDX-License-Identifier: GPL-2.0-or-later
"""Attempts to be authorized for what one is not."""

import os
import signal
import subprocess
import time

from wire import (
    Bus,
    CALL,
    ERROR,
    INTERACTIVE,
    MANAGER,
    Monitor,
    OBJECT,
    POLKIT,
    RETURN,
    SERVICE,
    memory,
    pack,
    service_pid,
)
from common import (
    CREATE,
    DELETE,
    DENIED,
    PREFIX,
    Person,
    _become,
    changes,
    check,
    check_descriptors,
    close_descriptors,
    created_by,
    deleted_by_root,
    descriptors_after_use,
    eventually,
    good_value,
    methods,
    note,
    owned_by_bus,
    owned_in_kernel,
    owned_on_disk,
    register_agent,
)


def subject():
    """Whoever is asked about is the sender of the call, by its name on the bus."""
    root = Bus()
    vpcd = service_pid(root)
    owner = root.call_bus("GetNameOwner", "s", [SERVICE]).body[0]
    monitor = Monitor()
    senders = {}
    for name, arguments in methods(root):
        if not changes(name) and name != "CheckAccess":
            continue
        bus = Bus("mallory")
        senders[bus.name] = name
        values = [good_value(name, argument, type_) for argument, type_ in arguments]
        bus.ask(name, "".join(type_ for _, type_ in arguments), values, flags=INTERACTIVE)
        close_descriptors(arguments, values)
        bus.close()
    carol = Person("carol")
    for name in ("CreateVpc", "DeleteVpc"):  # with a prompt, too
        (key,) = carol.send(
            (name, "ssa{sv}", ["carols", "10.88.0.0/16", []]) if name == "CreateVpc" else (name, "sa{sv}", ["vpc1", []])
        )
        carol.dismiss(carol.prompt())
        carol.answer(key)
    asked = [m for m in monitor.collect() if m.member == "CheckAuthorization" and m.sender == owner]
    kinds = {m.body[0][0] for m in asked}
    check("every question to polkit names a connection, not a process", kinds == {"system-bus-name"}, str(kinds))
    for sender, name in senders.items():
        mine = [m for m in asked if dict(m.body[0][1])["name"] == ("s", sender)]
        check(f"{name}: asked about its sender", mine, f"{sender} in none of {[m.body[0] for m in asked]}")
    strange = [m.body[0] for m in asked if dict(m.body[0][1]).get("name", ("", ""))[1] not in {*senders, carol.name}]
    check("and about nobody else", not strange and len(dict(asked[0].body[0][1])) == 1, str(strange))
    prompts = [m for m in asked if dict(m.body[0][1])["name"] == ("s", carol.name) and m.body[3] & 1]
    check("a question with a prompt, too", len(prompts) == 2, str([m.body for m in asked]))
    carol.kill()
    check("vpcd is the same process", service_pid(root) == vpcd)


def killed(user, rounds, milliseconds):
    """Callers that are killed while their call is under way."""
    root = Bus()
    vpcd = service_pid(root)
    rounds, milliseconds = int(rounds), float(milliseconds)
    calls = 0
    for i in range(rounds):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                _become(user)
                bus = Bus()
                if user == "carol":
                    register_agent(bus)
                bus.manager("CreateVpc", "ssa{sv}", [f"killed{i}", f"10.{i % 250}.0.0/16", []], INTERACTIVE)
                os.write(write, b".")
                time.sleep(10)
            finally:
                os._exit(0)
        os.close(write)
        calls += len(os.read(read, 1))
        os.close(read)
        time.sleep(milliseconds * i / rounds / 1000)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    check(f"{rounds} calls were sent", calls == rounds, str(calls))
    check("vpcd is the same process", service_pid(root) == vpcd)
    # The last ones end.
    eventually(10, lambda: owned_by_bus() == owned_on_disk() == owned_in_kernel())
    check(
        "the list, the files and the namespaces tell of the same VPCs",
        owned_by_bus() == owned_on_disk() == owned_in_kernel(),
        f"{owned_by_bus()}\n{owned_on_disk()}\n{owned_in_kernel()}",
    )
    made = [name for name in owned_by_bus() if name.startswith("killed")]
    if user == "bob":
        note(f"{len(made)} of {rounds} VPCs were made before or after the end of who wanted them")
        check("their owner can remove them", Bus("bob").ask("Purge", "a{sv}", [[]], seconds=100).result() == "ok")
    else:
        check("no VPC was made", not made, str(made))


def both():
    """Two calls at once over one connection, one of which is approved."""
    root = Bus()
    vpcd = service_pid(root)
    created_by("alice", "precious", "10.90.0.0/16")
    carol = Person("carol")
    for order in (0, 1):
        cheap = (*CREATE, [f"cheap{order}", f"10.9{order + 1}.0.0/16", []])
        deadly = (*DELETE, ["precious", []])
        keys = carol.send(*((cheap, deadly) if order == 0 else (deadly, cheap)))
        cheap_key, deadly_key = keys if order == 0 else keys[::-1]
        name = f"{'cheap' if order == 0 else 'deadly'} one first"
        prompts = {p.details.get("verb"): p for p in (carol.prompt(), carol.prompt()) if p}
        if not check(
            f"{name}: a prompt for each",
            set(prompts) == {"vpc-create", "vpc-delete"},
            str([p.message for p in prompts.values()]),
        ):
            continue
        check(
            f"{name}: each with what it is about",
            prompts["vpc-create"].details.get("vpc") == f"cheap{order}"
            and prompts["vpc-delete"].details.get("vpc") == "precious",
            str([p.details for p in prompts.values()]),
        )
        carol.approve(prompts["vpc-create"])
        check(f"{name}: what is approved is done", carol.result(cheap_key) == "ok")
        check(f"{name}: the other waits", deadly_key not in carol.replies)
        carol.dismiss(prompts["vpc-delete"])
        check(f"{name}: and is refused", carol.result(deadly_key) == DENIED)
        check(f"{name}: its object is there", {"precious", f"cheap{order}"} <= owned_by_bus())
        deleted_by_root(f"cheap{order}")
    # A rule that grants one and not the other.
    bob = Bus("bob")
    data, serials = b"", []
    for member, signature, arguments in (
        (*CREATE, ["cheap2", "10.93.0.0/16", []]),
        (*DELETE, ["precious", []]),
        ("Purge", "a{sv}", [[("all", ("b", True))]]),
    ):
        bob.serial += 1
        data += pack(CALL, {1: OBJECT, 2: MANAGER, 3: member, 6: SERVICE}, signature, arguments, bob.serial)[0]
        serials.append(bob.serial)
    bob.send_raw(data)
    results = [bob.wait(serial).result() for serial in serials]
    check("by a rule: what it grants is done, the others are refused", results == ["ok", DENIED, DENIED], str(results))
    check("by a rule: the object is there", "precious" in owned_by_bus())
    carol.kill()
    deleted_by_root("cheap2")
    deleted_by_root("precious")
    check("vpcd is the same process", service_pid(root) == vpcd)


def under():
    """The object changes while a person thinks."""
    root = Bus()
    vpcd = service_pid(root)
    carol = Person("carol")

    created_by("alice", "blue", "10.90.0.0/16")
    (key,) = carol.send((*DELETE, ["blue", []]))
    prompt = carol.prompt()
    check(
        "the prompt tells whose it is", prompt and prompt.details.get("owner") == "2001", str(prompt and prompt.details)
    )
    deleted_by_root("blue")
    carol.approve(prompt)
    result = carol.result(key)
    check("deleted meanwhile: there is none", result == PREFIX + "NoSuchVpc", result)

    for signature, arguments, member in (
        ("sa{sv}", ["blue", []], "DeleteVpc"),
        ("ssssa{sv}", ["blue", "new", "10.90.1.0/24", "public", []], "AddSubnet"),
    ):
        created_by("alice", "blue", "10.90.0.0/16")
        (key,) = carol.send((member, signature, arguments))
        prompt = carol.prompt()
        deleted_by_root("blue")
        created_by("bob", "blue", "10.90.0.0/16")
        carol.approve(prompt)
        result = carol.result(key)
        check(f"{member}: another's of the same name is not what was approved", result == PREFIX + "Changed", result)
        check(f"{member}: it is there", "blue" in owned_by_bus())
        bob = Bus("bob")
        check(f"{member}: as it was", not bob.ask("ListSubnets", "sa{sv}", ["blue", []]).body[0])
        bob.close()
        deleted_by_root("blue")

        created_by("alice", "blue", "10.90.0.0/16")
        (key,) = carol.send((member, signature, arguments))
        prompt = carol.prompt()
        deleted_by_root("blue")
        created_by("alice", "blue", "10.99.0.0/16")
        carol.approve(prompt)
        result = carol.result(key)
        check(f"{member}: nor is a new one of the same owner", result == PREFIX + "Changed", result)
        check(f"{member}: which is there", "blue" in owned_by_bus())
        deleted_by_root("blue")

    # Her own is approved with less.
    (key,) = carol.send((*CREATE, ["blue", "10.90.0.0/16", []]))
    carol.approve(carol.prompt())
    check("her own is made", carol.result(key) == "ok")
    (key,) = carol.send((*DELETE, ["blue", []]))
    prompt = carol.prompt()
    check("her own asks for less", prompt.action == "org.vpcctl.vpcd1.manage-own", prompt.action)
    deleted_by_root("blue")
    created_by("alice", "blue", "10.90.0.0/16")
    carol.approve(prompt)
    result = carol.result(key)
    check("and that is not enough for what has become another's", result == PREFIX + "Changed", result)
    check("it is there still", "blue" in owned_by_bus())
    deleted_by_root("blue")

    # What was not there when the question was asked.
    (key,) = carol.send((*DELETE, ["later", []]))
    prompt = carol.prompt()
    created_by("alice", "later", "10.90.0.0/16")
    carol.approve(prompt)
    result = carol.result(key)
    check("made meanwhile by another: not what was approved", result == PREFIX + "Changed", result)
    check("it is there, too", "later" in owned_by_bus())
    deleted_by_root("later")
    carol.kill()
    check("vpcd is the same process", service_pid(root) == vpcd)


def queue():
    """What was allowed when it was asked for is not when its turn comes."""
    root = Bus()
    vpcd = service_pid(root)
    alice, bob = Bus("alice"), Bus("bob")
    created_by("alice", "hers", "10.95.0.0/16")
    # Keeps the others in the queue until all of them are authorized.
    created_by("alice", "busy", "10.96.0.0/16")
    alice.ask("AddSubnet", "ssssa{sv}", ["busy", "public", "10.96.1.0/24", "public", []])
    slow_ones = [
        root.manager("DeployWebserver", "ssqa{sv}", ["busy", "public", 9000 + i, [("name", ("s", f"busy{i}"))]])
        for i in range(4)
    ]
    time.sleep(0.02)
    deleted = alice.manager(*DELETE, ["hers", []])
    time.sleep(0.01)
    taken = bob.manager(*CREATE, ["hers", "10.95.0.0/16", []])
    time.sleep(0.01)
    added = alice.manager("AddSubnet", "ssssa{sv}", ["hers", "mine", "10.95.1.0/24", "public", []])
    again = alice.manager(*DELETE, ["hers", []])
    results = [
        alice.wait(deleted).result(),
        bob.wait(taken).result(),
        alice.wait(added).result(),
        alice.wait(again).result(),
    ]
    check("the owner deletes hers, another takes the name", results[:2] == ["ok", "ok"], str(results))
    check(
        "what she had asked for before that is not done to his", results[2:] == [PREFIX + "Changed"] * 2, str(results)
    )
    check("his is there", "hers" in owned_by_bus())
    check("without a subnet of hers", not bob.ask("ListSubnets", "sa{sv}", ["hers", []]).body[0])
    check("what came before was done", {root.wait(serial).result() for serial in slow_ones} == {"ok"})
    deleted_by_root("busy")
    deleted_by_root("hers")
    check("vpcd is the same process", service_pid(root) == vpcd)


def turns():
    """One user's many changes do not keep another waiting for all of them."""
    root = Bus()
    vpcd = service_pid(root)
    alice = Bus("alice")
    # Root's, who is not even asked for authorization: all of them are in the queue while the first is done.
    created_by("alice", "busy", "10.96.0.0/16")
    alice.ask("AddSubnet", "ssssa{sv}", ["busy", "public", "10.96.1.0/24", "public", []])
    serials = [
        root.manager("DeployWebserver", "ssqa{sv}", ["busy", "public", 9100 + i, [("name", ("s", f"busy{i}"))]])
        for i in range(3)
    ]
    serials += [root.manager(*CREATE, [f"many{i}", f"10.{100 + i}.0.0/16", []]) for i in range(60)]
    time.sleep(0.02)
    hers = alice.ask(*CREATE, ["one", "10.99.0.0/16", []], seconds=60)
    others = [root.wait(serial, 60) for serial in serials]
    check("all are done", {answer.result() for answer in [hers, *others]} == {"ok"}, str({a.result() for a in others}))
    later = sum(answer.body[0] > hers.body[0] for answer in others)
    check("hers came before many that had been sent before", later >= 20, f"before {later} of 60")
    for name in ("one", "busy", *(f"many{i}" for i in range(60))):
        deleted_by_root(name)
    check("vpcd is the same process", service_pid(root) == vpcd)


def prompts():
    root = Bus()
    vpcd = service_pid(root)
    fds = descriptors_after_use(vpcd)
    carol = Person("carol")

    (key,) = carol.send((*CREATE, ["closed", "10.90.0.0/16", []]))
    prompt = carol.prompt()
    start = time.monotonic()
    carol.dismiss(prompt)
    answer = carol.answer(key)
    check("closed: refused", answer and answer[0] == DENIED and "dismissed" in answer[1][0], str(answer))
    check("closed: at once", answer and answer[2] - start < 2, str(answer))

    carol.open()
    carol.send((*CREATE, ["left", "10.90.0.0/16", []]), connection=1)
    prompt = carol.prompt()
    carol.close(1)
    check(
        "caller gone: the prompt is taken from the screen",
        carol.until(lambda: prompt.cookie in carol.cancelled, 5),
        str(carol.cancelled),
    )

    # More than prompts-per-user at once.
    keys = carol.send(*[(*CREATE, [f"many{i}", f"10.9{i}.0.0/16", []]) for i in range(6)])
    carol.until(lambda: len(carol.prompts) + len(carol.replies) >= 6)
    refused = [key for key in keys if key in carol.replies]
    check("six at once: four prompts", len(carol.prompts) == 4, str(len(carol.prompts)))
    check(
        "six at once: the others are told so",
        len(refused) == 2 and all("LimitsExceeded" in carol.replies[key][0] for key in refused),
        str(carol.replies),
    )
    alice = Bus("alice")
    start = time.monotonic()
    results = [
        alice.ask(*CREATE, ["meanwhile", "10.80.0.0/16", []]).result(),
        alice.ask(*DELETE, ["meanwhile", []]).result(),
        alice.ask("ListVpcs", "a{sv}", [[]]).result(),
    ]
    check("meanwhile another is served", results == ["ok"] * 3 and time.monotonic() - start < 5, str(results))
    for prompt in list(carol.prompts):
        carol.dismiss(prompt)
        carol.prompts.remove(prompt)
    carol.until(lambda: all(key in carol.replies for key in keys))
    (key,) = carol.send((*CREATE, ["after", "10.90.0.0/16", []]))
    prompt = carol.prompt()
    check("then she is asked again", prompt is not None, str(carol.replies.get(key)))
    carol.dismiss(prompt)
    check("then: refused", carol.result(key) == DENIED)
    check(
        "nothing was made",
        not owned_by_bus() & {"closed", "left", "after", "meanwhile", *(f"many{i}" for i in range(6))},
    )
    carol.kill()
    check_descriptors(vpcd, fds)
    check("vpcd is the same process", service_pid(root) == vpcd)


def slow(seconds):
    """A password typed late. Others are served all the time."""
    root = Bus()
    vpcd = service_pid(root)
    person = Person("mallory")  # carol comes to his desk
    (key,) = person.send((*CREATE, ["slow", "10.240.0.0/16", []]))
    prompt = person.prompt()
    start, longest, bad = time.monotonic(), 0.0, []
    alice = Bus("alice")
    while time.monotonic() - start < float(seconds):
        begin = time.monotonic()
        answer = alice.ask("ListVpcs", "a{sv}", [[]])
        longest = max(longest, time.monotonic() - begin)
        if not answer or answer.type != RETURN:
            bad.append(answer and answer.error)
        time.sleep(0.1)
    check(
        "the prompt is open still",
        key not in person.replies and prompt.cookie not in person.cancelled,
        str(person.replies),
    )
    check(f"typed after {seconds} s: polkit takes it", person.approve(prompt))
    check(f"typed after {seconds} s: done", person.result(key) == "ok")
    check("others were served meanwhile", not bad and longest < 5, f"{longest} s, {bad}")
    check("it is there", "slow" in owned_by_bus())
    deleted_by_root("slow")
    person.kill()
    check("vpcd is the same process", service_pid(root) == vpcd)


def gone(calls):
    """Calls that need a prompt, whose callers are gone."""
    root = Bus()
    vpcd = service_pid(root)
    fds, rss = descriptors_after_use(vpcd), memory(vpcd)
    carol = Person("carol")
    per_user = 4
    asked = cancelled = 0
    for i in range(int(calls) // per_user):
        carol.open()
        carol.send(*[(*CREATE, [f"gone{j}", f"10.9{j}.0.0/16", []]) for j in range(per_user)], connection=i + 1)
        carol.until(lambda: len(carol.prompts) >= per_user, 10)
        carol.close(i + 1)
        open_ones = {prompt.cookie for prompt in carol.prompts}
        asked += len(open_ones)
        carol.until(lambda ones=open_ones: ones <= carol.cancelled, 10)
        cancelled += len(open_ones & carol.cancelled)
        carol.prompts.clear()
    check(f"{calls} prompts were open", asked == int(calls), str(asked))
    check("each was taken back", cancelled == asked, f"{cancelled} of {asked}")
    note(f"resident before {rss} KiB, after {memory(vpcd)} KiB")
    limit = 64 if os.environ.get("LAB_SANITIZE") else 8  # ASan keeps what is freed in quarantine
    check(
        f"memory is within {limit} MiB of what it was",
        eventually(10, lambda: memory(vpcd) - rss < limit * 1024),
        f"{rss} KiB before, {memory(vpcd)} KiB after",
    )
    check_descriptors(vpcd, fds)
    (key,) = carol.send((*CREATE, ["gone", "10.90.0.0/16", []]))
    prompt = carol.prompt()
    check("the next prompt comes", prompt is not None, str(carol.replies))
    carol.dismiss(prompt)
    check("nothing was made", carol.result(key) == DENIED and not [n for n in owned_by_bus() if n.startswith("gone")])
    carol.kill()
    check("vpcd is the same process", service_pid(root) == vpcd)


def frozen(limit):
    """polkit does not answer: what is under way is bounded, the rest is served."""
    root = Bus()
    vpcd = service_pid(root)
    fds = descriptors_after_use(vpcd)
    polkit = root.call_bus("GetConnectionUnixProcessID", "s", [POLKIT]).body[0]
    bobs, alice, limit = (
        [Bus("bob"), Bus("bob")],
        Bus("alice"),
        int(limit),
    )  # the bus has a limit of its own for one connection
    os.kill(polkit, signal.SIGSTOP)
    try:
        calls = [(bob, bob.manager(*DELETE, ["nothere", []])) for bob in bobs for _ in range(limit // 2 + 25)]
        refused, end = [], time.monotonic() + 10
        while len(refused) < 50 and time.monotonic() < end:
            for bob in bobs:
                message = bob.receive(0.05)
                if message and message.type == ERROR:
                    refused.append((bob, message.reply_serial))
                    if "calls-per-user" not in message.body[0]:
                        refused.append(message.body[0])
        check(f"more than {limit} calls of a user under way are refused", len(refused) == 50, str(refused))
        start = time.monotonic()
        check("another reads meanwhile", alice.ask("ListVpcs", "a{sv}", [[]], seconds=5).result() == "ok")
        check("and at once", time.monotonic() - start < 1)
        late = alice.manager(*DELETE, ["nothere", []])
        answer = alice.wait(late, 1)
        check("another's change waits and is not refused", answer is None, str(answer and (answer.error, answer.body)))
        mallory = Bus("mallory")
        mallory.manager(*CREATE, ["mallorys", "10.250.0.0/16", []])
        time.sleep(0.2)
        mallory.close()
    finally:
        os.kill(polkit, signal.SIGCONT)
    answer = alice.wait(late, 20)
    check(
        "polkit goes on: it is carried out",
        answer and answer.error == PREFIX + "NoSuchVpc",
        str(answer and answer.error),
    )
    results = [bob.wait(serial, 60).result() for bob, serial in calls if (bob, serial) not in refused]
    check(
        "polkit goes on: the waiting calls are carried out", set(results) == {PREFIX + "NoSuchVpc"}, str(set(results))
    )
    check("and there is room again", bobs[0].ask(*DELETE, ["nothere", []]).error == PREFIX + "NoSuchVpc")
    check_descriptors(vpcd, fds)
    check("vpcd is the same process", service_pid(root) == vpcd)


def absent():
    """polkit is gone: no, and soon."""
    root = Bus()
    vpcd = service_pid(root)
    subprocess.run(["systemctl", "mask", "--runtime", "--now", "polkit.service"], check=True, capture_output=True)
    try:
        for user in ("alice", "mallory", "carol"):
            start = time.monotonic()
            bus = Bus(user)
            answer = bus.ask(*CREATE, ["absent", "10.90.0.0/16", []], flags=INTERACTIVE, seconds=40)
            check(f"{user}: refused", answer and answer.error == DENIED, str(answer and answer.result()))
            check(f"{user}: within 5 s", time.monotonic() - start < 5, f"{time.monotonic() - start:.1f} s")
            check(f"{user}: reads", bus.ask("ListVpcs", "a{sv}", [[]]).result() == "ok")
            bus.close()
    finally:
        subprocess.run(["systemctl", "unmask", "--runtime", "polkit.service"], check=True, capture_output=True)
        subprocess.run(["systemctl", "start", "polkit.service"], check=True, capture_output=True)
    # Goes while a prompt is open.
    carol = Person("carol")
    (key,) = carol.send((*CREATE, ["absent", "10.90.0.0/16", []]))
    carol.prompt()
    subprocess.run(["systemctl", "kill", "--signal=KILL", "polkit.service"], check=True, capture_output=True)
    result = carol.result(key, 5)
    check("killed under a prompt: refused, soon", result == DENIED, result)
    carol.kill()
    subprocess.run(["systemctl", "restart", "polkit.service"], check=True, capture_output=True)
    check("nothing was made", "absent" not in owned_by_bus())
    check("vpcd is the same process", service_pid(root) == vpcd)
