"""Stored runs as data frames: runs, epochs, measurements, and means over the seeds."""

import json
import math

import pandas as pd

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_study import recipes
from lenet_study.settings import CHECKOUT, tables
from lenet_study.statistics import mean_interval, paired_difference
from lenet_study.training.job import identity
from lenet_study.training.stored import read_results

TITLES = tables("tables.toml")
DATASET_TITLES, NETWORK_TITLES = TITLES["datasets"], TITLES["networks"]


def stored_studies():
    """Returns the paths of all results files of this checkout.

    Raises:
        ValueError: If this is an installed package, not a checkout.
    """
    what = "a checkout, which has stored results, or the path of a results file"
    expect(CHECKOUT, what, checkout=CHECKOUT)
    return sorted(CHECKOUT.glob("data/results/*.jsonl"))


def load(*paths):
    """Returns the runs of studies that are done or have diverged.

    Args:
        *paths: Paths of results files from `lenet_study.training.sweep.sweep`.

    Returns:
        `pandas.DataFrame` with one row per run: its `id` and `status`, the `recipe`,
        the `changes` to it other than epochs and learning rate, and `configuration`,
        which is the same for all seeds of a configuration. Runs that are done also have
        the `row` of `lenet_study.training.train.Result`. Beside each accuracy, such as
        `test_accuracy`, stands the error in percent, such as `test_error`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is not a results file.
    """
    return with_errors(_known(r) | r.get("row", _nothing(r)) for r in _lines(paths))


def load_history(*paths):
    """Returns the epochs of the runs that are done.

    Args:
        *paths: Paths of results files from `lenet_study.training.sweep.sweep`.

    Returns:
        `pandas.DataFrame` with one row per epoch of a run: the columns that describe
        the run, as in `load`, and those of `lenet_study.training.Result.history`, with
        errors in percent beside accuracies.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As for `load`.
    """
    return load_measured("history", *paths)


def load_measured(what, *paths):
    """Returns what a sweep measured of each run beside its results.

    Args:
        what: Name of the list of measurements in the results files, such as
            `"perturbed"` or `"rejection"`.
        *paths: Paths of results files from `lenet_study.training.sweep.sweep`.

    Returns:
        `pandas.DataFrame` with one row per measurement: the columns that describe the
        run, as in `load`, and what was measured, with errors in percent beside
        accuracies.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As for `load`.
    """
    return with_errors(
        _known(result) | measured
        for result in _lines(paths)
        for measured in result.get(what, [])
    )


def with_errors(rows):
    """Returns rows as `pandas.DataFrame`, with the error in percent beside accuracies.

    Args:
        rows: Iterable of dictionaries.
    """
    frame = pd.DataFrame(rows)
    errors = 100 * (1 - frame.filter(like="accuracy"))
    return frame.join(errors.rename(columns=lambda n: n.replace("accuracy", "error")))


def _lines(paths):
    return (result for path in paths for result in read_results(path))


def _known(result):
    asked, configuration = result["run"], result["configuration"]
    known = {"id": result["id"], "status": result["status"]} | asked
    known = {k: v for k, v in known.items() if k not in ("overrides", "train_images")}
    if "network" in asked:
        known["network"] = trained_network(asked)
    if "recipe" in asked:
        given = asked.get("overrides", {}).items()
        told = [_words(n, v) for n, v in given if n not in ("epochs", "learning_rate")]
        known |= {
            "held_out": asked.get("held_out", 0),
            "epochs": configuration.get("epochs", recipes.Recipe.epochs),
            "learning_rate": configuration["learning_rate"],
            "changes": ", ".join(told),
        }
    seedless = {name: v for name, v in configuration.items() if name != "seed"}
    return known | {"configuration": identity(seedless)}


def _nothing(result):
    """Returns the row of a run that diverged."""
    unseen = "held_out" if result["run"].get("held_out") else "test"
    names = ["train_accuracy", f"{unseen}_accuracy"]
    names += ["seconds", "trainable", "connections"]
    known = {"network": result["configuration"].get("network")}
    return known | dict.fromkeys(names, math.nan)


def _words(name, value):
    """Returns a changed setting in words, or each argument by its name."""
    if isinstance(value, dict) and value:
        return ", ".join(_words(argument, value[argument]) for argument in value)
    return f"{name.removesuffix('_arguments')} {json.dumps(value)}"


def trained_network(asked):
    """Returns the name of a trained network, and how it was trained or reads otherwise.

    Args:
        asked: Dictionary of the attributes of a `lenet_study.questions.readers.Reader`.

    Example:

    >>> trained_network({"network": "lenet5-mnist-line", "without": "rubbish"})
    'lenet5-mnist-line without rubbish'
    """
    without = f" without {asked['without']}" if "without" in asked else ""
    stride = f", stride {asked['stride']}" if "stride" in asked else ""
    return asked["network"] + without + stride


def datasets(runs):
    """Returns the data sets of the runs, in the order of `DATASET_TITLES`."""
    return [name for name in DATASET_TITLES if name in set(runs["dataset"])]


