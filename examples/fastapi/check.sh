#!/usr/bin/env bash
# Builds the example, deploys it to a running Rouse, calls it and checks what it answers.
. "$(dirname "$0")/../check-lib.sh"

./build.sh
"$ROUSE" deploy -f rouse.yaml
expect "a warm-up event" "$("$ROUSE" invoke fastapi -d '{"source": "warmup"}')" '"warm"'

for name in fastapi fastapi-http; do
  mapfile -t host < <(at $name)
  json=(-H 'Content-Type: application/json')
  expect "$name: a prediction" "$(call /fn/$name/predict "${json[@]}" -d '{"m2": 50, "rooms": 2}')" '"euros":185000' '"cold_start":'
  expect "$name: a batch" "$(call /fn/$name/batch "${json[@]}" -d '[{"m2": 50}, {"m2": 100, "rooms": 3}]')" '[185000,'
  status=$(curl -s -o /dev/null -w '%{http_code}' "${json[@]}" -d '{"m2": -1}' "$SERVER/fn/$name/predict")
  [ "$status" = 422 ] || fail "$name: a bad flat: status $status, want 422"
  echo "ok: $name: a bad request"

  page=$(call /docs "${host[@]}")
  expect "$name: the docs page" "$page" 'swagger-ui' '/openapi.json'
  [[ $page != *cdn.* && $page != *"//unpkg"* ]] || fail "$name: the docs page needs the internet"
  for asset in $(grep -oE '/static-offline-docs/[a-z.-]+' <<<"$page" | sort -u); do
    call "$asset" "${host[@]}" -o /dev/null >/dev/null
    echo "ok: $name: $asset"
  done
  expect "$name: the API's description" "$(call /openapi.json "${host[@]}")" '"/predict"' '"openapi":"3.'
  expect "$name: a stream" "$(call /countdown "${host[@]}")" 'data: 3' 'data: 1'
done
expect "the Lambda function" "$(call /fn/fastapi/where)" '"lambda":true'
expect "the HTTP server" "$(call /fn/fastapi-http/where)" '"lambda":false'
