#!/usr/bin/env bash
# Train the study's four models as their presets say, measure them and show them on one page.
#   recipes/seeds.sh --data DIR... [--test DIR...] [--out runs/study] [--size N] [--minutes M]
#                    [-- FLAGS of photochrom train, for all of them]
# Runs are in OUT/PRESET. Given again, the command continues stopped runs and skips finished ones. DIR is
# a folder or a .tar. --size N gives models that are made for larger squares N pixels instead; these train
# for M minutes at most. If time is short, use --size 96 --minutes 30: two models are then the study's,
# two are smaller.
# Environment: DEVICE=cuda; PROCESSES=2 (by torchrun); ACCUMULATE=4 computes the batches of the 512-pixel
# models in 4 parts, if memory is short.
set -euo pipefail
. "$(dirname "$0")/runs.sh"
out=runs/study
read_flags "$@"

for preset in cnn-rgb unet-rgb unet-lab unet-bins; do
  train "$preset" "$preset"
done
measure --vivid 1 0 # of unet-bins, with its class weights and without
