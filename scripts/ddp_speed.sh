#!/usr/bin/env bash
# The cost of training in several processes. Prints, for two ranks with one thread each:
#   weak scaling: the time of a step of one process with one thread, divided by that of the two ranks,
#   which train on twice as many items;
#   against threads: the time of a step of one process with two threads and the batch of both.
# The best of several rounds in turn, on an otherwise idle machine with two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CARGO:-cargo}" build --release --quiet -p lightning-tests --bin ddp_speed
binary=${CARGO_TARGET_DIR:-target}/release/ddp_speed
rounds=${ROUNDS:-5}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

least() { sort -n | head -1; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

measure() { # width, batch size
    local one=() two=() threads=() ordered=()
    for ((round = 0; round < rounds; round++)); do
        one+=("$(RAYON_NUM_THREADS=1 "$binary" --width "$1" --batch-size "$2")")
        two+=("$(RAYON_NUM_THREADS=1 mpirun -n 2 --bind-to none "$binary" --width "$1" --batch-size "$2")")
        ordered+=("$(RAYON_NUM_THREADS=1 mpirun -n 2 --bind-to none "$binary" --width "$1" --batch-size "$2" --ordered)")
        threads+=("$(RAYON_NUM_THREADS=2 "$binary" --width "$1" --batch-size $((2 * $2)))")
    done
    local a b c d
    a=$(printf '%s\n' "${one[@]}" | least) b=$(printf '%s\n' "${two[@]}" | least)
    c=$(printf '%s\n' "${threads[@]}" | least) d=$(printf '%s\n' "${ordered[@]}" | least)
    printf 'width %4d, batch %4d: one process %7.2f ms, two ranks %7.2f ms (in order %7.2f), two threads %7.2f ms: weak scaling %s, against threads %s\n' \
        "$1" "$2" "$a" "$b" "$d" "$c" "$(ratio "$a" "$b")" "$(ratio "$c" "$b")"
}

measure 128 64
measure 1024 256
measure 2560 512
