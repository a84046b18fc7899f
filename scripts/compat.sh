#!/usr/bin/env bash
# The compatibility suite: unmodified clients of AWS Lambda, and AWS's own clients
# of the Runtime API, against a real Rouse with each driver that works here.
#
#   scripts/compat.sh [DRIVER...] [-- unittest's arguments, such as -k test_layers]
#
# Where CI is set, whatever cannot be had is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

drivers=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  drivers+=("$1")
  shift
done
[ $# -eq 0 ] || shift
if [ ${#drivers[@]} -eq 0 ]; then
  drivers=(process)
  if engine; then
    drivers+=(docker)
  elif [ -n "${CI:-}" ]; then
    die "CI is set, but no Docker engine answers"
  fi
fi

python=$(python311) || die "the suite needs Python 3.11 with pip"

clients=$(installed clients-boto3-1.44.5 pip boto3==1.44.5 awscli==1.46.3) || die "boto3 and the AWS CLI cannot be installed"
# Version 2 of the AWS CLI is in no registry by itself, but within a layer for Lambda.
aws_cli2() {
  pip --no-deps aws-cdk-asset-awscli-v2==2.0.198
  tar -xzf aws_cdk/asset_awscli_v2/_jsii/*.tgz package/lib/layer.zip
  "$python" -m zipfile -e package/lib/layer.zip .
  rm -r aws_cdk* package
  chmod +x awscli/v2/*/dist/aws
}
ROUSE_AWS_CLI2=$(installed awscli-2.38.5 aws_cli2)/awscli/v2/2.38.5/dist/aws || die "version 2 of the AWS CLI cannot be installed"
ROUSE_AWSLAMBDARIC=$(installed awslambdaric-4.2.2 pip awslambdaric==4.2.2) || die "awslambdaric cannot be installed"
# It builds a C++ addon, for which not every machine has the tools.
ROUSE_NODE_RIC=
if command -v npm autoreconf automake libtoolize cmake g++ | [ "$(wc -l)" = 6 ]; then
  ROUSE_NODE_RIC=$(installed aws-lambda-ric-3.3.0 npm install --silent --no-audit --no-fund aws-lambda-ric@3.3.0) || die "aws-lambda-ric cannot be built"
else
  say "aws-lambda-ric is left out: building it needs npm, autoconf, automake, libtool, cmake and g++"
fi
ROUSE_JS_SDK=
if command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; then
  ROUSE_JS_SDK=$(installed aws-sdk-js-3.1162.0 npm install --silent --no-audit --no-fund @aws-sdk/client-lambda@3.1162.0) || die "the AWS SDK for JavaScript cannot be installed"
else
  say "the AWS SDK for JavaScript is left out: it needs npm and Node.js 20"
fi
export ROUSE_JS_SDK AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true
export ROUSE_AWSLAMBDARIC ROUSE_NODE_RIC ROUSE_AWS_CLI2

make -s build
[[ " ${drivers[*]} " != *" docker "* ]] || images/build.sh

work=
finish() {
  status=$?
  stop_moto
  if [ -n "${rouse_pid:-}" ]; then
    kill "$rouse_pid" 2>/dev/null || true
    wait "$rouse_pid" 2>/dev/null || true
  fi
  [ $status -eq 0 ] || [ -z "$work" ] || tail -n 30 "$work/rouse.log" 2>/dev/null || true
  [ -z "$work" ] || rm -rf "$work"
  exit $status
}
trap finish EXIT

export ROUSE_GO_FUNCTION=$PWD/.cache/compat/go-function
mkdir -p "$ROUSE_GO_FUNCTION"
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$ROUSE_GO_FUNCTION/bootstrap" ./compat/function

ROUSE_JS_FUNCTION=$PWD/.cache/compat/js-function.zip
"$python" -m zipfile -c "$ROUSE_JS_FUNCTION" compat/function/index.mjs
export ROUSE_JS_FUNCTION

start_moto

export ROUSE_CLIENTS=$clients ROUSE_MOTO=$moto_url

# suite FILES ARGUMENT... runs the tests of some files against the Rouse that was started.
suite() {
  local files=$1
  shift
  PYTHONPATH=$clients PYTHONDONTWRITEBYTECODE=1 "$python" -m unittest discover -s compat -t compat -p "$files" "$@"
}
for driver in "${drivers[@]}"; do
  say "--- $driver"
  work=$(mktemp -d)
  chmod 711 "$work" # functions of the process driver run as other users
  start_rouse --driver "$driver" --aws-fallback "$moto_url"
  export ROUSE_ENDPOINT=$ROUSE_SERVER ROUSE_DRIVER=$driver ROUSE=$PWD/bin/rouse
  suite 'test_*.py' "$@"
  go test -count=1 ./compat/...
  [ -z "$ROUSE_JS_SDK" ] || node --test compat/
  stop_rouse
  rm -rf "$work"
  work=
done

say "--- with --auth keys"
work=$(mktemp -d)
chmod 711 "$work"
start_rouse --driver "${drivers[0]}" --auth keys
export ROUSE_ENDPOINT=$ROUSE_SERVER ROUSE_DRIVER=${drivers[0]} ROUSE=$PWD/bin/rouse
ROUSE_KEY=$(cat "$work/data/first-key") suite test_keys.py "$@"
stop_rouse
rm -rf "$work"
work=
say "compatible"
