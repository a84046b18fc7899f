#!/usr/bin/env bash
# Deploys the example to a running Rouse, calls it and checks what it answers.
. "$(dirname "$0")/../check-lib.sh"

"$ROUSE" deploy -f rouse.yaml
expect "a warm-up event" "$("$ROUSE" invoke python-handler -d '{"source": "warmup"}')" '"warm"'
expect "an event" "$("$ROUSE" invoke python-handler -d '{"text": "what a great, fast start"}')" '"happy"' '"cold_start"' 'false'
expect "an HTTP request" "$(call /fn/python-handler/classify -H 'Content-Type: application/json' -d '{"text": "slow and broken"}')" '"unhappy"' '"request_id"'
status=$(curl -s -o /dev/null -w '%{http_code}' -d '{}' "$SERVER/fn/python-handler/")
[ "$status" = 400 ] || fail "an empty text: status $status, want 400"
echo "ok: a bad request"
if "$ROUSE" invoke python-handler -d '{"text": ""}' >/dev/null 2>&1; then fail "an exception in the handler went unnoticed"; fi
echo "ok: an exception"
