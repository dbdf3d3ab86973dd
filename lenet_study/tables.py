"""The tables of the studies, as data frames of text, and how Markdown shows them."""

import pandas as pd

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_study import results
from lenet_study.family import timeline
from lenet_study.files import read_results
from lenet_study.lines import KINDS
from lenet_study.questions.interpretations import INTERPRETATIONS
from lenet_study.questions.readers import Reader
from lenet_study.recipes import RECIPES
from lenet_study.results import DATASET_TITLES, NETWORK_TITLES, load, load_measured
from lenet_study.statistics import Interval, mean_interval
from lenet_study.studies import STUDIES, jobs, titled

# The columns of words are aligned left, those of numbers right.
WORDS = [
    *("data set", "network", "recipe", "changes", "change", "a difference?"),
    *("measured on", "held-out error, %", "errors, %", "trained on"),
    *("interpretation", "why", "20 epochs over", "pixels", "wrong of the rest, %"),
]


def markdown(frame):
    """Returns a table of text as Markdown, with words left and numbers right.

    Args:
        frame: `pandas.DataFrame` of text.
    """
    alignment = ["left" if name in WORDS else "right" for name in frame]
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)
    return text + "\n"


def spread(values):
    """Returns the mean as text, and ± the standard deviation of several values."""
    deviation = f" ± {values.std():.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{deviation}"


def _number(value, form):
    return format(value, form) if pd.notna(value) else ""


def _by_title(numbers, heading, form):
    """Returns numbers as text, with the titles of their rows under a heading."""
    text = numbers.map(f"{{:{form}}}".format, na_action="ignore").fillna("")
    text = text.rename(index=NETWORK_TITLES)
    return text.rename_axis(index=heading, columns=None).reset_index()


def summary(runs):
    """Returns a row for each configuration of any runs.

    Args:
        runs: `pandas.DataFrame` with one row per run, as `lenet_study.results.load`
            returns it.

    Returns:
        `pandas.DataFrame` of text: over the seeds, the error after the final epoch,
        mean ± standard deviation in percent, on the test images or on the held-out
        training images, and the minutes of a run.

    Raises:
        ValueError: If a configuration has two runs with the same seed.
    """
    rows = []
    for _, own in results.in_order(runs).groupby("configuration", sort=False):
        first, seeds = own.iloc[0], own["seed"]
        received = {"recipe": first["recipe"], "seeds": seeds.tolist()}
        expect(seeds.is_unique, "one run per seed", **received)
        unseen = "held_out" if first["held_out"] else "test"
        error = spread(own[f"{unseen}_error"])
        if diverged := (own["status"] != "done").sum():
            error = f"{diverged} of {len(own)} diverged"
            first = first.drop(["train_images", "trainable"])
        row = {
            "data set": DATASET_TITLES[first["dataset"]],
            "recipe": first["recipe"],
            "changes": first["changes"],
            "learning rate": f"{first['learning_rate']:.3g}",
            "images": _number(first.get("train_images"), ",.0f"),
            "epochs": str(first["epochs"]),
            "seeds": str(len(own)),
            "measured on": f"{unseen.replace('_', '-')} images",
            "error, %": error,
            "trainable parameters": _number(first.get("trainable"), ",.0f"),
            "minutes a run": _number(own["seconds"].mean(skipna=False) / 60, ".1f"),
        }
        rows.append(row)
    table = pd.DataFrame(rows)
    return table if table["changes"].any() else table.drop(columns="changes")


def comparison(runs):
    """Returns a row for each configuration of the runs of `compare`.

    Args:
        runs: `pandas.DataFrame` with one row per run, as `lenet_study.results.load`
            returns it.

    Returns:
        `pandas.DataFrame` of text. Errors are in percent: `mean ± standard deviation`
        if there are several seeds, and `(epochs)`. If all trainings are short, a column
        has the complete training of the network that comes with the package.
    """
    done = results.in_order(runs[runs["status"] == "done"])
    complete = results.complete_trainings().set_index(["network", "dataset"])
    short = done["recipe"].str.endswith("-short").all()
    rows = []
    for _, own in done.groupby("configuration", sort=False):
        first, error = own.iloc[0], spread(own["test_error"])
        network, dataset = first["network"], first["dataset"]
        by_note = first["recipe"] == "note-002"
        row = {
            "data set": DATASET_TITLES[dataset],
            "network": "modern (note)" if by_note else NETWORK_TITLES[network],
            "parameters": f"{first['trainable']:,.0f}",
            "connections": f"{first['connections']:,.0f}",
        }
        if short:
            best = complete.loc[network, dataset.removesuffix("-sample")]
            row["short"] = f"{error} % ({first['epochs']})"
            row["complete"] = f"{best['test_error']:.2f} % ({best['epochs']})"
        else:
            row["epochs"] = first["epochs"]
            row["train error, %"] = spread(own["train_error"])
            row["test error, %"] = error
        rows.append(row)
    return pd.DataFrame(rows)


