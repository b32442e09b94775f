#!/usr/bin/python3
"""terminal-drive.py STEP... -- COMMAND...: run COMMAND on a pseudo-terminal, as a person would; show its output; end with its
exit status (124 after 30 seconds, 125 when what was waited for did not come).

Steps: size ROWS COLUMNS, resize ROWS COLUMNS, wait REGEX (in what came since the last match), send KEYS (with \\r, \\x03),
sleep SECONDS, run SHELL-COMMAND, end (until the command has ended)."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time


class Person:
    def __init__(self, command, size):
        self.output, self.seen, self.closed = b"", 0, False
        self.end = time.monotonic() + 30
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            os.execvp(command[0], command)

    def listen(self, seconds):
        if self.closed:
            time.sleep(seconds)
            return
        if select.select([self.terminal], [], [], seconds)[0]:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            self.closed = not data
            self.output += data

    def finish(self, status):
        sys.stdout.buffer.write(self.output.replace(b"\r\n", b"\n"))
        sys.stdout.flush()
        sys.exit(status)

    def give_up(self, status, why):
        print(f"\n[{why}]", file=sys.stderr)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.finish(status)

    def wait(self, pattern):
        limit = min(self.end, time.monotonic() + 10)
        while not (match := re.search(pattern.encode(), self.output[self.seen:])):
            if time.monotonic() > limit or self.closed:
                self.give_up(125, f"no /{pattern}/")
            self.listen(0.1)
        self.seen += match.end()

    def sleep(self, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.listen(left)

    def last(self):
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > self.end:
                self.give_up(124, "time is over")
            self.listen(0.05)
        while not self.closed and select.select([self.terminal], [], [], 0.1)[0]:
            self.listen(0)
        status = os.waitstatus_to_exitcode(status)
        self.finish(status if status >= 0 else 128 - status)


def main():
    split = sys.argv.index("--")
    steps, command = sys.argv[1:split], sys.argv[split + 1:]
    size = (24, 80)
    if steps and steps[0] == "size":
        size = (int(steps[1]), int(steps[2]))
        steps = steps[3:]
    person = Person(command, size)
    while steps:
        step = steps.pop(0)
        if step == "wait":
            person.wait(steps.pop(0))
        elif step == "send":
            keys = steps.pop(0).encode().decode("unicode_escape").encode("latin1")
            os.write(person.terminal, keys)
        elif step == "sleep":
            person.sleep(float(steps.pop(0)))
        elif step == "run":
            subprocess.run(steps.pop(0), shell=True, check=False)
        elif step == "resize":
            rows, columns = int(steps.pop(0)), int(steps.pop(0))
            fcntl.ioctl(person.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        elif step == "end":
            person.last()
    person.give_up(125, "no end")


main()
