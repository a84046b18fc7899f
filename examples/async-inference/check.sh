#!/usr/bin/env bash
# Builds the example, deploys it to a running Rouse, calls it and checks what it answers.
# Rouse needs --aws-fallback: the table of results is DynamoDB's.
. "$(dirname "$0")/../check-lib.sh"

json=(-H 'Content-Type: application/json')

# id TEXT hands in a text and prints the request's id.
id() { call /fn/submit/ "${json[@]}" -d "{\"text\": \"$1\"}" | sed -n 's/.*"id": "\([^"]*\)".*/\1/p'; }

# poll PATTERN COMMAND... prints what the command prints once that has the pattern.
poll() {
  local pattern=$1 answer
  shift
  for _ in $(seq 300); do
    answer=$("$@")
    [[ $answer =~ $pattern ]] && { printf '%s' "$answer"; return; }
    sleep 0.2
  done
  fail "$*: still $answer, waiting for $pattern"
}

sqs() { call / -H "X-Amz-Target: AmazonSQS.$1" -H 'Content-Type: application/x-amz-json-1.0' -d "$2"; }
dead() { sqs GetQueueAttributes '{"QueueUrl": "/inference-dead", "AttributeNames": ["All"]}'; }

./build.sh
trap 'rm -f fixed.yaml' EXIT
"$ROUSE" deploy -f rouse.yaml
again=$("$ROUSE" deploy -f rouse.yaml)
expect "deploying again changes nothing" "$again" 'queue inference  unchanged' 'inference -> infer  unchanged' 'schedule retry-dead-letters  unchanged'

short=$(id "what a great fast start")
long=$(id "one two three four five six seven eight and this was good")
expect "a result" "$(poll '"succeeded"' call "/fn/submit/$short")" '"mood": "happy"' '"attempts": "1"'
poll '"ApproximateNumberOfMessages":"1"' dead >/dev/null
expect "three failures, and the message is a dead letter" "$(call "/fn/submit/$long")" '"failing"' '"attempts": "3"' 'too many'

sed 's/MAX_WORDS: 8/MAX_WORDS: 80/' rouse.yaml >fixed.yaml
"$ROUSE" deploy -f fixed.yaml infer
expect "a redrive" "$("$ROUSE" invoke redrive)" '"moved": 1'
expect "the dead letter is done" "$(poll '"succeeded"' call "/fn/submit/$long")" '"mood": "happy"'
poll '"ApproximateNumberOfMessages":"0"' dead >/dev/null
status=$(curl -s -o /dev/null -w '%{http_code}' "$SERVER/fn/submit/nobody")
[ "$status" = 404 ] || fail "a request that nobody made: status $status, want 404"
echo "ok: a request that nobody made"
