"""Lines of digits: their composition, training for them, and how well they are read."""

import dataclasses
import itertools
import time
from typing import NamedTuple

import numpy as np

from lenet_keras import models, pretrained
from lenet_keras.counts import layer_table
from lenet_keras.datasets import load_mnist
from lenet_keras.preprocessing import BACKGROUND, INK, prepare
from lenet_keras.reading import best_path, digits_of
from lenet_keras.study.checks import expect
from lenet_keras.study.distortions import bend
from lenet_keras.study.training import code, identity

SIDE, STRIDE = 32, 4  # pixels of the network's field, and between two of its places
LENGTHS = range(2, 11)
MARGIN = 8  # background pixels, at least, outside the first and the last square
JITTER = 2  # largest move of a digit up or down, in pixels
PITCH = 10  # smallest distance between two digits' centres, in pixels
FROM = (BACKGROUND + INK) / 2  # a pixel of a larger value is ink


class Kind(NamedTuple):
    """How the digits of a line stand. All figures were fixed before any reading.

    Attributes:
        gap: Smallest and largest number of background pixels between the ink of two
            neighbours. Below 0 their ink overlaps.
        rows: Whether the gap counts in the row where the two digits are nearest.
            Otherwise it counts columns without any ink.
        noise: Share of all pixels that become background or ink.
    """

    gap: tuple
    rows: bool
    noise: float = 0.0


KINDS = {
    "spaced": Kind((3, 8), rows=False),
    "touching": Kind((-2, -1), rows=True),
    "noisy": Kind((-2, -1), rows=True, noise=0.05),
}


class Lines(NamedTuple):
    """Lines of digits.

    Attributes:
        images: `float32` array of shape `(n, 32, width, 1)`, of the paper's values.
        starts: Integer array of shape `(n, length)`: the column where the 32x32 square
            of each digit starts.
    """

    images: np.ndarray
    starts: np.ndarray


