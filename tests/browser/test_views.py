"""The views of the explorer show what Keras computes."""

import json
import re

import keras
import numpy as np
import pytest
from playwright.sync_api import expect

from lenet_keras import load_pretrained
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.explorer import NETWORKS

PIXELS = "paper", "paper-unpadded"
LAYERS = "C1", "S2", "C3", "S4", "C5", "F6", "output"
DIGIT = 23  # among the stored ones
NO_ANSWER = "\N{EN DASH}"


@pytest.fixture
def explorer(browser, file):
    """Returns the page with a stored digit."""
    shown = browser.new_page(viewport={"width": 1280, "height": 900}, has_touch=True)
    errors = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto(file.as_uri())
    shown.locator(".strip button").nth(DIGIT).click()
    expect(shown.locator(".told strong").first).not_to_have_text(NO_ANSWER)
    yield shown
    shown.close()
    assert not errors


@pytest.fixture(scope="module")
def keras_networks(file):
    """Returns for each network its layers' outputs of the digit, by name, and more."""
    text = file.read_text(encoding="utf-8")
    data = json.loads(re.search(r'json">(.*?)</script>', text, re.DOTALL)[1])
    image = load_mnist()[1][0][[data["digits"]["index"][DIGIT]]]
    networks = []
    for name, pixels in zip(NETWORKS, PIXELS, strict=True):
        model = load_pretrained(name)
        outputs = [model.get_layer(layer).output for layer in LAYERS]
        every = keras.Model(model.input, outputs)
        networks.append((model, every, prepare(image, pixels)))
    return networks


def maps_of(keras_network, x=None):
    """Returns the arrays of all layers, `(rows, columns, maps)`, by name."""
    _, every, own = keras_network
    outputs = [np.array(output)[0] for output in every(own if x is None else x)]
    maps = {"input": own[0]}
    for layer, output in zip(LAYERS, outputs, strict=True):
        maps[layer] = output if output.ndim == 3 else output[np.newaxis, np.newaxis]
    return maps


def number(text):
    return float(text.split(": ")[-1].replace("\N{MINUS SIGN}", "-"))


def numbers(locator):
    return np.array([number(text) for text in locator.all_text_contents() if text])


def layer_canvas(explorer, network, layer):
    return explorer.locator(".network").nth(network).locator(f".layer.{layer} canvas")


def settle(explorer):
    """Waits until all views have followed, also those far from the window."""
    explorer.wait_for_timeout(350)


def point(explorer, network, layer, share=(0.4, 0.6), hold=True):
    """Points at a place of a layer's picture, and returns the unit that is named."""
    canvas = layer_canvas(explorer, network, layer)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    position = {"x": share[0] * box["width"], "y": share[1] * box["height"]}
    (canvas.click if hold else canvas.hover)(position=position)
    settle(explorer)
    return unit_of(explorer)


def unit_of(explorer):
    """Returns the map, the row and the column in the title of the unit."""
    title = explorer.locator(".unit h3").text_content().split(", ", 1)[1]
    place = [int(n) for n in re.findall(r"\d+", re.sub(r"^[A-Z]\d", "", title))]
    return tuple(place) if "map" in title else (place[0], 0, 0)


def chain_of(explorer):
    rows = explorer.locator(".chain tr").all()
    return [number(row.locator("td").text_content()) for row in rows]


@pytest.mark.parametrize("network", [0, 1])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_unit_shows_its_result_and_its_sum(explorer, keras_networks, network, layer):
    maps = maps_of(keras_networks[network])
    for share in [(0.02, 0.02), (0.4, 0.58), (0.97, 0.85)]:
        map_, row, column = point(explorer, network, layer, share)
        expected = float(maps[layer][row, column, map_])
        *steps, result = chain_of(explorer)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)
        if len(steps) >= 3:
            products, bias, total = steps[-3:]
            np.testing.assert_allclose(products + bias, total, atol=2e-3)
        if layer == "S2" and network == 0:
            four, coefficient, product, *_ = steps
            np.testing.assert_allclose(four * coefficient, product, atol=4e-3)
        if layer in ("C3", "C5"):
            by_map = numbers(explorer.locator(".sums button"))
            assert len(by_map) == (16 if layer == "C5" else by_map.size)
            tolerance = 0.01 * len(by_map)
            np.testing.assert_allclose(by_map.sum(), products, atol=tolerance)
        if layer in ("F6", "output"):
            listed = numbers(explorer.locator(".largest tr td:last-child"))
            assert len(listed) == 11
            whole = result if not steps else products
            np.testing.assert_allclose(listed.sum(), whole, rtol=1e-4, atol=0.02)


