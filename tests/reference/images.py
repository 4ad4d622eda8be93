"""Writes images.json: small JPEG and PNG files, and what Pillow reads in them.

Run as `python tests/reference/images.py` with Pillow 13.0; the numbers in the file are those of that run.
"""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps, PngImagePlugin

WIDTH, HEIGHT = 11, 7


def picture(mode, width=WIDTH, height=HEIGHT):
    """Smooth, so that decoders of JPEG agree within a few steps, and without any symmetry."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = bytes(
        [20 + 99 * x // width + 84 * y // height, 240 - 154 * x // width, 40 + 140 * y // height, 30 + 3 * x + y][band]
        for y in range(height) for x in range(width) for band in range(bands)
    )
    return Image.frombytes(mode, (width, height), values)


def tiff(orientation, order="<", kind=3):
    """A TIFF header with one directory of two entries."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = lambda tag, kind, value: struct.pack(order + "HHI", tag, kind, 1) + {
        3: struct.pack(order + "HH", value, 0), 4: struct.pack(order + "I", value), 1: bytes([value, 0, 0, 0])
    }[kind]
    # The width of the image, and the orientation.
    return mark + struct.pack(order + "IH", 8, 2) + entry(0x100, 4, 6) + entry(0x112, kind, orientation) + bytes(4)


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def exif_jpeg(image, data, **options):
    return saved(image, "JPEG", quality=95, exif=b"Exif\0\0" + data, **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif_png(image, data, late=False):
    """`late`: the chunk stands after the pixels, as the format allows."""
    file = saved(image, "PNG")
    at = len(file) - 12 if late else 33
    return file[:at] + chunk(b"eXIf", data) + file[at:]


def as_ycck(file):
    """A JPEG of four components, with the Adobe marker that says YCCK in place of CMYK."""
    at = file.index(b"Adobe") + 11
    assert file[at] == 0
    return file[:at] + bytes([2]) + file[at + 1:]


def read(file):
    plain = Image.open(io.BytesIO(file))
    image = ImageOps.exif_transpose(plain)
    return {
        "shape": [image.height, image.width],
        "rgb": image.convert("RGB").tobytes().hex(),
        "grey": image.convert("L").tobytes().hex(),
        # Without the orientation.
        "plain": plain.convert("L").tobytes().hex(),
    }


rgb = picture("RGB")
cmyk = picture("CMYK")
files = {
    "ycbcr": saved(rgb, "JPEG", quality=95, subsampling=0),
    "ycbcr 4:2:0": saved(picture("RGB", 32, 16), "JPEG", quality=95, subsampling=2),
    "progressive": saved(rgb, "JPEG", quality=95, subsampling=0, progressive=True),
    "grey": saved(picture("L"), "JPEG", quality=95),
    "rgb": saved(rgb, "JPEG", quality=95, keep_rgb=True),
    "rgb progressive": saved(rgb, "JPEG", quality=95, keep_rgb=True, progressive=True),
    "cmyk": saved(cmyk, "JPEG", quality=95),
    "cmyk progressive": saved(cmyk, "JPEG", quality=95, progressive=True),
    "ycck": as_ycck(saved(cmyk, "JPEG", quality=95)),
    "ycck wide": as_ycck(saved(picture("CMYK", 40, 16), "JPEG", quality=95)),
    "ycck progressive": as_ycck(saved(cmyk, "JPEG", quality=95, progressive=True)),
}
for orientation in range(10):
    files[f"orientation {orientation} jpeg"] = exif_jpeg(rgb, tiff(orientation, "<"), subsampling=0)
    files[f"orientation {orientation} png"] = exif_png(rgb, tiff(orientation, ">"))
files["orientation 6 cmyk"] = exif_jpeg(cmyk, tiff(6))
files["orientation 6 late png"] = exif_png(picture("L"), tiff(6), late=True)
files["orientation 8 of four bytes"] = exif_png(rgb, tiff(8, kind=4))
files["orientation 3 of one byte"] = exif_png(rgb, tiff(3, kind=1))
files["orientation 5 with a prefix"] = exif_png(rgb, b"Exif\0\0" + tiff(5))
files["orientation 7 with alpha"] = exif_png(rgb.convert("RGBA"), tiff(7))
xmp = lambda value: ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description ' + value + '</rdf:RDF></x:xmpmeta>').encode()
attribute = xmp('tiff:Orientation="6"/>')
element = xmp('><tiff:Orientation>8</tiff:Orientation></rdf:Description>')
files["orientation 6 in xmp"] = saved(rgb, "JPEG", quality=95, subsampling=0, xmp=attribute)
files["orientation 8 in xmp"] = saved(rgb, "JPEG", quality=95, subsampling=0, xmp=element)
# That of the EXIF data counts, also one that is out of range.
for orientation in [3, 9]:
    files[f"orientation {orientation} before xmp"] = exif_jpeg(rgb, tiff(orientation), subsampling=0, xmp=attribute)
texts = PngImagePlugin.PngInfo()
texts.add_itxt("XML:com.adobe.xmp", attribute.decode())
files["orientation 6 in xmp of png"] = saved(rgb, "PNG", pnginfo=texts)
texts = PngImagePlugin.PngInfo()
texts.add_itxt("XML:com.adobe.xmp", element.decode(), zip=True)
files["orientation 8 in zipped xmp of png"] = saved(rgb, "PNG", pnginfo=texts)
profile = b"Exif\0\0" + tiff(7)
digits = profile.hex()
raw = f"\nexif\n{len(profile):8}\n" + "\n".join(digits[at:at + 72] for at in range(0, len(digits), 72)) + "\n"
for zipped in [False, True]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type exif", raw, zip=zipped)
    files[f"orientation 7 in a raw profile, zipped: {zipped}"] = saved(rgb, "PNG", pnginfo=texts)
files["no directory"] = exif_png(rgb, b"MM\0*\0\0\0\x08")

cases = []
for name, file in files.items():
    cases.append({"name": name, "file": file.hex()} | read(file))

path = Path(__file__).with_suffix(".json")
path.write_text("[\n " + ",\n ".join(json.dumps(case) for case in cases) + "\n]\n")
