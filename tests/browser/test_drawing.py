"""Draws on the explorer's page as people do: by mouse, touch and keyboard."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HANDS = json.loads((HERE / "strokes.json").read_text(encoding="utf-8"))
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
SIDE = 200  # of the field, in the units of the strokes
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture
def opened(browser, file):
    """A function that opens the page; in the end, it must have had no error."""
    contexts, errors = [], []

    def go(**settings):
        context = browser.new_context(**{"locale": "en-US", **settings})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: errors.append(error.stack))
        page.goto(file.as_uri())
        until(page, "Boolean(window.explorer)")
        return page

    yield go
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(opened):
    return opened()


def settled(page):
    """Waits until the page has computed what was done last."""
    page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")


def until(page, condition):
    """Waits for a condition; the page's policy forbids `wait_for_function`."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def answers(page):
    settled(page)
    return page.evaluate("explorer.answers.map(({ digit }) => digit)")


def places(page, stroke):
    """Returns the points of a stroke in pixels of the window."""
    box = page.locator(".field").bounding_box()
    scale = box["width"] / SIDE
    return [(box["x"] + scale * x, box["y"] + scale * y) for x, y in stroke]


def draw(page, strokes):
    for stroke in strokes:
        first, *others = places(page, stroke)
        page.mouse.move(*first)
        page.mouse.down()
        for point in others:
            page.mouse.move(*point)
        page.mouse.up()


def touch(page, points):
    """Moves a finger over the points."""
    session = page.context.new_cdp_session(page)
    kinds = ["touchStart"] + ["touchMove"] * (len(points) - 1)
    for kind, (x, y) in zip(kinds, points, strict=True):
        told = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", told)
    told = {"type": "touchEnd", "touchPoints": []}
    session.send("Input.dispatchTouchEvent", told)
    session.detach()


@pytest.mark.parametrize("hand", HANDS)
def test_all_digits_of_a_hand_are_read_rightly_by_both_networks(page, hand):
    read = {}
    for digit, strokes in HANDS[hand].items():
        draw(page, strokes)
        read[digit] = answers(page)
        page.get_by_role("button", name="Clear").click()
        assert answers(page) == []
    assert read == {digit: [int(digit)] * 2 for digit in HANDS[hand]}


def test_fingers_draw_on_a_phone(opened):
    page = opened(**PHONE)
    page.locator(".field").scroll_into_view_if_needed()
    lifted = "document.addEventListener('pointerup', () => (window.lifted = true))"
    page.evaluate(lifted)
    read = {}
    for digit, strokes in HANDS["slanted"].items():
        for stroke in strokes:
            page.evaluate("window.lifted = false")
            touch(page, places(page, stroke))
            until(page, "window.lifted")
        read[digit] = answers(page)
        page.get_by_role("button", name="Clear").click()
        until(page, "explorer.answers.length === 0")
    assert read == {digit: [int(digit)] * 2 for digit in HANDS["slanted"]}


def test_drawing_does_not_scroll_a_phone_but_a_finger_beside_the_field_does(opened):
    page = opened(**PHONE)
    box = page.locator(".field").bounding_box()
    middle = box["y"] + box["height"] / 2
    for x, scrolls in ((box["x"] + 40, False), (box["x"] - 20, True)):
        touch(page, [(x, middle + 100 - 10 * step) for step in range(20)])
        page.wait_for_timeout(300)
        assert (page.evaluate("scrollY") > 50) == scrolls


def test_an_empty_field_has_no_answer_and_clearing_empties_everything(page):
    def is_empty():
        settled(page)
        return page.evaluate("explorer.image === null && explorer.answers.length === 0")

    assert is_empty()
    draw(page, HANDS["plain"]["3"])
    settled(page)
    assert page.evaluate("explorer.image.length") == 784
    page.get_by_role("button", name="Clear").click()
    assert is_empty()
    page.get_by_role("button", name="Undo").click()
    assert answers(page) == [3, 3]


def test_undo_takes_back_stroke_by_stroke(page):
    draw(page, HANDS["plain"]["4"])
    count = "explorer.state.source?.strokes.length ?? 0"
    assert page.evaluate(count) == 2
    page.get_by_role("button", name="Undo").click()
    assert page.evaluate(count) == 1
    page.get_by_role("button", name="Undo").click()
    assert page.evaluate(count) == 0


def test_a_digit_is_drawn_by_keyboard_alone(page):
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "field":
            break
    assert page.evaluate("document.activeElement.className") == "field"
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert answers(page) == [1, 1]
    page.keyboard.press("Backspace")
    assert answers(page) == []
    for key in ["ArrowUp"] * 20 + ["ArrowLeft"] * 8 + ["Space"] + ["ArrowRight"] * 16:
        page.keyboard.press(key)
    for key in ["ArrowDown", "ArrowLeft", "ArrowDown", "ArrowDown"] * 6:
        page.keyboard.press(key)
    assert answers(page) == [7, 7]
    page.keyboard.press("Delete")
    assert answers(page) == []


