"""Reads a line of digits: a network slides along it, and the best path decides."""

from itertools import groupby
from typing import NamedTuple

import keras
import numpy as np

from lenet_keras.checks import expect
from lenet_keras.layers import RBFPosterior
from lenet_keras.preprocessing import BACKGROUND, INK

HEIGHT = 32
ROUNDING = 1e-3  # how far rounding may take a pixel out of its range
STRIDE = 4  # pixels from a place to the next one
BATCH = 50  # lines at once
RUBBISH = 10  # the state after the ten digits

# Chosen on lines of training digits for "lenet5-mnist-line-best", by the study `lines`.
J = 200.0
START = 0.0


class Reading(NamedTuple):
    """What `read_digits` read.

    Attributes:
        text: The digits.
        places: Tuple with the place of each digit. A *place* is a position along the
            line where the network looks: place `p` starts at the column `stride * p`.
        path: Integer array of shape `(places,)`, the state at each place: a digit, or
            10 for rubbish.
        distances: Array of shape `(places, 10)`, the answers of the network.
    """

    text: str
    places: tuple
    path: np.ndarray
    distances: np.ndarray


def read_digits(model, image, j=J, start=START, stride=STRIDE):
    """Reads a line of digits with a faithful network that slides along it.

    The network looks at the line at every fourth pixel, or more often: at one *place*
    after another. At each place the state is a digit, at the cost of its distance, or
    rubbish, at the cost `j`. The best path through the states has the smallest sum

    `sum_p(y[p, s[p]]) + start * (number of digits)`

    over the places `p`, where `s[p]` is the state, `y[p, i]` the distance to the code
    of digit `i`, and `y[p, 10] = j`. A digit may last for several places; between two
    digits there is rubbish. So `11` differs from a long `1`.

    Args:
        model: Faithful network for images of shape `(32, None, 1)`, such as
            `load_pretrained("lenet5-mnist-line-best", input_shape=(32, None, 1))`,
            which was trained on lines.
        image: Array of shape `(32, width)`, `(32, width, 1)` or `(1, 32, width, 1)`,
            at least 32 wide. Its values are those of `prepare(image, "paper")`: -0.1
            for the background, 1.175 for ink. The digits are as high as those of MNIST,
            about 20 pixels. A digit's centre is at least 16 pixels from the left and
            the right end. `size_normalize_line` makes such an image of a photo.
        j: Number of 0 or more, the cost of rubbish.
        start: Number of 0 or more, the cost of one more digit. The defaults were chosen
            on lines of training digits for the stride 4. For 2, a start of 10 is best.
        stride: 4, 2 or 1, the pixels between two places. 2 costs twice as much as 4 and
            reads fewer lines wrongly.

    Returns:
        `Reading`.

    Example:

    >>> from lenet_keras import load_pretrained
    >>> model = load_pretrained("lenet5-mnist-line-best", input_shape=(32, None, 1))
    >>> blank = np.full((32, 64), -0.1)
    >>> read_digits(model, blank).text
    ''

    Raises:
        ValueError: If the image, the model's output, a cost or the stride has another
            form, if a pixel is outside of its range, or if a distance is not a number.

    Reference:
        LeCun et al. (1998), section VII. The grammar and the costs are ours.
    """
    image = np.asarray(image)
    low, high = float(image.min()), float(image.max())
    fits = low >= BACKGROUND - ROUNDING and high <= INK + ROUNDING
    fits = fits and np.issubdtype(image.dtype, np.floating)
    what = 'pixels of -0.1 to 1.175, as `prepare(image, "paper")` makes them'
    expect(fits, what, dtype=str(image.dtype), min=low, max=high)
    shape, last = model.output_shape, model.layers[-1]
    fits = shape[3:] == (RUBBISH,) and not isinstance(last, RBFPosterior)
    what = "a model that returns distances of shape (batch, 1, places, 10)"
    expect(fits, what, output_shape=shape, last_layer=last.name)
    height, width = image.shape[1:3] if image.ndim == 4 else image.shape[:2]
    line = image.reshape(1, height, width, -1)
    (distances,) = distances_along(model, line, stride)
    path = best_path(distances, j, start)
    digits = digits_of(path, distances)
    text = "".join(str(digit) for digit, _ in digits)
    return Reading(text, tuple(place for _, place in digits), path, distances)


