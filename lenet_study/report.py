"""The tables and pictures of a study, made from its stored runs."""

import json
from pathlib import Path

import pandas as pd

from lenet_study import figures, interpretations
from lenet_study.files import replacing
from lenet_study.perturbations import load_perturbed
from lenet_study.readers import load_lines
from lenet_study.recipes import BASELINES, WITHOUT_MEANING
from lenet_study.results import (
    COMPARISONS,
    DATASET_TITLES,
    NETWORK_TITLES,
    comparison_text,
    complete_trainings,
    datasets,
    in_order,
    load,
    markdown,
    overview,
    rungs,
    summary,
    table,
)
from lenet_study.robustness import load_robustness
from lenet_study.statistics import error_percent
from lenet_study.studies import titled


def report(path):
    """Writes the tables and pictures of a study beside its results file.

    By the file's name it knows what the study shows: `compare`, `ladder`, `relatives`,
    `choices`, `ingredients`, `perturbed`, `interpretations`, `robustness` and `lines`
    have tables of their own, and most of them a picture. Of any other file it writes
    the `summary`.

    Args:
        path: Path of the results file.

    Returns:
        List of the paths that were written.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds something else than runs, or lacks some that the
            study's table needs.
        OSError: If the files cannot be written.
    """
    path = Path(path)
    runs = load(path)
    if runs.empty:
        raise ValueError(f"Expected results of runs. Received: {path}, without any")
    made = VIEWS.get(path.stem, _summary)(path, runs)
    written = []
    for ending, content in made.items():
        written.append(path.with_suffix(ending))
        with replacing(written[-1]) as beside:
            if isinstance(content, str):
                beside.write_text(content, encoding="utf-8")
            else:
                # Without a date, so that the same results give the same file.
                about = {"Description": drawn_data(content), "Date": None}
                content.savefig(beside, format="svg", metadata=about)
    return written


def stored_studies():
    """Returns the paths of all results files of this checkout.

    Raises:
        FileNotFoundError: If this is an installed package, not a checkout.
    """
    folder = Path(__file__).parents[1] / "data/results"
    if not folder.is_dir():
        raise FileNotFoundError(f"Expected a checkout. Received: no folder {folder}")
    return sorted(folder.glob("*.jsonl"))


def drawn_data(figure):
    """Returns what a figure draws as text: each panel's title, lines, bars and words.

    Args:
        figure: `matplotlib.figure.Figure`.
    """
    panels = []
    for ax in figure.axes:
        lines = [[line.get_label(), *line.get_xydata().tolist()] for line in ax.lines]
        bars = [[bar.get_x(), bar.get_height()] for bar in ax.patches]
        words = [text.get_text() for text in [*ax.get_yticklabels(), *ax.texts]]
        panel = {"title": ax.get_title(), "lines": lines, "bars": bars, "words": words}
        panels.append(panel)
    return json.dumps(panels, default=float)


def _summary(path, runs):
    return {".md": summary(runs)}


def _compare(path, runs):
    return {
        ".csv": runs.to_csv(index=False),
        ".md": comparison_text(runs),
        ".svg": figures.comparison(in_order(runs), complete_trainings()),
    }


def _comparison(path, runs):
    """The ladder or the relatives; a summary as long as some of it is missing."""
    comparison = path.stem
    compared_with, recipes = COMPARISONS[comparison]
    optional = set(BASELINES) | {recipe for recipe, _ in WITHOUT_MEANING}
    final = set(runs[runs["held_out"] == 0]["recipe"])
    if not set(recipes) - optional <= final:
        return _summary(path, runs)
    own = runs[runs["recipe"].isin(recipes)]
    by_dataset = {name: rungs(own, name, comparison) for name in datasets(own)}
    tables = [
        f"## {DATASET_TITLES[name]}\n\n{table(own, name, comparison)}"
        for name in by_dataset
    ]
    note = (
        "Five in a hundred changes that change nothing would pass for a difference. "
        f"The {runs['status'].eq('done').sum()} runs together, with those that chose "
        f"the learning rates, took {runs['seconds'].sum() / 3600:.1f} hours of one "
        "thread.\n"
    )
    others = runs[~runs["recipe"].isin(recipes)]
    more = [summary(others)] if len(others) else []
    return {
        ".md": "\n".join([overview(own, comparison), *tables, *more, note]),
        ".svg": figures.ladder(by_dataset, compared_with),
    }


