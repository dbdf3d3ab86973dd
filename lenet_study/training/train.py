"""The training of a run, by the method of 1998 or by Keras's `fit`."""

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from lenet_keras import sdlm
from lenet_keras.checks import expect
from lenet_keras.counts import layer_table
from lenet_study.datasets import sources
from lenet_study.images.augmentation import augmented
from lenet_study.images.lines import lines_to_train
from lenet_study.images.pixels import network_input
from lenet_study.training import callbacks as own
from lenet_study.training.checkpoint import History, evaluate
from lenet_study.training.job import versions
from lenet_study.training.teachers import soft_labels

# A run is the same only under these, which a user's environment may change.
KERAS_SETTINGS = {"floatx": "float32", "image_data_format": "channels_last"}
KERAS_SETTINGS |= {"max_epochs": None, "max_steps_per_epoch": None}


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


def train(run, checkpoint=None, callbacks=(), verbose=1):
    """Trains a network and returns the result after the final epoch.

    Args:
        run: `lenet_study.training.run.Run`.
        checkpoint: Optional path of a file that is replaced after each epoch. If the
            file exists, training resumes from it, and ends with the same weights as an
            uninterrupted training.
        callbacks: Additional Keras callbacks.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        `Result`.

    Raises:
        ValueError: If a setting does not fit, or the loss is not finite before the
            first update.
        lenet_keras.sdlm.DivergenceError: If training diverges or saturates.
        lenet_study.datasets.sources.DataError: If the data set is missing or damaged,
            and every download failed.
        lenet_study.training.checkpoint.CheckpointError: If the checkpoint is damaged or
            belongs to another run.

    Example:

    >>> from lenet_study.training.run import Run
    >>> run = Run("lenet5-adam", "mnist", train_images=64, overrides={"epochs": 1})
    >>> result = train(run, verbose=0)
    >>> result.row["network"], result.row["trainable"], result.row["connections"]
    ('lenet5', 60000, 340908)
    """
    try:
        return _train(run, checkpoint, callbacks, verbose)
    except Exception as error:  # a wrong argument makes Python raise any type
        ours = isinstance(error, (MemoryError, OSError, RuntimeError))
        ours = ours or "Expected" in str(error)
        what = "settings that the network, loss, optimizer and augmentation take"
        reason = str(error).rsplit("\n", 1)[-1]
        expect(ours or not run.overrides, what, **run.overrides, reason=reason)
        raise


def _train(run, checkpoint, callbacks, verbose):
    recipe = run.settings
    own_settings = {name: getattr(keras.config, name)() for name in KERAS_SETTINGS}
    expect(own_settings == KERAS_SETTINGS, "Keras's defaults", **own_settings)
    (x, y), (x_unseen, y_unseen) = load_images(run)
    targets = y
    if recipe.labels == "probabilities":
        targets = soft_labels(y, run.dataset, recipe)
        y, y_unseen = (np.eye(10, dtype="float32")[part] for part in (y, y_unseen))
    digits, shape = len(x), x.shape[1:]
    arguments = recipe.augmentation_arguments
    changed = augmented(x, targets, recipe.augmentation, run.seed, **arguments)
    if recipe.labels == "lines":
        rng = np.random.default_rng(run.seed)
        x, y = lines_to_train(x, y, rng)
        x_unseen, y_unseen = lines_to_train(x_unseen, y_unseen, rng)

    def images(epoch):
        plain = epoch >= recipe.epochs - recipe.plain_epochs
        return (x, targets) if plain else changed(epoch)

    keras.utils.set_random_seed(run.seed)
    wide = (shape[0], None, shape[-1])
    model = recipe.build(wide if recipe.labels == "lines" else shape)
    recipe.compile(model, len(x))
    averages = own.AveragedWeights(model, recipe.ema_momentum)
    rows = History(run, (x, y), averages, checkpoint)
    rows.restore(model)
    done = len(rows.rows)
    bar = own.ProgressBar(run.name, recipe.epochs, initial=done, disable=not verbose)
    arguments = {
        "seed": run.seed,
        "validation_data": (x_unseen, y_unseen),
        "callbacks": [own.RefuseDivergence(), averages, bar, rows, *callbacks],
    }
    with bar.bar:
        if recipe.optimizer == "SDLM":
            _fit_patterns(model, run, images, x, y, initial_epoch=done, **arguments)
        else:
            epochs = range(done, recipe.epochs)
            fit_minibatches(model, images, recipe.batch_size, epochs, **arguments)
    averages.exchange()

    history = pd.DataFrame(rows.rows).set_index("epoch")
    counted = recipe.build(shape) if recipe.labels == "lines" else model
    counts = layer_table(counted)["total"]._asdict()
    del counts["output_shape"]
    row = {"recipe": run.recipe, "dataset": run.dataset, "seed": run.seed}
    for name in ("network", "epochs", "batch_size", "learning_rate"):
        row[name] = getattr(recipe, name)
    row |= {"train_images": digits, "held_out": run.held_out} | counts
    unseen = f"{run.unseen}_accuracy"
    row["train_accuracy"] = round(evaluate(model, x, y)["accuracy"], 5)
    row[unseen] = float(history[unseen].iloc[-1])
    row["seconds"] = round(float(history["seconds"].sum()), 1)
    row |= versions()
    return Result(model, history, row)


def load_images(run):
    """Returns the images of a run, as its network takes them.

    Args:
        run: `lenet_study.training.run.Run`.

    Returns:
        `(x, y), (x_unseen, y_unseen)`: the images to train on, and the held-out images
        or else the test images, to measure on.
    """
    x, y, *unseen = sources.load(run.dataset).values()
    used = run.train_images or len(x)
    split = used - run.held_out
    if run.held_out:
        unseen = x[split:used], y[split:used]
    parts = (x[:split], y[:split]), unseen
    return [(network_input(x, run.settings.pixels), y) for x, y in parts]


def fit_minibatches(
    model, epochs_of, batch_size, epochs, seed=0, validation_data=None, callbacks=()
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
        epochs: The epochs to train, from 0, such as `range(10)`.
        seed: Integer.
        validation_data: Optional images and labels to measure on after each epoch.
        callbacks: Keras callbacks.
    """
    validation = validation_data and _batches(*validation_data, 1000)
    for epoch in epochs:
        x, y = epochs_of(epoch)
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


def _batches(x, y, size):
    """Returns images and labels in batches, for Keras's `fit`.

    On arrays, TensorFlow tunes its input in a thread that sleeps 10, 20, 40, ... ms.
    The end of an epoch waits for the end of a sleep: after 2.6, 5.1, 10.2, ... seconds.
    This input has nothing to tune.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size).with_options(options)


def _fit_patterns(model, run, images, x, y, callbacks, **arguments):
    """Trains by the method of 1998."""
    recipe = run.settings
    estimation = sdlm.CurvatureEstimation(
        x, y, min(500, len(x)), recipe.estimates_in_first_epoch, run.seed
    )
    arguments["callbacks"] = [estimation, own.RefuseSaturation(x), *callbacks]
    arguments["shuffle"] = False if recipe.order == "given" else recipe.order
    sdlm.fit(model, images, epochs=recipe.epochs, verbose=0, **arguments)
