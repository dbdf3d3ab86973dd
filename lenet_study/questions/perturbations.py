"""What trained networks do on changed digits, and when they may reject some."""

import dataclasses

import numpy as np
import pandas as pd

from lenet_keras import pretrained
from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.metrics import RBFAccuracy
from lenet_study.datasets import load_mnist
from lenet_study.images.perturbations import AMOUNTS, perturb
from lenet_study.images.pixels import network_input
from lenet_study.questions.certainty import as_distances
from lenet_study.questions.mistakes import nearest_two, rejection_curve
from lenet_study.statistics import crossing
from lenet_study.training.job import Job, versions

REJECTED = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0]  # percent of all digits


def accuracies(model, pixels, images, labels, amounts):
    """Measures a network on perturbed digits, one perturbation at a time.

    Args:
        model: Trained and compiled network with the metric `accuracy`.
        pixels: The network's input, as in `lenet_keras.preprocessing`.
        images: `uint8` digits of shape `(n, 28, 28)`.
        labels: Their labels.
        amounts: Dictionary from each `kind` of `perturb` to its amounts.

    Returns:
        List of dictionaries with `perturbation`, `amount` and `accuracy`.
    """
    # The largest values, because the padding of an image full of ink is background.
    flat = np.full((2, 28, 28), [[[0]], [[255]]], "uint8")
    background, ink = network_input(flat, pixels).max(axis=(1, 2, 3)).tolist()
    prepared = network_input(images, pixels)
    sizes = {"batch_size": 1000, "return_dict": True, "verbose": 0}
    measured = []
    for kind, amount in ((kind, n) for kind, tried in amounts.items() for n in tried):
        changed = perturb(prepared, kind, amount, background, ink)
        accuracy = round(model.evaluate(changed, labels, **sizes)["accuracy"], 5)
        row = {"perturbation": kind, "amount": float(amount), "accuracy": accuracy}
        measured.append(row)
    return measured


def measure(run, model):
    """Returns the accuracies of a run's network on perturbed digits."""
    _, test = load_mnist()
    return {"perturbed": accuracies(model, run.settings.pixels, *test, AMOUNTS)}


def load_compiled(network):
    """Returns a trained network of the package, with its accuracy, and its pixels."""
    record, model = pretrained.records()[network], pretrained.load_pretrained(network)
    return with_accuracy(model, record["model"]), record["pixels"]


def with_accuracy(model, network):
    """Returns a network compiled with the metric `accuracy`, for labels.

    Args:
        model: The network.
        network: Name of its function, such as `"lenet5"`, whose outputs are distances.
    """
    if network == "lenet5":
        model.compile(loss=MaximumAPosteriori(), metrics=[RBFAccuracy("accuracy")])
    else:
        model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@dataclasses.dataclass(frozen=True)
class Robustness(Job):
    """A trained network of the package on changed digits, and with rejection.

    Attributes:
        network: Name of a network of `lenet_keras.load_pretrained`, trained on MNIST.
    """

    dataset = "mnist"
    network: str

    @property
    def configuration(self):
        """The name, and the weights of the network."""
        return self.request | {"sha256": pretrained.records()[self.network]["sha256"]}

    def do(self, checkpoint=None, progress=None):
        """Measures the network on the test digits.

        `perturbed` has the `accuracies`. `rejection` has the error in percent on the
        digits that are left when a percentage is rejected.
        """
        _, (images, labels) = load_mnist()
        model, pixels = load_compiled(self.network)
        x = network_input(images, pixels)
        outputs = model.predict(x, batch_size=1000, verbose=0)
        distances = as_distances(outputs, pretrained.records()[self.network]["model"])
        rejected, errors = rejection_curve(nearest_two(distances, labels))
        rejection = []
        for percent in REJECTED:
            n = round(len(x) * percent / 100)
            error = round(float(errors[n]), 3)
            rejection.append({"rejected": float(rejected[n]), "error": error})
        perturbed = accuracies(model, pixels, images, labels, AMOUNTS)
        measured = {"perturbed": perturbed, "rejection": rejection}
        return {"status": "done", "row": versions()} | measured


def tolerated_range(table, level=0.9):
    """Returns the range of amounts in which each network reaches an accuracy.

    Args:
        table: `pandas.DataFrame` of the accuracies of several runs, as
            `lenet_study.results.load_measured` returns them.
        level: Accuracy, from 0 to 1.

    Returns:
        `pandas.DataFrame` with one row per recipe and perturbation. Between `low` and
        `high`, around the amount that changes nothing, the mean accuracy over the seeds
        is at least the level, by linear interpolation between the measured amounts. A
        bound is the last amount if the accuracy stays above the level, and NaN if even
        unchanged digits are below it.
    """
    rows = []
    for (recipe, kind), own in table.groupby(["recipe", "perturbation"], sort=False):
        mean = own.groupby("amount")["accuracy"].mean()
        start = mean.index.get_loc(1.0 if kind in ("scale", "squeeze") else 0.0)
        low, high = mean.iloc[start::-1], mean.iloc[start:]
        bounds = {"low": _bound(low, level), "high": _bound(high, level)}
        rows.append({"recipe": recipe, "perturbation": kind} | bounds)
    return pd.DataFrame(rows)


def _bound(accuracies, level):
    if accuracies.iloc[0] < level:
        return np.nan
    reached = crossing(accuracies, level)
    return accuracies.index[-1] if np.isnan(reached) else reached
