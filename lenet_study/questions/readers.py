"""How well the networks read lines of digits, and at what cost."""

import dataclasses
import functools
import itertools
import operator
import timeit

import numpy as np
from scipy import ndimage

from lenet_keras import models, pretrained
from lenet_keras.counts import layer_table
from lenet_keras.preprocessing import BACKGROUND, prepare
from lenet_keras.reading import best_path, digits_of, distances_along
from lenet_study.datasets import load_mnist
from lenet_study.images.lines import INK_FROM, KINDS, SIDE, STRIDE, compose
from lenet_study.training.job import Job, versions
from lenet_study.training.run import Run
from lenet_study.training.train import train

LENGTHS = range(2, 11)
# Parts of the training of "lenet5-mnist-line": its augmentation without them.
WITHOUT = {"neighbours": {"present": 0.0}, "rubbish": {"rubbish": 0.0}}
WITHOUT["both"] = WITHOUT["neighbours"] | WITHOUT["rubbish"]
TUNED_LENGTH = 5
TRIED_J = [10, 15, 20, 30, 50, 70, 100, 150, 200, 300]
TRIED_START = [0, 2, 5, 10, 20, 40]


@dataclasses.dataclass(frozen=True)
class Reader(Job):
    """A trained faithful network that reads lines.

    Attributes:
        network: Name of the network.
        seed: Integer that determines the lines.
        lines: Positive integer, the lines of each kind and length.
        without: Optional key of `WITHOUT`. Then the network is trained first, by the
            recipe of its name without that part.
        stride: Optional stride of `read_digits`, in place of 4.
    """

    dataset = "mnist"
    network: str
    seed: int = 0
    lines: int = 1000
    without: str | None = None
    stride: int | None = None

    @property
    def configuration(self):
        """The attributes, and the weights of the network or its training."""
        weights = {"sha256": pretrained.records()[self.network]["sha256"]}
        own = self.training.configuration if self.without else weights
        return own | self.request

    @property
    def training(self):
        """The run that trains the network without a part."""
        overrides = {"augmentation_arguments": WITHOUT[self.without]}
        return Run(self.network, "mnist", overrides=overrides)

    def do(self, checkpoint=None, progress=None):
        """Tunes the reader, and measures it.

        Lines of five digits of the last 10,000 training digits, of all kinds together,
        choose `j` and `start`. Lines of test digits measure the error. The `row` has
        the chosen costs and the errors on five touching digits; `tuning`, the wrong
        lines for each pair of costs; `measured`, the errors for each kind and length;
        and `cost` is what `cost` returns.
        """
        (x, y), (x_test, y_test) = load_mnist()
        x, y = prepare(x[-10_000:], "paper"), y[-10_000:]
        x_test = prepare(x_test, "paper")
        if self.without:
            single = train(self.training, checkpoint, verbose=0).model
        else:
            single = pretrained.load_pretrained(self.network)
        model = models.lenet5((SIDE, None, 1))
        model.set_weights(single.get_weights())
        tuning = tune(model, x, y, self)
        best = min(tuning, key=lambda tried: tried["wrong"])
        costs = {name: best[name] for name in ("j", "start")}
        measured, row = [], dict(costs)
        for kind, length in itertools.product(KINDS, LENGTHS):
            lines, texts = lines_of(x_test, y_test, self, kind, length)
            distances = distances_along(model, lines.images, self.stride or STRIDE)
            slid = read_all(distances, **costs)
            cut = read_pieces(single, lines.images)
            errors = {}
            for how, read in (("slid", slid), ("cut", cut)):
                rates = error_rates(texts, read)
                errors |= {f"{how}_{name}": error for name, error in rates.items()}
            measured.append({"kind": kind, "length": length} | errors)
            if (kind, length) == ("touching", 5):
                row |= errors
        more = {"tuning": tuning, "measured": measured, "cost": cost(single, model)}
        return {"status": "done", "row": row | versions()} | more


def tune(model, x, labels, reader):
    """Returns the number of lines read wrongly for each pair of costs that was tried.

    Args:
        model: Faithful network for images of shape `(32, None, 1)`.
        x: Prepared training digits.
        labels: Their labels.
        reader: `Reader`.

    Returns:
        List of dictionaries of `j`, `start` and `wrong`.
    """
    seen = []
    for kind in KINDS:
        lines, texts = lines_of(x, labels, reader, kind, TUNED_LENGTH)
        distances = distances_along(model, lines.images, reader.stride or STRIDE)
        seen.append((distances, texts))
    tuning = []
    for j, start in itertools.product(TRIED_J, TRIED_START):
        wrong = 0
        for distances, texts in seen:
            wrong += sum(map(operator.ne, read_all(distances, j, start), texts))
        tuning.append({"j": j, "start": start, "wrong": wrong})
    return tuning


