"""LeNet-5's family, from LeNet-1 to ResNet, counted, beside what was published.

family.toml has the networks and the published figures, as data.
"""

import tomllib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import pandas as pd

from lenet_keras import models
from lenet_keras.counts import layer_table, symbolic_layer_table


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
        year: Year of the paper that its figures are from, or of the competition that
            it was in.
        build: Function without arguments that returns it.
        published: Dictionary from `"parameters"`, `"connections"` or
            `"multiply_adds"` to what was published of it.
    """

    year: int
    build: object
    published: dict


def _load():
    """Returns the networks of family.toml by name."""
    text = Path(__file__).with_name("family.toml").read_text(encoding="utf-8")
    family = {}
    for name, network in tomllib.loads(text).items():
        figures = network["published"].items()
        published = {count: Published(**figure) for count, figure in figures}
        family[name] = Member(network["year"], _builder(network["build"]), published)
    return family


def _builder(name):
    if name in models.__all__:
        return getattr(models, name)
    return partial(getattr(keras.applications, name), weights=None)


FAMILY = _load()


def timeline():
    """Counts each member of the family and puts what was published beside it.

    The networks are counted from symbolic shapes: nothing of their size is made.

    Returns:
        `pandas.DataFrame` indexed by `network`, with the columns `year`, `parameters`
        (trained and fixed ones, but for LeNet-5's codes, which its paper does not
        count), `connections`, `multiply_adds`, and for each of the three
        `published_...`, NaN where there is no figure.

    Example:

    >>> timeline().loc["LeNet-1", ["parameters", "connections"]].tolist()
    [2578, 98442]
    """
    rows = {}
    for name, (year, build, figures) in FAMILY.items():
        total = symbolic_layer_table(build)["total"]
        fixed = 0 if name == "LeNet-5" else total.fixed
        row = {
            "year": year,
            "parameters": total.trainable + fixed,
            "connections": total.connections,
            "multiply_adds": total.multiply_adds,
        }
        for count, figure in figures.items():
            row[f"published_{count}"] = figure.value
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


def published(counted):
    """Returns each published figure beside our count.

    Args:
        counted: What `timeline` returns.

    Returns:
        `pandas.DataFrame` indexed by `network` and `figure`, with the columns
        `published`, `counted`, `ratio` of the count to the figure, `reason` that they
        differ, empty where they do not, and `source`.
    """
    rows = [
        {
            "network": name,
            "figure": count.replace("_", "-"),
            "published": int(figure.value),
            "counted": counted.loc[name, count],
            "ratio": counted.loc[name, count] / figure.value,
            "reason": figure.why,
            "source": figure.source,
        }
        for name, member in FAMILY.items()
        for count, figure in member.published.items()
    ]
    return pd.DataFrame(rows).set_index(["network", "figure"])


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

        return symbolic_layer_table(build)["total"].trainable

    return weights(3, 5), weights(11, 1)


def block_counts(block, input_shape):
    """Counts a block of a network by itself.

    Args:
        block: Function from a symbolic tensor to another.
        input_shape: Shape of what it sees, without the batch.

    Returns:
        `lenet_keras.counts.Count`, the total.

    Example:

    >>> from lenet_keras.models import residual_block
    >>> block_counts(residual_block, (10, 10, 16)).connections
    467200
    """
    inputs = keras.Input(input_shape)
    return layer_table(keras.Model(inputs, block(inputs)))["total"]
