"""How the recommended recipes were chosen: what was tried beside them."""

import dataclasses
from pathlib import Path

import pandas as pd

from lenet_keras.experiments.sweep import grid, run_unit, sweep
from lenet_keras.files import replacing
from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.recipes import RECIPES

# Of each recommended recipe, one thing at a time. The faithful network's on MNIST is
# the paper's protocol, which was weighed by `lenet-keras reproduce --held-out 10000`.
TRIED = {
    "lenet5-cifar10": {
        "not augmented": {"augmentation": None},
        "a third of the rate": {"learning_rate": 0.001},
        "three times the rate": {"learning_rate": 0.01},
        "a constant rate": {"schedule": "constant"},
        "temperature 1": {"loss": MaximumAPosteriori(j=10.0)},
        "temperature 60": {"loss": MaximumAPosteriori(j=600.0, temperature=60.0)},
        "the paper's pixels": {"pixels": "paper"},
    },
    "lenet5_modern-mnist": {
        "no distortions": {"augmentation": None},
        "a third of the rate": {"learning_rate": 0.001},
        "three times the rate": {"learning_rate": 0.01},
        "a constant rate": {"schedule": "constant"},
        "32 images an update": {"batch_size": 32},
        "128 images an update": {"batch_size": 128},
    },
    "lenet5_modern-cifar10": {
        "not augmented": {"augmentation": None},
        "a third of the rate": {"learning_rate": 0.001},
        "three times the rate": {"learning_rate": 0.01},
        "a constant rate": {"schedule": "constant"},
        "pixels from 0 to 1": {"pixels": "unit"},
    },
}

CANDIDATES = {
    f"{name}, {title}": dataclasses.replace(RECIPES[name], **change)
    for name, changes in TRIED.items()
    for title, change in changes.items()
}
RECIPES.update(CANDIDATES)


def run_candidate(unit):
    """Does a unit; from here, so that a worker knows the candidates too."""
    return run_unit(unit)


def choices(output, passes=10, held_out=10_000, **where):
    """Tries the recommended recipes, and the candidates, on held-out training images.

    In the folder it writes what `lenet_keras.experiments.sweep.sweep` does, and
    `choices.md`, the `table` of it.

    Args:
        output: Folder, as for `lenet_keras.experiments.sweep.sweep`.
        passes: Positive integer: fewer than the recipes have, the same for all.
        held_out: Positive integer: training images that are measured on.
        **where: `workers` and `scheduler`, as for `sweep`.

    Returns:
        `pandas.DataFrame` with one row a run, as `sweep` returns it.

    Raises:
        RuntimeError: If one of the runs failed or diverged; the others are kept.
    """
    units = []
    for name, changes in TRIED.items():
        recipes = [name, *(f"{name}, {title}" for title in changes)]
        dataset = name.split("-")[1]
        units += grid(recipes, [dataset], [0], passes=passes, held_out=held_out)
    runs = sweep(units, output, do=run_candidate, **where)
    done = (runs["status"] == "done").sum()
    if done < len(units):
        raise RuntimeError(
            f"Expected all {len(units)} runs to be done. Received: {done} in {output}"
        )
    with replacing(Path(output) / "choices.md") as file:
        file.write_text(table(runs), encoding="utf-8")
    return runs


def table(runs):
    """Returns the held-out errors, in percent, of what was tried, in Markdown.

    Args:
        runs: What `choices` returns, all runs of it done.

    Returns:
        A table with a column a recommended recipe, and a row each thing that was
        tried in its place.
    """
    errors = 100 * (1 - runs.set_index("recipe")["held_out_accuracy"])
    tried = dict.fromkeys(title for changes in TRIED.values() for title in changes)
    rows = {"as recommended": {name: f"{errors[name]:.2f}" for name in TRIED}}
    for title in tried:
        rows[title] = {
            name: f"{errors[f'{name}, {title}']:.2f}" if title in changes else ""
            for name, changes in TRIED.items()
        }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame = frame.rename_axis("held-out error, %").reset_index()
    alignment = ("left", *["right"] * len(TRIED))
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)
    return text + "\n"
