"""Images of no digit: blank ones, noise, two digits in one box, other characters."""

import string

import numpy as np
from scipy import ndimage

from lenet_keras.codes import rbf_codes

SIDE = 28
FAR = 60  # squared distance of a letter's code from every digit's, at least


def blank(digits, rng):
    """Returns images without ink."""
    return np.zeros_like(digits)


def noise(digits, rng):
    """Returns noise, from single pixels to blots, each image of another grain."""
    images = rng.random(digits.shape, "float32")
    coarse = rng.uniform(0, 3, len(images))
    for image, blur in zip(images, coarse, strict=True):
        ndimage.gaussian_filter(image, blur, output=image)
    low, high = (
        extreme(images, axis=(1, 2), keepdims=True) for extreme in (np.min, np.max)
    )
    return (images - low) / (high - low)


def two_digits(digits, rng):
    """Returns pairs of digits, side by side in the box of one."""
    halves = (digits[:, :, 4:-4:2] + digits[:, :, 5:-4:2]) / 2
    pairs = np.concatenate([halves, halves[rng.permutation(len(digits))]], axis=2)
    return np.pad(pairs, ((0, 0), (0, 0), (4, 4)))


def letters(digits, rng):
    """Returns letters whose codes are far from every digit's, drawn as their codes."""
    return LETTERS[rng.integers(0, len(LETTERS), len(digits))]


def _drawn(bitmap):
    """Returns a bitmap of ink in the middle of an image, its longer side 20 pixels."""
    rows, columns = (np.flatnonzero(bitmap.any(axis=axis)) for axis in (1, 0))
    inked = bitmap[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    large = ndimage.zoom(
        inked, 20 / max(inked.shape), order=1, grid_mode=True, mode="nearest"
    )
    room = [((SIDE - side) // 2, (SIDE - side + 1) // 2) for side in large.shape]
    return np.pad(large, room)


def _letters():
    codes, of_digits = rbf_codes(string.ascii_letters), rbf_codes("0123456789")
    squares = ((codes[:, np.newaxis] - of_digits) ** 2).sum(axis=2)
    far = codes[squares.min(axis=1) >= FAR].reshape(-1, 12, 7)
    return np.stack([_drawn((code > 0).astype("float32")) for code in far])


LETTERS = _letters()
KINDS = {"blank": blank, "noise": noise, "two digits": two_digits, "letters": letters}


def rubbish(digits, rng):
    """Returns images of no digit, a quarter of each kind.

    Args:
        digits: Array of shape `(n, 28, 28)`, ink from 0 to 1. Two digits are made of
            them.
        rng: `numpy.random.Generator`.

    Returns:
        `float32` array of the same shape, ink from 0 to 1.
    """
    parts = np.array_split(digits, len(KINDS))
    made = [draw(part, rng) for draw, part in zip(KINDS.values(), parts, strict=True)]
    return np.concatenate(made)
