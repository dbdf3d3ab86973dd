"""One run: a recipe, a data set and a seed give a model, its history and a row."""

import dataclasses
import functools
import hashlib
import json
import platform
import shutil
import subprocess
import time
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from lenet_keras import sdlm
from lenet_keras.counts import layer_table
from lenet_keras.datasets import load_cifar10, load_mnist
from lenet_keras.preprocessing import prepare
from lenet_keras.study.augmentation import augmented
from lenet_keras.study.files import replacing
from lenet_keras.study.recipes import RECIPES, Recipe, plain

DATASETS = {
    "mnist": load_mnist,
    "cifar10": load_cifar10,
    "cifar10-sample": functools.partial(load_cifar10, sample=True),
}
TRAIN_IMAGES = {"mnist": 60_000, "cifar10": 50_000, "cifar10-sample": 5_000}


def identity(configuration):
    """Returns the identity of a configuration: twelve digits of its SHA-256.

    Args:
        configuration: Dictionary of JSON values, without those at their default.
    """
    text = json.dumps(configuration, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Run:
    """What `train` trains.

    The defaults never change, because a run's identity leaves them out.

    Attributes:
        recipe: Name of one of `lenet_keras.study.recipes.RECIPES`.
        dataset: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.
        seed: Integer of 0 or more. It decides the initial weights, the order of the
            images and their augmentation.
        train_images: Number of training images, the first ones; by default all.
        held_out: Number of those, the last ones, that are not trained on. They take
            the place of the test images: use them to choose something.
        overrides: Settings that replace the recipe's, by the names of the attributes
            of `lenet_keras.study.recipes.Recipe`, such as `{"epochs": 2}`.

    Raises:
        ValueError: If there is no such recipe, data set or setting, or a number is out
            of its range.

    Example:

    >>> run = Run("lenet5-adam", "mnist", seed=1, overrides={"epochs": 2})
    >>> run.settings.epochs, run.settings.batch_size
    (2, 64)
    """

    recipe: str
    dataset: str
    seed: int = 0
    train_images: int | None = None
    held_out: int = 0
    overrides: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name, known in {
            "recipe": RECIPES,
            "dataset": DATASETS,
            "overrides": [f.name for f in dataclasses.fields(Recipe) if f.compare],
        }.items():
            value = getattr(self, name)
            given = value if name == "overrides" else [value]
            if not set(given) <= set(known):
                raise ValueError(
                    f"Expected {name} among {list(known)}. Received: {name}={value!r}"
                )
        for name in ("seed", "train_images", "held_out"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, Integral) or value < 0):
                raise ValueError(
                    f"Expected an integer of 0 or more. Received: {name}={value!r}"
                )
            if value is not None:
                object.__setattr__(self, name, int(value))  # and not NumPy's
        available = TRAIN_IMAGES[self.dataset]
        used = available if self.train_images is None else self.train_images
        if not 0 <= self.held_out < used <= available:
            raise ValueError(
                f"Expected fewer held-out images than training images, and at most "
                f"{available} training images. Received: held_out={self.held_out}, "
                f"train_images={self.train_images}"
            )
        # The same run is described in one way alone.
        if used == available:
            object.__setattr__(self, "train_images", None)
        recipe = RECIPES[self.recipe]
        changed = {
            name: value
            for name, value in self.overrides.items()
            if plain(value) != plain(getattr(recipe, name))
        }
        object.__setattr__(self, "overrides", changed)
        dataclasses.replace(recipe, **changed)  # refuses what cannot be

    @property
    def settings(self):
        """The recipe with the overrides."""
        return dataclasses.replace(RECIPES[self.recipe], **self.overrides)

    @property
    def epochs(self):
        """How many epochs it has."""
        return self.settings.epochs

    @property
    def asked(self):
        """What was asked for, as JSON values, without what is at its default."""
        asked = {"recipe": self.recipe, "dataset": self.dataset, "seed": self.seed}
        for name in ("train_images", "held_out", "overrides"):
            if value := getattr(self, name):
                asked[name] = plain(value)
        return asked

    @property
    def configuration(self):
        """All that decides the result, beside the code, without the defaults."""
        asked = {
            k: v for k, v in self.asked.items() if k not in ("recipe", "overrides")
        }
        if self.seed == 0:
            del asked["seed"]
        return self.settings.settings | asked

    @property
    def id(self):
        """The run's identity: a hash of its configuration."""
        return identity(self.configuration)

    @property
    def name(self):
        """What tells it from other runs, in words."""
        asked = self.asked | self.asked.get("overrides", {})
        words = [asked.pop("recipe"), asked.pop("dataset")]
        seed = asked.pop("seed")
        asked.pop("overrides", None)
        words += [f"{name} {value}" for name, value in asked.items()]
        return ", ".join([*words, f"seed {seed}"])


