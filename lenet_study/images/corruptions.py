"""Corrupted digits: the kinds of MNIST-C, and what photos bring."""

import io
import zlib

import numpy as np
from PIL import Image
from scipy.ndimage import binary_propagation, correlate, gaussian_filter

from lenet_keras.checks import expect
from lenet_study.images.affine import affine
from lenet_study.settings import tables

# By name: the `strengths`, their `unit`, and whether a kind is `left_out`.
KINDS = tables("images/corruptions.toml")
# The kinds that no training and no choosing may use.
LEFT_OUT = tuple(name for name, kind in KINDS.items() if "left_out" in kind)
SIDE = 28
ROWS, COLUMNS = np.indices((SIDE, SIDE), "float32")
SOBEL = np.array([[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]])


def corrupt(images, kind, strength, seed=0):
    """Corrupts digits.

    What happens to an image depends on its pixels and the seed, not on other images.

    Args:
        images: `uint8` array of shape `(n, 28, 28)`, light ink on black.
        kind: Name of one of `KINDS`.
        strength: 1, 2 or 3: weak, middle or strong.
        seed: Integer of 0 or more.

    Returns:
        `uint8` array of the images' shape.

    Example:

    >>> images = np.zeros((2, 28, 28), "uint8")
    >>> corrupt(images, "brightness", 2)[0, 0, 0]
    np.uint8(128)

    Raises:
        ValueError: If the images have another type or shape, or there is no such kind
            or strength.

    Reference:
        Mu and Gilmer (2019), "MNIST-C: A Robustness Benchmark for Computer Vision",
        arXiv 1906.02337.
    """
    fits = images.dtype == np.uint8 and images.shape[1:] == (SIDE, SIDE)
    expect(fits, "uint8 digits (n, 28, 28)", dtype=images.dtype, shape=images.shape)
    expect(kind in KINDS, f"kind among {[*KINDS]}", kind=kind)
    expect(strength in (1, 2, 3), "strength 1, 2 or 3", strength=strength)
    own = [[seed, zlib.crc32(image.tobytes())] for image in images]
    generators = [*map(np.random.default_rng, own)]
    amount = KINDS[kind]["strengths"][strength - 1]
    change = globals()["_" + kind.replace(" ", "_")]  # its function has its name
    changed = change(images / np.float32(255), amount, generators)
    return np.rint(255 * np.clip(changed, 0, 1)).astype("uint8")


def _uniform(generators, *shape):
    return np.stack([rng.random(shape, "float32") for rng in generators])


def _signs(generators, *shape):
    return np.where(_uniform(generators, *shape) < 0.5, -1, 1)


def _blurred(images, deviation):
    return gaussian_filter(images, (0, deviation, deviation))


def _affine(images, backward=((1, 0), (0, 1)), shifts=(0, 0)):
    return affine(images[..., np.newaxis], backward, shifts, background=0)[..., 0]


def _neighbours(images, down, right):
    """Returns the pixels that lie so far from each place, or else at the border."""
    places = [np.clip(ROWS + down, 0, SIDE - 1), np.clip(COLUMNS + right, 0, SIDE - 1)]
    image = np.arange(len(images)).reshape(-1, 1, 1)
    return images[image, *(place.astype(int) for place in places)]


def _resizing(before, after, how):
    """Returns the matrix that resizes a column."""
    unit = Image.fromarray(np.eye(before, dtype="float32"))
    return np.asarray(unit.resize((before, after), how))


def _shot_noise(images, quanta, generators):
    pairs = zip(generators, quanta * images, strict=True)
    return np.stack([rng.poisson(mean) for rng, mean in pairs]) / quanta


def _impulse_noise(images, fraction, generators):
    chance = _uniform(generators, SIDE, SIDE)
    salt = np.where(chance < fraction / 2, 1, images)
    return np.where(chance > 1 - fraction / 2, 0, salt)


def _glass_blur(images, amount, generators):
    deviation, reach, times = amount
    images = _blurred(images, deviation)
    for _ in range(times):
        places = (2 * reach + 1) * _uniform(generators, 2, SIDE, SIDE)
        down, right = np.moveaxis(np.floor(places) - reach, 1, 0)
        images = _neighbours(images, down, right)
    return _blurred(images, deviation)


