"""`prepare` turns the bytes of images into the input of a network."""

from typing import NamedTuple

import numpy as np

from lenet_keras.checks import expect

BACKGROUND, INK = -0.1, 1.175
SIDE, FIELD = 20, 28
CONTRAST = 12
THIN = 1.75
LUMA = np.array([299, 587, 114]) / 1000
WHAT = "an image"
PIXELS = ("paper", "paper-unpadded", "paper-reduced", "unit", "standard", "raw")

# The digits of LeNet-1 have 16x16 pixels, those of MNIST 20x20.
REDUCTION = 16 / 20

# Mean and standard deviation of the training images' channels, from 0 to 1, by the
# number of channels: MNIST and CIFAR-10.
STATISTICS = {
    1: ([0.13066], [0.30811]),
    3: ([0.4914, 0.48216, 0.44653], [0.24703, 0.24349, 0.26159]),
}


class SizeNormalized(NamedTuple):
    """What `size_normalize` made of an image."""

    image: np.ndarray
    box: tuple
    ink: str
    threshold: int


def prepare(images, pixels):
    """Turns `uint8` images into the input of a network.

    Args:
        images: `uint8` array of shape `(n, height, width)` or `(n, height, width,
            channels)`, or one image of shape `(height, width)`.
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
    floats = np.issubdtype(images.dtype, np.floating)
    what = "uint8 images of 2 to 4 axes"
    if floats:
        what += "; floats of 0 to 1: multiply by 255 and round"
    fits = images.dtype == np.uint8 and images.ndim in (2, 3, 4)
    expect(fits, what, dtype=str(images.dtype), shape=images.shape)
    if images.ndim == 2:
        images = images[np.newaxis]
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
        down, right = (
            _covered(side, side, REDUCTION, side / 2, side / 2).astype("float32")
            for side in images.shape[1:3]
        )
        unit = np.einsum("yh,nhwc,xw->nyxc", down, unit, right, optimize=True)
    if pixels == "paper" and images.shape[1:3] == (28, 28):
        unit = np.pad(unit, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return unit * np.float32(INK - BACKGROUND) + np.float32(BACKGROUND)


def size_normalize(image, ink=None):
    """Brings an image of one digit into the form of MNIST's digits."""
    values, box, step, ink, threshold, _ = _ink_of(image, ink, False)
    box = np.array(box)
    first, last = box[:2], box[2:]
    scale = SIDE / max(last - first)
    size = (last - first) * scale
    mass = [_centre(values.sum(axis=1)), _centre(values.sum(axis=0))]
    start = np.ceil(FIELD / 2 - (mass - first) * scale)
    start = np.clip(start, 0, np.floor(FIELD - size + 1e-9))
    small = _resampled(values, (FIELD, FIELD), scale, first, start)
    return SizeNormalized(small, tuple((step * box).tolist()), ink, threshold)


def size_normalize_line(image, ink=None):
    """Brings an image of a line of digits into the form that `read_digits` takes."""
    values, box, step, ink, threshold, tallest = _ink_of(image, ink, True)
    box = np.array(box)
    first, last = box[:2], box[2:]
    scale = SIDE / tallest
    height, width = (last - first) * scale
    columns = 4 * int(np.ceil((width + 32) / 4))
    start = (32 - height) / 2, (columns - width) / 2
    small = _resampled(values, (32, columns), scale, first, start)
    return SizeNormalized(small, tuple((step * box).tolist()), ink, threshold)


