"""The tables of the studies, as data frames of text, and how Markdown shows them."""

from functools import partial

import pandas as pd

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_study import results
from lenet_study.images.corruptions import KINDS, LEFT_OUT
from lenet_study.questions.family import timeline
from lenet_study.questions.interpretations import INTERPRETATIONS
from lenet_study.recipes import RECIPES
from lenet_study.results import DATASET_TITLES, NETWORK_TITLES, load, load_measured
from lenet_study.statistics import Interval, mean_interval
from lenet_study.studies import STUDIES, jobs, titled
from lenet_study.training.stored import read_results


def markdown(frame):
    """Returns a table of text as Markdown, with words left and numbers right.

    Args:
        frame: `pandas.DataFrame` of text.
    """
    words = results.TITLES["words"]["columns"]
    sides = ["left" if name in words else "right" for name in frame]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=sides) + "\n"


def spread(errors):
    """Returns the mean as text, and ± the standard deviation of several errors.

    Runs that diverged have no error. If there are some, the text says how many.
    """
    if diverged := errors.isna().sum():
        return f"{diverged} of {len(errors)} diverged"
    deviation = f" ± {errors.std():.2f}" if len(errors) > 1 else ""
    return f"{errors.mean():.2f}{deviation}"


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
        expect(seeds.is_unique, "one run per seed", recipe=first.recipe, seeds=[*seeds])
        unseen = "held_out" if first["held_out"] else "test"
        row = {
            "data set": DATASET_TITLES[first["dataset"]],
            "recipe": first["recipe"],
            "changes": first["changes"],
            "learning rate": f"{first['learning_rate']:.3g}",
            "images": _number(first.get("train_images"), ",.0f"),
            "epochs": str(first["epochs"]),
            "seeds": str(len(own)),
            "measured on": f"{unseen.replace('_', '-')} images",
            "error, %": spread(own[f"{unseen}_error"]),
            "trainable parameters": _number(own["trainable"].max(), ",.0f"),
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
    complete = results.complete_trainings().set_index(["network", "dataset"])
    short = runs["recipe"].str.endswith("-short").all()
    rows = []
    for _, own in results.in_order(runs).groupby("configuration", sort=False):
        first, error = own.iloc[0], spread(own["test_error"])
        network, dataset = first["network"], first["dataset"]
        row = {
            "data set": DATASET_TITLES[dataset],
            "network": NETWORK_TITLES.get(first["recipe"], NETWORK_TITLES[network]),
            "parameters": _number(own["trainable"].max(), ",.0f"),
            "connections": _number(own["connections"].max(), ",.0f"),
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


VERDICTS = {True: "yes", False: "no"}


def of_rungs(runs, dataset, comparison="ladder"):
    """Returns `lenet_study.results.rungs` as text."""
    compared_with, _ = results.COMPARISONS[comparison]
    return pd.DataFrame(
        {
            "change": rung["change"],
            "learning rate": _number(rung.get("learning_rate"), ".3g"),
            "test error, %": _interval(rung, "error") or rung["note"],
            f"difference to {compared_with}": _interval(rung, "difference", "+"),
            "a difference?": VERDICTS.get(rung.get("is_difference"), ""),
            "trainable parameters": _number(rung.get("trainable"), ",.0f"),
            "connections": _number(rung.get("connections"), ",.0f"),
            "multiply-adds": _number(rung.get("multiply_adds"), ",.0f"),
            "seconds a run": _number(rung.get("seconds"), ".0f"),
        }
        for _, rung in results.rungs(runs, dataset, comparison).iterrows()
    )


def _interval(rung, name, sign=""):
    if pd.isna(rung.get(name)):
        return ""
    return format(Interval(*rung[[name, f"{name}_low", f"{name}_high"]]), sign)


def overview(runs, comparison="ladder"):
    """Returns the errors of a comparison's recipes on all data sets side by side.

    A difference is bold if its interval excludes 0.
    """
    compared_with, recipes = results.COMPARISONS[comparison]
    columns = {}
    for name in results.datasets(runs):
        own = of_rungs(runs, name, comparison).set_index("change")
        error, difference = own["test error, %"], own[f"difference to {compared_with}"]
        bold = difference.mask(own["a difference?"] == "yes", "**" + difference + "**")
        columns[f"{DATASET_TITLES[name]}: {error.name}"] = error
        columns[f"{DATASET_TITLES[name]}: {difference.name}"] = bold
    titles = pd.Index([RECIPES[name].title for name in recipes], name="change")
    table = pd.DataFrame(columns, index=titles).dropna(how="all")
    missing = dict.fromkeys(table.filter(like="test error"), "not run")
    return table.fillna(missing).fillna("").reset_index()


def protocol(path, kind="test"):
    """Returns the errors of the paper's method: medians, each seed's, the paper's.

    Args:
        path: Path of the study's results file.
        kind: `"test"`, or `"training"`, with the errors on the fly too.
    """
    column = {"test": "test_error", "training": "train_error"}[kind]
    runs = load(path).sort_values("seed").round(3)
    last = results.load_history(path).query("epoch == 20").set_index("configuration")
    rows = []
    for title, loss, recipe, images, *paper in results.TITLES["protocol"]["rows"]:
        own = runs[(runs["recipe"] == recipe) & (runs["train_images"] == images)]
        on_the_fly = last.loc[own["configuration"].iloc[0], "train_error"].round(3)
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
    return ", ".join(map(_error, errors))


def _error(error):
    return "diverged" if pd.isna(error) else f"{error:.2f}"


def seeds(runs):
    """Returns the mean test error with its 95 % interval, and each seed's error.

    Args:
        runs: `pandas.DataFrame` of runs with several seeds.
    """
    errors = results.in_order(runs).groupby("recipe", sort=False)["test_error"]
    intervals = errors.agg(lambda own: str(mean_interval(own)))
    table = {"error, %: 95 % interval": intervals, "each seed, %": errors.agg(_each)}
    return pd.DataFrame(table).reset_index()


def protocol_choices(runs):
    """Returns each seed's held-out error with other settings of the paper's method."""
    tried = [run.id for run in jobs(STUDIES["protocol-choices"]["jobs"])]
    rates = runs["learning_rate"].map("{:.3g}".format)
    runs = runs.assign(**{"factor of the rates": rates}).set_index("id").loc[tried]
    by = ["recipe", "changes", "factor of the rates"]
    errors = runs.groupby(by, sort=False)["held_out_error"].agg(_each)
    return errors.rename("each seed, %").reset_index()


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
    errors = runs.set_index("id")["held_out_error"].map(_error)
    cells = {}
    for recipe, wanted in titled(study).items():
        missing = [run.name for run in wanted.values() if run.id not in errors]
        expect(not missing, "all runs", missing=missing)
        cells[recipe] = {title: errors[run.id] for title, run in wanted.items()}
    return _by_title(pd.DataFrame(cells), "held-out error, %", "")


def perturbed(measured):
    """Returns some of the errors on perturbed digits, in percent.

    Args:
        measured: The accuracies of `lenet_study.images.perturbations`, as
            `lenet_study.results.load_measured` returns them. The table has means over
            the seeds.
    """
    by = "recipe" if "recipe" in measured else "network"
    errors = measured.pivot_table("error", by, ["perturbation", "amount"], sort=False)
    chosen = results.TITLES["perturbed"].items()
    shown = {name: errors[kind, amount] for name, (kind, amount) in chosen}
    return _by_title(pd.DataFrame(shown), "errors, %", ".1f")


def corrupted(measured, strengths=(0, 2), form=".2f"):
    """Returns the errors on corrupted digits, in percent, those of all strengths.

    Args:
        measured: The `"corrupted"` of `lenet_study.questions.corruptions`, as
            `lenet_study.results.load_measured` returns it. The table has means over
            the seeds.
        strengths: Strengths to show; 0 are digits that are not of a kind.
        form: Format of the errors.
    """
    by = "recipe" if "recipe" in measured else "network"
    own = measured[measured["strength"].isin(strengths)]
    left_out = own[own["corruption"].isin(LEFT_OUT)]
    means = left_out.assign(corruption="mean of those left out")
    groups = pd.concat([own, means]).groupby(["corruption", by, "strength"], sort=False)
    text = groups["error"].mean().map(f"{{:{form}}}".format)
    table = text.groupby(level=[0, 1], sort=False).agg(" / ".join).unstack(sort=False)
    table = table.rename(columns=NETWORK_TITLES).rename_axis(columns=None)
    marked = {kind: f"{kind} (left out)" for kind in LEFT_OUT}
    return table.rename(marked).rename_axis("errors, %").reset_index()


def corruptions():
    """Returns the kinds of corruption with their strengths, and MNIST-C's."""
    table = pd.DataFrame(KINDS).T[["unit", "strengths", "mnist_c"]].fillna("")
    table["strengths"] = [" / ".join(map(str, own)) for own in table["strengths"]]
    headings = {"unit": "amount", "mnist_c": "MNIST-C's"}
    return table.rename(columns=headings).rename_axis("corruption").reset_index()


def certainty(runs):
    """Returns how often and how surely each trained network is right, in percent.

    Args:
        runs: `pandas.DataFrame` of the rows of `lenet_study.questions.certainty`.
    """
    columns = {"wrong, %": "wrong", "mean confidence, %": "confidence"}
    columns["calibration error, %"] = "calibration"
    table = runs.set_index("network")[[*columns.values()]].set_axis([*columns], axis=1)
    return _by_title(table, "network", ".2f")


def unsure(measured, column="rejected", heading="no digit, %"):
    """Returns the percentage of each kind of image, in a row for each network.

    Args:
        measured: The `"unsure"` or the `"chosen"` of `lenet_study.questions.certainty`,
            as `lenet_study.results.load_measured` returns it.
        column: `"rejected"`, or `"passed"` of what was chosen.
        heading: Heading of the networks.
    """
    by = "network" if column == "rejected" else "recipe"
    table = measured.pivot_table(column, by, "kind", sort=False)
    if column == "passed":
        first = measured.groupby("recipe")[["j", "temperature"]].first()
        table = first.join(table)
    return _by_title(table, heading, ".2f")


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
    errors = two["error_2"].map("{:.2f}".format, na_action="ignore")
    cells = two.assign(cell=errors.fillna(two["failure"]))
    by = ["interpretation", "seed"]
    table = cells.set_index(by)["cell"].unstack(fill_value="", sort=False)
    table = table.rename(columns="seed {}, %".format).rename_axis(columns=None)
    table.insert(0, "why", [INTERPRETATIONS[name].why for name in table.index])
    return table.reset_index()


READER = "lenet5-mnist-line-best"  # the network that reads lines best


def lines(measured):
    """Returns the errors on lines of five digits, in percent.

    Args:
        measured: What `lenet_study.questions.readers` measured, as
            `lenet_study.results.load_measured` returns it.
    """
    rows = {}
    for line in measured[measured["length"] == 5].itertuples():
        for how, word in (("slid", ""), ("cut", ", cut at blank columns")):
            title = line.network + word
            row = rows.setdefault(title, {"network": title})
            for unit in ("line", "character"):
                error = getattr(line, f"{how}_{unit}_error")
                row[f"{line.kind}: {unit}s"] = f"{error:.1f}"
    return pd.DataFrame(rows.values())


def lines_wrong(measured, heading):
    """Returns the lines of five that sliding networks read wrongly, in percent.

    Args:
        measured: As in `lines`.
        heading: `"trained on"` or `"stride, in pixels"`.
    """
    titles, of_five = results.TITLES[heading], measured[measured["length"] == 5]
    wrong = of_five.pivot_table("slid_line_error", "network", "kind", sort=False)
    return _by_title(wrong.loc[[*titles]].rename(titles), heading, ".1f")


def lines_longer(runs):
    """Returns the errors on lines for each length of the training.

    Args:
        runs: `pandas.DataFrame` of the runs of the study `longer`.
    """
    own = runs[runs["recipe"] == READER].sort_values("epochs").set_index("epochs")
    errors = own[["train_error", "held_out_error"]]
    headings = ["lines of training digits", "lines of held-out digits"]
    return _by_title(errors.set_axis(headings, axis=1), "epochs", ".1f")


def lines_cost(path):
    """Returns what sliding costs and what cutting windows costs.

    Args:
        path: Path of the results file of the study `lines`.
    """
    costs = {results.trained_network(r["run"]): r["cost"] for r in read_results(path)}
    cost = costs[READER]
    rows = []
    for how, title in (("slid", "slid once"), ("cut", f"{cost['places']} windows")):
        adds = f"{cost[f'{how}_multiply_adds']:,}"
        rows.append((title, adds, cost[f"{how}_milliseconds"]))
    headings = [f"a line {cost['width']} pixels wide", "multiply-adds", "milliseconds"]
    return pd.DataFrame(rows, columns=headings)


def family():
    """Returns the counts of the networks up to ResNet."""
    counts = ["parameters", "connections", "multiply_adds"]
    table = timeline()[["year", *counts]].astype(int)
    table[counts] = table[counts].map("{:,}".format)
    return table.rename(columns={"multiply_adds": "multiply-adds"}).reset_index()


def trained():
    """Returns the trained networks of the package: their pixels and their errors."""
    rows = [
        (f"`{name}`", f'`"{own["pixels"]}"`', f"{own['test_errors']:,}")
        for name, own in pretrained.records().items()
    ]
    headings = ["network", "pixels", "wrong of 10,000 test images"]
    return pd.DataFrame(rows, columns=headings)


# The error after the last epoch, as each kind of job calls it.
FINAL_ERROR = ["test_error", "held_out_error", "error_2", "slid_line_error"]
FINAL_ERROR += ["error", "wrong"]
# What names a stored line.
NAMES = ["recipe", "network", "interpretation", "dataset", "seed"]


def repeated(path):
    """Returns what runs gave that were done again, beside what is stored of them.

    Args:
        path: Path of a results file of such runs. The other studies of this checkout
            have the stored ones.

    Returns:
        `pandas.DataFrame` of text with a row for each stored run that was repeated: its
        final error then and now, and how many of its numbers are the same. Seconds and
        milliseconds are not compared.
    """
    again = {result["id"]: result for result in read_results(path)}
    return pd.DataFrame(
        _repetition(study.stem, stored, again[stored["id"]])
        for study in results.stored_studies()
        if study.stem != "repeated"
        for stored in read_results(study)
        if stored["id"] in again
    )


def _repetition(study, stored, again):
    asked, numbers = stored["run"], _numbers(stored)
    words = [f"seed {v}" if n == "seed" else v for n, v in asked.items() if n in NAMES]
    agree = numbers.eq(_numbers(again).reindex(numbers.index))
    return {
        "study": study,
        "run": ", ".join(words),
        "error stored, %": _final_error(stored),
        "error repeated, %": _final_error(again),
        "numbers that agree": f"{agree.sum()} of {len(agree)}",
    }


def _final_error(result):
    first = result.get("rejection", result.get("corrupted", [{}]))[0]
    own = results.with_errors([result["row"] | first])
    return f"{own.filter(FINAL_ERROR).iloc[0, 0]:.2f}"


def _numbers(result):
    """Returns the numbers of a stored line, by their list, place and name."""
    lists = result | {"row": [result["row"]]}
    rows = {n: pd.DataFrame(own) for n, own in lists.items() if isinstance(own, list)}
    numbers = pd.concat(rows).select_dtypes("number")
    return numbers.drop(columns="seconds", errors="ignore").stack().dropna()


# The tables of a study, by what they are made of: its runs, or what was measured beside
# them. Any other study has the summary of its runs.
OF_STUDY = {
    "compare": {"runs": comparison},
    "choices": {"runs": choices},
    "ingredients": {"runs": partial(choices, study="ingredients")},
    "interpretations": {"runs": interpretations},
    "perturbed": {"perturbed": perturbed},
    "robustness": {"perturbed": perturbed, "rejection": rejection},
    "corrupted": {"corrupted": corrupted},
    "certainty": {"runs": certainty, "unsure": unsure},
    "robust": {
        "runs": summary,
        "corrupted": corrupted,
        "chosen": partial(unsure, column="passed", heading="passed, %"),
    },
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
    if path.stem == "repeated":
        return {"runs": repeated(path)}
    return {
        what: make(load(path) if what == "runs" else load_measured(what, path))
        for what, make in OF_STUDY.get(path.stem, {"runs": summary}).items()
    }
