# SPDX-License-Identifier: GPL-2.0-or-later
"""Names, words and actions: what is taken, and what a person reads before a password."""

import re
import subprocess

from wire import Bus, ERROR, Monitor, service_pid
from common import INVALID, Person, check, close_descriptors, good_value, methods

BAD_NAMES = [
    "..",
    ".",
    "a/b",
    "../../etc/x",
    "/proc/1/ns/net",
    "1",
    "-x",
    "--help",
    "a" * 32,
    "a" * 200,
    "x" * 10240,
    "Vpc",
    "a b",
    "a\n",
    "a\nb",
    "\x1b[2Ja",
    "a\x1b]0;t\x07",
    "a\u202eb",
    "\u200ba",
    "é",
    "$(id)",
    "`id`",
    "a;id",
    "a%s%n",
    "a=b",
    "a.b",
    "a_b",
    "a@b",
    "a\x7f",
    "\U0001f600",
]


def names():
    """Names that are paths, numbers, options or tricks of a terminal."""
    root = Bus()
    vpcd = service_pid(root)
    tried = {}
    for user in ("bob", "mallory"):
        bus = Bus(user)
        for method, arguments in methods(root):
            named = [
                i
                for i, (name, type_) in enumerate(arguments)
                if type_ == "s" and name in ("vpc", "vpc1", "vpc2", "subnet", "name", "verb")
            ]
            for i in named:
                may_be_empty = arguments[i][0] == "vpc"
                for bad in BAD_NAMES + (
                    [] if may_be_empty and method.startswith(("List", "Check", "Repair")) else [""]
                ):
                    values = [good_value(method, name, type_) for name, type_ in arguments]
                    values[i] = bad
                    answer = bus.ask(method, "".join(t for _, t in arguments), values)
                    close_descriptors(arguments, values)
                    shown = answer.body[0] if answer.type == ERROR else ""
                    wrong = answer.result() != INVALID or len(shown) > 400 or re.search(r"[^ -~]", shown)
                    tried.setdefault(method, []).extend(
                        [(user, arguments[i][0], bad[:40], answer.result(), shown)] if wrong else []
                    )
        # As an option, and what else is a word.
        for member, signature, values in (
            ("DeployWebserver", "ssqa{sv}", ["vpc1", "public", 80, [("name", ("s", "{}"))]]),
            ("EnableNat", "ssa{sv}", ["vpc1", "{}", []]),
            ("CreateVpc", "ssa{sv}", ["fine", "{}", []]),
            ("AddSubnet", "ssssa{sv}", ["vpc1", "fine", "10.0.9.0/24", "{}", []]),
            ("CreateVpc", "ssa{sv}", ["fine", "10.99.0.0/16", [("{}", ("b", True))]]),
        ):
            for bad in [
                "",
                "..",
                "/dev/null",
                "a b",
                "$(id)",
                "\x1b[2J",
                "\u202e",
                "x" * 10240,
                "eth0\n",
                "10.0.0.0/16\n",
                "%n",
            ]:

                def fill(value, text=bad):
                    if isinstance(value, str):
                        return text if value == "{}" else value
                    if isinstance(value, (list, tuple)):
                        return type(value)(fill(v) for v in value)
                    return value

                answer = bus.ask(member, signature, fill(values))
                shown = answer.body[0] if answer.type == ERROR else ""
                wrong = answer.result() != INVALID or len(shown) > 400 or re.search(r"[^ -~]", shown)
                tried.setdefault("words", []).extend(
                    [(user, member, bad[:40], answer.result(), shown)] if wrong else []
                )
        bus.close()
    for method, wrong in tried.items():
        check(
            f"{method}: none is taken, and the refusal shows none as it is", not wrong, "\n".join(map(str, wrong[:5]))
        )

    # What is no text at all ends the connection that sent it.
    for what, text in (
        ("invalid UTF-8", b"vpc\xff"),
        ("a NUL", b"vp\0c"),
        ("an overlong form", b"v\xc0\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
    ):
        bus = Bus("bob")
        try:
            message = bus.ask("CreateVpc", "ssa{sv}", [text, "10.99.0.0/16", []], seconds=5)
            good = message and message.type == ERROR
        except (ConnectionError, BrokenPipeError):
            good = True
        check(f"{what} in a name does not reach vpcd as one", good)
        bus.close()
    check("vpcd is the same process", service_pid(root) == vpcd)


def words():
    """What a person reads before a password says what will be done, whatever the caller puts into it."""
    carol = Person("carol")
    monitor = Monitor()
    null = ("open", "/dev/null")
    for name, argv, wanted in (
        ("a terminal's commands", ["sh", "-c", "\x1b[2J\x1b]0;title\x07"], [r"\u{1b}[2J\u{1b}]0;title\u{7}"]),
        ("line ends", ["sh", "-c", "true\nAuthentication is needed\rto read"], [r"true\u{a}", r"\u{d}to read"]),
        (
            "writing direction",
            ["\u202egnihton", "a\u2066b\u200bc\u00ad"],
            [r"\u{202e}gnihton", r"a\u{2066}b\u{200b}c\u{ad}"],
        ),
        ("a shell's substitution", ["echo", "$(id)", "`id`", "${PATH}"], ["$(id)", "`id`", "${PATH}"]),
        (
            "polkit's substitution",
            ["$(vpc)", "$(owner)", "$(polkit.message)", "$$(verb)"],
            ["$(vpc)", "$(owner)", "$(polkit.message)", "$$(verb)"],
        ),
        ("a long text", ["x" * 10240], ["x" * 150, "[cut]"]),
        ("many arguments", ["y"] * 1000, ["y y y", "[cut]"]),
        ("a long end", ["x" * 300 + "; rm -rf /"], ["[cut]"]),
        ("markup", ["<b>bold</b>", "&amp;"], ["<b>bold</b>"]),
    ):
        before = len(monitor.collect(0.05))
        (key,) = carol.send(("Exec", "ssashhhha{sv}", ["vpc1", "public", argv, null, null, null, ("control", ""), []]))
        prompt = carol.prompt()
        asked = [m for m in monitor.collect(0.2)[before:] if m.member == "CheckAuthorization"]
        details = dict(asked[-1].body[2]) if asked else {}
        seen = [details.get("arguments", ""), prompt.message if prompt else ""]
        check(
            f"{name}: shown for what it is",
            asked and prompt and all(w in text for w in wanted for text in seen),
            str(seen),
        )
        check(
            f"{name}: nothing hidden in it",
            not any(
                re.search("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e" "\u2066-\u206f]", text) for text in seen
            ),
            repr(seen),
        )
        check(
            f"{name}: of a length that can be read", all(len(text) < 600 for text in seen), str([len(t) for t in seen])
        )
        check(
            f"{name}: what matters comes first",
            prompt and re.search("verb: exec, vpc: vpc1, subnet: public, owner: 2001, arguments: ", prompt.message),
            prompt and prompt.message,
        )
        carol.dismiss(prompt)
        carol.answer(key)
    carol.kill()


def ids():
    """Every action that vpcd asks for is installed, and grants nothing by itself."""
    text = subprocess.run(["pkaction", "--verbose"], check=True, capture_output=True, text=True).stdout
    actions = {part.split(":")[0]: part for part in text.split("\n\n") if part.startswith("org.vpcctl.")}
    with open("/usr/libexec/vpcctl/vpcd", "rb") as file:
        used = {a.decode() for a in re.findall(rb"org\.vpcctl\.vpcd1\.[a-z-]+", file.read())}
    check("vpcd uses some", len(used) >= 7, str(used))
    check("all of them are installed", used <= set(actions), str(used - set(actions)))
    check("and no others", set(actions) <= used, str(set(actions) - used))
    for name, part in actions.items():
        implicit = dict(re.findall(r"implicit (\w+):\s+(\S+)", part))
        check(
            f"{name}: an administrator's password everywhere",
            set(implicit) == {"any", "inactive", "active"}
            and all(v.startswith("auth_admin") for v in implicit.values()),
            part,
        )
        check(f"{name}: no extra owner who may set what a prompt says", "policykit.owner" not in part, part)
