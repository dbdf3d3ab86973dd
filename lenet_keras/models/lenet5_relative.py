"""The modern variant with one idea of a later network in it."""

import keras
from keras import layers

from lenet_keras.layers import LocalResponseNormalization
from lenet_keras.models.inception import inception_block
from lenet_keras.models.residual import residual_block

# AlexNet's constant is for pixels from -128 to 128. Photographs' have a deviation of
# about 64; where that has been made 1, the same formula has a larger one.
ALPHAS = {"local response": 1e-4, "scaled local response": 1e-4 * 64**2}
PARTS = {
    "normalization": (None, *ALPHAS),
    "block": (None, "plain", "residual", "inception"),
}


def lenet5_relative(
    input_shape=(32, 32, 3),
    num_classes=10,
    activation="swish",
    overlapping=False,
    normalization=None,
    dropout=0.0,
    block=None,
    name="lenet5_relative",
):
    """Builds `lenet5_modern` with ideas of AlexNet, GoogLeNet or ResNet.

    With the default parts it is `lenet5_modern` itself.

    Args:
        input_shape: `(28, 28, channels)` or `(32, 32, channels)`.
        num_classes: Positive integer.
        activation: Name of a Keras activation.
        overlapping: Whether the maxima are of 3x3 pixels, every two, and not of 2x2
            side by side; the maps keep their size.
        normalization: `None`, or local response normalisation between C1 and S2, C3
            and S4: `"local response"` by AlexNet's constants, with which it does
            little but divide by 1.68 where pixels are standardised;
            `"scaled local response"` with `alpha` times `64 ** 2`, so that it does to
            them what it did to AlexNet's.
        dropout: Share of the units of C5 and F6, from 0 to below 1, that are left out
            in an update.
        block: What stands between C3 and S4: `None` for nothing, `"plain"` for two
            convolutions, `"residual"` for the same with a shortcut, `"inception"` for
            an inception block, each from 16 maps to 16.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape `(batch,
        num_classes)`.

    Example:

    >>> lenet5_relative().count_params()
    62006
    >>> lenet5_relative(block="residual").count_params()
    66646

    Raises:
        ValueError: If the image is of another size, or there is no such part.

    Reference:
        Krizhevsky, Sutskever and Hinton (2012); Szegedy et al. (2015); He, Zhang, Ren
        and Sun (2016).
    """
    given = {"normalization": normalization, "block": block}
    for part, value in given.items():
        if value not in PARTS[part]:
            raise ValueError(
                f"Expected {part} among {PARTS[part]}. Received: {part}={value!r}"
            )
    if not 0 <= dropout < 1:
        raise ValueError(f"Expected a dropout from 0 to below 1. Received: {dropout=}")
    if len(input_shape) != 3 or tuple(input_shape[:2]) not in ((28, 28), (32, 32)):
        raise ValueError(
            "Expected an input_shape of (28, 28, channels) or (32, 32, channels). "
            f"Received: {input_shape=}"
        )
    last = {"data_format": "channels_last"}

    def convolution(filters, name, padding="valid"):
        return layers.Conv2D(
            filters, 5, padding=padding, activation=activation, name=name, **last
        )

    def pooled(x, name):
        if normalization is not None:
            x = LocalResponseNormalization(
                alpha=ALPHAS[normalization], name=f"{name}_normalization", **last
            )(x)
        size, padding = (3, "same") if overlapping else (2, "valid")
        return layers.MaxPooling2D(size, strides=2, padding=padding, name=name, **last)(
            x
        )

    def fully_connected(x, units, name):
        x = layers.Dense(units, activation=activation, name=name)(x)
        return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x

    inputs = keras.Input(input_shape, name="input")
    x = convolution(6, "C1", "same" if input_shape[0] == 28 else "valid")(inputs)
    x = pooled(x, "S2")
    x = convolution(16, "C3")(x)
    if block == "inception":
        x = inception_block(x, 4, 8, 8, 2, 2, 2, activation=activation)
    elif block is not None:
        x = residual_block(x, block == "residual", activation, name=block)
    x = pooled(x, "S4")
    x = layers.Flatten("channels_last", name="flatten")(x)
    x = fully_connected(x, 120, "C5")
    x = fully_connected(x, 84, "F6")
    outputs = layers.Dense(num_classes, activation="softmax", name="output")(x)
    return keras.Model(inputs, outputs, name=name)
