"""Changes of the training images, different in each epoch."""

import numpy as np

from lenet_keras.checks import expect
from lenet_keras.preprocessing import BACKGROUND, INK
from lenet_study.images.affine import distort_at_random, distorted_set
from lenet_study.images.elastic import distort_elastically
from lenet_study.images.lines import lines_to_train, neighbours, shift
from lenet_study.images.perturbations import perturb
from lenet_study.images.robust import change_at_random


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
    mirrored = rng.random(len(images)) < 0.5
    down, right = reach - rng.integers(0, 2 * reach + 1, (2, len(images)))
    shifted = shift(images, down, axis=1, background=0)
    shifted[mirrored] = shifted[mirrored, :, ::-1]
    return shift(shifted, right, axis=2, background=0)


def salt_and_pepper(images, rng):
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


def write_in_lines(images, labels, rng, **arguments):
    """Distorts digits elastically, and writes them in lines."""
    return lines_to_train(distort_elastically(images, rng, **arguments), labels, rng)


def surround(images, targets, rng, **arguments):
    """Writes neighbours beside digits with one-hot targets, and rubbish among them."""
    return neighbours(images, targets.argmax(axis=1), rng, **arguments)


def epochs_of(change, with_labels=False):
    """Returns an augmentation that changes all images differently in each epoch.

    Args:
        change: Function of the images, a `numpy.random.Generator` and the
            augmentation's arguments that returns the changed images.
        with_labels: Whether the function takes the labels too, after the images, and
            returns both.

    Returns:
        Function of images, labels, a seed and the augmentation's arguments. It returns
        a function of the epoch, from 0, that returns `x, y`.
    """

    def augmentation(images, labels, seed, **arguments):
        def images_of(epoch):
            # The order has the same seed and epoch, so the 1 makes another stream.
            rng = np.random.default_rng([seed, epoch, 1])
            if with_labels:
                return change(images, labels, rng, **arguments)
            return change(images, rng, **arguments), labels

        return images_of

    return augmentation


AUGMENTATIONS = {
    "flips-and-shifts": epochs_of(flip_and_shift),
    "distortions": epochs_of(distort_at_random),
    "distorted-set": distorted_set,
    "elastic": epochs_of(distort_elastically),
    "lines": epochs_of(write_in_lines, with_labels=True),
    "neighbours": epochs_of(surround, with_labels=True),
    "noise": epochs_of(salt_and_pepper),
    "robust": epochs_of(change_at_random, with_labels=True),
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
            `distort_elastically` for `"elastic"` and `"lines"`; those of
            `lenet_study.images.lines.neighbours`.

    Returns:
        Function of the epoch, from 0, that returns `x, y`.

    Raises:
        ValueError: If the augmentation is unknown.
    """
    if name is None:
        return lambda epoch: (images, labels)
    expect(name in AUGMENTATIONS, f"one of {list(AUGMENTATIONS)}", name=name)
    return AUGMENTATIONS[name](images, labels, seed, **arguments)
