#!/usr/bin/env bash
# Compares the loader with torch's on the same tensors, MNIST in shuffled batches of 64, and
# measures how well loading overlaps with a step.
#
#   scripts/bench_loader.sh [FOLDER OF THE MNIST FILES]
#
# PYTHON names a Python with torch, ROUNDS the number of rounds.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-../shared/data/mnist}
python=${PYTHON:-python3}
if [ ! -e "$folder/train-images-idx3-ubyte.gz" ]; then
    echo "SKIPPED: no MNIST files in $folder"
    exit 0
fi
# The whole workspace: a subset of packages has other features and would build Burn again.
[ -n "${BENCH_BUILT:-}" ] || "${CARGO:-cargo}" build --quiet --release --workspace --bins
rounds=${ROUNDS:-5}
overlap=$(target/release/bench_loader "$folder" overlap)
value() { awk -v name="$1" '$1 == name { print $2 }'; }
printf 'a step of t with a loader of 0.8 t on one worker: %s t (waiting), %s t (computing)\n' \
    "$(echo "$overlap" | value overlap_waiting)" "$(echo "$overlap" | value overlap_computing)"
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "SKIPPED: the comparison with torch; $python has no torch, set PYTHON to one with it"
    exit 0
fi
# Both run in turn, so that other load on the machine slows both down: the ratio of each round, and
# the median of all.
names="floats_0_workers floats_1_workers bytes_0_workers bytes_1_workers"
ratios=$(for _ in $(seq "$rounds"); do
    ours=$(target/release/bench_loader "$folder" rates)
    torch=$("$python" scripts/bench_loader.py "$folder")
    echo "microseconds a batch: torch $torch, $(echo "$ours" | awk '{ sub("_us", "", $1); printf "%s%s %s", sep, $1, $2; sep = ", " }')" >&2
    for name in $names; do
        echo "$ours" | awk -v name="$name" -v torch="$torch" '$1 == name "_us" { printf "%s %.2f\n", name, torch / $2 }'
    done
done)
for name in $names; do
    echo "$ratios" | value "$name" | sort -n | awk -v name="$name" \
        '{ all[NR] = $1 } END { printf "%s: %.1f times torch'"'"'s DataLoader(num_workers=0) (%.1f to %.1f)\n", name, all[int((NR + 1) / 2)], all[1], all[NR] }'
done
