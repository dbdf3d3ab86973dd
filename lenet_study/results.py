"""Stored runs as tables: every run, its epochs, and the mean over seeds."""

import json

import pandas as pd

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_study.files import read_results
from lenet_study.recipes import (
    BASELINES,
    LADDER,
    RECIPES,
    RECOMMENDED,
    RELATIVES,
    WITHOUT_MEANING,
    Recipe,
)
from lenet_study.statistics import (
    error_percent,
    mean_interval,
    paired_difference,
)
from lenet_study.training.job import identity
from lenet_study.training.run import Run

DATASET_TITLES = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "cifar10-sample": "CIFAR-10 sample",
}


def load(*paths):
    """Returns the runs of studies that are done or have diverged.

    Args:
        *paths: Paths of results files from `lenet_study.training.sweep.sweep`.

    Returns:
        `pandas.DataFrame` with one row per run: its `id` and `status`, the `recipe`,
        the `changes` to it other than epochs and learning rate, and `setup`, which is
        the same for all seeds of a configuration. Runs that are done also have the
        `row` of `lenet_study.training.train.Result`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is not a results file, or the settings of a run are not
            those of its recipe.
    """
    return pd.DataFrame(
        {"id": result["id"], "status": result["status"]}
        | _known(result)
        | result.get("row", {})
        for result in _checked(paths)
    )


def load_history(*paths):
    """Returns the epochs of the runs that are done.

    Args:
        *paths: Paths of results files from `lenet_study.training.sweep.sweep`.

    Returns:
        `pandas.DataFrame` with one row per epoch of a run: the columns that describe
        the run, as in `load`, and those of `lenet_study.training.Result.history`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As for `load`.
    """
    return pd.DataFrame(
        _known(result) | epoch
        for result in _checked(paths)
        for epoch in result.get("history", [])
    )


def _checked(paths):
    for path in paths:
        for result in read_results(path):
            asked, configuration = result["run"], result["configuration"]
            where = {"path": str(path), "id": result["id"]}
            fits = result["id"] == identity(configuration)
            expect(fits, "an id that is the hash of the configuration", **where)
            if (recipe := asked.get("recipe")) in RECIPES:
                fits = Run(**asked).configuration == configuration
                where["configuration"] = configuration
                expect(fits, f"the settings of recipe {recipe}", **where)
            yield result


def _known(result):
    asked, configuration = result["run"], result["configuration"]
    known = {k: v for k, v in asked.items() if k not in ("overrides", "train_images")}
    if "recipe" in asked:
        changes = asked.get("overrides", {}).items()
        known |= {
            "held_out": asked.get("held_out", 0),
            "epochs": configuration.get("epochs", Recipe.epochs),
            "learning_rate": configuration["learning_rate"],
            "changes": ", ".join(
                _words(n, v) for n, v in changes if n not in ("epochs", "learning_rate")
            ),
        }
    setup = {name: v for name, v in configuration.items() if name != "seed"}
    return known | {"setup": identity(setup)}


# The columns of words are aligned left, those of numbers right.
WORDS = [
    *("data set", "network", "recipe", "changes", "change", "a difference?"),
    *("measured on", "study note 002 says", "held-out error, %", "errors, %"),
    "trained on",
    *("interpretation", "why", "20 epochs over", "pixels", "wrong of the rest, %"),
]


def _words(name, value):
    """Returns a changed setting in words, or each argument by its name."""
    if isinstance(value, dict) and value:
        return ", ".join(_words(argument, value[argument]) for argument in value)
    return f"{name.removesuffix('_arguments')} {json.dumps(value)}"


def markdown(frame):
    """Returns a table of text as Markdown, with words left and numbers right.

    Args:
        frame: `pandas.DataFrame` of text.
    """
    alignment = ["left" if name in WORDS else "right" for name in frame]
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)
    return text + "\n"


