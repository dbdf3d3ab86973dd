"""One run: a recipe, a data set and a seed determine a model and its results."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
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
from lenet_keras.checks import expect
from lenet_keras.counts import layer_table
from lenet_study.augmentation import augmented
from lenet_study.datasets import load_cifar10, load_mnist
from lenet_study.files import replacing
from lenet_study.lines import lines_to_train
from lenet_study.pixels import network_input
from lenet_study.recipes import RECIPES, Recipe, plain, without_defaults
from lenet_study.teachers import soft_labels

DATASETS = {
    "mnist": load_mnist,
    "cifar10": load_cifar10,
    "cifar10-sample": functools.partial(load_cifar10, sample=True),
}
TRAIN_IMAGES = {"mnist": 60_000, "cifar10": 50_000, "cifar10-sample": 5_000}


def identity(configuration):
    """Returns the identity of a configuration, twelve digits of its SHA-256.

    Args:
        configuration: Dictionary of JSON values that differ from the defaults.
    """
    text = json.dumps(configuration, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Run:
    """One training, for `train`.

    The defaults never change, because the identity of a run leaves them out.

    Attributes:
        recipe: Name of one of `lenet_study.recipes.RECIPES`.
        dataset: `"mnist"`, `"cifar10"` or `"cifar10-sample"`.
        seed: Integer of 0 or more. It determines the initial weights, the order of the
            images and their augmentation.
        train_images: Number of training images, counted from the first. By default the
            run uses all.
        held_out: Number of training images, counted from the last, that are held out.
            They replace the test images; use them to choose settings.
        overrides: Settings that replace the recipe's, by the names of the attributes
            of `lenet_study.recipes.Recipe`, such as `{"epochs": 2}`.

    Raises:
        ValueError: If the recipe, the data set or a setting is unknown, or a number is
            out of range.

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
        fields = [f.name for f in dataclasses.fields(Recipe) if f.compare]
        for name, value, known in (
            ("recipe", [self.recipe], RECIPES),
            ("dataset", [self.dataset], DATASETS),
            ("overrides", self.overrides, fields),
        ):
            fits = set(value) <= set(known)
            expect(fits, f"{name} among {list(known)}", **{name: getattr(self, name)})
        available = TRAIN_IMAGES[self.dataset]
        used = available if self.train_images is None else self.train_images
        numbers = {"seed": self.seed, "train_images": used, "held_out": self.held_out}
        for name, value in numbers.items():
            fits = isinstance(value, Integral) and value >= 0
            expect(fits, "an integer of 0 or more", **{name: value})
            object.__setattr__(self, name, int(value))  # not an integer of NumPy
        expect(
            self.held_out < used <= available,
            "fewer held-out images than training images, and at most "
            f"{available} training images",
            held_out=self.held_out,
            train_images=used,
        )
        # Each run has only one description.
        if used == available:
            object.__setattr__(self, "train_images", None)
        recipe = RECIPES[self.recipe]
        changed = {
            name: value
            for name, value in self.overrides.items()
            if plain(value) != plain(getattr(recipe, name))
        }
        object.__setattr__(self, "overrides", changed)
        dataclasses.replace(recipe, **changed)  # checks the settings

    @property
    def settings(self):
        """The recipe with the overrides."""
        return dataclasses.replace(RECIPES[self.recipe], **self.overrides)

    @property
    def epochs(self):
        """The number of epochs."""
        return self.settings.epochs

    @property
    def asked(self):
        """The seed and the attributes that are not at their default, as JSON values."""
        first = {"recipe": self.recipe, "dataset": self.dataset, "seed": self.seed}
        return first | without_defaults(self)

    @property
    def configuration(self):
        """All settings that differ from the defaults."""
        own = without_defaults(self)
        for name in ("recipe", "overrides"):
            own.pop(name, None)
        return self.settings.settings | own

    @property
    def id(self):
        """The identity, a hash of the configuration."""
        return identity(self.configuration)

    @property
    def name(self):
        """The attributes that differ from the defaults, in words."""
        asked = self.asked
        recipe, dataset, seed = (asked.pop(n) for n in ("recipe", "dataset", "seed"))
        overrides = asked.pop("overrides", {})
        words = [f"{name} {value}" for name, value in (asked | overrides).items()]
        return ", ".join([recipe, dataset, *words, f"seed {seed}"])


