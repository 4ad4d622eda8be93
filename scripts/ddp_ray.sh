#!/usr/bin/env bash
# Ray as a launcher: starts Ray for this machine alone and shows that a job of its Jobs API can be
#   - `mpirun -n 2 …` with variables of its runtime environment, with the bits of one process;
#   - one whose rank 1 fails: the job fails, and its log says what that rank said;
#   - one that is stopped and submitted again: it continues from its folder, to the same bits.
# Needs python3, Open MPI (the package openmpi-bin) and the network, for `pip install "ray[default]"` into
# the virtual environment RAY_VENV, target/ray by default. Stops Ray at the end. About a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
command -v mpirun >/dev/null || skip "needs \`mpirun\`; install the package openmpi-bin"
venv=${RAY_VENV:-target/ray}
if [ ! -x "$venv/bin/ray" ]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "ray[default]"; } || skip "Ray cannot be installed"
fi
PATH=$(realpath "$venv")/bin:$PATH
"${CARGO:-cargo}" build --quiet -p lightning-tests --bin ddp
program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/ddp

# The paths of Ray's sockets must be short.
folder=$(mktemp -d /tmp/ray.XXXXXX)
ray=
trap '[ -z "$ray" ] || { kill "$ray" && wait "$ray"; } 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $1" >&2; exit 1; }
export RAY_USAGE_STATS_ENABLED=0
ray start --head --block --node-ip-address=127.0.0.1 --port=6399 --dashboard-port=8299 --num-cpus=2 \
    --object-store-memory=100000000 --temp-dir="$folder/ray" >"$folder/start.log" 2>&1 &
ray=$!
export RAY_ADDRESS=http://127.0.0.1:8299
is_up() {
    python3 -c 'import os, urllib.request; urllib.request.urlopen(os.environ["RAY_ADDRESS"] + "/api/jobs/")' 2>/dev/null
}
for ((waited = 0; waited < 240; waited++)); do
    ! is_up || break
    kill -0 $ray 2>/dev/null || break
    sleep 0.5
done
is_up || { cat "$folder/start.log" >&2; fail "Ray has not started"; }

results() { grep -ohE '^(weights|test_acc).*' "$@" | sort -u; }
expected=$("$program" --accumulate 2 2>/dev/null | results -)

variables='{"env_vars": {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "FOLDER": "'$folder/run'"}}'
submit() { # name, command…
    local name=$1
    shift
    ray job submit --no-wait --submission-id "$name" --runtime-env-json "$variables" -- "$@" >"$folder/submit.log" 2>&1 ||
        { cat "$folder/submit.log" >&2; fail "the job \`$name\` cannot be submitted"; }
}
status() {
    python3 - "$1" <<'PYTHON'
import json, os, sys, urllib.request
with urllib.request.urlopen(os.environ["RAY_ADDRESS"] + "/api/jobs/" + sys.argv[1]) as answer:
    print(json.load(answer)["status"])
PYTHON
}
ends_as() { # name, status: waits for two minutes at most
    local found waited
    for ((waited = 0; waited < 240; waited++)); do
        found=$(status "$1")
        case $found in
        PENDING | RUNNING) sleep 0.5 ;;
        *) break ;;
        esac
    done
    ray job logs "$1" >"$folder/$1.log" 2>/dev/null
    [ "$found" = "$2" ] || { cat "$folder/$1.log" >&2; fail "the job \`$1\` is $found"; }
}

submit bits mpirun --oversubscribe -n 2 "$program"
ends_as bits SUCCEEDED
[ "$(results "$folder/bits.log")" = "$expected" ] || fail "other bits"
echo "a job \`mpirun -n 2 ddp\` has the bits of one process: $(tail -n 1 <<<"$expected")"

submit error mpirun --oversubscribe -n 2 "$program" --event error
ends_as error FAILED
grep -q 'Error: rank 1 failed: a broken file' "$folder/error.log" || fail "the log does not say what rank 1 said"
echo "a job whose rank 1 fails is FAILED: $(grep -o 'Error: rank 1 failed: .*' "$folder/error.log" | head -n 1)"

train="mpirun --oversubscribe -n 2 $program --folder \$FOLDER --resume --save-every 2"
submit stopped sh -c "$train --sleep 200"
for ((waited = 0; waited < 240; waited++)); do
    [ -z "$(find "$folder/run" -name '*.ckpt' 2>/dev/null)" ] || break
    sleep 0.5
done
ray job stop stopped >/dev/null 2>&1
ends_as stopped STOPPED
pgrep -f "$program --folder $folder/run" >/dev/null && fail "a rank is left"
submit again sh -c "$train"
ends_as again SUCCEEDED
[ "$(results "$folder/again.log")" = "$expected" ] || fail "resumed: other bits"
echo "a job that was stopped and submitted again has the same bits; the first one saved: $(grep -c 'interrupted: saved' "$folder/stopped.log" || true) checkpoint at its end"
