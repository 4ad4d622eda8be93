"""The rates that lightning-core/src/schedulers is tested against, from torch.optim.lr_scheduler.

    pip install torch
    python schedulers.py > schedulers.json

Every case has the settings, as the test hands them to the schedule of ours, and the rate at each step: `lr[k]` is in force after `k` calls
of `step`. Where the momentum is driven too, `momentum[k]` is its value. A plateau case has the metric given to each call. Schedules torch
does not have are a LambdaLR of their published formula; `Plateau` says where ours is not torch's.
"""

import json
import math
import random
import warnings

import torch
from torch.optim import lr_scheduler as torch_lr

warnings.simplefilter("ignore")
STEPS = 200
cases = []


def optimizer(lr, momentum=0.0):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=momentum)


def run(scheduler, opt, steps=STEPS, metrics=None):
    group = opt.param_groups[0]
    rates, momenta = [group["lr"]], [group["momentum"]]
    for step in range(steps):
        opt.step()
        scheduler.step() if metrics is None else scheduler.step(metrics[step])
        rates.append(group["lr"])
        momenta.append(group["momentum"])
    return rates, momenta


def add(kind, make, lr, calls=STEPS, momentum=False, **settings):
    """`make(optimizer)` gives torch's schedule; `settings` are what ours is made with."""
    opt = optimizer(lr, 0.9 if momentum else 0.0)
    rates, momenta = run(make(opt), opt, calls)
    case = {"kind": kind, "settings": {"lr": lr, **settings}, "lr": rates}
    if momentum:
        case["momentum"] = momenta
    cases.append(case)


lr = 0.1
add("constant", lambda o: torch_lr.LambdaLR(o, lambda step: 1.0), lr)
for factor, steps in ((1 / 3, 5), (0.5, 40), (0.9, 1)):
    add("constant", lambda o: torch_lr.ConstantLR(o, factor, steps), lr, factor=factor, steps=steps)
for start, end, steps in ((1.0, 0.0, 200), (1.0, 0.1, 60), (1 / 3, 1.0, 5), (0.25, 0.75, 137)):
    add("linear", lambda o: torch_lr.LinearLR(o, start, end, steps), lr, start_factor=start, end_factor=end, steps=steps)
for steps, floor in ((200, 0.0), (200, 1e-4), (60, 2e-5), (7, 0.0), (1, 0.0)):
    add("cosine", lambda o: torch_lr.CosineAnnealingLR(o, steps, floor), lr, steps=steps, min_lr=floor)
for t_0, t_mult, floor in ((10, 1, 0.0), (10, 2, 1e-5), (3, 3, 0.0), (1, 2, 1e-4), (200, 1, 0.0)):
    add("cosine_warm_restarts", lambda o: torch_lr.CosineAnnealingWarmRestarts(o, t_0, t_mult, floor), lr,
        t_0=t_0, t_mult=t_mult, min_lr=floor)
for gamma in (0.9, 0.999, 1.0, 1.01):
    add("exponential", lambda o: torch_lr.ExponentialLR(o, gamma), lr, gamma=gamma)
for size, gamma in ((30, 0.1), (1, 0.95), (7, 0.5), (250, 0.1)):
    add("step", lambda o: torch_lr.StepLR(o, size, gamma), lr, step_size=size, gamma=gamma)
for milestones, gamma in (([30, 80], 0.1), ([1, 2, 3, 150], 0.5), ([80, 30, 30], 0.2), ([], 0.1)):
    add("multi_step", lambda o: torch_lr.MultiStepLR(o, milestones, gamma), lr, milestones=milestones, gamma=gamma)
for steps, power in ((200, 1.0), (200, 2.0), (50, 0.5), (120, 0.9)):
    add("polynomial", lambda o: torch_lr.PolynomialLR(o, steps, power), lr, steps=steps, power=power)
