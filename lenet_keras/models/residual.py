"""The residual block."""

from keras import layers


def residual_block(inputs, shortcut=True, activation="relu", name="residual"):
    """Adds two 3x3 convolutions to what they see.

    `outputs = activation(inputs + convolve(activation(convolve(inputs))))`

    The convolutions keep the number of maps and their size, so that the shortcut needs
    no weights.

    Args:
        inputs: Symbolic tensor of shape `(batch, height, width, maps)`.
        shortcut: Whether the inputs are added; without them the block is *plain*.
        activation: Activation function.
        name: What the names of its layers begin with.

    Returns:
        Symbolic tensor of the inputs' shape.

    Example:

    >>> residual_block(layers.Input((10, 10, 16))).shape
    (None, 10, 10, 16)

    Reference:
        He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition",
        section 3.2, equation 1, without its batch normalisation.
    """
    maps = inputs.shape[-1]
    convolution = {"padding": "same", "data_format": "channels_last"}
    x = layers.Conv2D(maps, 3, activation=activation, name=f"{name}_1", **convolution)(
        inputs
    )
    x = layers.Conv2D(maps, 3, name=f"{name}_2", **convolution)(x)
    if shortcut:
        x = layers.Add(name=f"{name}_sum")([x, inputs])
    return layers.Activation(activation, name=f"{name}_output")(x)
