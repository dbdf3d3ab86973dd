"""How well the networks read lines of digits, and at what cost."""

import dataclasses
import itertools
import time

import numpy as np
import pandas as pd

from lenet_keras import models, pretrained
from lenet_keras.counts import layer_table
from lenet_keras.preprocessing import BACKGROUND, prepare
from lenet_keras.reading import best_path, digits_of, distances_along
from lenet_study.datasets import load_mnist
from lenet_study.files import read_results
from lenet_study.lines import INK_FROM, KINDS, SIDE, STRIDE, compose
from lenet_study.pretrain import Shipped
from lenet_study.training import Run, code, one_thread, train

LENGTHS = range(2, 11)
NETWORKS = [
    *("lenet5-mnist", "lenet5-mnist-distorted"),
    *("lenet5-mnist-line", "lenet5-mnist-line-best"),
]
# Parts of the training of "lenet5-mnist-line": its augmentation without them.
WITHOUT = {
    "neighbours": {"present": 0.0},
    "rubbish": {"rubbish": 0.0},
    "both": {"present": 0.0, "rubbish": 0.0},
}
LINES = 1000  # of each kind and length
TUNED_LENGTH = 5
TRIED_J = [10, 15, 20, 30, 50, 70, 100, 150, 200, 300]
TRIED_START = [0, 2, 5, 10, 20, 40]


@dataclasses.dataclass(frozen=True)
class Reader(Shipped):
    """A trained faithful network that reads lines.

    Attributes:
        network: Name of the network.
        seed: Integer that determines the lines.
        lines: Positive integer, the lines of each kind and length.
        without: Optional key of `WITHOUT`. Then the network is trained first, by the
            recipe of its name without that part.
        stride: Optional stride of `read_digits`, in place of 4.
    """

    seed: int = 0
    lines: int = LINES
    without: str | None = None
    stride: int | None = None

    @property
    def asked(self):
        """The attributes that are given, as JSON values."""
        return {k: v for k, v in super().asked.items() if v is not None}

    @property
    def configuration(self):
        """The attributes, and the weights of the network or its training."""
        own = self.training.configuration if self.without else super().configuration
        return own | self.asked

    @property
    def training(self):
        """The run that trains the network without a part."""
        overrides = {"augmentation_arguments": WITHOUT[self.without]}
        return Run(self.network, "mnist", overrides=overrides)

    @property
    def name(self):
        """The network and the seed, in words."""
        return f"{_title(self.asked)}, seed {self.seed}"


def do_reader(reader, measure=None, checkpoint=None, progress=None):
    """Tunes and measures a reader, for `lenet_study.sweep.sweep`.

    Lines of five digits of the last 10,000 training digits, of all kinds together,
    choose `j` and `start`. Lines of test digits measure the error.

    Args:
        reader: `Reader`.
        measure: Not used.
        checkpoint: Optional path of the checkpoint of the training.
        progress: Not used.

    Returns:
        Dictionary of `status`; `row`, the chosen costs and the errors on five touching
        digits; `tuning`, the wrong lines for each pair of costs; `measured`, the errors
        for each kind and length; and `cost`, as `cost` returns it.
    """
    (x, y), (x_test, y_test) = load_mnist()
    x, y = prepare(x[-10_000:], "paper"), y[-10_000:]
    x_test = prepare(x_test, "paper")
    one_thread()
    if reader.without:
        single = train(reader.training, checkpoint, verbose=0).model
    else:
        single = pretrained.load_pretrained(reader.network)
    model = models.lenet5((SIDE, None, 1))
    model.set_weights(single.get_weights())
    tuning = tune(model, x, y, reader)
    best = min(tuning, key=lambda tried: tried["wrong"])
    costs = {name: best[name] for name in ("j", "start")}
    measured = []
    for kind, length in itertools.product(KINDS, LENGTHS):
        lines, texts = lines_of(x_test, y_test, reader, kind, length)
        both = {
            "slid": read_all(_seen(model, lines.images, reader), **costs),
            "cut": read_pieces(single, lines.images),
        }
        row = {"kind": kind, "length": length}
        for how, read in both.items():
            row |= {f"{how}_{n}": v for n, v in error_rates(texts, read).items()}
        measured.append(row)
    five = next(r for r in measured if (r["kind"], r["length"]) == ("touching", 5))
    row = costs | {name: five[name] for name in five if name not in ("kind", "length")}
    return {
        "status": "done",
        "row": row | code(),
        "tuning": tuning,
        "measured": measured,
        "cost": cost(single, model),
    }


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
        seen.append((_seen(model, lines.images, reader), texts))
    return [
        {
            "j": j,
            "start": start,
            "wrong": sum(
                read != text
                for distances, texts in seen
                for read, text in zip(read_all(distances, j, start), texts, strict=True)
            ),
        }
        for j, start in itertools.product(TRIED_J, TRIED_START)
    ]


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


