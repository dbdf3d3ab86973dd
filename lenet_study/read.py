"""From an image file to what it says: a digit, a line of digits, or no digit."""

import functools
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image, ImageOps

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_keras.preprocessing import (
    SizeNormalized,
    prepare,
    size_normalize,
    size_normalize_line,
)
from lenet_keras.reading import RUBBISH, digits_of, read_digits

DIGIT_NETWORK, LINE_NETWORK = "lenet5-mnist-best", "lenet5-mnist-line-best"
NETWORKS = [n for n, own in pretrained.records().items() if own["dataset"] == "mnist"]
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")  # others may start other programs
LARGEST = 10_000  # pixels each way, as for `size_normalize`
WIDE = 1.5  # ink that is so many times as wide as high is a line


class Answer(NamedTuple):
    """What a network read in an image.

    Attributes:
        text: The digits, or `None` if there is no digit.
        confidence: Posterior probability of the text, or of rubbish if there is none.
        runner_up: The text with the least sure digit replaced by the next best one.
        runner_up_confidence: Posterior probability of that.
        photo: `uint8` array of shape `(height, width, 3 or 4)`, upright.
        seen: `lenet_keras.preprocessing.SizeNormalized`, the ink.
        places: Place of each digit, as in `lenet_keras.reading.Reading`.
        outputs: Array of shape `(10,)`, distances or probabilities; of a line of shape
            `(places, 10)`.
        drawn: The 84 outputs of F6, if the answer is that of a faithful network to one
            digit.
        j: The distance from which rubbish is nearer, or infinity.
        why: Without ink the reason, and all but `photo` is `None`. Otherwise `None`.
    """

    text: str | None = None
    confidence: float | None = None
    runner_up: str | None = None
    runner_up_confidence: float | None = None
    photo: np.ndarray | None = None
    seen: SizeNormalized | None = None
    places: tuple | None = None
    outputs: np.ndarray | None = None
    drawn: np.ndarray | None = None
    j: float | None = None
    why: str | None = None


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
    >>> print(answer.text, answer.why)
    None Expected ink with more contrast. Received: contrast=1

    Raises:
        ValueError: If the file is no image, if it is damaged, or if the network does
            not read lines.
    """
    photo = load_photo(file)
    try:
        seen = size_normalize(photo) if line is False else size_normalize_line(photo)
        if line is None:
            top, left, bottom, right = seen.box
            line = right - left > WIDE * (bottom - top)
            seen = seen if line else size_normalize(photo)
    except ValueError as error:
        return Answer(photo=photo, why=str(error))
    name = network or (LINE_NETWORK if line else DIGIT_NETWORK)
    model, record = _load(name, line)
    j, temperature = record.get("reading_j", record["j"]), record["temperature"]
    j = np.inf if j is None else j
    x = prepare(seen.image, record["pixels"])
    if line:
        drawn, reading = None, read_digits(model, x, j)
        path, outputs = reading.path, reading.distances
        probabilities = posterior(outputs, j, temperature)
        digits = digits_of(path, outputs)
    else:
        f6, outputs = (keras.ops.convert_to_numpy(one)[0] for one in model(x))
        is_faithful = temperature is not None
        drawn = f6 if is_faithful else None
        distances = outputs if is_faithful else -np.log(outputs.clip(1e-30))
        probabilities = posterior(distances[np.newaxis], j, temperature or 1)
        best = int(probabilities.argmax())
        digits = [] if best == RUBBISH else [(best, 0)]
    places = tuple(place for _, place in digits)
    told = decide(probabilities, digits)
    return Answer(*told, photo, seen, places, outputs, drawn, j)


def load_photo(file):
    """Loads an image file as the eye sees it: turned upright, in color.

    Args:
        file: Path or binary stream of a PNG, JPEG, GIF, WebP or BMP, with 8 to 10,000
            pixels each way. Of an animation it is the first image.

    Returns:
        `uint8` array of shape `(height, width, 3)`, or `(height, width, 4)` if there
        may be transparent pixels.

    Raises:
        ValueError: If the file is missing, damaged, too large, or no such image.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            if not 8 <= min(image.size) <= max(image.size) <= LARGEST:
                raise ValueError(f"{image.width} x {image.height} pixels")
            if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
                image = Image.fromarray((np.asarray(image) // 257).astype("uint8"))
            mode = "RGBA" if image.has_transparency_data else "RGB"
            return np.asarray(ImageOps.exif_transpose(image).convert(mode))
    except Exception as error:  # Pillow raises many types
        what = f"one of {FORMATS} with 8 to {LARGEST:,} pixels each way"
        expect(False, what, error=f"{type(error).__name__}: {error}")


@functools.cache
def _load(name, line):
    """Returns a network and its record. That for one digit also returns F6."""
    shape = (32, None, 1) if line else None
    model = pretrained.load_pretrained(name, input_shape=shape)
    if not line:
        outputs = [model.get_layer("F6").output, model.output]
        model = keras.Model(model.input, outputs)
    return model, pretrained.records()[name]


def posterior(distances, j, temperature=1.0):
    """Returns the posterior probabilities of the digits and of rubbish.

    `p[i] = exp(-d[i] / T) / (exp(-j / T) + sum_k(exp(-d[k] / T)))`, and that of rubbish
    has `exp(-j / T)` in the numerator. For a network that returns probabilities, the
    distances are their negative logarithms.

    Args:
        distances: Array of shape `(places, 10)`.
        j: The cost of rubbish, a positive number. Infinity for no rubbish.
        temperature: Positive number `T`.

    Returns:
        Array of shape `(places, 11)`, rubbish last.

    Example:

    >>> posterior(np.array([[0.0, np.log(3)]]), j=np.log(6)).round(3).tolist()
    [[0.667, 0.222, 0.111]]

    Reference:
        LeCun et al. (1998), equation 9.
    """
    costs = np.insert(np.asarray(distances, "float64"), RUBBISH, j, axis=-1)
    weights = np.exp((costs.min(axis=-1, keepdims=True) - costs) / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)


def decide(probabilities, digits):
    """Returns the text, how sure it is, the runner-up, and how likely that is.

    Args:
        probabilities: Array of shape `(places, 11)`, rubbish last.
        digits: List of pairs of integers, a digit and its place. If it is empty, the
            confidence is that of rubbish where it is least likely.

    Returns:
        The first four attributes of `Answer`.
    """
    states = digits or [(RUBBISH, int(probabilities[:, RUBBISH].argmin()))]
    each = np.array([probabilities[place, state] for state, place in states])
    weakest = int(each.argmin())
    state, place = states[weakest]
    others = probabilities[place].copy()
    others[[state, RUBBISH]] = 0
    second = int(others.argmax())
    text = "".join(str(digit) for digit, _ in digits)
    runner_up = text[:weakest] + str(second) + text[weakest + 1 :]
    other = np.delete(each, weakest).prod() * others[second]
    return text or None, float(each.prod()), runner_up, float(other)


def sentence(answer):
    """Says an answer in words.

    Args:
        answer: `Answer`.

    Returns:
        String, as `lenet-keras read` prints it behind the name of the file.

    Example:

    >>> sentence(Answer("7", 0.981, "1", 0.012))
    '7 (98.1 % sure; next is 1 with 1.2 %)'
    """
    text = answer.text or "no digit"
    if answer.why:
        return f"{text} ({answer.why})"
    sure, other = 100 * answer.confidence, 100 * answer.runner_up_confidence
    return f"{text} ({sure:.1f} % sure; next is {answer.runner_up} with {other:.1f} %)"
