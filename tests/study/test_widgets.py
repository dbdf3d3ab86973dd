"""Sliders and quizzes, without a browser: their callbacks draw what they should."""

from types import SimpleNamespace

import ipywidgets
import numpy as np
import pytest

from lenet_keras import load_pretrained
from lenet_keras.preprocessing import prepare
from lenet_study import widgets


class Drawing:
    """A figure that notes how it is shown."""

    def __init__(self, log, *said):
        self.log, self.said = log, said

    def display(self, **kwargs):
        self.log.append((self.said, kwargs))
        return SimpleNamespace(display_id="the picture")


FIRST = {"display_id": True}
AGAIN = {"display_id": "the picture", "update": True}


@pytest.fixture
def boxes(monkeypatch):
    shown = []
    monkeypatch.setattr(widgets, "_show_controls", shown.append)
    return shown


def test_a_slider_draws_the_same_picture_again(boxes):
    log = []
    slider = ipywidgets.FloatSlider(10, max=60)
    flag = ipywidgets.Checkbox(value=False, description="noisy")
    widgets.with_sliders(lambda j, noise: Drawing(log, j, noise), j=slider, noise=flag)
    assert log == [((10, False), FIRST)]
    slider.value = 25
    flag.value = True
    assert log[1:] == [((25, False), AGAIN), ((25, True), AGAIN)]
    (box,) = boxes
    assert box.children == (slider, flag)
    assert [control.description for control in box.children] == ["j", "noisy"]


def test_a_quiz_answers_each_guess_and_begins_again_after_the_last_question(boxes):
    log = []
    widgets.quiz(
        lambda index: Drawing(log, "which", index),
        lambda index, guess: Drawing(log, "it is", index, guess),
        count=2,
    )
    (box,) = boxes
    *digits, further = box.children
    assert [button.description for button in digits] == [*"0123456789"]
    for button in (digits[7], further, digits[0], further):
        button.click()
    assert log == [
        (("which", 0), FIRST),
        (("it is", 0, 7), AGAIN),
        (("which", 1), AGAIN),
        (("it is", 1, 0), AGAIN),
        (("which", 0), AGAIN),
    ]


@pytest.fixture
def digits():
    """Three upright strokes, each two pixels further to the right."""
    images = np.zeros((3, 28, 28), "uint8")
    for index in range(3):
        images[index, 4:24, 10 + 2 * index : 13 + 2 * index] = 255
    return images


def drawn(figure):
    """The digit, and the heights of each panel of bars."""
    digit, _, *outputs = figure.axes
    bars = [[bar.get_height() for bar in ax.patches] for ax in outputs]
    return digit.images[0].get_array(), bars


def test_a_spoilt_digit_is_read_by_both_networks(digits):
    faithful = load_pretrained("lenet5-mnist")
    modern = load_pretrained("lenet5_modern-mnist")
    draw = widgets.spoilt_digit(digits, faithful, modern)
    figure = draw(0, "moved", shift_right=2, rotation=0)
    seen, (distances, probabilities) = drawn(figure)
    moved = prepare(digits[1:2], "paper")
    np.testing.assert_allclose(seen, moved[0, ..., 0], atol=1e-6)
    np.testing.assert_allclose(distances, faithful(moved)[0], rtol=1e-3)
    moved = prepare(digits[1:2], "paper-unpadded")
    np.testing.assert_allclose(probabilities, modern(moved)[0], rtol=1e-2, atol=1e-9)
    assert figure.axes[0].get_title() == "moved"


def test_the_quiz_asks_for_a_digit_and_tells_all_answers(digits):
    faithful = load_pretrained("lenet5-mnist")
    labels, told = [1, 7, 4], [7, 1, 9]
    question, answer = widgets.quiz_of_digits(digits, labels, told, faithful)
    ax = question(2).axes[0]
    assert ax.get_title() == "which digit?"
    np.testing.assert_array_equal(ax.images[0].get_array(), digits[2])
    figure = answer(2, 5)
    seen, (distances,) = drawn(figure)
    np.testing.assert_array_equal(seen, digits[2])
    expected = faithful(prepare(digits[2:], "paper"))[0]
    np.testing.assert_allclose(distances, expected, rtol=1e-3)
    assert figure.axes[0].get_title() == "a 4; you: 5\npaper: 9"


def test_controls_leave_nothing_where_they_cannot_run(monkeypatch):
    shown = []
    monkeypatch.setattr(
        widgets, "display", lambda *args, **kw: shown.append((args, kw))
    )
    widgets._show_controls(ipywidgets.VBox([]))
    (((content,), kwargs),) = shown
    assert list(content) == [widgets.VIEW]
    assert kwargs == {"raw": True}