def choices_table(runs, tried):
    """Returns the held-out errors of what was tried in a recipe's place.

    Args:
        runs: `pandas.DataFrame`, as `lenet_study.results.load` returns it, with
            all runs of the study.
        tried: The run of each title by recipe, as `lenet_study.studies.titled` returns
            them.

    Returns:
        Markdown with a column a recipe, and a row for each thing that was
        tried in its place; errors in percent.

    Raises:
        ValueError: If a run is missing.
    """
    errors = 100 * (
        1 - runs.dropna(subset="held_out_accuracy").set_index("id")["held_out_accuracy"]
    )
    rows = {}
    for recipe, titles in tried.items():
        for title, run in titles.items():
            if run.id not in errors:
                raise ValueError(f"Expected all runs. Received: none of {run.name}")
            row = rows.setdefault(title, dict.fromkeys(tried, ""))
            row[recipe] = f"{errors[run.id]:.2f}"
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame = frame.rename_axis("held-out error, %").reset_index()
    return markdown(frame)


def _choices(path, runs):
    return {".md": choices_table(runs, titled(path.stem))}


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


def perturbed_table(measured):
    """Returns some of the errors on perturbed digits, in percent, in Markdown.

    Args:
        measured: What `load_perturbed` returns; the table has means over the seeds.
    """
    means = measured.groupby(["recipe", "perturbation", "amount"])["accuracy"].mean()
    errors = error_percent(means)
    first = "errors, %"
    rows = [
        {first: NETWORK_TITLES[recipe]}
        | {name: f"{errors[recipe, *key]:.1f}" for name, key in SHOWN.items()}
        for recipe in dict.fromkeys(measured["recipe"])
    ]
    return markdown(pd.DataFrame(rows))


def _perturbed(path, runs):
    measured = load_perturbed(path)
    return {".md": perturbed_table(measured), ".svg": figures.perturbed(measured)}


def rejection_table(rejection):
    """Returns the errors on the digits that are not rejected, in Markdown.

    Args:
        rejection: The second table that `load_robustness` returns.
    """
    table = rejection.pivot(index="recipe", columns="rejected", values="error")
    rows = [
        {"wrong of the rest, %": NETWORK_TITLES[recipe]}
        | {
            f"{share:g} % rejected": f"{table.loc[recipe, share]:.2f}"
            for share in table
        }
        for recipe in dict.fromkeys(rejection["recipe"])
    ]
    return markdown(pd.DataFrame(rows))


def _robustness(path, runs):
    perturbed, rejection = load_robustness(path)
    return {".md": perturbed_table(perturbed) + "\n" + rejection_table(rejection)}


def _interpretations(path, runs):
    """A row an interpretation: the error after each seed's second epoch, or failure."""
    rows = []
    for name, own in runs[runs["epochs"] == 2].groupby("interpretation", sort=False):
        errors = own.get("error_2", pd.Series(index=own.index, dtype=float))
        cells = errors.map("{:.2f}".format).where(errors.notna(), own["failure"])
        interpretation = interpretations.INTERPRETATIONS[name]
        row = {"interpretation": name, "why": interpretation.why}
        row |= {
            f"seed {seed}, %": cell
            for seed, cell in zip(own["seed"], cells, strict=True)
        }
        rows.append(row)
    frame = pd.DataFrame(rows).fillna("")
    return {".md": markdown(frame)}


def lines_table(measured, length=5):
    """Returns the errors on lines of one length, in percent, in Markdown.

    Args:
        measured: What `load_lines` returns.
        length: Digits of a line.
    """
    own = measured[measured["length"] == length]
    rows = [
        {"network": network + word}
        | {
            f"{row.kind}: {unit}s": f"{getattr(row, f'{how}_{unit}_error'):.1f}"
            for row in lines.itertuples()
            for unit in ("line", "character")
        }
        for network, lines in own.groupby("network", sort=False)
        for how, word in (("slid", ""), ("cut", ", cut at blank columns"))
    ]
    return markdown(pd.DataFrame(rows))


def _lines(path, runs):
    measured = load_lines(path)
    return {".md": lines_table(measured), ".svg": figures.line_errors(measured)}


VIEWS = {
    "compare": _compare,
    "ladder": _comparison,
    "relatives": _comparison,
    "choices": _choices,
    "ingredients": _choices,
    "perturbed": _perturbed,
    "interpretations": _interpretations,
    "robustness": _robustness,
    "lines": _lines,
}
