"""Elastic distortions of images."""

import math

import keras
import numpy as np

from lenet_keras.preprocessing import BACKGROUND
from lenet_keras.sdlm.compiled import compiled

BATCH = 1000  # images that are distorted in one call


def distort_elastically(
    images, rng, shift=1.0, degrees=6.0, scale=0.08, elastic=0.8, smoothness=4.0
):
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
    >>> distort_elastically(images, np.random.default_rng(0)).shape
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
    maps, shifts = maps.astype("float32"), shifts.astype("float32")
    # The weights of the Gaussian have squares of sum 1 / (4 pi smoothness^2).
    strength = elastic * math.sqrt(3 * 4 * math.pi) * smoothness
    smooth = [_gaussian(side, smoothness) for side in (height, width)]
    distorted = np.empty_like(images)
    for start in range(0, count, BATCH):
        part = slice(start, start + BATCH)
        noise = rng.random((2, len(images[part]), height, width), "float32")
        noise = np.float32(strength) * (2 * noise - 1)
        own = images[part], maps[..., part], shifts[:, part], noise
        distorted[part] = _distort(*own, *smooth)
    return distorted


def _gaussian(side, deviation):
    distance = np.subtract.outer(np.arange(side), np.arange(side))
    weights = np.exp(-((distance / deviation) ** 2) / 2)
    return (weights / (deviation * math.sqrt(2 * math.pi))).astype("float32")


@compiled
def _distort(images, maps, shifts, noise, smooth_y, smooth_x):
    ops = keras.ops
    count, height, width, _ = images.shape
    field = ops.einsum("yh,cnhw,xw->cnyx", smooth_y, noise, smooth_x)
    x = ops.arange(width, dtype="float32") - (width - 1) / 2
    y = ops.reshape(ops.arange(height, dtype="float32") - (height - 1) / 2, (-1, 1))
    maps = ops.reshape(maps, (2, 2, -1, 1, 1))
    shifts = ops.reshape(shifts, (2, -1, 1, 1))
    places_x = maps[0, 0] * x + maps[0, 1] * y + shifts[0] + (width - 1) / 2
    places_y = maps[1, 0] * x + maps[1, 1] * y + shifts[1] + (height - 1) / 2
    image = ops.reshape(ops.arange(count, dtype="float32"), (-1, 1, 1))
    image = ops.broadcast_to(image, (count, height, width))
    places = ops.stack([image, places_y + field[1], places_x + field[0]])
    linear = {"order": 1, "fill_value": BACKGROUND}
    channels = ops.unstack(ops.convert_to_tensor(images), axis=-1)
    moved = [ops.image.map_coordinates(one, places, **linear) for one in channels]
    return ops.stack(moved, axis=-1)
