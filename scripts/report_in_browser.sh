#!/usr/bin/env bash
# Opens the pages of `tests/it/report_outputs.rs` in Chromium, which is installed where apt-get can
# do so. With a folder as argument, screenshots in light and dark, wide and narrow, go there.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${CHROMIUM:-}" ] && ! command -v chromium chromium-browser google-chrome >/dev/null; then
    apt-get install --yes --quiet chromium fonts-dejavu-core || echo "SKIPPED: Chromium cannot be installed"
fi
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    SCREENSHOTS=$(realpath "$1")
    export SCREENSHOTS
fi
cargo test --workspace --test it report_outputs::a_browser_shows_the_pages -- --nocapture
