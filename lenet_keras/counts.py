"""Parameters, connections and multiply-adds of a model, layer by layer."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import keras
from keras import layers

from lenet_keras import layers as ours
from lenet_keras.checks import expect


class Count(NamedTuple):
    """Counts of a layer or of a whole network, for one image.

    Attributes:
        output_shape: Shape of the output without the batch; `()` for a total.
        trainable: Number of trainable parameters.
        fixed: Number of parameters that are not trained.
        connections: Number of connections.
        multiply_adds: Number of multiply-adds.
    """

    output_shape: tuple
    trainable: int
    fixed: int
    connections: int
    multiply_adds: int


class Counts(dict):
    """A dictionary of `Count`, by the name of a layer or by the side of an image.

    It prints as a table, and `to_pandas` turns it into a `pandas.DataFrame`.

    Args:
        counts: Dictionary from a name to a `Count`.
        index: Word for these names.
    """

    def __init__(self, counts, index="layer"):
        super().__init__(counts)
        self.index = index

    def __str__(self):
        rows = [[self.index, *Count._fields]]
        for name, (output_shape, *counts) in self.items():
            numbers = [f"{count:,}" for count in counts]
            rows.append([str(name), str(output_shape or ""), *numbers])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        )

    def to_pandas(self):
        """Returns the counts as a `pandas.DataFrame`. It needs pandas.

        Example:

        >>> from lenet_keras.models import lenet5
        >>> int(layer_table(lenet5()).to_pandas()["connections"]["C3"])
        151600
        """
        import pandas as pd

        table = pd.DataFrame.from_dict(self, orient="index", columns=Count._fields)
        table["output_shape"] = [count.output_shape or "" for count in self.values()]
        return table.rename_axis(self.index)


def _kernel(layer, units):
    """Counts a layer with shared weights: a kernel, and a bias per map if wanted.

    Every weight is used once at each position of the output maps.
    """
    first = getattr(layer, "data_format", None) == "channels_first"
    positions = units // layer.output.shape[1 if first else -1]
    products = positions * math.prod(layer.kernel.shape)
    return products + (units if layer.use_bias else 0), products


def _pooling(layer, units):
    return units * math.prod(layer.pool_size), 0


def _global_pooling(layer, units):
    return math.prod(layer.input.shape[1:]), 0


def _local_response(layer, units):
    return units * (2 * layer.depth_radius + 1), 0


def _nothing(layer, units):
    return 0, 0


# Layers without connections of their own.
_ACTIVATIONS = [layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU]
_SCALED = [layers.Softmax, ours.RBFPosterior, layers.Rescaling, layers.Dropout]
_MOVED = [layers.Concatenate, layers.ZeroPadding2D, layers.Flatten, layers.Reshape]

#: The cost of a layer type: a function of the layer and the number of its output units.
#: It returns connections and multiply-adds. Add the rule of your own layer type here.
COUNTING_RULES = {
    layers.Conv2D: _kernel,
    layers.Dense: _kernel,
    layers.DepthwiseConv2D: _kernel,
    ours.ConnectionTableConv2D: _kernel,
    ours.Subsampling2D: lambda layer, units: (units * (layer.window_area + 1), units),
    layers.AveragePooling2D: _pooling,
    layers.MaxPooling2D: _pooling,
    layers.GlobalAveragePooling2D: _global_pooling,
    layers.GlobalMaxPooling2D: _global_pooling,
    ours.LocalResponseNormalization: _local_response,
    layers.BatchNormalization: lambda layer, units: (2 * units, units),
    layers.Add: lambda layer, units: (units * len(layer.input), 0),
    ours.RBF: lambda layer, units: (units * layer.initial_codes.shape[1],) * 2,
} | dict.fromkeys([layers.InputLayer, *_ACTIVATIONS, *_SCALED, *_MOVED], _nothing)


def layer_table(model):
    """Counts parameters, connections and multiply-adds of each layer of a model.

    A *connection* is an input in a unit's receptive field, or the unit's bias. Padding
    counts. For a depthwise convolution the field is in one map, for pooling it is the
    window, for global pooling a whole map, for local response normalisation the
    neighbours. A *multiply-add* is a product with a trained weight or coefficient, or a
    squared difference. Pooling without a coefficient has none. An activation is part of
    its unit, also as a layer such as `ReLU` or `Softmax`: it has neither. Nor has
    `Rescaling`, whose numbers are fixed. The counts are for one image after training:
    batch normalisation has one coefficient and one bias per unit.

    Args:
        model: A built functional or sequential `keras.Model`. It consists of layers
            that are called once, and `lenet_keras.counts.COUNTING_RULES` has a rule
            for the type of each.

    Returns:
        `Counts`: a dictionary from a layer's name to its `Count`. The last entry,
        `"total"`, is the sum.

    Example:

    >>> from lenet_keras.models import lenet5
    >>> table = layer_table(lenet5())
    >>> table["C3"].connections, table["total"].trainable
    (151600, 60000)

    Raises:
        TypeError: If a layer's type has no rule, or if an operation of the model is
            not a layer, such as `x + y`. The message names it.
        ValueError: If the model is not built, if a layer is called more than once, if
            another model called it first, at another size, or if its output has an
            unknown size.

    Reference:
        LeCun et al. (1998), section II-B, which counts in this way.
    """
    # A sequential model does not list its input.
    listed = getattr(model, "operations", model.layers)
    rows = {layer.name: _count(layer) for layer, _ in calls(model) if layer in listed}
    _, *numbers = zip(*rows.values(), strict=True)
    return Counts(rows | {"total": Count((), *map(sum, numbers))})


def calls(model):
    """Follows the calls of layers in a model, from its inputs to its outputs.

    Args:
        model: As for `layer_table`.

    Yields:
        Each layer, and a list of the names of the layers that make its inputs.

    Example:

    >>> from lenet_keras.models import lenet5
    >>> [(layer.name, before) for layer, before in calls(lenet5())][:3]
    [('input', []), ('C1', ['input']), ('S2', ['C1'])]

    Raises:
        TypeError, ValueError: As `layer_table`, but sizes may be unknown.
    """
    expect(model.built, "a built model", model=model.name)
    graph = keras.Model(model.inputs, model.outputs, name=model.name)
    for operation in graph.operations:  # these are layers, or `x + y`
        if type(operation) not in COUNTING_RULES:
            raise TypeError(
                "Expected layers with a rule in lenet_keras.counts.COUNTING_RULES. "
                f"Received: layer={operation.name} of type {type(operation).__name__}"
            )
    configs = graph.get_config()["layers"]
    for layer, config in zip(graph.operations, configs, strict=True):
        tensors = list(_tensors(config["inbound_nodes"]))
        shapes = [tensor["shape"][1:] for tensor in tensors]
        # `layer.input` is that of the first call, which another model may have made.
        first = [tensor.shape[1:] for tensor in keras.tree.flatten(layer.input)]
        what = "layers that are called once, or in other models at the same size"
        expect(shapes == first, what, layer=layer.name, inputs=shapes, first=first)
        yield layer, [tensor["keras_history"][0] for tensor in tensors]


def _tensors(config):
    """Yields the configuration of each tensor in that of a layer's calls."""
    if isinstance(config, dict) and "keras_history" in config:
        yield config
    elif isinstance(config, dict | list | tuple):
        for part in config.values() if isinstance(config, dict) else config:
            yield from _tensors(part)


def symbolic_layer_table(build):
    """Counts a network of any size without creating its weights.

    Args:
        build: Function without arguments that returns a model, such as
            `lenet_study.networks.alexnet` or `lambda: keras.applications.VGG16(weights=
            None)`.

    Returns:
        `Counts`, as `layer_table` returns them.

    Example:

    >>> table = symbolic_layer_table(lambda: keras.applications.VGG16(weights=None))
    >>> f"{table['total'].trainable:,}"
    '138,357,544'

    Raises:
        TypeError, ValueError: As `layer_table`.
    """

    def count():
        with keras.StatelessScope(initialize_variables=False):
            return layer_table(build())

    # When another such scope ends in the same thread, Keras initializes all variables
    # that still wait for values. So these variables live in a thread of their own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(count).result()


def _count(layer):
    output_shape = tuple(layer.output.shape[1:])
    what = "outputs of a known size"
    expect(None not in output_shape, what, layer=layer.name, output_shape=output_shape)
    trainable = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
    fixed = layer.count_params() - trainable
    costs = COUNTING_RULES[type(layer)](layer, math.prod(output_shape))
    return Count(output_shape, trainable, fixed, *costs)
