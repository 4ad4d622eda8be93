#!/usr/bin/env bash
# Kills ranks: N runs (50 by default) of 2 or 3 ranks under `mpirun`, in each of which a rank chosen at
# random gets SIGKILL at a random moment, from the start of the process to the last step. Each run has to
# end within 10 seconds with an exit code that is not 0, and, when it is started again, to continue from
# its last checkpoint and to end with the bits of a run that nothing has disturbed.
# With SECONDS, a rank of one more run is stopped for so long by SIGSTOP, and continued by SIGCONT: the run
# must go on to the same bits. SEED gives the same choices again; the moments differ all the same.
#
#   scripts/ddp_kills.sh [N [SECONDS]]
#
# Needs Open MPI (the package openmpi-bin); about 6 seconds for each run.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-50} pause=${2:-0}
RANDOM=${SEED:-$((RANDOM + 1))}

skip() { echo "skipped: $1"; exit 0; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
command -v mpirun >/dev/null || skip "needs \`mpirun\`; install the package openmpi-bin"
mpirun --oversubscribe -n 2 true || skip "\`mpirun\` is not one of Open MPI, or starts no processes here"
"${CARGO:-cargo}" build --quiet -p lightning-tests --bin ddp
program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/ddp

folder=$(mktemp -d)
job=
trap '[ -z "$job" ] || kill -KILL "$job" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $1"; tail -n 20 "$folder/errors" >&2; exit 1; }
now() { echo $(($(date +%s%N) / 1000000)); }
weights() { grep '^weights' "$1" | sort -u; }

for ranks in 2 3; do
    "$program" --accumulate $ranks >"$folder/lines" 2>"$folder/errors" || fail "one process that accumulates"
    weights "$folder/lines" >"$folder/expected.$ranks"
done

start() { # ranks, further arguments: starts a run of the folder `run`
    local ranks=$1
    shift
    mpirun --oversubscribe -n "$ranks" "$program" --folder "$folder/run" --resume --save-every 2 --sleep 20 "$@" \
        >"$folder/lines" 2>"$folder/errors" &
    job=$!
}

rank_of() { tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p'; }

# The process of a rank of the job; nothing if there is none.
process_of() {
    local process
    for process in $(pgrep -P "$job" -x ddp || true); do
        [ "$(rank_of "$process" || true)" != "$1" ] || echo "$process"
    done
}

finish() { # ranks, what: the job has to end with the bits of the undisturbed run
    wait "$job" || fail "$2: exit code $?"
    job=
    [ "$(weights "$folder/lines")" = "$(cat "$folder/expected.$1")" ] || fail "$2: other bits: $(weights "$folder/lines")"
}

times=() codes=() resumed=0 number=0 whole=2000
while [ $number -lt "$runs" ]; do
    ranks=$((RANDOM % 4 == 0 ? 3 : 2)) victim=$((RANDOM % ranks))
    rm -rf "$folder/run"
    since=$(now)
    start $ranks
    # `mpirun` itself needs a moment until there are ranks.
    until [ -n "$(process_of $victim)" ] || ! kill -0 "$job" 2>/dev/null; do sleep 0.01; done
    moment=$((RANDOM * whole / 32768))
    sleep "$(printf "%d.%03d" $((moment / 1000)) $((moment % 1000)))"
    process=$(process_of $victim)
    if [ -z "$process" ] || ! kill -KILL "$process" 2>/dev/null; then
        # It has ended already: later moments than that need not be tried.
        finish $ranks "run $number, before any kill"
        whole=$(($(now) - since))
        continue
    fi
    since=$(now) code=0
    wait "$job" || code=$?
    job=
    took=$(($(now) - since))
    # A process that has ended and that nobody has waited for yet takes a signal as well.
    if [ "$code" = 0 ] && [ "$(weights "$folder/lines")" = "$(cat "$folder/expected.$ranks")" ]; then
        continue
    fi
    number=$((number + 1)) times+=("$took") codes+=("$code")
    [ "$code" != 0 ] || fail "run $number: exit code 0 after rank $victim of $ranks was killed after $moment ms"
    [ "$took" -le 10000 ] || fail "run $number: ended $took ms after rank $victim of $ranks was killed"
    [ -z "$(find "$folder/run" -name '*.ckpt' 2>/dev/null)" ] || resumed=$((resumed + 1))
    start $ranks
    finish $ranks "run $number, resumed"
done
if [ "$runs" -gt 0 ]; then
    mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
    printf '%d kills: ended after %d ms at least, %d ms in the median, %d ms at most, with the exit codes %s; ' \
        "$runs" "${sorted[0]}" "${sorted[$((runs / 2))]}" "${sorted[-1]}" "$(printf '%s\n' "${codes[@]}" | sort -un | xargs)"
    printf '%d of them had a checkpoint; all ended with the bits of the undisturbed run\n' "$resumed"
fi

if [ "$pause" -gt 0 ]; then
    rm -rf "$folder/run"
    start 2 --timeout $((pause + 60))
    until [ -n "$(find "$folder/run" -name '*.ckpt' 2>/dev/null)" ]; do sleep 0.05; done
    process=$(process_of 1)
    kill -STOP "$process"
    sleep "$pause"
    kill -0 "$job" || fail "the run has ended while a rank was stopped"
    kill -CONT "$process"
    since=$(now)
    finish 2 "a rank that was stopped for $pause seconds"
    echo "a rank stopped for $pause seconds: the run went on, ended $(($(now) - since)) ms later, and has the bits of the undisturbed run"
fi
