"""Takes README's picture of the explorer, with Playwright and the system's Chromium.

make play && python docs/screenshot.py
"""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
SEVEN = [(0.25, 0.25), (0.7, 0.25), (0.45, 0.85)]  # corners of the stroke, of the field


def main():
    """Draws a 7, and writes what the page then shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1320, "height": 1330})
        page.goto((DOCS / "_build/play.html").as_uri())
        box = page.locator("canvas").first.bounding_box()
        for n, (x, y) in enumerate(SEVEN):
            place = box["x"] + x * box["width"], box["y"] + y * box["height"]
            page.mouse.move(*place, steps=10)
            if n == 0:
                page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(1000)  # the views that are far from the window follow
        page.screenshot(path=DOCS / "_static/explorer.png")
        browser.close()


if __name__ == "__main__":
    main()
