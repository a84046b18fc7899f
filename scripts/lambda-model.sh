#!/bin/sh
# Writes gateway/lambdaapi/model_gen.go anew from the service model of the newest botocore, or of the version that is named.
set -eu
cd "$(dirname "$0")/.."
version=${1:+==$1}
folder=.cache/botocore
rm -rf "$folder"
"${PYTHON:-python3}" -m pip download -q --no-deps -d "$folder" "botocore$version"
go run ./gateway/lambdaapi/internal/modelgen "$folder"/botocore-*.whl > "$folder/model_gen.go"
mv "$folder/model_gen.go" gateway/lambdaapi/model_gen.go
