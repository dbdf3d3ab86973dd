"""Planar affine maps of images, and the paper's larger set of distorted digits."""

import keras
import numpy as np

from lenet_keras.preprocessing import BACKGROUND

COPIES = 9  # distorted copies of each digit, in addition to the original

# The largest distortions to either side, as `distort` takes them. The paper gives no
# ranges. These are small, so that the digits stay legible.
RANGES = np.array([1.2, 1.2, 0.09, 0.06, 0.15])
SCALE = 1.5  # multiplies the ranges; chosen on held-out digits


def affine(images, backward, shifts, background=BACKGROUND):
    """Maps each image by a planar affine map about its centre.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        backward: Array of shape `(n, 2, 2)`, or `(2, 2)` for all images. This matrix
            maps a place in the new image, relative to the centre and without the shift,
            to its place in the old image. Places are `(x, y)`, with `x` to the right
            and `y` down.
        shifts: Array of shape `(n, 2)`, or `(2,)` for all images: pixels to the right
            and down.
        background: Value of the pixels that enter from outside.

    Returns:
        `float32` array of the images' shape, interpolated linearly.
    """
    backward = np.broadcast_to(backward, (len(images), 2, 2))
    centre = (np.array(images.shape[2:0:-1]) - 1) / 2
    target = centre + np.asarray(shifts)
    offsets = centre - (backward * target[..., np.newaxis, :]).sum(axis=2)
    rows = np.dstack([backward, offsets]).reshape(-1, 6)
    transform = np.pad(rows, [(0, 0), (0, 2)]).astype("float32")
    fill = {"fill_value": background, "data_format": "channels_last"}
    moved = keras.ops.image.affine_transform(images, transform, **fill)
    return keras.ops.convert_to_numpy(moved)


def distort(images, amounts):
    """Distorts each prepared image by a planar affine map about its centre.

    Args:
        images: `float32` array of shape `(n, height, width, channels)`, as
            `lenet_keras.preprocessing.prepare` returns it for `"paper"`. The pixels
            that enter from outside are background.
        amounts: Array of shape `(n, 5)`: the shift to the right and the shift down, in
            pixels; the logarithm of the factor of both axes; the logarithm of the
            factor by which the width grows and the height shrinks; and the shear, in
            horizontal pixels per vertical pixel.

    Returns:
        `float32` array of the images' shape, interpolated linearly. Amounts of zero do
        not change an image.

    Example:

    >>> images = np.full((1, 32, 32, 1), -0.1, "float32")
    >>> images[0, 16, 16] = 1.175
    >>> moved = distort(images, [[2, 0, 0, 0, 0]])
    >>> round(float(moved[0, 16, 18, 0]), 3)
    1.175

    Reference:
        LeCun et al. (1998), section III-B: "combinations of the following planar
        affine transformations: horizontal and vertical translations, scaling,
        squeezing (simultaneous horizontal compression and vertical elongation, or
        the reverse), and horizontal shearing".
    """
    right, down, scale, squeeze, shear = np.transpose(amounts)
    width, height = np.exp(scale + squeeze), np.exp(scale - squeeze)
    # The inverse map gives the place in the image of each place in the new image.
    rows = [[1 / width, -shear / width], [np.zeros_like(width), 1 / height]]
    backward = np.moveaxis(np.array(rows), 2, 0)
    return affine(images, backward, np.stack([right, down], axis=1))


def distort_at_random(images, rng, scale=SCALE):
    """Distorts each image by a random planar affine map.

    Args:
        images: Array, as for `distort`.
        rng: `numpy.random.Generator`.
        scale: Positive number that multiplies `RANGES`.

    Returns:
        Array of the images' shape.
    """
    return distort(images, rng.uniform(-1, 1, (len(images), 5)) * (scale * RANGES))


def distorted_set(images, labels, seed=0, scale=SCALE):
    """Returns the digits of each epoch from the paper's set of distorted digits.

    The set holds each digit ten times: the original, and nine distorted copies. It has
    one random order, and each epoch takes the next tenth of it. After ten epochs it
    starts again.

    Args:
        images: Prepared images of shape `(n, height, width, channels)`.
        labels: Their labels.
        seed: Integer that determines the distortions and the order.
        scale: Number that multiplies `RANGES`.

    Returns:
        Function of the epoch, from 0, that returns `x, y`, `n` of each, for
        `lenet_keras.sdlm.fit`.

    Reference:
        LeCun et al. (1998), section III-B: 540,000 distorted patterns and the 60,000
        originals, still 20 passes of 60,000.
    """
    count = len(images)
    rng = np.random.default_rng(seed)
    amounts = rng.uniform(-1, 1, (COPIES + 1, count, 5)) * (scale * RANGES)
    amounts[0] = 0
    order = rng.permutation((COPIES + 1) * count)

    def images_of(epoch):
        start = epoch % (COPIES + 1) * count
        copy, digit = np.divmod(order[start : start + count], count)
        return distort(images[digit], amounts[copy, digit]), labels[digit]

    return images_of