class Result(NamedTuple):
    """What a run gives.

    Attributes:
        model: The trained `keras.Model`.
        history: `pandas.DataFrame`, one row an epoch: loss and accuracy on the training
            images, measured on the fly while the weights change, and on the test (or
            held-out) images, measured after the epoch; and the seconds of the epoch.
            `"SDLM"` adds loss and accuracy on the training images after the epoch, and
            the lowest and the highest learning rate of a weight.
        row: Dictionary of all that repeats the run, and its final results.
    """

    model: keras.Model
    history: pd.DataFrame
    row: dict


class ProgressBar(keras.callbacks.Callback):
    """One bar for all epochs of a run.

    Args:
        title: Text before the bar.
        epochs: Number of epochs of the run.
    """

    def __init__(self, title, epochs):
        super().__init__()
        self.title, self.epochs, self.bar = title, epochs, None

    def on_epoch_begin(self, epoch, logs=None):
        steps = self.params["steps"]
        self.done = epoch * steps
        if self.bar is None:
            self.bar = tqdm(
                total=self.epochs * steps,
                initial=self.done,
                desc=self.title,
                unit="update",
                mininterval=0.5,
            )

    def on_train_batch_end(self, batch, logs=None):
        # The last call of the compiled function may count past the end of the epoch.
        in_epoch = min(batch + 1, self.params["steps"])
        self.bar.update(self.done + in_epoch - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        accuracy = f"{logs['accuracy']:.4f}"
        self.bar.set_postfix({"epoch": epoch + 1, "train accuracy": accuracy})

    def close(self):
        """Ends the bar."""
        if self.bar is not None:
            self.bar.close()


class RefuseDivergence(keras.callbacks.Callback):
    """Ends a training whose loss is not finite, after one call of the program.

    Raises:
        lenet_keras.sdlm.DivergenceError: If a loss is not finite.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self._check(logs.get("val_loss", logs["loss"]))

    def _check(self, loss):
        if not np.isfinite(float(loss)):
            raise sdlm.DivergenceError(
                f"Training diverged in epoch {self.epoch + 1}: the loss is "
                f"{float(loss)}. Try a smaller learning rate"
            )


class _Record(keras.callbacks.Callback):
    """Keeps the history, and writes the checkpoint after each epoch.

    A checkpoint is one file. It holds all that the next epoch depends on: the weights,
    the states of the random generators in layers, the optimizer and the history.
    """

    def __init__(self, run, train_images, unseen, path):
        super().__init__()
        self.run, self.train_images, self.unseen = run, train_images, unseen
        self.path = None if path is None else Path(path)
        self.rows = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        row = {
            "train_loss": logs["loss"],
            "train_accuracy": logs["accuracy"],
            f"{self.unseen}_loss": logs["val_loss"],
            f"{self.unseen}_accuracy": logs["val_accuracy"],
        }
        seconds = time.perf_counter() - self.start
        rates = {}
        if isinstance(self.model.optimizer, sdlm.SDLM):
            after = evaluate(self.model, *self.train_images)
            row |= {f"train_{name}_after_epoch": value for name, value in after.items()}
            scales = np.concatenate(
                [np.ravel(s) for s in self.model.optimizer.scales()]
            )
            rates = {
                "lowest_learning_rate": float(f"{self.rate * scales.min():.3g}"),
                "highest_learning_rate": float(f"{self.rate * scales.max():.3g}"),
            }
        row = {name: round(float(value), 5) for name, value in row.items()}
        seconds = {"seconds": round(seconds, 1)}
        self.rows.append({"epoch": epoch + 1} | row | rates | seconds)
        if self.path is not None:
            self._save()

    def _save(self):
        optimizer = {}
        self.model.optimizer.save_own_variables(optimizer)
        arrays = {f"optimizer/{name}": value for name, value in optimizer.items()}
        for index, variable in enumerate(self.model.variables):
            arrays[f"model/{index}"] = keras.ops.convert_to_numpy(variable)
        known = {"configuration": self.run.configuration, "history": self.rows}
        with replacing(self.path) as beside, beside.open("wb") as file:
            np.savez(file, known=np.array(json.dumps(known)), **arrays)

    def restore(self, model):
        """Brings a new model to where the checkpoint was written, if there is one."""
        if self.path is None or not self.path.exists():
            return
        try:
            with self.path.open("rb") as file, np.load(file) as content:
                arrays = dict(content)
            known = json.loads(str(arrays["known"]))
            configuration, self.rows = known["configuration"], known["history"]
        except Exception as error:  # NumPy has many ways to say that a file is damaged
            raise CheckpointError(
                "Expected a checkpoint that can be read; remove the file to train from "
                f"the first epoch. Received: {self.path}: {type(error).__name__}: "
                f"{error}"
            ) from None
        if configuration != self.run.configuration:
            names = configuration.keys() | self.run.configuration.keys()
            other = sorted(
                name
                for name in names
                if configuration.get(name) != self.run.configuration.get(name)
            )
            raise CheckpointError(
                "Expected a checkpoint of the same run; nothing was trained, and the "
                f"file was left as it is. Received: {self.path}, with another "
                f"{', '.join(other)}"
            )
        for index, variable in enumerate(model.variables):
            variable.assign(arrays[f"model/{index}"])
        model.optimizer.build(model.trainable_variables)
        start = "optimizer/"
        model.optimizer.load_own_variables(
            {k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)}
        )


class CheckpointError(ValueError):
    """A file is not a checkpoint of the run that is to go on from it."""


def train(run, checkpoint=None, callbacks=(), verbose=1):
    """Trains a network; the result is that of the final epoch.

    Args:
        run: `Run`.
        checkpoint: Optional path of a file that is replaced after each epoch. If it is
            there, training goes on from it, and ends with the same weights as without
            a break.
        callbacks: Further Keras callbacks.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        `Result`.

    Raises:
        lenet_keras.sdlm.DivergenceError: If training diverges or saturates.
        lenet_keras.datasets.sources.DataError: If the data set is not to be had.
        CheckpointError: If the checkpoint is damaged or of another run.

    Example:

    >>> run = Run("lenet5-adam", "mnist", train_images=64, overrides={"epochs": 1})
    >>> result = train(run, verbose=0)
    >>> result.row["network"], result.row["trainable"], result.row["connections"]
    ('lenet5', 60000, 340908)
    """
    recipe = run.settings
    (x, y), (x_unseen, y_unseen) = load_images(run)
    x, x_unseen = (prepare(part, recipe.pixels) for part in (x, x_unseen))
    unseen = "held_out" if run.held_out else "test"

    keras.utils.set_random_seed(run.seed)
    model = recipe.build(x.shape[1:])
    recipe.compile(model, len(x), steps_per_execution=steps_per_execution())
    record = _Record(run, (x, y), unseen, checkpoint)
    record.restore(model)
    bar = ProgressBar(run.name, recipe.epochs)
    bars = [bar] if verbose else []
    arguments = {
        "epochs": recipe.epochs,
        "initial_epoch": len(record.rows),
        "seed": run.seed,
        "validation_data": (x_unseen, y_unseen),
        "callbacks": [RefuseDivergence(), *bars, record, *callbacks],
    }
    try:
        if recipe.optimizer == "SDLM":
            _fit_patterns(model, run, x, y, **arguments)
        else:
            arguments |= {
                "batch_size": recipe.batch_size,
                "validation_batch_size": 1000,
            }
            fit_minibatches(model, _epochs(run, x, y), **arguments)
    finally:
        bar.close()

    history = pd.DataFrame(record.rows).set_index("epoch")
    after = evaluate(model, x, y)
    row = {
        "recipe": run.recipe,
        "dataset": run.dataset,
        "seed": run.seed,
        "network": recipe.network,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "train_images": len(x),
        "held_out": run.held_out,
        **_counts(model),
        "train_accuracy": round(after["accuracy"], 5),
        f"{unseen}_accuracy": float(history[f"{unseen}_accuracy"].iloc[-1]),
        "seconds": round(float(history["seconds"].sum()), 1),
        **code(),
    }
    return Result(model, history, row)


def load_images(run):
    """Returns a run's images as their data set has them.

    Args:
        run: `Run`.

    Returns:
        `(x, y), (x_unseen, y_unseen)`: those to train on, and the held-out ones, or
        the test images, to measure on.
    """
    (x, y), test = DATASETS[run.dataset]()
    used = run.train_images or len(x)
    split = used - run.held_out
    unseen = (x[split:used], y[split:used]) if run.held_out else test
    return (x[:split], y[:split]), unseen


def evaluate(model, x, y):
    """Returns loss and accuracy of a compiled model."""
    return model.evaluate(x, y, batch_size=1000, return_dict=True, verbose=0)


def steps_per_execution():
    """Returns how many updates one call of the compiled function makes."""
    return 1 if keras.backend.backend() == "torch" else 10


def _epochs(run, x, y):
    """Returns the function of the epoch that gives its images and labels."""
    recipe = run.settings
    if recipe.augmentation is None:
        return lambda epoch: (x, y)
    return augmented(
        x, y, recipe.augmentation, run.seed, **recipe.augmentation_arguments
    )


def fit_minibatches(model, epochs_of, epochs, initial_epoch=0, seed=0, **arguments):
    """Trains a compiled model by Keras's own `fit`, in an order that the seed decides.

    The order of the images follows from the seed and the epoch alone, as in
    `lenet_keras.sdlm.fit` with `shuffle="every_epoch"`. So networks of any kind see the
    same images in the same order with the same seed, and their results are pairs.

    Args:
        model: Compiled `keras.Model`.
        epochs_of: Function of the epoch, from 0, that returns its images and labels.
        epochs: Positive integer: the epoch, from 1, after which training ends.
        initial_epoch: Epoch, from 0, at which training starts.
        seed: Integer.
        **arguments: Further arguments of `keras.Model.fit`.
    """
    for epoch in range(initial_epoch, epochs):
        x, y = epochs_of(epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(y))
        model.fit(
            x[order],
            y[order],
            shuffle=False,
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=0,
            **arguments,
        )


def _fit_patterns(model, run, x, y, **arguments):
    """Trains by the method of 1998."""
    recipe = run.settings
    estimation = sdlm.CurvatureEstimation(
        x,
        y,
        patterns=min(500, len(x)),
        estimates_in_first_epoch=recipe.estimates_in_first_epoch,
        seed=run.seed,
    )
    arguments["callbacks"] = [estimation, *arguments["callbacks"]]
    order = False if recipe.order == "given" else recipe.order
    sdlm.fit(model, _epochs(run, x, y), shuffle=order, verbose=0, **arguments)


def _counts(model):
    counts = layer_table(model)["total"]._asdict()
    return {name: counts[name] for name in counts if name != "output_shape"}


@functools.cache
def code():
    """Returns which code computes: versions, and the commit of a checkout."""
    checkout, commit = Path(__file__).parents[2], None
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    if (checkout / ".git").exists() and shutil.which("git"):
        done = subprocess.run(describe, cwd=checkout, capture_output=True, text=True)
        commit = done.stdout.strip() or None
    backend = keras.backend.backend()
    return {
        "lenet_keras": version("lenet_keras"),
        "commit": commit,
        "python": platform.python_version(),
        "keras": keras.version(),
        "backend": f"{backend} {version(backend)}",
    }
