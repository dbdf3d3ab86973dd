"""LeNet-4, as far as the paper describes it."""

import keras
from keras import layers

from lenet_keras.activations import scaled_tanh
from lenet_keras.checks import expect
from lenet_keras.layers import ConnectionTableConv2D, Subsampling2D

#: LeNet-4: each of the 16 maps of C3 has three adjacent maps of S2 as inputs, out of
#: eight. The paper gives no table. If all maps of C3 have equally many inputs, only
#: three inputs per map agree with the paper's number of connections.
LENET4_CONNECTIONS = tuple(
    tuple(sorted((first + step) % 8 for step in range(3))) for first in range(16)
)


def lenet4(input_shape=(32, 32, 1), name="lenet4"):
    """Builds LeNet-4 by its description: 50,698 parameters, 262,306 connections.

    The paper describes it in one sentence: 4 maps in the first layer, 8 subsampled maps
    (two for each first map), 16 maps, 16 subsampled maps, 120 units connected to all of
    them, and 10 outputs. It has "about 260,000 connections" and "about 17,000 free
    parameters".

    **The description contradicts the number of parameters.** The 120 units alone, on 16
    maps of 5x5, have 48,120 parameters. The number of connections agrees if each of the
    16 maps uses three of the eight maps, as here. The paper has no connection table. In
    ours each map uses three neighbours, and the last eight maps use the same inputs as
    the first eight.

    We assume the output of LeNet-1: ten scaled-tanh units with targets 1 and -1. The
    largest output wins.

    Args:
        input_shape: `(32, 32, channels)`.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to outputs of shape `(batch, 10)`, from
        -1.7159 to 1.7159, with the layers C1 S2 C3 S4 F5 output.

    Example:

    >>> lenet4().count_params()
    50698

    Raises:
        ValueError: If the image has a different size.

    Reference:
        LeCun et al. (1998), section III-C.
    """
    what = "an input_shape of (32, 32, channels)"
    expect(tuple(input_shape[:2]) == (32, 32), what, input_shape=input_shape)
    last = {"data_format": "channels_last"}
    unit = {"activation": scaled_tanh, "kernel_initializer": "lecun_uniform"}

    inputs = keras.Input(input_shape, name="input")
    x = layers.Conv2D(4, 5, name="C1", **unit, **last)(inputs)  # 4 maps of 28x28
    x = layers.Concatenate(name="twice")([x, x])
    x = Subsampling2D(2, name="S2", **last)(x)  # 8 of 14x14
    # 16 of 10x10 and of 5x5.
    x = ConnectionTableConv2D(LENET4_CONNECTIONS, 5, name="C3", **unit, **last)(x)
    x = Subsampling2D(2, name="S4", **last)(x)
    x = layers.Flatten("channels_last", name="flatten")(x)
    x = layers.Dense(120, name="F5", **unit)(x)
    outputs = layers.Dense(10, name="output", **unit)(x)
    return keras.Model(inputs, outputs, name=name)
