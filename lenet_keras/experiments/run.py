"""One run: a network, a data set, a recipe and a seed make a model and a result row."""

import dataclasses
import functools
import platform
import time
from importlib.metadata import version
from typing import NamedTuple

import keras
import pandas as pd
from tqdm import tqdm

from lenet_keras import models, sdlm
from lenet_keras.counts import layer_table
from lenet_keras.datasets import load_cifar10, load_mnist, prepare
from lenet_keras.datasets.augment import augmented_passes
from lenet_keras.experiments import minibatches
from lenet_keras.recipes import RECIPES, default_recipe

DATASETS = {
    "mnist": load_mnist,
    "cifar10": load_cifar10,
    "cifar10-sample": functools.partial(load_cifar10, sample=True),
}

# How many training images there are.
TRAIN_IMAGES = {"mnist": 60_000, "cifar10": 50_000, "cifar10-sample": 5_000}

# Of the curvature, for the method of 1998; the paper has one (README says why).
ESTIMATES_IN_FIRST_PASS = 10


class Run(NamedTuple):
    """What a run leaves.

    Attributes:
        model: The trained `keras.Model`.
        history: `pandas.DataFrame`, one row a pass: loss and accuracy on the training
            images, taken on the fly while the weights move, and on the test (or
            held-out) images, taken after the pass.
        row: Dictionary of all that is needed to repeat the run, and its results.
    """

    model: keras.Model
    history: pd.DataFrame
    row: dict


