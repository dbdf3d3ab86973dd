"""The networks that LeNet-5 was to beat: nothing but fully connected layers."""

import keras
from keras import layers

from lenet_keras.activations import scaled_tanh


def fully_connected(input_shape=(28, 28, 1), hidden=(300,), name="fully_connected"):
    """Builds a network of fully connected layers, such as the paper's 28x28-300-10.

    Its hidden units are those of LeNet-5, a scaled tanh. Where it departs from the
    paper's: the output is softmax, trained with cross-entropy, not ten squashed units.

    Args:
        input_shape: `(height, width, channels)`.
        hidden: One positive integer a hidden layer, its number of units; or `"lenet5"`
            for one layer that gives the network as many parameters as LeNet-5 has
            with so many channels, or as near as there is.
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
        ValueError: If `hidden` holds no positive integers.

    Reference:
        LeCun et al. (1998), section III-C, on fully connected multilayer networks.
    """
    inputs = keras.Input(input_shape, name="input")
    x = layers.Flatten("channels_last", name="flatten")(inputs)
    if hidden == "lenet5":
        parameters = 60_000 + 150 * (input_shape[-1] - 1)  # C1 sees every channel
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
