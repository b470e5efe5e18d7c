#!/usr/bin/env bash
# Train the bundled model further, in minutes on one GPU, which holds the photos and makes crops, hints
# and targets.
#   recipes/flagship-gpu.sh DATA OUT MINUTES [FLAGS of photochrom train]
# DATA is a folder of packed shards (photochrom data pack), without the test photos. OUT/run is the
# run, with a checkpoint every minute; give the command again to continue. It ends after MINUTES and
# writes OUT/hintnet.onnx.part0, ... of at most 14 MB each. Join them by
#   cat OUT/hintnet.onnx.part* > hintnet.onnx
# Environment: INIT= starts from ImageNet's weights instead of the bundled ones. DEVICE=cpu runs without
# a GPU. EXPORT= leaves out the export. CACHE is the folder for decoded photos, 0.16 MB each. PYTHON is
# the interpreter to use.
set -euo pipefail
: "${3:?give DATA OUT MINUTES}"
data=$1 out=$2 minutes=$3
shift 3
. "$(dirname "$0")/gpu.sh"
init=${INIT-hintnet}

# AdamW at 1e-3 for 512 photos a step, falling to nothing by a cosine over MINUTES. Each size costs seconds
# of compiling when it first occurs. The run in docs/log.md had FLAGS --batch 256 --lr 8e-4 --warmup 50
# --smallest 192 --perceptual 0 --freeze 'encoder\..*norm'. Pack DATA with --quality 60 or more: from photos
# packed at 18 and 192 pixels the network learns what soft photos look like, and sharp ones gain little.
train hintnet --data "$data" --out "$out/run" --minutes "$minutes" ${init:+--init "$init"} \
  --batch 512 --lr 1e-3 --warmup 100 --size 256 --smallest 160 --zoom 0.7 "$@"
deliver "$out/run" "$out/hintnet.onnx"
