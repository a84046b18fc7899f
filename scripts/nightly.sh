#!/usr/bin/env bash
# What takes too long for every change: property tests with many more cases,
# every fuzz target, and all tests again and again with the race detector.
#   FUZZ_SECONDS=60   ROUNDS=5   CHECKS=100000   KILLS=3000   STARTS=2000
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

prepare
say "--- properties"
for package in $(grep -rl --include='*_test.go' 'pgregory.net/rapid' . | xargs -n1 dirname | sort -u); do
  go test -timeout 2h "$package" -rapid.checks="${CHECKS:-100000}"
done
say "--- fuzzing"
grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file target; do
  go test -run '^$' -fuzz "^${target#func }\$" -fuzztime "${FUZZ_SECONDS:-60}s" "$(dirname "$file")"
done
say "--- kills"
ROUSE_KILLS="${KILLS:-3000}" go test -timeout 3h -v -run HoweverOftenRouseIsKilled ./controller/async
ROUSE_KILLS="${KILLS:-3000}" go test -timeout 3h -v -run HoweverOftenServeIsKilled ./cmd/rouse
ROUSE_KILLS="$((${KILLS:-3000} / 10))" go test -timeout 3h -v -run HoweverOftenRouseIsKilled ./controller/async/destination ./controller/trigger/schedule
say "--- starts and stops"
ROUSE_STARTS="${STARTS:-2000}" go test -count 1 -timeout 2h -run TestStartsAndStopsInCellsLeaveNothing ./cmd/rouse
say "--- repetition"
go test -race -count "${ROUNDS:-5}" -timeout 3h ./...
say "the night was quiet"
