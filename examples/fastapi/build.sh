#!/usr/bin/env bash
# Puts the app and what it needs into build/.
. "$(dirname "$0")/../build-lib.sh"

python_build app.py lambda_function.py
