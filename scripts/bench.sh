#!/usr/bin/env bash
# Times the trainer, a hand-written loop with Burn's default features, burn-train, and, if the
# Python has them, PyTorch and PyTorch Lightning. Each runs as a separate process, in turn, ROUNDS
# times, on an otherwise idle machine. Prints a table of ratios.
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
    # The whole workspace: a subset of packages has other features and would build Burn again.
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

results=$(mktemp) line=$(mktemp)
trap 'rm -f "$results" "$line"' EXIT

# Processor time in hundredths of a second: of the whole machine, and of this script with its
# children. Both are 0 if the kernel does not report it.
everything() { awk '/^cpu /{ print $2 + $3 + $4 + $7 + $8; found = 1 } END { if (!found) print 0 }' /proc/stat 2>/dev/null || echo 0; }
own() { awk '{ print $14 + $15 + $16 + $17 }' /proc/$$/stat 2>/dev/null || echo 0; }
# The share of the machine that other processes have used since `note`, in percent.
others() { awk -v all=$(($(everything) - before)) -v own=$(($(own) - mine)) -v ns=$(($(date +%s%N) - start)) -v cores="$(nproc)" \
    'BEGIN { printf "%d", 100 * (all - own) / (cores * ns / 1e7) }'; }
note() { before=$(everything) mine=$(own) start=$(date +%s%N); }

# Runs a program that appends a line to $line. A run during which other processes used more than 5 %
# of the machine is discarded and repeated when the machine is idle.
measure() {
    for _ in $(seq 12); do
        for _ in $(seq 60); do note; sleep 0.5; [ "$(others)" -gt 5 ] || break; done
        : >"$line"
        note
        "$@" >/dev/null 2>&1 || { echo "failed: $*" >&2; return 1; }
        busy=$(others)
        if [ "$busy" -le 5 ]; then cat "$line" >>"$results"; return; fi
        echo "repeated: other processes used $busy % of the machine during $*" >&2
    done
    echo "the machine is too busy for $*" >&2
    return 1
}

for workload in "${workloads[@]}"; do
    for _ in $(seq "$rounds"); do
        for program in trainer trainer-burn-optimizers hand; do
            measure $ours --device "$device" run --program $program --workload "$workload" --out "$line"
        done
        if [ "$device" = cpu ]; then
            for program in user-hand burn-train; do measure $user $program "$workload" "$line"; done
        fi
        if [ $avx512 = 0 ]; then
            for program in trainer-no-avx512 hand-no-avx512; do measure $portable $program "$workload" "$line"; done
        fi
        [ $torch = 0 ] || measure "$python" tests/bench/torch_bench.py torch "$workload" "$line" --device "$device"
        [ $lightning = 0 ] || measure "$python" tests/bench/torch_bench.py lightning "$workload" "$line" --device "$device"
    done
    echo "done: $workload" >&2
done
$ours table "$results"
[ $avx512 = 1 ] || { echo; $ours table "$results" --ours trainer-no-avx512; }
[ -z "${BENCH_RESULTS:-}" ] || cp "$results" "$BENCH_RESULTS"
