"""Times the explorer's page in Chromium: until it is ready, and until it answers."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from page import TINY, publish
from playwright.sync_api import sync_playwright

from lenet_study import explorer

OPENINGS, MOVES = (2, 20) if TINY else (9, 300)

READY = "new Promise((done) => requestAnimationFrame(() => done(performance.now())))"
# Milliseconds of each move of the pen: of the event, and of the frame that it asks for.
# The browser would start the frame up to a sixtieth of a second later.
ANSWERS = """(moves) => {
  const field = document.querySelector("canvas.field");
  const { left, top, width, height } = field.getBoundingClientRect();
  const send = (type, move) => {
    const [x, y] = [0.5 + 0.3 * Math.cos(move / 9), 0.5 + 0.3 * Math.sin(move / 9)];
    const place = { clientX: left + x * width, clientY: top + y * height };
    const pen = { pointerId: 1, isPrimary: true, buttons: 1, bubbles: true };
    field.dispatchEvent(new PointerEvent(type, { ...pen, ...place }));
  };
  field.setPointerCapture = () => {}; // there is no such pointer
  let frame = () => {};
  window.requestAnimationFrame = (callback) => (frame = callback);
  return Array.from({ length: moves }, (_, move) => {
    const start = performance.now();
    send(move ? "pointermove" : "pointerdown", move);
    frame(start);
    return performance.now() - start;
  }).slice(1);
}"""
PASSES = """([record, count]) => {
  const network = $network.buildNetwork(record);
  const greys = Uint8Array.from({ length: 784 }, (_, at) => (at * 37) % 256);
  return Array.from({ length: count }, () => {
    const start = performance.now();
    for (let pass = 0; pass < 10; pass++) network.forward(greys);
    return (performance.now() - start) / 10;
  });
}"""


def measure(file):
    """Yields what is timed, its milliseconds, and the goal."""
    explorer.page(file)
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        ready = []
        for _ in range(OPENINGS):
            page = browser.new_page()
            page.goto(file.as_uri())
            ready.append(page.evaluate(READY))
        yield "from opening the file until the page is ready", ready, 1000
        yield "from a move of the pen to the answer", page.evaluate(ANSWERS, MOVES), 16
        records = page.evaluate("window.explorer.data.networks")
        page = browser.new_page()
        page.add_script_tag(content=explorer.joined())
        for record in records:
            times = page.evaluate(PASSES, [record, MOVES])
            yield f"a forward pass of {record['kind']}", times, 2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            (
                what,
                f"{np.median(times):.2f}",
                f"{np.quantile(times, 0.05):.2f} to {np.quantile(times, 0.95):.2f}",
                goal,
            )
            for what, times, goal in measure(Path(folder) / "play.html")
        ]
    publish("explorer", ["", "milliseconds", "nine of ten", "goal"], rows)
