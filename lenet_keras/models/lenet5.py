"""LeNet-5 as described by LeCun et al. (1998)."""

import keras
import numpy as np
from keras.layers import Conv2D, Dense, Flatten

from lenet_keras.activations import scaled_tanh
from lenet_keras.checks import expect
from lenet_keras.codes import rbf_codes
from lenet_keras.connection_tables import C3_CONNECTIONS
from lenet_keras.initializers import FanInUniform, one_per_layer
from lenet_keras.layers import RBF, ConnectionTableConv2D, Subsampling2D


def lenet5(
    input_shape=(32, 32, 1),
    num_classes=10,
    codes=None,
    kernel_initializer=FanInUniform,
    name="lenet5",
):
    """Builds the faithful LeNet-5: 60,000 trainable parameters, 340,908 connections.

    The outputs are squared distances to the codes of the classes, so the smallest
    output wins. Train with `lenet_keras.losses.RBFMeanSquaredError` or
    `MaximumAPosteriori`, and measure with `lenet_keras.metrics.RBFAccuracy`. Keras's
    `metrics=["accuracy"]` would take the largest distance. For probabilities, add
    `lenet_keras.layers.RBFPosterior` after the output.

    With the default arguments the structure is exactly the structure of the paper.
    Where the paper is ambiguous, we decide as follows:

    - The subsampling coefficients start at 1/4, the average, and all biases at 0.
    - The fan-in `F` of the initial range `+-2.4 / F` does not count the bias.

    The paper's images are grey. With more channels, C1 uses all of them (CIFAR-10:
    60,300 parameters). On larger images, the same 60,000 parameters give one output at
    every fourth pixel, wherever a square of 32x32 pixels fits. This is the space
    displacement network of the paper.

    Args:
        input_shape: `(32, 32, channels)`, or larger by multiples of 4. A side of `None`
            takes images of different sizes: pixels after the last multiple of 4 have no
            influence, and for less than 32 the backend raises an error. The paper's
            pixels range from -0.1 for the background to 1.175 for the ink.
        num_classes: Integer from 1 to 10. The classes use the codes of the first
            digits.
        codes: Optional array of other codes, of shape `(classes, features)`. It
            determines the number of classes and the number of units in F6.
        kernel_initializer: What Keras takes: a name, a configuration, a class or an
            instance of an initializer. Each layer starts differently, also from an
            instance with a seed; the same seed gives the same network.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from `(batch, 32, 32, channels)` to distances of
        shape `(batch, classes)`, with the layers C1 S2 C3 S4 C5 F6 output. For larger
        images, and with a side of `None`, the output shape is `(batch, rows, columns,
        classes)`.

    Example:

    >>> model = lenet5()
    >>> sum(int(keras.ops.size(weight)) for weight in model.trainable_weights)
    60000

    Raises:
        ValueError: If the image is smaller than 32x32 pixels, a side is not a multiple
            of 4, or no codes are given and `num_classes` is not between 1 and 10.

    Reference:
        LeCun et al. (1998), section II-B and Figure 2; section VII on larger images.
    """
    *sides, channels = input_shape if np.shape(input_shape) == (3,) else (None,)
    fits = channels and all(n is None or (n >= 32 and n % 4 == 0) for n in sides)
    what = "an input_shape of (32, 32, channels), or larger by multiples of 4, or a "
    expect(fits, what + "side of None", input_shape=input_shape)
    if codes is None:
        what = "codes, or a num_classes from 1 to 10 for the digits' codes"
        expect(num_classes in range(1, 11), what, num_classes=num_classes)
        codes = rbf_codes("0123456789"[:num_classes])
    rbf = RBF(codes, name="output")
    kernels = one_per_layer(kernel_initializer)

    def squashed(layer, units, name, **settings):
        settings |= {"activation": scaled_tanh, "kernel_initializer": next(kernels)}
        return layer(units, name=name, **settings)

    last = {"data_format": "channels_last"}
    windows = {"kernel_size": 5, **last}

    inputs = keras.Input(input_shape, name="input")
    x = squashed(Conv2D, 6, "C1", **windows)(inputs)  # 6 maps of 28x28, 156 parameters
    x = Subsampling2D(name="S2", **last)(x)  # 6 of 14x14, 12
    # 16 of 10x10, 1,516: each uses the maps of S2 that the table gives it.
    x = squashed(ConnectionTableConv2D, C3_CONNECTIONS, "C3", **windows)(x)
    x = Subsampling2D(name="S4", **last)(x)  # 16 of 5x5, 32
    x = squashed(Conv2D, 120, "C5", **windows)(x)  # 120 of 1x1, 48,120
    if sides == [32, 32]:
        x = Flatten(name="flatten", **last)(x)
    x = squashed(Dense, rbf.initial_codes.shape[1], "F6")(x)  # 84 units, 10,164
    outputs = rbf(x)  # 10 distances, 840 fixed values
    return keras.Model(inputs, outputs, name=name)
