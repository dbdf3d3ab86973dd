"""LeNet-5's family, from LeNet-1 to ResNet, counted, beside what was published."""

from functools import partial
from typing import NamedTuple

import keras
import pandas as pd

from lenet_keras import models
from lenet_keras.counts import symbolic_layer_table


class Published(NamedTuple):
    """A figure as it was printed.

    Attributes:
        value: The figure.
        step: The unit of its last digit.
        source: Where it stands.
        why: Why our count is another one; empty where it is not.
    """

    value: float
    step: float
    source: str
    why: str = ""

    def fits(self, count):
        """Returns whether a count is the figure, up to its last digit."""
        return abs(count - self.value) <= self.step / 2


class Member(NamedTuple):
    """A network of the family.

    Attributes:
        year: Year of the paper that its figures are from, or in which it won.
        build: Function without arguments that returns it.
        published: Dictionary from `"parameters"`, `"connections"` or
            `"multiply_adds"` to what was published of it.
    """

    year: int
    build: object
    published: dict


FIGURE_11 = "LeCun et al. (1998), Figure 11"

FAMILY = {
    "LeNet-1": Member(
        1990,
        models.lenet1,
        {
            "parameters": Published(2_578, 1, "Le Cun et al. (1990)"),
            "connections": Published(98_442, 1, "Le Cun et al. (1990)"),
            "multiply_adds": Published(
                100e3, 1e3, FIGURE_11, "probably the connections, rounded"
            ),
        },
    ),
    "LeNet-4": Member(
        1998,
        models.lenet4,
        {
            "parameters": Published(
                17e3,
                1e3,
                "LeCun et al. (1998), section III-C",
                "its own description gives the 120 units alone 48,120",
            ),
            "connections": Published(260e3, 1e4, "LeCun et al. (1998), section III-C"),
            "multiply_adds": Published(
                260e3, 1e3, FIGURE_11, "probably the connections, rounded"
            ),
        },
    ),
    "LeNet-5": Member(
        1998,
        models.lenet5,
        {
            "parameters": Published(60_000, 1, "LeCun et al. (1998), section II-B"),
            "connections": Published(340_908, 1, "LeCun et al. (1998), section II-B"),
            "multiply_adds": Published(
                401e3,
                1e3,
                FIGURE_11,
                "unknown; connections and parameters together are 400,908",
            ),
        },
    ),
    "AlexNet": Member(
        2012,
        models.alexnet,
        {
            "parameters": Published(60_965_224, 1, "Caffe's reference model"),
        },
    ),
    "GoogLeNet": Member(
        2014,
        models.googlenet,
        {
            "parameters": Published(6_998_552, 1, "Caffe's reference model"),
            "multiply_adds": Published(
                1.5e9,
                1e8,
                "Szegedy et al. (2015), section 1",
                "its Table 1 gives the first convolution 2.7 thousand weights and 34 "
                "million, as 7 + 7 in place of 7 x 7 would have; it is 9.4 and 118",
            ),
        },
    ),
    "VGG-16": Member(
        2014,
        partial(keras.applications.VGG16, weights=None),
        {
            "parameters": Published(138_357_544, 1, "Keras 2's documentation"),
            "multiply_adds": Published(
                15.3e9,
                1e8,
                "He et al. (2016), section 4.1",
                "it leaves out the dense layers, 0.12 billion",
            ),
        },
    ),
    "ResNet-50": Member(
        2015,
        partial(keras.applications.ResNet50, weights=None),
        {
            "parameters": Published(25_636_712, 1, "Keras 2's documentation"),
            "multiply_adds": Published(
                3.8e9,
                1e8,
                "He et al. (2016), Table 1",
                "3.86 without batch normalisation, so probably cut, not rounded",
            ),
        },
    ),
}


def timeline():
    """Counts each member of the family and puts what was published beside it.

    The networks are counted from symbolic shapes: nothing of their size is made.

    Returns:
        `pandas.DataFrame` indexed by name, with the columns `year`, `parameters`
        (trained and fixed ones, but for LeNet-5's codes, which the paper does not
        count), `connections`, `multiply_adds`; for each of the three `published_...`,
        NaN where there is no figure; `remark`, why a published one is another; and
        `sources`, where they stand.

    Example:

    >>> timeline().loc["LeNet-1", ["parameters", "connections"]].tolist()
    [2578, 98442]
    """
    rows = {}
    for name, (year, build, published) in FAMILY.items():
        total = symbolic_layer_table(build).loc["total"]
        fixed = 0 if name == "LeNet-5" else total["fixed"]
        row = {
            "year": year,
            "parameters": total["trainable"] + fixed,
            "connections": total["connections"],
            "multiply_adds": total["multiply_adds"],
        }
        for count, figure in published.items():
            row[f"published_{count}"] = figure.value
        row["remark"] = "; ".join(
            f"{count.replace('_', '-')}: {figure.why}"
            for count, figure in published.items()
            if figure.why
        )
        sources = dict.fromkeys(figure.source for figure in published.values())
        rows[name] = row | {"sources": "; ".join(sources)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


def stacked_threes(maps, filters):
    """Counts the weights of five 3x3 convolutions and of the 11x11 that sees as much.

    With `D` maps before them and `N` filters they are `9 D N + 36 N ** 2` and
    `121 D N`, biases left out: the stack saves weights where `N` is below
    `112 / 36 D = 3.11 D`. Study note 004 says 3.6 D.

    Args:
        maps: Positive integer `D`: maps before the convolutions.
        filters: Positive integer `N`: filters of each.

    Returns:
        Pair of integers: the weights of the five, and of the one.

    Example:

    >>> stacked_threes(maps=36, filters=112)
    (487872, 487872)
    """

    def weights(size, layers):
        def build():
            inputs = outputs = keras.Input((11, 11, maps))
            for _ in range(layers):
                outputs = keras.layers.Conv2D(filters, size, use_bias=False)(outputs)
            return keras.Model(inputs, outputs)

        return int(symbolic_layer_table(build).loc["total", "trainable"])

    return weights(3, 5), weights(11, 1)