def of_rungs(runs, dataset, comparison="ladder"):
    """Returns `lenet_study.results.rungs` as text."""
    compared_with, _ = results.COMPARISONS[comparison]
    rows = []
    for _, rung in results.rungs(runs, dataset, comparison).iterrows():
        verdict = {True: "yes", False: "no"}.get(rung.get("is_difference"), "")
        row = {
            "change": rung["change"],
            "learning rate": _number(rung.get("learning_rate"), ".3g"),
            "test error, %": _interval(rung, "error") or rung["note"],
            f"difference to {compared_with}": _interval(rung, "difference", "+"),
            "a difference?": verdict,
            "trainable parameters": _number(rung.get("trainable"), ",.0f"),
            "connections": _number(rung.get("connections"), ",.0f"),
            "multiply-adds": _number(rung.get("multiply_adds"), ",.0f"),
            "seconds a run": _number(rung.get("seconds"), ".0f"),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _interval(rung, name, sign=""):
    if pd.isna(rung.get(name)):
        return ""
    return format(Interval(*rung[[name, f"{name}_low", f"{name}_high"]]), sign)


def overview(runs, comparison="ladder"):
    """Returns the errors of a comparison's recipes on all data sets side by side.

    A difference is bold if its interval excludes 0.
    """
    compared_with, recipes = results.COMPARISONS[comparison]
    tables = {
        DATASET_TITLES[name]: of_rungs(runs, name, comparison).set_index("change")
        for name in results.datasets(runs)
    }
    known = pd.Index([]).append([own.index for own in tables.values()])
    titles = [RECIPES[name].title for name in recipes]
    there = [title for title in titles if title in known]
    columns = {"change": there}
    for title, own in tables.items():
        own = own.reindex(there)
        difference = own[f"difference to {compared_with}"].fillna("")
        bold = difference.mask(own["a difference?"] == "yes", "**" + difference + "**")
        columns[f"{title}: test error, %"] = [*own["test error, %"].fillna("not run")]
        columns[f"{title}: {difference.name}"] = [*bold]
    return pd.DataFrame(columns)


# The paper's method: training images, loss, recipe, their number, and the paper's test
# and training errors.
PROTOCOL = [
    ("60,000 digits", 9, "lenet5-mnist", 60_000, "0.95", "0.35"),
    ("60,000 digits", 8, "lenet5-mnist-loss-8", 60_000, "0.95", "0.35"),
    ("the first 15,000", 9, "lenet5-mnist", 15_000, "1.68", "0.05"),
    ("the first 30,000", 9, "lenet5-mnist", 30_000, "1.14", "0.31"),
    ("60,000 of 600,000, distorted", 9, "lenet5-mnist-distorted", 60_000, "0.8", ""),
]


def protocol(runs, history, kind="test"):
    """Returns the errors of the paper's method: medians, each seed's, the paper's.

    Args:
        runs: `pandas.DataFrame` of the study's runs.
        history: `pandas.DataFrame` of their epochs.
        kind: `"test"`, or `"training"`, with the errors on the fly too.
    """
    column = {"test": "test_error", "training": "train_error"}[kind]
    runs = runs.sort_values("seed").round(3)
    last = history[history["epoch"] == 20].set_index("configuration").round(3)
    rows = []
    for title, loss, recipe, images, *paper in PROTOCOL:
        own = runs[(runs["recipe"] == recipe) & (runs["train_images"] == images)]
        on_the_fly = last.loc[own["configuration"].iloc[0], "train_error"]
        row = {
            "20 epochs over": title,
            "loss": f"({loss})",
            f"{kind} error, %: median": f"{own[column].median():.2f}",
            "each seed": _each(own[column]),
            "on the fly, %": f"{on_the_fly.median():.2f}",
            "the paper's, %": paper[kind == "training"],
        }
        rows.append(row)
    table = pd.DataFrame(rows)
    return table if kind == "training" else table.drop(columns="on the fly, %")


def _each(errors):
    return ", ".join(errors.map("{:.2f}".format))


def seeds(runs):
    """Returns the mean test error with its 95 % interval, and each seed's error.

    Args:
        runs: `pandas.DataFrame` of runs with several seeds.
    """
    errors = results.in_order(runs).groupby("recipe", sort=False)["test_error"]
    table = {
        "error, %: 95 % interval": errors.agg(lambda own: f"{mean_interval(own)}"),
        "each seed, %": errors.agg(_each),
    }
    return pd.DataFrame(table).reset_index()


def protocol_choices(runs):
    """Returns each seed's held-out error with other settings of the paper's method."""
    runs = runs.set_index("id").loc[
        [run.id for run in jobs(STUDIES["protocol-choices"]["jobs"])]
    ]
    by = ["recipe", "changes", "learning_rate"]
    table = runs.groupby(by, sort=False)["held_out_error"].agg(_each).reset_index()
    table["learning_rate"] = table["learning_rate"].map("{:.3g}".format)
    headings = ["recipe", "changes", "factor of the rates", "each seed, %"]
    return table.set_axis(headings, axis=1)


def choices(runs, study="choices"):
    """Returns the held-out errors, in percent, of what was tried in a recipe's place.

    Args:
        runs: `pandas.DataFrame`, as `lenet_study.results.load` returns it, with all
            runs of the study.
        study: As for `lenet_study.studies.titled`.

    Returns:
        `pandas.DataFrame` of text with a column a recipe, and a row for each thing that
        was tried in its place.

    Raises:
        ValueError: If a run is missing.
    """
    errors = runs.set_index("id")["held_out_error"].dropna()
    cells = {}
    for recipe, wanted in titled(study).items():
        missing = [run.name for run in wanted.values() if run.id not in errors]
        expect(not missing, "all runs", missing=missing)
        cells[recipe] = {title: errors[run.id] for title, run in wanted.items()}
    return _by_title(pd.DataFrame(cells), "held-out error, %", ".2f")


def ingredients(runs):
    """Returns the same for the ingredients of the best trainings."""
    return choices(runs, "ingredients")


# Of all amounts of the perturbations, those that a table has room for.
SHOWN = {
    "as it is": ("shift right", 0.0),
    "1 pixel right": ("shift right", 1.0),
    "3 pixels right": ("shift right", 3.0),
    "scaled by 0.7": ("scale", 0.7),
    "by 1.4": ("scale", 1.4),
    "turned by 30°": ("rotation", 30.0),
    "10 % noise": ("noise", 0.1),
}


def perturbed(measured):
    """Returns some of the errors on perturbed digits, in percent.

    Args:
        measured: The accuracies of `lenet_study.perturbations`, as
            `lenet_study.results.load_measured` returns them. The table has means over
            the seeds.
    """
    by = "recipe" if "recipe" in measured else "network"
    kinds = ["perturbation", "amount"]
    errors = measured.pivot_table("error", by, kinds, sort=False)[[*SHOWN.values()]]
    return _by_title(errors.set_axis([*SHOWN], axis=1), "errors, %", ".1f")


def rejection(measured):
    """Returns the errors on the digits that are not rejected.

    Args:
        measured: The `"rejection"` of `lenet_study.questions.perturbations`, as
            `lenet_study.results.load_measured` returns it.
    """
    errors = measured.pivot_table("error", "network", "rejected", sort=False)
    errors = errors.rename(columns="{:g} % rejected".format)
    return _by_title(errors, "wrong of the rest, %", ".2f")


def interpretations(runs):
    """Returns each seed's error after its second epoch, or failure, in a row each.

    Args:
        runs: `pandas.DataFrame` of the study's runs.
    """
    two = runs[runs["epochs"] == 2]
    errors = two["error_2"].map("{:.2f}".format).where(two["error_2"].notna())
    cells = two.assign(cell=errors.fillna(two["failure"]))
    table = cells.pivot(index="interpretation", columns="seed", values="cell")
    table = table.loc[two["interpretation"].unique()].fillna("")
    table = table.rename(columns="seed {}, %".format).rename_axis(columns=None)
    table.insert(0, "why", [INTERPRETATIONS[name].why for name in table.index])
    return table.reset_index()


READER = "lenet5-mnist-line-best"  # the network that reads lines best


def lines(measured, length=5):
    """Returns the errors on lines of one length, in percent.

    Args:
        measured: What `lenet_study.questions.readers` measured, as
            `lenet_study.results.load_measured` returns it.
        length: Digits of a line.
    """
    own = measured[measured["length"] == length]
    return pd.DataFrame(
        {"network": network + word}
        | {
            f"{row.kind}: {unit}s": f"{getattr(row, f'{how}_{unit}_error'):.1f}"
            for row in lines.itertuples()
            for unit in ("line", "character")
        }
        for network, lines in own.groupby("network", sort=False)
        for how, word in (("slid", ""), ("cut", ", cut at blank columns"))
    )


# The rows of the tables of lines that sliding networks read wrongly, by their headings.
ROWS_OF_LINES = {
    "trained on": {
        "lenet5-mnist-distorted": "single distorted digits",
        "lenet5-mnist-line without both": "single digits",
        "lenet5-mnist-line without neighbours": "single digits, and rubbish",
        "lenet5-mnist-line without rubbish": "digits with neighbours",
        "lenet5-mnist-line": "digits with neighbours, and rubbish",
        "lenet5-mnist-line-best": "whole lines",
    },
    "stride, in pixels": {
        "lenet5-mnist-line-best": 4,
        "lenet5-mnist-line-best, stride 2": 2,
        "lenet5-mnist-line-best, stride 1": 1,
    },
}


def lines_wrong(measured, heading):
    """Returns the lines of five that sliding networks read wrongly, in percent.

    Args:
        measured: As in `lines`.
        heading: Key of `ROWS_OF_LINES`.
    """
    titles, of_five = ROWS_OF_LINES[heading], measured[measured["length"] == 5]
    wrong = of_five.pivot(index="network", columns="kind", values="slid_line_error")
    return _by_title(wrong.loc[[*titles], [*KINDS]].rename(titles), heading, ".1f")


def lines_longer(runs):
    """Returns the errors on lines for each length of the training.

    Args:
        runs: `pandas.DataFrame` of the runs of the study `longer`.
    """
    own = runs[runs["recipe"] == READER].sort_values("epochs").set_index("epochs")
    headings = {
        "train_error": "lines of training digits",
        "held_out_error": "lines of held-out digits",
    }
    return _by_title(own[[*headings]].rename(columns=headings), "epochs", ".1f")


def lines_cost(path):
    """Returns what sliding costs and what cutting windows costs.

    Args:
        path: Path of the results file of the study `lines`.
    """
    asked = Reader(READER).request
    (cost,) = (r["cost"] for r in read_results(path) if r["run"] == asked)
    words = {"slid": "slid once", "cut": f"{cost['places']} windows"}
    return pd.DataFrame(
        {
            f"a line {cost['width']} pixels wide": word,
            "multiply-adds": f"{cost[f'{how}_multiply_adds']:,}",
            "milliseconds": cost[f"{how}_milliseconds"],
        }
        for how, word in words.items()
    )


def family():
    """Returns the counts of the networks up to ResNet."""
    table = timeline()[["year", "parameters", "connections", "multiply_adds"]]
    table = table.astype(int).rename(columns={"multiply_adds": "multiply-adds"})
    counts = table.drop(columns="year").map("{:,}".format)
    return table[["year"]].join(counts).reset_index()


def trained():
    """Returns the trained networks of the package: their pixels and their errors."""
    return pd.DataFrame(
        {
            "network": f"`{name}`",
            "pixels": f'`"{record["pixels"]}"`',
            "wrong of 10,000 test images": f"{record['test_errors']:,}",
        }
        for name, record in pretrained.records().items()
    )


# The tables of a study, by what they are made of: its runs, or what was measured beside
# them. Any other study has the summary of its runs.
OF_STUDY = {
    "compare": {"runs": comparison},
    "choices": {"runs": choices},
    "ingredients": {"runs": ingredients},
    "interpretations": {"runs": interpretations},
    "perturbed": {"perturbed": perturbed},
    "robustness": {"perturbed": perturbed, "rejection": rejection},
    "lines": {"measured": lines},
}


def of_study(path):
    """Returns the tables of a study.

    Args:
        path: Path of the results file, whose name is that of the study.

    Returns:
        Dictionary of `pandas.DataFrame` of text, by what they are made of: `"runs"`, or
        the name of a list of measurements.
    """
    return {
        what: make(load(path) if what == "runs" else load_measured(what, path))
        for what, make in OF_STUDY.get(path.stem, {"runs": summary}).items()
    }
