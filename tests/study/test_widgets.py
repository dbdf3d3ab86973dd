"""Sliders and quizzes, without a browser: their callbacks draw what they should."""

from types import SimpleNamespace

import ipywidgets
import pytest

from lenet_keras.study import widgets


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
    monkeypatch.setattr(widgets, "show", shown.append)
    return shown


def test_a_slider_draws_the_same_picture_again(boxes):
    log = []
    slider = ipywidgets.FloatSlider(10, max=60)
    flag = ipywidgets.Checkbox(value=False, description="noisy")
    widgets.touch(lambda j, noise: Drawing(log, j, noise), j=slider, noise=flag)
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


def test_controls_leave_nothing_where_they_cannot_run(monkeypatch):
    shown = []
    monkeypatch.setattr(
        widgets, "display", lambda *args, **kw: shown.append((args, kw))
    )
    widgets.show(ipywidgets.VBox([]))
    (((content,), kwargs),) = shown
    assert list(content) == [widgets.VIEW]
    assert kwargs == {"raw": True}
