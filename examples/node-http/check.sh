#!/usr/bin/env bash
# Deploys the example to a running Rouse, calls it and checks what it answers.
. "$(dirname "$0")/../check-lib.sh"

"$ROUSE" deploy -f rouse.yaml
expect "a request" "$(call /fn/node-http/)" '"hello":"from Node"'
mapfile -t host < <(at node-http)
expect "a request at its own host" "$(call / "${host[@]}")" '"hello":"from Node"'
expect "an echo" "$(call /fn/node-http/echo -H 'Content-Type: text/plain' --data-binary 'back and forth')" 'back and forth'
expect "server-sent events" "$(call /fn/node-http/events --no-buffer)" 'data: {"n":1,"of":5}' 'data: {"n":5,"of":5}'

# Events arrive while they are sent: the first line is here long before the last.
first='' last=''
while IFS= read -r line; do
  [[ $line == data:* ]] || continue
  last=$(date +%s%N)
  : "${first:=$last}"
done < <(curl -sN "$SERVER/fn/node-http/events")
[ $(((last - first) / 1000000)) -ge 250 ] || fail "events came all at once"
echo "ok: events are streamed"

status=$(curl -s -o /dev/null -w '%{http_code}' "$SERVER/fn/node-http/nope")
[ "$status" = 404 ] || fail "an unknown path: status $status, want the server's own 404"
echo "ok: an unknown path"
