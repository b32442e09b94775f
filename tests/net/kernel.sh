#!/bin/bash
# What touches the kernel, by itself: plans carried out, repeated, broken off at each step and undone, without bus or service.
# Run inside the lab: tests/lab tests/net/kernel.sh
# A suite of its own in C; this only finds it.
exec "$LAB_BUILD/kernel-smoke"
