"""Writes augment.json: what torchvision makes of small images.

Run as `python tests/reference/augment.py` with torch 2.15 and torchvision 0.29; the numbers in the file are those of that run.
"""

import json
from pathlib import Path

import torch
from torchvision.transforms import functional as F

crops = []
for channels, height, width in [(1, 4, 5), (3, 3, 4)]:
    image = (torch.arange(channels * height * width) * 7 % 251).to(torch.uint8).reshape(channels, height, width)
    for size, padding in [((3, 3), 0), ((4, 5), 2), ((2, 6), 3)]:
        padded = F.pad(image, padding)
        for top, left in [(0, 0), (padded.shape[1] - size[0], padded.shape[2] - size[1]), (1, 0)]:
            if top + size[0] > padded.shape[1]:
                continue
            part = F.crop(padded, top, left, *size)
            crops.append({
                "shape": [height, width, channels],
                "pixels": image.flatten().tolist(),
                "size": size,
                "padding": padding,
                "at": [top, left],
                "part": part.flatten().tolist(),
                "flipped": F.hflip(part).flatten().tolist(),
            })

image = (torch.arange(24) * 11 % 256).to(torch.uint8).reshape(3, 2, 4)
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
normalised = {
    "shape": [2, 4, 3],
    "pixels": image.flatten().tolist(),
    "mean": mean,
    "std": std,
    "values": F.normalize(F.convert_image_dtype(image, torch.float32), mean, std).double().flatten().tolist(),
}

path = Path(__file__).with_suffix(".json")
lines = ",\n  ".join(json.dumps(crop) for crop in crops)
path.write_text(f'{{"crops": [\n  {lines}\n ],\n "normalised": {json.dumps(normalised)}}}\n')
