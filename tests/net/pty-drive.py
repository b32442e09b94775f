#!/usr/bin/python3
"""pty-drive.py SECONDS REGEX ANSWER COMMAND...: run COMMAND on a pseudo-terminal, give ANSWER and Enter when its output
matches REGEX (once), show the output, end with its exit status (124 when SECONDS are over)."""

import os
import pty
import re
import select
import signal
import sys
import time


def main():
    seconds, pattern, answer, command = float(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[4:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    output, answered, end = b"", False, time.monotonic() + seconds
    status = None
    while status is None:
        left = end - time.monotonic()
        if left <= 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            status = 124
            break
        if select.select([terminal], [], [], min(left, 0.2))[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                data = b""
            if not data:
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            output += data
        if not answered and re.search(pattern, output):
            time.sleep(0.1)  # until the terminal's echo is off
            os.write(terminal, answer + b"\n")
            answered = True
    sys.stdout.buffer.write(output.replace(b"\r\n", b"\n"))
    sys.stdout.flush()
    sys.exit(status if status >= 0 else 128 - status)


main()
