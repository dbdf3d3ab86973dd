"""The explorer's page in a browser: it needs nothing else, and answers at once."""

import pytest

SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]  # of the field, in shares of it


@pytest.fixture
def opened(browser, file):
    """The page, freshly opened, with lists of what it asked for and complained of."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en")
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(file.as_uri())
    yield page
    page.close()


def draw(page, places):
    field = page.locator("canvas.field")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    for number, (x, y) in enumerate(places):
        at = box["x"] + x * box["width"], box["y"] + y * box["height"]
        page.mouse.move(*at, steps=1 if number == 0 else 8)
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def test_the_page_is_one_small_file_that_loads_nothing_else(opened, file):
    draw(opened, SEVEN)
    opened.wait_for_timeout(300)
    assert opened.asked == [file.as_uri()]
    assert opened.said == []
    assert file.stat().st_size < 3_000_000


def test_the_page_may_load_nothing_from_elsewhere(opened, file):
    refused = opened.evaluate("""async () => {
      const image = new Image();
      const failed = new Promise((resolve) => (image.onerror = resolve));
      image.src = "https://example.org/a.png";
      await failed;
      return fetch("https://example.org").then(() => false, () => true);
    }""")
    assert refused
    said = [line for line in opened.said if "Content Security Policy" in line]
    assert len(said) >= 2


def test_a_drawn_seven_is_read_and_taken_back(opened):
    spoken = opened.locator(".answer .spoken")
    before = spoken.inner_text()
    draw(opened, SEVEN)
    opened.wait_for_timeout(1500)  # it is not said while the pen moves
    assert "7" in spoken.inner_text()
    opened.get_by_role("button", name="Clear").click()
    opened.wait_for_timeout(1500)
    assert spoken.inner_text() == before
