"""Pictures that a reader of a notebook can touch: sliders that draw them again."""

import itertools

import ipywidgets
import keras
import numpy as np
from IPython.display import display

from lenet_keras.preprocessing import BACKGROUND, INK, prepare
from lenet_study import figures
from lenet_study.perturbations import perturb_all

VIEW = "application/vnd.jupyter.widget-view+json"


def touch(draw, **controls):
    """Shows a figure, and below it controls that draw it again.

    A notebook that is not running shows the figure of the first values.

    Args:
        draw: Function of the controls' values, by name, that returns a figure of
            `lenet_study.figures`.
        **controls: Widgets of `ipywidgets` that have a `value`.
    """

    def figure():
        return draw(**{name: control.value for name, control in controls.items()})

    shown = figure().display(display_id=True)

    def again(change):
        figure().display(display_id=shown.display_id, update=True)

    for name, control in controls.items():
        control.description = control.description or name
        control.observe(again, "value")
    show(ipywidgets.VBox(list(controls.values())))


def spoilt_digit(images, faithful, modern):
    """Returns what `touch` draws of a digit that is shifted, turned, scaled or spoilt.

    Args:
        images: `uint8` digits of shape `(n, 28, 28)`.
        faithful: Trained LeNet-5.
        modern: Trained variant, for the pixels `"paper-unpadded"`.

    Returns:
        Function of the index of a digit and of amounts by the names of `perturb`, such
        as `shift_right=3`. It returns a figure of the digit, of what F6 draws, and of
        both networks' outputs.
    """
    f6 = _f6(faithful)

    def draw(number, title="", **changes):
        amounts = {name.replace("_", " "): amount for name, amount in changes.items()}
        x = prepare(images[number : number + 1], "paper")
        x = perturb_all(x, amounts, BACKGROUND, INK)
        outputs = {
            "LeNet-5, distance": np.array(faithful(x))[0],
            "variant, probability": np.array(modern(x[:, 2:30, 2:30]))[0],
        }
        return figures.digit_read(x[0, ..., 0], np.array(f6(x))[0], outputs, title)

    return draw


def quiz_of_digits(images, labels, told, faithful):
    """Returns the question and the answer that `quiz` draws of a digit.

    Args:
        images: `uint8` digits of shape `(n, 28, 28)`.
        labels: Their labels.
        told: What the paper's network answered.
        faithful: Trained LeNet-5.
    """
    f6 = _f6(faithful)

    def question(index):
        return figures.images(images[index : index + 1], ["which digit?"])

    def answer(index, guess):
        x = prepare(images[index : index + 1], "paper")
        title = f"a {labels[index]}; you: {guess}\npaper: {told[index]}"
        outputs = {"ours": np.array(faithful(x))[0]}
        return figures.digit_read(images[index], np.array(f6(x))[0], outputs, title)

    return question, answer


def _f6(network):
    return keras.Model(network.input, network.get_layer("F6").output)


def quiz(question, answer, count):
    """Shows one question after another, and the answer after each guess of a digit.

    A notebook that is not running shows the first question.

    Args:
        question: Function of an index from 0 to `count - 1` that returns a figure.
        answer: Function of the index and the guess, a digit, that returns a figure.
        count: Number of questions.
    """
    place = itertools.cycle(range(count))
    current = next(place)
    shown = question(current).display(display_id=True)

    def draw(figure):
        figure.display(display_id=shown.display_id, update=True)

    def guess(button):
        draw(answer(current, int(button.description)))

    def go_on(button):
        nonlocal current
        current = next(place)
        draw(question(current))

    buttons = [ipywidgets.Button(description=str(digit)) for digit in range(10)]
    for button in buttons:
        button.layout.width = "2.5em"
        button.on_click(guess)
    further = ipywidgets.Button(description="next")
    further.on_click(go_on)
    show(ipywidgets.HBox([*buttons, further]))


def show(box):
    """Shows controls without text: where they cannot run, the picture alone remains."""
    display({VIEW: box._repr_mimebundle_()[VIEW]}, raw=True)
