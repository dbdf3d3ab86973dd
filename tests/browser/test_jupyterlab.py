"""The explorer in real JupyterLab: five in a notebook, drawn in, and read in Python."""

import os
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import expect

from lenet_study.settings import CHECKOUT

SEVEN = [(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]  # corners of a stroke, of the field
CELLS = [
    "from lenet_keras import load_pretrained\n"
    "from lenet_study.explorer import explorer\n"
    "five = [explorer(load_pretrained('lenet5-mnist')) for _ in range(5)]",
    "for widget in five:\n    display(widget)",
    "read = [None if w.image is None else int(w.answers.argmin()) for w in five]\n"
    "print('they read', read, five[0].image.shape)",
]


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab whose folder has a notebook, `five.ipynb`."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, tmp_path / "five.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [f"--port={port}", "--ServerApp.token=", "--no-browser", "--allow-root"]
    where = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "PYTHONPATH": CHECKOUT}
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", *settings, str(tmp_path)],
        env=os.environ | {name: str(value) for name, value in where.items()},
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/lab"
    for _ in range(120):
        try:
            urlopen(address).close()
            break
        except OSError:
            time.sleep(0.5)
    yield address
    process.terminate()
    process.wait()


def test_readers_draw_for_a_network_of_their_notebook(lab, browser):
    expect.set_options(timeout=120_000)
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{lab}/tree/five.ipynb")
    expect(page.locator(".jp-Notebook .jp-Cell").nth(2)).to_be_attached()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    fields = page.locator(".explorer canvas.field")
    expect(fields).to_have_count(5)
    field = fields.first
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    for n, (x, y) in enumerate(SEVEN):
        place = box["x"] + x * box["width"], box["y"] + y * box["height"]
        page.mouse.move(*place, steps=10)
        if n == 0:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(1000)
    last = page.locator(".jp-CodeCell").last
    last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    told = last.locator(".jp-OutputArea-output").last
    expect(told).to_have_text("they read [7, None, None, None, None] (28, 28)\n")
    page.close()
