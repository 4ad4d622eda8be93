#!/usr/bin/env bash
# The loader beside torch's, on the same tensors and in one run: MNIST in shuffled batches of 64, and how well loading hides behind a step.
# Usage: scripts/bench_loader.sh [folder of the MNIST files]. `PYTHON` names the interpreter that has torch.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-../shared/data/mnist}
python=${PYTHON:-python3}
if [ ! -e "$folder/train-images-idx3-ubyte.gz" ]; then
    echo "SKIPPED: no MNIST files in $folder"
    exit 0
fi
# The whole workspace: another choice of packages has other features, and would build Burn once more.
[ -n "${BENCH_BUILT:-}" ] || "${CARGO:-cargo}" build --quiet --release --workspace --bins
ours=$(target/release/bench_loader "$folder")
echo "$ours"
value() { echo "$ours" | awk -v name="$1" '$1 == name { print $2 }'; }
printf 'a step of t with a loader of 0.8 t on one worker: %s t (waiting), %s t (computing)\n' \
    "$(value overlap_waiting)" "$(value overlap_computing)"
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "SKIPPED: the comparison with torch, which $python does not have; say where it is: PYTHON=…"
    exit 0
fi
torch=$("$python" scripts/bench_loader.py "$folder")
echo "torch_0_workers_us $torch"
for name in floats_0_workers floats_1_workers bytes_0_workers bytes_1_workers; do
    awk -v name="$name" -v torch="$torch" -v own="$(value "${name}_us")" \
        'BEGIN { printf "%s: %.1f times torch'"'"'s DataLoader(num_workers=0)\n", name, torch / own }'
done
