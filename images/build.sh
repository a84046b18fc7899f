#!/usr/bin/env bash
# Builds Rouse's base images: images/build.sh [RUNTIME...]
#
# Without arguments, the runtimes that the examples use. An image that is up to
# date is left alone. The base of each comes from a registry; where none can be
# reached it is made from Debian packages with debootstrap, which needs root.
#
# images/build.sh --library only fetches the library that rouse-onnx needs on a
# host without an engine, to .cache/onnxruntime-*/libonnxruntime.so.
#
#   ROUSE_CACHE=DIR     where downloads and bases are kept (default: .cache here)
#   ROUSE_REGISTRY=no   do not even try a registry
#   BASE=IMAGE          use this image as the base of the one RUNTIME named
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cache=${ROUSE_CACHE:-$root/.cache}
suite=bookworm
onnxruntime=1.24.4
boto3=1.44.5

main() {
  [ $# -gt 0 ] || set -- python3.11 nodejs20.x provided onnx
  [ -z "${BASE:-}" ] || [ $# -eq 1 ] || die "BASE is for one runtime at a time"
  [ "$*" = --library ] || docker version >/dev/null 2>&1 || die "no Docker engine answers; without one, use rouse serve --driver process, which needs no images"
  mkdir -p "$cache"
  echo '*' >"$cache/.gitignore"
  work=$(mktemp -d "$cache/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  for runtime in "$@"; do
    if [ "$runtime" = --library ]; then fetch_onnxruntime; else build "$runtime"; fi
  done
}

build() {
  local runtime=$1 name=rouse/$1 file official context=$work/$1
  case $runtime in
    python3.*) file=python official=python:${runtime#python}-slim ;;
    nodejs*.x) file=node official=node:$(node_major "$runtime")-slim ;;
    provided*) file=provided official=debian:$suite-slim name=rouse/provided ;;
    onnx) file=onnx official=rouse/provided ;;
    *) die "unknown runtime $runtime: use python3.N, nodejsN.x, provided or onnx" ;;
  esac
  mkdir -p "$context"
  prepare_"$file"
  local content
  content=$(content_of "$runtime")
  if [ "$(docker image inspect -f '{{index .Config.Labels "org.rousehq.content"}}' "$name" 2>/dev/null)" = "$content" ]; then
    say "$name is up to date"
    return
  fi
  local base
  base=$(base_of "$runtime" "$official")
  say "$name: building on $base"
  local args=(--build-arg "BASE=$base" --build-arg "CONTENT=$content")
  [ "$file" != python ] || args+=(--build-arg "PYTHON=$runtime")
  docker build "${args[@]}" -t "$name" -f "$root/images/$file.Dockerfile" "$context" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; die "$name could not be built"; }
}

prepare_python() {
  mkdir -p "$context/bootstrap"
  copy_sources python
  local sdk=$cache/boto3-$boto3-$runtime
  fetch_boto3 "$sdk" || say "$runtime: no package index can be reached; it is made without boto3"
  mkdir -p "$context/sdk"
  [ ! -d "$sdk" ] || cp -r "$sdk/." "$context/sdk"
}
prepare_node() { mkdir -p "$context/bootstrap"; copy_sources node; }
prepare_provided() { :; }

prepare_onnx() {
  BASE='' build provided
  (cd "$root" && go build -trimpath -ldflags='-s -w -buildid=' -o "$context/rouse-onnx" ./cmd/rouse-onnx)
  fetch_onnxruntime
  cp "$cache/onnxruntime-$onnxruntime/libonnxruntime.so" "$context/"
}

copy_sources() {
  cp -r "$root/runtime/bootstrap/$1" "$context/bootstrap/"
  find "$context/bootstrap" -name __pycache__ -prune -exec rm -rf {} +
}

# The shared library is taken out of the wheel, which any pip can download.
fetch_onnxruntime() {
  local dir=$cache/onnxruntime-$onnxruntime
  [ ! -e "$dir/libonnxruntime.so" ] || return 0
  say "fetching onnxruntime $onnxruntime"
  mkdir -p "$work/wheel" "$dir"
  "$(pip_python)" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.11 --implementation cp --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_27_$(uname -m)" \
    -d "$work/wheel" "onnxruntime==$onnxruntime"
  "$(pip_python)" -m zipfile -e "$work"/wheel/onnxruntime-*.whl "$work/wheel"
  cp "$work"/wheel/onnxruntime/capi/libonnxruntime.so.* "$dir/libonnxruntime.so.new"
  mv "$dir/libonnxruntime.so.new" "$dir/libonnxruntime.so"
}

