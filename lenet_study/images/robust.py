"""Changes that photographs and other hands bring, for training that bears them."""

import numpy as np
from scipy import ndimage

from lenet_keras.preprocessing import BACKGROUND, INK
from lenet_study.images.elastic import distort_elastically
from lenet_study.images.perturbations import perturb
from lenet_study.images.rubbish import SIDE, rubbish

BATCH = 1000  # images that are changed at once
SIZES = range(10, 21)  # of the lower resolutions, in pixels


def change_at_random(
    images, targets, rng, share=0.7, rubbish_share=0.05, rubbish_target=0.0, **arguments
):
    """Changes digits as photographs and other hands do, and makes some images rubbish.

    Every image is distorted elastically. A share of them is then changed further, by
    each of these with its own probability: thicker or thinner strokes, blur, a lower
    resolution, gamma, another contrast on an uneven background, grain, and salt and
    pepper.

    Args:
        images: `float32` array of shape `(n, side, side, 1)`, of the paper's values.
        targets: Array of shape `(n, 10)`, the probability of each class.
        rng: `numpy.random.Generator`.
        share: Share of the images that are changed further.
        rubbish_share: Share of the images that become rubbish.
        rubbish_target: Probability of each class for rubbish.
        **arguments: Those of `distort_elastically`.

    Returns:
        `images, targets` of the same shapes.
    """
    rim = (images.shape[1] - SIDE) // 2
    inner = (slice(None), *[slice(rim, rim + SIDE)] * 2)
    order = rng.permutation(len(images))
    none = order[: round(rubbish_share * len(images))]
    images, targets = images.copy(), targets.copy()
    ink = (images[inner][none, ..., 0] - BACKGROUND) / (INK - BACKGROUND)
    drawn = rubbish(ink, rng)[..., np.newaxis]
    images[inner][none] = drawn * np.float32(INK - BACKGROUND) + np.float32(BACKGROUND)
    targets[none] = rubbish_target
    images = distort_elastically(images, rng, **arguments)
    chosen = np.flatnonzero(rng.random(len(images)) < share)
    for part in np.array_split(chosen, len(chosen) // BATCH + 1):
        images[inner][part, ..., 0] = _changed(images[inner][part, ..., 0], rng)
        spoilt = part[rng.random(len(part)) < 0.25]
        fraction = rng.uniform(0, 0.2)
        noisy = perturb(images[spoilt], "noise", fraction, BACKGROUND, INK, seed=rng)
        images[spoilt] = noisy
    return images, targets


def _changed(images, rng):
    ink = (images - BACKGROUND) / (INK - BACKGROUND)
    for change, probability in CHANGES.items():
        own = np.flatnonzero(rng.random(len(ink)) < probability)
        ink[own] = np.clip(change(ink[own], rng), 0, 1)
    return ink * np.float32(INK - BACKGROUND) + np.float32(BACKGROUND)


def _each(rng, images, low, high):
    """Returns a random number for each image."""
    return rng.uniform(low, high, (len(images), 1, 1)).astype("float32")


def _strokes(images, rng):
    """Thickens strokes, or thins them."""
    by = _each(rng, images, -0.8, 1.2)
    thin, thick = (_of_nine(images, own) for own in (np.minimum, np.maximum))
    return images + np.where(by > 0, by * (thick - images), -by * (thin - images))


def _of_nine(images, extreme):
    """Returns the extreme of each pixel and the eight around it."""
    for axis in (1, 2):
        first, last = (np.take(images, [end], axis) for end in (0, -1))
        wide = np.moveaxis(np.concatenate([first, images, last], axis), axis, 0)
        images = np.moveaxis(extreme(extreme(wide[:-2], wide[2:]), wide[1:-1]), 0, axis)
    return images


def _blur(images, rng):
    blurred = ndimage.gaussian_filter(images, (0, 1.3, 1.3))
    return images + _each(rng, images, 0, 1) * (blurred - images)


def _resolution(images, rng):
    """Reduces images to 10 to 20 pixels a side, and enlarges them again."""
    sizes, reduced = rng.choice(SIZES, len(images)), np.empty_like(images)
    for size in SIZES:
        own = sizes == size
        reduced[own] = REDUCTIONS[size] @ images[own] @ REDUCTIONS[size].T
    return reduced


def _gamma(images, rng):
    return np.clip(images, 0, 1) ** np.exp(_each(rng, images, -0.8, 0.8))


def _contrast(images, rng):
    """Gives ink and background other values; the background is uneven."""
    place = np.linspace(-1, 1, SIDE, dtype="float32")
    slopes = _each(rng, images, -0.1, 0.1), _each(rng, images, -0.1, 0.1)
    background = (
        _each(rng, images, 0, 0.4)
        + slopes[0] * place
        + slopes[1] * place[:, np.newaxis]
    )
    top = _each(rng, images, 0.55, 1.1)
    return background + images * (top - background)


def _grain(images, rng):
    deviations = _each(rng, images, 0, 0.2)
    return images + deviations * rng.standard_normal(images.shape, "float32")


def _reduction(size):
    """Returns the matrix that reduces 28 pixels to a size by area and enlarges them."""
    edges = np.linspace(0, SIDE, size + 1)[:, np.newaxis]
    old = np.arange(SIDE)
    down = np.diff(np.clip(edges, old, old + 1), axis=0) * size / SIDE
    places = np.clip((old + 0.5) * size / SIDE - 0.5, 0, size - 1)[:, np.newaxis]
    up = np.maximum(1 - np.abs(places - np.arange(size)), 0)
    return (up @ down).astype("float32")


REDUCTIONS = {size: _reduction(size) for size in SIZES}
# Each change with its probability, in this order.
CHANGES = {
    _strokes: 0.4,
    _blur: 0.25,
    _resolution: 0.25,
    _gamma: 0.25,
    _contrast: 0.4,
    _grain: 0.3,
}
