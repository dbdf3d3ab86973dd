"""Pictures that a reader of a notebook can touch: sliders that draw them again."""

import itertools

import ipywidgets
from IPython.display import display

VIEW = "application/vnd.jupyter.widget-view+json"


def touch(draw, **controls):
    """Shows a figure, and below it controls that draw it again.

    A notebook that is not running shows the figure of the first values.

    Args:
        draw: Function of the controls' values, by name, that returns a figure of
            `lenet_keras.study.figures`.
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
