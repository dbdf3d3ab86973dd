"""The tables and pictures of a study, made from its stored runs."""

import json

from lenet_keras.checks import expect
from lenet_study import figures, results, tables
from lenet_study.files import replacing
from lenet_study.recipes import BASELINES, WITHOUT_MEANING
from lenet_study.results import DATASET_TITLES, TITLES, load, load_measured
from lenet_study.tables import markdown


def report(path):
    """Writes the tables and pictures of a study beside its results file.

    By the file's name it knows what the study shows: `compare`, `ladder`, `relatives`,
    `choices`, `ingredients`, `perturbed`, `interpretations`, `robustness`, `corrupted`,
    `certainty`, `robust`, `lines` and `repeated` have tables of their own, and some a
    picture. Of any other file it writes the `summary`.

    Args:
        path: `pathlib.Path` of the results file.

    Returns:
        List of the paths that were written.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds something else than runs, or lacks some that the
            study's table needs.
        OSError: If the files cannot be written.
    """
    expect(path.suffix == ".jsonl", "a file that ends in .jsonl", path=str(path))
    try:
        runs = load(path)
        expect(len(runs), "results of runs", path=str(path))
        made = VIEWS[path.stem](path, runs) if path.stem in VIEWS else {}
        if ".md" not in made:
            made[".md"] = "\n".join(map(markdown, tables.of_study(path).values()))
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        what = f"all that the tables of {path.stem} show, or another name"
        raise ValueError(f"Expected {what}. Received: {path}: {error!r}") from error
    written = []
    for ending, content in sorted(made.items()):
        written.append(path.with_suffix(ending))
        if written[-1].exists():
            begin = written[-1].read_text("utf-8")[: len(BEGIN[ending])]
            what = f"a table or picture of runs to replace in {written[-1]}"
            expect(begin in (BEGIN[ending], "", "\n"), what, begin=begin)
        with replacing(written[-1]) as beside:
            if ending == ".svg":
                # Without a date, so that the same results give the same file.
                about = {"Description": drawn_data(content), "Date": None}
                content.savefig(beside, format="svg", metadata=about)
            else:
                beside.write_text(content, encoding="utf-8")
    return written


# How the files begin that a report may replace: another one is not ours.
BEGIN = {".md": "| ", ".csv": "id,", ".svg": "<?xml"}


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


def comparison_text(runs):
    """Returns the table of the runs of `compare` in Markdown, and what explains it.

    Args:
        runs: `pandas.DataFrame`, as `lenet_study.results.load` returns it.
    """
    rows = tables.comparison(runs)
    claims = "".join(
        f"- {DATASET_TITLES[name]}: {TITLES['claims'][name]}\n"
        for name in results.datasets(runs)
    )
    note = TITLES["notes"]["short" if "complete" in rows else "long"]
    return f"{markdown(rows)}\n{note.format(claims=claims)}"


def _compare(path, runs):
    table = runs[[name for name in runs if not name.endswith("_error")]]
    picture = figures.comparison(results.in_order(runs), results.complete_trainings())
    return {
        # The column keeps the name that the file has always had.
        ".csv": table.rename(columns={"configuration": "setup"}).to_csv(index=False),
        ".md": comparison_text(runs),
        ".svg": picture,
    }


def _comparison(path, runs):
    """The ladder or the relatives; nothing as long as some of it is missing."""
    comparison = path.stem
    compared_with, recipes = results.COMPARISONS[comparison]
    optional = set(BASELINES) | {recipe for recipe, _ in WITHOUT_MEANING}
    final = set(runs[runs["held_out"] == 0]["recipe"])
    if not set(recipes) - optional <= final:
        return {}
    among = runs["recipe"].isin(recipes)
    own, others = runs[among], runs[~among]
    by_dataset, made = {}, [markdown(tables.overview(own, comparison))]
    for name in results.datasets(own):
        by_dataset[name] = results.rungs(own, name, comparison)
        table = tables.of_rungs(own, name, comparison)
        made.append(f"## {DATASET_TITLES[name]}\n\n{markdown(table)}")
    if len(others):
        made.append(markdown(tables.summary(others)))
    done = runs["status"].eq("done").sum()
    hours = runs["seconds"].sum() / 3600
    made.append(TITLES["notes"]["changes"].format(runs=done, hours=hours))
    return {".md": "\n".join(made), ".svg": figures.ladder(by_dataset, compared_with)}


def _perturbed(path, runs):
    return {".svg": figures.perturbed(load_measured("perturbed", path))}


def _lines(path, runs):
    return {".svg": figures.line_errors(load_measured("measured", path))}


def _certainty(path, runs):
    return {".svg": figures.reliability(load_measured("reliability", path))}


# What a study has beside its tables, or in their place.
VIEWS = {
    "compare": _compare,
    "ladder": _comparison,
    "relatives": _comparison,
    "perturbed": _perturbed,
    "lines": _lines,
    "certainty": _certainty,
}
