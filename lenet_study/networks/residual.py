"""The residual block."""

from keras import layers


def residual_block(inputs, shortcut=True, activation="relu", name="residual"):
    """Adds the inputs to the result of two 3x3 convolutions.

    `outputs = activation(inputs + convolve(activation(convolve(inputs))))`

    The convolutions keep the number and the size of the maps, so the shortcut needs no
    weights.

    Args:
        inputs: Symbolic tensor of shape `(batch, height, width, maps)`.
        shortcut: Whether the inputs are added. Without them the block is *plain*.
        activation: Activation function.
        name: Prefix of the names of the layers.

    Returns:
        Symbolic tensor of the same shape as the inputs.

    Example:

    >>> residual_block(layers.Input((10, 10, 16))).shape
    (None, 10, 10, 16)

    Reference:
        He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition",
        section 3.2, equation 1, without its batch normalisation.
    """
    maps = inputs.shape[-1]
    size = {"padding": "same", "data_format": "channels_last"}
    first = layers.Conv2D(maps, 3, activation=activation, name=f"{name}_1", **size)
    x = layers.Conv2D(maps, 3, name=f"{name}_2", **size)(first(inputs))
    if shortcut:
        x = layers.Add(name=f"{name}_sum")([x, inputs])
    return layers.Activation(activation, name=f"{name}_output")(x)
