"""Writes small files as PyTorch saves them, and what their networks answer: gaps in the numbers of a Sequential, norms and PReLU, types
that Burn does not have, and a tensor that is larger than its file.

    pip install torch numpy safetensors
    python torch_files.py
"""

import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

warnings.simplefilter("ignore")
data = Path(__file__).parent.parent / "data"
torch.manual_seed(5)


class Sequences(nn.Module):
    """`net` has layers 0, 2 and 4 of one size, `head` 0 and 3, `blocks` 1 and 3 with layers 0 and 2 each."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
        self.head = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))
        block = lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
        self.blocks = nn.Sequential(nn.ReLU(), block(), nn.ReLU(), block())

    def forward(self, x):
        return self.head(self.blocks(self.net(x)))


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.InstanceNorm2d(3, affine=True)
        self.act = nn.PReLU(3)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


answers = {}
with torch.no_grad():
    net = Sequences().eval()
    torch.save(net.state_dict(), data / "torch_sequences.pt")
    x = torch.linspace(-1, 1, 12).reshape(4, 3)
    answers["sequences"] = net(x).flatten().tolist()
    # The bias of every linear layer, by which a layer is recognized.
    answers["biases"] = {name: value.tolist() for name, value in net.state_dict().items() if name.endswith("bias")}

    net = Normed()
    net.norm.weight.uniform_(0.5, 1.5)
    net.norm.bias.uniform_(-1, 1)
    net.act.weight.copy_(torch.tensor([0.1, 0.5, -0.3]))
    torch.save(net.state_dict(), data / "torch_normed.pt")
    answers["normed"] = net(torch.linspace(-1, 1, 72).reshape(2, 1, 6, 6)).flatten().tolist()

    weight = torch.arange(24.0).reshape(3, 8) / 8
    odd = {
        "layer.weight": weight,
        "layer.bias": torch.tensor([1.0, 2.0, 3.0]),
        "spectrum": torch.ones(2, dtype=torch.complex64),
        "small.0": torch.ones(3).to(torch.float8_e4m3fn),
        "sparse": torch.eye(3).to_sparse(),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    }
    torch.save(odd, data / "torch_unsupported.pt")
    torch.save({"epoch": 3, "model": odd}, data / "torch_unsupported_legacy.pt", _use_new_zipfile_serialization=False)
    # A view: the transposed weight of a larger storage.
    view = torch.cat([torch.full((3, 1), -1.0), weight], dim=1).t().contiguous()[1:].t()
    torch.save({**odd, "layer.weight": view}, data / "torch_unsupported_view.pt")
    save_file({k: odd[k] for k in ("layer.weight", "layer.bias", "small.0")}, data / "torch_unsupported.safetensors")

    # 4 GB of one number.
    torch.save({"layer.weight": torch.ones(1).expand(1 << 15, 1 << 15), "layer.bias": torch.ones(3)}, data / "torch_broadcast.pt")

(Path(__file__).parent / "torch_files.json").write_text(json.dumps(answers, indent=1) + "\n")