class Result(NamedTuple):
    """The result of a run.

    Attributes:
        model: The trained `keras.Model`.
        history: `pandas.DataFrame` with one row per epoch: loss and accuracy on the
            training images, measured while the weights change; loss and accuracy on
            the test (or held-out) images, measured after the epoch; and the seconds of
            the epoch. `"SDLM"` adds loss and accuracy on the training images after the
            epoch, and the lowest and the highest learning rate of a weight.
        row: Dictionary of the final results and the settings that repeat the run.
    """

    model: keras.Model
    history: pd.DataFrame
    row: dict


class ProgressBar(keras.callbacks.Callback):
    """One progress bar for all epochs of a run.

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


class RefuseSaturation(keras.callbacks.Callback):
    """Ends a training in which the outputs are nearly the same for all images.

    The hidden units are then saturated, and nothing more is learned. Only classifiers
    may be judged in this way: a regression whose targets hardly differ is fine.

    Args:
        x: Training images. Up to 500 of them, equally spaced, are looked at.

    Raises:
        lenet_keras.sdlm.DivergenceError: If the outputs differ by at most a thousandth
            of the largest one.
    """

    def __init__(self, x):
        super().__init__()
        some = np.linspace(0, len(x) - 1, min(500, len(x))).astype(int)
        self.x = np.asarray(x[some])

    def on_epoch_end(self, epoch, logs=None):
        outputs = self.model.predict(self.x, batch_size=500, verbose=0)
        spread, size = np.ptp(outputs, axis=0).max(), np.abs(outputs).max()
        if len(outputs) > 1 and spread <= 1e-3 * size:
            raise sdlm.DivergenceError(
                f"Training saturated in epoch {epoch + 1}: the outputs are nearly the "
                f"same for all images. They are up to {size:.3g} and differ by "
                f"{spread:.2g} at most. Try a smaller learning rate, more estimates of "
                "the curvature in the first epoch, or a different range of initial "
                "weights, as in keras.initializers.LecunUniform"
            )


class RefuseDivergence(keras.callbacks.Callback):
    """Stops training when the loss is not finite.

    It checks the loss after each call of the compiled function.

    Raises:
        lenet_keras.sdlm.DivergenceError: If the loss is not finite.
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


class AveragedWeights(keras.callbacks.Callback):
    """Keeps exponential moving averages of the weights, which evaluation measures.

    `average = m * average + (1 - m) * weights` for each update, where `m` rises from
    0.1 to the momentum, so that the first weights are soon forgotten. One call of the
    compiled function may make several updates: the weights after it stand for them all.
    Weights that the optimizer does not change, such as the statistics of batch
    normalisation, are averaged too. Keras's own option of the optimizers replaces the
    weights at the end of each `fit`; this callback lets the training go on with its
    own.

    Args:
        model: `keras.Model`.
        momentum: At least 0 and below 1. With 0 nothing is averaged.
    """

    def __init__(self, model, momentum):
        super().__init__()
        self.momentum, self.updates = momentum, 0
        self.averaged = model.weights if momentum else []
        self.values = [keras.ops.convert_to_numpy(w) for w in self.averaged]

    def on_epoch_begin(self, epoch, logs=None):
        self.done = self.updates

    def on_train_batch_end(self, batch, logs=None):
        in_epoch = min(batch + 1, self.params["steps"])
        new = self.done + in_epoch - self.updates
        self.updates += new
        if self.averaged and keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # training has the weights elsewhere
        kept = min(self.momentum, (1 + self.updates) / (10 + self.updates)) ** new
        for index, weight in enumerate(self.averaged):
            value = keras.ops.convert_to_numpy(weight)
            self.values[index] = kept * self.values[index] + (1 - kept) * value

    def on_test_begin(self, logs=None):
        self.exchange()

    def on_test_end(self, logs=None):
        self.exchange()

    def exchange(self):
        """Exchanges the weights and their averages."""
        for index, weight in enumerate(self.averaged):
            value = keras.ops.convert_to_numpy(weight)
            weight.assign(self.values[index])
            self.values[index] = np.array(value)