for name, factor in {
    "inverse_root": lambda step: 1 / math.sqrt(step + 1),
    "every_third": lambda step: 0.5 ** (step // 3),
}.items():
    add("lambda", lambda o: torch_lr.LambdaLR(o, factor), lr, function=name)

# Noam: equation 3 of "Attention Is All You Need"; the optimizer's rate is 1, so that the factor is the rate.
for scale, width, warmup in ((1.0, 512, 4000), (2.0, 256, 50), (0.5, 64, 1)):
    noam = lambda step: scale * width**-0.5 * min((step + 1) ** -0.5, (step + 1) * warmup**-1.5)
    add("noam", lambda o: torch_lr.LambdaLR(o, noam), 1.0, factor=scale, model_size=width, warmup_steps=warmup)

# torch's raises beyond its last step, and extrapolates on it: the table ends one step before.
for lr, total, options in (
    (0.1, 200, {}),
    (0.1, 200, {"three_phase": True}),
    (3e-3, 200, {"pct_start": 0.5, "anneal_strategy": "linear", "div_factor": 10.0, "final_div_factor": 100.0}),
    (3e-3, 137, {"pct_start": 0.41, "three_phase": True, "anneal_strategy": "linear"}),
    (1.0, 10, {"pct_start": 0.0}),
    (1.0, 10, {"pct_start": 1.0}),
    (1.0, 1, {}),
):
    for drive in (None, (0.85, 0.95)):
        kwargs = {"cycle_momentum": drive is not None}
        if drive:
            kwargs |= {"base_momentum": drive[0], "max_momentum": drive[1]}
        add("one_cycle", lambda o: torch_lr.OneCycleLR(o, lr, total, **options, **kwargs), lr, total - 1,
            drive is not None, steps=total, drive=drive, **options)

for lr, top, up, down, mode, gamma in (
    (0.01, 0.1, 20, None, "triangular", 1.0),
    (0.01, 0.1, 7, 13, "triangular", 1.0),
    (1e-4, 3e-3, 25, 5, "triangular2", 1.0),
    (1e-4, 3e-3, 8, None, "exp_range", 0.99),
    (0.5, 0.5, 1, 1, "triangular", 1.0),
):
    for drive in (None, (0.1, 0.95)):
        kwargs = {"cycle_momentum": drive is not None}
        if drive:
            kwargs |= {"base_momentum": drive[0], "max_momentum": drive[1]}
        add("cyclic", lambda o: torch_lr.CyclicLR(o, lr, top, up, down, mode, gamma, **kwargs), lr, STEPS,
            drive is not None, max_lr=top, step_size_up=up, step_size_down=down, mode=mode, gamma=gamma, drive=drive)


# Warm-up in front: the schedules with an end keep it.
def warmed(warmup, start, make):
    return lambda o: torch_lr.SequentialLR(o, [torch_lr.LinearLR(o, start, 1.0, warmup), make(o)], [warmup])


for warmup, start in ((1, None), (20, None), (50, 0.1), (50, 1e-3)):
    factor = 1 / (warmup + 1) if start is None else start
    front = {"warmup": warmup, "start_factor": start}
    for kind, make, settings in (
        ("cosine", lambda o: torch_lr.CosineAnnealingLR(o, 200 - warmup, 1e-5), {"steps": 200, "min_lr": 1e-5}),
        ("linear", lambda o: torch_lr.LinearLR(o, 1.0, 0.0, 150 - warmup),
         {"steps": 150, "start_factor": 1.0, "end_factor": 0.0}),
        ("polynomial", lambda o: torch_lr.PolynomialLR(o, 180 - warmup, 2.0), {"steps": 180, "power": 2.0}),
        ("step", lambda o: torch_lr.StepLR(o, 30, 0.5), {"step_size": 30, "gamma": 0.5}),
        ("exponential", lambda o: torch_lr.ExponentialLR(o, 0.98), {"gamma": 0.98}),
        ("constant", lambda o: torch_lr.LambdaLR(o, lambda step: 1.0), {}),
    ):
        add(kind, warmed(warmup, factor, make), 0.05, **settings, front=front)

# One after another, and several at once.
lr = 0.1
add("sequential", lambda o: torch_lr.SequentialLR(
    o, [torch_lr.ConstantLR(o, 0.1, 20), torch_lr.ExponentialLR(o, 0.9)], [20]), lr, variant="constant, exponential")
add("sequential", lambda o: torch_lr.SequentialLR(
    o, [torch_lr.LinearLR(o, 0.2, 1.0, 30), torch_lr.CosineAnnealingLR(o, 70), torch_lr.StepLR(o, 10, 0.5)], [30, 100]),
    lr, variant="linear, cosine, step")
add("chained", lambda o: torch_lr.ChainedScheduler(
    [torch_lr.ConstantLR(o, 0.1, 20), torch_lr.ExponentialLR(o, 0.9)]), lr, variant="constant, exponential")
add("chained", lambda o: torch_lr.ChainedScheduler(
    [torch_lr.StepLR(o, 25, 0.5), torch_lr.PolynomialLR(o, 300, 1.5), torch_lr.MultiStepLR(o, [10, 110], 0.3)]),
    lr, variant="step, polynomial, multi-step")

class Plateau(torch_lr.ReduceLROnPlateau):
    """torch's, with a relative threshold that is a share of the magnitude of the best value.

    torch compares with `best * (1 - threshold)`, which for a negative best value calls a worse value an improvement.
    """

    def _is_better(self, a, best):
        if self.threshold_mode == "abs" or math.isinf(best):
            return super()._is_better(a, best)
        margin = self.threshold * abs(best)
        return a < best - margin if self.mode == "min" else a > best + margin


# Plateau: a metric that falls, stays, rises, jumps, and is not always a number.
random.seed(1)
falling = [1.0 / (1 + step / 10) + 0.05 * random.random() for step in range(60)]
flat = [falling[-1]] * 40
rising = [falling[-1] + 0.01 * step for step in range(40)]
better = [0.01 - 1e-6 * step for step in range(60)]
sequence = falling + flat + rising + better
holes = list(sequence)
for step in (0, 1, 5, 70, 71, 72, 130):
    holes[step] = math.nan
holes[20], holes[90] = math.inf, -math.inf
negative = [-value for value in sequence]
worst_first = [math.nan] * 30 + sequence[:170]
for mode in ("min", "max"):
    for threshold_mode in ("rel", "abs"):
        for options in (
            {"patience": 3},
            {"patience": 0, "factor": 0.5},
            {"patience": 2, "cooldown": 5, "factor": 0.3},
            {"patience": 2, "min_lr": 0.01, "factor": 0.5},
            {"patience": 1, "eps": 0.02, "factor": 0.7},
            {"patience": 4, "threshold": 0.1, "cooldown": 1},
            {},
        ):
            for metrics in (sequence, holes, negative, worst_first):
                opt = optimizer(0.1)
                scheduler = Plateau(opt, mode, threshold_mode=threshold_mode, **options)
                rates, _ = run(scheduler, opt, metrics=metrics)
                cases.append({
                    "kind": "plateau",
                    "settings": {"lr": 0.1, "mode": mode, "threshold_mode": threshold_mode, **options},
                    "metrics": ["sequence", "holes", "negative", "worst_first"][
                        [id(m) for m in (sequence, holes, negative, worst_first)].index(id(metrics))],
                    # The rate changes seldom: the steps at which it does, and what it is then.
                    "changes": [[step, rate] for step, rate in enumerate(rates) if step == 0 or rate != rates[step - 1]],
                })


def words(values):
    return [value if math.isfinite(value) else str(value) for value in values]


metrics = {name: words(values) for name, values in
           {"sequence": sequence, "holes": holes, "negative": negative, "worst_first": worst_first}.items()}
# One line a case, so that a difference can be read.
print('{"torch": ' + json.dumps(torch.__version__) + ', "metrics": ' + json.dumps(metrics) + ', "cases": [\n'
      + ",\n".join(json.dumps(case, allow_nan=False) for case in cases) + "\n]}")
