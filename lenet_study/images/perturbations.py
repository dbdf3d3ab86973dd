"""Shifted, scaled, rotated, squeezed and noisy images."""

import numpy as np

from lenet_keras.checks import expect
from lenet_study.images.affine import affine

# The amounts of each perturbation: pixels, factors, degrees, or a fraction.
AMOUNTS = {
    "shift right": list(range(-10, 11)),
    "shift down": list(range(-10, 11)),
    "scale": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5],
    "rotation": list(range(-60, 61, 10)),
    "squeeze": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.7, 2.0],
    "noise": [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5],
}


def perturb(images, kind, amount, background, ink, seed=0):
    """Perturbs all images in the same way.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        kind: The perturbation, which determines the unit of `amount`:

            - `"shift right"`, `"shift down"`: pixels. Negative ones shift to the left
              or up.
            - `"scale"`: factor of width and height.
            - `"rotation"`: degrees, counter-clockwise.
            - `"squeeze"`: factor by which the width grows and the height shrinks.
            - `"noise"`: fraction of the pixels of each image, chosen at random, that
              become background or ink with equal probability ("salt and pepper").
        amount: Number.
        background: Value of an empty pixel. Pixels from outside have it too.
        ink: Value of a full pixel.
        seed: Integer or `numpy.random.Generator` that determines the noise.

    Returns:
        `float32` array of the images' shape, interpolated linearly.

    Example:

    >>> image = np.zeros((1, 5, 5, 1), "float32")
    >>> image[0, 2, 2] = 1.0
    >>> moved = perturb(image, "shift right", 1, background=0.0, ink=1.0)
    >>> float(moved[0, 2, 3, 0])
    1.0

    Raises:
        ValueError: If `kind` is unknown, a factor is not positive, or a fraction is
            outside 0 ... 1.

    Reference:
        LeCun et al. (1998), section III-E, on the variations that LeNet-5 tolerates.
    """
    expect(kind in AMOUNTS, f"kind among {list(AMOUNTS)}", kind=kind)
    if kind == "noise":
        return _salt_and_pepper(images, amount, background, ink, seed)
    backward, shift = np.eye(2), (0, 0)
    if kind in ("shift right", "shift down"):
        shift = (amount, 0) if kind == "shift right" else (0, amount)
    elif kind in ("scale", "squeeze"):
        expect(amount > 0, "a positive factor", amount=amount)
        backward = np.diag([1 / amount, amount if kind == "squeeze" else 1 / amount])
    else:
        cos, sin = np.cos(np.radians(amount)), np.sin(np.radians(amount))
        backward = np.array([[cos, -sin], [sin, cos]])
    return affine(images, backward, shift, background)


def perturb_all(images, amounts, background, ink):
    """Perturbs all images in several ways, one after another.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        amounts: Dictionary from a kind to its amount, as in `perturb`.
        background: Value of an empty pixel.
        ink: Value of a full pixel.

    Returns:
        `float32` array of the images' shape.

    Example:

    >>> image = np.zeros((1, 5, 5, 1), "float32")
    >>> image[0, 2, 2] = 1.0
    >>> moved = perturb_all(image, {"shift right": 1, "shift down": -2}, 0.0, 1.0)
    >>> float(moved[0, 0, 3, 0])
    1.0
    """
    for kind, amount in amounts.items():
        images = perturb(images, kind, amount, background, ink)
    return images


def _salt_and_pepper(images, fraction, background, ink, seed):
    expect(0 <= fraction <= 1, "an amount from 0 to 1", amount=fraction)
    rng = np.random.default_rng(seed)
    shape = (*images.shape[:3], 1)  # all channels of a pixel together
    spoilt = rng.random(shape) < fraction
    values = np.where(rng.random(shape) < 0.5, background, ink)
    return np.where(spoilt, values, images).astype("float32")
