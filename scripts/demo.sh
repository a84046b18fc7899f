#!/usr/bin/env bash
# Starts Rouse on a free port, deploys the examples without starting anything,
# calls each from zero and again warm, prints the times, and waits until
# everything sleeps again. Nothing is left behind but the cache in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

command -v go >/dev/null || die "Go is missing: see https://go.dev/doc/install"
command -v curl >/dev/null || die "curl is missing"

work=$(mktemp -d)
chmod 711 "$work" # functions of the process driver run as other users
finish() {
  status=$?
  if [ -n "${rouse_pid:-}" ]; then
    kill "$rouse_pid" 2>/dev/null || true
    wait "$rouse_pid" 2>/dev/null || true
  fi
  [ $status -eq 0 ] || tail -n 30 "$work/rouse.log" 2>/dev/null || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

say "Building Rouse, its images and the examples (the first time takes a few minutes)"
prepare
start_rouse
driver=$(curl -fsS "$ROUSE_SERVER/api/v1/status" | sed 's/.*"driver":"\([a-z]*\)".*/\1/')
say ""
say "Rouse runs at $ROUSE_SERVER with the $driver driver. Deploying the examples; nothing starts yet."
for example in $(examples); do
  bin/rouse deploy -f "$example/rouse.yaml" --no-wait 2>/dev/null | grep -v '^ ' | sed 's/^/  /'
done

# request NAME prints curl's arguments for a call that the example answers.
request() {
  local json='-HContent-Type:application/json'
  case $1 in
    python-handler) printf '%s\n' "$json" -d '{"text":"what a great, fast start"}' "$ROUSE_SERVER/fn/$1/" ;;
    fastapi*) printf '%s\n' "$json" -d '{"m2":50,"rooms":2}' "$ROUSE_SERVER/fn/$1/predict" ;;
    go-bootstrap) printf '%s\n' "$json" -d '{"text":"hello"}' "$ROUSE_SERVER/fn/$1/" ;;
    node-http) printf '%s\n' "$ROUSE_SERVER/fn/$1/" ;;
    digits) printf '%s\n' "$json" -d @examples/digits/seven.json "$ROUSE_SERVER/fn/$1/v2/models/digits/infer" ;;
    *) die "the demo does not know how to call $1" ;;
  esac
}

# timed NAME calls it and prints the milliseconds and X-Rouse-Start.
timed() {
  local arguments answer
  mapfile -t arguments < <(request "$1")
  answer=$(curl -sS --fail-with-body -o "$work/body" -D "$work/head" -w '%{time_total}' --max-time 60 "${arguments[@]}") ||
    die "$1: $(cat "$work/body")"
  printf '%s %s\n' "$(awk "BEGIN { printf \"%.1f\", $answer * 1000 }")" \
    "$(tr -d '\r' <"$work/head" | awk -F ': ' 'tolower($1) == "x-rouse-start" { print $2 }')"
}

say ""
printf '  %-16s %14s   %-5s %14s   %s\n' function "from zero" by warm answer
for name in python-handler fastapi fastapi-http go-bootstrap node-http digits; do
  read -r cold how < <(timed "$name")
  case $how in cold | cell) from=$how ;; *) die "$name: the first call was $how" ;; esac
  best=
  for _ in 1 2 3 4 5; do
    read -r warm how < <(timed "$name")
    [ "$how" = warm ] || die "$name: a later call was $how, not warm"
    best=$(awk "BEGIN { b = \"$best\"; print (b == \"\" || $warm < b) ? $warm : b }")
  done
  printf '  %-16s %11s ms   %-5s %11s ms   %s\n' "$name" "$cold" "$from" "$best" "$(head -c 60 "$work/body" | tr -d '\n')"
done

say ""
say "What runs now:"
bin/rouse ps | sed 's/^/  /'
say ""
say "Nobody calls any more, so everything goes back to sleep:"
for name in python-handler fastapi fastapi-http go-bootstrap node-http digits; do
  bin/rouse scale "$name" --idle 2s >/dev/null
done
last=
for _ in $(seq 300); do
  now=$(bin/rouse ps --json | grep -c '"id"' || true)
  [ "$now" = "$last" ] || say "  $now instances"
  last=$now
  [ "$now" = 0 ] && break
  sleep 0.2
done
[ "$last" = 0 ] || die "instances still run: $(bin/rouse ps)"
stop_rouse
say ""
say "Done: everything is at zero, and nothing is left behind."
