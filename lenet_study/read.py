"""Reads a digit, or a line of digits, from a photo, a scan or a drawing."""

import functools
import io
import sys
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image, ImageOps

from lenet_keras import load_pretrained, pretrained, rbf_codes, read_digits
from lenet_keras.preprocessing import prepare, size_normalize, size_normalize_line
from lenet_study import figures
from lenet_study.questions.certainty import J, as_distances, posterior

_network = functools.cache(load_pretrained)
# The networks that read, unless another one is named.
DIGIT, LINE = "lenet5-mnist-best", "lenet5-mnist-line-best"
WIDE = 1.5  # ink that is more times as wide as high is a line


class Answer(NamedTuple):
    """What was read.

    Attributes:
        text: The digit or the digits, or `None` if there is no digit.
        confidence: The posterior probability of this answer, from 0 to 1. That of a
            line is the product over its digits. `None` if no ink was found.
        runner_up: The likeliest other text, or `None`.
        reason: Why no ink was found, or an empty text.
        draw: Function that returns a figure of what was read, or `None` without ink.
    """

    text: str | None
    confidence: float | None
    runner_up: str | None
    reason: str = ""
    draw: object = None

    def __str__(self):
        text = self.text or "no digit"
        if self.confidence is None:
            return f"{text} ({self.reason})"
        other = f", or else {self.runner_up}" if self.runner_up else ""
        return f"{text} ({100 * self.confidence:.1f} % sure{other})"


def load(path):
    """Loads an image file, turned as its EXIF data tell.

    Args:
        path: Path of a file that Pillow reads, or `"-"` for the standard input.

    Returns:
        `uint8` array of shape `(height, width)`, `(height, width, 3)`, or `(height,
        width, 4)` if the image is transparent.

    Raises:
        ValueError: If there is no such file, or it is no image, is damaged, or has too
            many pixels.
    """
    try:
        with Image.open(
            io.BytesIO(sys.stdin.buffer.read()) if path == "-" else path
        ) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I;16"):  # Pillow would cut off above 255
                return (np.asarray(image) >> 8).astype("uint8")
            mode = "RGBA" if image.has_transparency_data else "RGB"
            return np.asarray(image.convert("L" if image.mode in ("1", "L") else mode))
    except Exception as error:  # a damaged file makes Pillow raise many types
        what = "Expected an image file, such as PNG or JPEG"
        raise ValueError(f"{what}. Received: {path}: {error}") from error


def read(photo, line=None, network=None):
    """Reads a digit or a line of digits.

    Args:
        photo: Image as `lenet_keras.preprocessing.size_normalize` takes it.
        line: Whether it shows a line. By default ink that is more than 1.5 times as
            wide as high is a line.
        network: Name of a network of `lenet_keras.load_pretrained`, trained on MNIST.

    Returns:
        `Answer`.

    Raises:
        ValueError: If there is no such network, or it does not read a line.
    """
    try:
        ink = size_normalize_line(photo)
        top, left, bottom, right = ink.box
        if line is None:
            line = right - left > WIDE * (bottom - top)
        ink = ink if line else size_normalize(photo)
    except ValueError as error:
        return Answer(None, None, None, reason=str(error))
    return (_read_line if line else _read_digit)(photo, ink, network)


def _read_digit(photo, ink, name):
    name = name or DIGIT
    model, record = _network(name), pretrained.records()[name]
    x = prepare(ink.image, record["pixels"])
    outputs = keras.ops.convert_to_numpy(model(x, training=False))
    (sure,) = _sure(as_distances(outputs, record["model"]), name)
    order = np.argsort(-sure)
    text, runner_up = (str(digit) for digit in order[order < 10][:2])
    if order[0] == 10:
        text, runner_up = None, text

    def draw():
        inside = ()
        if record["model"] == "lenet5":
            f6 = keras.Model(model.input, model.get_layer("F6").output)(x)[0]
            nearest = np.argsort(outputs[0])[:2]
            inside = keras.ops.convert_to_numpy(f6), rbf_codes("0123456789")[nearest]
        return figures.digit_of_photo(photo, ink, outputs[0], *inside)

    return Answer(text, float(sure[order[0]]), runner_up, draw=draw)


def _read_line(photo, ink, name):
    name = name or LINE
    reading = read_digits(
        _network(name, input_shape=(32, None, 1)), prepare(ink.image, "paper")
    )
    sure = _sure(reading.distances[[*reading.places]], name)[:, :10]
    if not reading.text:
        return Answer(None, None, None, reason="nothing in the line is near a digit")
    best = sure.max(axis=1)
    least = best.argmin()
    second = str(np.argsort(-sure[least])[1])
    runner_up = reading.text[:least] + second + reading.text[least + 1 :]
    draw = functools.partial(figures.line_of_photo, photo, ink, reading)
    return Answer(reading.text, float(best.prod()), runner_up, draw=draw)


def _sure(distances, name):
    record = pretrained.records()[name]
    return posterior(distances, J.get(name, record["j"]), record["temperature"])
