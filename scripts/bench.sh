#!/usr/bin/env bash
# Times the trainer beside a loop written by hand as a user of Burn gets it, burn-train, and PyTorch and PyTorch Lightning where there
# is a Python with torch: each a process of its own, in turn, ROUNDS times. Prints a table of ratios.
#
#   scripts/bench.sh [--rounds 5] [--no-avx512] [--python PYTHON] [--device cpu] [WORKLOAD...]
set -euo pipefail
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
rounds=5 avx512=1 python=${PYTHON:-python3} device=cpu workloads=()
while [ $# -gt 0 ]; do
    case $1 in
        --rounds) rounds=$2; shift 2 ;;
        --no-avx512) avx512=0; shift ;;
        --python) python=$2; shift 2 ;;
        --device) device=$2; shift 2 ;;
        *) workloads+=("$1"); shift ;;
    esac
done
[ ${#workloads[@]} -gt 0 ] || workloads=(mlp batchnorm cnn transformer wide)

features=()
[ "$device" = cpu ] || features=(--features "$device")
if [ -z "${BENCH_BUILT:-}" ]; then
    # The whole workspace: another choice of packages has other features, and would build Burn once more.
    "$cargo" build --release --workspace --bins "${features[@]}"
    [ "$device" != cpu ] || "$cargo" build --release --manifest-path tests/bench-user/Cargo.toml
    if [ $avx512 = 0 ]; then
        "$cargo" build --release --manifest-path tests/bench-user/Cargo.toml --no-default-features --features trainer \
            --target-dir tests/bench-user/target/no-avx512
    fi
fi
ours=target/release/bench
user=tests/bench-user/target/release/bench-user
portable=tests/bench-user/target/no-avx512/release/bench-user

torch=0 lightning=0
if "$python" -c 'import torch, tqdm' 2>/dev/null; then torch=1; else echo "skipped: PyTorch ($python has no torch and tqdm)"; fi
if "$python" -c 'import torch, lightning' 2>/dev/null; then lightning=1; else echo "skipped: PyTorch Lightning ($python has no lightning)"; fi

results=$(mktemp)
trap 'rm -f "$results"' EXIT
quietly() { "$@" >/dev/null 2>&1 || { echo "failed: $*" >&2; return 1; }; }

for workload in "${workloads[@]}"; do
    for _ in $(seq "$rounds"); do
        for program in trainer trainer-burn-optimizers hand; do
            quietly $ours --device "$device" run --program $program --workload "$workload" --out "$results"
        done
        if [ "$device" = cpu ]; then
            for program in user-hand burn-train; do quietly $user $program "$workload" "$results"; done
        fi
        if [ $avx512 = 0 ]; then
            for program in trainer-no-avx512 hand-no-avx512; do quietly $portable $program "$workload" "$results"; done
        fi
        [ $torch = 0 ] || quietly "$python" tests/bench/torch_bench.py torch "$workload" "$results" --device "$device"
        [ $lightning = 0 ] || quietly "$python" tests/bench/torch_bench.py lightning "$workload" "$results" --device "$device"
    done
    echo "done: $workload" >&2
done
$ours table "$results"
[ $avx512 = 1 ] || { echo; $ours table "$results" --ours trainer-no-avx512; }
[ -z "${BENCH_RESULTS:-}" ] || cp "$results" "$BENCH_RESULTS"
