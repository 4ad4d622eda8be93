"""The numbers that lightning-core/src/functional.rs is tested against, from PyTorch on the CPU.

    pip install torch numpy
    python functional.py > functional.json

Every case has the inputs, the value of the loss and the gradients of the inputs that have one, all as torch computes them in the case's
dtype. Cases in half precision hold the inputs rounded to that dtype; their value and gradients are those of the loss computed in float32
of these inputs, since that is what the library promises (torch computes some of these losses in half precision).
"""

import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
DTYPES = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def case(name, loss, inputs, targets, dtype="f32", delta=None, target_grad=False):
    """One loss at one point; `inputs` float, `targets` float or int."""
    low = inputs.to(DTYPES[dtype])
    compute = torch.float64 if dtype == "f64" else torch.float32
    x = low.detach().to(compute).requires_grad_()
    if targets.is_floating_point():
        t = targets.to(DTYPES[dtype]).detach().to(compute)
        t.requires_grad_(target_grad)
    else:
        t = targets
    value = loss(x, t)
    grads = torch.autograd.grad(value, [x, t] if target_grad else [x])
    return {
        "name": name,
        "dtype": dtype,
        "delta": delta,
        "shape": list(x.shape),
        "input": x.detach().flatten().tolist(),
        "target": t.detach().flatten().tolist(),
        "value": value.item(),
        "grad": grads[0].flatten().tolist(),
        "target_grad": grads[1].flatten().tolist() if target_grad else None,
    }


def classes(n, c):
    return torch.randint(0, c, (n,))


def soft(n, c):
    return torch.softmax(torch.randn(n, c, dtype=torch.float64), 1)


cases = {}

EXTREME = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]], dtype=torch.float64)
MASKED = torch.tensor([[1.0, -torch.inf, 2.0], [0.5, 0.25, -torch.inf]], dtype=torch.float64)
ce = []
for dtype in DTYPES:
    ce.append(case("usual", F.cross_entropy, 3 * torch.randn(6, 5, dtype=torch.float64), classes(6, 5), dtype))
ce += [
    case("one sample", F.cross_entropy, torch.randn(1, 4, dtype=torch.float64), classes(1, 4)),
    case("one class", F.cross_entropy, torch.randn(3, 1, dtype=torch.float64), torch.zeros(3, dtype=torch.int64)),
    case("extreme, right", F.cross_entropy, EXTREME, torch.tensor([0, 1, 2, 0])),
    case("extreme, wrong", F.cross_entropy, EXTREME, torch.tensor([1, 0, 2, 0])),
    case("extreme, half", F.cross_entropy, EXTREME, torch.tensor([1, 0, 2, 0]), "f16"),
    case("equal logits", F.cross_entropy, torch.zeros(4, 10, dtype=torch.float64), classes(4, 10)),
]
cases["cross_entropy"] = ce
cases["nll_loss"] = [
    case("usual", F.nll_loss, torch.log(soft(6, 5)), classes(6, 5), dtype) for dtype in DTYPES
] + [case("one sample", F.nll_loss, torch.log(soft(1, 3)), classes(1, 3))]

bce = F.binary_cross_entropy_with_logits
points = torch.tensor([[-1e4, -88.0, -20.0, -1.0], [0.0, 1.0, 20.0, 1e4]], dtype=torch.float64)
cases["bce_with_logits"] = [
    case("usual", bce, 3 * torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64), dtype)
    for dtype in DTYPES
] + [
    case("zeros", bce, points, torch.zeros_like(points)),
    case("ones", bce, points, torch.ones_like(points)),
    case("halves, double", bce, points, torch.full_like(points, 0.5), "f64"),
    case("extreme, half", bce, points, torch.ones_like(points), "f16"),
    case("one element", bce, torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)),
    case("target gradient", bce, torch.randn(2, 3, dtype=torch.float64), torch.rand(2, 3, dtype=torch.float64), "f32", None, True),
]

for name, loss in {"mse_loss": F.mse_loss, "l1_loss": F.l1_loss}.items():
    same = torch.randn(3, 2, dtype=torch.float64)
    cases[name] = [
        case("usual", loss, torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64), dtype)
        for dtype in DTYPES
    ] + [
        case("equal", loss, same, same.clone()),
        case("one element", loss, torch.tensor([[2.0]], dtype=torch.float64), torch.tensor([[-1.0]], dtype=torch.float64)),
        case("large", loss, torch.tensor([[1e4, -1e4]], dtype=torch.float64), torch.tensor([[-1e4, 1e4]], dtype=torch.float64)),
        case("beyond the range of f16", loss, torch.tensor([[3e4, -3e4]], dtype=torch.float64),
             torch.tensor([[-3e4, 3e4]], dtype=torch.float64), "f16"),
        case("target gradient", loss, torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64), "f32", None, True),
    ]