class _Record(keras.callbacks.Callback):
    """Records the history, and writes the checkpoint after each epoch.

    The checkpoint is one file. It holds everything that the next epoch depends on: the
    weights, the states of the layers' random generators, the optimizer and the history.
    """

    def __init__(self, run, train_images, unseen, path, averages):
        super().__init__()
        self.averages = averages
        self.run, self.train_images, self.unseen = run, train_images, unseen
        self.path = None if path is None else Path(path)
        self.rows = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.perf_counter() - self.start, 1)
        row = {
            "train_loss": logs["loss"],
            "train_accuracy": logs["accuracy"],
            f"{self.unseen}_loss": logs["val_loss"],
            f"{self.unseen}_accuracy": logs["val_accuracy"],
        }
        rates, optimizer = {}, self.model.optimizer
        if isinstance(optimizer, sdlm.SDLM):
            after = evaluate(self.model, *self.train_images)
            row |= {f"train_{name}_after_epoch": value for name, value in after.items()}
            scales = np.concatenate([np.ravel(scale) for scale in optimizer.scales()])
            for name, scale in (("lowest", scales.min()), ("highest", scales.max())):
                rates[f"{name}_learning_rate"] = float(f"{self.rate * scale:.3g}")
        row = {name: round(float(value), 5) for name, value in row.items()}
        self.rows.append({"epoch": epoch + 1} | row | rates | {"seconds": seconds})
        if self.path is not None:
            self._save()

    def _save(self):
        optimizer = {}
        self.model.optimizer.save_own_variables(optimizer)
        arrays = {f"optimizer/{name}": value for name, value in optimizer.items()}
        for index, variable in enumerate(self.model.variables):
            arrays[f"model/{index}"] = keras.ops.convert_to_numpy(variable)
        for index, average in enumerate(self.averages.values):
            arrays[f"average/{index}"] = average
        known = {
            "configuration": self.run.configuration,
            "history": self.rows,
            "updates": self.averages.updates,
        }
        with replacing(self.path) as beside, beside.open("wb") as file:
            np.savez(file, known=np.array(json.dumps(known)), **arrays)

    def restore(self, model):
        """Restores a new model from the checkpoint, if there is one."""
        if self.path is None or not self.path.exists():
            return
        try:
            with self.path.open("rb") as file, np.load(file) as content:
                arrays = dict(content)
            known = json.loads(str(arrays["known"]))
            configuration, self.rows = known["configuration"], known["history"]
        except Exception as error:  # NumPy raises many types for a damaged file
            raise CheckpointError(
                "Expected a checkpoint that can be read; remove the file to train from "
                f"the first epoch. Received: {self.path}: {error!r}"
            ) from None
        own = self.run.configuration
        names = sorted(own.keys() | configuration.keys())
        other = [name for name in names if own.get(name) != configuration.get(name)]
        if other:
            raise CheckpointError(
                "Expected a checkpoint of the same run; nothing was trained, and the "
                f"file was not changed. Received: {self.path}, with another "
                f"{', '.join(other)}"
            )
        for index, variable in enumerate(model.variables):
            variable.assign(arrays[f"model/{index}"])
        self.averages.updates = known.get("updates", 0)
        for index in range(len(self.averages.values)):
            self.averages.values[index] = arrays[f"average/{index}"]
        model.optimizer.build(model.trainable_variables)
        parts = [(*key.partition("/"), array) for key, array in arrays.items()]
        model.optimizer.load_own_variables(
            {index: array for kind, _, index, array in parts if kind == "optimizer"}
        )


