"""Baselines of the paper: networks with only fully connected layers."""

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
        hidden: Numbers of units, one positive integer per hidden layer. `"lenet5"`
            gives one hidden layer, with a size that brings the number of parameters as
            close as possible to LeNet-5 with the same number of channels.
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
        ValueError: If `hidden` does not contain positive integers only, or is empty.

    Reference:
        LeCun et al. (1998), section III-C, on fully connected multilayer networks.
    """
    inputs = keras.Input(input_shape, name="input")
    x = layers.Flatten("channels_last", name="flatten")(inputs)
    if hidden == "lenet5":
        parameters = 60_000 + 150 * (input_shape[-1] - 1)  # C1 uses every channel
        hidden = (round((parameters - 10) / (x.shape[-1] + 1 + 10)),)
    units_fit = isinstance(hidden, tuple | list) and all(
        isinstance(units, int) and units > 0 for units in hidden
    )
    if not units_fit or not hidden:
        raise ValueError(
            f"Expected positive integers, or 'lenet5'. Received: hidden={hidden!r}"
        )
    for number, units in enumerate(hidden, start=1):
        x = layers.Dense(
            units,
            activation=scaled_tanh,
            kernel_initializer="lecun_uniform",
            name=f"hidden_{number}",
        )(x)
    outputs = layers.Dense(
        10, activation="softmax", kernel_initializer="lecun_uniform", name="output"
    )(x)
    return keras.Model(inputs, outputs, name=name)
