"""Times the networks against what they could have been built with instead.

    make benchmark

All that is compared is timed in turn, round by round, in one run on one machine; a
ratio is the median of the rounds' own ratios, so that a machine whose speed drifts
does not decide it.
"""

import time

import keras
import numpy as np
from keras import layers, ops

from lenet_keras import models, rbf_codes
from lenet_keras.activations import scaled_tanh
from lenet_keras.experiments import minibatches
from lenet_keras.layers import C3_CONNECTIONS, RBF, ConnectionTableConv2D
from lenet_keras.recipes import RECIPES

ROUNDS = 15
RNG = np.random.default_rng(0)


class SeparateConvolutions(layers.Layer):
    """C3 as sixteen convolutions of selected maps, concatenated."""

    def __init__(self):
        super().__init__()
        self.convolutions = [layers.Conv2D(1, 5) for _ in C3_CONNECTIONS]

    def call(self, inputs):
        maps = [ops.take(inputs, entry, axis=-1) for entry in C3_CONNECTIONS]
        pairs = zip(self.convolutions, maps, strict=True)
        return ops.concatenate([convolve(x) for convolve, x in pairs], axis=-1)


class MaskedConvolution(layers.Conv2D):
    """C3 as a full kernel, multiplied by a mask at each step."""

    def __init__(self):
        super().__init__(16, 5)
        self.mask = np.zeros((6, 16), "float32")
        for output_map, entry in enumerate(C3_CONNECTIONS):
            self.mask[list(entry), output_map] = 1

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel * self.mask)


def lenet5_of_stock_layers():
    """The faithful network with Conv2D and AveragePooling2D for C3, S2 and S4."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, activation=scaled_tanh),
            layers.AveragePooling2D(2),
            layers.Activation(scaled_tanh),
            layers.Conv2D(16, 5, activation=scaled_tanh),
            layers.AveragePooling2D(2),
            layers.Activation(scaled_tanh),
            layers.Conv2D(120, 5, activation=scaled_tanh),
            layers.Flatten(),
            layers.Dense(84, activation=scaled_tanh),
            RBF(rbf_codes("0123456789")),
        ]
    )


def plain_code_of_note_002():
    """Study note 002's network and compilation, with Keras 3's spelling."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="swish"),
            layers.MaxPool2D(),
            layers.Conv2D(16, 5, activation="swish"),
            layers.MaxPool2D(),
            layers.Flatten(),
            layers.Dense(120, activation="swish"),
            layers.Dense(84, activation="swish"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def layer_step(layer):
    """Training steps of one layer of C3's size, with as little else as can be."""
    model = keras.Sequential([keras.Input((14, 14, 6)), layer])
    model.compile(optimizer="sgd", loss="mean_squared_error", steps_per_execution=20)
    maps = RNG.random((1280, 14, 14, 6), "float32")
    return fit(model, maps, RNG.random((1280, 10, 10, 16), "float32"), 64)


def fit(model, x, y, batch_size):
    """A function that trains a model for a pass, as Keras does."""
    return lambda: model.fit(x, y, batch_size=batch_size, verbose=0)


def pass_of(model, x, y):
    """A function that trains a model for a pass, as the recipes do."""
    return lambda: minibatches.fit(model, x, y, batch_size=32)


def compiled(model, recipe="lenet5-adam"):
    """The model, compiled with a recipe."""
    RECIPES[recipe].compile(model, 60_000)
    return model


def compare(title, ours, others):
    """Times functions in turn and prints the first one's time over each other's."""
    functions = {"ours": ours, **others}
    for function in functions.values():
        function()  # compiles
    seconds = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    for name in others:
        ratios = np.divide(seconds["ours"], seconds[name])
        print(
            f"| {title} | {name} | {np.median(ratios):.2f} "
            f"| {ratios.min():.2f} to {ratios.max():.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    digits = RNG.integers(0, 256, (6_400, 28, 28, 1), "uint8")
    labels = RNG.integers(0, 10, 6_400)
    paper = RNG.random((6_400, 32, 32, 1), "float32")

    print("| ours | against | time, ours / theirs | over the rounds |")
    print("|---|---|---|---|")
    compare(
        "the faithful network, batch 64",
        fit(compiled(models.lenet5()), paper, labels, 64),
        {"stock layers": fit(compiled(lenet5_of_stock_layers()), paper, labels, 64)},
    )
    compare(
        "C3 by ConnectionTableConv2D",
        layer_step(ConnectionTableConv2D(C3_CONNECTIONS, 5)),
        {
            "sixteen convolutions, concatenated": layer_step(SeparateConvolutions()),
            "a masked full kernel": layer_step(MaskedConvolution()),
        },
    )
    one_hot = keras.utils.to_categorical(labels, 10)
    plain = fit(plain_code_of_note_002(), digits, one_hot, 32)
    compare(
        "a pass of the faithful network, batch 32",
        pass_of(compiled(models.lenet5()), paper, labels),
        {"study note 002's plain code": plain},
    )
    compare(
        "a pass of the modern network, batch 32",
        pass_of(
            compiled(models.lenet5_modern(), "note-002"),
            digits.astype("float32"),
            labels,
        ),
        {"study note 002's plain code": plain},
    )
