"""Losses of a small network in PyTorch's mixed precision on the CPU: writes autocast.json.

Run with a Python that has torch: `python tests/reference/autocast.py`. Starting weights, one batch, plain SGD; float32, and autocast to
bfloat16 and to float16 with a gradient scaler.
"""

import json
import pathlib

import torch

STEPS, RATE = 40, 0.5


def losses(weights, x, y, dtype):
    w1, b1, w2, b2 = (weight.clone().requires_grad_() for weight in weights)
    optimizer = torch.optim.SGD([w1, b1, w2, b2], lr=RATE)
    scaler = torch.amp.GradScaler("cpu", enabled=dtype == torch.float16)
    values = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            logits = torch.nn.functional.linear(torch.relu(torch.nn.functional.linear(x, w1.t(), b1)), w2.t(), b2)
        loss = torch.nn.functional.cross_entropy(logits.float(), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        values.append(loss.item())
    return values


def main():
    torch.manual_seed(0)
    x = torch.randn(64, 8)
    y = x[:, :3].argmax(1)
    weights = [torch.randn(8, 16) * 0.35, torch.zeros(16), torch.randn(16, 3) * 0.25, torch.zeros(3)]
    reference = {
        "torch": torch.__version__,
        "rate": RATE,
        "x": x.flatten().tolist(),
        "y": y.tolist(),
        "weights": [weight.flatten().tolist() for weight in weights],
        "32-true": losses(weights, x, y, None),
        "bf16-mixed": losses(weights, x, y, torch.bfloat16),
        "16-mixed": losses(weights, x, y, torch.float16),
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()
