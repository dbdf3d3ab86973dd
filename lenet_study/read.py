"""From an image file to what it says: a digit, a line of digits, or no digit."""

import functools
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image, ImageOps

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_keras.preprocessing import prepare, size_normalize, size_normalize_line
from lenet_keras.reading import RUBBISH, digits_of, read_digits
from lenet_study.questions.certainty import as_distances, costs_of, posterior

DIGIT_NETWORK, LINE_NETWORK = "lenet5-mnist-robust", "lenet5-mnist-line-best"
NETWORKS = [n for n, own in pretrained.records().items() if own["dataset"] == "mnist"]
DRAFT = (1000, 1000)  # the least pixels of a large JPEG that are worth decoding
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")  # others may start other programs


class Answer(NamedTuple):
    """What a network read in an image.

    Attributes:
        text: The digits, or `None` if there is no digit.
        confidence: Posterior probability of the text, or of rubbish if there is none.
            Without ink this and all from `runner_up` on are `None`, but for `words` and
            `photo`.
        runner_up: The text with the least sure digit replaced by the next best one.
        words: All this as `lenet-keras read` prints it.
        photo: `uint8` array of shape `(height, width, 3 or 4)`, upright.
        seen: `lenet_keras.preprocessing.SizeNormalized`, the ink.
        digits: List of pairs of integers, a digit and its place.
        costs: Array of shape `(places, 11)`, the distances and that of rubbish, last.
        probabilities: Array of shape `(places, 11)`, their posterior.
        drawn: Array of shape `(1, 84)`, the outputs of F6, if a faithful network read
            one digit.
    """

    text: str | None
    confidence: float | None
    runner_up: str | None
    words: str
    photo: np.ndarray
    seen: tuple | None = None
    digits: list | None = None
    costs: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    drawn: np.ndarray | None = None


def read(file, line=None, network=None):
    """Reads the digit, or the line of digits, in an image file.

    Args:
        file: Path or binary stream, as for `load_photo`.
        line: Whether the image shows a line. By default it does if the ink is more than
            1.5 times as wide as high.
        network: A name among `NETWORKS`, for a line that of a faithful network. By
            default the recommended one.

    Returns:
        `Answer`.

    Example:

    >>> import io
    >>> blank = io.BytesIO()
    >>> Image.new("L", (60, 40), "white").save(blank, "PNG")
    >>> answer = read(blank)
    >>> print(answer.text, answer.confidence, answer.words)
    None None no digit (Expected ink with more contrast. Received: contrast=1)

    Raises:
        ValueError: If the file is no image, if it is damaged, or if the network does
            not read lines.
    """
    photo = load_photo(file)
    try:
        if line is None:
            top, left, bottom, right = size_normalize_line(photo).box
            line = right - left > 1.5 * (bottom - top)
        seen = (size_normalize_line if line else size_normalize)(photo)
    except ValueError as error:
        return Answer(None, None, None, f"no digit ({error})", photo)
    network = network or (LINE_NETWORK if line else DIGIT_NETWORK)
    fits = not line or pretrained.records()[network]["model"] == "lenet5"
    expect(fits, "a faithful network for a line", network=network)
    model, record = _load(network, line)
    x = prepare(seen.image, record["pixels"])
    (j, temperature), drawn = costs_of(network), None
    if line:
        *_, path, distances = read_digits(model, x, j)
    else:
        features, outputs = map(keras.ops.convert_to_numpy, model(x))
        distances = as_distances(outputs, record["model"])
        drawn = features if record["model"] == "lenet5" else None
    costs = np.insert(distances, RUBBISH, j, axis=-1)
    probabilities = posterior(costs, temperature)
    digits = digits_of(path if line else costs.argmin(axis=-1), distances)
    told = _decide(probabilities, digits)
    return Answer(*told, photo, seen, digits, costs, probabilities, drawn)


def load_photo(file):
    """Loads an image file as the eye sees it: turned upright, in color.

    Args:
        file: Path or binary stream of a PNG, JPEG, GIF, WebP or BMP, with 8 to 10,000
            pixels each way, one side at most 20 times as long as the other. Of an
            animation it is the first image.

    Returns:
        `uint8` array of shape `(height, width, 3)`, or `(height, width, 4)` if there
        may be transparent pixels. A JPEG that is at least twice as large as `DRAFT` has
        a half, a quarter or an eighth of its sides.

    Raises:
        ValueError: If the file is damaged, too large, missing, or no such image.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            least, most = sorted(image.size)
            if not 8 <= least <= most <= min(10_000, 20 * least):
                raise ValueError(f"{image.width} x {image.height} pixels")
            image.draft("RGB", DRAFT)  # decodes a large JPEG at a lower resolution
            mode = "RGBA" if image.has_transparency_data else "RGB"
            if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
                image = Image.fromarray((np.asarray(image) // 257).astype("uint8"))
            return np.asarray(ImageOps.exif_transpose(image).convert(mode))
    except Exception as error:  # Pillow raises many types
        what = f"{', '.join(FORMATS)}; 8 to 10,000 pixels each way, at most 20:1"
        expect(False, what, error=f"{type(error).__name__}: {error}")


@functools.cache
def _load(name, line):
    """Returns a network and its record. That for one digit also returns F6."""
    shape = (32, None, 1) if line else None
    model = pretrained.load_pretrained(name, input_shape=shape)
    if not line:
        model = keras.Model(model.input, [model.get_layer("F6").output, model.output])
    return model, pretrained.records()[name]


def _decide(probabilities, digits):
    """Returns the first four attributes of an answer.

    If there is no digit, it is as sure as rubbish is where it is least likely.
    """
    states = digits or [(RUBBISH, int(probabilities[:, RUBBISH].argmin()))]
    each = np.array([probabilities[place, state] for state, place in states])
    weakest = int(each.argmin())
    state, place = states[weakest]
    others = probabilities[place].copy()
    others[[state, RUBBISH]] = 0
    text = "".join(str(digit) for digit, _ in digits)
    runner_up = f"{text[:weakest]}{others.argmax()}{text[weakest + 1 :]}"
    sure = float(each.prod())
    other = sure / each[weakest] * others.max()
    numbers = f"{100 * sure:.1f} % sure; next is {runner_up} with {100 * other:.1f} %"
    return text or None, sure, runner_up, f"{text or 'no digit'} ({numbers})"
