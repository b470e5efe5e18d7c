#!/usr/bin/env bash
# Seeds and ablation in miniature: everything happens, nothing is learned. Under 2 minutes, for
# which the two run side by side with a thread each.
#   recipes/smoke.sh [--data DIR...] [--out runs/smoke]
# Trains and measures on the same few photos, by default samples/. Done runs are left alone: give
# another --out to do all of it again.
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
