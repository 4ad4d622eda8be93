#!/usr/bin/env bash
# What the real servers of MLflow and Trackio and the client of Weights & Biases have of a run, over an
# outage in its middle: every value once. Installs them from PyPI into `target/`. About two minutes
# after the build.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in wandb mlflow trackio; do
    variable="${package^^}_PYTHON"
    if [ -z "${!variable:-}" ]; then
        folder=$PWD/target/$package
        if python3 -m venv "$folder" && "$folder/bin/pip" install --quiet "$package"; then
            export "$variable=$folder/bin/python"
        else
            echo "SKIPPED $package: it cannot be installed"
        fi
    fi
done
cargo test -p lightning-tests --test it -- wandb:: trackers:: --nocapture
