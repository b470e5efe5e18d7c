#!/usr/bin/env bash
# The study's four models, as their presets say, then all measured and shown in one page.
#   recipes/seeds.sh --data DIR... [--test DIR...] [--out runs/study] [--size N] [--minutes M]
#                    [-- FLAGS of photochrom train, for all of them]
# Runs lie in OUT/PRESET; stopped ones go on, done ones are left alone. DIR is a folder or a .tar.
# --size N shows models made for larger squares N pixels instead; those train M minutes at most.
# With little time, --size 96 --minutes 30: two models are the study's, two are smaller.
# DEVICE=cuda, PROCESSES=2 (torchrun) and ACCUMULATE=4 (the 512-pixel models' batches in 4 parts,
# where memory is short) are environment variables.
set -euo pipefail
. "$(dirname "$0")/runs.sh"
out=runs/study
read_flags "$@"

for preset in cnn-rgb unet-rgb unet-lab unet-bins; do
  train "$preset" "$preset"
done
measure
