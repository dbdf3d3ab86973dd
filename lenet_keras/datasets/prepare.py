"""What a network sees: its own input from the data sets' bytes."""

import numpy as np

BACKGROUND, INK = -0.1, 1.175
PIXELS = ("paper", "paper-unpadded", "unit", "raw")


def prepare(images, pixels):
    """Turns images of a data set into a network's input.

    Args:
        images: `uint8` array of shape `(n, height, width)` or `(n, height, width,
            channels)`.
        pixels: What a pixel becomes:

            - `"paper"`: `-0.1` for 0, the background, to `1.175` for 255, the ink,
              and images of 28x28 get two rows and columns of background all
              around: the input of the faithful network.
            - `"paper-unpadded"`: the same values without the border.
            - `"unit"`: 0 to 1.
            - `"raw"`: 0 to 255, as study note 002 feeds them.

    Returns:
        `float32` array of shape `(n, height, width, channels)`.

    Example:

    >>> digits = np.zeros((2, 28, 28), "uint8")
    >>> prepare(digits, "paper").shape
    (2, 32, 32, 1)

    Raises:
        ValueError: If the images are no `uint8` array of such a shape, or `pixels`
            is none of these.

    Reference:
        LeCun et al. (1998), section II-B, for the input of the faithful network.
    """
    if pixels not in PIXELS:
        raise ValueError(f"Expected pixels among {PIXELS}. Received: pixels={pixels!r}")
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            "Expected uint8 images of 3 or 4 axes. Received: images of "
            f"dtype={images.dtype} and shape={images.shape}"
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if pixels == "raw":
        return images.astype("float32")
    unit = images / np.float32(255)
    if pixels == "unit":
        return unit
    if pixels == "paper" and images.shape[1:3] == (28, 28):
        unit = np.pad(unit, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return unit * np.float32(INK - BACKGROUND) + np.float32(BACKGROUND)
