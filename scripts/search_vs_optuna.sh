#!/usr/bin/env bash
# Compares this library's TPE with Optuna's multivariate TPE on ten functions: the median, over 20 seeds, of the best
# value of 60 trials. Smaller is better. With numbers as arguments, other numbers of trials and seeds. Needs in
# OPTUNA_PYTHON a Python with the package `optuna`.
set -euo pipefail
cd "$(dirname "$0")/.."
trials=${1:-60} seeds=${2:-20}
if [ -z "${OPTUNA_PYTHON:-}" ]; then
    echo "SKIPPED: name a Python with \`optuna\` in OPTUNA_PYTHON"
    exit 0
fi
cargo build --quiet -p lightning-tests --bin search_functions
ours=$(mktemp) theirs=$(mktemp)
trap 'rm -f "$ours" "$theirs"' EXIT
"${CARGO_TARGET_DIR:-target}/debug/search_functions" "$trials" "$seeds" > "$ours"
"$OPTUNA_PYTHON" tests/foreign/optuna_functions.py "$trials" "$seeds" > "$theirs"
echo "median of the best of $trials trials over $seeds seeds"
join <(sort "$ours") <(sort "$theirs") | awk '
    BEGIN { printf "%-14s %12s %12s\n", "function", "ours", "Optuna" }
    { printf "%-14s %12.5g %12.5g  %s\n", $1, $2, $3, ($2 <= $3 ? "better" : ""); better += ($2 <= $3) }
    END { printf "at least as good on %d of %d\n", better, NR }'
