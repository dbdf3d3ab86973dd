"""Compares the time of an epoch's augmentation with that of the whole epoch.

Everything has one thread, as in a sweep. The first epoch compiles and is left out. The
colours and the soft labels are random, because the times do not depend on them.
"""

import time

import keras
import numpy as np
from page import TINY, publish, spread

from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.images.augmentation import augmented
from lenet_study.recipes import RECIPES
from lenet_study.training.job import one_thread
from lenet_study.training.train import fit_minibatches

EPOCHS = 2 if TINY else 4
IMAGES = 640 if TINY else 60_000
NAMES = [
    "lenet5-mnist-best",
    "lenet5-cifar10-best",
    "lenet5-mnist-line",
    "lenet5-mnist-line-best",
]
RNG = np.random.default_rng(0)


def measure(name):
    """Returns a row: the seconds of an epoch, and the share of its augmentation."""
    recipe = RECIPES[name]
    (x, y), _ = load_mnist()
    x, y = x[:IMAGES], y[:IMAGES]
    if "cifar10" in name:
        x = RNG.integers(0, 256, (min(IMAGES, 50_000), 32, 32, 3), "uint8")
        y = y[: len(x)]
    x = prepare(x, recipe.pixels)
    if recipe.labels == "probabilities":
        y = RNG.dirichlet(np.ones(10), len(y)).astype("float32")
    images = augmented(x, y, recipe.augmentation, **recipe.augmentation_arguments)
    height, width, channels = x.shape[1:]
    model = recipe.build(
        (height, None if recipe.labels == "lines" else width, channels)
    )
    recipe.compile(model, len(x))
    times = np.zeros((EPOCHS, 2))  # of the augmentation, and of all

    def epoch_of(epoch):
        start = time.perf_counter()
        result = images(epoch)
        times[epoch, 0] = time.perf_counter() - start
        return result

    for epoch in range(EPOCHS):
        start = time.perf_counter()
        fit_minibatches(model, epoch_of, recipe.batch_size, [epoch])
        times[epoch, 1] = time.perf_counter() - start
    alone, whole = times[1:].T
    seconds = f"{np.median(whole):.1f}"
    return name, recipe.augmentation, seconds, *spread(alone / whole)


if __name__ == "__main__":
    one_thread()
    keras.utils.set_random_seed(0)
    headings = ["recipe", "augmentation", "seconds of an epoch"]
    headings += ["time, augmentation / epoch", "range over epochs"]
    publish("augmentation", headings, map(measure, NAMES))
