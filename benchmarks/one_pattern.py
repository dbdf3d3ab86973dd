"""Compares the time of one-pattern updates with `fit(batch_size=1)` and arithmetic.

All train the same network with the same optimizer. They run in turn, round by round,
and with one thread, which is the fastest for each. The first epoch compiles, the second
is timed. The images are random, because the time of an update does not depend on them.
"""

import time
from functools import partial

import keras
import numpy as np
from page import TINY, in_turn, publish, spread

from lenet_keras import losses, models, sdlm
from lenet_keras.counts import layer_table
from lenet_keras.sdlm.compiled import compiled
from lenet_study.training.job import one_thread

ROUNDS = 1 if TINY else 3
PATTERNS = 20 if TINY else 20_000
FEWER = 20 if TINY else 2_000  # for what takes milliseconds per pattern


class EpochTimer(keras.callbacks.Callback):
    """Measures the seconds of the last epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.start


def seconds(fit, patterns, steps_per_execution=1, **arguments):
    """Returns the seconds per pattern of a method that trains LeNet-5."""
    model = models.lenet5(kernel_initializer=keras.initializers.LecunUniform)
    model.compile(
        optimizer=sdlm.SDLM(1e-6),
        loss=losses.MaximumAPosteriori(),
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    model.optimizer.set_curvature([np.ones(w.shape) for w in model.trainable_variables])
    rng, timer = np.random.default_rng(0), EpochTimer()
    x = rng.normal(size=(patterns, 32, 32, 1)).astype("float32")
    y = rng.integers(0, 10, patterns)
    fit(model, x, y, epochs=2, callbacks=[timer], verbose=0, **arguments)
    return timer.seconds / patterns


def by_sdlm(patterns):
    """The time of `sdlm.fit`."""
    return seconds(sdlm.fit, patterns)


def by_keras(steps_per_execution):
    """The time of `model.fit` with one pattern per batch."""
    return seconds(keras.Model.fit, FEWER, steps_per_execution, batch_size=1)


def arithmetic(size=768, repeats=20):
    """The time of an update's multiply-adds in a product of large matrices.

    They are forward, to the weights, and back to the inputs of all layers but C1.
    """
    matrix = np.random.default_rng(0).random((size, size), "float32")

    @compiled
    def products(matrix):
        return keras.ops.fori_loop(
            0, repeats, lambda _, product: keras.ops.matmul(product, matrix), matrix
        )

    np.asarray(products(matrix))
    start = time.perf_counter()
    np.asarray(products(matrix))
    passed = time.perf_counter() - start
    table = layer_table(models.lenet5())
    multiply_adds = 3 * table["total"].multiply_adds - table["C1"].multiply_adds
    return passed * multiply_adds / (repeats * size**3)


WAYS = {
    "tensorflow": {
        "`sdlm.fit`": partial(by_sdlm, PATTERNS),
        "`model.fit(batch_size=1)`": partial(by_keras, 1),
        "the same, `steps_per_execution=100`": partial(by_keras, 100),
        "the multiply-adds alone": arithmetic,
    },
    "jax": {"`sdlm.fit` on JAX": partial(by_sdlm, PATTERNS)},
    "torch": {"`sdlm.fit` on PyTorch": partial(by_sdlm, FEWER)},
}


def measure():
    """Returns the seconds per pattern of each way of this backend."""
    one_thread()
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(1)
    return [way() for way in WAYS[keras.backend.backend()].values()]


if __name__ == "__main__":
    names, times = in_turn(WAYS, measure, ROUNDS)
    ratios = times / times[:, :1]
    rows = [
        (name, f"{1e6 * np.median(of_way):.0f}", *spread(ratio))
        for name, of_way, ratio in zip(names, times.T, ratios.T, strict=True)
    ]
    headings = ["method", "microseconds per pattern"]
    headings += ["time / `sdlm.fit`", "range over rounds"]
    publish("one_pattern", headings, rows)