class CheckpointError(ValueError):
    """A checkpoint is damaged or belongs to another run."""


def train(run, checkpoint=None, callbacks=(), verbose=1):
    """Trains a network and returns the result after the final epoch.

    Args:
        run: `Run`.
        checkpoint: Optional path of a file that is replaced after each epoch. If the
            file exists, training resumes from it, and ends with the same weights as an
            uninterrupted training.
        callbacks: Additional Keras callbacks.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        `Result`.

    Raises:
        lenet_keras.sdlm.DivergenceError: If training diverges or saturates.
        lenet_study.datasets.sources.DataError: If the data set is missing or damaged,
            and every download failed.
        CheckpointError: If the checkpoint is damaged or belongs to another run.

    Example:

    >>> run = Run("lenet5-adam", "mnist", train_images=64, overrides={"epochs": 1})
    >>> result = train(run, verbose=0)
    >>> result.row["network"], result.row["trainable"], result.row["connections"]
    ('lenet5', 60000, 340908)
    """
    recipe = run.settings
    (x, y), (x_unseen, y_unseen) = load_images(run)
    x, x_unseen = (network_input(part, recipe.pixels) for part in (x, x_unseen))
    arguments = recipe.augmentation_arguments
    targets = soft_labels(y, run.dataset, recipe) if recipe.soft else y
    if recipe.soft:
        y, y_unseen = (np.eye(10, dtype="float32")[part] for part in (y, y_unseen))
    digits, shape = len(x), x.shape[1:]
    changed = augmented(x, targets, recipe.augmentation, run.seed, **arguments)
    if recipe.reads_lines:
        rng = np.random.default_rng(run.seed)
        x, y = lines_to_train(x, y, rng)
        x_unseen, y_unseen = lines_to_train(x_unseen, y_unseen, rng)
    plain_from = recipe.epochs - recipe.plain_epochs

    def images(epoch):
        return changed(epoch) if epoch < plain_from else (x, targets)

    unseen = "held_out" if run.held_out else "test"

    keras.utils.set_random_seed(run.seed)
    height, _, channels = shape
    wide = (height, None, channels)
    model = recipe.build(wide if recipe.reads_lines else shape)
    recipe.compile(model, len(x), steps_per_execution=steps_per_execution())
    averages = AveragedWeights(model, recipe.ema_momentum)
    record = _Record(run, (x, y), unseen, checkpoint, averages)
    record.restore(model)
    bar = ProgressBar(run.name, recipe.epochs)
    bars = [bar] if verbose else []
    arguments = {
        "epochs": recipe.epochs,
        "initial_epoch": len(record.rows),
        "seed": run.seed,
        "validation_data": (x_unseen, y_unseen),
        "callbacks": [RefuseDivergence(), averages, *bars, record, *callbacks],
    }
    try:
        if recipe.optimizer == "SDLM":
            _fit_patterns(model, run, images, x, y, **arguments)
        else:
            fit_minibatches(model, images, recipe.batch_size, **arguments)
    finally:
        bar.close()
    averages.exchange()

    history = pd.DataFrame(record.rows).set_index("epoch")
    after = evaluate(model, x, y)
    counted = recipe.build(shape) if recipe.reads_lines else model
    counts = layer_table(counted)["total"]._asdict()
    del counts["output_shape"]
    row = {
        "recipe": run.recipe,
        "dataset": run.dataset,
        "seed": run.seed,
        "network": recipe.network,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "train_images": digits,
        "held_out": run.held_out,
        **counts,
        "train_accuracy": round(after["accuracy"], 5),
        f"{unseen}_accuracy": float(history[f"{unseen}_accuracy"].iloc[-1]),
        "seconds": round(float(history["seconds"].sum()), 1),
        **code(),
    }
    return Result(model, history, row)


