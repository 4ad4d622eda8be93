#!/usr/bin/env bash
# Prints the cost of the trainer's loop: instructions per step beyond those of the same hand-written
# loop, counted by callgrind. Each figure is the difference of two runs of different length, so the
# first steps are not counted.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CARGO:-cargo}" build --release --bins
binary=${CARGO_TARGET_DIR:-target}/release/loop_cost
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
short=100 long=2100

instructions() {
    # One thread: the busy waiting of others would be counted.
    RAYON_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file="$folder/$1.$2" "$binary" "$1" "$2" >/dev/null 2>"$folder/log" ||
        { cat "$folder/log" >&2; exit 1; }
    awk '/^(summary|totals):/ { print $2; exit }' "$folder/$1.$2"
}

# The least of three runs: where the allocator finds a hole differs between runs, by up to 1,000
# instructions per step.
least() {
    for _ in 1 2 3; do instructions "$1" "$2"; done | sort -n | head -1
}

per_step() {
    echo $((($(least "$1" $long) - $(least "$1" $short)) / (long - short)))
}

hand=$(per_step hand)
trainer=$(per_step trainer)
hooks=$(per_step hooks)
callback=$(per_step callback)
printf 'by hand                        %8d instructions per step\n' "$hand"
printf 'trainer, one logged metric     %+8d  (at most 12000)\n' $((trainer - hand))
# Burn's graph uses hash maps with a random seed per run, so figures differ by about 100 between
# runs.
printf 'hooks that are not called      %+8d  (none)\n' $((hooks - trainer))
printf 'a callback that does nothing   %+8d  (at most 500)\n' $((callback - trainer))
[ $((trainer - hand)) -le 12000 ] && [ $((callback - trainer)) -le 500 ] && [ $((hooks - trainer)) -le 200 ]
