#!/usr/bin/env bash
# Trains the example `ddp_mnist` for a whole epoch in one process that accumulates two batches, and in two
# processes, and compares their checkpoints: every parameter and every moment of Adam must have the same
# bits. The running statistics of BatchNorm are means over the processes, and differ.
# Needs Open MPI, python3 and the files of MNIST, in ../shared/data/mnist or the given folder.
#
#   scripts/ddp_mnist_bits.sh [folder]
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
command -v mpirun >/dev/null || skip "needs \`mpirun\`; install the package openmpi-bin"
command -v python3 >/dev/null || skip "needs python3"
data=${1:-../shared/data/mnist}
[ -d "$data" ] || skip "$data is not there"
data=$(realpath "$data")
"${CARGO:-cargo}" build --quiet --bin ddp_mnist
program=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/ddp_mnist
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
train() { # name, command…
    local name=$1
    shift
    mkdir "$folder/$name"
    (cd "$folder/$name" && "$@" --trainer.max_epochs 1 --data.data_dir "$data" </dev/null >report 2>errors) || { cat "$folder/$name/errors" >&2; exit 1; }
}
train one "$program" --trainer.accumulate_grad_batches 2
train two mpirun --oversubscribe -n 2 "$program"

python3 - "$folder"/{one,two} <<'PYTHON'
import glob, json, sys

def tensors(folder):
    [path] = [path for path in glob.glob(folder + "/**/*.ckpt", recursive=True) if not path.endswith("last.ckpt")]
    data = open(path, "rb").read()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__")
    return {name: data[end + info["data_offsets"][0]:end + info["data_offsets"][1]] for name, info in header.items()}

one, two = map(tensors, sys.argv[1:])
assert one.keys() == two.keys(), one.keys() ^ two.keys()
compared = [name for name in one if "running_" not in name]
different = [name for name in compared if one[name] != two[name]]
assert not different, f"different: {different}"
print(f"{len(compared)} tensors, {sum(len(one[name]) for name in compared)} bytes, are the same in one process and in two")
PYTHON
