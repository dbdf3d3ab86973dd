"""Lines of digits: their composition, and training digits for reading them."""

import math
from typing import NamedTuple

import numpy as np

from lenet_keras.checks import expect
from lenet_keras.preprocessing import BACKGROUND, INK

SIDE, STRIDE = 32, 4  # pixels of the network's field, and between two of its places
MARGIN = 8  # background pixels, at least, outside the first and the last square
JITTER = 2  # largest move of a digit up or down, in pixels
PITCH = 10  # smallest distance between two digits' centres, in pixels
INK_FROM = (BACKGROUND + INK) / 2  # a pixel of a larger value is ink


class Kind(NamedTuple):
    """How the digits of a line stand. No reading of test digits chose a figure.

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
    "touching": Kind((-1, 0), rows=True),
    "noisy": Kind((-1, 0), rows=True, noise=0.05),
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


def compose(digits, rng, kind, width=0):
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
        width: Smallest width of the images.

    Returns:
        `Lines`. The width is a multiple of 4. The longest line determines it, or
        `width` if that is more.

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
    what = "digits of shape (n, length, 32, 32, 1)"
    expect(digits.shape[2:] == (SIDE, SIDE, 1), what, shape=digits.shape)
    expect(kind in KINDS, f"one of {list(KINDS)}", kind=kind)
    own = KINDS[kind]
    count, length = digits.shape[:2]
    rows = rng.integers(-JITTER, JITTER + 1, (length, count))
    gaps = rng.integers(own.gap[0], own.gap[1] + 1, (length, count))
    first = MARGIN + rng.integers(0, STRIDE, count)  # at any pixel between two places
    squares = [shift(digits[:, n], rows[n], 1) for n in range(length)]
    pairs = zip(squares, squares[1:], gaps[1:], strict=False)
    distances = [distance_between(*pair, own.rows) for pair in pairs]
    starts = np.cumsum([first, *distances], axis=0).T
    width = max(width, starts.max(initial=0) + SIDE + MARGIN)
    width = math.ceil(width / STRIDE) * STRIDE
    images = np.full((count, SIDE, width, 1), BACKGROUND, "float32")
    for n, square in enumerate(squares):
        for image, start, digit in zip(images, starts[:, n], square, strict=True):
            part = image[:, start : start + SIDE]
            np.maximum(part, digit, out=part)
    if own.noise:
        spoiled = rng.random(images.shape) < own.noise
        images[spoiled] = rng.choice([BACKGROUND, INK], spoiled.sum())
    return Lines(images, starts)


TRAINED = {"touching": 0.5, "noisy": 0.25, "spaced": 0.25}  # share of each kind
LENGTH, WIDTH = 5, 200  # digits of a line to train on; few lines are wider, in pixels


def lines_to_train(images, labels, rng):
    """Writes digits in lines of five, each digit once.

    Args:
        images: `float32` array of shape `(n, 32, 32, 1)`, of the paper's values.
        labels: Integer array of shape `(n,)`.
        rng: `numpy.random.Generator`.

    Returns:
        `images, labels`: arrays of shape `(n // 5, 32, width, 1)` and `(n // 5, 5)`.
        Half of the lines are touching, a quarter noisy and a quarter spaced.

    Example:

    >>> images = np.full((40, 32, 32, 1), -0.1, "float32")
    >>> images[:, 10:22, 14:18] = 1.175
    >>> x, y = lines_to_train(images, np.ones(40, "int32"), np.random.default_rng(0))
    >>> x.shape, y.shape
    ((8, 32, 200, 1), (8, 5))
    """
    count = len(images) // LENGTH
    order = rng.permutation(len(images))[: count * LENGTH].reshape(count, LENGTH)
    ends = np.cumsum([round(share * count) for share in TRAINED.values()])[:-1]
    of_kinds = zip(TRAINED, np.split(order, ends), strict=True)
    parts = [compose(images[own], rng, kind, WIDTH).images for kind, own in of_kinds]
    width = max(part.shape[2] for part in parts)
    lines = np.full((count, SIDE, width, 1), BACKGROUND, "float32")
    for own, part in zip(np.split(lines, ends), parts, strict=True):
        own[:, :, : part.shape[2]] = part
    return lines, labels[order]


def distance_between(left, right, gap, rows):
    """Returns the columns from the start of each left square to that of the right one.

    Args:
        left: Array of shape `(n, 32, 32, 1)`.
        right: Array of the same shape.
        gap: Integer array of shape `(n,)`, as `Kind.gap`.
        rows: As `Kind.rows`.

    Returns:
        Integer array of shape `(n,)`, at least 10.
    """
    left, right = (part[..., 0] > INK_FROM for part in (left, right))
    if not rows:
        left, right = (part.any(axis=1, keepdims=True) for part in (left, right))
    end = SIDE - left[..., ::-1].argmax(axis=2)
    begin = right.argmax(axis=2)
    both = left.any(axis=2) & right.any(axis=2)
    return np.maximum(np.where(both, end - begin, -SIDE).max(axis=1) + gap, PITCH)


def shift(images, pixels, axis, background=BACKGROUND):
    """Shifts each image by whole pixels.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        pixels: Integer array of shape `(n,)`.
        axis: 1 for shifts down, 2 for shifts to the right.
        background: Value of the pixels that enter from outside.

    Returns:
        Array of the images' shape.
    """
    side, shifted = images.shape[axis], np.full_like(images, background)
    old, new = (np.swapaxes(part, 1, axis) for part in (images, shifted))
    # All images of one shift at once are copied much faster than pixel by pixel.
    for by in np.unique(pixels[np.abs(pixels) < side]):
        chosen = np.flatnonzero(pixels == by)
        entered, left = max(0, by), max(0, -by)
        new[chosen, entered : side - left] = old[chosen, left : side - entered]
    return shifted


NEAR, FAR = 2, 5  # a digit at most so far from the centre counts; from here, rubbish
GAPS = (-2, 4)  # of the neighbours, as `Kind.gap`
BY_ROW = 0.75  # share of the neighbours whose gap counts in a row, as `Kind.rows`


def neighbours(images, labels, rng, present=0.8, rubbish=0.35):
    """Writes neighbours beside each digit, and turns some images into rubbish.

    Each digit moves up or down by up to 2 pixels. On each side it may get two
    neighbours, which stand as in a line. The image is what a sliding network sees: its
    centre is at most 2 pixels off the digit's. In the rubbish it is at least 5 pixels
    off every digit's: between two digits, beside one, or on background.

    Args:
        images: `float32` array of shape `(n, 32, 32, 1)`, of the paper's values.
        labels: Integer array of shape `(n,)`.
        rng: `numpy.random.Generator`.
        present: Probability that a side has neighbours.
        rubbish: Probability that an image becomes rubbish: its centre shows no digit.

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
        LeCun et al. (1998), section VII.
    """
    count = len(images)
    digits = shift(images, rng.integers(-JITTER, JITTER + 1, count), 1)
    # From the centre outwards: each neighbour and how far it stands, left and right.
    around, nearest = [], []
    for side in (-1, 1):
        there, inner, far = rng.random(count) < present, digits, 0
        for _ in range(2):
            outer = digits[rng.permutation(count)]
            pair = (outer, inner) if side < 0 else (inner, outer)
            gap = rng.integers(GAPS[0], GAPS[1] + 1, count)
            by_row = rng.random(count) < BY_ROW
            by = [distance_between(*pair, gap, rows) for rows in (True, False)]
            far = far + np.where(by_row, *by)
            # A neighbour that is not there is too far to be seen.
            around.append((outer, side * np.where(there, far, 3 * SIDE)))
            inner = outer
        nearest.append(around[-2][1])
    # Rubbish lies between the digit and the place of one of its neighbours.
    side = rng.integers(0, 2, count)
    room = np.minimum(np.abs(np.choose(side, nearest)) - FAR, SIDE)
    off = rng.integers(FAR, room + 1) * (2 * side - 1)
    is_rubbish = rng.random(count) < rubbish
    off = np.where(is_rubbish, off, rng.integers(-NEAR, NEAR + 1, count))
    seen = shift(digits, -off, 2)
    for outer, far in around:
        np.maximum(seen, shift(outer, far - off, 2), out=seen)
    targets = np.eye(10, dtype="float32")[labels]
    targets[is_rubbish] = 0
    return seen, targets
