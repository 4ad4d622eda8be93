"""The numbers that lightning-core/src/grad.rs is tested against, from PyTorch on the CPU.

    pip install torch numpy
    python grad.py > grad.json

Every case is a network of linear layers with an activation between them, a batch of points, and the penalty
`mean((norm of the input gradient - target)^2)` with its gradient for each parameter, by double backward (`create_graph=True`) in float64 of the
float32 numbers given here. Weights are torch's `[out, in]`. The case "whole loss" is a WGAN-GP critic's:
`mean f(fake) - mean f(real) + 10 penalty(real)`, with `fake` being `-real`.
"""

import json

import torch

torch.manual_seed(11)
F64 = torch.float64
ACTIVATIONS = {
    "tanh": torch.tanh,
    "silu": torch.nn.functional.silu,
    "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, 0.2),
}


def network(sizes, gain):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layer = torch.nn.Linear(inputs, outputs)
        layers.append({"weight": (gain * layer.weight.detach()), "bias": layer.bias.detach()})
    return layers


def case(name, sizes, batch, activation="tanh", target=1.0, gain=1.0, scale=1.0, whole=False):
    layers = network(sizes, gain)
    points = scale * torch.randn(batch, sizes[0])
    leaves = [{k: v.to(F64).requires_grad_() for k, v in layer.items()} for layer in layers]
    parameters = [p for layer in leaves for p in (layer["weight"], layer["bias"])]

    def forward(x):
        for layer in leaves[:-1]:
            x = ACTIVATIONS[activation](x @ layer["weight"].T + layer["bias"])
        return x @ leaves[-1]["weight"].T + leaves[-1]["bias"]

    x = points.to(F64).requires_grad_()
    (gradient,) = torch.autograd.grad(forward(x).sum(), x, create_graph=True)
    value = ((gradient.norm(dim=1) - target) ** 2).mean()
    if whole:
        value = forward(-x.detach()).mean() - forward(x.detach()).mean() + 10 * value
    grads = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
    return {
        "name": name,
        "activation": activation,
        "sizes": sizes,
        "target": target,
        "whole": whole,
        "points": points.flatten().tolist(),
        "weights": [layer["weight"].flatten().tolist() for layer in layers],
        "biases": [layer["bias"].flatten().tolist() for layer in layers],
        "input_gradient": gradient.flatten().tolist(),
        "value": value.item(),
        "weight_grads": [g.flatten().tolist() for g in grads[0::2]],
        "bias_grads": [g.flatten().tolist() for g in grads[1::2]],
    }


CASES = [
    case("small", [4, 8, 1], 16),
    case("deep", [3, 8, 8, 1], 12),
    case("towards zero", [4, 8, 1], 16, target=0.0),
    case("sharp", [2, 8, 8, 1], 16, gain=3.0),
    case("large inputs", [4, 8, 1], 16, gain=0.01, scale=100.0),
    case("small inputs", [4, 8, 1], 16, gain=10.0, scale=0.01),
    case("several outputs", [4, 6, 3], 8),
    case("one sample", [4, 8, 1], 1),
    case("linear", [5, 1], 6),
    case("silu", [4, 8, 1], 16, activation="silu"),
    case("kinks", [4, 8, 1], 16, activation="leaky_relu"),
    case("whole loss", [4, 8, 1], 16, whole=True),
]
# One line a case, so that a difference can be read.
rows = ",\n".join(json.dumps(row) for row in CASES)
print('{"torch": ' + json.dumps(torch.__version__) + ', "cases": [\n' + rows + "\n]}")
