"""Compares the time of one-pattern updates with `fit(batch_size=1)` and arithmetic.

    python benchmarks/one_pattern.py

All methods train the same network with the same optimizer. They run in turn, round by
round, each time in a new process. Keras's `fit` uses TensorFlow's default threads. Ours
uses one thread, like `lenet-keras reproduce`, and trains for a whole epoch of 60,000
digits. An epoch of `fit` takes minutes, so `fit` trains for a tenth of one.
"""

import functools
import multiprocessing
import time

import keras
import numpy as np

from lenet_keras import losses, models, sdlm
from lenet_keras.counts import layer_table
from lenet_keras.preprocessing import prepare
from lenet_keras.sdlm.compiled import compiled, one_thread
from lenet_study.datasets import load_mnist

ROUNDS = 3
PATTERNS = 60_000
PATTERNS_OF_FIT = PATTERNS // 10


class PassTimer(keras.callbacks.Callback):
    """Measures the seconds of the last epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.start


@functools.cache
def digits():
    """The training digits and their labels."""
    (images, labels), _ = load_mnist()
    return prepare(images, "paper"), labels


def network(steps_per_execution=1):
    """LeNet-5 with SDLM and its curvature."""
    model = models.lenet5(kernel_initializer=keras.initializers.LecunUniform)
    model.compile(
        optimizer=sdlm.SDLM(sdlm.paper_schedule(PATTERNS, scale=0.25)),
        loss=losses.MaximumAPosteriori(),
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    x, y = digits()
    model.optimizer.set_curvature(
        sdlm.diagonal_curvature(model, x[:500], y[:500], model.loss)
    )
    return model


def ours():
    """Seconds per pattern in the second of two epochs; the first one compiles."""
    (x, y), timer = digits(), PassTimer()
    sdlm.fit(network(), x, y, epochs=2, shuffle=False, callbacks=[timer], verbose=0)
    return timer.seconds / PATTERNS


def fit(steps_per_execution):
    """Seconds per pattern in Keras's own loop, after a short run that compiles."""
    model, (x, y), timer = network(steps_per_execution), digits(), PassTimer()
    for patterns in (200, PATTERNS_OF_FIT):  # the first one compiles
        model.fit(
            x[:patterns],
            y[:patterns],
            batch_size=1,
            shuffle=False,
            callbacks=[timer],
            verbose=0,
        )
    return timer.seconds / PATTERNS_OF_FIT


def multiply_adds_a_second(size=768, repeats=20):
    """The multiply-adds per second of this machine in a product of matrices."""
    matrix = np.random.default_rng(0).random((size, size), "float32")

    @compiled
    def products(matrix):
        return keras.ops.fori_loop(
            0, repeats, lambda _, product: keras.ops.matmul(product, matrix), matrix
        )

    np.asarray(products(matrix))
    start = time.perf_counter()
    np.asarray(products(matrix))
    return repeats * size**3 / (time.perf_counter() - start)


WAYS = {
    "sdlm.fit": ours,
    "model.fit(batch_size=1)": functools.partial(fit, 1),
    "the same, steps_per_execution=100": functools.partial(fit, 100),
}


def alone(measure, start=None):
    """Measures in a new process, so that no method influences another."""
    with multiprocessing.get_context("spawn").Pool(1, start) as process:
        return process.apply(measure)


if __name__ == "__main__":
    seconds = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, measure in WAYS.items():
            start = one_thread if measure is ours else None
            seconds[name].append(alone(measure, start))
            print(f"{name}: {1e6 * seconds[name][-1]:.0f} microseconds", flush=True)
    print("\n| method | microseconds per pattern | time / ours | range over rounds |")
    print("|---|---|---|---|")
    for name, values in seconds.items():
        ratios = np.divide(values, seconds["sdlm.fit"])
        print(
            f"| {name} | {1e6 * np.median(values):.0f} | {np.median(ratios):.1f} "
            f"| {min(ratios):.1f} to {max(ratios):.1f} |"
        )

    # Forward, to the weights, and back to the inputs of all layers except the first.
    table = layer_table(models.lenet5())["multiply_adds"]
    arithmetic = 3 * table["total"] - table["C1"]
    rate = alone(multiply_adds_a_second, one_thread)
    print(
        f"\n{arithmetic:,} multiply-adds per update at {rate / 1e9:.0f} billion "
        f"per second: {1e6 * arithmetic / rate:.0f} microseconds per pattern"
    )
