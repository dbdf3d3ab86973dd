"""What stored runs say: of each rung of the ladder, of LeNet-5's relatives, of any."""

from pathlib import Path

import pandas as pd

from lenet_keras import plotting
from lenet_keras.experiments.statistics import mean_interval, paired_difference
from lenet_keras.experiments.sweep import load
from lenet_keras.files import replacing
from lenet_keras.plotting import DATASET_TITLES
from lenet_keras.recipes import (
    BASELINES,
    LADDER,
    RECIPES,
    RELATIVES,
    WITHOUT_MEANING,
)

# What each recipe is compared with, by name, `None` for nothing; and what that is.
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

HEADINGS = {
    "change": "change",
    "rate": "rate",
    "error": "test error, %",
    "difference": "difference to {}",
    "verdict": "a difference?",
    "trainable": "trainable parameters",
    "connections": "connections",
    "multiply_adds": "multiply-adds",
    "seconds": "seconds a run",
}


# What the runs of one configuration, over its seeds, have in common.
CONFIGURATION = ["dataset", "recipe", "passes", "learning_rate", "held_out"]


def rungs(runs, dataset, comparison="ladder"):
    """Returns what the runs on a data set say of each recipe of a comparison.

    Args:
        runs: `pandas.DataFrame` with one row a run, as `sweep.load` returns it, with at
            least two seeds a recipe.
        dataset: Name of the data set.
        comparison: `"ladder"`, with the baselines behind it, or `"relatives"`.

    Returns:
        `pandas.DataFrame` indexed by recipe, in the order of the comparison, of
        numbers: `rate`; `errors`, in percent, one a seed; `error`, their mean, with
        `error_low` and `error_high`, its 95 % interval; `difference` to what it is
        compared with, paired by seed, with `difference_low`, `difference_high` and
        `is_difference`; the counts and the mean `seconds`. A recipe that has no meaning
        on the data set, or diverged, has only its `change` and a `note`.

    Raises:
        ValueError: If a recipe has no runs, or runs of several configurations.
    """
    _, compared_with = COMPARISONS[comparison]
    of_dataset = runs[(runs["dataset"] == dataset) & (runs["held_out"] == 0)]
    for setting in ("passes", "train_images"):
        values = of_dataset.get(setting, pd.Series()).dropna().unique().tolist()
        if len(values) > 1:
            raise ValueError(
                f"Expected the same {setting} in all runs on {dataset}. "
                f"Received: {setting}={values}"
            )
    rows, errors_of = {}, {}
    for name, reference in compared_with.items():
        row = {"change": RECIPES[name].why, "is_baseline": name in BASELINES}
        own = of_dataset[of_dataset["recipe"] == name].set_index("seed").sort_index()
        if (name, dataset) in WITHOUT_MEANING:
            rows[name] = row | {"note": "no meaning here"}
            continue
        if own.empty and name in BASELINES:
            continue
        if own.empty:
            raise ValueError(f"Expected runs of {name} on {dataset}. Received: none")
        if own["learning_rate"].nunique() > 1 or own.index.has_duplicates:
            raise ValueError(
                f"Expected one run a seed, at one rate. Received: seeds "
                f"{own.index.tolist()} of {name} on {dataset}, with "
                f"learning_rate={own['learning_rate'].unique().tolist()}"
            )
        diverged = (own["status"] != "done").sum()
        if diverged:
            rows[name] = row | {"note": f"{diverged} of {len(own)} diverged"}
            continue
        errors_of[name] = errors = 100 * (1 - own["test_accuracy"])
        interval = mean_interval(errors)
        row |= {
            "rate": own["learning_rate"].iloc[0],
            "errors": errors.round(2).tolist(),
            "error": interval.mean,
            "error_low": interval.low,
            "error_high": interval.high,
        }
        while (reference, dataset) in WITHOUT_MEANING:
            reference = compared_with[reference]
        if reference in errors_of:
            difference = paired_difference(errors_of[reference], errors)
            row |= {
                "difference": difference.mean,
                "difference_low": difference.low,
                "difference_high": difference.high,
                "is_difference": difference.is_difference,
            }
        counts = ["trainable", "connections", "multiply_adds"]
        row |= own[counts].iloc[0].astype(int).to_dict()
        rows[name] = row | {"seconds": own["seconds"].mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("recipe")


def rates_at_edge(runs):
    """Returns how often the best rate is the lowest or the highest that was tried.

    Args:
        runs: `pandas.DataFrame` with one row a run, as `sweep.load` returns it.

    Returns:
        Pair of integers: in how many cases, a recipe on a data set each, of how many.
    """
    cases = runs[runs["held_out"] > 0].groupby(["dataset", "recipe"])
    best = runs.loc[cases["held_out_accuracy"].idxmax()]
    best = best.set_index(["dataset", "recipe"])["learning_rate"]
    rates = cases["learning_rate"]
    at_edge = best.eq(rates.min()) | best.eq(rates.max())
    return int(at_edge.sum()), len(at_edge)


def table(runs, dataset, comparison="ladder"):
    """Returns what `rungs` does as a table to read, in Markdown."""
    rows = []
    for _, rung in rungs(runs, dataset, comparison).iterrows():
        row = dict.fromkeys(HEADINGS, "")
        row["change"] = rung["change"]
        if isinstance(rung.get("note"), str):
            row["error"] = rung["note"]
        else:
            row |= {
                "rate": f"{rung['rate']:.3g}",
                "error": plus_minus(rung, "error"),
                "seconds": f"{rung['seconds']:.0f}",
            }
            for count in ("trainable", "connections", "multiply_adds"):
                row[count] = f"{int(rung[count]):,}"
        if pd.notna(rung.get("difference")):
            row["difference"] = plus_minus(rung, "difference", sign="+")
            row["verdict"] = "yes" if rung["is_difference"] else "no"
        rows.append(row)
    compared_with, _ = COMPARISONS[comparison]
    headings = {key: text.format(compared_with) for key, text in HEADINGS.items()}
    frame = pd.DataFrame(rows).rename(columns=headings)
    return _markdown(frame, left=["change", "a difference?"])


def overview(runs, comparison="ladder"):
    """Returns the errors on all data sets side by side, in Markdown.

    A difference that is one by its interval is printed bold.
    """
    compared_with, recipes = COMPARISONS[comparison]
    measured = {name: rungs(runs, name, comparison) for name in _datasets(runs)}
    there = [
        name for name in recipes if any(name in r.index for r in measured.values())
    ]
    columns = {"change": [RECIPES[name].why for name in there]}
    for dataset, own in measured.items():
        title = DATASET_TITLES[dataset]
        cells = [own.loc[name] if name in own.index else None for name in there]
        columns[f"{title}: test error, %"] = [_error(rung) for rung in cells]
        heading = f"{title}: difference to {compared_with}"
        columns[heading] = [_difference(rung) for rung in cells]
    return _markdown(pd.DataFrame(columns), left=["change"])


def _error(rung):
    if rung is None:
        return "not run"
    note = rung.get("note")
    return note if isinstance(note, str) else plus_minus(rung, "error")


def _difference(rung):
    if rung is None or pd.isna(rung.get("difference")):
        return ""
    text = plus_minus(rung, "difference", sign="+")
    return f"**{text}**" if rung["is_difference"] else text


def _datasets(runs):
    return [name for name in DATASET_TITLES if name in set(runs["dataset"])]


def plus_minus(rung, name, sign=""):
    """Returns a mean and half the width of its interval, in percent, as text."""
    half_width = (rung[f"{name}_high"] - rung[f"{name}_low"]) / 2
    return f"{rung[name]:{sign}.2f} ± {half_width:.2f}"


def summary(runs):
    """Returns any runs as a table to read, in Markdown.

    Args:
        runs: `pandas.DataFrame` with one row a run, as `sweep.load` returns it.

    Returns:
        A table with a row a configuration, over its seeds: the error after the final
        pass, mean ± standard deviation in percent, on the test images or on the
        held-out training images, and the minutes that a run took.

    Raises:
        ValueError: If a configuration has two runs of a seed, or runs on different
            numbers of images.
    """
    rows = []
    place = runs["dataset"].map(list(DATASET_TITLES).index)
    order = ["place", "recipe", "held_out", "passes", "learning_rate"]
    in_order = runs.assign(place=place).sort_values(order, kind="stable")
    for _, own in in_order.groupby(CONFIGURATION, sort=False):
        first, done = own.iloc[0], own[own["status"] == "done"]
        sizes = own.get("train_images", pd.Series()).dropna().unique().tolist()
        if own["seed"].duplicated().any() or len(sizes) > 1:
            raise ValueError(
                f"Expected one run a seed, on as many images each. Received: "
                f"seeds {own['seed'].tolist()} of {first['recipe']}, with "
                f"train_images={sizes}"
            )
        row = {
            "data set": DATASET_TITLES[first["dataset"]],
            "recipe": first["recipe"],
            "rate": f"{first['learning_rate']:.3g}",
            "passes": str(first["passes"]),
            "seeds": str(len(own)),
            "measured on": "held-out images" if first["held_out"] else "test images",
            "error, %": f"{len(own) - len(done)} of {len(own)} diverged",
            "trainable parameters": "",
            "minutes a run": "",
        }
        if len(done) == len(own):
            unseen = "held_out" if first["held_out"] else "test"
            errors = 100 * (1 - done[f"{unseen}_accuracy"])
            spread = f" ± {errors.std():.2f}" if len(errors) > 1 else ""
            row["error, %"] = f"{errors.mean():.2f}{spread}"
            row["trainable parameters"] = f"{int(first['trainable']):,}"
            row["minutes a run"] = f"{done['seconds'].mean() / 60:.1f}"
        rows.append(row)
    return _markdown(pd.DataFrame(rows), left=["data set", "recipe", "measured on"])


def _markdown(frame, left):
    """Returns a table of text as Markdown, all columns but these to the right."""
    alignment = ["left" if name in left else "right" for name in frame]
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)
    return text + "\n"


