"""What is done to the training images, so that no two passes are alike."""

from functools import partial

import numpy as np

from lenet_keras.datasets.distort import Ranges, distort, distorted_passes
from lenet_keras.datasets.perturb import perturb
from lenet_keras.datasets.prepare import BACKGROUND, INK


def flip_and_shift(images, rng, reach=2):
    """Mirrors half of the images, and shifts each by some pixels in each direction.

    Args:
        images: Array of shape `(n, height, width, channels)`; 0 comes in from outside,
            the mean where pixels are `"standard"`.
        rng: `numpy.random.Generator`.
        reach: Integer: the most pixels of a shift.

    Returns:
        Array of the images' shape.
    """
    count, height, width, _ = images.shape
    mirrored = rng.random(count) < 0.5
    images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    down, right = rng.integers(0, 2 * reach + 1, (2, count, 1))
    rows, columns = down + np.arange(height), right + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None]]


RANGES = Ranges().times(1.5)  # weighed with held-out digits


def distort_at_random(images, rng):
    """Bends each image as far as the distorted digits of `reproduce` at most.

    Args:
        images: As `lenet_keras.datasets.distort.distort` takes them.
        rng: `numpy.random.Generator`.

    Returns:
        Array of the images' shape.
    """
    return distort(images, rng.uniform(-1, 1, (len(images), 5)), RANGES)


def spoil(images, rng):
    """Makes a tenth of each image's pixels background or ink.

    Args:
        images: Array of shape `(n, height, width, channels)`, of the paper's values.
        rng: `numpy.random.Generator`.

    Returns:
        Array of the images' shape.

    Reference:
        LeCun et al. (1998), section III-E, trained a network with "salt and pepper"
        of its own kind: a tenth of the pixels were inverted. Here half of the tenth
        stay what they were.
    """
    return perturb(images, "noise", 0.1, BACKGROUND, INK, seed=rng)


def anew(change):
    """Returns what makes passes from what changes images: `augmented_passes` of it."""

    def passes(images, labels, seed):
        def patterns_of(epoch):
            # A stream beside the one of the order, which follows from them too.
            rng = np.random.default_rng([seed, epoch, 1])
            return change(images, rng), labels

        return patterns_of

    return passes


AUGMENTATIONS = {
    "flips-and-shifts": anew(flip_and_shift),
    "distortions": anew(distort_at_random),
    "distorted-set": partial(distorted_passes, ranges=RANGES),
    "noise": anew(spoil),
}


def augmented_passes(images, labels, name, seed=0):
    """Returns the patterns of each pass, augmented.

    Args:
        images: Prepared images of shape `(n, height, width, channels)`.
        labels: Their labels.
        name: Key of `AUGMENTATIONS`. `"distorted-set"` is the paper's set of ten times
            as many patterns, in which each image is once as it is; the others change
            all images anew in each pass.
        seed: Integer from which all that is drawn follows, with the pass.

    Returns:
        Function of the pass, from 0, that returns `x, y`.

    Raises:
        ValueError: If there is no such augmentation.
    """
    if name not in AUGMENTATIONS:
        raise ValueError(
            f"Expected an augmentation among {list(AUGMENTATIONS)}. Received: {name=}"
        )
    return AUGMENTATIONS[name](images, labels, seed)
