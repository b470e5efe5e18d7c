#!/usr/bin/env bash
# Train one regressing model with five losses alpha * MSE + (1 - alpha) * L1, from pure MSE to pure L1,
# measure them and show them on one page.
#   recipes/ablation.sh --data DIR... [--test DIR...] [--out runs/ablation] [--model unet-lab]
#                       [--size N] [--minutes M] [-- FLAGS of photochrom train, for all of them]
# Runs are in OUT/MODEL-alpha-0.7 and so on. Everything else is as in seeds.sh.
set -euo pipefail
. "$(dirname "$0")/runs.sh"
out=runs/ablation model=unet-lab takes="--model $takes"
read_flags "$@"
case $model in
  cnn-rgb | unet-rgb | unet-lab) ;;
  *) refuse "--model $model has no alpha: take cnn-rgb, unet-rgb or unet-lab." ;;
esac

for alpha in 1 0.7 0.5 0.3 0; do
  train "$model-alpha-$alpha" "$model" --alpha "$alpha"
done
measure
