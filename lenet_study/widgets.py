"""Pictures that a reader of a notebook can change: with sliders, and in a quiz.

A notebook that is not running shows the first picture, without controls.
"""

import ipywidgets
import keras
import numpy as np
from IPython.display import display

from lenet_keras.preprocessing import BACKGROUND, INK, prepare
from lenet_study import figures
from lenet_study.images.perturbations import perturb_all

VIEW = "application/vnd.jupyter.widget-view+json"


def with_sliders(draw, **controls):
    """Shows a figure, and below it controls that draw it again.

    Args:
        draw: Function of the controls' values, by name, that returns a figure of
            `lenet_study.figures`.
        **controls: Widgets of `ipywidgets` that have a `value`.
    """

    def figure():
        return draw(**{name: control.value for name, control in controls.items()})

    redraw = _shown(figure())
    for name, control in controls.items():
        control.description = control.description or name
        control.observe(lambda change: redraw(figure()), "value")
    _show_controls(ipywidgets.VBox([*controls.values()]))


def _shown(figure):
    """Shows a figure, and returns a function that shows another one in its place."""
    shown = figure.display(display_id=True)
    return lambda other: other.display(display_id=shown.display_id, update=True)


def _show_controls(box):
    """Shows controls without text: where they cannot run, the picture alone remains."""
    display({VIEW: box._repr_mimebundle_()[VIEW]}, raw=True)


def spoilt_digit(images, faithful, modern):
    """Returns what `with_sliders` draws of a digit that is shifted, turned or spoilt.

    Args:
        images: `uint8` digits of shape `(n, 28, 28)`.
        faithful: Trained LeNet-5.
        modern: Trained variant, for the pixels `"paper-unpadded"`.

    Returns:
        Function of the index of a digit and of amounts by the names of `perturb`, such
        as `shift_right=3`. It returns a figure of the digit, of what F6 draws, and of
        both networks' outputs.
    """
    read = _reader(faithful)

    def draw(number, title="", **changes):
        amounts = {name.replace("_", " "): amount for name, amount in changes.items()}
        x = perturb_all(prepare(images[[number]], "paper"), amounts, BACKGROUND, INK)
        drawn, distances = read(x)
        outputs = {"LeNet-5, distance": distances}
        outputs["variant, probability"] = np.array(modern(x[:, 2:30, 2:30]))[0]
        return figures.digit_read(x[0, ..., 0], drawn, outputs, title)

    return draw


def _reader(network):
    """Returns a function from a prepared digit to the outputs of F6 and of the end."""
    outputs = [network.get_layer("F6").output, network.output]
    both = keras.Model(network.input, outputs)
    return lambda x: [np.array(output)[0] for output in both(x)]


def quiz_of_digits(images, labels, told, faithful):
    """Returns the question and the answer that `quiz` draws of a digit.

    Args:
        images: `uint8` digits of shape `(n, 28, 28)`.
        labels: Their labels.
        told: What the paper's network answered.
        faithful: Trained LeNet-5.
    """
    read = _reader(faithful)

    def question(index):
        return figures.images(images[[index]], ["which digit?"])

    def answer(index, guess):
        drawn, distances = read(prepare(images[[index]], "paper"))
        title = f"a {labels[index]}; you: {guess}\npaper: {told[index]}"
        return figures.digit_read(images[index], drawn, {"ours": distances}, title)

    return question, answer


def quiz(question, answer, count):
    """Shows one question after another, and the answer after each guess of a digit.

    Args:
        question: Function of an index from 0 to `count - 1` that returns a figure.
        answer: Function of the index and the guess, a digit, that returns a figure.
        count: Number of questions.
    """
    index, redraw = 0, _shown(question(0))

    def guess(button):
        redraw(answer(index, int(button.description)))

    def go_on(button):
        nonlocal index
        index = (index + 1) % count
        redraw(question(index))

    narrow = {"width": "2.5em"}
    digits = [ipywidgets.Button(description=str(n), layout=narrow) for n in range(10)]
    for button in digits:
        button.on_click(guess)
    further = ipywidgets.Button(description="next")
    further.on_click(go_on)
    _show_controls(ipywidgets.HBox([*digits, further]))