def _motion_blur(images, deviation, generators):
    angle = np.pi / 2 * (_uniform(generators) - 0.5)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    way = np.arange(3 * deviation)
    weights = np.exp(-((way / deviation) ** 2) / 2)
    weights /= weights.sum()
    pairs = zip(weights, way, strict=True)
    return sum(share * _affine(images, shifts=d * direction) for share, d in pairs)


def _shear(images, amount, generators):
    sheared = _signs(generators, 1, 1) * [[0, amount], [0, 0]]
    return _affine(images, np.eye(2) + sheared)


def _scale(images, factor, generators):
    return _affine(images, np.eye(2) / factor)


def _rotate(images, angle, generators):
    turned = _signs(generators, 1, 1) * [[0, -np.sin(angle)], [np.sin(angle), 0]]
    return _affine(images, np.cos(angle) * np.eye(2) + turned)


def _brightness(images, amount, generators):
    return images + amount


def _translate(images, pixels, generators):
    return _affine(images, shifts=pixels * _signs(generators, 2))


def _stripe(images, columns, generators):
    from_border = np.minimum(COLUMNS, SIDE - 1 - COLUMNS)
    return np.where(from_border < columns, 1 - images, images)


def _fog(images, weight, generators):
    fog, shares = 0, 0.5 ** np.arange(5)
    for octave, share in enumerate(shares / shares.sum()):
        cells = 2**octave
        larger = _resizing(cells, SIDE, Image.Resampling.BILINEAR)
        fog += share * (larger @ _uniform(generators, cells, cells) @ larger.T)
    return (images + weight * fog) / (1 + weight)


def _spatter(images, least, generators):
    drops = _blurred(_uniform(generators, SIDE, SIDE), 1) > 0.5
    cover = _blurred(drops.astype("float32"), 1.5)
    cover[cover < least] = 0
    return images * (1 - cover) + 63 / 255 * cover


def _lined(images, places, width, columns):
    """Adds lines whose rows depend on the column, in some of the columns."""
    distance = np.abs(ROWS - places[:, np.newaxis])
    return images + columns * np.clip((width + 1) / 2 - distance, 0, 1)


def _dotted_line(images, width, generators):
    left, right = (SIDE - 1) * _uniform(generators, 2, 1).swapaxes(0, 1)
    places = left + (right - left) * COLUMNS[0] / (SIDE - 1)
    return _lined(images, places, width, COLUMNS % 4 >= 2)


def _zigzag(images, width, generators):
    place, fall = _uniform(generators, 2, 1).swapaxes(0, 1)
    along = (COLUMNS[0] - 2) / 23
    wave = 2 - np.abs(COLUMNS[0] % 8 - 4)
    places = (SIDE - 1) * place + 10 * (fall - 0.5) * along + wave
    return _lined(images, places, width, (along >= 0) & (along < 1))


def _canny_edges(images, deviation, generators):
    smooth = _blurred(images, deviation)
    down, right = correlate(smooth, SOBEL.swapaxes(1, 2)), correlate(smooth, SOBEL)
    slope = np.hypot(down, right)
    steps = np.rint([down, right] / np.maximum(slope, 1e-9))  # across the edge
    ridge = slope > _neighbours(slope, *-steps)
    ridge &= slope >= _neighbours(slope, *steps)
    strong, weak = ridge & (slope > 0.2), ridge & (slope > 0.1)
    within = np.ones((1, 3, 3))  # an edge does not go on in another image
    return binary_propagation(strong, within, weak).astype("float32")


def _low_resolution(images, side, generators):
    smaller = _resizing(SIDE, side, Image.Resampling.BOX)
    both = _resizing(side, SIDE, Image.Resampling.BILINEAR) @ smaller
    return both @ images @ both.T


def _contrast_and_gamma(images, amount, generators):
    contrast, gamma = amount
    images = images ** (np.float32(gamma) ** _signs(generators, 1, 1))
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + contrast * (images - mean)


def _jpeg(images, quality, generators):
    pixels = np.rint(255 * images).astype("uint8")
    return np.stack([_compressed(image, quality) for image in pixels]) / 255


def _compressed(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return Image.open(file)


def _ruled_lines(images, ink, generators):
    spacing, offset, tilt = _uniform(generators, 3, 1, 1).swapaxes(0, 1)
    spacing = 7 + 5 * spacing
    lines = (ROWS + 0.2 * (tilt - 0.5) * COLUMNS) / spacing + offset
    distance = spacing * np.abs(lines - np.rint(lines))
    return np.maximum(images, ink * np.clip(1 - distance, 0, 1))
