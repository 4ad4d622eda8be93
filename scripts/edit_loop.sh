#!/usr/bin/env bash
# Prints the time of `cargo check`, a debug build and a release build after a change of one line of
# `digits`, each as the median of five.
set -euo pipefail
cd "$(dirname "$0")/.."
source_file=examples/src/bin/digits.rs
backup=$(mktemp)
cp "$source_file" "$backup"
trap 'cp "$backup" "$source_file"; rm -f "$backup"' EXIT

measure() {
    local label=$1 budget=$2
    shift 2
    "$@" >/dev/null 2>&1
    local times=()
    for round in 1 2 3 4 5; do
        # Changes a line inside a step, differently in each round.
        sed "s/let logits = self.forward(batch.images);/let logits = self.forward(batch.images) * (1.0 + ${round}e-9);/" "$backup" >"$source_file"
        local start end
        start=$(date +%s%N)
        "$@" >/dev/null 2>&1
        end=$(date +%s%N)
        times+=($(((end - start) / 1000000)))
    done
    cp "$backup" "$source_file"
    local sorted
    sorted=($(printf '%s\n' "${times[@]}" | sort -n))
    printf '%-14s %5d ms  (budget %s ms; rounds: %s)\n' "$label" "${sorted[2]}" "$budget" "${times[*]}"
}

measure "check" 1000 cargo check --bin digits
measure "debug build" 2000 cargo build --bin digits
measure "release build" 4000 cargo build --release --bin digits
