"""`prepare` turns the bytes of images into the input of a network."""

import numpy as np

from lenet_keras.checks import expect

BACKGROUND, INK = -0.1, 1.175
PIXELS = ("paper", "paper-unpadded", "paper-reduced", "unit", "standard", "raw")

# The digits of LeNet-1 have 16x16 pixels, those of MNIST 20x20.
REDUCTION = 16 / 20

# Mean and standard deviation of the training images' channels, from 0 to 1, by the
# number of channels: MNIST and CIFAR-10.
STATISTICS = {
    1: ([0.13066], [0.30811]),
    3: ([0.4914, 0.48216, 0.44653], [0.24703, 0.24349, 0.26159]),
}


def prepare(images, pixels):
    """Turns `uint8` images into the input of a network.

    Args:
        images: `uint8` array of shape `(n, height, width)` or `(n, height, width,
            channels)`.
        pixels: Preset, which says what values the pixels get:

            - `"paper"`: from `-0.1` for 0, the background, to `1.175` for 255, the
              ink. Images of 28x28 pixels get a border of two background pixels. This
              is the input of the faithful network.
            - `"paper-unpadded"`: the same values without the border.
            - `"paper-reduced"`: the same values, and the digits reduced to 16x16
              pixels in the middle of the field. Each new pixel is the mean over the
              area that it covers. This is the input of LeNet-1.
            - `"unit"`: from 0 to 1.
            - `"standard"`: mean 0 and standard deviation 1 in each channel over the
              training images: of MNIST for one channel, of CIFAR-10 for three.
            - `"raw"`: from 0 to 255, as in study note 002.

    Returns:
        `float32` array of shape `(n, height, width, channels)`.

    Example:

    >>> digits = np.zeros((2, 28, 28), "uint8")
    >>> prepare(digits, "paper").shape
    (2, 32, 32, 1)

    Raises:
        ValueError: If the images are not a `uint8` array of such a shape, if `pixels`
            is not one of these presets, or if `"standard"` does not know the channels.

    Reference:
        LeCun et al. (1998), section II-B (input of LeNet-5) and section III-C (input
        of LeNet-1).
    """
    expect(pixels in PIXELS, f"pixels among {PIXELS}", pixels=pixels)
    images = np.asarray(images)
    fits = images.dtype == np.uint8 and images.ndim in (3, 4)
    received = {"dtype": str(images.dtype), "shape": images.shape}
    expect(fits, "uint8 images of 3 or 4 axes", **received)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if pixels == "raw":
        return images.astype("float32")
    unit = images / np.float32(255)
    if pixels == "unit":
        return unit
    if pixels == "standard":
        channels = images.shape[-1]
        expect(channels in STATISTICS, "1 or 3 channels", channels=channels)
        mean, deviation = np.array(STATISTICS[channels], "float32")
        return (unit - mean) / deviation
    if pixels == "paper-reduced":  # shrinks what is in the image, about its centre
        down, right = map(_covered, images.shape[1:3])
        unit = np.einsum("yh,nhwc,xw->nyxc", down, unit, right, optimize=True)
    if pixels == "paper" and images.shape[1:3] == (28, 28):
        unit = np.pad(unit, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return unit * np.float32(INK - BACKGROUND) + np.float32(BACKGROUND)


def _covered(side):
    """Returns the share of each old pixel, a column, in each new pixel, a row.

    A new pixel covers `1 / REDUCTION` old ones each way. The centre stays.
    """
    edges = (np.arange(side + 1) - side / 2) / REDUCTION + side / 2
    old = np.arange(side)
    covered = np.clip(edges[:, np.newaxis], old, old + 1)
    return (REDUCTION * np.diff(covered, axis=0)).astype("float32")
