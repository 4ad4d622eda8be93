#!/usr/bin/env bash
# What a tracker costs a step of the benchmark's MLP: how many times as long a step takes with W&B's
# files, and with MLflow and Trackio whose server accepts and never answers. Medians of the rounds, 15
# or as many as the argument says; a minute. Needs a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
export TRACKER_COST=${1:-15}
cargo test -p lightning-tests --test it -- tracker_cost:: --nocapture
