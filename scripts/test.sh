#!/usr/bin/env bash
# Every test with the race detector, then every example's check against the real
# platform. Tests of the docker driver run when an engine answers; when CI is
# set, an engine that does not is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

if [ -n "${CI:-}" ] && ! engine; then
  die "CI is set, but no Docker engine answers"
fi

prepare
go test -race -timeout 25m ./...

trap 'stop_moto' EXIT

check_examples() {
  work=$(mktemp -d)
  chmod 711 "$work"
  start_moto
  start_rouse --aws-fallback "$moto_url" "$@"
  for example in $(examples); do
    say "--- $example ($*)"
    ROUSE=$PWD/bin/rouse SERVER=$ROUSE_SERVER PYTHON=$(python311) "$example/check.sh" ||
      { tail -n 30 "$work/rouse.log"; kill "$rouse_pid"; die "$example failed"; }
  done
  stop_rouse
  stop_moto
  rm -rf "$work"
}
if engine; then
  check_examples --driver docker
fi
say "all tests passed"
