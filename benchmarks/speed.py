"""Compares the networks and C3 with alternative implementations.

All alternatives of a comparison run in turn, round by round. A ratio is of the times
in one round, so drifts in the speed of the machine have little effect.
"""

import time
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from page import TINY, installed, publish, spread

from lenet_keras import models, rbf_codes
from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import C3_CONNECTIONS, RBF, ConnectionTableConv2D
from lenet_study.recipes import RECIPES
from lenet_study.training.callbacks import RefuseDivergence
from lenet_study.training.train import fit_minibatches

ROUNDS = 1 if TINY else 15
IMAGES = 320 if TINY else 6_400
RNG = np.random.default_rng(0)


class SeparateConvolutions(layers.Layer):
    """C3 as sixteen concatenated convolutions of selected maps."""

    def __init__(self):
        super().__init__()
        self.convolutions = [layers.Conv2D(1, 5) for _ in C3_CONNECTIONS]

    def build(self, input_shape):
        for convolution, entry in zip(self.convolutions, C3_CONNECTIONS, strict=True):
            convolution.build((*input_shape[:-1], len(entry)))

    def call(self, inputs):
        maps = [ops.take(inputs, entry, axis=-1) for entry in C3_CONNECTIONS]
        pairs = zip(self.convolutions, maps, strict=True)
        return ops.concatenate([convolve(x) for convolve, x in pairs], axis=-1)


class MaskedConvolution(layers.Conv2D):
    """C3 as a full kernel that is multiplied by a mask at each step."""

    def __init__(self):
        super().__init__(16, 5)
        self.mask = np.zeros((6, 16), "float32")
        for output_map, entry in enumerate(C3_CONNECTIONS):
            self.mask[list(entry), output_map] = 1

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel * self.mask)


def lenet5_of_stock_layers():
    """The faithful network with Conv2D for C3 and AveragePooling2D for S2 and S4."""
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
    """The network and compilation of study note 002, in Keras 3 syntax."""
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


def gradients(layer):
    """A function: the outputs and all gradients of a layer of C3's size, twenty times.

    It is compiled by XLA, as Keras's `fit` does.
    """
    maps = tf.constant(RNG.random((64, 14, 14, 6), "float32"))
    layer.build(maps.shape)

    @tf.function(jit_compile=True, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = tf.reduce_sum(layer(maps) ** 2)
        return tape.gradient(loss, [maps, *(w.value for w in layer.trainable_weights)])

    return lambda: [step()[0].numpy() for _ in range(20)]


def epoch(model, recipe, x, y, batch_size):
    """A function that trains a model for one epoch like the recipes."""
    RECIPES[recipe].compile(model, 60_000)
    callbacks = [RefuseDivergence()]
    return lambda: fit_minibatches(
        model, lambda _: (x, y), batch_size, range(1), callbacks=callbacks
    )


def in_pytorch(faithful, x, y):
    """The same in a plain PyTorch loop, if PyTorch is installed."""
    if not installed("torch"):
        return []
    import plain_pytorch

    return [("a plain PyTorch loop", plain_pytorch.epoch(faithful, x, y, 64), 1.1)]


def seconds(function):
    """Returns how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(title, ours, *alternatives):
    """Times functions in turn and returns a row for each alternative."""
    functions = [ours, *(function for _, function, _ in alternatives)]
    for function in functions:
        function()  # compiles
    times = np.array([[seconds(f) for f in functions] for _ in range(ROUNDS)])
    ratios = (times[:, :1] / times[:, 1:]).T
    return [
        (title, name, *spread(of_rounds), goal)
        for (name, _, goal), of_rounds in zip(alternatives, ratios, strict=True)
    ]


if __name__ == "__main__":
    digits = RNG.integers(0, 256, (IMAGES, 28, 28, 1), "uint8")
    labels = RNG.integers(0, 10, IMAGES)
    paper, small = RNG.random((IMAGES, 32, 32, 1), "float32"), digits.astype("float32")
    stock = epoch(lenet5_of_stock_layers(), "lenet5-adam", paper, labels, 64)
    one_hot = keras.utils.to_categorical(labels, 10)
    fit = plain_code_of_note_002().fit
    plain = partial(fit, digits, one_hot, batch_size=32, verbose=0)

    rows = compare(
        "an epoch of the faithful network, batch 64",
        epoch(models.lenet5(), "lenet5-adam", paper, labels, 64),
        ("stock layers", stock, 1.15),
        *in_pytorch(True, paper, labels),
    )
    rows += compare(
        "an epoch of the modern network, batch 64",
        epoch(models.lenet5_modern(), "lenet5_modern-adam", small / 255, labels, 64),
        *in_pytorch(False, small / 255, labels),
    )
    rows += compare(
        "an epoch of the faithful network, batch 32",
        epoch(models.lenet5(), "lenet5-adam", paper, labels, 32),
        ("study note 002's plain code", plain, 1),
    )
    rows += compare(
        "an epoch of the modern network, batch 32",
        epoch(models.lenet5_modern(), "note-002", small, labels, 32),
        ("study note 002's plain code", plain, 1),
    )
    rows += compare(
        "C3 by ConnectionTableConv2D",
        gradients(ConnectionTableConv2D(C3_CONNECTIONS, 5)),
        ("sixteen convolutions, concatenated", gradients(SeparateConvolutions()), 0.33),
        ("a masked full kernel", gradients(MaskedConvolution()), 1),
        ("Conv2D, which has all links", gradients(layers.Conv2D(16, 5)), ""),
    )
    headings = ["ours", "alternative", "time, ours / theirs", "range over rounds"]
    publish("speed", [*headings, "goal"], rows)
