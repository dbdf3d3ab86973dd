"""The anatomy of networks: receptive fields, growth, and the paper's own counts."""

from lenet_keras.counts import Counts, symbolic_layer_table

# The numbers that section II-B of the paper states for each layer.
PAPER_PARAMETERS = {
    "C1": 156,
    "S2": 12,
    "C3": 1_516,
    "S4": 32,
    "C5": 48_120,
    "F6": 10_164,
    "total": 60_000,
}
PAPER_CONNECTIONS = {
    "C1": 122_304,
    "S2": 5_880,
    "C3": 151_600,
    "S4": 2_000,
    "C5": 48_120,
    "total": 340_908,
}


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
    totals = {
        side: symbolic_layer_table(lambda side=side: build((side, side, channels)))[
            "total"
        ]
        for side in sides
    }
    return Counts(totals, "side")


def receptive_fields(model):
    """Computes the receptive field of one unit of each layer.

    Args:
        model: A sequence of layers. Those with a `kernel_size` or a `pool_size` have
            windows.

    Returns:
        Dictionary from the name of each layer with windows to the side, in pixels, of
        its units' square receptive field in the image.

    Example:

    >>> from lenet_keras.models import lenet5
    >>> receptive_fields(lenet5())
    {'C1': 5, 'S2': 6, 'C3': 14, 'S4': 16, 'C5': 32}
    """
    fields, side, step = {}, 1, 1
    for layer in model.layers:
        window = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
        if window is not None:
            dilation, _ = getattr(layer, "dilation_rate", (1, 1))
            side += (window[0] - 1) * dilation * step
            step *= getattr(layer, "strides", window)[0]
            fields[layer.name] = side
    return fields
