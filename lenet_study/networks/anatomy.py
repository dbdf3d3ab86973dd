"""The anatomy of networks: receptive fields, and growth with the image."""

import math
from functools import partial

import keras
from keras import layers

from lenet_keras.checks import expect
from lenet_keras.counts import Counts, calls, symbolic_layer_table


def growth(build, sides, channels=1):
    """Counts a network for images of different sizes.

    Args:
        build: Function of an `input_shape` that returns a model, such as
            `lenet_keras.models.lenet5`.
        sides: Positive integers: the images' sides in pixels.
        channels: Positive integer.

    Returns:
        `Counts`: a dictionary from a side to the total `Count` of the network.

    Example:

    >>> from lenet_keras.models import lenet5
    >>> [count.connections for count in growth(lenet5, [32, 64]).values()]
    [340908, 6415980]
    """
    builds = {side: partial(build, (side, side, channels)) for side in sides}
    totals = {side: symbolic_layer_table(own)["total"] for side, own in builds.items()}
    return Counts(totals, "side")


def receptive_fields(model):
    """Computes the receptive field of one unit of each layer.

    Unit `u` of a layer sees the rows from `first + step * u` to `last + step * u` of
    the image. A window of `span` rows that moves by `stride` rows, after `padding` rows
    of zeros, sees the rows

    `first - padding * step` to `last + (span - 1 - padding) * step`

    of the layer before, and multiplies the step by `stride`. Where branches join, a
    unit sees all rows from the first to the last one of the branches.

    Args:
        model: A model as for `lenet_keras.counts.layer_table`. Its branches may join.
            The size of the images may be unknown; then it counts as a multiple of the
            strides.

    Returns:
        Dictionary from the name of each layer with windows to the height, in pixels, of
        its units' receptive field. Rows of zeros around the image count. If all windows
        are squares, the field is a square too.

    Example:

    >>> from lenet_keras.models import lenet5
    >>> receptive_fields(lenet5())
    {'C1': 5, 'S2': 6, 'C3': 14, 'S4': 16, 'C5': 32}

    Raises:
        TypeError, ValueError: As `layer_table`. Also a ValueError if windows come after
            a layer that does not keep the rows, such as `Flatten`, or after a join of
            branches with different steps.
    """
    fields, seen = {}, {}
    for layer, names in calls(model):
        before = [seen[name] for name in names] or [(0, 0, 1)]
        firsts, lasts, steps = zip(*before, strict=True)
        step = steps[0] if len(set(steps)) == 1 else math.nan
        span, stride, padding = _window(layer)
        first = min(firsts) - padding * step
        last = max(lasts) + (span - 1 - padding) * step
        seen[layer.name] = first, last, stride * step
        if hasattr(layer, "strides"):
            what = "windows after layers that keep the rows of the image"
            expect(not math.isnan(step), what, layer=layer.name, after=names)
            fields[layer.name] = last - first + 1
    return fields


def _window(layer):
    """Returns the span, the stride and the padding of a layer's windows.

    A layer without windows has windows of one row. If it does not keep the rows, the
    stride is NaN, and so is everything that follows.
    """
    if isinstance(layer, layers.ZeroPadding2D):
        return 1, 1, layer.padding[0][0]
    if not hasattr(layer, "strides"):
        tensors = keras.tree.flatten([layer.input, layer.output])
        keeps = len({tensor.shape[1:-1] for tensor in tensors}) == 1
        return 1, 1 if keeps and not isinstance(layer, layers.Softmax) else math.nan, 0
    size = getattr(layer, "kernel_size", None) or layer.pool_size
    span = (size[0] - 1) * getattr(layer, "dilation_rate", (1,))[0] + 1
    stride, padding = layer.strides[0], 0
    if layer.padding == "same":
        rows = layer.input.shape[1 if layer.data_format == "channels_last" else 2] or 0
        padding = max(span - (rows % stride or stride), 0) // 2
    return span, stride, padding
