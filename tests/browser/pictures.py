"""Takes the pictures of the README in Chromium: a report, TensorBoard, and a terminal.

    python3 tests/browser/pictures.py LOGS TERMINAL FOLDER

LOGS is a folder of runs, TERMINAL a file with the text and colours of a terminal, as `tmux
capture-pane -e` prints it, and FOLDER gets `report.png`, `tensorboard.png` and `terminal.png`.
`TENSORBOARD_PYTHON` names a Python with `tensorboard`. With Pillow the pictures have a palette.
"""

import html
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from report import NAMES, Browser, Page, check

WIDTH = 1000
# The colours of a terminal, 0 to 15.
COLORS = ("#1d2027 #e06c75 #98c379 #e5c07b #61afef #c678dd #56b6c2 #c8ccd4 #7f8794 #ef7b85 #a9d48a #f0ce8a #7bbcf5 #d68ce8 #6ac9d5 #ffffff").split()
STYLE = """body { margin: 0; padding: 18px 22px; background: #1d2027; color: #d5d9e0; width: fit-content; }
pre { margin: 0; font: 15px/1.38 'DejaVu Sans Mono', monospace; }"""


def color(code):
    """The colour of an index of 256."""
    if code < 16:
        return COLORS[code]
    if code >= 232:
        level = 8 + 10 * (code - 232)
        return f"rgb({level} {level} {level})"
    parts = [(code - 16) // 36, (code - 16) // 6 % 6, (code - 16) % 6]
    return "rgb({} {} {})".format(*(55 + 40 * part if part else 0 for part in parts))


def terminal(text):
    """A page with the text of a terminal, and the colours that its escape sequences (SGR) set."""
    spans, style = [], {}
    for part in re.split(r"(\x1b\[[\d;]*m)", text):
        if not part.startswith("\x1b"):
            css = "; ".join(f"{name}: {value}" for name, value in style.items())
            spans.append(f'<span style="{css}">{html.escape(part)}</span>' if css else html.escape(part))
            continue
        codes = [int(code or 0) for code in part[2:-1].split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                style = {}
            elif code == 1:
                style["font-weight"] = "bold"
            elif code == 2:
                style["opacity"] = "0.65"
            elif code == 22:
                style.pop("font-weight", None), style.pop("opacity", None)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                style["color"] = COLORS[code - 30 if code < 90 else code - 82]
            elif code == 39:
                style.pop("color", None)
            elif code in (38, 48) and codes[:1] == [5]:
                style["color" if code == 38 else "background"] = color(codes[1])
                codes = codes[2:]
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><h1 hidden></h1><pre>{''.join(spans)}</pre>"


def take(page, path, height):
    """The upper part of a page, with a palette where Pillow is there."""
    page.screenshot(path, height)
    try:
        from PIL import Image
    except ImportError:
        print(f"{path.name} has no palette: Pillow is not there")
        return
    image = Image.open(path).convert("RGB")
    # Octrees keep the colours of small parts, such as that of the bar.
    image.quantize(200, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def wait_for(what, condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise SystemExit(f"waited in vain for {what}")


def serves(url):
    try:
        return urllib.request.urlopen(url, timeout=1).status == 200
    except OSError:
        return False


def tensorboard(browser, logs, path):
    python = os.environ.get("TENSORBOARD_PYTHON")
    if not python:
        print("SKIPPED tensorboard.png: name a Python with `tensorboard` in TENSORBOARD_PYTHON")
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "tensorboard.main", "--logdir", str(logs), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for("TensorBoard", lambda: serves(url))
        # A filter shows all curves beside each other.
        page = Page(browser, url + "?darkMode=false&tagFilter=val_acc%7Ctrain_loss#timeseries", "light", 1120)
        wait_for("its curves", lambda: page.run("document.querySelectorAll('scalar-card').length") >= 2)
        page.run("[...document.querySelectorAll('button')].find((button) => button.innerText.includes('Settings'))?.click()")
        time.sleep(3)
        # The pane has changed the size of the curves: the first picture has them drawn again.
        page.screenshot(path, 606)
        page.run("window.dispatchEvent(new Event('resize'))")
        time.sleep(3)
        take(page, path, 606)
    finally:
        server.terminate()
        server.wait()


def main():
    logs, text, folder = map(Path, sys.argv[1:])
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    check(program, "no Chromium: install `chromium`, or name one in CHROMIUM")
    runs = sorted(logs.glob("version_*/report.html"), key=lambda run: run.stat().st_mtime)
    check(runs, f"{logs} has no run with a report")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        page = Page(browser, runs[-1].resolve().as_uri(), "light", WIDTH)
        take(page, folder / "report.png", 606)
        shown = Path(profile) / "terminal.html"
        shown.write_text(terminal(text.read_text().rstrip("\n")))
        page = Page(browser, shown.as_uri(), "light", WIDTH)
        take(page, folder / "terminal.png", page.run("Math.ceil(document.body.getBoundingClientRect().height)"))
        tensorboard(browser, logs, folder / "tensorboard.png")
        browser.close()


main()
