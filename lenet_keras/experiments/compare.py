"""The main job: both networks on both data sets, as a table and a picture."""

import itertools
from pathlib import Path

import pandas as pd

from lenet_keras import plotting
from lenet_keras.datasets import sources
from lenet_keras.experiments.run import train
from lenet_keras.files import replacing

# What study note 002 states for its network and its recipe. Its training accuracies
# are taken on the fly; its "test" accuracy was measured on the training images.
NOTE_CLAIMS = {
    "mnist": "98.7 % train",
    "cifar10": '56.2 % train, 54.28 % "test" (on training images)',
    "cifar10-sample": '56.2 % train, 54.28 % "test" (on training images; complete set)',
}

# Passes where only a few are wanted: the sample has a tenth of the images.
FEW_PASSES = {"mnist": 2, "cifar10": 2, "cifar10-sample": 6}

COLUMNS = {
    "dataset": "data set",
    "model": "network",
    "recipe": "recipe",
    "passes": "passes",
    "trainable": "trainable parameters",
    "connections": "connections",
    "train": "train accuracy, %",
    "test": "test accuracy, %",
    "seconds": "seconds",
    "claim": "study note 002 says",
}


def compare(output, full=False, seeds=(0,), resume=False):
    """Trains both networks on MNIST and CIFAR-10 and writes what came out.

    `compare.csv` has one row a run and `compare-passes.csv` one row a pass; both are
    rewritten after each run. `compare.md`, the table, and `compare.png`, the picture,
    are made from the first.

    Args:
        output: Folder to write to; it is made if it is not there.
        full: Whether to run ten passes on the complete data sets, and study note
            002's own recipe too. Otherwise it is a few passes, and CIFAR-10 is the
            complete set only if that is there already, else its sample.
        seeds: Integers, one run of each configuration for each.
        resume: Whether to keep the runs that `compare.csv` has and add what is
            missing; only for the same `full`.

    Returns:
        `pandas.DataFrame` with one row a run.

    Raises:
        OSError: If the folder cannot be written to.
        lenet_keras.datasets.sources.DataError: If a data set cannot be had.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    cifar10 = "cifar10" if full or sources.available("cifar10") else "cifar10-sample"
    configurations = [
        ("lenet5", "lenet5-adam"),
        ("lenet5_modern", "lenet5_modern-adam"),
    ]
    if full:
        configurations.append(("lenet5_modern", "note-002"))
    for dataset in ("mnist", cifar10):
        sources.fetch(dataset)  # before hours of training, not after

    runs, passes = _finished(output) if resume else (pd.DataFrame(), pd.DataFrame())
    for seed, dataset, (model, recipe) in itertools.product(
        seeds, ("mnist", cifar10), configurations
    ):
        key = {"model": model, "dataset": dataset, "recipe": recipe, "seed": seed}
        if len(runs) and (runs[list(key)] == pd.Series(key)).all(axis=1).any():
            continue
        run = train(**key, passes=None if full else FEW_PASSES[dataset])
        history = run.history.round(5).reset_index().assign(**key)
        runs = pd.concat([runs, pd.DataFrame([run.row])], ignore_index=True)
        passes = pd.concat([passes, history], ignore_index=True)
        with replacing(output / "compare-passes.csv") as file:
            passes.to_csv(file, index=False)
        with replacing(output / "compare.csv") as file:
            runs.to_csv(file, index=False)
    with replacing(output / "compare.md") as file:
        file.write_text(markdown(table(runs)), encoding="utf-8")
    with replacing(output / "compare.png") as file:
        plotting.comparison(runs).savefig(file, format="png")
    return runs


def _finished(output):
    """Returns the runs that are written in full, and their passes."""
    if not (output / "compare.csv").exists():
        return pd.DataFrame(), pd.DataFrame()
    runs = pd.read_csv(output / "compare.csv")
    keys = ["model", "dataset", "recipe", "seed"]
    passes = pd.read_csv(output / "compare-passes.csv")
    return runs, passes.merge(runs[keys])


def table(runs):
    """Returns the runs as a table to read: a row a configuration, over its seeds.

    Args:
        runs: `pandas.DataFrame` with one row a run, as `compare` returns it.

    Returns:
        `pandas.DataFrame` of text: accuracies in percent, `mean ± standard
        deviation` where there are several seeds, and the note's claims beside them.
    """
    rows = []
    keys = ["dataset", "model", "recipe"]
    for (dataset, model, recipe), group in runs.groupby(keys, sort=False):
        first = group.iloc[0]
        rows.append(
            {
                "dataset": _dataset_title(first),
                "model": plotting.MODEL_TITLES[model],
                "recipe": recipe,
                "passes": first["passes"],
                "trainable": f"{first['trainable']:,}",
                "connections": f"{first['connections']:,}",
                "train": _mean_and_spread(group["train_accuracy"]),
                "test": _mean_and_spread(group["test_accuracy"]),
                "seconds": f"{group['seconds'].mean():.0f}",
                "claim": NOTE_CLAIMS[dataset] if model == "lenet5_modern" else "",
            }
        )
    return pd.DataFrame(rows).rename(columns=COLUMNS)


def markdown(table):
    """Returns a `table` as Markdown, the numbers to the right."""
    alignment = ("left",) * 3 + ("right",) * 6 + ("left",)
    text = table.to_markdown(index=False, disable_numparse=True, colalign=alignment)
    return text + "\n"


def _dataset_title(row):
    title = plotting.DATASET_TITLES[row["dataset"]]
    if row["dataset"] == "cifar10-sample":
        title += f" ({row['train_images']:,} images)"
    return title


def _mean_and_spread(accuracies):
    percent = 100 * accuracies
    if len(percent) == 1:
        return f"{percent.iloc[0]:.2f}"
    return f"{percent.mean():.2f} ± {percent.std():.2f}"
