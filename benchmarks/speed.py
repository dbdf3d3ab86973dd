"""Compares the speed of the networks with alternative implementations.

    make benchmark

All alternatives run in turn, round by round, in one run on one machine. Each result is
the median of the ratios of the rounds, so drifts in the speed of the machine have
little effect.
"""

import importlib.util
import time

import keras
import numpy as np
from keras import layers, ops

from lenet_keras import models, rbf_codes
from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import C3_CONNECTIONS, RBF, ConnectionTableConv2D
from lenet_study.recipes import RECIPES
from lenet_study.training import (
    RefuseDivergence,
    fit_minibatches,
    steps_per_execution,
)

ROUNDS = 15
RNG = np.random.default_rng(0)


class SeparateConvolutions(layers.Layer):
    """C3 as sixteen concatenated convolutions of selected maps."""

    def __init__(self):
        super().__init__()
        self.convolutions = [layers.Conv2D(1, 5) for _ in C3_CONNECTIONS]

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


def layer_step(layer):
    """Training steps of one layer of C3's size, with as little else as possible."""
    model = keras.Sequential([keras.Input((14, 14, 6)), layer])
    model.compile(optimizer="sgd", loss="mean_squared_error", steps_per_execution=20)
    maps = RNG.random((1280, 14, 14, 6), "float32")
    return fit(model, maps, RNG.random((1280, 10, 10, 16), "float32"), 64)


def fit(model, x, y, batch_size):
    """A function that trains a model for one epoch with Keras's `fit`."""
    return lambda: model.fit(x, y, batch_size=batch_size, verbose=0)


def epoch_of(model, x, y, batch_size=32):
    """A function that trains a model for one epoch like the recipes."""
    callbacks = [RefuseDivergence()]
    return lambda: fit_minibatches(
        model, lambda epoch: (x, y), 1, batch_size=batch_size, callbacks=callbacks
    )


def network_of_pytorch(faithful):
    """The faithful or the modern network in plain PyTorch, without a softmax."""
    import torch
    from torch import nn

    class ScaledTanh(nn.Module):
        def forward(self, x):
            return 1.7159 * torch.tanh(2 / 3 * x)

    class Subsampling(nn.Module):
        def __init__(self, maps):
            super().__init__()
            self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 0.25))
            self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

        def forward(self, x):
            total = 4 * nn.functional.avg_pool2d(x, 2)
            return 1.7159 * torch.tanh(2 / 3 * (self.coefficient * total + self.bias))

    class Table(nn.Conv2d):
        def __init__(self):
            super().__init__(6, 16, 5)
            mask = np.zeros((16, 6, 1, 1), "float32")
            for output_map, entry in enumerate(C3_CONNECTIONS):
                mask[output_map, list(entry)] = 1
            self.register_buffer("mask", torch.from_numpy(mask))

        def forward(self, x):
            return nn.functional.conv2d(x, self.weight * self.mask, self.bias)

    class Distances(nn.Module):
        def __init__(self):
            super().__init__()
            codes = torch.from_numpy(np.array(rbf_codes("0123456789"), "float32"))
            self.register_buffer("codes", codes)

        def forward(self, x):
            return ((x[:, None] - self.codes) ** 2).sum(-1)

    if faithful:
        f = ScaledTanh
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5), f(), Subsampling(6), Table(), f(), Subsampling(16)),
            *(nn.Conv2d(16, 120, 5), f(), nn.Flatten(), nn.Linear(120, 84), f()),
            Distances(),
        )
    f = nn.SiLU
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), f(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), f(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), f(), nn.Linear(120, 84), f(), nn.Linear(84, 10)),
    )


def epoch_of_pytorch(faithful, x, y, batch_size):
    """A function that trains a network for one epoch in a plain PyTorch loop."""
    import torch

    def map_loss(distances, labels):
        right = distances.gather(1, labels[:, None])[:, 0]
        rubbish = torch.full((len(distances), 1), -10.0)
        all_classes = torch.cat([-distances, rubbish], 1)
        return (right + torch.logsumexp(all_classes, 1)).mean()

    network = network_of_pytorch(faithful)
    loss = map_loss if faithful else torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters())
    x = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    y = torch.from_numpy(y)

    def epoch():
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch_size):
            taken = order[start : start + batch_size]
            optimizer.zero_grad()
            loss(network(x[taken]), y[taken]).backward()
            optimizer.step()

    return epoch


def compiled(model, recipe="lenet5-adam"):
    """The model, compiled with the settings of a recipe."""
    RECIPES[recipe].compile(model, 60_000, steps_per_execution=steps_per_execution())
    return model


def compare(title, ours, others):
    """Times functions in turn and prints the ratio of ours to each of the others."""
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

    print("| ours | alternative | time, ours / theirs | range over rounds |")
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
        "an epoch of the faithful network, batch 32",
        epoch_of(compiled(models.lenet5()), paper, labels),
        {"study note 002's plain code": plain},
    )
    compare(
        "an epoch of the modern network, batch 32",
        epoch_of(
            compiled(models.lenet5_modern(), "note-002"),
            digits.astype("float32"),
            labels,
        ),
        {"study note 002's plain code": plain},
    )
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its rows are left out")
    else:
        modern = models.lenet5_modern()
        small = digits.astype("float32") / 255
        compare(
            "an epoch of the faithful network, batch 64",
            epoch_of(compiled(models.lenet5()), paper, labels, 64),
            {"a plain PyTorch loop": epoch_of_pytorch(True, paper, labels, 64)},
        )
        compare(
            "an epoch of the modern network, batch 64",
            epoch_of(compiled(modern, "lenet5_modern-adam"), small, labels, 64),
            {"a plain PyTorch loop": epoch_of_pytorch(False, small, labels, 64)},
        )