def _ink_of(image, ink, line):
    grey, step = _grey(image)
    size = np.sqrt(grey.size)
    for _ in range(int(size / 128 + 0.5)):
        grey = _blurred(grey)
    reach = int(min(min(grey.shape) if line else size, 6 * min(grey.shape) - 6) / 6)
    if ink is None:
        ink = _polarity(grey, int(size / 4))
    light = grey if ink == "light" else 255 - grey
    lowest = _extreme(light, reach, np.minimum)
    background = _extreme(lowest, reach, np.maximum, "odd")
    background = np.minimum(background, light)
    difference = light - background
    if ink == "dark":  # the same share of the light, in a shadow too
        difference *= 255 / np.maximum(255 - background, 64)
    threshold = _threshold(difference)
    expect(threshold >= CONTRAST, "ink", contrast=threshold)
    middle = np.median(difference[difference < threshold])
    low = min(max(threshold / 4, 2 * middle), threshold / 2)
    mask = difference > low
    thin = int(size / 40 + 0.5)
    ruled = _ruled(mask, thin) | _ruled(mask.T, thin).T
    if difference[mask & ~ruled].max(initial=0) >= threshold:
        mask &= ~ruled
    labels = _components(mask)
    kept, tallest = _kept(labels, difference, threshold)
    values = np.where(_extreme(kept, 1, np.maximum) & ~ruled, difference, 0)
    rows, columns = np.nonzero(kept.any(axis=1))[0], np.nonzero(kept.any(axis=0))[0]
    box = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    longest = tallest if line else max(box[2] - box[0], box[3] - box[1])
    width = 2 * kept.sum() / (kept.sum() - _extreme(kept, 1, np.minimum).sum())
    more = int((THIN * longest / SIDE - width) / 2 + 0.5)
    if more > 0:
        values = _extreme(values, more, np.maximum)
    return values, box, step, ink, threshold, tallest


