#!/usr/bin/env bash
# Prints what the trainer's loop costs: instructions per step, less those of the same loop written by hand, counted by callgrind.
# The first steps are not counted: each figure is the difference of two runs of different length.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CARGO:-cargo}" build --release --bins
binary=${CARGO_TARGET_DIR:-target}/release/loop_cost
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
short=100 long=2100

instructions() {
    # One thread: another one that waits would count its waiting.
    RAYON_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file="$folder/$1.$2" "$binary" "$1" "$2" >/dev/null 2>"$folder/log" ||
        { cat "$folder/log" >&2; exit 1; }
    awk '/^(summary|totals):/ { print $2; exit }' "$folder/$1.$2"
}

per_step() {
    echo $((($(instructions "$1" $long) - $(instructions "$1" $short)) / (long - short)))
}

hand=$(per_step hand)
trainer=$(per_step trainer)
hooks=$(per_step hooks)
callback=$(per_step callback)
printf 'by hand                        %8d instructions per step\n' "$hand"
printf 'trainer, one logged metric     %+8d  (at most 12000)\n' $((trainer - hand))
# Burn's graph is made of hash maps, seeded anew in each run: figures differ by some 100 from run to run.
printf 'hooks that are not called      %+8d  (none)\n' $((hooks - trainer))
printf 'a callback that does nothing   %+8d  (at most 500)\n' $((callback - trainer))
[ $((trainer - hand)) -le 12000 ] && [ $((callback - trainer)) -le 500 ] && [ $((hooks - trainer)) -le 200 ]
