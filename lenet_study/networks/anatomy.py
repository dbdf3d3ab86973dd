"""The anatomy of networks: receptive fields, and growth with the image."""

from functools import partial

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

    A window of `span` rows that moves by `stride` rows of the layer before adds
    `(span - 1) * step` rows of the image, and multiplies the step by `stride`.

    Args:
        model: A model as for `lenet_keras.counts.layer_table` whose layers form one
            sequence, with all windows before layers such as `Flatten`. The size of the
            images may be unknown.

    Returns:
        Dictionary from the name of each layer with windows to the height, in pixels, of
        its units' receptive field. Rows of zeros around the image count. If all windows
        are squares, the field is a square too.

    Example:

    >>> from lenet_keras.models import lenet5
    >>> receptive_fields(lenet5())
    {'C1': 5, 'S2': 6, 'C3': 14, 'S4': 16, 'C5': 32}

    Raises:
        TypeError, ValueError: As `layer_table`. Also a ValueError if branches join.
    """
    fields, field, step = {}, 1, 1
    for layer, before in calls(model):
        what = "a model whose layers form one sequence"
        expect(len(before) < 2, what, layer=layer.name, inputs=before)
        if hasattr(layer, "strides"):
            size = getattr(layer, "kernel_size", None) or layer.pool_size
            dilation = getattr(layer, "dilation_rate", (1, 1))
            field += (size[0] - 1) * dilation[0] * step
            step *= layer.strides[0]
            fields[layer.name] = field
    return fields
