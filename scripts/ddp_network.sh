#!/usr/bin/env bash
# Trains in two network namespaces, which stand for two machines, over a link of 1 Gbit/s, and
# compares the bits of the weights with those of one process; then the time of a step with sums after the
# backward pass and with sums during it. Needs root, `ip`, `tc` and Open MPI 4;
# says that it is skipped where namespaces are refused.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CARGO:-cargo}" build --quiet -p lightning-tests --bin ddp --bin ddp_speed
program=$PWD/${CARGO_TARGET_DIR:+}target/debug/ddp
[ -z "${CARGO_TARGET_DIR:-}" ] || program=$CARGO_TARGET_DIR/debug/ddp

skip() { echo "skipped: $1"; exit 0; }
command -v ip >/dev/null || skip "needs \`ip\`; install the package iproute2"
command -v mpirun >/dev/null || skip "needs \`mpirun\`; install the package openmpi-bin"
ip netns add lightning0 2>/dev/null || skip "network namespaces are refused"
folder=$(mktemp -d)
trap 'ip netns del lightning0; ip netns del lightning1 2>/dev/null || true; rm -rf "$folder"' EXIT
ip netns add lightning1
ip link add veth0 netns lightning0 type veth peer name veth1 netns lightning1
for number in 0 1; do
    ip -n lightning$number addr add 10.77.0.$((number + 1))/24 dev veth$number
    ip -n lightning$number link set lo up
    ip -n lightning$number link set veth$number up
    ip netns exec lightning$number tc qdisc add dev veth$number root tbf rate 1gbit burst 256kb latency 50ms ||
        echo "without a limit of the rate: \`tc\` is refused"
done

# Starts a command on a "machine", as `ssh` does for `mpirun`.
cat >"$folder/rsh" <<'RSH'
#!/usr/bin/env bash
machine=$1
shift
exec ip netns exec "lightning${machine#machine}" unshare -u bash -c "hostname $machine; $*"
RSH
chmod +x "$folder/rsh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

train() { # machines and their processes, arguments
    local hosts=$1 processes=$2
    shift 2
    launch "$hosts" "$processes" "$program" "$@"
}

launch() { # machines and their processes, program, arguments
    local hosts=$1 processes=$2
    shift 2
    ip netns exec lightning0 unshare -u bash -c "hostname machine0; exec mpirun --oversubscribe \
        --mca plm_rsh_agent $folder/rsh --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 \
        --mca oob_tcp_if_include 10.77.0.0/24 --host $hosts -n $processes $*" 2>"$folder/log" ||
        { cat "$folder/log" >&2; exit 1; }
}

compare() { # machines, processes, arguments
    local hosts=$1 processes=$2
    shift 2
    local several one
    several=$(train "$hosts" "$processes" "$@" | grep -E '^(weights|test_acc)' | sort -u)
    one=$("$program" --accumulate "$processes" "$@" 2>/dev/null | grep -E '^(weights|test_acc)' | sort -u)
    [ "$several" = "$one" ] || { printf 'different:\n%s\n%s\n' "$several" "$one"; exit 1; }
    echo "$processes ranks on two machines have the bits of one process: $(tail -1 <<<"$several")"
}

compare machine0:1,machine1:1 2
compare machine0:2,machine1:2 4 --items 90

# One thread a rank; the median of a step, the least of three rounds in turn.
export RAYON_NUM_THREADS=1
after=() during=()
for _ in 1 2 3; do
    after+=("$(launch machine0:1,machine1:1 2 "${program}_speed" --depth 4 --steps 20)")
    during+=("$(launch machine0:1,machine1:1 2 "${program}_speed" --depth 4 --steps 20 --overlap)")
done
least() { printf '%s\n' "$@" | sort -n | head -1; }
a=$(least "${after[@]}") b=$(least "${during[@]}")
awk -v a="$a" -v b="$b" 'BEGIN { printf "6 million parameters at 1 Gbit/s: sums after the backward pass %.1f ms a step, during it %.1f ms: %.2f times as fast\n", a, b, a / b }'