class ProgressBar(keras.callbacks.Callback):
    """One bar for all passes of a run.

    Args:
        title: What stands before the bar.
    """

    def __init__(self, title):
        super().__init__()
        self.title = title

    def on_train_begin(self, logs=None):
        total = self.params["epochs"] * self.params["steps"]
        self.bar = tqdm(total=total, desc=self.title, unit="update", mininterval=0.5)
        self.done = 0

    def on_train_batch_end(self, batch, logs=None):
        # The last call of the compiled function may count past the end of the pass.
        in_pass = min(batch + 1, self.params["steps"])
        self.bar.update(self.done + in_pass - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        self.done += self.params["steps"]
        accuracy = f"{logs['accuracy']:.4f}"
        self.bar.set_postfix({"pass": epoch + 1, "train accuracy": accuracy})

    def on_train_end(self, logs=None):
        self.bar.close()


def train(
    model,
    dataset,
    recipe=None,
    seed=0,
    passes=None,
    learning_rate=None,
    train_images=None,
    held_out=0,
    verbose=1,
):
    """Trains a network on a data set; the result is what the final pass leaves.

    Args:
        model: Name of the network, a function of `lenet_keras.models`.
        dataset: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.
        recipe: Name of one of the network's `lenet_keras.recipes.RECIPES`; by
            default what is recommended for it on that data set.
        seed: Integer from which the initial weights and the order of the patterns
            follow.
        passes: Positive integer; by default the recipe's.
        learning_rate: Positive number; by default the recipe's.
        train_images: Number of training images to use, the first ones; by default
            all.
        held_out: Number of those, the last ones, that are not trained on and take
            the place of the test images: to choose something by.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        A `Run`.

    Raises:
        ValueError: If an argument is unknown or out of its range.
        lenet_keras.sdlm.DivergenceError: If training diverges or saturates.
        lenet_keras.datasets.sources.DataError: If the data set cannot be had.

    Example:

    >>> run = train("lenet5", "mnist", "lenet5-adam", passes=1, train_images=64)
    >>> run.row["recipe"], run.row["trainable"], run.row["connections"]
    ('lenet5-adam', 60000, 340908)
    """
    recipe = default_recipe(model, dataset) if recipe is None else recipe
    settings = settings_of(model, recipe, passes, learning_rate)
    (x_train, y_train), (x_unseen, y_unseen) = _images(dataset, train_images, held_out)
    x_train, x_unseen = (prepare(x, settings.pixels) for x in (x_train, x_unseen))

    keras.utils.set_random_seed(seed)
    network = getattr(models, model)(x_train.shape[1:], **settings.network)
    settings.compile(network, len(x_train))
    callbacks = [ProgressBar(f"{model} on {dataset}")] if verbose else []
    start = time.perf_counter()
    fitted = _fit(
        network,
        settings,
        x_train,
        y_train,
        seed=seed,
        epochs=settings.passes,
        validation_data=(x_unseen, y_unseen),
        callbacks=callbacks,
    )
    seconds = time.perf_counter() - start

    unseen = "held_out" if held_out else "test"
    history = pd.DataFrame(fitted.history).rename(
        columns={
            "loss": "train_loss",
            "accuracy": "train_accuracy",
            "val_loss": f"{unseen}_loss",
            "val_accuracy": f"{unseen}_accuracy",
        }
    )
    history.index = pd.RangeIndex(1, settings.passes + 1, name="pass")
    after = network.evaluate(
        x_train, y_train, batch_size=1000, return_dict=True, verbose=0
    )
    row = {
        "model": model,
        "dataset": dataset,
        "recipe": recipe,
        "seed": seed,
        "passes": settings.passes,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "train_images": len(x_train),
        "held_out": held_out,
        **_counts(network),
        "train_accuracy": round(after["accuracy"], 5),
        f"{unseen}_accuracy": round(fitted.history["val_accuracy"][-1], 5),
        "seconds": round(seconds, 1),
        "lenet_keras": version("lenet_keras"),
        "python": platform.python_version(),
        "keras": keras.version(),
        "backend": f"{keras.backend.backend()} {version(keras.backend.backend())}",
    }
    return Run(network, history, row)


def _fit(network, settings, x, y, seed, callbacks, **arguments):
    """Trains the network by the recipe's method."""
    patterns = {"x": x, "y": y}
    if settings.augmentation:
        passes = augmented_passes(x, y, settings.augmentation, seed)
        patterns = {"x": passes}
    if settings.optimizer != "SDLM":
        return minibatches.fit(
            network,
            **patterns,
            batch_size=settings.batch_size,
            seed=seed,
            callbacks=callbacks,
            **arguments,
        )
    estimation = sdlm.CurvatureEstimation(
        x,
        y,
        patterns=min(500, len(x)),
        estimates_in_first_pass=ESTIMATES_IN_FIRST_PASS,
        seed=seed,
    )
    return sdlm.fit(
        network,
        **patterns,
        shuffle=settings.order,
        seed=seed,
        callbacks=[estimation, *callbacks],
        verbose=0,
        **arguments,
    )


def settings_of(model, recipe, passes=None, learning_rate=None):
    """Returns a network's recipe with what was asked for in place of its own.

    Args:
        model: Name of the network.
        recipe: Name of one of its `lenet_keras.recipes.RECIPES`.
        passes: Positive integer, or `None` for the recipe's.
        learning_rate: Positive number, or `None` for the recipe's.

    Returns:
        `lenet_keras.recipes.Recipe`.

    Raises:
        ValueError: If the network has no such recipe, or a number is not positive.
    """
    if recipe not in RECIPES or RECIPES[recipe].model != model:
        fitting = [name for name, known in RECIPES.items() if known.model == model]
        raise ValueError(
            f"Expected a recipe among {fitting}. Received: recipe={recipe}"
        )
    changes = {}
    if passes is not None:
        if not passes > 0:
            raise ValueError(f"Expected at least one pass. Received: {passes=}")
        changes["passes"] = passes
    if learning_rate is not None:
        if not learning_rate > 0:
            raise ValueError(f"Expected a positive rate. Received: {learning_rate=}")
        changes["learning_rate"] = learning_rate
    return dataclasses.replace(RECIPES[recipe], **changes)


def _images(dataset, train_images, held_out):
    """Returns the images to train on, and the unseen ones to measure on."""
    if dataset not in DATASETS:
        raise ValueError(
            f"Expected a dataset among {list(DATASETS)}. Received: {dataset=}"
        )
    (x, y), test = DATASETS[dataset]()
    used = len(x) if train_images is None else train_images
    if not 0 <= held_out < used <= len(x):
        raise ValueError(
            f"Expected 0 <= held_out < train_images <= {len(x)}. "
            f"Received: {held_out=}, {train_images=}"
        )
    split = used - held_out
    if held_out:
        return (x[:split], y[:split]), (x[split:used], y[split:used])
    return (x[:used], y[:used]), test


def _counts(network):
    total = layer_table(network).loc["total"].drop("output_shape")
    return {name: int(count) for name, count in total.items()}