@pytest.mark.parametrize("network", [0, 1])
def test_one_window_holds_the_values_of_the_layer_before(
    explorer, keras_networks, network
):
    maps = maps_of(keras_networks[network])
    _, row, column = point(explorer, network, "C3")
    buttons = explorer.locator(".sums button")
    buttons.last.click()
    settle(explorer)
    assert buttons.last.get_attribute("aria-pressed") == "true"
    source = int(buttons.last.text_content().split(":")[0])
    values, kernel, products = (
        numbers(explorer.locator(".unit .numbers").nth(place).locator("td"))
        for place in range(3)
    )
    window = maps["S2"][row : row + 5, column : column + 5, source]
    np.testing.assert_allclose(values, window.ravel(), atol=0.0051)
    np.testing.assert_allclose(values * kernel, products, atol=0.05)
    total = number(buttons.last.text_content())
    np.testing.assert_allclose(products.sum(), total, atol=0.13)


def test_the_largest_of_four_is_marked(explorer, keras_networks):
    maps = maps_of(keras_networks[1])
    map_, row, column = point(explorer, 1, "S2")
    four = numbers(explorer.locator(".unit .numbers td"))
    window = maps["C1"][2 * row : 2 * row + 2, 2 * column : 2 * column + 2, map_]
    np.testing.assert_allclose(four, window.ravel(), atol=0.0051)
    won = explorer.locator(".unit .numbers td.won")
    assert won.count() == 1
    assert number(won.text_content()) == four.max()


@pytest.mark.parametrize("network", [0, 1])
@pytest.mark.parametrize("layer", ["C1", "S2", "C3", "S4"])
def test_only_the_receptive_field_reaches_a_unit(
    explorer, keras_networks, rng, network, layer
):
    *_, x = keras_networks[network]
    map_, row, column = point(explorer, network, layer, (0.3, 0.15))
    style = explorer.locator(".unit .box").first.get_attribute("style")
    sides = dict(re.findall(r"(\w+): (\d+)px", style))
    cell = explorer.locator(".unit .picture canvas").first.bounding_box()["width"]
    cell /= x.shape[1]
    left, top, width, height = (
        round(int(sides[side]) / cell) for side in ("left", "top", "width", "height")
    )
    inside = np.zeros(x.shape, bool)
    inside[:, top : top + height, left : left + width] = True
    noise = rng.random(x.shape, "float32")
    before = maps_of(keras_networks[network])[layer][row, column, map_]

    def changed(where):
        x_changed = np.where(where, noise, x)
        return maps_of(keras_networks[network], x_changed)[layer][row, column, map_]

    np.testing.assert_allclose(changed(~inside), before, atol=1e-5)
    edge = inside.copy()
    edge[:, top + 1 : top + height - 1, left + 1 : left + width - 1] = False
    assert abs(changed(edge) - before) > 1e-4


def test_links_of_c3_are_those_of_its_table(explorer):
    map_, *_ = point(explorer, 0, "C3", (0.02, 0.02))
    ways = explorer.locator(".ways").first
    assert map_ == 0
    lines = ways.locator(".line").get_attribute("d")
    assert lines.count("M") == 3
    assert explorer.locator(".unit .sums button").count() == 3
    apart = ways.locator(".apart").count()
    assert apart == 15 + 3 + 3  # other maps of C3, maps of S2 and C1 without a way
    point(explorer, 0, "C3", (0.98, 0.98))
    assert ways.locator(".line").get_attribute("d").count("M") == 6


def test_differences_of_an_output_add_up_to_its_distance(explorer, keras_networks):
    maps = maps_of(keras_networks[0])
    line = explorer.locator(".classes").first.locator("tr").nth(3 + 1)
    line.click()
    settle(explorer)
    distance = float(maps["output"][0, 0, 3])
    assert explorer.locator(".unit h3").text_content().endswith("3")
    assert chain_of(explorer) == [pytest.approx(distance, rel=1e-4)]
    model = keras_networks[0][0]
    differences = (maps["F6"][0, 0] - np.array(model.layers[-1].codes)[3]) ** 2
    listed = numbers(explorer.locator(".largest tr td:last-child"))
    largest = np.sort(differences)[::-1][:10]
    np.testing.assert_allclose(listed[:10], largest, atol=1e-3)
    np.testing.assert_allclose(listed.sum(), distance, rtol=1e-4, atol=0.01)


