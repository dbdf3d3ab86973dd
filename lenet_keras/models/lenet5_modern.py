"""The modern network that is often called LeNet-5 today."""

from functools import partial

import keras
import numpy as np
from keras import layers

from lenet_keras.checks import expect


def lenet5_modern(input_shape=(28, 28, 1), num_classes=10, name="lenet5_modern"):
    """Builds the modern variant: 61,706 parameters on MNIST, 62,006 on CIFAR-10.

    The numbers of maps and units are the same as in LeNet-5. The differences from the
    paper are:

    - C1: zero padding keeps 28x28 maps for 28x28 images; swish, not a scaled tanh.
    - S2, S4: the maximum of each window; no coefficient, bias or squashing function.
    - C3: every map uses all six maps of S2: 2,416 parameters, not 1,516; swish.
    - C5: a dense layer on the flattened maps. It has the same weights, but works only
      for one image size; swish.
    - F6: swish.
    - output: a dense layer with softmax and 850 trained parameters instead of the
      distances to 84-bit codes. The largest output wins.

    The initial weights are the Keras defaults: Glorot-uniform kernels, biases 0.

    Args:
        input_shape: `(28, 28, channels)` or `(32, 32, channels)`.
        num_classes: Positive integer.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape `(batch,
        num_classes)`, with the layers C1 S2 C3 S4 C5 F6 output.

    Example:

    >>> lenet5_modern().count_params()
    61706
    >>> lenet5_modern((32, 32, 3)).count_params()
    62006

    Raises:
        ValueError: If the image has a different size, or `num_classes` is not positive.

    Reference:
        LeCun et al. (1998), section II-B, for the original network.
    """
    is_square = np.shape(input_shape) == (3,) and input_shape[0] == input_shape[1]
    fits = is_square and input_shape[0] in (28, 32)
    what = "an input_shape of (28, 28, channels) or (32, 32, channels)"
    expect(fits, what, input_shape=input_shape)
    padding = "same" if input_shape[0] == 28 else "valid"

    last = {"data_format": "channels_last"}
    convolution = partial(layers.Conv2D, kernel_size=5, activation="swish", **last)
    pooling = partial(layers.MaxPooling2D, **last)

    inputs = keras.Input(input_shape, name="input")
    x = convolution(6, padding=padding, name="C1")(inputs)
    x = pooling(name="S2")(x)
    x = convolution(16, name="C3")(x)
    x = pooling(name="S4")(x)
    x = layers.Flatten("channels_last", name="flatten")(x)
    x = layers.Dense(120, activation="swish", name="C5")(x)
    x = layers.Dense(84, activation="swish", name="F6")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="output")(x)
    return keras.Model(inputs, outputs, name=name)
