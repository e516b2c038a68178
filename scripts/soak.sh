#!/usr/bin/env bash
# Whether the watchdog itself leaks: its memory, fds and CPU at rest and under a paced load. Needs root and a build with
# tests. See scripts/soak.py --help.
exec python3 "$(dirname "$0")/soak.py" "$@"
