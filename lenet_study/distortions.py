"""Distorted digits: the planar affine maps of the paper's larger set; elastic ones."""

import dataclasses
import math

import keras
import numpy as np

from lenet_keras.checks import expect
from lenet_keras.preprocessing import BACKGROUND
from lenet_keras.sdlm.compiled import compiled

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


BATCH = 1000  # images that are bent in one call


def bend(images, rng, shift=1.0, degrees=6.0, scale=0.08, elastic=0.8, smoothness=4.0):
    """Distorts each image at random: an affine map and an elastic deformation.

    The elastic deformation moves each pixel by a random field: independent values,
    uniform between -1 and 1, smoothed by a Gaussian and scaled.

    Args:
        images: `float32` array of shape `(n, height, width, channels)`, of the paper's
            values. The pixels that enter from outside are background.
        rng: `numpy.random.Generator`.
        shift: Largest shift to each side, in pixels.
        degrees: Largest rotation to each side.
        scale: Largest change of each axis, of its length: 0.08 for 8 percent.
        elastic: Standard deviation of the field along each axis, in pixels, far from
            the border.
        smoothness: Standard deviation of the Gaussian, in pixels.

    Returns:
        `float32` array of the images' shape, interpolated linearly.

    Example:

    >>> images = np.full((2, 32, 32, 1), -0.1, "float32")
    >>> bend(images, np.random.default_rng(0)).shape
    (2, 32, 32, 1)

    Reference:
        Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural
        networks applied to visual document analysis", section 2.
    """
    count, height, width, _ = images.shape
    angle = np.deg2rad(rng.uniform(-degrees, degrees, count))
    along_x, along_y = 1 + rng.uniform(-scale, scale, (2, count))
    cos, sin = np.cos(angle), np.sin(angle)
    shifts = rng.uniform(-shift, shift, (2, count))
    maps = np.stack([[along_x * cos, -along_y * sin], [along_x * sin, along_y * cos]])
    maps, shifts = (part.astype("float32") for part in (maps, shifts))
    # The weights of the Gaussian have squares of sum 1 / (4 pi smoothness^2).
    strength = elastic * math.sqrt(3 * 4 * math.pi) * smoothness
    smooth = [_gaussian(side, smoothness) for side in (height, width)]
    bent = np.empty_like(images)
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        noise = rng.random((2, len(images[part]), height, width), "float32")
        noise = np.float32(strength) * (2 * noise - 1)
        bent[part] = _bend(
            images[part], maps[..., part], shifts[:, part], noise, *smooth
        )
    return bent


def _gaussian(side, deviation):
    distance = np.subtract.outer(np.arange(side), np.arange(side))
    weights = np.exp(-((distance / deviation) ** 2) / 2)
    return (weights / (deviation * math.sqrt(2 * math.pi))).astype("float32")


@compiled
def _bend(images, maps, shifts, noise, smooth_y, smooth_x):
    ops = keras.ops
    count, height, width, _ = images.shape
    field = ops.einsum("yh,cnhw,xw->cnyx", smooth_y, noise, smooth_x)
    x = ops.arange(width, dtype="float32") - (width - 1) / 2
    y = ops.reshape(ops.arange(height, dtype="float32") - (height - 1) / 2, (-1, 1))
    maps, shifts = (
        ops.reshape(maps, (2, 2, -1, 1, 1)),
        ops.reshape(shifts, (2, -1, 1, 1)),
    )
    places_x = maps[0, 0] * x + maps[0, 1] * y + shifts[0] + (width - 1) / 2
    places_y = maps[1, 0] * x + maps[1, 1] * y + shifts[1] + (height - 1) / 2
    image = ops.reshape(ops.arange(count, dtype="float32"), (-1, 1, 1))
    image = ops.broadcast_to(image, (count, height, width))
    places = ops.stack([image, places_y + field[1], places_x + field[0]])
    fill = {"fill_mode": "constant", "fill_value": BACKGROUND}
    channels = [
        ops.image.map_coordinates(images[..., channel], places, order=1, **fill)
        for channel in range(images.shape[-1])
    ]
    return ops.stack(channels, axis=-1)
