"""Writes augmentations.json: what torchvision makes of small images by maps and colors.

Run as `python tests/reference/augmentations.py` with torch 2.15 and torchvision 0.29; the numbers in the file are those of that run.
Images are lists of planes.
"""

import json
from pathlib import Path

import torch
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode as Mode


def image(channels, height, width):
    """Bytes without symmetry."""
    values = torch.arange(channels * height * width)
    return ((values * values * 7 + values * 53) % 251).to(torch.uint8).reshape(channels, height, width)


def described(x):
    channels, height, width = x.shape
    return {"shape": [height, width, channels], "pixels": x.flatten().tolist()}


def pillow(x):
    return F.to_pil_image(x, {1: "L", 3: "RGB", 4: "RGBA"}[len(x)])


def planes(image):
    return F.pil_to_tensor(image).flatten().tolist()


def floats(x):
    return [round(value, 6) for value in x.double().flatten().tolist()]


flips = [described(x) | {"vertical": F.vflip(x).flatten().tolist(), "transposed": x.transpose(1, 2).flatten().tolist()}
         for x in [image(1, 3, 4), image(3, 4, 3), image(2, 5, 2)]]

maps = []
for x in [image(3, 6, 9), image(1, 7, 7), image(4, 8, 5)]:
    for degrees, translate, scale, shear in [
        (0, (2, -1), 1.0, (0, 0)),
        (90, (0, 0), 1.0, (0, 0)),
        (180, (0, 0), 1.0, (0, 0)),
        (33, (0, 0), 1.0, (0, 0)),
        (-12.5, (1, 2), 1.3, (0, 0)),
        (0, (0, 0), 0.6, (17, 0)),
        (0, (0, 0), 1.0, (0, -11)),
        (71, (-2, 1), 0.83, (9, 14)),
    ]:
        case = described(x) | {"degrees": degrees, "translate": translate, "scale": scale, "shear": shear}
        whole = x.float() / 255
        for name, mode in [("nearest", Mode.NEAREST), ("bilinear", Mode.BILINEAR)]:
            arguments = dict(angle=degrees, translate=list(translate), scale=scale, shear=list(shear), interpolation=mode)
            case[name] = F.affine(x, **arguments).flatten().tolist()
            case[f"{name} f32"] = floats(F.affine(whole, **arguments))
        arguments["interpolation"] = Mode.NEAREST
        for fill in [0, 9]:
            colors = fill if len(x) == 1 else (fill,) * len(x)
            case[f"pillow fill {fill}"] = planes(F.affine(pillow(x), fill=colors, **arguments))
        maps.append(case)

rotations = []
for x in [image(3, 6, 9), image(1, 7, 7)]:
    for degrees in [90, 270, 20, -45.5]:
        rotations.append(described(x) | {
            "degrees": degrees,
            "nearest": F.rotate(x, degrees, Mode.NEAREST).flatten().tolist(),
            "pillow": planes(F.rotate(pillow(x), degrees, Mode.NEAREST)),
            "bilinear": F.rotate(x, degrees, Mode.BILINEAR).flatten().tolist(),
        })

colors = []
changes = {"brightness": F.adjust_brightness, "contrast": F.adjust_contrast, "saturation": F.adjust_saturation, "hue": F.adjust_hue}
gray_ramp = torch.arange(0, 240, 20, dtype=torch.uint8).reshape(1, 3, 4)
for x in [image(3, 4, 5), gray_ramp.repeat(3, 1, 1), gray_ramp]:
    for name, change in changes.items():
        for factor in [-0.5, -0.21, 0, 0.1, 0.5] if name == "hue" else [0, 0.37, 1, 1.6, 3.5]:
            colors.append(described(x) | {
                "change": name,
                "factor": factor,
                "bytes": change(x, factor).flatten().tolist(),
                "floats": floats(change(x.float() / 255, factor)),
            })

erased = [described(x) | {"at": at, "size": size, "value": value, "bytes": F.erase(x, *at, *size, torch.tensor(value)).flatten().tolist()}
          for x, at, size, value in [(image(3, 4, 5), (1, 2), (2, 3), 0), (image(1, 4, 5), (0, 0), (4, 1), 77)]]

path = Path(__file__).with_suffix(".json")
parts = {"flips": flips, "maps": maps, "rotations": rotations, "colors": colors, "erased": erased}
text = ",\n ".join(f'"{name}": [\n  ' + ",\n  ".join(json.dumps(case) for case in cases) + "\n ]" for name, cases in parts.items())
path.write_text(f"{{{text}\n}}\n")
