"""Writes the weights of a small residual network as torchvision saves one, and its features, to compare with after loading them.

    python torch_resnet.py
"""

import json
from pathlib import Path

import torch
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + x)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(BasicBlock(4), BasicBlock(4))
        self.fc = nn.Linear(4, 20)

    def features(self, x):
        x = self.layer1(torch.relu(self.bn1(self.conv1(x))))
        return x.mean(dim=(2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


torch.manual_seed(3)
net = ResNet()
net.train()
with torch.no_grad():
    for _ in range(5):
        # Running statistics that are not the initial ones.
        net(torch.randn(16, 1, 6, 6) * 2 + 1)
net.eval()
x = torch.linspace(-1, 1, 72).reshape(2, 1, 6, 6)
torch.save(net.state_dict(), Path(__file__).parent.parent / "data" / "torch_resnet.pth")
with torch.no_grad():
    answers = {"features": net.features(x).flatten().tolist()}
(Path(__file__).parent / "torch_resnet.json").write_text(json.dumps(answers, indent=1) + "\n")
