#!/usr/bin/env bash
# Cropping, flipping and decoding images beside torchvision, as ratios; fails where one is too small. $PYTHON is the Python that has
# torchvision (python3 where it is not set). The two sides take turns, and of each the best of three rounds counts.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! "$python" -c "import torch, torchvision" 2>/dev/null; then
    echo "SKIPPED bench_images: $python has no torch and torchvision; set PYTHON to one that has"
    exit 0
fi

# The whole workspace: another choice of packages has other features, and would build Burn once more.
[ -n "${BENCH_BUILT:-}" ] || "${CARGO:-cargo}" build --release --workspace --bins
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" scripts/bench_images.py generate "$folder/jpeg"
for _ in 1 2 3; do
    target/release/bench_images "$folder/jpeg" >> "$folder/ours"
    "$python" scripts/bench_images.py measure "$folder/jpeg" >> "$folder/theirs"
done
"$python" scripts/bench_images.py compare "$folder/ours" "$folder/theirs"
