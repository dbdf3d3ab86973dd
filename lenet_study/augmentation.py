"""Changes of the training images, different in each epoch."""

import functools
import itertools

import numpy as np

from lenet_keras.checks import expect
from lenet_keras.preprocessing import BACKGROUND, INK
from lenet_study.distortions import Ranges, bend, distort, distorted_set
from lenet_study.lines import lines_to_train, neighbours
from lenet_study.perturbations import perturb


def flip_and_shift(images, rng, reach=2):
    """Mirrors half of the images, and shifts each by some pixels in each direction.

    Args:
        images: Array of shape `(n, height, width, channels)`. The pixels that enter
            from outside are 0, which is the mean of `"standard"` pixels.
        rng: `numpy.random.Generator`.
        reach: Integer, the largest shift in pixels.

    Returns:
        Array of the images' shape.
    """
    count, height, width, _ = images.shape
    mirrored = rng.random(count) < 0.5
    moves_y, moves_x = rng.integers(0, 2 * reach + 1, (2, count, 1))[..., 0] - reach
    # All images of one move at once are copied much faster than pixel by pixel.
    changed = np.zeros_like(images)
    for up, left in itertools.product(range(-reach, reach + 1), repeat=2):
        for mirror in (False, True):
            fits = (moves_y == up) & (moves_x == left) & (mirrored == mirror)
            chosen = np.flatnonzero(fits)
            part = images[chosen, :, ::-1] if mirror else images[chosen]
            (to_y, from_y), (to_x, from_x) = _overlap(height, up), _overlap(width, left)
            changed[chosen, to_y, to_x] = part[:, from_y, from_x]
    return changed


def _overlap(side, move):
    """Returns the slices of a new and of an old image of which one shows the other."""
    return (
        slice(max(0, -move), side - max(0, move)),
        slice(max(0, move), side + min(0, move)),
    )


SCALE = 1.5  # multiplies the small ranges of distortions; chosen on held-out digits


def distort_at_random(images, rng, scale=SCALE):
    """Distorts each image by a random planar affine map.

    Args:
        images: Array, as for `lenet_study.distortions.distort`.
        rng: `numpy.random.Generator`.
        scale: Positive number that multiplies the small ranges.

    Returns:
        Array of the images' shape.
    """
    amounts = rng.uniform(-1, 1, (len(images), 5))
    return distort(images, amounts, Ranges().times(scale))


def spoil(images, rng):
    """Replaces a tenth of each image's pixels by background or ink.

    Args:
        images: Array of shape `(n, height, width, channels)`, of the paper's values.
        rng: `numpy.random.Generator`.

    Returns:
        Array of the images' shape.

    Reference:
        LeCun et al. (1998), section III-E, trained a network with another kind of
        "salt and pepper": they inverted a tenth of the pixels. Here half of that tenth
        keeps its value.
    """
    return perturb(images, "noise", 0.1, BACKGROUND, INK, seed=rng)


def anew(change):
    """Returns a function that changes all images differently in each epoch."""

    def epochs(images, labels, seed, **arguments):
        def images_of(epoch):
            # The order has the same seed and epoch, so the 1 makes another stream.
            rng = np.random.default_rng([seed, epoch, 1])
            return change(images, rng, **arguments), labels

        return images_of

    return epochs


def distorted(images, labels, seed, scale=SCALE):
    """Returns the images of each epoch from the paper's set of distorted digits."""
    return distorted_set(images, labels, seed, Ranges().times(scale))


def with_neighbours(images, labels, seed, **arguments):
    """Returns the images of each epoch with neighbours, and with rubbish among them."""
    labels = labels.argmax(axis=1)

    def images_of(epoch):
        rng = np.random.default_rng([seed, epoch, 1])
        return neighbours(images, labels, rng, **arguments)

    return images_of


def in_lines(images, labels, seed, **arguments):
    """Returns elastically distorted digits in lines, different in each epoch."""

    def images_of(epoch):
        rng = np.random.default_rng([seed, epoch, 1])
        distort = functools.partial(bend, **arguments)
        return lines_to_train(images, labels, rng, distort)

    return images_of


AUGMENTATIONS = {
    "flips-and-shifts": anew(flip_and_shift),
    "distortions": anew(distort_at_random),
    "distorted-set": distorted,
    "elastic": anew(bend),
    "lines": in_lines,
    "neighbours": with_neighbours,
    "noise": anew(spoil),
}


def augmented(images, labels, name, seed=0, **arguments):
    """Returns the augmented images of each epoch.

    Args:
        images: Prepared images of shape `(n, height, width, channels)`.
        labels: Their labels.
        name: Key of `AUGMENTATIONS`, or `None` for unchanged images.
            `"distorted-set"` is the paper's set of ten times as many images, which
            includes the originals. The others change all images differently in each
            epoch. `"neighbours"` needs a probability for each class in place of a
            label, and changes them too. `"lines"` writes distorted digits in lines.
        seed: Integer. The random changes depend only on the seed and the epoch.
        **arguments: `reach` of flips and shifts; `scale` of distortions; those of
            `lenet_study.distortions.bend` for `"elastic"` and `"lines"`; those of
            `lenet_study.lines.neighbours`.

    Returns:
        Function of the epoch, from 0, that returns `x, y`.

    Raises:
        ValueError: If the augmentation is unknown.
    """
    if name is None:
        return lambda epoch: (images, labels)
    expect(name in AUGMENTATIONS, f"one of {list(AUGMENTATIONS)}", name=name)
    return AUGMENTATIONS[name](images, labels, seed, **arguments)
