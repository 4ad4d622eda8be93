#!/usr/bin/env bash
# Shows that optuna-dashboard reads a journal of this library: runs a few trials of the example `tune`, starts
# the dashboard on their journal, compares what its API says with Optuna's own view, and takes pictures of the
# study with a headless Chromium.
#
#   scripts/search_dashboard.sh [FOLDER [JOURNAL]]
#
# The pictures go to FOLDER, target/dashboard by default; with JOURNAL, that one is shown. Needs a Chromium
# (CHROMIUM names it), python3, and the network for `pip install optuna-dashboard` into the virtual environment
# DASHBOARD_VENV, target/dashboard-venv by default. About a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
fail() { echo "FAILED: $1" >&2; exit 1; }
pictures=${1:-target/dashboard}
chromium=${CHROMIUM:-$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
[ -n "$chromium" ] || skip "needs a Chromium"
venv=${DASHBOARD_VENV:-target/dashboard-venv}
if [ ! -x "$venv/bin/optuna-dashboard" ]; then
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet optuna-dashboard; } || skip "optuna-dashboard cannot be installed"
fi
folder=$(mktemp -d)
dashboard=
trap '[ -z "$dashboard" ] || { kill "$dashboard" && wait "$dashboard"; } 2>/dev/null || true; rm -rf "$folder"' EXIT
journal=${2:-$folder/lightning_logs/study.log}
if [ $# -lt 2 ]; then
    "${CARGO:-cargo}" build --quiet --bin tune
    program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/tune
    (cd "$folder" && "$program") >"$folder/tune.log" 2>&1 || { cat "$folder/tune.log" >&2; fail "the example \`tune\`"; }
fi

port=8297
"$venv/bin/optuna-dashboard" "$journal" --host 127.0.0.1 --port $port >"$folder/dashboard.log" 2>&1 &
dashboard=$!
for ((waited = 0; waited < 120; waited++)); do
    ! curl --silent --fail "http://127.0.0.1:$port/api/studies" >"$folder/studies.json" || break
    kill -0 $dashboard 2>/dev/null || { cat "$folder/dashboard.log" >&2; fail "optuna-dashboard has ended"; }
    sleep 0.5
done
study=$("$venv/bin/python" - "$folder/studies.json" "$journal" $port <<'PYTHON'
import json, sys, urllib.request

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)
with open(sys.argv[1]) as file:
    studies = json.load(file)["study_summaries"]
last = studies[-1]
with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[3]}/api/studies/{last['study_id']}") as answer:
    shown = json.load(answer)["trials"]
known = optuna.load_study(
    storage=JournalStorage(JournalFileBackend(sys.argv[2])), study_name=last["study_name"]
).get_trials()
of_shown = [(trial["number"], trial["state"].upper(), trial.get("values")) for trial in shown]
of_known = [(trial.number, trial.state.name, trial.values) for trial in known]
if of_shown != of_known or not known:
    sys.exit(f"the dashboard shows {of_shown}, and Optuna knows {of_known}")
print(f"the dashboard shows the {len(known)} trials of `{last['study_name']}`", file=sys.stderr)
print(last["study_id"])
PYTHON
)

mkdir -p "$pictures"
for page in "" /trials /analytics /graph; do
    name=dashboard${page//\//_}.png
    timeout 90 "$chromium" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1400,1600 \
        --user-data-dir="$folder/profile" --virtual-time-budget=15000 --screenshot="$folder/$name" \
        "http://127.0.0.1:$port/dashboard/studies/$study$page" >"$folder/chromium.log" 2>&1 ||
        { tail -n 5 "$folder/chromium.log" >&2; fail "Chromium has taken no picture"; }
    cp "$folder/$name" "$pictures/$name"
    echo "$pictures/$name"
done
