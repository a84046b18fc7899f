#!/usr/bin/env bash
# Builds build/bootstrap, a static program.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p build
CGO_ENABLED=0 go build -trimpath -tags lambda.norpc -ldflags '-s -w -buildid=' -o build/bootstrap .
