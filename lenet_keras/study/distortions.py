"""Digits bent a little: the planar affine distortions of the paper's larger set."""

import dataclasses

import keras
import numpy as np

from lenet_keras.preprocessing import BACKGROUND

COPIES = 9  # of each digit, distorted, beside the original


@dataclasses.dataclass(frozen=True)
class Ranges:
    """How far a distortion goes at most, in either direction.

    The paper names translation, scaling, squeezing and horizontal shearing, and gives
    no ranges. By default they are small: the digit stays as legible as it was.

    Attributes:
        shift: Pixels, horizontally and vertically.
        scale: Logarithm of the factor of both axes.
        squeeze: Logarithm of the factor by which the width grows and the height
            shrinks.
        shear: Pixels to the side a pixel of height.
    """

    shift: float = 1.2
    scale: float = 0.09
    squeeze: float = 0.06
    shear: float = 0.15

    def times(self, factor):
        """Returns all ranges multiplied by a factor."""
        values = dataclasses.astuple(self)
        return Ranges(*(factor * value for value in values))


def distort(images, amounts, ranges=None):
    """Distorts prepared images by a planar affine map each, about their centre.

    Args:
        images: `float32` array of shape `(n, height, width, channels)`, as
            `lenet_keras.preprocessing` gives them for `"paper"`; what comes in
            from outside is background.
        amounts: Array of shape `(n, 5)`, each from -1 to 1, in units of the ranges:
            shift to the right, shift down, scaling, squeezing, shear.
        ranges: `Ranges`; by default the small ones.

    Returns:
        `float32` array of the images' shape, interpolated linearly. Amounts of zero
        leave an image as it is.

    Raises:
        ValueError: If the amounts are not five an image, or not from -1 to 1.

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
    if amounts.shape != (len(images), 5) or not (np.abs(amounts) <= 1).all():
        raise ValueError(
            "Expected five amounts from -1 to 1 an image. "
            f"Received: amounts of shape={amounts.shape} for {len(images)} images"
        )
    right, down, scale, squeeze, shear = amounts.T
    width = np.exp(scale * ranges.scale + squeeze * ranges.squeeze)
    height = np.exp(scale * ranges.scale - squeeze * ranges.squeeze)
    # From where in the image each place of the new one comes: the map backwards.
    zero = np.zeros_like(width)
    backward = np.stack(
        [
            np.stack([1 / width, -shear * ranges.shear / width], axis=1),
            np.stack([zero, 1 / height], axis=1),
        ],
        axis=1,
    )
    return affine(images, backward, ranges.shift * np.stack([right, down], axis=1))


def affine(images, backward, shifts, background=BACKGROUND):
    """Maps images by a planar affine map each, about their centre.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        backward: Array of shape `(n, 2, 2)`: a new place, seen from the centre and
            without the shift, times this is where in the image it comes from. Places
            are `(x, y)`, `x` to the right and `y` down.
        shifts: Array of shape `(n, 2)`: pixels to the right and down.
        background: What comes in from outside.

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
    """Returns the digits of each epoch over the paper's set with distortions.

    The set holds each digit ten times: as it is, and nine times distorted. It has one
    random order, of which each epoch takes the next tenth. After ten epochs it starts
    again.

    Args:
        images: Prepared images of shape `(n, height, width, channels)`.
        labels: Their labels.
        seed: Integer from which the distortions and the order follow.
        ranges: `Ranges`; by default the small ones.

    Returns:
        Function of the epoch, from 0, that returns `x, y`, `n` of each, as
        `lenet_keras.sdlm.fit` takes it.

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
