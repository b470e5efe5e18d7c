#!/usr/bin/env bash
# Train the bundled model further, for hours on a CPU, in two stages that share MINUTES, each with
# its rate going down to nothing.
#   recipes/flagship.sh OUT MINUTES DATA... [-- FLAGS of photochrom train, for both]
# There is a checkpoint every three minutes; give the command again to continue after a stop.
# Environment: INIT=model.onnx (or a run) starts from other weights than the bundled ones, INIT= from
# ImageNet's. PROCESSES=8 uses more than two processes, of one thread each. On a GPU use flagship-gpu.sh.
set -euo pipefail
: "${3:?give OUT MINUTES DATA...}"
out=$1 minutes=$2
shift 2
data=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do data+=("$1") && shift; done
[ $# = 0 ] || shift
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
launch=(torchrun --standalone --nproc-per-node "${PROCESSES:-2}" -m photochrom train hintnet)
common=(--data "${data[@]}" --device "${DEVICE:-cpu}" --precision bf16-mixed --save-every 3
  --batch 48 --warmup 50 --perceptual 0)
init=${INIT-hintnet}

# stage NAME SHARE FLAGS...: that share of the minutes, from where it stopped; not if it is done.
stage() {
  local run=$out/$1 share=$2
  [ ! -e "$run/done" ] || return 0
  "${launch[@]}" "${common[@]}" --out "$run" --minutes "$(awk "BEGIN { print $minutes * $share }")" \
    "${@:3}" $([ ! -e "$run/checkpoint.safetensors" ] || echo --resume)
  touch "$run/done"
}

# Small photos first, as a step on them takes a third of the time.
stage 1 0.7 ${init:+--init "$init"} --size 192 --smallest 128 --zoom 0.6 --lr 3e-4 "$@"

# Then the sizes at which photos will be seen.
stage 2 0.3 --init "$out/1" --size 320 --smallest 160 --lr 1.5e-4 "$@"

photochrom export "$out/2" --out "$out/hintnet.onnx" --name hintnet --fp16