def load_images(run):
    """Returns the images of a run, as stored in the data set.

    Args:
        run: `Run`.

    Returns:
        `(x, y), (x_unseen, y_unseen)`: the images to train on, and the held-out images
        or else the test images, to measure on.
    """
    (x, y), test = DATASETS[run.dataset]()
    used = run.train_images or len(x)
    split = used - run.held_out
    unseen = (x[split:used], y[split:used]) if run.held_out else test
    return (x[:split], y[:split]), unseen


def evaluate(model, x, y):
    """Returns loss and accuracy of a compiled model."""
    return model.evaluate(x, y, batch_size=1000, return_dict=True, verbose=0)


def one_thread():
    """Limits each operation to one thread, if TensorFlow has not started yet.

    One pattern has too little work for two threads: updates with two threads take a
    quarter longer.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)


def steps_per_execution():
    """Returns the number of updates in one call of the compiled function."""
    return 1 if keras.backend.backend() == "torch" else 10


def fit_minibatches(
    model,
    epochs_of,
    batch_size,
    epochs,
    validation_data=None,
    initial_epoch=0,
    seed=0,
    callbacks=(),
):
    """Trains a compiled model by Keras's `fit`, in an order that the seed determines.

    The order of the images depends only on the seed and the epoch, as in
    `lenet_keras.sdlm.fit` with `shuffle="every_epoch"`. With the same seed, all
    networks see the same images in the same order, so their results can be compared in
    pairs.

    Args:
        model: Compiled `keras.Model`.
        epochs_of: Function of the epoch, from 0, that returns its images and labels.
        batch_size: Positive integer, images per update.
        epochs: Positive integer, the epoch, from 1, after which training ends.
        validation_data: Optional images and labels to measure on after each epoch.
        initial_epoch: Epoch, from 0, at which training starts.
        seed: Integer.
        callbacks: Keras callbacks.
    """
    validation = validation_data and _batches(*validation_data, 1000)
    for epoch in range(initial_epoch, epochs):
        x, y = epochs_of(epoch)
        if np.ndim(y) == 1:  # neither probabilities nor lines
            classes = model.output_shape[-1]
            fits = np.isin(y, np.arange(classes)).all()
            expect(fits, f"labels from 0 to {classes - 1}", labels=np.unique(y))
        order = np.random.default_rng([seed, epoch]).permutation(len(y))
        model.fit(
            _batches(x[order], y[order], batch_size),
            validation_data=validation,
            shuffle=False,
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=callbacks,
            verbose=0,
        )


class _Batches(keras.utils.PyDataset):
    """Arrays of images and labels, in batches."""

    def __init__(self, x, y, size):
        super().__init__()
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return math.ceil(len(self.x) / self.size)

    def __getitem__(self, index):
        part = slice(index * self.size, (index + 1) * self.size)
        return self.x[part], self.y[part]


def _batches(x, y, size):
    """Returns images and labels in batches, for Keras's `fit`.

    On arrays, TensorFlow tunes its input in a thread that sleeps 10, 20, 40, ... ms.
    The end of an epoch waits for the end of a sleep: after 2.6, 5.1, 10.2, ... seconds.
    This input has nothing to tune.
    """
    if keras.backend.backend() != "tensorflow":
        return _Batches(x, y, size)
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size).with_options(options)


def _fit_patterns(model, run, images, x, y, **arguments):
    """Trains by the method of 1998."""
    recipe = run.settings
    estimation = sdlm.CurvatureEstimation(
        x,
        y,
        patterns=min(500, len(x)),
        estimates_in_first_epoch=recipe.estimates_in_first_epoch,
        seed=run.seed,
    )
    own = [estimation, RefuseSaturation(x)]
    arguments["callbacks"] = [*own, *arguments["callbacks"]]
    order = False if recipe.order == "given" else recipe.order
    sdlm.fit(model, images, shuffle=order, verbose=0, **arguments)


@functools.cache
def code():
    """Returns the versions of the code, and the commit of a checkout."""
    checkout, commit = Path(__file__).parents[1], None
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
