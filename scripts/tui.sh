#!/usr/bin/env bash
# Runs a program with `renderer("tui")` in a terminal of its own, looks at the screen, changes its
# size, and ends the program in every way: by itself, by an error, a panic, the keys of the interface,
# SIGINT and SIGTERM. After each the terminal must be as it was before. Then the same program without
# a terminal. Needs tmux; builds burn-train with its feature `tui`.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v tmux >/dev/null; then
    echo "SKIPPED: tmux is not installed" >&2
    exit 0
fi
"${CARGO:-cargo}" build --quiet -p lightning-tests --features tui --bin tui
program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/tui
folder=$(mktemp -d)
# A server of its own, whatever else runs in tmux.
tmux=(tmux -S "$folder/socket" -f /dev/null)
trap '"${tmux[@]}" kill-server 2>/dev/null || true; rm -rf "$folder"' EXIT

fail() {
    echo "FAILED: $*" >&2
    "${tmux[@]}" capture-pane -p -t tui >&2 || true
    exit 1
}

screen() { "${tmux[@]}" capture-pane -p -t tui; }

# Waits until the screen has this text.
wait_for() {
    for _ in $(seq 150); do
        if screen | grep -q -- "$1"; then return; fi
        sleep 0.1
    done
    fail "no \"$1\" on the screen"
}

start() {
    "${tmux[@]}" new-session -d -s tui -x 110 -y 32 "env PS1='ready> ' bash --norc --noprofile"
    "${tmux[@]}" send-keys -t tui "stty -a > $folder/before; $program $1; echo code=\$?; stty -a > $folder/after; echo over" Enter
}

# Checks the exit code, the settings of the terminal, and that the first screen is shown again.
restored() {
    wait_for "^over"
    screen | grep -q "^code=$1" || fail "the exit code is not $1"
    cmp -s "$folder/before" "$folder/after" || fail "the settings of the terminal differ"
    [ "$("${tmux[@]}" display-message -p -t tui '#{alternate_on}#{mouse_any_flag}#{cursor_flag}')" = 001 ] ||
        fail "the terminal has another screen, the mouse or no cursor"
    [ -z "${2:-}" ] || screen | grep -q -- "$2" || fail "no \"$2\" on the screen"
    "${tmux[@]}" kill-session -t tui
    echo "ok: $3"
}

start done
wait_for "Progress"
wait_for "loss"
for size in "60 20" "20 6" "140 40" "110 32"; do
    read -r columns lines <<<"$size"
    "${tmux[@]}" resize-window -t tui -x "$columns" -y "$lines"
    sleep 0.4
done
wait_for "Valid"
screen
restored 0 "epoch 3/3  50/50 batches" "the end of a run"

start error
wait_for "Progress"
restored 1 "the step has no more data" "an error"

start panic
wait_for "Progress"
restored 1 "the step panics" "a panic"

# The keys of the interface: a key that answers its question, the exit code, and what is on the screen then.
while read -r key code text; do
    start long
    wait_for "Progress"
    "${tmux[@]}" send-keys -t tui q
    wait_for "Stop the training"
    "${tmux[@]}" send-keys -t tui "$key"
    restored "$code" "$text" "the keys q and $key"
done <<'END'
s 0 interrupted
k 130
END

for signal in INT TERM; do
    start long
    wait_for "Progress"
    # The shell of the terminal has one child.
    kill -"$signal" "$(pgrep -P "$("${tmux[@]}" display-message -p -t tui '#{pane_pid}')")"
    restored 0 "interrupted" "SIG$signal"
done

"$program" error </dev/null >"$folder/output" 2>&1 && fail "the program has no error"
grep -q "epoch 0 starts" "$folder/output" || fail "nothing was printed without a terminal"
grep -q $'\x1b' "$folder/output" && fail "there are control sequences without a terminal"
echo "ok: without a terminal"
