"""Figures of results: networks, recipes and their answers, compared."""

import itertools

import numpy as np
import pandas as pd

from lenet_study.figures import style
from lenet_study.results import DATASET_TITLES, NETWORK_TITLES, TITLES

# Networks that are compared on changed digits or on lines: colour and line.
TRAINED_STYLES = TITLES["styles"]
LINES = ["-", "--", "-.", ":"]


@style.drawing
def comparison(runs, complete):
    """Draws the test error of both networks against parameters and connections.

    A row of panels is a data set. All axes start at 0. Full points are the complete
    trainings, hollow ones the runs. Diamonds are trained by study note 002's recipe.

    Args:
        runs: `pandas.DataFrame` with one row a run of `compare`.
        complete: The same for the complete trainings, one row a network and data set.
    """
    counts = {"trainable": "trainable parameters", "connections": "connections"}
    contents = list(itertools.product(runs["dataset"].unique(), counts))
    axes = style.panels(len(contents), (4, 2.4), 2, margin=(0, 0.5))
    for ax, (dataset, count) in zip(axes, contents, strict=True):
        best = complete[complete["dataset"] == dataset.removesuffix("-sample")]
        own = pd.concat([best, runs[runs["dataset"] == dataset]])
        for _, run in own.iterrows():
            name, color = run["network"], style.NETWORK_COLORS[run["network"]]
            kind = run["recipe"].split("-")[-1]
            training = TITLES["trainings"].get(kind, f"{run['epochs']} epochs")
            look = {"mfc": "none", "label": f"{NETWORK_TITLES[name]}: {training}"}
            if kind == "best":
                look |= {"mfc": color, "markersize": 8}
            if pd.isna(run["test_error"]):
                look["label"] += ", diverged"
            marker = "D" if kind == "002" else "o"
            ax.plot(*run[[count, "test_error"]], marker, color=color, **look)
        ax.set(xlabel=counts[count], xlim=(0, 1.25 * own[count].max()))
        ax.set(ylabel="test error, %", ylim=(0, 1.15 * own["test_error"].max()))
        ax.set_title(DATASET_TITLES[dataset])
        ax.locator_params(axis="x", nbins=5)
        ax.xaxis.set_major_formatter("{x:,.0f}")
    style.legend_below(axes[0].figure, columns=3)


@style.drawing
def ladder(rungs_by_dataset, compared_with="the rung before"):
    """Draws the effect of each change, such as from 1998 to today: a row a change.

    A pale point is a run, the strong one the mean with its 95 % interval. The strong
    point is a full triangle if the paired interval shows a difference, and hollow if
    not. Each data set has a panel.

    Args:
        rungs_by_dataset: Dictionary from a data set's name to its rungs, as
            `lenet_study.results.rungs` returns them.
        compared_with: Name of what each change is compared with.
    """
    first = next(iter(rungs_by_dataset.values()))
    size = {"size": (4.2, 0.34 * len(first)), "margin": (2.6, 1.2)}
    for ax, dataset, rungs in style.each_panel(rungs_by_dataset, **size, sharey=True):
        if compared_with == "the rung before":
            steps = rungs.reset_index().query("not is_baseline")["error"].dropna()
            ax.plot(steps, steps.index, color="0.85", zorder=0)
        for height, (_, rung) in enumerate(rungs.iterrows()):
            _rung(ax, height, rung)
        ax.axhline((~rungs["is_baseline"]).sum() - 0.5, color="0.7", linewidth=0.8)
        style.rows(ax, first["change"])
        ax.set_title(f"{DATASET_TITLES[dataset]}: test error, %")
        ax.set_xlabel(f"green, to the left: better than {compared_with}; red: worse")


def _rung(ax, height, rung):
    if isinstance(rung.get("note"), str):
        across = ax.get_yaxis_transform()  # along the axes, whatever their errors
        ax.text(0.5, height, rung["note"], transform=across, color="0.5", va="center")
        return
    marker, effect = "o", None
    if pd.isna(rung.get("difference")):
        color = fill = "0.25"
    elif not rung["is_difference"]:
        color, fill, effect = "0.45", "white", "no difference"
    elif rung["difference"] > 0:
        color, fill, marker, effect = style.RED, style.RED, ">", "worse"
    else:
        color, fill, marker, effect = style.GREEN, style.GREEN, "<", "better"
    heights = [height] * len(rung["errors"])
    ax.plot(rung["errors"], heights, "o", color=color, markersize=3, alpha=0.4)
    ax.plot([rung["error_low"], rung["error_high"]], [height] * 2, color=color)
    point = {"markerfacecolor": fill, "markersize": 7, "label": effect}
    ax.plot(rung["error"], height, marker, color=color, **point)


@style.drawing
def pairs(before, after, titles):
    """Draws the runs of two recipes. A line joins the two of a seed.

    Args:
        before: `pandas.Series` of test errors in percent, indexed by seed.
        after: The same of the other recipe.
        titles: The two recipes' titles.
    """
    ax = style.panel(3.6, 3.4, xlim=(-0.3, 1.3), ylabel="test error, %")
    ax.plot(titles, [before, after[before.index]], "o-", color="0.4", linewidth=1)


