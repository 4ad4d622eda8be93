#!/usr/bin/env bash
# Trains under SLURM: starts `slurmctld` and `slurmd` for this machine alone, with a configuration in a
# temporary folder, and shows that
#   - `srun -n 2 --mpi=pmix` has the bits of one process;
#   - a number of tasks that is not that of the settings is an error in words;
#   - the signal of `--signal=USR1@…` saves a checkpoint, and the run goes on;
#   - a job that asks to be started again, as docs/slurm/train.sh does, continues from its checkpoint by
#     itself, and so does one that gets `scontrol requeue`; both end with the bits of the undisturbed run.
# Needs root, Open MPI, and the Debian packages slurmctld, slurmd, slurm-client and libpmix-dev, which it
# installs if they are not there. Stops the daemons at the end. About a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "needs root, for the daemons of SLURM"
command -v mpirun >/dev/null || skip "needs Open MPI; install the package openmpi-bin"
if ! command -v slurmctld slurmd srun >/dev/null; then
    command -v apt-get >/dev/null || skip "needs SLURM"
    apt-get install --yes --quiet --no-install-recommends slurmctld slurmd slurm-client >/dev/null ||
        skip "the packages slurmctld, slurmd and slurm-client cannot be installed"
fi
"${CARGO:-cargo}" build --quiet -p lightning-tests --bin ddp
program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/ddp

