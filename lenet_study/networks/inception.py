"""The inception block, and GoogLeNet, which has nine of them."""

from functools import partial

import keras
from keras import layers

from lenet_keras.layers import LocalResponseNormalization

LAST = {"data_format": "channels_last"}
_convolution = partial(layers.Conv2D, activation="relu", padding="same", **LAST)
_pooling = partial(layers.MaxPooling2D, padding="same", **LAST)


def inception_block(inputs, sizes, activation="relu", name="inception"):
    """Applies convolutions of three sizes and a pooling in parallel.

    Each of the four branches receives the inputs and keeps their height and width. The
    block concatenates the maps of all branches. The 1x1 convolutions before the 3x3 and
    5x5 convolutions are called *bottlenecks*. They avoid most of the computation.

    Args:
        inputs: Symbolic tensor of shape `(batch, height, width, maps)`.
        sizes: The numbers of maps, six positive integers in the order of the paper's
            table: of the 1x1 convolution; of the bottleneck before the 3x3 convolution,
            and of that convolution; the same of the 5x5 convolution; and of the 1x1
            convolution after the 3x3 max pooling. With `None` there is no bottleneck,
            or no convolution after the pooling, and the output contains all pooled
            maps. Without all three, the block is the paper's naive version.
        activation: Activation function of all convolutions.
        name: Prefix of the names of the layers.

    Returns:
        Symbolic tensor of the same height and width, with the maps of all four
        branches.

    Example:

    >>> x = keras.Input((28, 28, 192))
    >>> inception_block(x, (64, 96, 128, 16, 32, 32)).shape
    (None, 28, 28, 256)

    Reference:
        Szegedy et al. (2015), "Going deeper with convolutions", section 4, Figure 2
        and the columns of Table 1.
    """
    ones, reduce_threes, threes, reduce_fives, fives, pool = sizes

    def convolution(filters, size, branch):
        named = f"{name}_{branch}"
        return _convolution(filters, size, activation=activation, name=named)

    def reduced(filters, branch):
        return inputs if filters is None else convolution(filters, 1, branch)(inputs)

    pooled = _pooling(3, strides=1, name=f"{name}_pool")(inputs)
    branches = [
        convolution(ones, 1, "1x1")(inputs),
        convolution(threes, 3, "3x3")(reduced(reduce_threes, "3x3_reduce")),
        convolution(fives, 5, "5x5")(reduced(reduce_fives, "5x5_reduce")),
        pooled if pool is None else convolution(pool, 1, "pool_proj")(pooled),
    ]
    return layers.Concatenate(name=f"{name}_output")(branches)


# The columns of the paper's Table 1, as the sizes of `inception_block`.
GOOGLENET_BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(input_shape=(224, 224, 3), num_classes=1000, name="googlenet"):
    """Builds GoogLeNet: 6,998,552 parameters without the auxiliary classifiers.

    The model does not include the two auxiliary classifiers, which the paper uses only
    in training.

    Args:
        input_shape: `(height, width, channels)`.
        num_classes: Positive integer.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape `(batch,
        num_classes)`.

    Example:

    >>> from lenet_keras.counts import symbolic_layer_table
    >>> symbolic_layer_table(googlenet)["total"].trainable
    6998552

    Reference:
        Szegedy et al. (2015), "Going deeper with convolutions", Table 1.
    """
    inputs = keras.Input(input_shape, name="input")
    x = _convolution(64, 7, strides=2, name="conv1")(inputs)
    x = _pooling(3, strides=2, name="pool1")(x)
    x = LocalResponseNormalization(name="norm1", **LAST)(x)
    x = _convolution(64, 1, name="conv2_reduce")(x)
    x = _convolution(192, 3, name="conv2")(x)
    x = LocalResponseNormalization(name="norm2", **LAST)(x)
    x = _pooling(3, strides=2, name="pool2")(x)
    for block, sizes in GOOGLENET_BLOCKS.items():
        if block in ("4a", "5a"):
            x = _pooling(3, strides=2, name=f"pool{int(block[0]) - 1}")(x)
        x = inception_block(x, sizes, name=f"inception_{block}")
    x = layers.GlobalAveragePooling2D(name="pool5", **LAST)(x)
    x = layers.Dropout(0.4, name="dropout")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="output")(x)
    return keras.Model(inputs, outputs, name=name)