def test_answers_are_those_of_keras(explorer, keras_networks):
    for network in (0, 1):
        outputs = maps_of(keras_networks[network])["output"].ravel()
        expected = outputs if network == 0 else -np.log(outputs)
        table = explorer.locator(".classes").nth(network)
        costs = numbers(table.locator("tr td:nth-child(2)"))
        np.testing.assert_allclose(costs[:10], expected, rtol=0.005, atol=0.006)
        assert len(costs) == (11 if network == 0 else 10)
        told = explorer.locator(".told strong").nth(network).text_content()
        assert int(told) == expected.argmin()


def test_a_smaller_j_makes_it_rubbish(explorer):
    slider = explorer.locator(".rubbish input")
    slider.focus()
    slider.press("Home")
    settle(explorer)
    assert explorer.locator(".told strong").first.text_content() == "not a digit"
    spoken = explorer.locator(".spoken")
    expect(spoken).to_contain_text("not a digit")


def test_the_pointer_finds_the_unit_below_it(explorer):
    assert point(explorer, 0, "C1", (0.001, 0.001)) == (0, 0, 0)
    assert point(explorer, 0, "C1", (0.999, 0.999)) == (5, 27, 27)
    assert point(explorer, 0, "C5", (0.999, 0.001)) == (7, 0, 0)
    title = "output of digit 9"
    point(explorer, 1, "output", (0.5, 0.99))
    assert title in explorer.locator(".unit h3").text_content()


def test_a_click_holds_a_unit_and_escape_lets_it_go(explorer):
    first = point(explorer, 0, "S2", (0.2, 0.2), hold=False)
    explorer.mouse.move(5, 5)
    settle(explorer)
    expect(explorer.locator(".unit h3")).to_be_hidden()
    assert point(explorer, 0, "S2", (0.2, 0.2)) == first
    point(explorer, 0, "C1", (0.8, 0.8), hold=False)
    assert unit_of(explorer) == first
    explorer.locator("h1").click()
    assert unit_of(explorer) == first
    layer_canvas(explorer, 0, "S2").press("Escape")
    settle(explorer)
    expect(explorer.locator(".unit h3")).to_be_hidden()


def test_a_tap_holds_a_unit(explorer):
    explorer.set_viewport_size({"width": 390, "height": 844})
    layer_canvas(explorer, 0, "C3").tap(position={"x": 50, "y": 50})
    settle(explorer)
    assert unit_of(explorer) == (5, 1, 1)
    explorer.get_by_role("button", name="All its numbers").tap()
    settle(explorer)
    expect(explorer.locator(".unit h3")).to_be_in_viewport()
    explorer.get_by_role("button", name="Let go").tap()
    settle(explorer)
    expect(explorer.locator(".unit h3")).to_be_hidden()


def test_arrow_keys_go_from_unit_to_unit_and_from_map_to_map(explorer):
    canvas = layer_canvas(explorer, 0, "S4")
    explorer.keyboard.press("Tab")
    canvas.focus()
    settle(explorer)
    assert unit_of(explorer) == (0, 2, 2)
    canvas.press("ArrowDown")
    for _ in range(3):
        canvas.press("ArrowRight")
    settle(explorer)
    assert unit_of(explorer) == (1, 3, 0)
    canvas.press("Enter")
    canvas.press("ArrowLeft")
    explorer.keyboard.press("Tab")
    settle(explorer)
    assert unit_of(explorer) == (0, 3, 4)  # held: it stays
    assert explorer.locator(".unit button").first.text_content() == "Let go"


def test_sums_before_squashing_and_a_scale_a_map(explorer):
    def picture():
        script = "canvas => canvas.toDataURL()"
        settle(explorer)
        return layer_canvas(explorer, 0, "C3").evaluate(script)

    after = picture()
    explorer.get_by_label("before it: the sums").check()
    before = picture()
    explorer.get_by_label("a map", exact=True).check()
    assert len({after, before, picture()}) == 3


def place_of(explorer):
    """Returns the row, the column and the result in the convolution's sentence."""
    settle(explorer)
    text = explorer.locator(".convolution .sum").text_content()
    row, column = map(int, re.findall(r"\d+", text)[:2])
    return row, column, number(text.split("=")[-1])


def press(explorer, text):
    explorer.locator(".convolution").get_by_role(
        "button", name=text, exact=True
    ).click()
    settle(explorer)


