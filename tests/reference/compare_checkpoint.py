"""Compares every `model.` tensor of a checkpoint, read by `safetensors`, with the bits that Rust has written to a JSON file.

    python compare_checkpoint.py file.ckpt values.json
"""

import json
import sys

import numpy
from safetensors.numpy import load_file

tensors = load_file(sys.argv[1])
with open(sys.argv[2]) as file:
    expected = json.load(file)

model = {name for name in tensors if name.startswith("model.")}
assert model == set(expected), f"the names differ: {sorted(model ^ set(expected))}"
for name in sorted(model):
    tensor = tensors[name]
    if tensor.dtype == numpy.float32:
        found = tensor.reshape(-1).view(numpy.uint32)
    else:
        assert tensor.dtype == numpy.bool_, f"{name} has the type {tensor.dtype}"
        found = tensor.reshape(-1).astype(numpy.uint32)
    wanted = numpy.array(expected[name], dtype=numpy.uint32)
    assert numpy.array_equal(found, wanted), f"{name} differs"
print(f"{len(model)} tensors are equal, bit by bit")
