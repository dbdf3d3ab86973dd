"""Images moved, scaled, turned, squeezed and spoilt: how far do networks read them?"""

import numpy as np
import pandas as pd

from lenet_keras.datasets import load_mnist
from lenet_keras.preprocessing import prepare
from lenet_keras.study.distortions import affine
from lenet_keras.study.files import read_results
from lenet_keras.study.statistics import crossing

# What is done to the images, and how much of it: pixels, factors, degrees, a fraction.
AMOUNTS = {
    "shift right": list(range(-10, 11)),
    "shift down": list(range(-10, 11)),
    "scale": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5],
    "rotation": list(range(-60, 61, 10)),
    "squeeze": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.7, 2.0],
    "noise": [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5],
}


def perturb(images, kind, amount, background, ink, seed=0):
    """Does one thing to all images alike.

    Args:
        images: Array of shape `(n, height, width, channels)`.
        kind: What is done, and with it the unit of `amount`:

            - `"shift right"`, `"shift down"`: pixels; negative ones to the other side.
            - `"scale"`: factor of width and height.
            - `"rotation"`: degrees, counter-clockwise.
            - `"squeeze"`: factor by which the width grows and the height shrinks.
            - `"noise"`: fraction of the pixels, drawn for each image, that become
              background or ink, either with the same chance ("salt and pepper").
        amount: Number.
        background: Value of an empty pixel, which comes in from outside.
        ink: Value of a full one.
        seed: Integer, or `numpy.random.Generator`, from which the noise follows.

    Returns:
        `float32` array of the images' shape, interpolated linearly.

    Example:

    >>> image = np.zeros((1, 5, 5, 1), "float32")
    >>> image[0, 2, 2] = 1.0
    >>> moved = perturb(image, "shift right", 1, background=0.0, ink=1.0)
    >>> float(moved[0, 2, 3, 0])
    1.0

    Raises:
        ValueError: If `kind` is none of these, a factor is not positive, or a fraction
            not from 0 to 1.

    Reference:
        LeCun et al. (1998), section III-E, on what LeNet-5 bears.
    """
    if kind not in AMOUNTS:
        raise ValueError(f"Expected kind among {list(AMOUNTS)}. Received: {kind=}")
    if kind in ("scale", "squeeze") and not amount > 0:
        raise ValueError(f"Expected a positive factor. Received: {amount=}")
    if kind == "noise":
        return _salt_and_pepper(images, amount, background, ink, seed)
    backward, shift = np.eye(2), (0, 0)
    if kind == "shift right":
        shift = (amount, 0)
    elif kind == "shift down":
        shift = (0, amount)
    elif kind == "scale":
        backward = np.eye(2) / amount
    elif kind == "squeeze":
        backward = np.diag([1 / amount, amount])
    else:
        cos, sin = np.cos(np.radians(amount)), np.sin(np.radians(amount))
        backward = np.array([[cos, -sin], [sin, cos]])
    count = len(images)
    return affine(
        images,
        np.broadcast_to(backward, (count, 2, 2)),
        np.broadcast_to(shift, (count, 2)),
        background,
    )


def _salt_and_pepper(images, fraction, background, ink, seed):
    if not 0 <= fraction <= 1:
        raise ValueError(f"Expected an amount from 0 to 1. Received: amount={fraction}")
    rng = np.random.default_rng(seed)
    shape = (*images.shape[:3], 1)  # all channels of a pixel alike
    spoilt = rng.random(shape) < fraction
    values = np.where(rng.random(shape) < 0.5, background, ink)
    return np.where(spoilt, values, images).astype("float32")


def accuracies(model, pixels, images, labels, amounts=AMOUNTS):
    """Measures a network on digits to which one thing is done at a time.

    Args:
        model: Trained and compiled network with the metric `accuracy`.
        pixels: The network's input, as in `lenet_keras.preprocessing`.
        images: `uint8` digits of shape `(n, 28, 28)`.
        labels: Their labels.
        amounts: Dictionary from what is done, as in
            `perturb`, to how much of it is tried.

    Returns:
        `pandas.DataFrame` with the columns `perturbation`, `amount`, `accuracy`.
    """
    # Of an image full of ink the padding is background.
    full = prepare(np.full((1, 28, 28), 255, "uint8"), pixels)
    background = float(prepare(np.zeros((1, 28, 28), "uint8"), pixels).max())
    ink = float(full.max())
    prepared = prepare(images, pixels)
    rows = []
    for kind, tried in amounts.items():
        for amount in tried:
            changed = perturb(prepared, kind, amount, background, ink)
            measured = model.evaluate(
                changed, labels, batch_size=1000, return_dict=True, verbose=0
            )
            accuracy = round(measured["accuracy"], 5)
            rows.append((kind, float(amount), accuracy))
    return pd.DataFrame(rows, columns=["perturbation", "amount", "accuracy"])


def measure(run, model):
    """Measures the network of a run on perturbed test digits, for `sweep`."""
    _, (images, labels) = load_mnist()
    table = accuracies(model, run.settings.pixels, images, labels)
    return {"perturbed": table.to_dict(orient="records")}


def load_perturbed(path):
    """Returns the accuracies on perturbed digits that a sweep has measured.

    Args:
        path: Path of the results file.

    Returns:
        `pandas.DataFrame` with one row a run, perturbation and amount: `recipe`,
        `seed`, `perturbation`, `amount`, `accuracy`.
    """
    return pd.DataFrame(
        {"recipe": result["run"]["recipe"], "seed": result["run"]["seed"]} | measured
        for result in read_results(path)
        for measured in result["perturbed"]
    )


def reach(table, level=0.9):
    """Returns up to which amounts each network is right on a share of the digits.

    Args:
        table: What `load_perturbed` returns.
        level: Share of the digits, from 0 to 1.

    Returns:
        `pandas.DataFrame` with one row a recipe and perturbation, `low` and `high`: the
        amounts, around the one that changes nothing, between which the mean accuracy
        over the seeds is at least the level, by straight lines between the amounts
        that were tried; the last amount where the accuracy stays above the level, and
        NaN where it is below it from the start.
    """
    rows = []
    for (recipe, kind), own in table.groupby(["recipe", "perturbation"], sort=False):
        mean = own.groupby("amount")["accuracy"].mean()
        start = mean.index.get_loc(1.0 if kind in ("scale", "squeeze") else 0.0)
        row = {"recipe": recipe, "perturbation": kind}
        row["low"] = _bound(mean.iloc[start::-1], level)
        row["high"] = _bound(mean.iloc[start:], level)
        rows.append(row)
    return pd.DataFrame(rows)


def _bound(accuracies, level):
    if accuracies.iloc[0] < level:
        return np.nan
    reached = crossing(accuracies, level)
    return accuracies.index[-1] if np.isnan(reached) else reached
