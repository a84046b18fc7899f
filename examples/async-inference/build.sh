#!/usr/bin/env bash
# Puts the handlers and boto3 into build/.
. "$(dirname "$0")/../build-lib.sh"

python_build app.py
