#!/usr/bin/env bash
# The bundled model, in minutes on one GPU: photos, crops, hints and targets all lie and are made
# there.
#   recipes/flagship-gpu.sh DATA OUT MINUTES [FLAGS of photochrom train]
# DATA is a folder of packed shards (photochrom data pack) without those to test on. OUT/run is the
# run, with a checkpoint every minute; the command given again goes on. It ends by itself after
# MINUTES, and leaves OUT/hintnet.onnx.part0, ... of at most 14 MB: cat OUT/hintnet.onnx.part* >
# hintnet.onnx.
# INIT= starts from ImageNet's weights instead of the bundled ones; DEVICE=cpu tries it without a GPU;
# EXPORT= ends with the run, to be exported elsewhere;
# CACHE is where decoded photos lie, 0.16 MB each; PYTHON is the interpreter to use.
set -euo pipefail
: "${3:?give DATA OUT MINUTES}"
data=$1 out=$2 minutes=$3
shift 3
. "$(dirname "$0")/gpu.sh"
init=${INIT-hintnet}

# AdamW at 1e-3 for 512 photos a step, down to nothing by a cosine over MINUTES. Each size costs seconds of
# compiling when it is first met. The run in docs/log.md had FLAGS --batch 256 --lr 8e-4 --warmup 50
# --smallest 192 --perceptual 0 --freeze 'encoder\..*norm'. Pack DATA by --quality 60 or more: of photos at 18
# and 192 pixels it learns what soft photos look like, and sharp ones gain little.
train hintnet --data "$data" --out "$out/run" --minutes "$minutes" ${init:+--init "$init"} \
  --batch 512 --lr 1e-3 --warmup 100 --size 256 --smallest 160 --zoom 0.7 "$@"
deliver "$out/run" "$out/hintnet.onnx"