folder=$(mktemp -d)
daemons=()
stop() {
    scancel --user=root 2>/dev/null || true
    for daemon in "${daemons[@]}"; do
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap stop EXIT
fail() {
    echo "FAILED: $1" >&2
    tail -n 20 "$folder"/*.err "$folder"/*.log >&2 2>/dev/null || true
    exit 1
}

machine=$(hostname -s)
mkdir "$folder/state" "$folder/spool"
export SLURM_CONF=$folder/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=demonstration
SlurmctldHost=$machine(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
AuthType=auth/none
CredType=cred/none
# A job waits for so many seconds before it is started again; two minutes by default.
AuthInfo=cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=10
JobRequeue=1
NodeName=$machine NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -D >"$folder/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N "$machine" >"$folder/slurmd.log" 2>&1 &
daemons+=($!)
for ((waited = 0; waited < 60; waited++)); do
    # `idle*` is a machine that does not answer yet.
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" != idle ] || break
    kill -0 "${daemons[0]}" 2>/dev/null && kill -0 "${daemons[1]}" 2>/dev/null || fail "a daemon of SLURM has ended"
    sleep 0.5
done
[ "$waited" -lt 60 ] || fail "SLURM has not started"
# Debian's plugin for PMIx opens a file that only the package libpmix-dev has.
srun --mpi=pmix true 2>"$folder/pmix.err" ||
    { apt-get install --yes --quiet --no-install-recommends libpmix-dev >/dev/null && srun --mpi=pmix true; } ||
    skip "this SLURM starts nothing with --mpi=pmix: $(head -n 1 "$folder/pmix.err")"

results() { grep -hE '^(weights|test_acc)' "$@" | sort -u; }
expected=$("$program" --accumulate 2 2>/dev/null | results -)

# The bits of one process.
srun -n 2 --mpi=pmix "$program" >"$folder/srun.out" 2>"$folder/srun.err" || fail "srun: exit code $?"
[ "$(results "$folder/srun.out")" = "$expected" ] || fail "srun: other bits"
echo "srun -n 2 --mpi=pmix has the bits of one process: $(tail -n 1 <<<"$expected")"

# Settings that do not fit.
expect_error() { # what the error has to contain, the arguments of `srun` and of the program
    local expected=$1 code=0
    shift
    srun "$@" >"$folder/error.out" 2>"$folder/error.err" || code=$?
    [ "$code" != 0 ] || fail "$*: exit code 0"
    grep -qF "$expected" "$folder/error.err" || fail "$*: another error than: $expected"
    echo "srun ${*/#$program/ddp}: $(grep -F "$expected" "$folder/error.err" | sort -u | head -n 1 | sed "s|$program|ddp|g")"
}
expect_error '`devices(3)` must be started as 3 processes, one for each device, found 2 started by `srun`' \
    -n 2 --mpi=pmix "$program" --devices 3
expect_error '`devices(2)` and `num_nodes(2)`: each machine must have 2 processes, found 4' \
    -n 4 --mpi=pmix "$program" --devices 2 --num-nodes 2

# submit NAME SCRIPT-ARGUMENTS…: submits the commands of standard input, and sets `job`.
submit() {
    local name=$1
    shift
    { echo '#!/bin/bash'; cat; } >"$folder/$name.sh"
    job=$(sbatch --parsable --ntasks=2 --requeue --open-mode=append --chdir="$folder" \
        --output="$folder/$name.out" --error="$folder/$name.err" "$@" "$folder/$name.sh")
}
job_is() { scontrol --oneliner show job "$job" | grep -qE " JobState=$1 "; }
# Waits for a condition for two minutes at most.
await() { # what, command…
    local what=$1 waited
    shift
    for ((waited = 0; waited < 600; waited++)); do
        ! "$@" || return 0
        sleep 0.2
    done
    scontrol show job "$job" >&2
    fail "waited in vain: $what"
}
has_checkpoint() { [ -n "$(find "$folder/$1" -name '*.ckpt' 2>/dev/null)" ]; }
is_saved() { grep -qs "SIGUSR1: saved" "$folder/$1.err"; }
count() { grep -c "$2" "$folder/$1" || true; }

# The signal before the limit: a minute less 50 seconds after the start.
submit signal --time=1 --signal=USR1@50 <<COMMANDS
srun --mpi=pmix $program --folder $folder/signal --sleep 400
COMMANDS
signal=$job
await "a checkpoint after SIGUSR1" is_saved signal
await "the end of the job" job_is COMPLETED
[ "$(results "$folder/signal.out")" = "$expected" ] || fail "after SIGUSR1: other bits"
echo "--signal=USR1@50: $(grep -h 'SIGUSR1: saved' "$folder/signal.err" | sed "s|$folder/||"), and the job $signal went on to the same bits"

# A job that asks to be started again, by the commands of the example.
commands=$(sed -n '/^# Ends the program/,/^trap/p' docs/slurm/train.sh)
submit again <<COMMANDS
echo "start \${SLURM_RESTART_COUNT:-0}"
$commands
srun --mpi=pmix $program --folder $folder/again --save-every 2 --sleep 100 &
wait \$!
COMMANDS
await "a checkpoint" has_checkpoint again
scancel --batch --signal=USR1 "$job"
await "the second start" grep -qs '^start 1' "$folder/again.out"
await "the end of the job" job_is COMPLETED
[ "$(results <(sed -n '/^start 1/,$p' "$folder/again.out"))" = "$expected" ] || fail "started again: other bits"
echo "docs/slurm/train.sh, SIGUSR1 to the script: $(count again.err 'interrupted: saved') checkpoint, $(count again.out '^start') starts, the same bits"

# A job that is put back into the queue, as when its machine is needed otherwise.
submit requeue <<COMMANDS
echo "start \${SLURM_RESTART_COUNT:-0}"
srun --mpi=pmix $program --folder $folder/requeue --save-every 2 --sleep 100
COMMANDS
await "a checkpoint" has_checkpoint requeue
scontrol requeue "$job"
await "the second start" grep -qs '^start 1' "$folder/requeue.out"
await "the end of the job" job_is COMPLETED
[ "$(results <(sed -n '/^start 1/,$p' "$folder/requeue.out"))" = "$expected" ] || fail "requeued: other bits"
echo "scontrol requeue: $(count requeue.err 'interrupted: saved') checkpoint, $(count requeue.out '^start') starts, the same bits"
