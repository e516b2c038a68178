#!/bin/sh
# What sockdog costs, measured on this host. Needs root. See scripts/bench.py --help and docs/benchmarks.md.
exec python3 "$(dirname "$0")/bench.py" "$@"