def _grey(image):
    image = np.asarray(image)
    shape, dtype = image.shape, image.dtype
    floats = np.issubdtype(dtype, np.floating)
    fits = len(shape) in (2, 3) and shape[2:] in ((), (1,), (3,), (4,))
    fits = fits and min(shape[:2]) >= 8 and max(shape[:2]) <= 10_000
    expect(fits and (floats or dtype == np.uint8), WHAT, shape=shape, dtype=str(dtype))
    lowest, highest = image.min(), image.max()
    expect(
        lowest >= 0 and highest <= 255,
        "values of 0 to 255",
        lowest=lowest,
        highest=highest,
    )
    unit = 255 if floats and highest <= 1 else 1
    step = int(np.ceil(np.sqrt(shape[0] * shape[1] / 512**2)))
    step = min(step, min(shape[:2]) // 8)
    height, width = shape[0] // step, shape[1] // step
    image = image.reshape(*shape[:2], -1)[: height * step, : width * step]
    opaque = 1.0

    def reduced(part):
        wide = part.reshape(height, step, -1).sum(
            axis=1, dtype="float64" if floats else "uint32"
        )
        return wide.reshape(height, width, step, -1).sum(axis=2) * (unit / step**2)

    if image.shape[2] == 4:
        alpha = reduced(image[..., 3:]) / 255
        means = reduced(image[..., :3] * (image[..., 3:] * (unit / 255.0)))
    else:
        alpha = np.ones(1)
        means = reduced(image)
    grey = means @ LUMA if means.shape[2] == 3 else means[..., 0]
    paper = 255 * (grey.sum() < 127.5 * alpha.sum())
    grey = grey + paper * (1 - alpha[..., 0])
    return np.floor(grey + 0.5), step


def _extreme(image, reach, best, border="edge"):
    """Takes the best of each square of `2 * reach + 1` pixels."""
    return _along(_along(image, reach, best, border).T, reach, best, border).T


def _along(image, reach, best, border="edge"):
    beyond = (
        {"mode": "edge"}
        if border == "edge"
        else {"mode": "reflect", "reflect_type": "odd"}
    )
    wide = np.pad(image, [(reach, reach), (0, 0)], **beyond)
    size = 1
    while size < 2 * reach + 1:
        step = min(size, 2 * reach + 1 - size)
        wide = best(wide[:-step], wide[step:])
        size += step
    return wide


def _ruled(mask, reach):
    """Returns the thin pixels of lines that cross the mask from left to right."""
    height, width = mask.shape
    x, rows = np.arange(width), np.arange(height)[:, np.newaxis]
    some = x[:: int(np.ceil(width / 100))]
    paths = np.zeros(mask.shape, bool)
    for tilt in range(-(width // 12), width // 12 + 1):
        shift = np.floor(tilt * (x / width - 0.5) + 0.5).astype(int)
        along = mask[(rows + shift[some]).clip(0, height - 1), some].mean(axis=1)
        for row in np.nonzero(along >= 0.75)[0]:
            paths[(row + shift).clip(0, height - 1), x] = True
    thick = _along(_along(mask, reach, np.minimum), reach, np.maximum)
    return mask & ~thick & _extreme(paths, reach, np.maximum)


def _blurred(image):
    for _ in range(2):
        wide = np.pad(image, [(1, 1), (0, 0)], mode="edge")
        image = ((wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4).T
    return image


def _mean(image, reach):
    for _ in range(2):
        wide = np.pad(image, [(reach + 1, reach), (0, 0)], mode="edge").cumsum(axis=0)
        image = (wide[2 * reach + 1 :] - wide[: -2 * reach - 1]).T / (2 * reach + 1)
    return image


def _polarity(grey, reach):
    return "light" if ((grey - _mean(grey, reach)) ** 3).sum() > 0 else "dark"


def _threshold(difference):
    counts = np.bincount(difference.astype(int).ravel().clip(max=255), minlength=256)
    below = counts.cumsum()
    total = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    sums = total[-1] - total
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums / above - total / below
        between = np.nan_to_num(below * (above * apart**2))
    threshold = int(between.argmax()) + 1
    return threshold


def _components(mask):
    """Labels each pixel of the mask with the least index of its component."""
    nowhere = mask.size
    labels = np.where(mask, np.arange(nowhere).reshape(mask.shape), nowhere)
    while True:
        near = np.where(mask, _extreme(labels, 1, np.minimum), nowhere)
        of = np.arange(nowhere + 1)
        np.minimum.at(of, labels.ravel(), near.ravel())
        of = of[of]
        new = of[near]
        if np.array_equal(new, labels):
            return labels
        labels = new


def _kept(labels, difference, threshold):
    names, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    count = len(names)
    peak = np.zeros(count)
    np.maximum.at(peak, index.ravel(), difference.ravel())
    area = np.bincount(index.ravel())
    y, x = np.indices(labels.shape)
    boxes = np.empty((count, 4))
    boxes[:, :2], boxes[:, 2:] = np.inf, 0
    for axis, places in enumerate((y, x)):
        np.minimum.at(boxes[:, axis], index.ravel(), places.ravel())
        np.maximum.at(boxes[:, axis + 2], index.ravel(), places.ravel() + 1)
    there = (names < labels.size) & (peak >= threshold)
    rim = np.concatenate([index[0], index[-1], index[:, 0], index[:, -1]])
    along = np.bincount(rim, minlength=count)
    inner = there & (along < min(labels.shape) / 2)
    if inner.any():
        there = inner
    largest = area[there].max()
    there &= (along == 0) | (area > largest / 3)
    there &= area > largest / 20
    tallest = (boxes[:, 2] - boxes[:, 0])[there].max()
    return there[index], tallest


def _centre(sums):
    return (sums * (np.arange(len(sums)) + 0.5)).sum() / sums.sum()


def _resampled(values, shape, scale, old, new):
    down, right = (
        _covered(*each) for each in zip(shape, values.shape, [scale] * 2, old, new)
    )
    small = down @ values @ right.T
    return np.floor(small * (255 / small.max()) + 0.5).astype("uint8")


def _covered(count, old, scale, old_at, new_at):
    """Returns the share of each old pixel, a column, in each new pixel, a row."""
    half = max(1, scale) / 2
    middle = np.arange(count)[:, None] + 0.5
    low, high = ((middle + side - new_at) / scale + old_at for side in (-half, half))
    places = np.arange(old)
    width = np.clip(high, places, places + 1) - np.clip(low, places, places + 1)
    return width * (scale / max(1, scale))
