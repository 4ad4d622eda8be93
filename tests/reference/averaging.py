"""The numbers that the tests tests/it/averaging*.rs and tests/it/pruning.rs are compared with, from PyTorch on the CPU.

    pip install torch
    python averaging.py > averaging.json

A network of a linear layer, a batch norm, tanh and a linear layer (8-6-3) starts from the given weights and sees the given batches of six rows,
five epochs long, with SGD on windows of two batches: three steps an epoch, the last of one batch. Weights are stored as torch's `[out, in]`.
The batch norm keeps the biased variance of a batch, as Burn's does; torch's is unbiased.
"""

import json

import torch
import torch.nn.functional as F
from torch.nn.utils import prune
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, update_bn

torch.manual_seed(11)
ROWS, EPOCHS = 6, 5
BATCHES = [(torch.randn(ROWS, 8), torch.randint(0, 3, (ROWS,))) for _ in range(5)]


class Norm(torch.nn.Module):
    """torch's BatchNorm1d with the biased variance in its running statistics."""

    def __init__(self, features):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(features))
        self.bias = torch.nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(0), 0.1)
            self.running_var.lerp_(x.var(0, unbiased=False), 0.1)
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True)


class Net(torch.nn.Module):
    def __init__(self, norm=Norm):
        super().__init__()
        self.body = torch.nn.Linear(8, 6)
        self.norm = norm(6)
        self.head = torch.nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.tanh(self.norm(self.body(x))))


START = {k: v.clone() for k, v in Net().state_dict().items()}


def fresh():
    net = Net()
    net.load_state_dict(START)
    return net


def values(net):
    return {k: v.flatten().tolist() for k, v in net.state_dict().items() if v.is_floating_point()}


def train(net, optimizer, after_step=None, before_epoch=None, after_epoch=None):
    step = 0
    for epoch in range(EPOCHS):
        if before_epoch:
            before_epoch(epoch)
        for start in range(0, len(BATCHES), 2):
            window = BATCHES[start : start + 2]
            optimizer.zero_grad()
            for x, y in window:
                (F.cross_entropy(net(x), y) / len(window)).backward()
            optimizer.step()
            if after_step:
                after_step(step)
            step += 1
        if after_epoch:
            after_epoch(epoch)


def averaged(avg_fn, is_due, use_buffers):
    net = fresh()
    average = AveragedModel(net, avg_fn=avg_fn, use_buffers=use_buffers)
    train(
        net,
        torch.optim.SGD(net.parameters(), lr=0.1),
        after_step=lambda step: average.update_parameters(net) if is_due("step", step) else None,
        after_epoch=lambda epoch: average.update_parameters(net) if is_due("epoch", epoch) else None,
    )
    return {
        "n_averaged": int(average.n_averaged),
        "average": values(average.module),
        "training": values(net),
        "loss": sum(F.cross_entropy(average.module.eval()(x), y).item() for x, y in BATCHES) / len(BATCHES),
    }


def swa(anneal_epochs, strategy):
    """From the second epoch on; the average is of the weights after an epoch."""
    net = fresh()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    average = AveragedModel(net)
    schedule, rates = None, []

    def before(epoch):
        nonlocal schedule
        if epoch == 1:
            schedule = SWALR(optimizer, swa_lr=0.03, anneal_epochs=anneal_epochs, anneal_strategy=strategy)
        rates.append(optimizer.param_groups[0]["lr"])

    def after(epoch):
        if epoch >= 1:
            average.update_parameters(net)
            schedule.step()

    train(net, optimizer, before_epoch=before, after_epoch=after)
    final = Net(torch.nn.BatchNorm1d)
    final.load_state_dict(average.module.state_dict(), strict=False)
    update_bn(BATCHES, final)
    final.norm.running_var *= (ROWS - 1) / ROWS
    return {"n_averaged": int(average.n_averaged), "rates": rates, "final": values(final), "step_count": schedule._step_count}


def pruned(amounts, together):
    """The masks of `body.weight` and `head.weight` of the start, pruned once for each amount."""
    net = fresh()
    layers = [(net.body, "weight"), (net.head, "weight")]
    for amount in amounts:
        if together:
            prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=amount)
        else:
            for layer, name in layers:
                prune.l1_unstructured(layer, name, amount)
    return {"body": net.body.weight_mask.int().flatten().tolist(), "head": net.head.weight_mask.int().flatten().tolist()}


def trained_pruned():
    """Half of each weight matrix is pruned after the epochs 1 and 3; SGD with momentum."""
    net = fresh()
    layers = [(net.body, "weight"), (net.head, "weight")]

    def after(epoch):
        if epoch in (1, 3):
            for layer, name in layers:
                prune.l1_unstructured(layer, name, 0.5)

    train(net, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), after_epoch=after)
    for layer, name in layers:
        prune.remove(layer, name)
    return values(net)


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "start": {k: v.flatten().tolist() for k, v in START.items()},
            "batches": [{"x": x.flatten().tolist(), "y": y.tolist()} for x, y in BATCHES],
            "ema": averaged(get_ema_avg_fn(0.9), lambda unit, n: unit == "step", True),
            "ema_every_4_from_3": averaged(get_ema_avg_fn(0.8), lambda unit, n: unit == "step" and n >= 3 and n % 4 == 0, True),
            "mean": averaged(None, lambda unit, n: unit == "step", True),
            "mean_of_epochs": averaged(None, lambda unit, n: unit == "epoch" and n in (1, 3, 4), False),
            "swa_cosine": swa(3, "cos"),
            "swa_linear": swa(2, "linear"),
            "swa_at_once": swa(0, "cos"),
            "pruned_globally": pruned([0.3, 0.5, 7], True),
            "pruned_each": pruned([0.25, 0.25, 2], False),
            "trained_pruned": trained_pruned(),
        },
        separators=(",", ":"),
    )
)
