"""The workloads of the benchmark in PyTorch and in PyTorch Lightning, on the CPU or on a device.

    python torch_bench.py PROGRAM WORKLOAD [FILE] [--device cuda]

PROGRAM is `torch` (a loop written by hand) or `lightning`. Both show the loss on a bar at every step, write it to a CSV file at every
50th, and save model and optimizer after each epoch. One line of JSON is added to FILE, or printed.
"""

import argparse
import csv
import json
import resource
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import torch
from torch import nn

EPOCHS = 3
WARM_UP = 10
BATCHES = 32
LR = 1e-3


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(),
            nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        return self.net(x)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(256, 128)
        self.places = nn.Embedding(64, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 4)
        self.head = nn.Linear(128, 256)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.encoder(x)).flatten(0, 1)


def linears(*widths):
    layers = []
    for index, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += [nn.Linear(a, b)] + ([nn.ReLU()] if index < len(widths) - 2 else [])
    return nn.Sequential(*layers)


def norm_mlp():
    return nn.Sequential(
        nn.Linear(784, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))


def rows():
    return [(torch.rand(64, 784), torch.randint(0, 10, (64,))) for _ in range(BATCHES)]


def images():
    return [(torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,))) for _ in range(BATCHES)]


def sequences():
    return [(torch.randint(0, 256, (16, 64)), torch.randint(0, 256, (16 * 64,))) for _ in range(BATCHES)]


# Burn's default numbers, so that both compute the same.
def adam(params):
    return torch.optim.Adam(params, lr=LR, eps=1e-5)


def adamw(params):
    return torch.optim.AdamW(params, lr=LR, eps=1e-5, weight_decay=1e-4)


WORKLOADS = {
    "mlp": (lambda: linears(784, 128, 64, 10), rows, adam, 2000),
    "batchnorm": (norm_mlp, rows, adam, 2000),
    "cnn": (Cnn, images, adam, 40),
    "transformer": (Transformer, sequences, adamw, 40),
    "wide": (lambda: linears(784, 3072, 2500, 10), rows, adamw, 48),
}


class Watch:
    def __init__(self):
        self.last, self.steps = None, []

    def start(self):
        self.last = time.perf_counter()

    def step(self):
        now = time.perf_counter()
        self.steps.append(now - self.last)
        self.last = now


def by_hand(model, batches, optimizer, steps, folder, device, watch):
    from tqdm import tqdm

    model.to(device)
    optimizer = optimizer(model.parameters())
    with open(folder / "log.csv", "w", newline="") as file:
        log = csv.writer(file)
        for _ in range(EPOCHS):
            bar = tqdm(range(steps))
            watch.start()
            for step in bar:
                x, y = (tensor.to(device) for tensor in batches[step % len(batches)])
                loss = nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                value = loss.item()
                bar.set_postfix(loss=value)
                if (step + 1) % 50 == 0:
                    log.writerow([step + 1, value])
                watch.step()
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "last.ckpt")


def by_lightning(model, batches, optimizer, steps, folder, device, watch):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = model

        def training_step(self, batch, _):
            x, y = batch
            loss = nn.functional.cross_entropy(self.net(x), y)
            self.log("train_loss", loss, prog_bar=True)
            return loss

        def configure_optimizers(self):
            return optimizer(self.parameters())

    class Timer(lightning.Callback):
        def on_train_epoch_start(self, *_):
            watch.start()

        def on_train_batch_end(self, *_):
            watch.step()

    class Cycle(torch.utils.data.Dataset):
        def __len__(self):
            return steps

        def __getitem__(self, index):
            return batches[index % len(batches)]

    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="gpu" if device == "cuda" else device, devices=1, log_every_n_steps=50,
        logger=lightning.pytorch.loggers.CSVLogger(folder), callbacks=[Timer()], default_root_dir=folder,
        enable_model_summary=False)
    trainer.fit(Module(), torch.utils.data.DataLoader(Cycle(), batch_size=None))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["torch", "lightning"])
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("file", nargs="?")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(1)
    make, data, optimizer, steps = WORKLOADS[args.workload]
    versions = f"torch {torch.__version__}"
    if args.program == "lightning":
        import lightning

        versions = f"lightning {lightning.__version__}, {versions}"
    run, watch = {"torch": by_hand, "lightning": by_lightning}[args.program], Watch()
    with tempfile.TemporaryDirectory() as folder:
        model, batches = make(), data()
        start = time.perf_counter()
        run(model, batches, optimizer, steps, Path(folder), args.device, watch)
        total = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])
    line = json.dumps({
        "program": args.program, "workload": args.workload,
        "step_ms": statistics.median(watch.steps[WARM_UP:]) * 1e3, "epoch_ms": total * 1e3 / (EPOCHS * steps),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "steady_mib": resident / 1024,
        "with": f"{versions}, {torch.get_num_threads()} threads",
    })
    if args.file:
        with open(args.file, "a") as out:
            print(line, file=out)
    else:
        print(line)


if __name__ == "__main__":
    main()