def lines_of(x, labels, reader, kind, length):
    """Returns the lines of a kind and length that a reader's seed determines.

    Args:
        x: Prepared digits of shape `(n, 32, 32, 1)`.
        labels: Their labels.
        reader: `Reader`.
        kind: Key of `KINDS`.
        length: Digits of a line.

    Returns:
        `lines, texts`: `Lines`, and a list of what they say.
    """
    rng = np.random.default_rng([reader.seed, length, [*KINDS].index(kind)])
    chosen = rng.integers(0, len(x), (reader.lines, length))
    texts = ["".join(map(str, line)) for line in labels[chosen].tolist()]
    return compose(x[chosen], rng, kind), texts


def read_all(distances, j, start):
    """Returns the texts of lines, from `distances_along` and the costs of a path."""
    paths = best_path(distances, j, start)
    lines = map(digits_of, paths, distances)
    return ["".join(str(digit) for digit, _ in line) for line in lines]


def read_pieces(model, images):
    """Reads lines without sliding: cuts them at columns without ink.

    The network answers to each piece. Its centre of mass is in the middle of an image.

    Args:
        model: Faithful network for images of 32x32 pixels.
        images: Array of shape `(n, 32, width, 1)`.

    Returns:
        List of `n` texts.
    """
    pieces = [segments(image[..., 0]) for image in images]
    answers = model.predict(np.concatenate(pieces), batch_size=1000, verbose=0)
    digits = iter(answers.argmin(axis=1))
    return ["".join(str(next(digits)) for _ in own) for own in pieces]


def segments(image):
    """Cuts a line at its columns without ink.

    Args:
        image: Array of shape `(32, width)`.

    Returns:
        Array of shape `(pieces, 32, 32, 1)`. The ink's centre of mass is in the middle.
    """
    inked, _ = ndimage.label((image > INK_FROM).any(axis=0))
    pieces = np.empty((inked.max(), SIDE, SIDE, 1), "float32")
    for piece, (columns,) in zip(pieces, ndimage.find_objects(inked), strict=True):
        canvas = np.pad(image[:, columns], SIDE, constant_values=BACKGROUND)
        centre = ndimage.center_of_mass(np.maximum(canvas - BACKGROUND, 0))
        y, x = (round(place) - SIDE // 2 for place in centre)
        piece[..., 0] = canvas[y : y + SIDE, x : x + SIDE]
    return pieces


def error_rates(texts, read):
    """Returns how many lines and characters were read wrongly, in percent.

    Args:
        texts: What the lines say.
        read: What was read.

    Returns:
        Dictionary: `line_error`, the share of lines that are not right, and
        `character_error`, the sum of the edit distances by the number of characters.

    Example:

    >>> error_rates(["12", "34"], ["12", "3"])
    {'line_error': 50.0, 'character_error': 25.0}
    """
    wrong = sum(map(operator.ne, texts, read))
    edits = sum(map(edit_distance, texts, read))
    line_error = round(100 * wrong / len(texts), 2)
    character_error = round(100 * edits / sum(map(len, texts)), 2)
    return {"line_error": line_error, "character_error": character_error}


@functools.cache
def edit_distance(one, other):
    """Returns the least number of characters to insert, delete or replace.

    Example:

    >>> edit_distance("1234", "134")
    1
    """
    if not (one and other):
        return len(one) + len(other)
    if one[0] == other[0]:
        return edit_distance(one[1:], other[1:])
    ways = (one[1:], other), (one, other[1:]), (one[1:], other[1:])
    return 1 + min(edit_distance(*way) for way in ways)


def cost(single, model, width=112, repeats=30):
    """Compares sliding along a line with cutting a window at every fourth pixel.

    Args:
        single: Faithful network for images of 32x32 pixels.
        model: The same network for images of shape `(32, None, 1)`.
        width: Width of the line in pixels, a multiple of 4.
        repeats: Positive integer. The shortest time counts.

    Returns:
        Dictionary of `width`, `places`, and the multiply-adds and milliseconds of both.
    """
    places = (width - SIDE) // STRIDE + 1
    image = np.full((1, SIDE, width, 1), BACKGROUND, "float32")
    windows = np.full((places, SIDE, SIDE, 1), BACKGROUND, "float32")
    slid = layer_table(models.lenet5((SIDE, width, 1)))["total"].multiply_adds
    one = layer_table(single)["total"].multiply_adds
    return {
        "width": width,
        "places": places,
        "slid_multiply_adds": slid,
        "cut_multiply_adds": places * one,
        "slid_milliseconds": _milliseconds(model, image, repeats),
        "cut_milliseconds": _milliseconds(single, windows, repeats),
    }


def _milliseconds(model, x, repeats):
    model.predict_on_batch(x)  # compiles
    timer = timeit.Timer(lambda: model.predict_on_batch(x))
    return round(1000 * min(timer.repeat(repeats, number=1)), 2)
