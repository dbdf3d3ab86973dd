"""How far trained networks still read digits that are moved, turned or spoilt."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from lenet_keras import plotting
from lenet_keras.datasets import load_mnist, prepare
from lenet_keras.datasets.perturb import AMOUNTS, perturb
from lenet_keras.experiments.sweep import grid, run_unit, sweep
from lenet_keras.files import replacing
from lenet_keras.recipes import NOISY, TRIED


def accuracies(model, pixels, images, labels, amounts=AMOUNTS):
    """Measures a network on digits to which one thing is done at a time.

    Args:
        model: Trained and compiled network with the metric `accuracy`.
        pixels: What it sees, as in `lenet_keras.datasets.prepare`.
        images: `uint8` digits of shape `(n, 28, 28)`.
        labels: Their labels.
        amounts: Dictionary from what is done, as in
            `lenet_keras.datasets.perturb.perturb`, to how much of it is tried.

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


def perturbed_unit(unit):
    """Does a unit of a sweep, and measures its network on perturbed test digits."""
    return run_unit(unit, look=_measured)


def _measured(unit, model):
    _, (images, labels) = load_mnist()
    table = accuracies(model, unit.settings.pixels, images, labels)
    return {"perturbed": table.to_dict(orient="records")}


def perturbed(output, seeds=range(3), **where):
    """Trains the networks that the notes speak of, and measures what they bear.

    In the folder it writes what `lenet_keras.experiments.sweep.sweep` does, and
    `perturbed.csv`, one row a run, perturbation and amount; `perturbed.md`, its
    `overview`; and `perturbed.png`, the picture of it.

    Args:
        output: Folder; it is made if it is not there.
        seeds: Integers, one run of each network for each.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        `pandas.DataFrame` of what `perturbed.csv` has.

    Raises:
        RuntimeError: If a run has no result, or is one that `sweep` itself has made
            in the folder and nobody has measured.
        OSError: If the folder cannot be written to.
    """
    output = Path(output)
    units = grid([*TRIED, *NOISY], ["mnist"], seeds)
    sweep(units, output, do=perturbed_unit, **where)
    rows = []
    for unit in units:
        path = output / f"{unit.name}.json"
        result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if "perturbed" not in result:
            raise RuntimeError(
                "Expected a measured network of each run; remove what is none. "
                f"Received: {path} with status={result.get('status', 'missing')!r}"
            )
        known = {"recipe": unit.recipe, "seed": unit.seed}
        rows += [known | measured for measured in result["perturbed"]]
    table = pd.DataFrame(rows)
    with replacing(output / "perturbed.csv") as file:
        table.to_csv(file, index=False)
    with replacing(output / "perturbed.md") as file:
        file.write_text(overview(table), encoding="utf-8")
    with replacing(output / "perturbed.png") as file:
        plotting.perturbed(table).savefig(file, format="png")
    return table


# Of all amounts, those that a table has room for.
SHOWN = {
    "as it is": ("shift right", 0.0),
    "1 pixel right": ("shift right", 1.0),
    "3 pixels right": ("shift right", 3.0),
    "scaled by 0.7": ("scale", 0.7),
    "by 1.4": ("scale", 1.4),
    "turned by 30°": ("rotation", 30.0),
    "10 % noise": ("noise", 0.1),
}


def overview(table):
    """Returns a few of the accuracies, in percent, as a table in Markdown.

    Args:
        table: What `perturbed` returns; a figure is the mean over the seeds.
    """
    means = table.groupby(["recipe", "perturbation", "amount"])["accuracy"].mean()
    rows = []
    for recipe in dict.fromkeys(table["recipe"]):
        title, _, _ = plotting.TRIED_STYLES[recipe]
        cells = {
            name: f"{100 * means[recipe, *key]:.1f}" for name, key in SHOWN.items()
        }
        rows.append({"digits right, %": title} | cells)
    alignment = ("left", *["right"] * len(SHOWN))
    frame = pd.DataFrame(rows)
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)
    return text + "\n"


def reach(table, level=0.9):
    """Returns how far each network is right on a share of the digits.

    Args:
        table: What `perturbed` returns.
        level: Share of the digits, from 0 to 1.

    Returns:
        `pandas.DataFrame` with one row a recipe and perturbation, `low` and `high`: the
        amounts, around the one that changes nothing, between which the mean accuracy
        over the seeds is at least the level, by straight lines between those that were
        tried; the last one tried where it never falls below. NaN where it is below it
        from the start.
    """
    rows = []
    for (recipe, kind), own in table.groupby(["recipe", "perturbation"], sort=False):
        mean = own.groupby("amount")["accuracy"].mean()
        start = mean.index.get_loc(1.0 if kind in ("scale", "squeeze") else 0.0)
        row = {"recipe": recipe, "perturbation": kind}
        row["low"] = _crossing(mean.iloc[start::-1], level)
        row["high"] = _crossing(mean.iloc[start:], level)
        rows.append(row)
    return pd.DataFrame(rows)


def _crossing(accuracies, level):
    """Returns where accuracies, from the best on, fall below the level."""
    amounts, values = accuracies.index.to_numpy(), accuracies.to_numpy()
    below = np.flatnonzero(values < level)
    if len(below) == 0:
        return amounts[-1]
    if below[0] == 0:
        return np.nan
    first = below[0]
    share = (values[first - 1] - level) / (values[first - 1] - values[first])
    return amounts[first - 1] + share * (amounts[first] - amounts[first - 1])
