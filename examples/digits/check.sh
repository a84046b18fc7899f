#!/usr/bin/env bash
# Deploys the model to a running Rouse, shows it digits and checks what it says.
. "$(dirname "$0")/../check-lib.sh"

"$ROUSE" deploy -f rouse.yaml
model=/fn/digits/v2/models/digits
json=(-H 'Content-Type: application/json')
expect "the model's description" "$(call $model)" '"image"' '"FP32"' '[-1,64]' '"probabilities"'
expect "a seven" "$(call $model/infer "${json[@]}" -d @seven.json)" '"label"' '"data":[7]' '"id":"a seven"'

# Three digits in one request: each row of pixels is an image.
rows=$(tr -d '\n' <seven.json | sed 's/.*"data": \(\[[^]]*\]\).*/\1/')
blank=[$(printf '0,%.0s' {1..63})0]
batch='{"inputs":[{"name":"image","shape":[3,64],"datatype":"FP32","data":['$rows,$blank,$rows']}],"outputs":[{"name":"label"}]}'
expect "a batch" "$(call $model/infer "${json[@]}" -d "$batch")" '"shape":[3]' '"data":[7,' ',7]}]'

answer=$(curl -s -w ' %{http_code}' "${json[@]}" -d '{"inputs":[{"name":"image","shape":[1,9],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9]}]}' "$SERVER$model/infer")
expect "a wrong shape" "$answer" 'the model takes [-1 64]' ' 400'
