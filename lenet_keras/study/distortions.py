"""Slightly distorted digits: the planar affine maps of the paper's larger set."""

import dataclasses

import keras
import numpy as np

from lenet_keras.preprocessing import BACKGROUND
from lenet_keras.study.checks import expect

COPIES = 9  # distorted copies of each digit, in addition to the original


@dataclasses.dataclass(frozen=True)
class Ranges:
    """The largest distortions, in either direction.

    The paper names translation, scaling, squeezing and horizontal shearing, and gives
    no ranges. The defaults are small, so that the digits stay legible.

    Attributes:
        shift: Pixels, horizontally and vertically.
        scale: Logarithm of the factor of both axes.
        squeeze: Logarithm of the factor by which the width grows and the height
            shrinks.
        shear: Horizontal pixels per vertical pixel.
    """

    shift: float = 1.2
    scale: float = 0.09
    squeeze: float = 0.06
    shear: float = 0.15

    def times(self, factor):
        """Returns all ranges multiplied by a factor."""
        return Ranges(*(factor * value for value in dataclasses.astuple(self)))


def distort(images, amounts, ranges=None):
    """Distorts each prepared image by a planar affine map about its centre.

    Args:
        images: `float32` array of shape `(n, height, width, channels)`, as
            `lenet_keras.preprocessing.prepare` returns it for `"paper"`. The pixels
            that enter from outside are background.
        amounts: Array of shape `(n, 5)`, each from -1 to 1, in units of the ranges:
            shift to the right, shift down, scaling, squeezing, shear.
        ranges: `Ranges`. The defaults are small.

    Returns:
        `float32` array of the images' shape, interpolated linearly. Amounts of zero do
        not change an image.

    Raises:
        ValueError: If an image does not have five amounts from -1 to 1.

    Example:

    >>> images = np.full((1, 32, 32, 1), -0.1, "float32")
    >>> images[0, 16, 16] = 1.175
    >>> moved = distort(images, [[1, 0, 0, 0, 0]], Ranges(shift=2))
    >>> round(float(moved[0, 16, 18, 0]), 3)
    1.175

    Reference:
        LeCun et al. (1998), section III-B: "combinations of the following planar
        affine transformations: horizontal and vertical translations, scaling,
        squeezing (simultaneous horizontal compression and vertical elongation, or
        the reverse), and horizontal shearing".
    """
    ranges = Ranges() if ranges is None else ranges
    amounts = np.asarray(amounts, "float64")
    expect(
        amounts.shape == (len(images), 5) and (np.abs(amounts) <= 1).all(),
        "five amounts from -1 to 1 per image",
        shape=amounts.shape,
        images=len(images),
    )
    right, down, scale, squeeze, shear = amounts.T
    width = np.exp(scale * ranges.scale + squeeze * ranges.squeeze)
    height = np.exp(scale * ranges.scale - squeeze * ranges.squeeze)
    # The inverse map gives the place in the image of each place in the new image.
    zero = np.zeros_like(width)
    rows = [[1 / width, -shear * ranges.shear / width], [zero, 1 / height]]
    backward = np.moveaxis(np.array(rows), 2, 0)
    return affine(images, backward, ranges.shift * np.stack([right, down], axis=1))


def affine(images, backward, shifts, background=BACKGROUND):
    """Maps each image by a planar affine map about its centre.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        backward: Array of shape `(n, 2, 2)`. This matrix maps a place in the new image,
            relative to the centre and without the shift, to its place in the old
            image. Places are `(x, y)`, with `x` to the right and `y` down.
        shifts: Array of shape `(n, 2)`, pixels to the right and down.
        background: Value of the pixels that enter from outside.

    Returns:
        `float32` array of the images' shape, interpolated linearly.
    """
    along_x, along_y = backward[:, 0], backward[:, 1]
    centre = (np.array(images.shape[2:0:-1]) - 1) / 2
    target = centre + shifts
    offset_x = centre[0] - (along_x * target).sum(axis=1)
    offset_y = centre[1] - (along_y * target).sum(axis=1)
    zero = np.zeros(len(images))
    transform = np.column_stack([along_x, offset_x, along_y, offset_y, zero, zero])
    moved = keras.ops.image.affine_transform(
        images,
        transform.astype("float32"),
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=background,
        data_format="channels_last",
    )
    return keras.ops.convert_to_numpy(moved)


def distorted_set(images, labels, seed=0, ranges=None):
    """Returns the digits of each epoch from the paper's set of distorted digits.

    The set holds each digit ten times: the original, and nine distorted copies. It has
    one random order, and each epoch takes the next tenth of it. After ten epochs it
    starts again.

    Args:
        images: Prepared images of shape `(n, height, width, channels)`.
        labels: Their labels.
        seed: Integer that determines the distortions and the order.
        ranges: `Ranges`. The defaults are small.

    Returns:
        Function of the epoch, from 0, that returns `x, y`, `n` of each, for
        `lenet_keras.sdlm.fit`.

    Reference:
        LeCun et al. (1998), section III-B: 540,000 distorted patterns and the 60,000
        originals, still 20 passes of 60,000.
    """
    count = len(images)
    rng = np.random.default_rng(seed)
    amounts = rng.uniform(-1, 1, (COPIES + 1, count, 5))
    amounts[0] = 0
    order = rng.permutation((COPIES + 1) * count)

    def images_of(epoch):
        start = epoch % (COPIES + 1) * count
        copy, digit = np.divmod(order[start : start + count], count)
        return distort(images[digit], amounts[copy, digit], ranges), labels[digit]

    return images_of
