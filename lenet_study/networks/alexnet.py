"""AlexNet, the network that won the ImageNet competition of 2012."""

import keras
import numpy as np
from keras import layers

from lenet_keras.layers import LocalResponseNormalization


def alexnet(input_shape=(227, 227, 3), num_classes=1000, groups=2, name="alexnet"):
    """Builds AlexNet: 60,965,224 parameters.

    The network has five convolutions and three fully connected layers with ReLU,
    overlapping max pooling, local response normalisation and dropout. Two groups of
    maps represent the paper's two graphics cards. The groups are connected in C3 and in
    the fully connected layers. N1 and N2 also connect them at their border, because the
    paper's formula sums over all maps.

    Normalisation comes before pooling, as in the paper. Study note 004 and CaffeNet,
    Caffe's reference model, use the opposite order. The paper states 224x224 pixels,
    but then C1 does not have 55x55 units. With 227x227 pixels it does.

    The initial weights follow the paper: normal distribution with standard deviation
    0.01; biases 1 in C2, C4, C5, F6 and F7, and 0 elsewhere.

    Args:
        input_shape: `(height, width, channels)`, at least 67x67 pixels. The paper's
            pixels are centred and range from about -128 to 128.
        num_classes: Positive integer.
        groups: 2 as in the paper, or 1, where each map uses all input maps: 62,378,344
            parameters.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape `(batch,
        num_classes)`, with the layers C1 N1 P1 C2 N2 P2 C3 C4 C5 P5 F6 F7 output.

    Example:

    >>> from lenet_keras.counts import symbolic_layer_table
    >>> symbolic_layer_table(alexnet)["total"].trainable
    60965224

    Raises:
        ValueError: If the image is too small, or `groups` is not 1 or 2.

    Reference:
        Krizhevsky, Sutskever and Hinton (2012), section 3.5 and Figure 2; section 5 on
        the initial weights.
    """
    if np.shape(input_shape) != (3,) or min(input_shape[:2]) < 67:
        raise ValueError(
            "Expected an input_shape (height, width, channels) of at least 67x67 "
            f"pixels. Received: {input_shape=}"
        )
    if groups not in (1, 2):
        raise ValueError(f"Expected groups of 1 or 2. Received: {groups=}")
    last = {"data_format": "channels_last"}

    def weights(first_bias):
        return {
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.01),
            "bias_initializer": "ones" if first_bias else "zeros",
        }

    def convolution(filters, size, name, first_bias, strides=1, groups=1):
        return layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            groups=groups,
            activation="relu",
            name=name,
            **weights(first_bias),
            **last,
        )

    def normalization(name):
        return LocalResponseNormalization(name=name, **last)

    def pooling(name):  # 3x3 windows at strides of 2: they overlap
        return layers.MaxPooling2D(3, strides=2, name=name, **last)

    def fully_connected(units, name):
        return layers.Dense(units, activation="relu", name=name, **weights(1))

    inputs = keras.Input(input_shape, name="input")
    x = convolution(96, 11, "C1", 0, strides=4)(inputs)  # 96 maps of 55x55
    x = normalization("N1")(x)
    x = pooling("P1")(x)  # 96 of 27x27
    x = convolution(256, 5, "C2", 1, groups=groups)(x)  # 256 of 27x27
    x = normalization("N2")(x)
    x = pooling("P2")(x)  # 256 of 13x13
    x = convolution(384, 3, "C3", 0)(x)  # 384 of 13x13
    x = convolution(384, 3, "C4", 1, groups=groups)(x)  # 384 of 13x13
    x = convolution(256, 3, "C5", 1, groups=groups)(x)  # 256 of 13x13
    x = pooling("P5")(x)  # 256 of 6x6
    x = layers.Flatten("channels_last", name="flatten")(x)  # 9,216
    x = fully_connected(4096, "F6")(x)
    x = layers.Dropout(0.5, name="D6")(x)
    x = fully_connected(4096, "F7")(x)
    x = layers.Dropout(0.5, name="D7")(x)
    outputs = layers.Dense(
        num_classes, activation="softmax", name="output", **weights(0)
    )(x)
    return keras.Model(inputs, outputs, name=name)
