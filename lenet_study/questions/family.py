"""Counts of LeNet-5's family, from LeNet-1 to ResNet, beside the published figures.

family.toml has the networks and the published figures, as data.
"""

from functools import partial

import keras
import pandas as pd

from lenet_keras.counts import layer_table, symbolic_layer_table
from lenet_study import networks
from lenet_study.settings import tables

FAMILY = tables("questions/family.toml")


def build(name):
    """Builds a network of the family.

    Args:
        name: Key of `FAMILY`, such as `"LeNet-1"`.
    """
    function = FAMILY[name]["build"]
    if hasattr(networks, function):
        return getattr(networks, function)()
    return getattr(keras.applications, function)(weights=None)


def timeline():
    """Counts each network of the family, and adds the published figures.

    The counts use symbolic shapes, so no weights are created.

    Returns:
        `pandas.DataFrame` indexed by `network`, with the columns `year`, `parameters`
        (trained and fixed; without LeNet-5's codes, which its paper does not count),
        `connections`, `multiply_adds`, and for each of the three `published_...`, which
        is NaN if there is no figure.

    Example:

    >>> timeline().loc["LeNet-1", ["parameters", "connections"]].tolist()
    [2578, 98442]
    """
    rows = {}
    for name, network in FAMILY.items():
        total = symbolic_layer_table(partial(build, name))["total"]
        fixed = 0 if name == "LeNet-5" else total.fixed
        rows[name] = {
            "year": network["year"],
            "parameters": total.trainable + fixed,
            "connections": total.connections,
            "multiply_adds": total.multiply_adds,
        }
        for count, figure in network["published"].items():
            rows[name][f"published_{count}"] = figure["value"]
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


def published(counted):
    """Returns each published figure beside our count.

    Args:
        counted: `pandas.DataFrame` from `timeline`.

    Returns:
        `pandas.DataFrame` indexed by `network` and `figure`. The columns are
        `published`, `counted`, `ratio` of the count to the figure, `reason` why they
        differ, empty if they do not, and `source`.
    """
    rows = [
        {
            "network": name,
            "figure": count.replace("_", "-"),
            "published": int(figure["value"]),
            "counted": counted.loc[name, count],
            "ratio": counted.loc[name, count] / figure["value"],
            "reason": figure.get("why", ""),
            "source": figure["source"],
        }
        for name, network in FAMILY.items()
        for count, figure in network["published"].items()
    ]
    return pd.DataFrame(rows).set_index(["network", "figure"])


def stacked_threes(maps, filters):
    """Counts the weights of five 3x3 convolutions and of one 11x11 convolution.

    Both have the same receptive field. With `D` input maps and `N` filters they have
    `9 D N + 36 N ** 2` and `121 D N` weights without biases. So the stack saves weights
    if `N` is below `112 / 36 D = 3.11 D`. Study note 004 says 3.6 D.

    Args:
        maps: Positive integer `D`, the number of input maps.
        filters: Positive integer `N`, the number of filters of each convolution.

    Returns:
        Pair of integers, the weights of the five convolutions and of the one.

    Example:

    >>> stacked_threes(maps=36, filters=112)
    (487872, 487872)
    """

    def weights(*sizes):
        stack = [keras.layers.Conv2D(filters, size, use_bias=False) for size in sizes]
        return keras.Sequential([keras.Input((11, 11, maps)), *stack]).count_params()

    return weights(3, 3, 3, 3, 3), weights(11)


def block_counts(block, input_shape):
    """Counts one block of a network.

    Args:
        block: Function from a symbolic tensor to another.
        input_shape: Shape of the block's input, without the batch.

    Returns:
        `lenet_keras.counts.Count`, the total.

    Example:

    >>> from lenet_study.networks import residual_block
    >>> block_counts(residual_block, (10, 10, 16)).connections
    467200
    """
    inputs = keras.Input(input_shape)
    return layer_table(keras.Model(inputs, block(inputs)))["total"]
