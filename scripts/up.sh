#!/usr/bin/env bash
# Starts Rouse in the foreground with the examples deployed; Ctrl-C ends it.
#   ROUSE_LISTEN=127.0.0.1:8080   ROUSE_DATA=DIR (kept; default: a new one, removed)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

work=
data=${ROUSE_DATA:-}
if [ -z "$data" ]; then
  work=$(mktemp -d)
  chmod 711 "$work"
  data=$work/data
fi
listen=${ROUSE_LISTEN:-127.0.0.1:8080}
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
prepare
bin/rouse serve --data "$data" --listen "$listen" &
rouse_pid=$!
trap 'kill "$rouse_pid" 2>/dev/null; wait "$rouse_pid" || true; [ -z "$work" ] || rm -rf "$work"' EXIT
export ROUSE_SERVER=http://$listen
until_true 30 curl -fsS "$ROUSE_SERVER/readyz"
for example in $(examples); do
  bin/rouse deploy -f "$example/rouse.yaml" --no-wait
done
say "Rouse is up at $ROUSE_SERVER with the examples deployed; Ctrl-C ends it."
wait "$rouse_pid"
