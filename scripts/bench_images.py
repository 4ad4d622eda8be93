"""The Python half of bench_images.sh: makes the jpeg files, and measures what torch and torchvision do with them.

    bench_images.py generate FOLDER     writes 1024 jpeg files of 224x224 in two class folders
    bench_images.py measure FOLDER      prints one line of JSON, {"name": images per second}
    bench_images.py compare OURS THEIRS prints the ratios of two files of such lines, the best of each name
"""

import json
import sys
import time
from pathlib import Path


def generate(folder):
    """Smooth colours with some noise: about 20 kB a file, as a photograph of this size has."""
    import torch
    from torchvision.io import write_jpeg

    torch.manual_seed(1)
    for index in range(1024):
        coarse = torch.rand(1, 3, 14, 14) * 255
        image = torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bicubic")[0]
        image = (image + torch.randn(3, 224, 224) * 8).clamp(0, 255).to(torch.uint8)
        path = Path(folder) / f"class{index % 2}" / f"{index:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_jpeg(image, str(path), quality=90)


def rate(work, images, seconds=1.0):
    work()
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()
        done += images
    return done / (time.perf_counter() - start)


def crop_and_flip(side, channels, padding):
    """The faster of the two generations of transforms, on byte tensors, by one thread."""
    import torch
    from torchvision import transforms
    from torchvision.transforms import v2

    image = (torch.arange(channels * side * side) * 7 % 256).to(torch.uint8).reshape(channels, side, side)
    rates = []
    for kind in (transforms, v2):
        change = kind.Compose([kind.RandomCrop(side, padding), kind.RandomHorizontalFlip()])
        rates.append(rate(lambda: [change(image) for _ in range(32)], 32))
    return max(rates)


def decode(folder):
    """The faster of torchvision's own decoder and Pillow's, by a DataLoader with two workers, after one pass that warms it up."""
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms.functional import pil_to_tensor

    def pillow(path):
        from PIL import Image

        return pil_to_tensor(Image.open(path).convert("RGB"))

    rates = []
    for loader in (lambda path: decode_image(path, mode=ImageReadMode.RGB), pillow):
        images = ImageFolder(folder, loader=loader)
        batches = torch.utils.data.DataLoader(images, batch_size=32, num_workers=2, drop_last=True, persistent_workers=True)
        for _ in batches:
            pass
        start = time.perf_counter()
        count = sum(len(classes) for _, classes in batches)
        rates.append(count / (time.perf_counter() - start))
    return max(rates)


def measure(folder):
    import torch

    torch.set_num_threads(1)
    rates = {
        "crop_flip_28": crop_and_flip(28, 1, 4),
        "crop_flip_224": crop_and_flip(224, 3, 28),
        "jpeg_224": decode(folder),
    }
    print(json.dumps(rates))


def compare(ours, theirs):
    def best(path):
        lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
        return {name: max(line[name] for line in lines) for name in lines[0]}

    ours, theirs = best(ours), best(theirs)
    wanted = {"crop_flip_28": 3.0, "crop_flip_224": 3.0, "jpeg_224": 1.0}
    met = True
    for name, least in wanted.items():
        ratio = ours[name] / theirs[name]
        met &= ratio >= least
        verdict = "ok" if ratio >= least else "TOO SLOW"
        print(f"{name:14} ours {ours[name]:10.0f}/s  torchvision {theirs[name]:10.0f}/s  ratio {ratio:6.2f}  wanted {least}  {verdict}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"generate": generate, "measure": measure, "compare": compare}[command](*arguments)
