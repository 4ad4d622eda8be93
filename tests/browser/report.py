"""Opens a report and a comparison in Chromium: finds the curves, hovers one and reads the tooltip,
sorts the table, finds the learning rates that were tried, the histograms, tables, texts and pictures, in light and in dark, wide and
narrow.

    python3 tests/browser/report.py report.html compare.html [folder for screenshots]

Needs no package: it speaks the DevTools protocol over pipes. Without a Chromium it says so and
succeeds. `CHROMIUM` names the program.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


class Browser:
    """A Chromium without a window."""

    def __init__(self, program, profile):
        to_browser, ours = os.pipe()
        theirs, from_browser = os.pipe()

        def wire():
            # The protocol's file descriptors: 3 is read by the browser, 4 is written.
            low = [os.dup(to_browser), os.dup(from_browser)]
            os.dup2(low[0], 3)
            os.dup2(low[1], 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        self.process = subprocess.Popen(
            [program, *flags, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wire,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.out, self.into = os.fdopen(ours, "wb", buffering=0), os.fdopen(theirs, "rb")
        self.buffer, self.number, self.events = b"", 0, []

    def message(self):
        while b"\0" not in self.buffer:
            read = self.into.read1(65536)
            if not read:
                raise SystemExit("the browser ended")
            self.buffer += read
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        self.out.write(json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def close(self):
        self.call("Browser.close")
        self.process.wait(timeout=20)


class Page:
    """A page with a colour scheme and a width."""

    def __init__(self, browser, url, scheme, width):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=feature)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=url)
        for _ in range(200):
            if self.run("document.readyState === 'complete' && !!document.querySelector('h1, app-root')"):
                break
            time.sleep(0.05)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def hover(self, selector, right=0.6, down=0.4):
        """Moves the pointer to a part of the first element that matches."""
        self.run(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        box = self.run(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [b.x, b.y, b.width, b.height]; })()"
        )
        at = {"x": box[0] + right * box[2], "y": box[1] + down * box[3]}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **at)
        return at

    def click(self, selector):
        at = self.hover(selector, 0.3, 0.5)
        for kind in ["mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def screenshot(self, path, height=None):
        height = height or self.run("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self.run("innerWidth"), "height": height, "scale": 1}
        taken = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def errors(self):
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [event for event in mine if event["method"] == "Runtime.exceptionThrown"]


def check(condition, what):
    if not condition:
        raise SystemExit(f"FAILED: {what}")


def common(page, scheme):
    """What holds for both pages."""
    check(not page.errors(), page.errors())
    check(page.run("document.documentElement.dataset.theme") == scheme, f"the theme is {scheme}")
    dark = page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((part) => part < 60)")
    check(dark == (scheme == "dark"), "the background has the colour of the theme")
    check(page.run("document.documentElement.scrollWidth <= innerWidth"), "the page is no wider than the window")
    loaded = page.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    check(all(name.startswith("data:") for name in loaded), f"nothing is loaded, found {loaded}")
    drawn = page.run("[...document.querySelectorAll('.chart svg[role]')].map((svg) => svg.querySelectorAll('path.curve').length)")
    check(drawn and all(count > 0 for count in drawn), f"each chart has curves: {drawn}")
    missing = page.run("document.getElementById('page').innerHTML.match(/[a-z]=.[^>]*(NaN|undefined)[^>]*>/)")
    check(not missing, f"no number is missing: {missing}")


def hovered(page):
    """The text of the tooltip over the first chart."""
    page.hover(".chart svg[role]")
    return page.run("(document.querySelector('.tip:not([hidden])') || {innerText: ''}).innerText")


def rate_test(page, test):
    """The curve of the range test, its suggestion, and the rate under the pointer."""
    if test is None:
        return
    dots = page.run("[...document.querySelectorAll('.rate-test .suggestion')].map((dot) => dot.textContent)")
    legend = page.run("document.querySelector('.rate-test .legend b').innerText").replace("\u2212", "-")
    check(dots == [f"suggestion: {legend}"], f"the suggestion is marked: {dots}, {legend}")
    # Four digits are shown.
    check(abs(float(legend) / test["suggestion"] - 1) < 1e-3, f"the suggestion is {test['suggestion']}, found {legend}")
    points = page.run("document.querySelector('.rate-test path.curve').getAttribute('d').split(/[ML]/).length - 1")
    check(points == len(test["rates"]), f"the curve has {len(test['rates'])} points, found {points}")
    page.hover(".rate-test svg[role]")
    tip = page.run("document.querySelector('.rate-test .tip').innerText")
    check("rate " in tip and "loss" in tip, f"the tooltip has rate and loss: {tip!r}")


def sorted_column(page, table, column):
    head = f"{table} thead th:nth-child({column}) button"
    cells = f"[...document.querySelectorAll('{table} tbody tr')].map((row) => row.children[{column - 1}].innerText)"
    orders = []
    for _ in range(2):
        page.click(head)
        orders.append(page.run(cells))
    return orders


def outputs(page, data):
    """The histograms, tables, texts and pictures, as the data has them."""
    for kind, each in [("histograms", ".histogram"), ("tables", "table.logged"), ("texts", ".texts pre"), ("images", ".images img")]:
        found = page.run(f"document.querySelectorAll('{each}').length")
        check(found == len(data[kind]) > 0, f"each of {len(data[kind])} {kind} is shown, found {found}")
    texts = page.run("[...document.querySelectorAll('.texts pre')].map((text) => text.textContent)")
    check(texts == [text["value"] for text in data["texts"]], f"texts are as they were logged: {texts}")
    cells = page.run("[...document.querySelectorAll('table.logged')].map((table) => table.querySelectorAll('td').length)")
    expected = [sum(map(len, table["value"]["rows"])) for table in data["tables"]]
    check(cells == expected, f"each table has its cells: {cells}, expected {expected}")
    # The heights of a histogram's bars, as their places in a box of height 100.
    paths = page.run("[...document.querySelectorAll('.histogram path')].map((path) => path.getAttribute('d'))")
    for path, histogram in zip(paths, data["histograms"]):
        bars = [bar for bar in histogram["value"]["bars"] if bar > 0]
        drawn = [100 - float(bar.split("V")[1].split("H")[0]) for bar in path.split("M")[1:]]
        same = len(bars) == len(drawn) and all(abs(a - 100 * b / max(bars)) < 0.02 for a, b in zip(drawn, bars))
        check(same, f"the bars of {histogram['name']}: {drawn}, expected those of {bars}")
    # The nodes of the graph are there at once, and its modules open one by one.
    leaves = page.run("document.querySelectorAll('.graph .op').length")
    check(leaves == len(data["graph"]["nodes"]) > 0, f"each node of the graph is shown, found {leaves}")
    page.click(".graph summary")
    check(page.run("document.querySelectorAll('.graph details[open] .op')[0].clientHeight") > 0, "a module of the graph opens")
    shown = page.run("[...document.querySelectorAll('.images img')].every((image) => image.complete && image.naturalWidth > 0)")
    check(shown, "every picture can be decoded")
    high = page.run("Math.max(...[...document.querySelectorAll('.tables .card, pre.card')].map((card) => card.clientHeight))")
    check(high <= 340, f"long tables and texts are scrolled, found a height of {high}")


def report(page, scheme):
    common(page, scheme)
    tip = hovered(page)
    check("step " in tip and "train_loss" in tip and "val_loss" in tip, f"the tooltip has both curves: {tip!r}")
    data = page.run("JSON.parse(document.getElementById('data').textContent)")
    outputs(page, data)
    rate_test(page, data["rate_test"])
    rows = page.run("document.querySelectorAll('table.metrics tbody tr').length")
    check(rows == len(data["curves"]), f"one row for each of {len(data['curves'])} metrics, found {rows}")
    down, up = sorted_column(page, "table.metrics", 4)
    check(down == up[::-1] or len(set(down)) < len(down), f"a second click turns the order around: {down}, {up}")
    values = [float(text.replace(",", "").replace("\u2212", "-")) for text in down if text[-1:].isdigit()]
    check(values == sorted(values, reverse=True), f"the column is in order: {down}")
    before = page.run("document.querySelector('.chart svg[role] path.curve').getAttribute('d')")
    page.click("button[data-axis=epoch]")
    check("Epoch" in page.run("document.querySelector('.chart svg[role]').textContent"), "the axis is the epoch")
    page.click("#log")
    after = page.run("document.querySelector('.chart svg[role] path.curve').getAttribute('d')")
    check(before != after, "a logarithmic scale draws another curve")
    page.click(".theme")
    other = page.run("document.documentElement.dataset.theme")
    check(other != scheme, "the button changes the theme")
    page.run("localStorage.clear()")


def comparison(page, scheme):
    common(page, scheme)
    runs = page.run("JSON.parse(document.getElementById('data').textContent).runs.map((run) => run.name)")
    tip = hovered(page)
    check(runs[0] in tip, f"the tooltip has the runs: {tip!r}")
    bold = page.run("document.querySelectorAll('table.runs td.differs').length")
    check(bold and bold % len(runs) == 0, f"what differs is bold in every run: {bold}")
    down, up = sorted_column(page, "table.runs", 1)
    check(sorted(down) == sorted(up) and down != up, f"a click turns the order around: {down}, {up}")
    drawn = "document.querySelectorAll('.chart:first-of-type svg[role] path.curve').length"
    before = page.run(drawn)
    page.click("table.runs input")
    check(page.run(drawn) == before - 1, "a run that is not chosen is not drawn")


def main():
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not program:
        print("SKIPPED: the pages are not opened: no Chromium; install `chromium`, or name one in CHROMIUM")
        return
    pages = [(Path(sys.argv[1]), report), (Path(sys.argv[2]), comparison)]
    shots = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        for path, checks in pages:
            for scheme in ["light", "dark"]:
                for width in [1280, 800]:
                    page = Page(browser, path.resolve().as_uri(), scheme, width)
                    if shots:
                        page.screenshot(shots / f"{path.stem}-{scheme}-{width}.png")
                    checks(page, scheme)
        browser.close()
    print("the pages are as they should be")


if __name__ == "__main__":
    main()
