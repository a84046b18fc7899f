#!/usr/bin/env bash
# Measures the platform and writes bench/RESULTS.md. Options go to the program:
#   scripts/bench.sh -quick              a few rounds, to see that everything runs
#   scripts/bench.sh -run cold,restart   some benchmarks; the others' lines stay
# It needs wrk and nginx, a Docker engine with the images of `make images`, and root.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

make -s build
engine || die "most figures need a Docker engine, and none answers"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/bench" ./bench
"$work/bench" "$@"
