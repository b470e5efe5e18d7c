# Functions that the study's recipes share: reading flags, continuing stopped runs, measuring.
# A recipe sources this file, then sets its defaults and the flags it takes.

DEVICE=${DEVICE:-auto} PROCESSES=${PROCESSES:-1} ACCUMULATE=${ACCUMULATE:-1}
takes='--data --test --out --size --minutes --'
data=() tests=() out='' model='' size='' minutes='' more=() runs=()

# refuse SENTENCE: the command was wrong; exits with 2, like photochrom.
refuse() {
  echo "${0##*/}: $1" >&2
  exit 2
}

# read_flags FLAGS...: fills the variables above. Flags after -- are for photochrom train.
read_flags() {
  local flag values
  command -v photochrom > /dev/null || refuse "photochrom is not installed here: activate its environment first."
  while [ $# -gt 0 ]; do
    flag=$1
    shift
    [[ " $takes " == *" $flag "* ]] || refuse "there is no $flag here, only $takes."
    [ "$flag" != -- ] || { more=("$@") && break; }
    [[ $# -gt 0 && $1 != --* ]] || refuse "$flag needs a value."
    values=()
    while [[ $# -gt 0 && $1 != --* ]]; do values+=("$1") && shift; done
    case $flag in
      --data) data=("${values[@]}") ;;
      --test) tests=("${values[@]}") ;;
      *)
        [ ${#values[@]} = 1 ] || refuse "$flag takes one value, not ${values[*]}."
        printf -v "${flag#--}" %s "${values[0]}"
        ;;
    esac
  done
  check_flags
}

# All of it now: not when the first models have been trained for hours.
check_flags() {
  local path
  [ ${#data[@]} -gt 0 ] || refuse "name the photos to train on with --data."
  for path in "${data[@]}" ${tests[@]+"${tests[@]}"}; do
    [ -e "$path" ] || refuse "$path does not exist: name a folder or a .tar of photos."
  done
  [[ -z $size || $size =~ ^[1-9][0-9]{1,4}$ && $((size % 16)) == 0 && $size -ge 32 ]] ||
    refuse "--size $size is no side the networks can see: take a multiple of 16 from 32 on."
  [[ -z $minutes || $minutes =~ ^[0-9]+(\.[0-9]+)?$ && ! $minutes =~ ^[0.]+$ ]] ||
    refuse "--minutes $minutes is no time: give a number above 0."
  [[ -z $minutes || -n $size ]] ||
    refuse "--minutes is for models that --size makes smaller: give --size too."
}

# Side of the square that a preset is shown, in pixels.
side_of() {
  case $1 in
    cnn-rgb | unet-rgb) echo 96 ;;
    unet-lab | unet-bins) echo 512 ;;
  esac
}

# train NAME PRESET FLAGS...: into $out/NAME, from where it stopped; not at all if it is done.
# Delete NAME/done to let a run that ended go on, with more --minutes for example.
train() {
  local run=$out/$1 preset=$2 full
  local launch=(photochrom) flags=("${@:3}" --data "${data[@]}" --out "$run" --device "$DEVICE")
  full=$(side_of "$preset")
  runs+=("$run")
  [ ! -e "$run/done" ] || { echo "$run is done." && return; }
  if [ -n "$size" ] && [ "$size" -lt "$full" ]; then
    flags+=(--size "$size" ${minutes:+--minutes "$minutes"})
    [ "$size" -gt 256 ] || flags+=(--side 256)
    echo "$run: $size instead of $full pixels${minutes:+, at most $minutes minutes}."
  else
    [ "$full" -lt 512 ] || flags+=(--accumulate "$ACCUMULATE")
    echo "$run: as the preset says."
  fi
  [ ! -e "$run/checkpoint.safetensors" ] || flags+=(--resume)
  [ "$PROCESSES" = 1 ] || launch=(torchrun --standalone --nproc-per-node "$PROCESSES" -m photochrom)
  "${launch[@]}" train "$preset" "${flags[@]}" ${more[@]+"${more[@]}"}
  touch "$run/done"
}

# Whether every run has been measured since it was trained.
measured() {
  local run
  for run in "${runs[@]}"; do
    [ "$run/evaluation.json" -nt "$run/model.safetensors" ] || return 1
  done
}

# measure FLAGS...: figures of all runs, side by side in one page. Flags are for photochrom evaluate.
measure() {
  local code=0
  [ ${#tests[@]} -gt 0 ] || { echo "Not measured: no --test." && return; }
  if ! measured; then
    # Photos that cannot be read do not keep the others from being shown.
    photochrom evaluate "${runs[@]}" --data "${tests[@]}" --perceptual lite2 "$@" || code=$?
    measured || exit "$code"
  fi
  photochrom report "${runs[@]}" -o "$out/report.html"
  [ "$code" = 0 ] || exit "$code"
}
