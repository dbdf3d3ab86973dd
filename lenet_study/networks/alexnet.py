"""AlexNet, the network that won the ImageNet competition of 2012."""

import keras
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
        groups: Groups of maps in C2, C4 and C5: 2 as in the paper. With 1, each map
            uses all input maps: 62,378,344 parameters.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape `(batch,
        num_classes)`, with the layers C1 N1 P1 C2 N2 P2 C3 C4 C5 P5 F6 F7 output.

    Example:

    >>> from lenet_keras.counts import symbolic_layer_table
    >>> symbolic_layer_table(alexnet)["total"].trainable
    60965224

    Raises:
        ValueError: From Keras, if the image is too small, or a layer's maps cannot be
            divided into so many groups.

    Reference:
        Krizhevsky, Sutskever and Hinton (2012), section 3.5 and Figure 2; section 5 on
        the initial weights.
    """
    last = {"data_format": "channels_last"}

    def weights(biases):
        normal = keras.initializers.RandomNormal(stddev=0.01)
        return {"kernel_initializer": normal, "bias_initializer": biases}

    def convolution(filters, size, name, biases="ones", padding="same", **more):
        unit = {"activation": "relu", "padding": padding, "name": name, **more}
        return layers.Conv2D(filters, size, **unit, **weights(biases), **last)

    def pooling(name):  # 3x3 windows at strides of 2: they overlap
        return layers.MaxPooling2D(3, strides=2, name=name, **last)

    def fully_connected(units, name, activation="relu", biases="ones"):
        return layers.Dense(units, activation, name=name, **weights(biases))

    inputs = keras.Input(input_shape, name="input")
    # 96 maps of 55x55 and of 27x27.
    x = convolution(96, 11, "C1", "zeros", "valid", strides=4)(inputs)
    x = LocalResponseNormalization(name="N1", **last)(x)
    x = pooling("P1")(x)
    x = convolution(256, 5, "C2", groups=groups)(x)  # 256 of 27x27
    x = LocalResponseNormalization(name="N2", **last)(x)
    x = pooling("P2")(x)  # 256 of 13x13
    x = convolution(384, 3, "C3", "zeros")(x)  # 384 of 13x13
    x = convolution(384, 3, "C4", groups=groups)(x)  # 384 of 13x13
    x = convolution(256, 3, "C5", groups=groups)(x)  # 256 of 13x13
    x = pooling("P5")(x)  # 256 of 6x6
    x = layers.Flatten("channels_last", name="flatten")(x)  # 9,216
    x = fully_connected(4096, "F6")(x)
    x = layers.Dropout(0.5, name="D6")(x)
    x = fully_connected(4096, "F7")(x)
    x = layers.Dropout(0.5, name="D7")(x)
    outputs = fully_connected(num_classes, "output", "softmax", "zeros")(x)
    return keras.Model(inputs, outputs, name=name)
