#!/usr/bin/env bash
# Train one of the study's networks at its full setting, in minutes on one GPU.
#   recipes/seeds-gpu.sh DATA OUT PRESET [FLAGS of photochrom train]
# PRESET is cnn-rgb, unet-rgb, unet-lab or unet-bins. OUT/PRESET is the run, with a checkpoint every
# minute; give the command again to continue. --minutes M ends it early. It writes OUT/PRESET.onnx.part0,
# ... of at most 14 MB each; join them with cat.
# DEVICE, CACHE and PYTHON are as for flagship-gpu.sh.
set -euo pipefail
: "${3:?give DATA OUT PRESET}"
data=$1 out=$2 preset=$3
shift 3
. "$(dirname "$0")/gpu.sh"

train "$preset" --data "$data" --out "$out/$preset" "$@"
deliver "$out/$preset" "$out/$preset.onnx"