def _seen(model, images, reader):
    return distances_along(model, images, reader.stride or STRIDE)


def read_all(distances, j, start):
    """Returns the texts of lines, from `distances_along` and the costs of a path."""
    paths = best_path(distances, j, start)
    return [
        "".join(str(digit) for digit, _ in digits_of(path, own))
        for path, own in zip(paths, distances, strict=True)
    ]


def read_pieces(model, images):
    """Reads lines without sliding: cuts them at columns without ink.

    The network answers to each piece. Its centre of mass is in the middle of an image.

    Args:
        model: Faithful network for images of 32x32 pixels.
        images: Array of shape `(n, 32, width, 1)`.

    Returns:
        List of `n` texts.
    """
    pieces = [cut(image[..., 0]) for image in images]
    answers = model.predict(np.concatenate(pieces), batch_size=1000, verbose=0)
    digits = iter(answers.argmin(axis=1))
    return ["".join(str(next(digits)) for _ in own) for own in pieces]


def cut(image):
    """Cuts a line at its columns without ink.

    Args:
        image: Array of shape `(32, width)`.

    Returns:
        Array of shape `(pieces, 32, 32, 1)`. The ink's centre of mass is in the middle.
    """
    ink = np.pad((image > INK_FROM).any(axis=0), 1).astype(int)
    begins, ends = (np.flatnonzero(np.diff(ink) == by) for by in (1, -1))
    pieces = np.full((len(begins), SIDE, SIDE, 1), BACKGROUND, "float32")
    for piece, begin, end in zip(pieces, begins, ends, strict=True):
        canvas = np.full((3 * SIDE, 2 * SIDE + end - begin), BACKGROUND, "float32")
        canvas[SIDE:-SIDE, SIDE:-SIDE] = image[:, begin:end]
        mass = np.maximum(canvas - BACKGROUND, 0)
        y, x = (
            round((mass.sum(axis=1 - axis) @ np.arange(n)) / mass.sum()) - SIDE // 2
            for axis, n in enumerate(mass.shape)
        )
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
    pairs = list(zip(texts, read, strict=True))
    wrong = sum(text != own for text, own in pairs)
    edits = sum(edit_distance(text, own) for text, own in pairs)
    return {
        "line_error": round(100 * wrong / len(pairs), 2),
        "character_error": round(100 * edits / sum(map(len, texts)), 2),
    }


def edit_distance(one, other):
    """Returns the least number of digits to insert, delete or replace.

    Example:

    >>> edit_distance("1234", "134")
    1
    """
    above = list(range(len(other) + 1))
    for row, a in enumerate(one, start=1):
        current = [row]
        for column, b in enumerate(other, start=1):
            ways = above[column] + 1, current[-1] + 1, above[column - 1] + (a != b)
            current.append(min(ways))
        above = current
    return above[-1]


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
    starts = STRIDE * np.arange(places)
    windows = np.concatenate([image[:, :, s : s + SIDE] for s in starts])
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
    times = []
    for _ in range(repeats + 1):  # the first call compiles
        start = time.perf_counter()
        model.predict_on_batch(x)
        times.append(time.perf_counter() - start)
    return round(1000 * min(times[1:]), 2)


def load_lines(path):
    """Returns the errors on lines that a sweep measured, in percent.

    Args:
        path: Path of the results file.

    Returns:
        `pandas.DataFrame` with one row per network, kind and length. `network` also
        says which part its training was without, and a stride that was given. The
        columns `slid_line_error` and `slid_character_error` are those of the sliding
        network, `cut_line_error` and `cut_character_error` those on the pieces between
        blank columns.
    """
    return pd.DataFrame(
        {"network": _title(result["run"])} | measured
        for result in read_results(path)
        for measured in result["measured"]
    )


def _title(run):
    without = run.get("without")
    looks = f", stride {run['stride']}" if "stride" in run else ""
    return run["network"] + (f" without {without}" if without else "") + looks