def test_two_arrow_keys_draw_aslant(page):
    page.locator(".field").focus()
    page.keyboard.press("Space")
    page.keyboard.down("ArrowDown")
    for _ in range(10):
        page.keyboard.down("ArrowRight")
    assert page.evaluate("explorer.state.source.strokes[0].at(-1)") == [96, 72]


def test_size_normalization_is_told_and_can_be_switched_off(page):
    draw(page, HANDS["quick"]["0"])
    assert answers(page) == [0, 0]
    assert "dashed box" in page.locator(".seen").inner_text()
    page.get_by_role("checkbox", name="Size normalization").uncheck()
    assert answers(page) != [0, 0]
    assert "Off:" in page.locator(".seen").inner_text()


def test_a_refusal_is_told_in_words(page):
    draw(page, [[[1, 10], [1, 190]]])
    assert answers(page) == []
    assert "touches the border" in page.locator(".draw").inner_text()


def test_an_image_can_be_given_as_a_file(page, tmp_path):
    image = pytest.importorskip("PIL.Image").new("RGB", (300, 200), (205, 200, 190))
    image.paste((40, 40, 60), (140, 40, 152, 160))
    image.save(tmp_path / "one.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "one.png")
    until(page, "explorer.answers.length > 0")
    assert answers(page) == [1, 1]


def test_stored_digits_are_taken_by_keyboard(page):
    page.get_by_label("Which stored digits").select_option("paper")
    page.locator(".strip button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settled(page)
    told = page.evaluate("explorer.data.digits.kinds[explorer.state.source.index]")
    assert told == "paper"
    assert "network of the paper read" in page.locator(".draw").inner_text()


def test_the_digit_is_dragged_turned_and_reset(page):
    draw(page, HANDS["plain"]["7"])
    picture = page.locator(".seen .picture canvas")
    box = picture.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 28 * 3, y, steps=4)
    page.mouse.up()
    assert page.evaluate("explorer.state.changes.right") == pytest.approx(3, abs=0.1)
    page.get_by_role("slider", name="turn (°)").fill("-60")
    assert answers(page)[0] != 7
    assert "changed" in page.locator(".steady").inner_text()
    page.get_by_role("button", name="Reset").click()
    assert answers(page) == [7, 7]


def test_changes_play_and_pause(page):
    draw(page, HANDS["plain"]["7"])
    button = page.locator(".seen .main")
    button.click()
    until(page, "Math.abs(explorer.state.changes.right) > 1")
    button.click()
    settled(page)
    amounts = page.evaluate("explorer.state.changes")
    page.wait_for_timeout(200)
    assert page.evaluate("explorer.state.changes") == amounts


def test_the_five_tasks_can_be_done(page):
    def done(number):
        page.locator(".tasks .done", has_text=f"{number} of 5").wait_for()
        if number < 5:
            page.get_by_role("button", name="Next task").click()

    draw(page, [[[x - 20, y - 15] for x, y in one] for one in HANDS["quick"]["0"]])
    done(1)
    switch = page.get_by_role("checkbox", name="Size normalization")
    switch.uncheck()
    done(2)
    switch.check()
    seven = "explorer.data.digits.labels.indexOf(7)"
    page.locator(".strip button").nth(page.evaluate(seven)).click()
    settled(page)
    page.get_by_role("slider", name="turn (°)").fill("-60")
    assert answers(page)[0] != 7
    page.locator(".layers canvas[aria-label^=C1]").first.hover(
        position={"x": 20, "y": 20}
    )
    done(3)
    page.get_by_role("button", name="Reset").click()
    page.locator(".layers canvas[aria-label^=C3]").first.click(
        position={"x": 5, "y": 5}
    )
    page.get_by_label("How many maps of S2?").select_option("2")
    page.wait_for_timeout(800)
    assert "Not yet" in page.locator(".tasks .done").inner_text()
    page.get_by_label("How many maps of S2?").select_option("3")
    done(4)
    training = page.get_by_role("slider", name="Moment of the training")
    training.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(200)
    page.keyboard.press("ArrowRight")
    done(5)


def test_the_language_switches(page):
    page.get_by_role("button", name="한국어").click()
    page.get_by_role("heading", name="숫자를 그려 보세요").wait_for()
    page.get_by_role("button", name="English").click()
    page.get_by_role("heading", name="Draw a digit").wait_for()


def test_the_language_of_the_system_is_the_first(opened):
    page = opened(locale="ko-KR")
    page.get_by_role("heading", name="숫자를 그려 보세요").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault(opened, scheme, width):
    page = opened(color_scheme=scheme, viewport={"width": width, "height": 800})
    draw(page, HANDS["plain"]["3"])
    page.locator(".layers canvas[aria-label^=C3]").first.click()
    page.wait_for_timeout(1000)  # until views out of sight are drawn
    page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run().then(({ violations }) => violations)")
    serious = [
        (fault["id"], fault["impact"], [node["target"] for node in fault["nodes"]])
        for fault in violations
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []
