"""Writes a small network's weights as PyTorch saves them, and what it answers, to compare with after loading them.

    python torch_weights.py
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.layers = nn.Sequential(nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 5), nn.LayerNorm(5))

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        return self.layers(x.flatten(1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.fc = nn.Linear(5, 7)

    def forward(self, x):
        return self.fc(self.backbone(x))


torch.manual_seed(3)
net = Net()
net.train()
with torch.no_grad():
    for _ in range(5):
        # Running statistics that are not the initial ones.
        net(torch.randn(16, 1, 6, 6) * 2 + 1)
    net.backbone.layers[3].weight.uniform_(0.5, 1.5)
    net.backbone.layers[3].bias.uniform_(-1, 1)
net.eval()
x = torch.linspace(-1, 1, 72).reshape(2, 1, 6, 6)
data = Path(__file__).parent.parent / "data"
torch.save(net.state_dict(), data / "torch_net.pt")
torch.save({"epoch": 3, "state_dict": OrderedDict(("module." + k, v) for k, v in net.state_dict().items())}, data / "torch_checkpoint.pt")
save_file({k: v.contiguous() for k, v in net.state_dict().items()}, data / "torch_net.safetensors")
with torch.no_grad():
    answers = {"features": net.backbone(x).flatten().tolist(), "logits": net(x).flatten().tolist()}
(Path(__file__).parent / "torch_weights.json").write_text(json.dumps(answers, indent=1) + "\n")