@style.drawing
def perturbed(table):
    """Draws the error against the amount of each perturbation, a panel a perturbation.

    Args:
        table: `pandas.DataFrame` with the columns `recipe`, `seed`, `perturbation`,
            `amount` and `accuracy`; a line is the mean over the seeds.
    """
    kinds = dict(list(table.groupby("perturbation", sort=False)))
    columns = min(3, len(kinds))
    size = {"size": (max(3.7, 5 / columns), 3), "columns": columns}
    for ax, kind, of_kind in style.each_panel(kinds, **size, sharey=True):
        by_recipe = of_kind.groupby(["recipe", "amount"])["accuracy"].mean()
        _line_a_network(ax, 100 * (1 - by_recipe), of_kind["recipe"].unique())
        if kind in ("scale", "squeeze"):
            style.log_ticks(ax.xaxis, [0.5, 0.7, 1, 1.4, 2])
        ax.set(title=kind, xlabel=TITLES["units"][kind])
        ax.grid(axis="x")
    for left in ax.figure.axes[::columns]:
        left.set_ylabel("test error, %")
    style.legend_below(ax.figure, columns=4)


def _line_a_network(ax, errors, networks):
    """Draws the errors of networks, a series by network and by what x is."""
    for network in networks:
        name, line = TRAINED_STYLES[network]
        look = {"color": getattr(style, name), "label": NETWORK_TITLES[network]}
        ax.plot(errors[network], line, **look)


@style.drawing
def line_errors(table):
    """Draws the share of lines read wrongly against their length, a panel a kind.

    Beside the sliding networks stands the one that reads best what is cut.

    Args:
        table: `pandas.DataFrame`, as `lenet_study.results.load_measured` returns it.
    """
    table = table[table["network"].isin(TRAINED_STYLES)]
    kinds = dict(list(table.groupby("kind", sort=False)))
    for ax, kind, of_kind in style.each_panel(kinds, (3.4, 3.2), sharey=True):
        slid = of_kind.set_index(["network", "length"])["slid_line_error"]
        _line_a_network(ax, slid, of_kind["network"].unique())
        best = of_kind.groupby("length")["cut_line_error"].min()
        ax.plot(best, "--", color="0.6", label="the best, cut at blank columns")
        ax.set(title=kind, xlabel="digits of a line", ylim=(0, 102))
    ax.figure.axes[0].set_ylabel("lines read wrongly, %")
    style.legend_below(ax.figure, columns=4)


@style.drawing
def reliability(table):
    """Draws how often networks are right against how sure they are.

    Args:
        table: `pandas.DataFrame`, the `"reliability"` of
            `lenet_study.questions.certainty`, as `lenet_study.results.load_measured`
            returns it. Tenths with fewer than 20 images are not drawn.
    """
    table = table[table["images"] >= 20]
    dataset = table["network"].str.split("-").str[1].map(DATASET_TITLES)
    for ax, name, own in style.each_panel(dict(list(table.groupby(dataset))), (4.4, 4)):
        curves = 100 * own.set_index(["network", "confidence"])["accuracy"]
        _line_a_network(ax, curves, own["network"].unique())
        ax.plot([0, 1], [0, 100], color="0.6", label="calibrated", zorder=0)
        ax.set(title=name, xlabel="confidence in the answer")
    ax.figure.axes[0].set_ylabel("right answers, %")
    style.legend_below(ax.figure, columns=3)


@style.drawing
def confusion_matrices(labels, answers, names=range(10)):
    """Draws how often each class was taken for each other one, on one scale.

    Args:
        labels: Integer array of shape `(n,)`, the right classes.
        answers: Dictionary from a network's name to its answers, of the same shape.
        names: Names of the classes.
    """
    one_hot = np.eye(len(names), dtype=int)
    counts = {model: one_hot[labels].T @ one_hot[a] for model, a in answers.items()}
    most = max(((1 - one_hot) * own).max() for own in counts.values())
    for ax, model, own in style.each_panel(counts, (5, 4.8)):
        wrong = (1 - one_hot) * own
        style.picture(ax, wrong, cmap="Reds", vmin=0, vmax=max(2 * most, 1))
        for right, answer in np.argwhere(own):
            words = {"fontsize": 7, "weight": "bold" if right == answer else "normal"}
            words |= {"ha": "center", "va": "center"}
            ax.text(answer, right, own[right, answer], **words)
        rotation = 0 if len(str(names[0])) < 3 else 60
        ax.set_xticks(range(len(names)), names, rotation=rotation)
        ax.set_yticks(range(len(names)), names)
        ax.set(xlabel="answer", ylabel="right class")
        ax.set_title(f"{NETWORK_TITLES[model]}: {wrong.sum()} mistakes")


@style.drawing
def rejection_curves(curves, references):
    """Draws the error among the patterns that are not rejected, by rejected share.

    Args:
        curves: Dictionary from a title of a LeNet-5 to a pair: percentages rejected,
            and errors among the rest, in percent of the rest.
        references: Triples: a title, percentage rejected and error, drawn as points.
    """
    ax = style.panel(6.5, 3.8, xlabel="rejected, %", ylabel="error of the accepted, %")
    for (title, (rejected, error)), line in zip(curves.items(), LINES, strict=False):
        ax.plot(rejected, error, line, color=style.BLUE, label=title)
    ax.axhline(0.5, color="0.8", linewidth=0.8)
    for (title, rejected, error), marker in zip(references, "osvD", strict=False):
        label = f"{title}, the paper's"
        ax.plot(rejected, error, marker, color="0.35", zorder=3, label=label)
    ax.set(xlim=(-0.1, 5), ylim=(0, None))
    ax.legend()