def in_order(runs):
    """Returns the runs sorted by data set, recipe, settings and seed."""
    place = [*DATASET_TITLES].index
    by = ["dataset", "recipe", "held_out", "epochs", "learning_rate", "changes", "seed"]
    return runs.sort_values(by, key=lambda c: c.map(place) if c.name == by[0] else c)


def complete_trainings():
    """Returns the runs of the trained networks that the package recommends.

    Returns:
        `pandas.DataFrame` with one row a network and data set, as `load` returns it.
    """
    records, recommended = pretrained.records(), recipes.RECOMMENDED.values()
    best = [own[dataset] for own in recommended for dataset in ("mnist", "cifar10")]
    return with_errors(records[name]["run"] for name in best)


_RUNGS_BEFORE = dict(zip(recipes.LADDER, [None, *recipes.LADDER], strict=False))
_WITHOUT_IDEA = dict.fromkeys(recipes.RELATIVES, "modern")
_WITHOUT_IDEA |= {"modern": None, "modern-residual": "modern-plain"}
# The recipes that tables compare. Each comparison has the words for its references, and
# the reference of each recipe, or `None`.
COMPARISONS = {
    "ladder": ("the rung before", _RUNGS_BEFORE | dict.fromkeys(recipes.BASELINES)),
    "relatives": ("the network without it", _WITHOUT_IDEA),
}


def rungs(runs, dataset, comparison="ladder"):
    """Returns each recipe of a comparison on a data set, over its seeds.

    Args:
        runs: `pandas.DataFrame` with one row per run, as `load` returns it, with at
            least two seeds per recipe.
        dataset: Name of the data set.
        comparison: `"ladder"`, which includes the baselines, or `"relatives"`.

    Returns:
        `pandas.DataFrame` of numbers, indexed by recipe, in the order of the
        comparison. The columns are `learning_rate`; `errors`, one per seed, in percent;
        `error`, their mean, with the 95 % interval `error_low` and `error_high`;
        `difference` to the reference recipe, paired by seed, with `difference_low`,
        `difference_high` and `is_difference`; the counts; and the mean `seconds`. A
        recipe that diverged, or is meaningless on the data set, has only its `change`
        and a `note`.

    Raises:
        ValueError: If a recipe has no runs, or runs of several configurations.
    """
    _, compared_with = COMPARISONS[comparison]
    of_dataset = runs[(runs["dataset"] == dataset) & (runs["held_out"] == 0)]
    for setting in ("epochs", "train_images"):
        values = of_dataset.get(setting, pd.Series()).dropna().unique().tolist()
        what = f"the same {setting} in all runs on {dataset}"
        expect(len(values) < 2, what, **{setting: values})
    rows, measured = {}, {}
    for name, reference in compared_with.items():
        own = of_dataset[of_dataset["recipe"] == name].set_index("seed").sort_index()
        baseline = name in recipes.BASELINES
        if own.empty and baseline:
            continue
        title = recipes.RECIPES[name].title
        rows[name] = row = {"change": title, "is_baseline": baseline}
        if (name, dataset) in recipes.WITHOUT_MEANING:
            row["note"] = "no meaning here"
            continue
        expect(len(own), f"runs of {name} on {dataset}", runs=len(own))
        fits = own["configuration"].nunique() == 1 and own.index.is_unique
        what = f"one run per seed, all of one configuration, of {name} on {dataset}"
        rates = own["learning_rate"].unique().tolist()
        expect(fits, what, seeds=own.index.tolist(), learning_rate=rates)
        if diverged := (own["status"] != "done").sum():
            row["note"] = f"{diverged} of {len(own)} diverged"
            continue
        measured[name] = own["test_error"]
        row["errors"] = own["test_error"].round(2).tolist()
        row |= _ends("error", mean_interval(own["test_error"]))
        while (reference, dataset) in recipes.WITHOUT_MEANING:
            reference = compared_with[reference]
        if reference in measured:
            difference = paired_difference(measured[reference], measured[name])
            row |= _ends("difference", difference)
            row["is_difference"] = difference.is_difference
        same = ["learning_rate", "trainable", "connections", "multiply_adds"]
        row |= own[same].iloc[0]
        row["seconds"] = own["seconds"].mean()
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("recipe")


def _ends(name, interval):
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))


def rates_at_edge(runs):
    """Counts how often the best learning rate is the lowest or highest one tried.

    Args:
        runs: `pandas.DataFrame` with one row per run, as `load` returns it.

    Returns:
        Pair of integers: the number of such cases, and the number of all cases. A case
        is one recipe on one data set.
    """
    cases = runs[runs["held_out"] > 0].groupby(["dataset", "recipe"])
    best = runs.loc[cases["held_out_error"].idxmin(), "learning_rate"].to_numpy()
    tried = cases["learning_rate"].agg(["min", "max"])
    at_edge = tried.eq(best, axis=0).any(axis=1)
    return int(at_edge.sum()), len(at_edge)