def report(folder):
    """Makes the tables, and the pictures, of a sweep.

    In the folder it writes `runs.csv`, one row a run with all that repeats it; of a
    sweep of the whole ladder or of all relatives `ladder.md` or `relatives.md`, an
    overview and a table a data set, and its picture, `.png`; of other recipes, or only
    some of those, `runs.md`, their `summary`.

    Args:
        folder: Folder of `sweep`.

    Returns:
        `pandas.DataFrame` with one row a run.

    Raises:
        ValueError: If the folder has no runs; or if it has all of the ladder or of the
            relatives, but not on each data set, or runs of several configurations.
        OSError: If the files cannot be written.
    """
    folder = Path(folder)
    runs = load(folder)
    if runs.empty:
        raise ValueError(f"Expected a folder of a sweep. Received: {folder=}")
    final = set(runs[runs["held_out"] == 0]["recipe"])
    optional = set(BASELINES) | {recipe for recipe, _ in WITHOUT_MEANING}
    compared = {
        name: set(recipes)
        for name, (_, recipes) in COMPARISONS.items()
        if set(recipes) - optional <= final
    }
    others = runs[~runs["recipe"].isin(set().union(*compared.values()))]
    hours = runs.get("seconds", pd.Series(dtype=float)).sum() / 3600
    note = (
        f"Five in a hundred changes that change nothing would pass for a difference. "
        f"The {runs['status'].eq('done').sum()} runs together, those that chose the "
        f"rates among them, took {hours:.1f} hours of one thread.\n"
    )
    texts, pictures = {}, {}
    if len(others):
        texts["runs.md"] = summary(others)
    for comparison in compared:
        compared_with, recipes = COMPARISONS[comparison]
        own = runs[runs["recipe"].isin(recipes)]
        tables = [
            f"## {DATASET_TITLES[name]}\n\n{table(own, name, comparison)}"
            for name in _datasets(own)
        ]
        texts[f"{comparison}.md"] = "\n".join(
            [overview(own, comparison), *tables, note]
        )
        by_dataset = {name: rungs(own, name, comparison) for name in _datasets(own)}
        pictures[f"{comparison}.png"] = plotting.ladder(by_dataset, compared_with)
    with replacing(folder / "runs.csv") as file:
        runs.to_csv(file, index=False)
    for name, text in texts.items():
        with replacing(folder / name) as file:
            file.write_text(text, encoding="utf-8")
    for name, picture in pictures.items():
        with replacing(folder / name) as file:
            picture.savefig(file, format="png")
    return runs
