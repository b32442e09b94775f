#!/bin/bash
# Some of the points at which vpcd can lose its life or a system call can fail; all of them: tests/fault/run full.
exec python3 "$(dirname "$0")/fault.py" sample "$@"
