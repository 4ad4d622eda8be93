"""The scale of torch.amp.GradScaler over a sequence of finite and infinite gradients: writes grad_scaler.json.

Run with a Python that has torch: `python tests/reference/grad_scaler.py`. The sequence reaches the largest scale, which no longer grows,
and scales below the smallest normal float32.
"""

import json
import pathlib

import torch

# (whether the gradients are finite, for how many steps)
RUNS = [
    (True, 1),
    (False, 1),
    (True, 1999),
    (False, 1),
    (True, 2000),
    (True, 4001),
    (False, 3),
    (True, 1998),
    (True, 1),
    (False, 2),
    (True, 2000 * 125),
    (False, 270),
    (True, 6000),
]


def main():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.zeros(1))
    finite, infinite = torch.ones(1), torch.full((1,), float("inf"))
    after, changes, step = [], [], 0
    scale = scaler.get_scale()
    for is_finite, count in RUNS:
        for number in range(count):
            # An infinite gradient is one that overflows, or one that is no number.
            parameter.grad = finite.clone() if is_finite else infinite * (0.0 if number % 2 else 1.0)
            scaler.step(optimizer)
            scaler.update()
            step += 1
            if scaler.get_scale() != scale:
                scale = scaler.get_scale()
                changes.append((step, scale))
        after.append((scale, scaler._growth_tracker.item()))
    reference = {"torch": torch.__version__, "runs": RUNS, "after": after, "changes": changes}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()