def distances_along(model, images, stride=STRIDE):
    """Returns the distances that a faithful network answers along lines.

    Args:
        model: Faithful network for images of shape `(32, None, 1)`.
        images: Array of shape `(n, 32, width, 1)`, at least 32 wide.
        stride: As for `read_digits`. Below 4 the network slides several times, each
            time from another column.

    Returns:
        Array of shape `(n, places, 10)`.

    Raises:
        ValueError: If the images have another size, or the stride is not 1, 2 or 4.
    """
    images = np.asarray(images, "float32")
    height, width = images.shape[1:3]
    fits = height == HEIGHT <= width and stride in (1, 2, STRIDE)
    what = "a height of 32, a width of 32 or more and a stride of 1, 2 or 4"
    expect(fits, what, height=height, width=width, stride=stride)
    places = range(0, width - HEIGHT + 1, stride)
    distances = np.empty((len(images), len(places), RUBBISH), "float32")
    ways = STRIDE // stride  # the network slides so many times
    for way, start in enumerate(places[:ways]):
        for n in range(0, len(images), BATCH):
            part = keras.ops.convert_to_tensor(images[n : n + BATCH, :, start:])
            answers = keras.ops.convert_to_numpy(model(part, training=False))
            distances[n : n + BATCH, way::ways] = answers[:, 0]
    return distances


def best_path(distances, j=J, start=START):
    """Finds the cheapest state at each place, as `read_digits` explains.

    For each state, the cheapest path that ends in it at a place consists of the
    cheapest path to a state at the place before, and one step.

    Args:
        distances: Array of shape `(places, 10)`, or `(..., places, 10)` for many lines.
        j: Number of 0 or more, the cost of rubbish at a place.
        start: Number of 0 or more, the cost of one more digit.

    Returns:
        Integer array of shape `(..., places)`: a digit, or 10 for rubbish.

    Example:

    >>> distances = np.full((4, 10), 50.0)
    >>> distances[[0, 1, 3], 7] = 2.0
    >>> best_path(distances, j=10.0, start=5.0).tolist()
    [7, 7, 10, 7]

    Raises:
        ValueError: If the last axis is not of ten distances, if a distance is NaN, or
            if a cost is below 0.
    """
    distances = np.asarray(distances, "float64")
    shape, unknown = distances.shape, int(np.isnan(distances).sum())
    fits = shape[-1:] == (RUBBISH,) and not unknown
    expect(fits, "numbers of shape (..., places, 10)", shape=shape, NaN=unknown)
    fits = 0 <= j < np.inf and 0 <= start < np.inf
    expect(fits, "costs of 0 or more", j=j, start=start)
    costs = np.moveaxis(np.insert(distances, RUBBISH, j, axis=-1), -2, 0)
    # From row to column: a state lasts, a digit ends, a digit starts.
    steps = np.full((RUBBISH + 1, RUBBISH + 1), np.inf)
    np.fill_diagonal(steps, 0)
    steps[:, RUBBISH], steps[RUBBISH, :RUBBISH] = 0, start
    total, pointers = costs[0] + steps[RUBBISH], []
    for cost in costs[1:]:
        ways = total[..., None] + steps
        pointers.append(ways.argmin(axis=-2))
        total = ways.min(axis=-2) + cost
    path = [total.argmin(axis=-1)]
    for pointer in reversed(pointers):
        before = np.take_along_axis(pointer, path[-1][..., None], axis=-1)
        path.append(before[..., 0])
    return np.stack(path[::-1], axis=-1)


def digits_of(path, distances):
    """Returns the digits of a path, each with the place where it is nearest.

    Args:
        path: Integer array of shape `(places,)`, from `best_path`.
        distances: Array of shape `(places, 10)`.

    Returns:
        List of pairs of integers, a digit and its place.
    """
    digits = []
    for state, run in groupby(range(len(path)), key=lambda place: path[place]):
        if state != RUBBISH:
            place = min(run, key=lambda place: distances[place, state])
            digits.append((int(state), place))
    return digits
