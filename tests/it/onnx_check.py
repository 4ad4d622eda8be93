"""Checks exported models with onnx.checker, and runs them with onnxruntime.

Usage: onnx_check.py FOLDER: FOLDER/index.json lists, for each model, its file and its samples: the
files of the inputs and outputs with their types and shapes.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

folder = pathlib.Path(sys.argv[1])
worst = 0.0
runs = 0
for case in json.loads((folder / "index.json").read_text()):
    path = str(folder / case["file"])
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for sample in case["samples"]:
        read = lambda part: np.fromfile(folder / part["file"], dtype=part["type"]).reshape(part["shape"])
        inputs = {part["name"]: read(part) for part in sample["inputs"]}
        outputs = session.run(None, inputs)
        assert [node.name for node in session.get_outputs()] == [part["name"] for part in sample["outputs"]]
        for output, part in zip(outputs, sample["outputs"]):
            expected = read(part)
            place = f'{case["file"]}: batch {sample["size"]}: {part["name"]}'
            assert output.shape == expected.shape, f"{place}: {output.shape} in place of {expected.shape}"
            assert output.dtype == expected.dtype, f"{place}: {output.dtype} in place of {expected.dtype}"
            output, expected = output.astype(np.float64), expected.astype(np.float64)
            same = (output == expected) | (np.isnan(output) & np.isnan(expected))
            error = np.where(same, 0, np.abs(output - expected) / np.maximum(1, np.abs(expected)))
            error = float(error.max()) if error.size else 0.0
            assert error <= 1e-5, f"{place}: {error:.1e}"
            worst = max(worst, error)
        runs += 1
print(f"{runs} runs, worst error {worst:.1e}")