# AWS's Python runtimes have its SDK, which is pure Python, so that any pip can
# install it for any other Python. The newest that the runtime's takes.
fetch_boto3() {
  [ ! -d "$1" ] || return 0
  say "fetching boto3 for $runtime"
  "$(pip_python)" -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --no-compile --only-binary=:all: \
    --python-version "${runtime#python}" --implementation py --target "$work/boto3-$runtime" "boto3<=$boto3" 2>"$work/pip.log" || return 1
  rm -rf "$work/boto3-$runtime/bin"
  mv "$work/boto3-$runtime" "$1"
}

pip_python() {
  local p
  for p in python3.11 python3 python3.12 python3.13 python3.10; do
    if "$p" -m pip --version >/dev/null 2>&1; then echo "$p"; return; fi
  done
  die "a Python with pip is needed to download what images have"
}

# Everything that ends up in an image, and the recipe.
content_of() {
  {
    echo "$1 ${BASE:-}"
    cat "$root/images/$file.Dockerfile" "$root/images/build.sh"
    [ "$1" != onnx ] || docker image inspect -f '{{.Id}}' rouse/provided
    (cd "$context" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
  } | sha256sum | cut -c1-16
}

base_of() {
  local runtime=$1 official=$2
  if [ -n "${BASE:-}" ]; then echo "$BASE"; return; fi
  if docker image inspect "$official" >/dev/null 2>&1; then echo "$official"; return; fi
  if [ "${ROUSE_REGISTRY:-yes}" != no ] && timeout 300 docker pull --quiet "$official" >/dev/null 2>&1; then
    echo "$official"
    return
  fi
  from_packages "$runtime"
}

# from_packages makes a base out of Debian packages, and prints its name.
from_packages() {
  local runtime=$1 packages= node=
  case $runtime in
    python3.11) packages='python3.11 python3' ;;
    provided*) packages=curl ;;
    nodejs18.x) packages=nodejs ;;
    nodejs*)
      node=$(command -v node || true)
      [ -n "$node" ] && [ "$(node -p 'process.versions.node.split(".")[0]')" = "$(node_major "$runtime")" ] ||
        die "$runtime: no registry can be reached, Debian $suite has Node 18, and no Node $(node_major "$runtime") is installed here"
      node=$(readlink -f "$node") ;;
    python*) die "$runtime: no registry can be reached, and Debian $suite has Python 3.11 only" ;;
  esac
  local tag=rouse/debian-$runtime:$suite${packages:+-${packages// /-}}
  if docker image inspect "$tag" >/dev/null 2>&1; then echo "$tag"; return; fi
  say "$runtime: no registry; making a base from Debian packages"
  debian
  local tree=$work/debian-$runtime
  mkdir -p "$tree"
  tar -C "$tree" --numeric-owner -xpf "$cache/debian-$suite.tar"
  [ -z "$node" ] || install -D -m 755 "$node" "$tree/usr/local/bin/node"
  if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list
    { chroot "$tree" apt-get update && DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -y --no-install-recommends $packages; } \
      >"$cache/apt.log" 2>&1 || die "apt-get failed; see $cache/apt.log"
  fi
  rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/var/log/* "$tree"/usr/share/{doc,man,locale,info}/*
  tar -C "$tree" --numeric-owner -c . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$tag" >/dev/null
  rm -rf "$tree"
  echo "$tag"
}

# debian makes the system that all of those bases begin with, once.
debian() {
  [ ! -e "$cache/debian-$suite.tar" ] || return 0
  [ "$(id -u)" = 0 ] || die "no registry can be reached, and making a base from packages needs root"
  command -v debootstrap >/dev/null || die "no registry can be reached; install debootstrap to make bases from packages"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/debian" >"$cache/debootstrap.log" 2>&1 ||
    die "debootstrap failed; see $cache/debootstrap.log"
  tar -C "$work/debian" --numeric-owner --one-file-system -cf "$cache/debian-$suite.tar.new" .
  mv "$cache/debian-$suite.tar.new" "$cache/debian-$suite.tar"
  rm -rf "$work/debian"
}

node_major() { local v=${1#nodejs}; echo "${v%.x}"; }
say() { echo "images: $*" >&2; }
die() { echo "images: $*" >&2; exit 1; }

main "$@"
