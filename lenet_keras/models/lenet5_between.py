"""The networks between LeNet-5 and its modern variant, one exchanged part at a time."""

import keras
from keras import layers

from lenet_keras.activations import scaled_tanh
from lenet_keras.codes import rbf_codes
from lenet_keras.connection_tables import C3_CONNECTIONS
from lenet_keras.layers import RBF, ConnectionTableConv2D, Subsampling2D

PARTS = {
    "c3": ("table", "full"),
    "subsampling": ("trainable", "average", "max"),
    "activation": ("scaled_tanh", "swish"),
    "output": ("rbf", "softmax"),
}


def lenet5_between(
    input_shape=(32, 32, 1),
    c3="table",
    subsampling="trainable",
    activation="scaled_tanh",
    output="rbf",
    kernel_initializer="lecun_uniform",
    name="lenet5_between",
):
    """Builds LeNet-5 with any of its parts exchanged for today's.

    With the default parts it is `lenet5`, for ten classes; with the others,
    `lenet5_modern`, whose `C5` is a convolution over the whole map here: the same
    weights, in another shape. (Drawn by Glorot's rule, which counts the outputs too,
    they start in a range two and a half times narrower than its dense ones.)

    Args:
        input_shape: `(32, 32, channels)`, or `(28, 28, channels)`, which C1 pads with
            zeros.
        c3: `"table"` for the paper's connection table, `"full"` for all six maps.
        subsampling: `"trainable"` for the paper's coefficient, bias and squashing,
            `"average"` or `"max"` for Keras's pooling.
        activation: `"scaled_tanh"` or `"swish"`, of C1, C3, C5 and F6; trainable
            subsampling keeps its scaled tanh.
        output: `"rbf"` for the distances to the codes, `"softmax"` for a dense layer
            of probabilities.
        kernel_initializer: Name of an initializer of Keras.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to distances or probabilities of shape
        `(batch, 10)`, with the layers C1 S2 C3 S4 C5 F6 output.

    Example:

    >>> lenet5_between(c3="full", subsampling="max", output="softmax").count_params()
    61706

    Raises:
        ValueError: If the image is of another size, or there is no such part.

    Reference:
        LeCun et al. (1998), section II-B, for the default parts.
    """
    given = {
        "c3": c3,
        "subsampling": subsampling,
        "activation": activation,
        "output": output,
    }
    for part, value in given.items():
        if value not in PARTS[part]:
            raise ValueError(
                f"Expected {part} among {PARTS[part]}. Received: {part}={value!r}"
            )
    if len(input_shape) != 3 or tuple(input_shape[:2]) not in ((28, 28), (32, 32)):
        raise ValueError(
            "Expected an input_shape of (28, 28, channels) or (32, 32, channels). "
            f"Received: {input_shape=}"
        )
    squashing = scaled_tanh if activation == "scaled_tanh" else "swish"
    last = {"data_format": "channels_last"}
    unit = {"activation": squashing, "kernel_initializer": kernel_initializer}

    def convolution(filters, name, padding="valid"):
        return layers.Conv2D(filters, 5, padding=padding, name=name, **unit, **last)

    def pooling(name):
        if subsampling == "trainable":
            return Subsampling2D(name=name, **last)
        if subsampling == "average":
            return layers.AveragePooling2D(2, name=name, **last)
        return layers.MaxPooling2D(2, name=name, **last)

    inputs = keras.Input(input_shape, name="input")
    x = convolution(6, "C1", "same" if input_shape[0] == 28 else "valid")(inputs)
    x = pooling("S2")(x)
    if c3 == "full":
        x = convolution(16, "C3")(x)
    else:
        x = ConnectionTableConv2D(C3_CONNECTIONS, 5, name="C3", **unit, **last)(x)
    x = pooling("S4")(x)
    x = convolution(120, "C5")(x)
    x = layers.Flatten("channels_last", name="flatten")(x)
    x = layers.Dense(84, name="F6", **unit)(x)
    if output == "rbf":
        outputs = RBF(rbf_codes("0123456789"), name="output")(x)
    else:
        outputs = layers.Dense(
            10,
            activation="softmax",
            kernel_initializer=kernel_initializer,
            name="output",
        )(x)
    return keras.Model(inputs, outputs, name=name)
