"""Reads the event files of a run with TensorBoard and prints what it finds as JSON.

Usage: python tensorboard_reads.py FOLDER. Needs the package `tensorboard`.

`accumulator` is what `EventAccumulator` has, `http` what the pages of a running TensorBoard receive, once with each of its two loaders.
"""

import json
import math
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from tensorboard.backend.event_processing import event_accumulator


def finite(value):
    return value if math.isfinite(value) else str(value)


def accumulated(folder):
    sizes = {
        kind: 0
        for kind in (event_accumulator.SCALARS, event_accumulator.IMAGES, event_accumulator.HISTOGRAMS, event_accumulator.TENSORS, event_accumulator.AUDIO)
    }
    found = event_accumulator.EventAccumulator(folder, size_guidance=sizes)
    found.Reload()
    tags = found.Tags()
    return {
        "scalars": {tag: [[event.step, finite(event.value)] for event in found.Scalars(tag)] for tag in tags["scalars"]},
        "images": {tag: [[event.step, event.width, event.height, event.encoded_image_string[:4].hex()] for event in found.Images(tag)] for tag in tags["images"]},
        "histograms": {
            tag: [[event.step, event.histogram_value.num, list(event.histogram_value.bucket)] for event in found.Histograms(tag)] for tag in tags["histograms"]
        },
        "audio": {tag: [[event.step, event.sample_rate, event.length_frames, event.content_type] for event in found.Audio(tag)] for tag in tags["audio"]},
        "tensors": sorted(tags["tensors"]),
        "graph": [[node.name, node.op, list(node.input)] for node in found.Graph().node] if tags["graph"] else None,
        "plugins": {plugin: sorted(found.PluginTagToContent(plugin)) for plugin in ("text", "mesh", "hparams") if plugin in found._plugin_to_tag_to_content},
    }


def served(folder, fast):
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", "0", "--host", "127.0.0.1", f"--load_fast={fast}"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = None
        for line in process.stderr:
            if "http://" in line:
                address = line[line.index("http://") :].split()[0].rstrip("/")
                break
        if address is None:
            return {"error": "TensorBoard did not start"}

        def get(path, **query):
            url = f"{address}/data/{path}?{urllib.parse.urlencode(query)}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.loads(answer.read())

        def post(path, body):
            request = urllib.request.Request(f"{address}/data/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())

        for _ in range(100):
            runs = get("runs")
            if runs:
                break
            time.sleep(0.2)
        run = runs[0]
        tags = {}
        for _ in range(100):
            tags = {plugin: get(f"plugin/{plugin}/tags") for plugin in ("scalars", "images", "histograms", "text", "audio", "mesh")}
            if all(tags.values()):
                break
            time.sleep(0.2)
        tag = "train_loss" if "train_loss" in tags["scalars"].get(run, {}) else next(iter(tags["scalars"].get(run, {})))
        groups = post("plugin/hparams/session_groups", {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING", "STATUS_UNKNOWN"], "colParams": [], "startIndex": 0, "sliceSize": 10})
        with urllib.request.urlopen(f"{address}/data/plugin/graphs/graph?{urllib.parse.urlencode({'run': run, 'conceptual': 'false'})}", timeout=30) as answer:
            graph = answer.read().decode()
        return {
            "runs": runs,
            "scalars": sorted(tags["scalars"][run]),
            "images": sorted(tags["images"].get(run, {})),
            "histograms": sorted(tags["histograms"].get(run, {})),
            "text": sorted(tags["text"].get(run, {})),
            "audio": sorted(tags["audio"].get(run, {})),
            "mesh": sorted(tags["mesh"].get(run, {})),
            "points": [[step, finite(value) if not isinstance(value, str) else value] for _, step, value in get("plugin/scalars/scalars", run=run, tag=tag)],
            "hparams": [group["hparams"] for group in groups["sessionGroups"]],
            "hparams_metrics": sorted(value["name"]["tag"] for group in groups["sessionGroups"] for value in group["metricValues"]),
            "graph": graph.count("node {"),
        }
    finally:
        process.terminate()
        process.wait(10)


def main():
    folder = sys.argv[1]
    report = {"accumulator": accumulated(folder)}
    if len(sys.argv) < 3:
        report["http"] = {loader: served(folder, loader) for loader in ("false", "true")}
    json.dump(report, sys.stdout)


main()
