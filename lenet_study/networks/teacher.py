"""A larger network of today, whose answers serve as labels for the small ones."""

from functools import partial

import keras
from keras import layers


def teacher(input_shape=(32, 32, 3), num_classes=10, width=32, name="teacher"):
    """Builds a network of seven 3x3 convolutions in four stages.

    The stages have `width`, `2 width`, `4 width` and `8 width` maps. Each convolution
    is followed by batch normalisation and ReLU, each stage but the last by max pooling,
    and the last by the mean of each map and a softmax. Only the first stage has one
    convolution.

    Args:
        input_shape: `(height, width, channels)`, each side of 8 or more.
        num_classes: Positive integer.
        width: Positive integer, the number of maps of the first stage.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape `(batch,
        num_classes)`.

    Example:

    >>> teacher(width=8).output_shape
    (None, 10)

    Reference:
        Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale
        image recognition"; Ioffe and Szegedy (2015), "Batch normalization".
    """
    last = {"data_format": "channels_last"}
    plain = {"use_bias": False, "kernel_initializer": "he_normal"}
    convolution = partial(layers.Conv2D, padding="same", **plain, **last)
    inputs = x = keras.Input(input_shape, name="input")
    for stage in range(4):
        for index in range(1 if stage == 0 else 2):
            part = f"stage{stage + 1}_{index + 1}"
            x = convolution(width * 2**stage, 3, name=part)(x)
            x = layers.BatchNormalization(axis=-1, name=f"{part}_normalization")(x)
            x = layers.Activation("relu", name=f"{part}_relu")(x)
        if stage < 3:
            x = layers.MaxPooling2D(name=f"stage{stage + 1}_pooling", **last)(x)
    x = layers.GlobalAveragePooling2D("channels_last", name="mean")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="output")(x)
    return keras.Model(inputs, outputs, name=name)
