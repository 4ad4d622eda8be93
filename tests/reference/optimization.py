"""The numbers that the tests tests/it/optimizers*.rs are compared with, from PyTorch on the CPU.

    pip install torch numpy
    python optimization.py > optimization.json

A network of two linear layers (8-6-3, tanh between) starts from the given weights and sees the given batches, which are float32 numbers;
torch computes in float64. Weights are stored as torch's `[out, in]`. Each case has the parameters after the last step.
"""

import json

import torch
import torch.nn.functional as F

torch.manual_seed(7)


def single(number):
    """The number as float32 has it."""
    return torch.tensor(number, dtype=torch.float32).item()


# Burn's configurations hold these as float32.
ADAM = {"betas": (single(0.9), single(0.999)), "eps": single(1e-8)}
SIZES = [5, 3, 4, 5, 2, 5, 1, 5]
BATCHES = [(torch.randn(n, 8).double(), torch.randint(0, 3, (n,))) for n in SIZES]


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(8, 6)
        self.head = torch.nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.body(x)))


START = {k: v.clone() for k, v in Net().state_dict().items()}


def fresh():
    net = Net().double()
    net.load_state_dict(START)
    return net


def values(net):
    return {k: v.flatten().tolist() for k, v in net.state_dict().items()}


def adamw_groups(adam):
    """No decay below rank 2, a tenth of the rate for `body`, which is frozen for the first three epochs."""
    net = fresh()
    for p in net.body.parameters():
        p.requires_grad = False
    lr, decay = 0.01, single(0.1)
    optimizer = torch.optim.AdamW(
        [
            {"params": [net.body.weight], "lr": lr * 0.1, "weight_decay": decay},
            {"params": [net.body.bias], "lr": lr * 0.1, "weight_decay": decay},
            {"params": [net.head.weight], "lr": lr, "weight_decay": decay},
            {"params": [net.head.bias], "lr": lr, "weight_decay": 0.0},
        ],
        **adam,
    )
    for epoch in range(6):
        if epoch == 3:
            for p in net.body.parameters():
                p.requires_grad = True
        for x, y in BATCHES:
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
    return values(net)


def weighted_accumulation():
    """Windows of three batches; the gradient of a window is that of the sum over its samples divided by their number."""
    net = fresh()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(4):
        for start in range(0, len(BATCHES), 3):
            window = BATCHES[start : start + 3]
            optimizer.zero_grad()
            total = sum(len(y) for _, y in window)
            (sum(F.cross_entropy(net(x), y, reduction="sum") for x, y in window) / total).backward()
            optimizer.step()
    return values(net)


def clipped_accumulation():
    """Windows of three batches, each the mean of its batches' means; the total norm is clipped to 0.05."""
    net = fresh()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, **ADAM)
    for _ in range(4):
        for start in range(0, len(BATCHES), 3):
            window = BATCHES[start : start + 3]
            optimizer.zero_grad()
            (sum(F.cross_entropy(net(x), y) for x, y in window) / len(window)).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 0.05)
            optimizer.step()
    return values(net)


def two_optimizers():
    """One loss, SGD for `body` and Adam for `head`."""
    net = fresh()
    body = torch.optim.SGD(net.body.parameters(), lr=0.1)
    head = torch.optim.Adam(net.head.parameters(), lr=0.01, **ADAM)
    for _ in range(4):
        for x, y in BATCHES:
            body.zero_grad()
            head.zero_grad()
            F.cross_entropy(net(x), y).backward()
            body.step()
            head.step()
    return values(net)


def cosine_by_step():
    """SGD whose rate is annealed over the 32 steps, `head` at half of it."""
    net = fresh()
    optimizer = torch.optim.SGD(
        [{"params": net.body.parameters(), "lr": 0.2}, {"params": net.head.parameters(), "lr": 0.1}], lr=0.2
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 32)
    rates = []
    for _ in range(4):
        for x, y in BATCHES:
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
            schedule.step()
    return values(net) | {"rates": rates}


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "start": {k: v.flatten().tolist() for k, v in START.items()},
            "batches": [{"x": x.flatten().tolist(), "y": y.tolist()} for x, y in BATCHES],
            "adamw_groups": adamw_groups(ADAM),
            # Of these, float32 has the bias corrections as exactly as everything else.
            "adamw_groups_of_short_memory": adamw_groups({"betas": (0.875, 0.9375), "eps": single(1e-8)}),
            "weighted_accumulation": weighted_accumulation(),
            "clipped_accumulation": clipped_accumulation(),
            "two_optimizers": two_optimizers(),
            "cosine_by_step": cosine_by_step(),
        }
    )
)
