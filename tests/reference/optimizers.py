"""The numbers that the optimizers of lightning-core/src/optim/fused are tested against, from PyTorch on the CPU.

    pip install torch numpy
    python optimizers.py > optimizers.json

Every case has a configuration under the names of Burn's fields, the start of one parameter, a gradient for each step, and the values
after some of the steps as torch computes them in float64. Lion, which torch does not have, follows algorithm 2 of Chen et al.,
*Symbolic Discovery of Optimization Algorithms*, 2023.
"""

import json

import torch

torch.manual_seed(0)
STEPS = 40
SHOWN = [1, 2, 3, 10, 40]
LR = 0.02


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (beta_1, beta_2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = beta_1 * m + (1 - beta_1) * p.grad
                p -= lr * (torch.sign(c) + group["weight_decay"] * p)
                m.copy_(beta_2 * m + (1 - beta_2) * p.grad)


def adam(c):
    return {"betas": (c["beta_1"], c["beta_2"]), "eps": c["epsilon"], "amsgrad": c["amsgrad"]}


def l2(c):
    return {"weight_decay": c["weight_decay"]["penalty"] if c["weight_decay"] else 0.0}


def sgd(params, lr, c):
    m = c["momentum"] or {"momentum": 0.0, "dampening": 0.0, "nesterov": False}
    return torch.optim.SGD(params, lr=lr, **m, **l2(c))


MAKE = {
    "Sgd": sgd,
    "Adam": lambda p, lr, c: torch.optim.Adam(p, lr=lr, **adam(c), **l2(c)),
    "AdamW": lambda p, lr, c: torch.optim.AdamW(p, lr=lr, **adam(c), weight_decay=c["weight_decay"]),
    "RmsProp": lambda p, lr, c: torch.optim.RMSprop(
        p, lr=lr, alpha=c["alpha"], momentum=c["momentum"], eps=c["epsilon"], centered=c["centered"], **l2(c)),
    "AdaGrad": lambda p, lr, c: torch.optim.Adagrad(p, lr=lr, lr_decay=c["lr_decay"], eps=c["epsilon"], **l2(c)),
    "Lion": lambda p, lr, c: Lion(p, lr, (c["beta_1"], c["beta_2"]), c["weight_decay"]),
}

decay = {"penalty": 0.05}
momentum = {"momentum": 0.9, "dampening": 0.0, "nesterov": False}
adam_base = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "amsgrad": False, "grad_clipping": None}
adamw_base = {**adam_base, "weight_decay": 0.1, "cautious_weight_decay": False}
rms_base = {"alpha": 0.99, "momentum": 0.0, "epsilon": 1e-8, "centered": False, "weight_decay": None, "grad_clipping": None}
CONFIGS = [
    ("Sgd", {"weight_decay": None, "momentum": None}),
    ("Sgd", {"weight_decay": decay, "momentum": None}),
    ("Sgd", {"weight_decay": None, "momentum": momentum}),
    ("Sgd", {"weight_decay": decay, "momentum": {**momentum, "dampening": 0.3}}),
    ("Sgd", {"weight_decay": decay, "momentum": {**momentum, "nesterov": True}}),
    ("Adam", {**adam_base, "weight_decay": None}),
    ("Adam", {**adam_base, "weight_decay": decay}),
    ("Adam", {**adam_base, "weight_decay": None, "amsgrad": True, "beta_2": 0.9}),
    ("Adam", {**adam_base, "weight_decay": decay, "amsgrad": True, "epsilon": 1e-3}),
    ("AdamW", adamw_base),
    ("AdamW", {**adamw_base, "amsgrad": True, "beta_2": 0.9}),
    ("AdamW", {**adamw_base, "weight_decay": 0.0}),
    ("RmsProp", rms_base),
    ("RmsProp", {**rms_base, "momentum": 0.9, "weight_decay": decay}),
    ("RmsProp", {**rms_base, "centered": True}),
    ("RmsProp", {**rms_base, "centered": True, "momentum": 0.5}),
    ("AdaGrad", {"lr_decay": 0.0, "epsilon": 1e-10, "weight_decay": None, "grad_clipping": None}),
    ("AdaGrad", {"lr_decay": 0.1, "epsilon": 1e-10, "weight_decay": decay, "grad_clipping": None}),
    ("Lion", {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.0, "grad_clipping": None}),
    ("Lion", {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.1, "grad_clipping": None}),
]


def single(numbers):
    """Numbers that float32 holds exactly, so that a float32 optimizer starts from the same ones."""
    return numbers.to(torch.float32).to(torch.float64)


cases = []
start = single(torch.randn(4, dtype=torch.float64))
gradients = [single(torch.randn(4, dtype=torch.float64)) for _ in range(STEPS)]
# A gradient that is zero for a while, and a large one.
for gradient in gradients[5:9]:
    gradient[1] = 0.0
gradients[12][2] = 100.0
for name, config in CONFIGS:
    if name == "Sgd":
        config = {**config, "gradient_clipping": None}
    value = start.clone().requires_grad_()
    optimizer = MAKE[name]([value], LR, config)
    values = {}
    for step, gradient in enumerate(gradients, 1):
        value.grad = gradient.clone()
        optimizer.step()
        if step in SHOWN:
            values[step] = value.detach().tolist()
    cases.append({"optimizer": name, "config": config, "values": values})

rows = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
steps = ",\n".join(json.dumps(gradient.tolist()) for gradient in gradients)
print(
    '{"torch": ' + json.dumps(torch.__version__) + f', "lr": {LR}, "start": {json.dumps(start.tolist())},\n'
    + '"gradients": [\n' + steps + '\n],\n"cases": [\n' + rows + "\n]}"
)