def summary(runs):
    """Returns any runs as a table in Markdown.

    Args:
        runs: `pandas.DataFrame` with one row per run, as `load` returns it.

    Returns:
        A table with one row per configuration: over its seeds, the error after the
        final epoch, mean ± standard deviation in percent, on the test images or on the
        held-out training images, and the minutes of a run.

    Raises:
        ValueError: If a configuration has two runs with the same seed.
    """
    rows = []
    place = runs["dataset"].map(list(DATASET_TITLES).index)
    order = ["place", "recipe", "held_out", "epochs", "learning_rate", "changes"]
    in_order = runs.assign(place=place).sort_values(order, kind="stable")
    for _, own in in_order.groupby("setup", sort=False):
        first, seeds = own.iloc[0], own["seed"].tolist()
        fits = not own["seed"].duplicated().any()
        expect(fits, "one run per seed", recipe=first["recipe"], seeds=seeds)
        unseen, words = "test", "test images"
        if first["held_out"]:
            unseen, words = "held_out", "held-out images"
        diverged = (own["status"] != "done").sum()
        row = {
            "data set": DATASET_TITLES[first["dataset"]],
            "recipe": first["recipe"],
            "changes": first["changes"],
            "learning rate": f"{first['learning_rate']:.3g}",
            "images": "",
            "epochs": str(first["epochs"]),
            "seeds": str(len(own)),
            "measured on": words,
            "error, %": f"{diverged} of {len(own)} diverged",
            "trainable parameters": "",
            "minutes a run": "",
        }
        if not diverged:
            row["error, %"] = spread(error_percent(own[f"{unseen}_accuracy"]))
            row["images"] = f"{int(first['train_images']):,}"
            row["trainable parameters"] = f"{int(first['trainable']):,}"
            if own["seconds"].notna().all():
                row["minutes a run"] = f"{own['seconds'].mean() / 60:.1f}"
        rows.append(row)
    table = pd.DataFrame(rows)
    return markdown(table if table["changes"].any() else table.drop(columns="changes"))


def spread(values):
    """Returns the mean as text, and ± the standard deviation of several values."""
    deviation = f" ± {values.std():.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{deviation}"