def compose(digits, rng, kind):
    """Writes digits side by side.

    Each digit moves up or down by up to 2 pixels, and stands as near to the one before
    as its gap, drawn at random, tells. But their centres are at least 10 pixels apart:
    two upright ones that touched would be one thick stroke. Where two squares overlap,
    the darker ink shows.

    Args:
        digits: Array of shape `(n, length, 32, 32, 1)`, of the paper's values: the
            digits of `n` lines of one length.
        rng: `numpy.random.Generator`.
        kind: Key of `KINDS`.

    Returns:
        `Lines`. The width is a multiple of 4, and the longest line determines it.

    Example:

    >>> digits = np.full((1, 2, 32, 32, 1), -0.1, "float32")
    >>> digits[:, :, 10:20, 14:18] = 1.175
    >>> lines = compose(digits, np.random.default_rng(0), "spaced")
    >>> gap = lines.starts[0, 1] - lines.starts[0, 0] - 4
    >>> bool(6 <= gap <= 8)  # the centres are at least ten pixels apart
    True

    Raises:
        ValueError: If the shape does not fit, or there is no such kind.
    """
    digits = np.asarray(digits)
    expect(
        digits.ndim == 5 and digits.shape[2:] == (SIDE, SIDE, 1) and digits.shape[1],
        "digits of shape (n, length, 32, 32, 1)",
        shape=digits.shape,
    )
    expect(kind in KINDS, f"one of {list(KINDS)}", kind=kind)
    own = KINDS[kind]
    count, length = digits.shape[:2]
    rows = rng.integers(-JITTER, JITTER + 1, (length, count))
    gaps = rng.integers(own.gap[0], own.gap[1] + 1, (length, count))
    first = MARGIN + rng.integers(0, STRIDE, count)  # at any pixel between two places
    squares = [move(digits[:, n], rows[n], 1) for n in range(length)]
    steps = [
        step(left, right, gap, own.rows)
        for left, right, gap in zip(squares, squares[1:], gaps[1:], strict=False)
    ]
    starts = np.cumsum([first, *steps], axis=0).T
    width = -(-(starts.max() + SIDE + MARGIN) // STRIDE) * STRIDE
    images = np.full((count, SIDE, width, 1), BACKGROUND, "float32")
    for n, square in enumerate(squares):
        for image, start, digit in zip(images, starts[:, n], square, strict=True):
            part = image[:, start : start + SIDE]
            np.maximum(part, digit, out=part)
    if own.noise:
        spoiled = rng.random(images.shape) < own.noise
        images[spoiled] = rng.choice([BACKGROUND, INK], spoiled.sum())
    return Lines(images, starts)


def step(left, right, gap, rows):
    """Returns the columns from the start of each left square to that of the right one.

    Args:
        left: Array of shape `(n, 32, 32, 1)`.
        right: Array of the same shape.
        gap: Integer array of shape `(n,)`, as `Kind.gap`.
        rows: As `Kind.rows`.

    Returns:
        Integer array of shape `(n,)`, at least 10.
    """
    left, right = (part[..., 0] > FROM for part in (left, right))
    if not rows:
        left, right = (part.any(axis=1, keepdims=True) for part in (left, right))
    end = SIDE - left[..., ::-1].argmax(axis=2)
    begin = right.argmax(axis=2)
    both = left.any(axis=2) & right.any(axis=2)
    return np.maximum(np.where(both, end - begin, -SIDE).max(axis=1) + gap, PITCH)


def move(images, pixels, axis):
    """Moves each image by whole pixels; what enters is background.

    Args:
        images: Array of shape `(n, 32, 32, 1)`.
        pixels: Integer array of shape `(n,)`.
        axis: 1 for moves down, 2 for moves to the right.

    Returns:
        Array of the images' shape.
    """
    moved = np.full_like(images, BACKGROUND)
    old, new = (np.swapaxes(part, 1, axis) for part in (images, moved))
    for by in np.unique(pixels[np.abs(pixels) < SIDE]):
        chosen = np.flatnonzero(pixels == by)
        entered, left = max(0, by), max(0, -by)
        new[chosen, entered : SIDE - left] = old[chosen, left : SIDE - entered]
    return moved


PRESENT = 0.8  # share of the sides with a neighbour
RUBBISH = 0.35  # share of the images whose centre shows no digit
NEAR, FAR = 2, 5  # a digit at most so far from the centre counts; from here, rubbish
GAPS = (-3, 8)  # of the neighbours, as `Kind.gap`
BY_ROW = 0.75  # share of the neighbours whose gap counts in a row, as `Kind.rows`


def neighbours(images, labels, rng, present=PRESENT, rubbish=RUBBISH):
    """Writes neighbours beside each digit, and turns some images into rubbish.

    Each digit is distorted by `lenet_keras.study.distortions.bend`. On each side it may
    get two neighbours, which stand as in a line. The image is what a sliding network
    sees: its centre is at most 2 pixels off the digit's. In the rubbish it is at least 5
    pixels off every digit's: between two digits, beside one, or on background.

    Args:
        images: `float32` array of shape `(n, 32, 32, 1)`, of the paper's values.
        labels: Integer array of shape `(n,)`.
        rng: `numpy.random.Generator`.
        present: Probability that a side has neighbours.
        rubbish: Probability that an image becomes rubbish.

    Returns:
        `images, targets`: images of the same shape, and `float32` targets of shape
        `(n, 10)` for `lenet_keras.losses.CategoricalMaximumAPosteriori`: one-hot, and
        0 for rubbish.

    Example:

    >>> images = np.full((100, 32, 32, 1), -0.1, "float32")
    >>> images[:, 10:22, 14:18] = 1.175
    >>> labels = np.ones(100, "int32")
    >>> _, targets = neighbours(images, labels, np.random.default_rng(0), rubbish=0.5)
    >>> bool(30 < targets[:, 1].sum() < 70)
    True

    Reference:
        LeCun et al. (1998), section VII-C.
    """
    count = len(images)
    digits = bend(images, rng)
    digits = move(digits, rng.integers(-JITTER, JITTER + 1, count), 1)
    # From the centre outwards: each neighbour and how far it stands, left and right.
    around, nearest = [], []
    for side in (-1, 1):
        there, inner, far = rng.random(count) < present, digits, 0
        for _ in range(2):
            outer = digits[rng.permutation(count)]
            pair = (outer, inner) if side < 0 else (inner, outer)
            gap = rng.integers(GAPS[0], GAPS[1] + 1, count)
            by_row = rng.random(count) < BY_ROW
            far = far + np.where(by_row, *(step(*pair, gap, rows) for rows in (1, 0)))
            # A neighbour that is not there is too far to be seen.
            far = np.where(there, far, 3 * SIDE)
            around.append((outer, side * far))
            inner = outer
        nearest.append(around[-2][1])
    # Rubbish lies between the digit and the place of one of its neighbours.
    side = rng.integers(0, 2, count)
    room = np.minimum(np.abs(np.choose(side, nearest)) - FAR, SIDE)
    off = rng.integers(FAR, room + 1) * (2 * side - 1)
    is_rubbish = rng.random(count) < rubbish
    off = np.where(is_rubbish, off, rng.integers(-NEAR, NEAR + 1, count))
    seen = move(digits, -off, 2)
    for outer, far in around:
        np.maximum(seen, move(outer, far - off, 2), out=seen)
    targets = np.eye(10, dtype="float32")[labels]
    targets[is_rubbish] = 0
    return seen, targets


# ---- how well the networks read lines ----

NETWORKS = ["lenet5-mnist", "lenet5-mnist-distorted", "lenet5-mnist-line"]
LINES = 1000  # of each kind and length
TUNED_LENGTH = 5
TRIED_J = [10, 15, 20, 30, 45, 70, 100, 150]
TRIED_START = [0, 5, 10, 20, 30, 45, 70, 100, 150]


@dataclasses.dataclass(frozen=True)
class Reader:
    """A trained network that reads lines. `sweep` takes it as a run.

    Attributes:
        network: Name of a faithful network of `lenet_keras.load_pretrained`.
        seed: Integer that determines the lines.
        lines: Positive integer, the lines of each kind and length.
    """

    dataset, epochs = "mnist", 1
    network: str
    seed: int = 0
    lines: int = LINES

    @property
    def asked(self):
        """The attributes, as JSON values."""
        return dataclasses.asdict(self)

    @property
    def configuration(self):
        """The attributes, and the weights of the network."""
        return self.asked | {"sha256": pretrained.records()[self.network]["sha256"]}

    @property
    def id(self):
        """The identity, a hash of the configuration."""
        return identity(self.configuration)

    @property
    def name(self):
        """The network and the seed, in words."""
        return f"{self.network}, seed {self.seed}"


def do_reader(reader, measure=None, checkpoint=None, progress=None):
    """Tunes and measures a reader, for `lenet_keras.study.sweep.sweep`.

    Lines of five digits of the last 10,000 training digits, of all kinds together,
    choose `j` and `start`. Lines of test digits measure the error.

    Args:
        reader: `Reader`.
        measure: Not used.
        checkpoint: Not used.
        progress: Not used.

    Returns:
        Dictionary of `status`; `row`, the chosen costs and the errors on five touching
        digits; `tuning`, the wrong lines for each pair of costs; `measured`, the errors
        for each kind and length; and `cost`, as `cost` returns it.
    """
    (x, y), (x_test, y_test) = load_mnist()
    x, y = prepare(x[-10_000:], "paper"), y[-10_000:]
    x_test = prepare(x_test, "paper")
    single = pretrained.load_pretrained(reader.network)
    model = pretrained.load_pretrained(reader.network, input_shape=(SIDE, None, 1))
    tuning = tune(model, x, y, reader)
    best = min(tuning, key=lambda tried: tried["wrong"])
    costs = {name: best[name] for name in ("j", "start")}
    measured = []
    for kind, length in itertools.product(KINDS, LENGTHS):
        lines, texts = lines_of(x_test, y_test, reader, kind, length)
        both = {
            "slid": read_all(distances_along(model, lines.images), **costs),
            "cut": [*read_pieces(single, lines.images)],
        }
        row = {"kind": kind, "length": length}
        for how, read in both.items():
            row |= {f"{how}_{n}": v for n, v in error_rates(texts, read).items()}
        measured.append(row)
    five = next(r for r in measured if (r["kind"], r["length"]) == ("touching", 5))
    row = costs | {name: five[name] for name in five if name not in ("kind", "length")}
    return {
        "status": "done",
        "row": row | code(),
        "tuning": tuning,
        "measured": measured,
        "cost": cost(single, model),
    }


def tune(model, x, labels, reader):
    """Returns the number of lines read wrongly for each pair of costs that was tried.

    Args:
        model: Faithful network for images of shape `(32, None, 1)`.
        x: Prepared training digits.
        labels: Their labels.
        reader: `Reader`.

    Returns:
        List of dictionaries of `j`, `start` and `wrong`.
    """
    seen = []
    for kind in KINDS:
        lines, texts = lines_of(x, labels, reader, kind, TUNED_LENGTH)
        seen.append((distances_along(model, lines.images), texts))
    return [
        {
            "j": j,
            "start": start,
            "wrong": sum(
                read != text
                for distances, texts in seen
                for read, text in zip(read_all(distances, j, start), texts, strict=True)
            ),
        }
        for j, start in itertools.product(TRIED_J, TRIED_START)
    ]


def lines_of(x, labels, reader, kind, length):
    """Returns the lines of a kind and length that a reader's seed determines.

    Args:
        x: Prepared digits of shape `(n, 32, 32, 1)`.
        labels: Their labels.
        reader: `Reader`.
        kind: Key of `KINDS`.
        length: Digits of a line.

    Returns:
        `lines, texts`: `Lines`, and a list of what they say.
    """
    rng = np.random.default_rng([reader.seed, length, [*KINDS].index(kind)])
    chosen = rng.integers(0, len(x), (reader.lines, length))
    texts = ["".join(map(str, line)) for line in labels[chosen].tolist()]
    return compose(x[chosen], rng, kind), texts


def distances_along(model, images):
    """Returns the distances of a sliding network, of shape `(n, places, 10)`."""
    return model.predict(images, batch_size=50, verbose=0)[:, 0]


def read_all(distances, j, start):
    """Returns the texts of lines, from `distances_along` and the costs of a path."""
    paths = best_path(distances, j, start)
    return [
        "".join(str(digit) for digit, _ in digits_of(path, own))
        for path, own in zip(paths, distances, strict=True)
    ]


def read_pieces(model, images):
    """Reads lines without sliding: cuts them at columns without ink.

    The network answers to each piece, with its centre of mass in the middle of an image.

    Args:
        model: Faithful network for images of 32x32 pixels.
        images: Array of shape `(n, 32, width, 1)`.

    Returns:
        List of `n` texts.
    """
    pieces = [cut(image[..., 0]) for image in images]
    answers = model.predict(np.concatenate(pieces), batch_size=1000, verbose=0)
    digits = iter(answers.argmin(axis=1))
    return ["".join(str(next(digits)) for _ in own) for own in pieces]


def cut(image):
    """Cuts a line at its columns without ink.

    Args:
        image: Array of shape `(32, width)`.

    Returns:
        Array of shape `(pieces, 32, 32, 1)`. The ink's centre of mass is in the middle.
    """
    ink = np.pad((image > FROM).any(axis=0), 1).astype(int)
    begins, ends = (np.flatnonzero(np.diff(ink) == by) for by in (1, -1))
    pieces = np.full((len(begins), SIDE, SIDE, 1), BACKGROUND, "float32")
    for piece, begin, end in zip(pieces, begins, ends, strict=True):
        canvas = np.full((3 * SIDE, 2 * SIDE + end - begin), BACKGROUND, "float32")
        canvas[SIDE:-SIDE, SIDE:-SIDE] = image[:, begin:end]
        mass = np.maximum(canvas - BACKGROUND, 0)
        y, x = (
            round((mass.sum(axis=1 - axis) @ np.arange(n)) / mass.sum()) - SIDE // 2
            for axis, n in enumerate(mass.shape)
        )
        piece[..., 0] = canvas[y : y + SIDE, x : x + SIDE]
    return pieces


def error_rates(texts, read):
    """Returns how many lines and characters were read wrongly, in percent.

    Args:
        texts: What the lines say.
        read: What was read.

    Returns:
        Dictionary: `line_error`, the share of lines that are not right, and
        `character_error`, the sum of the edit distances by the number of characters.

    Example:

    >>> error_rates(["12", "34"], ["12", "3"])
    {'line_error': 50.0, 'character_error': 25.0}
    """
    pairs = list(zip(texts, read, strict=True))
    wrong = sum(text != own for text, own in pairs)
    edits = sum(edit_distance(text, own) for text, own in pairs)
    return {
        "line_error": round(100 * wrong / len(pairs), 2),
        "character_error": round(100 * edits / sum(map(len, texts)), 2),
    }


def edit_distance(one, other):
    """Returns the least number of digits to insert, delete or replace.

    Example:

    >>> edit_distance("1234", "134")
    1
    """
    above = list(range(len(other) + 1))
    for row, a in enumerate(one, start=1):
        current = [row]
        for column, b in enumerate(other, start=1):
            ways = above[column] + 1, current[-1] + 1, above[column - 1] + (a != b)
            current.append(min(ways))
        above = current
    return above[-1]


def cost(single, model, width=112, repeats=30):
    """Compares sliding along a line with cutting a window at every fourth pixel.

    Args:
        single: Faithful network for images of 32x32 pixels.
        model: The same network for images of shape `(32, None, 1)`.
        width: Width of the line in pixels, a multiple of 4.
        repeats: Positive integer. The shortest time counts.

    Returns:
        Dictionary of `width`, `places`, and the multiply-adds and milliseconds of both.
    """
    places = (width - SIDE) // STRIDE + 1
    image = np.full((1, SIDE, width, 1), BACKGROUND, "float32")
    starts = STRIDE * np.arange(places)
    windows = np.concatenate([image[:, :, s : s + SIDE] for s in starts])
    slid = layer_table(models.lenet5((SIDE, width, 1)))["total"].multiply_adds
    one = layer_table(single)["total"].multiply_adds
    return {
        "width": width,
        "places": places,
        "slid_multiply_adds": slid,
        "cut_multiply_adds": places * one,
        "slid_milliseconds": _milliseconds(model, image, repeats),
        "cut_milliseconds": _milliseconds(single, windows, repeats),
    }


def _milliseconds(model, x, repeats):
    times = []
    for _ in range(repeats + 1):  # the first call compiles
        start = time.perf_counter()
        model.predict_on_batch(x)
        times.append(time.perf_counter() - start)
    return round(1000 * min(times[1:]), 2)
