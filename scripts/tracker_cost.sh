#!/usr/bin/env bash
# What a tracker costs a step of the benchmark's MLP: how many times as long a step takes with W&B's
# files, and with MLflow and Trackio whose server accepts and never answers; "none again" is the noise of
# the machine. Medians of 15 rounds, or as many as the argument says; three minutes after the build, which is
# that of the profile `release`. Needs a quiet machine for the time of the clock.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CARGO:-cargo}" build --quiet --release -p lightning-tests --bin tracker_cost
# Each run warns that its server does not answer.
warnings=$(mktemp)
trap 'rm -f "$warnings"' EXIT
"${CARGO_TARGET_DIR:-target}/release/tracker_cost" "${1:-15}" 2>"$warnings" || { tail -n 20 "$warnings" >&2; exit 1; }
