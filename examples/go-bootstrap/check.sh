#!/usr/bin/env bash
# Builds the example, deploys it to a running Rouse, calls it and checks what it answers.
. "$(dirname "$0")/../check-lib.sh"

./build.sh
"$ROUSE" deploy -f rouse.yaml
expect "an event" "$("$ROUSE" invoke go-bootstrap -d '{"text": "one extraordinary function"}')" '"words"' '3' '"extraordinary"' '"request_id"'
expect "an HTTP request" "$(call /fn/go-bootstrap/ -H 'Content-Type: application/json' -d '{"text": "hello"}')" '"words":1' '"longest":"hello"'
if "$ROUSE" invoke go-bootstrap -d '{"body": "no JSON"}' >/dev/null 2>&1; then fail "an error of the handler went unnoticed"; fi
echo "ok: an error"
