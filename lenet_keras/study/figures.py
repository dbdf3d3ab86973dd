"""Every figure of the notebooks and of the results, in one style.

Each function returns a `matplotlib.figure.Figure` that is not shown yet: a notebook
shows what is the last expression of a cell, and `savefig` writes it anywhere.
"""

import functools
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lenet_keras.study.results import DATASET_TITLES, NETWORK_TITLES
from lenet_keras.study.statistics import crossing

STYLE = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 90,
    "image.cmap": "gray_r",
    "legend.frameon": False,
    "savefig.dpi": 150,
}

BLUE, ORANGE, RED = "#1f5a8a", "#d9722e", "#c0392b"
NETWORK_COLORS = {"lenet5": BLUE, "lenet5_modern": ORANGE}
SERIES_COLORS = (BLUE, ORANGE, "#4d9a5b", "0.4")
# Against what it is compared with: the color, and whether the point is full.
RUNG_STYLES = {
    "compared with nothing": ("0.25", True),
    "no difference": ("0.45", False),
    "better": (BLUE, True),
    "worse": (RED, True),
}
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def _figure(draw):
    """Draws in the one style, and leaves no figure open behind it."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with plt.rc_context(STYLE):
            figure = draw(*args, **kwargs)
            plt.close(figure)
            return figure

    return styled


def _panels(count, size, columns=None, margin=(0, 0), **kwargs):
    """Returns a figure and the axes of its panels, row by row.

    Args:
        count: Number of panels. The rest of the last row stays empty.
        size: Width and height of a panel.
        columns: Panels a row; by default all.
        margin: Width and height that the figure has in addition.
        **kwargs: Further arguments of `matplotlib.pyplot.subplots`.
    """
    columns = columns or count
    rows = math.ceil(count / columns)
    figsize = (columns * size[0] + margin[0], rows * size[1] + margin[1])
    figure, axes = plt.subplots(rows, columns, figsize=figsize, squeeze=False, **kwargs)
    for ax in axes.flat[count:]:
        ax.axis("off")
    return figure, axes.flat[:count]


def _remove_frame(ax):
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _colored(series, colors=SERIES_COLORS):
    """Yields the next color with each key and value of a dictionary or a table."""
    endless = itertools.cycle(colors)
    for key, value in series.items():
        yield next(endless), key, value


def _errors(accuracies):
    """Returns the errors in percent."""
    return 100 * (1 - accuracies)


@_figure
def images(images, titles=None, columns=10):
    """Draws images in a grid.

    Args:
        images: Array of shape `(n, height, width)`, `(n, height, width, 1)` or
            `(n, height, width, 3)`; grey ones are drawn dark on light.
        titles: Optional sequence of `n` titles.
        columns: Images a row.
    """
    height = 1.05 if titles is None else 1.45
    figure, axes = _panels(len(images), (1.05, height), columns)
    for index, (ax, image) in enumerate(zip(axes, images, strict=True)):
        ax.imshow(image)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color="0.85", linewidth=0.5)
        if titles is not None:
            ax.set_title(titles[index], fontsize=8, fontweight="normal")
    return figure


@_figure
def activations(functions, reach=5.0):
    """Draws activation functions over `[-reach, reach]`.

    Args:
        functions: Dictionary from a title to a function of a tensor.
        reach: Positive number.
    """
    a = np.linspace(-reach, reach, 401, dtype="float32")
    figure, ax = plt.subplots(figsize=(6, 3.2))
    for color, title, function in _colored(functions):
        ax.plot(a, np.asarray(function(a)), label=title, color=color, linewidth=2)
    ax.plot([-1, 1], [-1, 1], "o", color="black", markersize=5)
    ax.axhline(0, color="0.8", zorder=0)
    ax.axvline(0, color="0.8", zorder=0)
    ax.set(xlabel="weighted sum a", ylabel="f(a)", ylim=(-2.2, 3.2))
    ax.legend(loc="upper left")
    return figure


@_figure
def receptive_fields(image, fields):
    """Draws on an image what one unit of each layer sees of it.

    Args:
        image: Array of shape `(height, width)`.
        fields: Dictionary from a layer's name to the side of its units' field.
    """
    figure, axes = _panels(len(fields), (1.9, 2.2))
    style = {"fill": False, "edgecolor": ORANGE, "linewidth": 2.5, "clip_on": False}
    for ax, (name, side) in zip(axes, fields.items(), strict=True):
        ax.imshow(image, alpha=0.6)
        corner = (image.shape[0] - side) // 2 - 0.5
        ax.add_patch(plt.Rectangle((corner, corner), side, side, **style))
        ax.set_title(f"{name}: {side}x{side}")
        _remove_frame(ax)
    return figure


@_figure
def connection_table(table, input_name="S2", output_name="C3"):
    """Draws a connection table: a column for each output map, marks where it looks.

    Args:
        table: One entry an output map: the indices of its input maps.
        input_name: Name of the layer that is looked at.
        output_name: Name of the layer that looks.
    """
    inputs, outputs = max(map(max, table)) + 1, len(table)
    links = np.full((inputs, outputs), np.nan)
    for output_map, entry in enumerate(table):
        links[list(entry), output_map] = len(entry)
    figure, ax = plt.subplots(figsize=(0.42 * outputs + 0.6, 0.42 * inputs + 1))
    most = np.nanmax(links)
    ax.imshow(links, cmap="Blues", vmin=most / 6, vmax=most * 4 / 3)
    ax.set(xticks=range(outputs), xlabel=f"map of {output_name}")
    ax.set(yticks=range(inputs), ylabel=f"map of {input_name}")
    ax.set_xticks(np.arange(outputs + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(inputs + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    return figure


@_figure
def codes(codes, titles, columns=16):
    """Draws 84-bit codes as the 7x12 pictures that they are.

    Args:
        codes: Array of shape `(n, 84)` with values -1 and +1.
        titles: Sequence of `n` titles.
        columns: Codes a row.
    """
    figure, axes = _panels(len(codes), (0.55, 1.1), columns)
    for ax, code, title in zip(axes, codes, titles, strict=True):
        ax.axis("off")
        ax.imshow(np.reshape(code, (12, 7)), vmin=-1.2, vmax=1)
        ax.set_title(title, fontsize=8, fontweight="normal", parse_math=False, pad=2)
    return figure


@_figure
def feature_maps(maps):
    """Draws what the maps of some layers answer to one image.

    Args:
        maps: Dictionary from a layer's name to an array of shape `(height, width,
            number of maps)`.
    """
    columns = max(answer.shape[-1] for answer in maps.values())
    figure, axes = _panels(len(maps) * columns, (0.62, 0.8), columns)
    rows = axes.reshape(len(maps), columns)
    for row, (name, answer) in zip(rows, maps.items(), strict=True):
        for index, ax in enumerate(row):
            _remove_frame(ax)
            if index < answer.shape[-1]:
                ax.imshow(answer[..., index], cmap="gray")
        row[0].set_ylabel(f"{name}\n{answer.shape[0]}x{answer.shape[1]}", fontsize=8)
    return figure


@_figure
def units(values, shape, title):
    """Draws the answers of a layer of units as one picture.

    Args:
        values: Array of as many values as `shape` has places.
        shape: Rows and columns.
        title: Title.
    """
    figure, ax = plt.subplots(figsize=(0.3 * shape[1] + 0.6, 0.3 * shape[0] + 0.5))
    picture = ax.imshow(np.reshape(values, shape), vmin=-1.72, vmax=1.72)
    figure.colorbar(picture, ax=ax)
    ax.set(title=title, xticks=[], yticks=[])
    return figure


@_figure
def distances(values, right):
    """Draws the distances to the ten codes as bars; the right one stands out.

    Args:
        values: Array of shape `(classes,)`.
        right: Index of the right class.
    """
    figure, ax = plt.subplots(figsize=(6, 2.4))
    colors = ["0.75"] * len(values)
    colors[right] = BLUE
    ax.bar(range(len(values)), values, color=colors)
    ax.set(xticks=range(len(values)), xlabel="class", ylabel="squared distance")
    ax.set_title("the smallest distance wins")
    return figure


@_figure
def layer_counts(tables):
    """Draws parameters and connections of networks, layer by layer.

    Args:
        tables: Dictionary from a network's name to its
            `lenet_keras.counts.layer_table`.
    """
    names = ["C1", "S2", "C3", "S4", "C5", "F6", "output"]
    rows = np.arange(len(names))
    figure, axes = _panels(2, (4.5, 3.4), sharey=True)
    height = 0.8 / len(tables)
    titles = {"trainable": "trainable parameters", "connections": "connections"}
    for ax, (column, title) in zip(axes, titles.items(), strict=True):
        for index, (model, table) in enumerate(tables.items()):
            label = f"{NETWORK_TITLES[model]}: {getattr(table['total'], column):,}"
            style = {"align": "edge", "color": NETWORK_COLORS[model], "label": label}
            counts = table.to_pandas().loc[names, column]
            ax.barh(rows + index * height, counts, height, **style)
        ax.set(title=title, xscale="symlog", xlim=(0, 1e6))
        ax.set_yticks(rows + 0.4, names)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12))
    axes[0].invert_yaxis()
    return figure


@_figure
def learning_curves(histories):
    """Draws the training and the test error against the epoch.

    Args:
        histories: Dictionary from a network's name to the history of its
            `lenet_keras.study.training.Result`.
    """
    figure, axes = _panels(len(histories), (4.5, 3.2), sharey=True)
    for ax, (model, history) in zip(axes, histories.items(), strict=True):
        train = _errors(history["train_accuracy"])
        test = _errors(history["test_accuracy"])
        color = NETWORK_COLORS[model]
        label = "training images, on the fly"
        ax.plot(train, "o--", color=color, alpha=0.5, label=label)
        ax.plot(test, "o-", color=color, label="test images, after the epoch")
        ax.set(title=NETWORK_TITLES[model], xlabel="epoch", xticks=history.index)
        ax.set_ylim(0, None)
        ax.legend()
    axes[0].set_ylabel("error, %")
    return figure


@_figure
def confusion_matrices(labels, answers, names=None):
    """Draws how often each class was taken for each other one.

    Args:
        labels: Integer array of shape `(n,)`, the right classes.
        answers: Dictionary from a network's name to its answers, of the same shape.
        names: Optional names of the classes.
    """
    names = list(range(10)) if names is None else names
    figure, axes = _panels(len(answers), (5, 4.8))
    for ax, (model, given) in zip(axes, answers.items(), strict=True):
        counts = np.zeros((len(names), len(names)), int)
        np.add.at(counts, (labels, given), 1)
        wrong = counts - np.diag(np.diag(counts))
        ax.imshow(wrong, cmap="Reds", vmax=max(2 * wrong.max(), 1))
        for (right, answer), count in np.ndenumerate(counts):
            if count:
                text = ax.text(answer, right, count, ha="center", va="center")
                text.set(fontsize=7, weight="bold" if right == answer else "normal")
        rotation = 0 if len(str(names[0])) < 3 else 60
        ax.set_xticks(range(len(names)), names, rotation=rotation)
        ax.set_yticks(range(len(names)), names)
        ax.set(xlabel="answer", ylabel="right class")
        ax.set_title(f"{NETWORK_TITLES[model]}: {(labels != given).sum()} mistakes")
        ax.spines[:].set_visible(False)
    return figure


def worst_mistakes(images_, labels, probabilities, names=None, count=20):
    """Draws the wrong answers that the network was surest of, the worst first.

    Args:
        images_: Array of images, as `images` draws them.
        labels: Integer array of shape `(n,)`, the right classes.
        probabilities: Array of shape `(n, classes)`.
        names: Optional names of the classes.
        count: How many to draw.
    """
    names = list(range(probabilities.shape[1])) if names is None else names
    answers = probabilities.argmax(axis=1)
    sure = np.where(answers == labels, -1, probabilities.max(axis=1))
    worst = np.argsort(-sure, kind="stable")[: min(count, (answers != labels).sum())]
    titles = [f"{names[labels[i]]},\nnot {names[answers[i]]}" for i in worst]
    return images(images_[worst], titles)


@_figure
def comparison(runs, complete):
    """Draws the test error of both networks against parameters and connections.

    A row of panels is a data set. All axes start at 0. Full points are the complete
    trainings, hollow ones the runs. Diamonds are trained by study note 002's recipe.

    Args:
        runs: `pandas.DataFrame` with one row a run of `compare`.
        complete: The same for the complete trainings, one row a network and data set.
    """
    datasets = list(dict.fromkeys(runs["dataset"]))
    counts = {"trainable": "trainable parameters", "connections": "connections"}
    panels = list(itertools.product(datasets, counts))
    figure, axes = _panels(len(panels), (4, 2.4), 2, margin=(0, 0.5))
    points = {}
    for ax, (dataset, count) in zip(axes, panels, strict=True):
        best = complete[complete["dataset"] == dataset.removesuffix("-sample")]
        own = pd.concat([best, runs[runs["dataset"] == dataset]])
        own = own.assign(error=_errors(own["test_accuracy"]))
        for index, (_, run) in enumerate(own.iterrows()):
            full, color = index < len(best), NETWORK_COLORS[run["network"]]
            training = "complete training" if full else f"{run['epochs']} epochs"
            if run["recipe"] == "note-002":
                training = "as in study note 002"
            elif run["recipe"].endswith("-short"):
                training = "short training"
            style = {"marker": "D" if run["recipe"] == "note-002" else "o"}
            style |= {"linestyle": "", "markersize": 8 if full else 6}
            style |= {"color": color, "mfc": color if full else "none"}
            (point,) = ax.plot(run[count], run["error"], **style)
            points.setdefault(f"{NETWORK_TITLES[run['network']]}: {training}", point)
        ax.set_xlim(0, 1.25 * own[count].max())
        ax.set_ylim(0, 1.15 * own["error"].max())
        ax.set(title=DATASET_TITLES[dataset], xlabel=counts[count])
        ax.set_ylabel("test error, %")
        ax.locator_params(axis="x", nbins=5)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.grid(color="0.93")
    place = {"loc": "outside lower center", "ncols": 3, "fontsize": 8}
    figure.legend(points.values(), points, **place)
    return figure


PAPER_STYLE = {"color": "0.35", "linestyle": "--", "linewidth": 1.2, "zorder": 3}
PAPER_RATE_RANGE = (7e-5, 0.016)  # in the first pass, section III-B


@_figure
def rates(rates_by_layer, paper=PAPER_RATE_RANGE):
    """Draws how the learning rates of the weights are spread, a row a layer.

    Args:
        rates_by_layer: Dictionary from a layer's name to the rates of its weights.
        paper: Lowest and highest rate that the paper states, drawn as a band.
    """
    count = len(rates_by_layer)
    figure, axes = _panels(count, (7, 0.6), columns=1, margin=(0, 0.8), sharex=True)
    every = np.concatenate([np.ravel(values) for values in rates_by_layer.values()])
    low, high = np.log10([min(every.min(), *paper), max(every.max(), *paper)])
    bins = np.logspace(low - 0.2, high + 0.2, 60)
    for ax, (name, values) in zip(axes, rates_by_layer.items(), strict=True):
        ax.axvspan(*paper, color="0.93")
        ax.hist(np.ravel(values), bins, color=BLUE)
        ax.set(xscale="log", yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.spines["left"].set_visible(False)
    label = "learning rate of a weight; grey: the paper's range in its first epoch"
    axes[-1].set_xlabel(label)
    return figure


@_figure
def kernels(values, titles=None):
    """Draws what each weight of a convolution has, dark for much of it.

    Args:
        values: Array of shape `(height, width, kernels)`, 0 or more: curvatures, or
            rates.
        titles: Optional text above each kernel.
    """
    figure, axes = _panels(values.shape[-1], (1.3, 1.8), margin=(0.9, 0))
    for index, ax in enumerate(axes):
        picture = ax.imshow(values[..., index], vmin=0, vmax=values.max())
        ax.set(xticks=[], yticks=[])
        ax.set_title("" if titles is None else titles[index])
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return figure


@_figure
def errors_by_epoch(history, paper):
    """Draws training and test errors by epoch over those of the paper's Figure 5.

    Args:
        history: `pandas.DataFrame` with one row an epoch of a run, as
            `lenet_keras.study.results.load_history` returns it.
        paper: The rows of the paper's Figure 5.
    """
    panels = {
        "test error, %": ("test_accuracy", "test_error_percent"),
        "training error on the fly, %": ("train_accuracy", "train_error_percent"),
    }
    ticks = [0.2, 0.5, 1, 2, 5]
    figure, axes = _panels(2, (5, 3.8), sharey=True)
    for ax, (title, (ours, theirs)) in zip(axes, panels.items(), strict=True):
        for seed, run in history.groupby("seed"):
            label = "ours, a line a seed" if seed == history["seed"].min() else None
            errors = _errors(run[ours])
            ax.plot(run["epoch"], errors, color=BLUE, alpha=0.6, label=label)
        ax.plot(paper["x"], paper[theirs], label="the paper's", **PAPER_STYLE)
        ax.set(title=title, xlabel="epoch", yscale="log", xticks=range(0, 21, 5))
        ax.set_yticks(ticks, ticks)
        ax.minorticks_off()
        ax.grid(axis="y", color="0.9")
    axes[0].legend()
    return figure


@_figure
def errors_by_train_size(runs, paper):
    """Draws the final errors by training-set size over the paper's Figure 6.

    Args:
        runs: `pandas.DataFrame` with one row a run of the recipes `lenet5-mnist` and
            `lenet5-mnist-distorted`.
        paper: The rows of the paper's Figure 6.
    """
    figure, ax = plt.subplots(figsize=(6, 3.6))
    for recipe, title, mark in (
        ("lenet5-mnist", "ours", "o"),
        ("lenet5-mnist-distorted", "ours, with distortions", "^"),
    ):
        own = runs[runs["recipe"] == recipe]
        x, errors = own["train_images"], _errors(own["test_accuracy"])
        ax.plot(x, errors, mark, color=BLUE, alpha=0.6, label=title)
    distorted = paper["train_error_percent"].isna()
    plain, bent = paper[~distorted], paper[distorted]
    squares = PAPER_STYLE | {"marker": "s", "mfc": "none"}
    triangles = PAPER_STYLE | {"marker": "v", "mfc": "white", "linestyle": ""}
    label = "the paper's, with distortions"
    ax.plot(plain["x"], plain["test_error_percent"], label="the paper's", **squares)
    ax.plot(bent["x"], bent["test_error_percent"], label=label, **triangles)
    ax.set(xlabel="training digits", ylabel="test error, %", ylim=(0, None))
    ax.set_xticks(sorted(set(plain["x"])))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.grid(axis="y", color="0.9")
    ax.legend()
    return figure


@_figure
def classifiers(errors, ours=()):
    """Draws the test errors of classifiers as bars, the best at the top.

    Args:
        errors: `pandas.Series` of percentages by name.
        ours: Names of those that are drawn in colour.
    """
    errors = errors.sort_values()
    colors = [BLUE if name in ours else "0.75" for name in errors.index]
    figure, ax = plt.subplots(figsize=(8, 0.24 * len(errors) + 0.6))
    bars = ax.barh(errors.index, errors, color=colors)
    ax.bar_label(bars, fmt="{:.2f}", fontsize=8, padding=2)
    ax.invert_yaxis()
    ax.margins(y=0.01)
    ax.set_xlabel("test error, %")
    ax.tick_params(axis="y", labelsize=8)
    return figure


@_figure
def rejection_curves(curves, references=()):
    """Draws the error among the patterns that are not rejected, by rejected share.

    Args:
        curves: Dictionary from a title to a pair: percentages rejected, and errors
            among the rest, in percent of the rest.
        references: Triples: a title, percentage rejected and error, drawn as points.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.8))
    for title, (rejected, error) in curves.items():
        ax.plot(rejected, error, label=title)
    for title, rejected, error in references:
        ax.plot(rejected, error, "o", color="0.35")
        place = {"xytext": (6, 6), "textcoords": "offset points"}
        label = ax.annotate(title, (rejected, error), **place)
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    ax.axhline(0.5, color="0.8", linewidth=0.8)
    ax.set(xlabel="rejected, %", ylabel="error, %", xlim=(-0.1, 5), ylim=(0, None))
    ax.grid(axis="y", color="0.93")
    ax.legend()
    return figure


@_figure
def signals(outputs):
    """Draws how far a signal gets before the first update, layer by layer.

    Args:
        outputs: `pandas.DataFrame` with a row a layer and a column a network: by how
            much a unit's output differs between patterns.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.4))
    for color, title, column in _colored(outputs, ("0.35", BLUE, ORANGE)):
        ax.plot(column, marker="o", label=title, color=color)
    ax.set(yscale="log", ylabel="standard deviation\nbetween patterns")
    ax.grid(axis="y", color="0.9")
    ax.legend()
    return figure


@_figure
def rate_ranges(trials, paper=PAPER_RATE_RANGE):
    """Draws the weights' first learning rates under interpretations of the paper.

    Args:
        trials: `pandas.DataFrame` with a row an interpretation:
            `lowest_learning_rate`, `median_learning_rate`, `highest_learning_rate`,
            and `failure`, empty where it trained.
        paper: Lowest and highest rate that the paper states, drawn as a band.
    """
    figure, ax = plt.subplots(figsize=(7.5, 0.26 * len(trials) + 0.9))
    ax.axvspan(*paper, color="0.93")
    colors = {True: "0.6", False: BLUE}
    titles = {True: "saturates", False: "trains"}
    rows = trials.assign(row=range(len(trials)), failed=trials["failure"] != "")
    for failed, group in rows.groupby("failed"):
        style = {"color": colors[failed], "zorder": 2}
        low, high = group["lowest_learning_rate"], group["highest_learning_rate"]
        ax.hlines(group["row"], low, high, **style)
        median = group["median_learning_rate"]
        ax.scatter(median, group["row"], label=titles[failed], **style)
    ax.set_ylim(len(trials) - 0.5, -0.5)
    ax.set(xscale="log", yticks=range(len(trials)), yticklabels=trials.index)
    label = "lowest, median, highest learning rate of a weight; grey: the paper's range"
    ax.set_xlabel(label)
    ax.legend(loc="upper left")
    return figure


@_figure
def ladder(rungs_by_dataset, compared_with="the rung before"):
    """Draws what a change does, such as the rungs from 1998 to today: a row a change.

    A pale point is a run, the strong one the mean with its 95 % interval: full where it
    differs from what it is compared with by the paired interval, hollow where it does
    not. Each data set has a panel.

    Args:
        rungs_by_dataset: Dictionary from a data set's name to its rungs, as
            `lenet_keras.study.results.rungs` returns them.
        compared_with: What that is, in words.
    """
    first = next(iter(rungs_by_dataset.values()))
    size = (4.2, 0.34 * len(first))
    figure, axes = _panels(len(rungs_by_dataset), size, margin=(2.6, 1.2), sharey=True)
    for ax, (dataset, rungs) in zip(axes, rungs_by_dataset.items(), strict=True):
        ax.grid(axis="x", color="0.9")
        for height, (_, rung) in enumerate(rungs.iterrows()):
            _rung(ax, height, rung)
        ax.axhline((~rungs["is_baseline"]).sum() - 0.5, color="0.7", linewidth=0.8)
        ax.set_title(f"{DATASET_TITLES[dataset]}: test error, %")
        ax.set_xlabel(f"blue: better than {compared_with}, red: worse", fontsize=8)
    axes[0].set_yticks(range(len(first)), first["change"])
    axes[0].set_ylim(len(first) - 0.5, -0.5)
    return figure


def _rung(ax, height, rung):
    if isinstance(rung.get("note"), str):
        across = ax.get_yaxis_transform()  # along the axes, whatever their errors
        ax.text(0.5, height, rung["note"], transform=across, color="0.5", va="center")
        return
    color, filled = RUNG_STYLES[_verdict(rung)]
    heights = [height] * len(rung["errors"])
    ax.plot(rung["errors"], heights, "o", color=color, markersize=3, alpha=0.4)
    ax.plot([rung["error_low"], rung["error_high"]], [height] * 2, color=color)
    ax.plot(rung["error"], height, "o", color=color, mfc=color if filled else "white")


def _verdict(rung):
    if pd.isna(rung.get("difference")):
        return "compared with nothing"
    if not rung["is_difference"]:
        return "no difference"
    return "worse" if rung["difference"] > 0 else "better"


# Networks that are compared on perturbed digits, by recipe: title, color and line.
CLAIMED_STYLES = {
    "loss-9": ("LeNet-5 (1998)", BLUE, "-"),
    "loss-9-noise": ("LeNet-5, noise in training", BLUE, ":"),
    "lenet5_modern-adam": ("modern variant", ORANGE, "-"),
    "lenet5_modern-adam-noise": ("modern, noise in training", ORANGE, ":"),
    "fc-300": ("28x28-300-10", "0.6", "-"),
    "fc-300-100": ("28x28-300-100-10", "0.35", "-"),
    "fc-60000": ("28x28-75-10", "0.35", "--"),
}
PERTURBATION_UNITS = {
    "shift right": "pixels",
    "shift down": "pixels",
    "scale": "factor",
    "rotation": "degrees, counter-clockwise",
    "squeeze": "factor, wider and lower",
    "noise": "fraction of the pixels",
}


@_figure
def perturbed(table):
    """Draws accuracy against how much was done to the digits, a panel a perturbation.

    Args:
        table: `pandas.DataFrame` with the columns `recipe`, `seed`, `perturbation`,
            `amount` and `accuracy`; a line is the mean over the seeds.
    """
    kinds = list(dict.fromkeys(table["perturbation"]))
    columns = min(3, len(kinds))
    size = (max(3.7, 5 / columns), 3)
    figure, axes = _panels(len(kinds), size, columns, sharey=True)
    for ax, kind in zip(axes, kinds, strict=True):
        of_kind = table[table["perturbation"] == kind]
        for recipe, own in of_kind.groupby("recipe", sort=False):
            title, color, line = CLAIMED_STYLES[recipe]
            mean = 100 * own.groupby("amount")["accuracy"].mean()
            ax.plot(mean, color=color, linestyle=line, label=title)
        if kind in ("scale", "squeeze"):
            ax.set_xscale("log")
            ticks = [0.5, 0.7, 1, 1.4, 2]
            ax.set_xticks(ticks, ticks)
            ax.minorticks_off()
        ax.grid(color="0.9")
        ax.set_title(kind)
        ax.set_xlabel(PERTURBATION_UNITS[kind], fontsize=8)
    for ax in axes[::columns]:
        ax.set_ylabel("right, %")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


@_figure
def growth(tables):
    """Draws parameters and connections against the size of the image.

    Args:
        tables: Dictionary from a title to what `lenet_keras.counts.growth` returns.
    """
    figure, axes = _panels(2, (4.5, 3.4), sharex=True)
    counts = {"trainable": "parameters", "connections": "connections"}
    for ax, (column, count) in zip(axes, counts.items(), strict=True):
        for color, title, table in _colored(tables):
            counts = table.to_pandas()[column]
            ax.plot(counts, "o-", ms=4, color=color, label=title)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(list(table), list(table))
        ax.set_xlabel("side of the image, pixels", fontsize=8)
        ax.set_title(count)
        ax.grid(color="0.9")
    axes[0].legend(fontsize=8)
    return figure


@_figure
def pairs(before, after, titles):
    """Draws the runs of two recipes, each seed's two joined by a line.

    Args:
        before: `pandas.Series` of test errors in percent, indexed by seed.
        after: The same of the other recipe.
        titles: The two recipes' titles.
    """
    figure, ax = plt.subplots(figsize=(4.2, 3.4))
    for seed, error in before.items():
        ax.plot(titles, [error, after[seed]], marker="o", color="0.4", linewidth=1)
        ax.text(1.06, after[seed], f"seed {seed}", fontsize=8, va="center")
    ax.set_xlim(-0.3, 1.5)
    ax.set_ylabel("test error, %")
    ax.grid(axis="y", color="0.9")
    return figure


@_figure
def rate_grids(runs, titles):
    """Draws the held-out error at each learning rate, a panel a recipe.

    Args:
        runs: `pandas.DataFrame` with one row a run on held-out images, as
            `lenet_keras.study.results.load` returns it; what diverged is left out.
        titles: Dictionary from recipe to title, in the order of the panels.
    """
    datasets, columns = list(dict.fromkeys(runs["dataset"])), len(titles)
    count = len(datasets) * columns
    figure, axes = _panels(count, (0.9, 2.2), columns, margin=(0.8, 0), sharey="row")
    for row, dataset in zip(axes.reshape(-1, columns), datasets, strict=True):
        row[0].set_ylabel(f"{DATASET_TITLES[dataset]}\nheld-out error, %")
        for ax, (recipe, title) in zip(row, titles.items(), strict=True):
            chosen = (runs["dataset"] == dataset) & (runs["recipe"] == recipe)
            accuracies = runs[chosen].set_index("learning_rate")["held_out_accuracy"]
            errors = _errors(accuracies.dropna().sort_index())
            ax.plot(errors, marker="o", color="0.4", markersize=4)
            if len(errors):
                ax.plot(errors.idxmin(), errors.min(), "o", color=ORANGE)
                ax.set_xscale("log")
                ax.set_xticks(errors.index, errors.index, rotation=90)
            else:
                ax.set_axis_off()
            ax.minorticks_off()
            ax.tick_params(axis="x", labelsize=7)
            if dataset == datasets[0]:
                ax.set_title(title.replace(" ", "\n"), fontsize=7)
    return figure


@_figure
def timeline(table):
    """Draws parameters, connections and multiply-adds of networks by their year.

    Args:
        table: `pandas.DataFrame`, as `lenet_keras.study.family.timeline` returns it.
    """
    counts = {
        "parameters": "parameters",
        "connections": "connections",
        "multiply_adds": "multiply-adds an image",
    }
    figure, axes = _panels(3, (11 / 3, 3.2), sharey=True)
    heights = np.arange(len(table))
    for ax, (count, title) in zip(axes, counts.items(), strict=True):
        published = table[f"published_{count}"]
        ring = {"mfc": "none", "markersize": 10, "color": RED}
        ax.plot(table[count], heights, "o", color=BLUE, label="counted")
        ax.plot(published, heights, "o", label="published", **ring)
        ax.set_xscale("log")
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
        ax.set_title(title)
    labels = [f"{name} ({year})" for name, year in table["year"].items()]
    axes[0].set_yticks(heights, labels)
    axes[0].invert_yaxis()
    axes[0].legend(fontsize=8)
    return figure


@_figure
def stacks(counted, claimed):
    """Draws the weights of five 3x3 convolutions and of the 11x11 in their place.

    Args:
        counted: Dictionary from the filters, as a multiple of the maps before them, to
            the weights of the five and of the one.
        claimed: Multiple at which a text says that they are as many.

    Raises:
        ValueError: If the lines do not cross between the multiples.
    """
    multiples = list(counted)
    five, one = (np.array(weights) for weights in zip(*counted.values(), strict=True))
    if not (five / one).min() <= 1 <= (five / one).max():
        raise ValueError(
            "Expected multiples on both sides of the crossing. "
            f"Received: {multiples[0]} to {multiples[-1]}"
        )
    cross = crossing(pd.Series(-five / one, multiples), -1)
    figure, ax = plt.subplots(figsize=(6, 3.2))
    ax.plot(multiples, five, "o-", markersize=3, color=BLUE, label="five 3x3")
    ax.plot(multiples, one, "o-", markersize=3, color=ORANGE, label="one 11x11")
    ax.axvline(cross, color="0.3", linewidth=0.8)
    ax.axvline(claimed, color="0.6", linewidth=0.8, linestyle="--")
    top = max(five.max(), one.max())
    ax.text(cross, top, f"{cross:.2f} ", ha="right", va="top", fontsize=8)
    ax.text(claimed, top, f" {claimed} claimed", color="0.5", va="top", fontsize=8)
    ax.set_xlabel("filters, as a multiple of the maps before them")
    ax.set_ylabel("weights")
    ax.legend(fontsize=8, loc="lower right")
    return figure


@_figure
def training_errors(history, titles, level):
    """Draws the training error against the epoch, and a level that it falls below.

    Args:
        history: `pandas.DataFrame` with the columns `recipe`, `seed`, `epoch` and
            `train_accuracy`; a pale line is a run, the strong one the mean.
        titles: Dictionary from a recipe to what it is called.
        level: Error, in percent.
    """
    figure, ax = plt.subplots(figsize=(6, 3.4))
    for color, recipe, title in _colored(titles):
        own = history[history["recipe"] == recipe]
        errors = _errors(own.set_index(["epoch", "seed"])["train_accuracy"])
        by_seed = errors.unstack("seed")
        ax.plot(by_seed, color=color, alpha=0.3, linewidth=0.8)
        ax.plot(by_seed.mean(axis=1), color=color, label=title)
    ax.axhline(level, color="0.4", linewidth=0.8, linestyle="--")
    ax.set(xlabel="epoch", ylabel="training error on the fly, %", ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize=8)
    return figure