def test_the_convolution_goes_step_by_step(explorer, keras_networks):
    maps = maps_of(keras_networks[0])
    canvas = explorer.locator(".convolution canvas[role=application]")
    canvas.scroll_into_view_if_needed()
    count = "canvas => canvas.getContext('2d').getImageData(0, 0, 28, 28).data"
    count += ".filter((value, place) => place % 4 === 3 && value > 0).length"
    filling = explorer.locator("canvas.filling")
    row, column, _ = place_of(explorer)
    press(explorer, "Step")
    assert place_of(explorer)[:2] == (row, column + 1)
    canvas.press("ArrowDown")
    press(explorer, "Back")
    row, column, result = place_of(explorer)
    np.testing.assert_allclose(result, maps["C1"][row, column, 0], atol=1e-3)
    assert filling.evaluate(count) == 28 * row + column + 1
    values, products = (
        numbers(explorer.locator(".convolution .numbers").nth(place).locator("td"))
        for place in (0, 2)
    )
    window = maps["input"][row : row + 5, column : column + 5, 0]
    np.testing.assert_allclose(values, window.ravel(), atol=0.0051)
    fields = explorer.locator(".convolution .numbers input").all()
    kernel = np.array([float(field.input_value()) for field in fields])
    np.testing.assert_allclose(values * kernel, products, atol=0.015)
    press(explorer, "End")
    assert place_of(explorer)[:2] == (27, 27)
    assert filling.evaluate(count) == 784
    press(explorer, "Start")
    press(explorer, "Play")
    explorer.wait_for_timeout(700)
    press(explorer, "Pause")
    still = place_of(explorer)
    assert still[:2] > (0, 0)
    assert place_of(explorer) == still
    explorer.emulate_media(reduced_motion="reduce")
    press(explorer, "Play")
    assert place_of(explorer)[:2] == (27, 27)
    canvas.click(position={"x": 100, "y": 50})
    assert place_of(explorer)[:2] == (50 // 7 - 2, 100 // 7 - 2)


def with_kernel(keras_network, map_, values):
    """Returns all layers' arrays of the network with another kernel of C1."""
    model, _, _ = keras_network
    layer = model.get_layer("C1")
    own, bias = layer.get_weights()
    edited = own.copy()
    edited[..., 0, map_] = np.reshape(values, (5, 5))
    layer.set_weights([edited, bias])
    try:
        return maps_of(keras_network)
    finally:
        layer.set_weights([own, bias])


def costs_of(explorer):
    settle(explorer)
    return numbers(explorer.locator(".classes").first.locator("tr td:nth-child(2)"))[
        :10
    ]


def test_another_kernel_changes_map_and_answer_as_in_keras(explorer, keras_networks):
    trained = costs_of(explorer)
    own = np.array(keras_networks[0][0].get_layer("C1").kernel)[..., 0, 2].ravel()
    explorer.locator(".convolution").get_by_label("map 2 and its kernel").click()
    settle(explorer)
    field = explorer.locator(".convolution .numbers input").nth(7)
    field.fill("-1.5")
    own[7] = -1.5
    expected = with_kernel(keras_networks[0], 2, own)
    row, column, result = place_of(explorer)
    np.testing.assert_allclose(result, expected["C1"][row, column, 2], atol=1e-3)
    np.testing.assert_allclose(
        costs_of(explorer), expected["output"].ravel(), rtol=0.005, atol=0.006
    )
    outcome = explorer.locator(".outcome").text_content()
    assert str(trained.argmin()) in outcome
    press(explorer, "Blur")
    expected = with_kernel(keras_networks[0], 2, np.full(25, 0.04))
    np.testing.assert_allclose(
        costs_of(explorer), expected["output"].ravel(), rtol=0.005, atol=0.006
    )
    press(explorer, "Trained kernel again")
    np.testing.assert_array_equal(costs_of(explorer), trained)
    expect(explorer.locator(".outcome")).to_be_hidden()


def test_an_empty_field_has_no_answer(explorer):
    point(explorer, 0, "C3")
    explorer.get_by_role("button", name="Clear").click()
    settle(explorer)
    assert explorer.locator(".told strong").all_text_contents() == [
        NO_ANSWER,
        NO_ANSWER,
    ]
    assert not any(explorer.locator(".classes td").all_text_contents())
    expect(explorer.locator(".unit h3")).to_be_hidden()
    expect(explorer.locator(".convolution .sum")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(explorer, width):
    explorer.set_viewport_size({"width": width, "height": 844})
    point(explorer, 0, "C5")
    press(explorer, "Corner")
    script = "document.documentElement.scrollWidth"
    assert explorer.evaluate(script) <= width
