#!/usr/bin/env bash
# Object storage, against a real S3 server. Checkpoints in a bucket: a run is cut in an upload, its server
# goes away, and it is killed, at random moments; then it is resumed. 100 times, or as often as the argument
# says; about five seconds each. Shards in a bucket: read ahead, resumed at every sample with 0 and 4 workers
# and 2 ranks, and what is missing, cut or closed. Installs the server from PyPI into `target/`.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${MOTO_PYTHON:-}" ]; then
    if ! { python3 -m venv "$PWD/target/moto" && "$PWD/target/moto/bin/pip" install --quiet 'moto[server]'; }; then
        echo "SKIPPED: moto cannot be installed"
        exit 0
    fi
    export MOTO_PYTHON=$PWD/target/moto/bin/python
fi
export LIGHTNING_CUTS=${1:-100}
cargo test -p lightning-tests --features remote --test it -- remote --nocapture
