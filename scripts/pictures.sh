#!/usr/bin/env bash
# Takes the pictures of the README, `docs/src/images/*.png`, from a run of an example in a terminal
# of 100 columns: `scripts/pictures.sh digits`, or `scripts/pictures.sh mnist --data.data_dir DIR`.
# Needs tmux, Chromium, and in TENSORBOARD_PYTHON a Python with the package `tensorboard`. With
# Pillow in the Python of PYTHON the files are smaller.
set -euo pipefail
cd "$(dirname "$0")/.."
example=${1:-digits}
shift || true
cargo build --workspace --bin "$example"
program=$(realpath "${CARGO_TARGET_DIR:-target}/debug/$example")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
session="pictures-$$"
tmux new-session -d -s "$session" -x 100 -y 22 -c "$work" \
    "$program $*; touch $work/ended; sleep 600"
# The last view with a bar, which is gone when the run has ended.
while [ ! -e "$work/ended" ]; do
    tmux capture-pane -e -p -t "$session" > "$work/view"
    if grep -q '^Epoch .*it/s' "$work/view"; then mv "$work/view" "$work/terminal"; fi
    sleep 0.1
done
tmux kill-session -t "$session"
mkdir -p docs/src/images
"${PYTHON:-python3}" tests/browser/pictures.py "$work/lightning_logs" "$work/terminal" docs/src/images
ls -l docs/src/images
