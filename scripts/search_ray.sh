#!/usr/bin/env bash
# Ray as an engine of a search: starts Ray for this machine alone and searches eight combinations, each of
# them a job of Ray's Jobs API. One trial fails by its error, one by the end of its process, one is stopped
# with `ray job stop`; all states and values are compared, and what Ray says of the jobs. Then Ray is ended
# while a second search runs: it has to end with an error, and the study to be readable.
# Needs python3, and the network for `pip install "ray[default]"` into the virtual environment RAY_VENV,
# target/ray by default. Stops Ray at the end. About a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
venv=${RAY_VENV:-target/ray}
if [ ! -x "$venv/bin/ray" ]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "ray[default]"; } || skip "Ray cannot be installed"
fi
PATH=$(realpath "$venv")/bin:$PATH
"${CARGO:-cargo}" build --quiet -p lightning-tests --bin search_ray
program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/search_ray

# The paths of Ray's sockets must be short.
folder=$(mktemp -d /tmp/ray.XXXXXX)
ray= search=
trap '[ -z "$search" ] || kill "$search" 2>/dev/null || true
    [ -z "$ray" ] || { kill "$ray" && wait "$ray"; } 2>/dev/null || true
    # A job may outlive Ray.
    pgrep -f "^$program $RAY_ADDRESS $folder/" | xargs -r kill || true
    rm -rf "$folder"' EXIT
export RAY_ADDRESS=http://127.0.0.1:8298
fail() { echo "FAILED: $1" >&2; [ ! -e "$folder/errors" ] || tail -n 30 "$folder/errors" >&2; exit 1; }
export RAY_USAGE_STATS_ENABLED=0
ray start --head --block --node-ip-address=127.0.0.1 --port=6398 --dashboard-port=8298 --num-cpus=2 \
    --object-store-memory=100000000 --temp-dir="$folder/ray" >"$folder/start.log" 2>&1 &
ray=$!
is_up() {
    python3 -c 'import os, urllib.request; urllib.request.urlopen(os.environ["RAY_ADDRESS"] + "/api/jobs/")' 2>/dev/null
}
for ((waited = 0; waited < 360; waited++)); do
    ! is_up || break
    kill -0 $ray 2>/dev/null || break
    sleep 0.5
done
is_up || { cat "$folder/start.log" >&2; fail "Ray has not started"; }

start() { # journal
    "$program" "$RAY_ADDRESS" "$1" >"$folder/lines" 2>"$folder/errors" &
    search=$!
}
# The sixth trial says that it runs.
until_running() { # journal
    local waited
    for ((waited = 0; waited < 480; waited++)); do
        [ ! -e "${1%.log}_files/trial_5/runs" ] || return 0
        kill -0 "$search" 2>/dev/null || fail "the search has ended too early"
        sleep 0.25
    done
    fail "the sixth trial has not begun within two minutes"
}
jobs() { # prints the trial and the state of each job of the study
    python3 - <<'PYTHON'
import json, os, urllib.request
with urllib.request.urlopen(os.environ["RAY_ADDRESS"] + "/api/jobs/") as answer:
    found = [job for job in json.load(answer) if job.get("metadata", {}).get("study") == "by ray"]
for job in sorted(found, key=lambda job: int(job["metadata"]["trial"])):
    print(job["metadata"]["trial"], job["status"], job["submission_id"])
PYTHON
}

since=$SECONDS
start "$folder/study.log"
until_running "$folder/study.log"
ray job stop --no-wait "$(jobs | awk '$1 == 5 { print $3 }')" >/dev/null 2>&1 || fail "the job cannot be stopped"
wait "$search" || fail "the search ended with an error"
search=
sed -E 's/by-ray-trial-([0-9])-[0-9a-f]+/by-ray-trial-\1/; s/(failed: ).*(its log ends with ).*(the last words of the job).*/\1… \2… \3/' \
    "$folder/lines" >"$folder/found"
diff - "$folder/found" <<'END' || fail "other trials"
0 complete 10
1 complete 20
2 failed no data for this rate
3 complete 40
4 complete 40
5 failed its job `by-ray-trial-5` of Ray was stopped
6 failed its job `by-ray-trial-6` of Ray failed: … its log ends with … the last words of the job
7 complete 160
END
diff - <(jobs | cut -d ' ' -f 1,2) <<'END' || fail "Ray has other states"
0 SUCCEEDED
1 SUCCEEDED
2 FAILED
3 SUCCEEDED
4 SUCCEEDED
5 STOPPED
6 FAILED
7 SUCCEEDED
END
echo "8 trials as jobs of Ray in $((SECONDS - since)) s: 5 complete, 1 failed, 1 stopped, 1 ended; all states and values are right"

start "$folder/gone.log"
until_running "$folder/gone.log"
kill "$ray" && wait "$ray" 2>/dev/null || true
ray=
since=$SECONDS
! wait "$search" || fail "the search ended without an error although Ray was gone"
search=
grep -q "has not answered for" "$folder/errors" || fail "the error does not say that Ray is gone"
grep -q '^0 complete 10$' "$folder/lines" || fail "the first trial is lost"
grep -q '^5 failed its job .* was given up: Ray at ' "$folder/lines" || fail "the sixth trial does not say that Ray is gone"
! grep -qE '^[0-9]+ (running|waiting)' "$folder/lines" || fail "a trial is left"
echo "Ray ended in mid-study: $(grep -o 'Ray at .*' "$folder/errors" | tail -n 1) ($((SECONDS - since)) s later)"
