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
    empty_and_full = np.array([0, 255], "uint8")[:, None, None]
    empty_and_full = prepare(np.tile(empty_and_full, (1, 28, 28)), pixels)
    background, ink = (float(image[14, 14, 0]) for image in empty_and_full)
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

    def look(unit, model):
        _, (images, labels) = load_mnist()
        table = accuracies(model, unit.settings.pixels, images, labels)
        return {"perturbed": table.to_dict(orient="records")}

    return run_unit(unit, look)


def perturbed(output, seeds=range(3), **where):
    """Trains the networks that the notes speak of, and measures what they bear.

    Beside the folder it writes, under its name, `.csv`, one row a run, perturbation and
    amount, and `.png`, the picture of it.

    Args:
        output: Folder for the units, as for `lenet_keras.experiments.sweep.sweep`.
        seeds: Integers, one run of each network for each.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        `pandas.DataFrame` of what the `.csv` has.

    Raises:
        RuntimeError: If a run has no result.
        OSError: If the folder cannot be written to.
    """
    output = Path(output)
    units = grid([*TRIED, *NOISY], ["mnist"], seeds)
    sweep(units, output, do=perturbed_unit, **where)
    rows = []
    for unit in units:
        path = output / f"{unit.name}.json"
        result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if result.get("status") != "done":
            raise RuntimeError(f"Expected a result of each run. Received: no {path}")
        known = {"recipe": unit.recipe, "seed": unit.seed}
        rows += [known | measured for measured in result["perturbed"]]
    table = pd.DataFrame(rows)
    with replacing(output.with_suffix(".csv")) as file:
        table.to_csv(file, index=False)
    with replacing(output.with_suffix(".png")) as file:
        plotting.perturbed(table).savefig(file, format="png")
    return table
