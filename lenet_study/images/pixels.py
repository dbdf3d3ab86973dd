"""The input that a recipe names: `prepare`, or the same pixels in a random order."""

import numpy as np

from lenet_keras.preprocessing import prepare

PERMUTED = "-permuted"


def network_input(images, pixels):
    """Turns `uint8` images into the input of a network, as its recipe says.

    Args:
        images: As for `lenet_keras.preprocessing.prepare`.
        pixels: As for `prepare`. With the ending `"-permuted"`, as in
            `"paper-permuted"`, the pixels of an image are in a random order, the same
            order for all images.

    Returns:
        `float32` array of shape `(n, height, width, channels)`.

    Example:

    >>> digits = np.zeros((2, 28, 28), "uint8")
    >>> network_input(digits, "paper-permuted").shape
    (2, 32, 32, 1)

    Raises:
        ValueError: As `prepare`.
    """
    pixels = str(pixels)
    prepared = prepare(images, pixels.removesuffix(PERMUTED))
    if not pixels.endswith(PERMUTED):
        return prepared
    places = prepared.reshape(len(prepared), -1, prepared.shape[-1])
    permuted = np.random.default_rng(0).permutation(places, axis=1)
    return permuted.reshape(prepared.shape)