pred = torch.tensor([[-3.0, -1.5, -1.0, -0.25], [0.0, 0.25, 1.5, 1e4]], dtype=torch.float64)
cases["huber"] = [
    case("around delta", lambda x, t, d=delta: F.huber_loss(x, t, delta=d), pred, torch.zeros_like(pred), dtype, delta)
    for dtype in DTYPES
    for delta in (0.5, 1.0, 1.5)
] + [
    case("target gradient", lambda x, t: F.huber_loss(x, t, delta=1.0), 2 * torch.randn(2, 3, dtype=torch.float64),
         torch.randn(2, 3, dtype=torch.float64), "f32", 1.0, True),
]

kl = lambda x, t: F.kl_div(x, t, reduction="batchmean")
hard = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], dtype=torch.float64)
cases["kl_div"] = [case("usual", kl, torch.log(soft(4, 3)), soft(4, 3), dtype) for dtype in DTYPES] + [
    case("zero targets", kl, torch.log(soft(2, 3)), hard),
    case("one sample", kl, torch.log(soft(1, 3)), soft(1, 3)),
]

# Options. A case of cross entropy has `weights`, `ignore_index` and `smoothing`, one of BCE `weights` (of positive targets).
def optioned(name, options, inputs, targets, dtype="f64"):
    def loss(x, t):
        weight = None if options.get("weights") is None else torch.tensor(options["weights"], dtype=x.dtype)
        return F.cross_entropy(
            x, t, weight=weight, ignore_index=options.get("ignore_index", -9999), label_smoothing=options.get("smoothing", 0.0)
        )

    return case(name, loss, inputs, targets, dtype) | {"options": options}


logits = 3 * torch.randn(7, 5, dtype=torch.float64)
targets = classes(7, 5)
padded = torch.where(torch.arange(7) % 3 == 1, -100, targets)
without_class_2 = torch.where(torch.arange(7) % 2 == 0, 2, targets)
W = [0.5, 2.0, 0.0, 1.25, 3.0]
cases["cross_entropy_options"] = [
    optioned("weights", {"weights": W}, logits, targets),
    optioned("ignored", {"ignore_index": -100}, logits, padded),
    optioned("ignored class", {"ignore_index": 2}, logits, without_class_2),
    optioned("smoothing", {"smoothing": 0.1}, logits, targets),
    optioned("all smooth", {"smoothing": 1.0}, logits, targets),
    optioned("weights, ignored", {"weights": W, "ignore_index": -100}, logits, padded),
    optioned("weights, smoothing", {"weights": W, "smoothing": 0.3}, logits, targets),
    optioned("ignored, smoothing", {"ignore_index": -100, "smoothing": 0.3}, logits, padded),
    *[
        optioned(f"all, {dtype}", {"weights": W, "ignore_index": -100, "smoothing": 0.25}, logits, padded, dtype)
        for dtype in DTYPES
    ],
    optioned("extreme", {"weights": [1.0, 2.0, 0.5], "smoothing": 0.1}, EXTREME, torch.tensor([1, 0, 2, 0])),
    optioned("one sample", {"weights": W, "smoothing": 0.1}, logits[:1], targets[:1]),
]


def positive(name, weights, inputs, targets, dtype="f64", target_grad=False):
    def loss(x, t):
        return bce(x, t, pos_weight=torch.tensor(weights, dtype=x.dtype))

    return case(name, loss, inputs, targets, dtype, None, target_grad) | {"options": {"weights": weights}}


cases["bce_options"] = [
    *[
        positive(f"usual, {dtype}", [0.5, 1.0, 7.0], 3 * torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64), dtype)
        for dtype in DTYPES
    ],
    positive("zeros", [3.0, 0.0, 1.0, 0.5], points, torch.zeros_like(points)),
    positive("ones", [3.0, 0.0, 1.0, 0.5], points, torch.ones_like(points)),
    positive("halves", [3.0, 0.0, 1.0, 0.5], points, torch.full_like(points, 0.5)),
    positive("target gradient", [2.0, 0.25], torch.randn(3, 2, dtype=torch.float64), torch.rand(3, 2, dtype=torch.float64), "f64", True),
]

# A division by a batch that is not a power of two, in double precision.
cases["kl_div"] += [case(f"batch of {n}, double", kl, torch.log(soft(n, 4)), soft(n, 4), "f64") for n in (3, 5, 7, 10)]

# Not in JSON's numbers: checked apart, with -inf as the logit of a masked class.
masked = case("masked class", F.cross_entropy, MASKED, torch.tensor([2, 0]))
masked["input"] = [None if value == -float("inf") else value for value in masked["input"]]
cases["cross_entropy"].append(masked)

# One line a case, so that a difference can be read.
rows = [
    json.dumps(name) + ": [\n" + ",\n".join(json.dumps(row, allow_nan=False) for row in group) + "\n]"
    for name, group in cases.items()
]
print('{"torch": ' + json.dumps(torch.__version__) + ', "cases": {\n' + ",\n".join(rows) + "\n}}")
