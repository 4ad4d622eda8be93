#!/usr/bin/env bash
# Compares cropping, flipping and decoding images with torchvision, and fails if a ratio is too
# small. $PYTHON names a Python with torchvision (default: python3). The two sides take turns, and
# the best of three rounds counts.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! "$python" -c "import torch, torchvision" 2>/dev/null; then
    echo "SKIPPED bench_images: $python has no torch and torchvision; set PYTHON to a Python with both"
    exit 0
fi

# The whole workspace: a subset of packages has other features and would build Burn again.
[ -n "${BENCH_BUILT:-}" ] || "${CARGO:-cargo}" build --release --workspace --bins
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" scripts/bench_images.py generate "$folder/jpeg"
for _ in 1 2 3; do
    target/release/bench_images "$folder/jpeg" >> "$folder/ours"
    "$python" scripts/bench_images.py measure "$folder/jpeg" >> "$folder/theirs"
done
"$python" scripts/bench_images.py compare "$folder/ours" "$folder/theirs"
