# Shared by the scripts in this folder; sourced from the project's root.

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# engine says whether a Docker engine answers.
engine() { docker version >/dev/null 2>&1; }

# free_port prints a loopback port that nobody listens on.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  die "no free port"
}

# until_true SECONDS COMMAND… runs the command until it succeeds.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "gave up waiting for: $*"
    sleep 0.2
  done
}

# python311 finds a real CPython 3.11, not a version manager's shim.
python311() {
  local python
  for python in /usr/bin/python3.11 python3.11 python3; do
    python=$("$python" -c 'import sys, pip; print(sys.executable if sys.version_info[:2] == (3, 11) else "")' 2>/dev/null) || continue
    [ -n "$python" ] && { echo "$python"; return; }
  done
  return 1
}

# installed NAME COMMAND... runs the command once in a folder of .cache, and prints
# the folder. It is moved into place when it is whole.
installed() {
  local dir=$PWD/.cache/compat/$1 new
  shift
  if [ ! -d "$dir" ]; then
    mkdir -p "$PWD/.cache/compat"
    new=$(mktemp -d "$dir.XXXXXX")
    chmod 755 "$new"
    (cd "$new" && "$@") >&2 || { rm -rf "$new"; return 1; }
    mv -T "$new" "$dir"
  fi
  echo "$dir"
}

# pip PACKAGE... installs packages into this folder, for the Python that $python names.
pip() { "$python" -m pip install -q --disable-pip-version-check --root-user-action ignore -t . "$@"; }

# start_moto starts another emulator of AWS for what Rouse does not have, and sets
# $moto_pid and $moto_url.
start_moto() {
  local moto port python
  python=$(python311) || die "moto's server needs Python 3.11 with pip"
  moto=$(installed moto-5.2.5 pip 'moto[server]==5.2.5') || die "moto's server cannot be installed"
  port=$(free_port)
  PYTHONPATH=$moto "$python" -m moto.server -p "$port" >/dev/null 2>&1 &
  moto_pid=$!
  moto_url=http://127.0.0.1:$port
  until_true 60 curl -fsS "$moto_url/moto-api/"
}

stop_moto() {
  [ -n "${moto_pid:-}" ] || return 0
  kill "$moto_pid" 2>/dev/null || true
  wait "$moto_pid" 2>/dev/null || true
  moto_pid=
}

# prepare builds the programs, the runtimes' images or, without an engine, what
# the model server needs on this host, and the examples' code.
prepare() {
  local python
  python=$(python311) || die "the examples need Python 3.11 with pip"
  make -s build
  if engine; then
    images/build.sh
  else
    make -s bin/rouse-onnx
    images/build.sh --library
    cp .cache/onnxruntime-*/libonnxruntime.so bin/ # the model server looks beside itself
    export PATH="$PWD/bin:$PATH"
  fi
  PYTHON=$python examples/fastapi/build.sh
  PYTHON=$python examples/async-inference/build.sh
  examples/go-bootstrap/build.sh
}

# start_rouse OPTION… starts Rouse on a free port with a new data directory in
# $work, and sets $rouse_pid and $ROUSE_SERVER.
start_rouse() {
  local port
  port=$(free_port)
  bin/rouse serve --data "$work/data" --listen "127.0.0.1:$port" "$@" >"$work/rouse.log" 2>&1 &
  rouse_pid=$!
  export ROUSE_SERVER=http://127.0.0.1:$port
  until_true 30 curl -fsS "$ROUSE_SERVER/readyz"
}

# stop_rouse ends it as an operator would and fails when something is left.
stop_rouse() {
  [ -n "${rouse_pid:-}" ] || return 0
  kill "$rouse_pid"
  wait "$rouse_pid" || die "rouse ended with status $?: $(tail -n 20 "$work/rouse.log")"
  rouse_pid=
  local left
  if engine; then
    left=$(docker ps -aq --filter "label=rouse.owner=$(cat "$work/data/id")")
    [ -z "$left" ] || die "containers are left: $left"
  fi
  left=$(ls "$work/data/run" 2>/dev/null)
  [ -z "$left" ] || die "sandboxes are left: $left"
  left=$(grep -F "$work" /proc/mounts || true)
  [ -z "$left" ] || die "mounts are left: $left"
}

# examples lists those that have a rouse.yaml.
examples() { for file in examples/*/rouse.yaml; do dirname "$file"; done; }
