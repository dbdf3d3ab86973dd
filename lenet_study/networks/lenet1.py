"""LeNet-1, the predecessor of LeNet-5, from 1990."""

from functools import partial

import keras
from keras import layers

from lenet_keras.activations import scaled_tanh
from lenet_keras.checks import expect
from lenet_keras.layers import ConnectionTableConv2D, Subsampling2D

_HALF = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1))
#: LeNet-1, Table 1 of Le Cun et al. (1990): the maps of H2 that feed each map of H3.
#: The last six maps see the last two of H2 as the first six see the first two.
#: 20 kernels, so 20 * 25 weights + 12 biases = 512 parameters.
LENET1_CONNECTIONS = _HALF + tuple(tuple(n + 2 for n in maps) for maps in _HALF)

# The subsampling, the third layer, and whether there are biases.
READINGS = {
    "1990": (Subsampling2D, partial(ConnectionTableConv2D, LENET1_CONNECTIONS), True),
    "dense": (layers.MaxPooling2D, partial(layers.Conv2D, 12), False),
}


def lenet1(input_shape=(28, 28, 1), reading="1990", name="lenet1"):
    """Builds LeNet-1: 2,578 trainable parameters, 98,442 connections.

    The output has ten scaled-tanh units. The target is 1 for the correct class and -1
    for the others: train with `lenet_keras.losses.SparseMeanSquaredError`. The largest
    output wins.

    With the default arguments the structure is exactly the structure of the paper. The
    paper does not specify the initial weights. We start the averaging coefficients at
    1/4, all biases at 0, and draw the kernels from a uniform distribution with variance
    `1 / fan_in`. The paper counts 4,635 units. This is the number of units here,
    including the pixels, plus one: presumably the constant unit that feeds the biases.

    Args:
        input_shape: `(28, 28, channels)`.
        reading: `"1990"`, or `"dense"` for the network in study note 003: every map of
            H3 uses all maps of H2, and max pooling replaces the trainable average. The
            note counts 3,220 weights without biases, so this network has no biases.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to outputs of shape `(batch, 10)`, from
        -1.7159 to 1.7159, with the layers H1 H2 H3 H4 output.

    Example:

    >>> lenet1().count_params(), lenet1(reading="dense").count_params()
    (2578, 3220)

    Raises:
        ValueError: If the image has a different size, or `reading` is unknown.

    Reference:
        Le Cun et al. (1990), "Handwritten digit recognition with a back-propagation
        network", section 4 and Table 1.
    """
    what = "an input_shape of (28, 28, channels)"
    expect(tuple(input_shape[:2]) == (28, 28), what, input_shape=input_shape)
    expect(reading in READINGS, f"a reading among {tuple(READINGS)}", reading=reading)
    subsampling, third, biases = READINGS[reading]
    last = {"data_format": "channels_last"}
    unit = {"activation": scaled_tanh, "kernel_initializer": "lecun_uniform"}
    unit["use_bias"] = biases

    inputs = keras.Input(input_shape, name="input")
    x = layers.Conv2D(4, 5, name="H1", **unit, **last)(inputs)  # 4 maps of 24x24
    x = subsampling(2, name="H2", **last)(x)  # 4 of 12x12
    x = third(5, name="H3", **unit, **last)(x)  # 12 of 8x8
    x = subsampling(2, name="H4", **last)(x)  # 12 of 4x4
    x = layers.Flatten("channels_last", name="flatten")(x)
    outputs = layers.Dense(10, name="output", **unit)(x)
    return keras.Model(inputs, outputs, name=name)