# The recipes that tables compare. Each comparison has the words for its references, and
# the reference of each recipe, or `None`.
COMPARISONS = {
    "ladder": (
        "the rung before",
        dict(zip(LADDER, [None, *LADDER], strict=False)) | dict.fromkeys(BASELINES),
    ),
    "relatives": (
        "the network without it",
        dict.fromkeys(RELATIVES, "modern")
        | {"modern": None, "modern-residual": "modern-plain"},
    ),
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
    rows, errors_of = {}, {}
    for name, reference in compared_with.items():
        row = {"change": RECIPES[name].title, "is_baseline": name in BASELINES}
        own = of_dataset[of_dataset["recipe"] == name].set_index("seed").sort_index()
        if (name, dataset) in WITHOUT_MEANING:
            rows[name] = row | {"note": "no meaning here"}
            continue
        if own.empty and name in BASELINES:
            continue
        expect(len(own), f"runs of {name} on {dataset}", runs=len(own))
        expect(
            own["setup"].nunique() == 1 and not own.index.has_duplicates,
            f"one run per seed, all of one configuration, of {name} on {dataset}",
            seeds=own.index.tolist(),
            learning_rate=own["learning_rate"].unique().tolist(),
        )
        if diverged := (own["status"] != "done").sum():
            rows[name] = row | {"note": f"{diverged} of {len(own)} diverged"}
            continue
        errors_of[name] = errors = error_percent(own["test_accuracy"])
        row |= {
            "learning_rate": own["learning_rate"].iloc[0],
            "errors": errors.round(2).tolist(),
            **_interval("error", mean_interval(errors)),
        }
        while (reference, dataset) in WITHOUT_MEANING:
            reference = compared_with[reference]
        if reference in errors_of:
            difference = paired_difference(errors_of[reference], errors)
            row |= _interval("difference", difference)
            row["is_difference"] = difference.is_difference
        counts = ["trainable", "connections", "multiply_adds"]
        row |= own[counts].iloc[0].astype(int).to_dict()
        rows[name] = row | {"seconds": own["seconds"].mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("recipe")


def _interval(name, interval):
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
    best = runs.loc[cases["held_out_accuracy"].idxmax()]
    best = best.set_index(["dataset", "recipe"])["learning_rate"]
    rates = cases["learning_rate"]
    at_edge = best.eq(rates.min()) | best.eq(rates.max())
    return int(at_edge.sum()), len(at_edge)


def table(runs, dataset, comparison="ladder"):
    """Returns `rungs` as a table in Markdown."""
    compared_with, _ = COMPARISONS[comparison]
    rows = []
    for _, rung in rungs(runs, dataset, comparison).iterrows():
        difference = _difference(rung)
        verdict = "yes" if rung.get("is_difference") else "no"
        row = {
            "change": rung["change"],
            "learning rate": _number(rung, "learning_rate", ".3g"),
            "test error, %": _error(rung),
            f"difference to {compared_with}": difference,
            "a difference?": verdict if difference else "",
            "trainable parameters": _number(rung, "trainable", ",.0f"),
            "connections": _number(rung, "connections", ",.0f"),
            "multiply-adds": _number(rung, "multiply_adds", ",.0f"),
            "seconds a run": _number(rung, "seconds", ".0f"),
        }
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def overview(runs, comparison="ladder"):
    """Returns the errors on all data sets side by side, in Markdown.

    A difference is bold if its interval excludes 0.
    """
    compared_with, recipes = COMPARISONS[comparison]
    measured = {name: rungs(runs, name, comparison) for name in datasets(runs)}
    known = set().union(*(own.index for own in measured.values()))
    there = [name for name in recipes if name in known]
    columns = {"change": [RECIPES[name].title for name in there]}
    for dataset, own in measured.items():
        title = DATASET_TITLES[dataset]
        cells = [rung for _, rung in own.reindex(there).iterrows()]
        columns[f"{title}: test error, %"] = [_error(rung) for rung in cells]
        heading = f"{title}: difference to {compared_with}"
        columns[heading] = [_difference(rung, mark="**") for rung in cells]
    return markdown(pd.DataFrame(columns))


def _error(rung):
    if pd.isna(rung["change"]):
        return "not run"
    note = rung.get("note")
    return note if isinstance(note, str) else plus_minus(rung, "error")


def _difference(rung, mark=""):
    if pd.isna(rung.get("difference")):
        return ""
    mark = mark if rung["is_difference"] else ""
    return f"{mark}{plus_minus(rung, 'difference', sign='+')}{mark}"


def _number(rung, name, form):
    return format(rung[name], form) if pd.notna(rung.get(name)) else ""


def datasets(runs):
    """Returns the data sets of the runs, in the order of `DATASET_TITLES`."""
    return [name for name in DATASET_TITLES if name in set(runs["dataset"])]


def plus_minus(rung, name, sign=""):
    """Returns a mean and half the width of its interval, in percent, as text."""
    half_width = (rung[f"{name}_high"] - rung[f"{name}_low"]) / 2
    return f"{rung[name]:{sign}.2f} ± {half_width:.2f}"


# Claims of study note 002 on its network and its training. Its training accuracies were
# measured during training, and its "test" accuracy on the training images.
NOTE_CLAIMS = {
    "mnist": "98.7 % train",
    "cifar10": '56.2 % train, 54.28 % "test" (on training images)',
    "cifar10-sample": '56.2 % train, 54.28 % "test" (on training images; complete set)',
}
# The networks, and how some of them were trained, in tables and pictures.
NETWORK_TITLES = {
    "lenet5": "LeNet-5 (1998)",
    "lenet5_modern": "modern variant",
    "loss-9": "LeNet-5 (1998)",
    "loss-9-noise": "LeNet-5, noise in training",
    "lenet5_modern-adam": "modern variant",
    "lenet5_modern-adam-noise": "modern, noise in training",
    "fc-300": "28x28-300-10",
    "fc-300-100": "28x28-300-100-10",
    "fc-60000": "28x28-75-10",
    "lenet5-mnist": "LeNet-5, no distortions",
    "lenet5-mnist-distorted": "LeNet-5, the paper's distortions",
    "lenet5-mnist-best": "LeNet-5, the best training",
    "lenet5_modern-mnist": "modern, affine distortions",
    "lenet5_modern-mnist-best": "modern, the best training",
    "lenet5-mnist-line": "LeNet-5, neighbours in training",
    "lenet5-mnist-line-best": "LeNet-5, lines in training",
}


def in_order(runs):
    """Returns the runs sorted by data set, recipe, epochs and seed."""
    places = {
        "dataset": runs["dataset"].map(list(DATASET_TITLES).index),
        "recipe": runs["recipe"].map({name: n for n, name in enumerate(RECIPES)}),
        "epochs": runs["epochs"],
        "seed": runs["seed"],
    }
    return runs.loc[pd.DataFrame(places).sort_values(list(places)).index]


def complete_trainings():
    """Returns the runs of the trained networks that the package recommends.

    Returns:
        `pandas.DataFrame` with one row a network and data set, as `load` returns it.
    """
    records = pretrained.records()
    return pd.DataFrame(
        records[name]["run"]
        for (_, dataset), name in RECOMMENDED.items()
        if not dataset.endswith("-sample")
    )


def comparison_table(runs):
    """Returns the runs of `compare` as a table with one row per configuration.

    Args:
        runs: `pandas.DataFrame` with one row per run, as `load` returns it.

    Returns:
        `pandas.DataFrame` of text. Errors are in percent: `mean ± standard deviation`
        if there are several seeds, and `(epochs)`. If all trainings are short, a column
        has the complete training of the network that comes with the package.
    """
    done = in_order(runs[runs["status"] == "done"])
    complete = complete_trainings().set_index(["network", "dataset"])
    short = done["recipe"].str.endswith("-short").all()
    rows = []
    for _, own in done.groupby("setup", sort=False):
        first = own.iloc[0]
        dataset = first["dataset"]
        network = NETWORK_TITLES[first["network"]]
        row = {
            "data set": DATASET_TITLES[dataset],
            "network": "modern (note)" if first["recipe"] == "note-002" else network,
            "parameters": f"{int(first['trainable']):,}",
            "connections": f"{int(first['connections']):,}",
        }
        if short:
            best = complete.loc[first["network"], dataset.removesuffix("-sample")]
            row["short"] = _error_and_epochs(own)
            row["complete"] = _error_and_epochs(best.to_frame().T)
        else:
            row["epochs"] = first["epochs"]
            for kind in ("train", "test"):
                row[f"{kind} error, %"] = spread(error_percent(own[f"{kind}_accuracy"]))
        rows.append(row)
    return pd.DataFrame(rows)


def comparison_text(runs):
    """Returns `comparison_table` in Markdown, with a sentence that explains it."""
    rows = comparison_table(runs)
    table = markdown(rows)
    if "complete" in rows:
        return (
            f"{table}\nErrors on the test images, with the epochs in brackets. short: "
            "the training that just ran.\ncomplete: the trained network that comes "
            "with the package, on the complete data set, one seed.\n"
        )
    claims = "\n".join(
        f"- {DATASET_TITLES[name]}: {NOTE_CLAIMS[name]}" for name in datasets(runs)
    )
    return f"{table}\nStudy note 002 claims of its network, in % right:\n\n{claims}\n"


def _error_and_epochs(runs):
    error = spread(error_percent(runs["test_accuracy"]))
    return f"{error} % ({runs['epochs'].iloc[0]})"
