"""From an image to the input of a network: `size_normalize`, then `prepare`."""

from typing import NamedTuple

import numpy as np

from lenet_keras.checks import expect

BACKGROUND, INK = -0.1, 1.175
SIDE, FIELD = 20, 28  # pixels of MNIST's digits and of their images
LARGEST = 400  # pixels: what is larger is reduced before the ink is looked for
CONTRAST = 12  # of 255: less is no ink
THINNEST = 1.75  # new pixels: thinner strokes are thickened
LUMA = [299, 587, 114]  # thousandths of red, green and blue in the grey
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
    """What `size_normalize` or `size_normalize_line` made of an image.

    Attributes:
        image: `uint8` array of shape `(28, 28)`, or `(32, width)` for a line: light ink
            of up to 255 on a background of 0, as MNIST has it.
        box: Tuple `(top, left, bottom, right)` of the ink, in pixels of the given
            image. Bottom and right are the first ones after it. A pixel more on each
            side may come from the smoothing against grain.
        ink: `"dark"` or `"light"`, what the ink was in the given image.
        threshold: Integer, from which difference to the local background a pixel is
            ink. The background is 255 if the ink is dark.
    """

    image: np.ndarray
    box: tuple
    ink: str
    threshold: int


def prepare(images, pixels="paper"):
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
    >>> prepare(digits).shape
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
    fits = images.dtype == np.uint8 and images.ndim in (2, 3, 4)
    what = "uint8 images of 2 to 4 axes (floats of 0 to 1: multiply by 255 and round)"
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
        sides = images.shape[1:3]
        covered = (_covered(n, n, REDUCTION, n / 2, n / 2) for n in sides)
        down, right = map(np.float32, covered)
        unit = np.einsum("yh,nhwc,xw->nyxc", down, unit, right, optimize=True)
    if pixels == "paper" and images.shape[1:3] == (28, 28):
        unit = np.pad(unit, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return unit * np.float32(INK - BACKGROUND) + np.float32(BACKGROUND)


def size_normalize(image, ink=None):
    """Brings an image of one digit into the form of MNIST's digits.

    The image may be a photo, a scan or a drawing. What is ink differs from its
    surroundings, after uneven light is taken away. Specks, lines across the whole
    image and the table beyond the page are no ink. The ink's longer side gets 20
    pixels, and its centre of mass goes to the middle of 28x28 pixels. Each new pixel
    is the mean over the area that it covers. Strokes that would be far thinner than
    MNIST's are thickened before.

    Args:
        image: Array of shape `(height, width)` or `(height, width, channels)`, with 8
            to 10,000 pixels each way, one side at most 20 times as long as the other.
            The channels are 1: grey, 3: RGB, or 4: RGB and alpha. What alpha leaves
            transparent is white under dark ink, black under light ink. The values are
            `uint8`, or floats of 0 to 1 or of 0 to 255: of 0 to 1 if none is above 1.
        ink: `"dark"`, `"light"` or `None`, which finds it out: ink is what covers less.

    Returns:
        `SizeNormalized`, with an image of shape `(28, 28)`.

    Example:

    >>> page = np.full((100, 150, 3), 200, "uint8")
    >>> page[20:80, 100:106] = 30  # a one
    >>> one = size_normalize(page)
    >>> one.image.shape, one.box, one.ink
    ((28, 28), (19, 99, 81, 107), 'dark')
    >>> prepare(one.image, "paper").shape
    (1, 32, 32, 1)

    Raises:
        ValueError: If the image or `ink` has another form, or if there is no ink: too
            little contrast, nothing but specks, or nothing that keeps off the border.

    Reference:
        LeCun et al. (1998), section III-A: "size normalized to fit in a 20x20 pixel
        box", "centered in a 28x28 image by computing the center of mass". The steps
        that lead from a photo to the ink are ours.
    """
    return _normalize(image, ink, line=False)


def size_normalize_line(image, ink=None):
    """Brings an image of a line of digits into the form that `read_digits` takes.

    The steps are those of `size_normalize`. All digits are scaled together: the tallest
    one gets 20 rows. The middle of their box goes to the middle of 32 rows. To the left
    and the right of it are at least 16 columns of background.

    Args:
        image: As for `size_normalize`. The line is about horizontal.
        ink: As for `size_normalize`.

    Returns:
        `SizeNormalized`, with an image of shape `(32, width)`.

    Example:

    >>> page = np.full((100, 300), 200, "uint8")
    >>> page[20:80, 100:106] = page[20:80, 150:156] = 30  # 11
    >>> size_normalize_line(page).image.shape
    (32, 52)

    Raises:
        ValueError: As for `size_normalize`.
    """
    return _normalize(image, ink, line=True)


def _normalize(image, ink, line):
    """Finds the ink on a reduced image, and resamples it once."""
    expect(ink in (None, "dark", "light"), 'ink of "dark", "light" or None', ink=ink)
    grey, step = _grey(image)
    size = min(grey.shape) if line else np.sqrt(grey.size)
    for _ in range(int(size / 128 + 0.5)):
        grey = _mean(grey, 1)
    if ink is None:  # ink covers less than its surroundings, so it is far from the mean
        skewness = ((grey - _mean(grey, int(size / 4))) ** 3).sum()
        ink = "light" if skewness > 0 else "dark"
    light = grey if ink == "light" else 255 - grey
    reach = int(size / 6)  # half as wide as a stroke may be
    background = _extreme(_extreme(light, reach, np.minimum), reach, np.maximum)
    difference = light - background
    if ink == "dark":  # ink takes the same share of the light in a shadow
        difference *= 255 / np.maximum(255 - background, 64)
    threshold = _threshold(difference)
    expect(threshold >= CONTRAST, "ink with more contrast", contrast=threshold)
    grain = np.median(difference[difference < threshold])
    mask = difference > np.clip(2 * grain, threshold / 4, threshold / 2)
    thin = int(size / 40 + 1)
    ruled = _ruled(mask, thin)
    if not line:
        ruled |= _ruled(mask.T, thin).T
    ruled &= (difference[mask & ~ruled] >= threshold).any()  # or the line is a one
    mask, tallest = _pieces(mask & ~ruled, difference >= threshold)
    places = np.argwhere(mask)
    first, last = places.min(axis=0), places.max(axis=0) + 1
    side = int(tallest if line else max(last - first))
    fits = side >= max(size / 20, (last - first)[0] / 2)
    expect(fits, "ink as large as a digit, in one line", side=side * step)
    scale = SIDE / side
    edge = mask & ~_extreme(mask, 1, np.minimum)
    width = 2 * mask.sum() / edge.sum()  # of the strokes
    more = int(max(THINNEST / scale - width, 0) / 2 + 0.5)
    values = np.where(_extreme(mask, 1, np.maximum) & ~ruled, difference, 0)
    values = _extreme(values, more, np.maximum)
    extent = (last - first) * scale
    if line:
        shape = 32, 4 * int(np.ceil((extent[1] + 32) / 4))
        start = (np.array(shape) - extent) / 2
    else:  # the centre of mass lies in the pixel after the middle, as MNIST has it
        shape = FIELD, FIELD
        sums = values.sum(axis=1), values.sum(axis=0)
        mass = [each @ (np.arange(len(each)) + 0.5) / each.sum() for each in sums]
        start = np.ceil(FIELD / 2 - (mass - first) * scale)
    sides = zip(shape, values.shape, first, start, strict=True)
    down, right = (_covered(new, old, scale, a, b) for new, old, a, b in sides)
    small = down @ values @ right.T
    small = np.floor(small * (255 / small.max()) + 0.5).astype("uint8")
    box = tuple((step * np.append(first, last)).tolist())
    return SizeNormalized(small, box, ink, threshold)


def _grey(image):
    """Returns the image in whole greys of 0 to 255, and by what step it is reduced."""
    image = np.asarray(image)
    floats = np.issubdtype(image.dtype, np.floating)
    fits = image.ndim in (2, 3) and image.shape[2:] in ((), (1,), (3,), (4,))
    fits = fits and (floats or image.dtype == np.uint8) and min(image.shape[:2]) >= 8
    fits = fits and max(image.shape[:2]) <= min(10_000, 20 * min(image.shape[:2]))
    what = "uint8 or float pixels, 8 to 10000 each way, at most 20:1; 1, 3, 4 channels"
    expect(fits, what, dtype=str(image.dtype), shape=image.shape)
    low, high = float(image.min()), float(image.max())
    expect(low >= 0 and high <= 255, "values of 0 to 255", min=low, max=high)
    unit = np.float32(255 if floats and high <= 1 else 1)
    side = np.array(image.shape[:2])
    step = int(min(np.ceil(np.sqrt(side.prod()) / LARGEST), side.min() // 8))
    height, width = side // step
    image = image.reshape(*side, -1)[: height * step, : width * step]
    channels = image.shape[2]
    total = np.zeros((height, width * step, channels), "float32")
    for row in range(step):
        part = image[row::step] * unit
        if channels == 4:
            part[..., :3] *= part[..., 3:]
        total += part
    total = total.reshape(height, width, step, channels)
    means = total.sum(axis=2, dtype="float64") / step**2
    grey = means[..., :3] @ (LUMA if channels > 1 else [1000])
    if channels == 4:
        alpha = means[..., 3]
        paper = 255_000 if grey.sum() < 127_500 * alpha.sum() else 0
        grey = (grey + paper * (255 - alpha)) / 255
    return np.floor(grey / 1000 + 0.5), step


def _mean(image, reach):
    """Returns the mean of each square of `2 * reach + 1` pixels."""
    size = 2 * reach + 1
    for _ in range(2):
        sums = np.pad(image, [(reach + 1, reach), (0, 0)], mode="edge").cumsum(axis=0)
        image = (sums[size:] - sums[:-size]).T
    return image / size**2


def _extreme(image, reach, best):
    """Returns the best of each square of `2 * reach + 1` pixels."""
    for _ in range(2):
        image = _along(image, reach, best).T
    return image


def _along(image, reach, best):
    """Returns the best of each `2 * reach + 1` pixels of a column."""
    wide = np.pad(image, [(reach, reach), (0, 0)], mode="edge")
    size = 1
    while size < 2 * reach + 1:
        step = min(size, 2 * reach + 1 - size)
        wide = best(wide[:-step], wide[step:])
        size += step
    return wide


def _threshold(difference):
    """Returns Otsu's threshold, which splits the values best into two classes."""
    counts = np.bincount(difference.astype(int).clip(max=255).ravel(), minlength=256)
    below, sums = counts.cumsum(), (counts * np.arange(256)).cumsum()
    apart = sums[-1] * (below / below[-1]) - sums
    above = below[-1] - below
    return int((apart**2 / np.maximum(below * above, 1)).argmax()) + 1


def _ruled(mask, reach):
    """Returns the thin pixels of lines that cross the mask from left to right."""
    height, width = mask.shape
    x, rows = np.arange(width), np.arange(height)[:, np.newaxis]
    some = x[:: -(-width // 100)]
    paths = np.zeros(mask.shape, bool)
    for tilt in range(-(width // 12), width // 12 + 1):
        shift = np.floor(tilt * (x / width - 0.5) + 0.5).astype(int)
        on = mask[(rows + shift[some]).clip(0, height - 1), some]
        whole = on[:, :3].any(axis=1) & on[:, -3:].any(axis=1)
        whole &= on.mean(axis=1) >= 0.75
        for row in np.nonzero(whole)[0]:
            paths[(row + shift).clip(0, height - 1), x] = True
    thick = _along(_along(mask, reach, np.minimum), reach, np.maximum)
    return mask & ~thick & _extreme(paths, reach, np.maximum)


def _pieces(mask, strong):
    """Returns the mask of the connected pieces that are ink, and the largest height."""
    height, width = mask.shape
    y, x = np.nonzero(mask)  # in the order of the rows
    labels = _connected(mask)[mask]
    _, top, piece = np.unique(labels, return_index=True, return_inverse=True)
    _, bottom = np.unique(labels[::-1], return_index=True)
    area = np.bincount(piece, strong[mask])
    rim = np.bincount(piece, (y % (height - 1) == 0) | (x % (width - 1) == 0))
    area = area * (rim**2 < area)  # a table, or a shadow, lies along the border
    expect(area.any(), "ink inside of the image", pieces=len(area))
    there = area > area.max() / 20
    mask[mask] = there[piece]
    return mask, (y[::-1][bottom] - y[top])[there].max() + 1


def _connected(mask):
    """Labels each pixel of a mask with the least index of its connected piece."""
    nowhere = mask.size
    labels = np.where(mask, np.arange(nowhere).reshape(mask.shape), nowhere)
    while True:
        near = np.where(mask, _extreme(labels, 1, np.minimum), nowhere)
        least = np.arange(nowhere + 1)
        np.minimum.at(least, labels[mask], near[mask])
        near = least[least][near]
        if np.array_equal(near, labels):
            return labels
        labels = near


def _covered(new, old, scale, old_place, new_place):
    """Returns the share of each old pixel, a column, in each new pixel, a row.

    A new pixel covers `1 / scale` old ones, or one if it is smaller than an old one.
    `old_place` goes to `new_place`.
    """
    half = max(1, scale) / 2
    middle = np.arange(new)[:, np.newaxis] + 0.5
    ends = [(middle + way - new_place) / scale + old_place for way in (-half, half)]
    pixels = np.arange(old)
    start, end = (np.clip(end, pixels, pixels + 1) for end in ends)
    return (end - start) * (scale / max(1, scale))
