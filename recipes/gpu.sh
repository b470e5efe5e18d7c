# Functions that the recipes for one GPU share; they source this file.

PYTHON=${PYTHON:-python3} DEVICE=${DEVICE:-cuda}
CACHE=${CACHE:-${TMPDIR:-/tmp}/photochrom-cache}

# train PRESET FLAGS...: with all photos on the device; reports the share of its peak about every 20 s.
train() {
  local flags=("$@") run=''
  while [ $# -gt 0 ]; do
    [ "$1" != --out ] || run=$2
    shift
  done
  [ ! -e "$run/checkpoint.safetensors" ] || flags+=(--resume)
  "$PYTHON" -m photochrom train "${flags[0]}" --device "$DEVICE" --precision bf16-mixed --resident \
    --peak --profile --cache "$CACHE" --save-every 1 --validate-every 500 --report-every 100 \
    "${flags[@]:1}"
}

# deliver RUN FILE: exports the model, in parts. If GPU time is dear, use EXPORT= and export the run's
# model.safetensors elsewhere.
deliver() {
  [ -n "${EXPORT-yes}" ] || return 0
  "$PYTHON" -m photochrom export "$1" --out "$2" --fp16
  split --bytes 14M --numeric-suffixes --suffix-length 1 "$2" "$2.part"
}
