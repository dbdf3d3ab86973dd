"""Debian's Chromium, driven by Playwright; Playwright's own browser is not needed."""

import shutil

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from lenet_study import explorer
from lenet_study.datasets import load_mnist


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium")
    if path is None:
        pytest.exit("Expected chromium. Received: none. apt-get install chromium", 1)
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses root.
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """The page, as `make play` writes it."""
    path = tmp_path_factory.mktemp("play") / "play.html"
    explorer.page(path)
    return path


@pytest.fixture(scope="session")
def modules(browser):
    """A function that runs a script, which may use $network and all other modules."""
    page = browser.new_page()
    page.add_script_tag(content=explorer.joined())
    return page.evaluate


@pytest.fixture(scope="session")
def digits():
    """All test digits and their labels."""
    return load_mnist()[1]


@pytest.fixture(scope="session")
def base64_of():
    return lambda array: explorer._base64(np.ascontiguousarray(array).tobytes())
