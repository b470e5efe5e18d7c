#!/usr/bin/env bash
# The bundled model: two stages, each as long as there is time for. Its card names what else it had.
#   recipes/flagship.sh OUT MINUTES DATA...
# INIT=model.onnx (or a run) goes on from weights that exist instead of from ImageNet's.
# On a CPU, two processes of one thread; with a GPU set DEVICE=cuda (and PROCESSES to how many).
set -euo pipefail
out=$1 minutes=$2
shift 2
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
common=(--data "$@" --precision bf16-mixed --device "${DEVICE:-cpu}" --hints 0.6)
launch=(torchrun --standalone --nproc-per-node "${PROCESSES:-2}" -m photochrom train hintnet)

start=(--lr 7e-4)
[ -z "${INIT:-}" ] || start=(--init "$INIT" --lr 6e-4)
resume() { [ -e "$1/config.json" ] && echo --resume; return 0; }

# Small and wide: whole scenes and halves of them at 128 pixels, a constant rate.
first=$out/128
"${launch[@]}" "${common[@]}" --out "$first" --minutes "$minutes" \
  --size 128 --zoom 0.5 --schedule constant "${start[@]}" $(resume "$first")

# Larger, at the scale photos are coloured at, the rate going down to nothing.
second=$out/192
"${launch[@]}" "${common[@]}" --out "$second" --minutes "$minutes" --init "$first" \
  --size 192 --zoom 0.75 --schedule cosine --lr 4e-4 --warmup 50 $(resume "$second")

photochrom export "$second" --out "$out/hintnet.onnx" --name hintnet --fp16
