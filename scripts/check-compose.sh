#!/usr/bin/env bash
# Starts docker-compose.yml as users would, calls a function through it, has
# Prometheus scrape it, does the same with docker-compose.cells.yml beside it, in
# cells, and removes everything. Where no registry can be reached the images are
# made from what is on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

compose=(docker-compose)
docker compose version >/dev/null 2>&1 && compose=(docker compose)
work=$(mktemp -d)
export COMPOSE_PROJECT_NAME=rousecheck$$ ROUSE_DATA=$work/data
export ROUSE_IMAGE=rouse-check:$$ PROMETHEUS_IMAGE=rouse-check-prometheus:$$
ROUSE_PORT=$(free_port) PROMETHEUS_PORT=$(free_port)
export ROUSE_PORT PROMETHEUS_PORT

finish() {
  status=$?
  [ $status -eq 0 ] || "${compose[@]}" logs --tail=50 || true
  "${compose[@]}" down --volumes --timeout 40 >/dev/null 2>&1 || true
  docker image rm -f "$ROUSE_IMAGE" "$PROMETHEUS_IMAGE" >/dev/null 2>&1 || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

make -s build
mkdir -p "$work/image" "$work/prometheus/prometheus"
cp bin/rouse bin/rouse-agent "$work/image/"
printf 'FROM scratch\nCOPY . /usr/local/bin/\nENTRYPOINT ["/usr/local/bin/rouse"]\n' >"$work/image/Dockerfile"
docker build -q -t "$ROUSE_IMAGE" "$work/image" >/dev/null 2>&1

prometheus=$(command -v prometheus) || die "prometheus is not installed"
for file in "$prometheus" $(ldd "$prometheus" 2>/dev/null | grep -o '/[^ ]*'); do
  install -D "$file" "$work/prometheus$file"
done
tar -C "$work/prometheus" -c . | docker import -c "ENTRYPOINT [\"$prometheus\"]" - "$PROMETHEUS_IMAGE" >/dev/null

say "starting the Compose project"
"${compose[@]}" up -d 2>&1 | sed 's/^/  /'
server=http://127.0.0.1:$ROUSE_PORT
until_true 60 curl -fsS -o /dev/null "$server/readyz"

say "a function, from zero"
examples/go-bootstrap/build.sh
images/build.sh provided
bin/rouse --server "$server" deploy compose-hello --code examples/go-bootstrap/build --runtime provided --no-wait
answer=$(bin/rouse --server "$server" invoke compose-hello -d '{"text":"hello from compose"}')
say "it answered $answer"
[[ $answer == *'"words"'*3* ]] || die "not the answer that was expected"

say "Prometheus sees it"
query=http://127.0.0.1:$PROMETHEUS_PORT/api/v1/query?query=rouse_requests_total
scraped() { curl -fsS "$query" | grep -q '"function":"compose-hello"'; }
until_true 60 scraped
bin/rouse --server "$server" rm compose-hello
"${compose[@]}" stop --timeout 40 rouse >/dev/null 2>&1
nothing_left() {
  left=$(docker ps -aq --filter label=rouse.owner="$(cat "$ROUSE_DATA/id" 2>/dev/null)")
  [ -z "$left" ] || die "containers are left: $left"
}
nothing_left

say "the same, with cells"
compose+=(-f docker-compose.yml -f docker-compose.cells.yml)
"${compose[@]}" up -d rouse 2>&1 | sed 's/^/  /'
until_true 60 curl -fsS -o /dev/null "$server/readyz"
"${compose[@]}" logs --tail=20 rouse | grep -m 1 -o 'starts=.*sockets="[^"]*"' || die "rouse does not say how it starts functions"
bin/rouse --server "$server" deploy compose-cell --code examples/go-bootstrap/build --runtime provided --no-wait
spare() { bin/rouse --server "$server" ps 2>&1 | grep -q '[1-9] of [0-9]* ready'; }
until_true 30 spare
answer=$(bin/rouse --server "$server" invoke compose-cell -d '{"text":"hello from a cell"}')
say "it answered $answer"
[[ $answer == *'"words"'*4* ]] || die "not the answer that was expected"
bin/rouse --server "$server" ps | grep 'compose-cell.* cell ' || die "it did not start from a cell"
bin/rouse --server "$server" rm compose-cell
"${compose[@]}" stop --timeout 40 rouse >/dev/null 2>&1
nothing_left
mounts=$(grep -F "$ROUSE_DATA" /proc/mounts || true)
[ -z "$mounts" ] || die "mounts are left: $mounts"
say "the Compose project works"
