# Sourced by each example's check.sh, which runs in the example's folder.
#
#   ROUSE   the program (default: rouse in PATH)
#   SERVER  a running platform (default: http://127.0.0.1:8080)
set -euo pipefail
cd "$(dirname "$0")"

ROUSE=${ROUSE:-rouse}
SERVER=${SERVER:-${ROUSE_SERVER:-http://127.0.0.1:8080}}
export ROUSE_SERVER=$SERVER

fail() { echo "check: $*" >&2; exit 1; }

# call PATH [CURL OPTION...] prints the body of an answer, which must be a success.
call() {
  local path=$1 answer status
  shift
  answer=$(curl --silent --show-error --max-time 60 --write-out '\n%{http_code}' "$@" "$SERVER$path") || fail "$path: no answer"
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  [[ $status == 2* ]] || fail "$path: status $status: $answer"
  printf '%s' "$answer"
}

# at NAME prints the options that reach a function at its own host, NAME.localhost.
at() {
  local port=${SERVER##*:}
  printf -- '--header\nHost: %s.localhost:%s\n' "$1" "${port%/}"
}

# expect WHAT ANSWER TEXT... wants every TEXT somewhere in ANSWER.
expect() {
  local what=$1 answer=$2 text
  shift 2
  for text in "$@"; do
    [[ $answer == *"$text"* ]] || fail "$what: no $text in: ${answer:0:2000}"
  done
  echo "ok: $what"
}
