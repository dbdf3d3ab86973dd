"""Images moved, scaled, turned, squeezed and spoilt, to see what a network bears."""

import numpy as np

from lenet_keras.datasets.distort import affine

# What is done to the images, and how much of it: pixels, factors, degrees, a fraction.
AMOUNTS = {
    "shift right": list(range(-10, 11)),
    "shift down": list(range(-10, 11)),
    "scale": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5],
    "rotation": list(range(-60, 61, 10)),
    "squeeze": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.7, 2.0],
    "noise": [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5],
}


def perturb(images, kind, amount, background, ink, seed=0):
    """Does one thing to all images alike.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        kind: What is done, and with it the unit of `amount`:

            - `"shift right"`, `"shift down"`: pixels; negative ones to the other side.
            - `"scale"`: factor of width and height.
            - `"rotation"`: degrees, counter-clockwise.
            - `"squeeze"`: factor by which the width grows and the height shrinks.
            - `"noise"`: fraction of the pixels, drawn for each image, that become
              background or ink, either with the same chance ("salt and pepper").
        amount: Number.
        background: Value of an empty pixel, which comes in from outside.
        ink: Value of a full one.
        seed: Integer, or `numpy.random.Generator`, from which the noise follows.

    Returns:
        `float32` array of the images' shape, interpolated linearly.

    Example:

    >>> image = np.zeros((1, 5, 5, 1), "float32")
    >>> image[0, 2, 2] = 1.0
    >>> moved = perturb(image, "shift right", 1, background=0.0, ink=1.0)
    >>> float(moved[0, 2, 3, 0])
    1.0

    Raises:
        ValueError: If `kind` is none of these, a factor is not positive, or a fraction
            not from 0 to 1.

    Reference:
        LeCun et al. (1998), section III-E, on what LeNet-5 bears.
    """
    if kind not in AMOUNTS:
        raise ValueError(f"Expected kind among {list(AMOUNTS)}. Received: {kind=}")
    if kind in ("scale", "squeeze") and not amount > 0:
        raise ValueError(f"Expected a positive factor. Received: {amount=}")
    if kind == "noise":
        return _salt_and_pepper(images, amount, background, ink, seed)
    backward, shift = np.eye(2), (0, 0)
    if kind == "shift right":
        shift = (amount, 0)
    elif kind == "shift down":
        shift = (0, amount)
    elif kind == "scale":
        backward = np.eye(2) / amount
    elif kind == "squeeze":
        backward = np.diag([1 / amount, amount])
    else:
        cos, sin = np.cos(np.radians(amount)), np.sin(np.radians(amount))
        backward = np.array([[cos, -sin], [sin, cos]])
    count = len(images)
    return affine(
        images,
        np.broadcast_to(backward, (count, 2, 2)),
        np.broadcast_to(shift, (count, 2)),
        background,
    )


def _salt_and_pepper(images, fraction, background, ink, seed):
    if not 0 <= fraction <= 1:
        raise ValueError(f"Expected an amount from 0 to 1. Received: amount={fraction}")
    rng = np.random.default_rng(seed)
    shape = (*images.shape[:3], 1)  # all channels of a pixel alike
    spoilt = rng.random(shape) < fraction
    values = np.where(rng.random(shape) < 0.5, background, ink)
    return np.where(spoilt, values, images).astype("float32")
