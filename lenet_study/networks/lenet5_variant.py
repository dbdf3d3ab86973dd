"""LeNet-5 with replaceable parts: from 1998 to today, and ideas of later networks."""

from functools import partial

import keras
from keras import layers

from lenet_keras import layers as ours
from lenet_keras.activations import scaled_tanh
from lenet_keras.checks import expect
from lenet_keras.codes import rbf_codes
from lenet_keras.connection_tables import C3_CONNECTIONS
from lenet_keras.initializers import one_per_layer
from lenet_study.networks.inception import inception_block
from lenet_study.networks.residual import residual_block

SUBSAMPLINGS = {
    "trainable": ours.Subsampling2D,
    "average": partial(layers.AveragePooling2D, 2),
    "max": partial(layers.MaxPooling2D, 2),
    "overlapping max": partial(layers.MaxPooling2D, 3, strides=2, padding="same"),
}
# AlexNet's constant is for pixels from -128 to 128 with a standard deviation of about
# 64. Pixels with a standard deviation of 1 need a larger constant in the same formula.
ALPHAS = {"local response": 1e-4, "scaled local response": 1e-4 * 64**2}
PARTS = {
    "c3": ("table", "full"),
    "subsampling": tuple(SUBSAMPLINGS),
    "c5": ("convolution", "dense"),
    "output": ("rbf", "softmax"),
    "normalization": (None, *ALPHAS),
    "block": (None, "plain", "residual", "inception"),
}


def lenet5_variant(
    input_shape=(32, 32, 1),
    c3="table",
    subsampling="trainable",
    activation="scaled_tanh",
    c5="convolution",
    output="rbf",
    kernel_initializer="lecun_uniform",
    normalization=None,
    dropout=0.0,
    block=None,
    name="lenet5_variant",
):
    """Builds LeNet-5 for ten classes, with any of its parts replaced.

    The default parts give `lenet5` with `kernel_initializer="lecun_uniform"`. The parts
    `c3="full"`, `subsampling="max"`, `activation="swish"`, `c5="dense"`,
    `output="softmax"` and `kernel_initializer="glorot_uniform"` give `lenet5_modern`.
    With the same seed, the initial weights are also the same.

    Args:
        input_shape: `(32, 32, channels)`, or `(28, 28, channels)`, which C1 pads with
            zeros.
        c3: `"table"` for the paper's connection table; `"full"` if each map of C3 uses
            all six maps of S2.
        subsampling: `"trainable"` for the paper's coefficient, bias and scaled tanh;
            `"average"` or `"max"` of 2x2 pixels; `"overlapping max"` of 3x3 pixels at
            strides of 2, with the same size of the output maps.
        activation: `"scaled_tanh"`, or the name of a Keras activation. C1, C3, C5, F6
            and the block use it. Trainable subsampling keeps its scaled tanh.
        c5: `"convolution"` over the whole map, or `"dense"`. Both have the same number
            of weights. For the convolution, Glorot's rule gives an initial range that
            is two and a half times narrower, because it also counts the outputs.
        output: `"rbf"` for the distances to the codes; `"softmax"` for a dense layer
            of probabilities.
        kernel_initializer: As for `lenet5`. The block keeps Keras's default.
        normalization: `None`, or local response normalization before S2 and S4.
            `"local response"` uses AlexNet's constants. On standardized pixels it does
            little more than divide by 1.68. `"scaled local response"` multiplies
            `alpha` by `64 ** 2`. On standardized pixels it then has the effect that
            AlexNet's constants have on AlexNet's pixels.
        dropout: Fraction of the units of C5 and F6 to drop in each update, from 0 to
            below 1.
        block: Block between C3 and S4, from 16 maps to 16 maps: `None`, `"plain"` for
            two convolutions, `"residual"` for the same with a shortcut, or
            `"inception"`.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from images to distances or probabilities of shape
        `(batch, 10)`, with the layers C1 S2 C3 S4 C5 F6 output.

    Example:

    >>> lenet5_variant().count_params()
    60840
    >>> lenet5_variant(c3="full", subsampling="max", output="softmax").count_params()
    61706

    Raises:
        ValueError: If the image has a different size, a part is unknown, or `dropout`
            is out of range.

    Reference:
        LeCun et al. (1998), section II-B, for the default parts; Krizhevsky, Sutskever
        and Hinton (2012), Szegedy et al. (2015), He, Zhang, Ren and Sun (2016) for the
        later ideas.
    """
    given = (c3, subsampling, c5, output, normalization, block)
    for (part, known), value in zip(PARTS.items(), given, strict=True):
        expect(value in known, f"{part} among {known}", **{part: value})
    expect(0 <= dropout < 1, "a dropout from 0 to below 1", dropout=dropout)
    what = "an input_shape of (28, 28, channels) or (32, 32, channels)"
    sizes = [(28, 28), (32, 32)]
    expect(tuple(input_shape[:2]) in sizes, what, input_shape=input_shape)

    activation = scaled_tanh if activation == "scaled_tanh" else activation
    last = {"data_format": "channels_last"}
    kernels = one_per_layer(kernel_initializer)

    def unit(activation=activation):
        return {"activation": activation, "kernel_initializer": next(kernels)}

    def convolution(filters, **arguments):
        return layers.Conv2D(filters, 5, **unit(), **last, **arguments)

    def subsampled(x, name):
        if normalization is not None:
            own = {"alpha": ALPHAS[normalization], "name": f"{name}_normalization"}
            x = ours.LocalResponseNormalization(**own, **last)(x)
        return SUBSAMPLINGS[subsampling](name=name, **last)(x)

    def dropped(x, name):
        return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x

    # C1 and S2: 6 maps of 28x28 and of 14x14.
    inputs = keras.Input(input_shape, name="input")
    padding = "same" if input_shape[0] == 28 else "valid"
    x = convolution(6, padding=padding, name="C1")(inputs)
    x = subsampled(x, "S2")

    # C3 and S4: 16 maps of 10x10 and of 5x5.
    if c3 == "table":
        own = {"name": "C3", **unit(), **last}
        x = ours.ConnectionTableConv2D(C3_CONNECTIONS, 5, **own)(x)
    else:
        x = convolution(16, name="C3")(x)
    if block == "inception":
        x = inception_block(x, (4, 8, 8, 2, 2, 2), activation)
    elif block is not None:
        x = residual_block(x, block == "residual", activation, name=block)
    x = subsampled(x, "S4")

    # C5 and F6: 120 and 84 units.
    if c5 == "convolution":
        x = convolution(120, name="C5")(x)
    x = layers.Flatten("channels_last", name="flatten")(x)
    if c5 == "dense":
        x = layers.Dense(120, name="C5", **unit())(x)
    x = dropped(x, "C5")
    x = layers.Dense(84, name="F6", **unit())(x)
    x = dropped(x, "F6")

    # Ten distances or ten probabilities.
    if output == "rbf":
        outputs = ours.RBF(rbf_codes("0123456789"), name="output")(x)
    else:
        outputs = layers.Dense(10, name="output", **unit("softmax"))(x)
    return keras.Model(inputs, outputs, name=name)
