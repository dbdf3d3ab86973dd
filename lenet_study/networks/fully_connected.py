"""Baselines of the paper: networks with only fully connected layers."""

from functools import partial

import keras
from keras import layers

from lenet_keras.activations import scaled_tanh


def fully_connected(input_shape=(28, 28, 1), hidden=(300,), name="fully_connected"):
    """Builds a network of fully connected layers, such as the paper's 28x28-300-10.

    The hidden units use the activation of LeNet-5, a scaled tanh. One difference from
    the paper: the output is softmax, for training with cross-entropy. The paper has ten
    output units with a squashing function.

    Args:
        input_shape: `(height, width, channels)`.
        hidden: Numbers of units, one positive integer per hidden layer; none gives the
            paper's linear classifier. `"lenet5"` gives one hidden layer, with a size
            that brings the number of parameters as close as possible to LeNet-5 with
            the same number of channels.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to probabilities of shape
        `(batch, 10)`.

    Example:

    >>> fully_connected((28, 28, 1), hidden=(300, 100)).count_params()
    266610
    >>> fully_connected((28, 28, 1), hidden="lenet5").count_params()
    59635

    Raises:
        ValueError: From Keras, if `hidden` contains anything but positive integers.

    Reference:
        LeCun et al. (1998), section III-C, on fully connected multilayer networks.
    """
    inputs = keras.Input(input_shape, name="input")
    x = layers.Flatten("channels_last", name="flatten")(inputs)
    if hidden == "lenet5":
        parameters = 60_000 + 150 * (input_shape[-1] - 1)  # C1 uses every channel
        hidden = (round((parameters - 10) / (x.shape[-1] + 1 + 10)),)
    dense = partial(layers.Dense, kernel_initializer="lecun_uniform")
    for number, units in enumerate(hidden, start=1):
        x = dense(units, scaled_tanh, name=f"hidden_{number}")(x)
    outputs = dense(10, "softmax", name="output")(x)
    return keras.Model(inputs, outputs, name=name)
