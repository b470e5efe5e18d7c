#!/usr/bin/env bash
# Run seeds.sh and ablation.sh in miniature, side by side: everything happens, nothing is learned. Takes
# under 2 minutes.
#   recipes/smoke.sh [--data DIR...] [--out runs/smoke]
# Trains and measures on the same few photos, by default samples/. Finished runs are skipped: give another
# --out to run everything again.
set -euo pipefail
here=$(dirname "$0")
. "$here/runs.sh"
out=runs/smoke data=("$here/../samples") takes='--data --out'
read_flags "$@"

all=(--data "${data[@]}" --test "${data[@]}" --size 32)
tiny=(--batch 2 --epochs 1 --validation 0.4 --quiet)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
code=0
"$here/seeds.sh" "${all[@]}" --out "$out/seeds" -- "${tiny[@]}" &
"$here/ablation.sh" "${all[@]}" --out "$out/ablation" --model cnn-rgb -- "${tiny[@]}" || code=$?
wait $! || code=$?
exit "$code"
