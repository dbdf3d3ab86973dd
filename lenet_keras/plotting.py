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

MODEL_TITLES = {"lenet5": "LeNet-5 (1998)", "lenet5_modern": "modern variant"}
MODEL_COLORS = {"lenet5": "#1f5a8a", "lenet5_modern": "#d9722e"}
SERIES_COLORS = ("#1f5a8a", "#d9722e", "#4d9a5b", "0.4")
DATASET_TITLES = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "cifar10-sample": "CIFAR-10 sample",
}
# Against what it is compared with: the color, and whether the point is full.
RUNG_STYLES = {
    "compared with nothing": ("0.25", True),
    "no difference": ("0.45", False),
    "better": ("#1f5a8a", True),
    "worse": ("#c0392b", True),
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


@_figure
def images(images, titles=None, columns=10):
    """Draws images in a grid.

    Args:
        images: Array of shape `(n, height, width)`, `(n, height, width, 1)` or
            `(n, height, width, 3)`; grey ones are drawn dark on light.
        titles: Optional sequence of `n` titles.
        columns: Images a row.
    """
    rows = math.ceil(len(images) / columns)
    height = 1.05 if titles is None else 1.45
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 1.05, rows * height), squeeze=False
    )
    for ax in axes.flat[len(images) :]:
        ax.axis("off")
    for index, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
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
    for (title, function), color in zip(
        functions.items(), MODEL_COLORS.values(), strict=False
    ):
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
    figure, axes = plt.subplots(1, len(fields), figsize=(1.9 * len(fields), 2.2))
    for ax, (name, side) in zip(axes, fields.items(), strict=True):
        ax.imshow(image, alpha=0.6)
        corner = (image.shape[0] - side) // 2
        ax.add_patch(
            plt.Rectangle(
                (corner - 0.5, corner - 0.5),
                side,
                side,
                fill=False,
                edgecolor=MODEL_COLORS["lenet5_modern"],
                linewidth=2.5,
                clip_on=False,
            )
        )
        ax.set(title=f"{name}: {side}x{side}", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


@_figure
def connection_table(table, input_name="S2", output_name="C3"):
    """Draws a connection table: a column for each output map, marks where it looks.

    Args:
        table: One entry an output map: the indices of its input maps.
        input_name: Name of the layer that is looked at.
        output_name: Name of the layer that looks.
    """
    links = np.zeros((max(map(max, table)) + 1, len(table)))
    for output_map, entry in enumerate(table):
        links[list(entry), output_map] = len(entry)
    figure, ax = plt.subplots(figsize=(0.42 * len(table) + 0.6, 0.42 * len(links) + 1))
    most = links.max()
    shades = {"cmap": "Blues", "vmin": most / 6, "vmax": most * 4 / 3}
    ax.imshow(np.where(links, links, np.nan), **shades)
    ax.set(
        xticks=range(links.shape[1]),
        yticks=range(links.shape[0]),
        xlabel=f"map of {output_name}",
        ylabel=f"map of {input_name}",
    )
    ax.set_xticks(np.arange(links.shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(links.shape[0] + 1) - 0.5, minor=True)
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
    rows = math.ceil(len(codes) / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(0.55 * columns, 1.1 * rows), squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, code, title in zip(axes.flat, codes, titles, strict=False):
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
    figure, axes = plt.subplots(
        len(maps), columns, figsize=(0.62 * columns, 0.8 * len(maps)), squeeze=False
    )
    for row, (name, answer) in zip(axes, maps.items(), strict=True):
        for index, ax in enumerate(row):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
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
    colors[right] = MODEL_COLORS["lenet5"]
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
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    height = 0.8 / len(tables)
    for ax, column in zip(axes, ("trainable", "connections"), strict=True):
        for index, (model, table) in enumerate(tables.items()):
            total = table.loc["total", column]
            ax.barh(
                np.arange(len(names)) + index * height,
                table.loc[names, column],
                height=height,
                align="edge",
                color=MODEL_COLORS[model],
                label=f"{MODEL_TITLES[model]}: {total:,}",
            )
        ax.set(xscale="symlog", xlim=(0, 1e6))
        ax.set_yticks(np.arange(len(names)) + 0.4, names)
        ax.set_title("trainable parameters" if column == "trainable" else column)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12))
    axes[0].invert_yaxis()
    return figure


@_figure
def learning_curves(histories):
    """Draws the training and the test error against the pass.

    Args:
        histories: Dictionary from a network's name to the history of its
            `lenet_keras.experiments.Run`.
    """
    figure, axes = plt.subplots(
        1,
        len(histories),
        figsize=(4.5 * len(histories), 3.2),
        sharey=True,
        squeeze=False,
    )
    for ax, (model, history) in zip(axes[0], histories.items(), strict=True):
        color = MODEL_COLORS[model]
        passes = history.index
        ax.plot(
            passes,
            100 * (1 - history["train_accuracy"]),
            "o--",
            color=color,
            alpha=0.5,
            label="training images, on the fly",
        )
        ax.plot(
            passes,
            100 * (1 - history["test_accuracy"]),
            "o-",
            color=color,
            label="test images, after the pass",
        )
        ax.set(title=MODEL_TITLES[model], xlabel="pass", xticks=passes, ylim=(0, None))
        ax.legend()
    axes[0, 0].set_ylabel("error, %")
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
    figure, axes = plt.subplots(
        1, len(answers), figsize=(5 * len(answers), 4.8), squeeze=False
    )
    for ax, (model, given) in zip(axes[0], answers.items(), strict=True):
        counts = np.zeros((len(names), len(names)), int)
        np.add.at(counts, (labels, given), 1)
        wrong = counts - np.diag(np.diag(counts))
        ax.imshow(wrong, cmap="Reds", vmax=max(2 * wrong.max(), 1))
        for (right, answer), count in np.ndenumerate(counts):
            if count:
                weight = "bold" if right == answer else "normal"
                ax.text(
                    answer,
                    right,
                    count,
                    ha="center",
                    va="center",
                    fontsize=7,
                    weight=weight,
                )
        ax.set_xticks(
            range(len(names)), names, rotation=0 if len(str(names[0])) < 3 else 60
        )
        ax.set_yticks(range(len(names)), names)
        ax.set(xlabel="answer", ylabel="right class")
        ax.set_title(f"{MODEL_TITLES[model]}: {(labels != given).sum()} mistakes")
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
def comparison(runs):
    """Draws parameters, connections and accuracies of the runs of `compare`.

    Args:
        runs: `pandas.DataFrame` with one row a run.
    """
    datasets = list(dict.fromkeys(runs["dataset"]))
    figure, axes = plt.subplots(
        1,
        2 + len(datasets),
        figsize=(11, 3.6),
        width_ratios=[1, 1, *[1.6] * len(datasets)],
    )
    on_mnist = runs[runs["dataset"] == datasets[0]].groupby("model", sort=False).first()
    colors = [MODEL_COLORS[model] for model in on_mnist.index]
    titles = [MODEL_TITLES[model].replace(" ", "\n", 1) for model in on_mnist.index]
    for ax, column in zip(axes, ("trainable", "connections"), strict=False):
        bars = ax.bar(titles, on_mnist[column], color=colors, width=0.6)
        ax.bar_label(bars, fmt="{:,.0f}", fontsize=9)
        ax.set_title(
            "trainable\nparameters" if column == "trainable" else "connections"
        )
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    for ax, dataset in zip(axes[2:], datasets, strict=True):
        _accuracies(ax, runs[runs["dataset"] == dataset])
        ax.set_title(f"accuracy on {DATASET_TITLES[dataset]}, %")
    return figure


def _accuracies(ax, runs):
    """One row a configuration: a point a run, hollow for the training images."""
    configurations = runs.groupby(["model", "recipe"], sort=False)
    for height, ((model, _), group) in enumerate(configurations):
        style = {"linestyle": "", "marker": "o", "color": MODEL_COLORS[model]}
        rows = np.full(len(group), height)
        ax.plot(100 * group["train_accuracy"], rows - 0.12, mfc="none", **style)
        ax.plot(100 * group["test_accuracy"], rows + 0.12, **style)
    ax.set_yticks(
        range(len(configurations)),
        [f"{MODEL_TITLES[model]}\n{recipe}" for model, recipe in configurations.groups],
        fontsize=8,
    )
    ax.set_ylim(len(configurations) - 0.5, -0.5)
    ax.grid(axis="x", color="0.9")
    ax.set_xlabel("hollow: training images; full: test images", fontsize=8)


PAPER_STYLE = {"color": "0.35", "linestyle": "--", "linewidth": 1.2, "zorder": 3}
PAPER_RATES = (7e-5, 0.016)  # those of the first pass, section III-B


@_figure
def rates(rates_by_layer, paper=PAPER_RATES):
    """Draws how the weights' own rates are spread, a row a layer.

    Args:
        rates_by_layer: Dictionary from a layer's name to the rates of its weights.
        paper: Lowest and highest rate that the paper states, drawn as a band.
    """
    count = len(rates_by_layer)
    figure, axes = plt.subplots(count, 1, figsize=(7, 0.6 * count + 0.8), sharex=True)
    every = np.concatenate([np.ravel(values) for values in rates_by_layer.values()])
    low, high = np.log10([min(every.min(), *paper), max(every.max(), *paper)])
    bins = np.logspace(low - 0.2, high + 0.2, 60)
    for ax, (name, values) in zip(axes, rates_by_layer.items(), strict=True):
        ax.axvspan(*paper, color="0.93")
        ax.hist(np.ravel(values), bins, color=MODEL_COLORS["lenet5"])
        ax.set(xscale="log", yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.spines["left"].set_visible(False)
    axes[-1].set_xlabel("rate of a weight; grey: what the paper says of its first pass")
    return figure


@_figure
def kernels(values, titles=None):
    """Draws what each weight of a convolution has, dark for much of it.

    Args:
        values: Array of shape `(height, width, kernels)`, 0 or more: curvatures, or
            rates.
        titles: Optional text above each kernel.
    """
    count = values.shape[-1]
    figure, axes = plt.subplots(1, count, figsize=(1.3 * count + 0.9, 1.8))
    for index, ax in enumerate(np.atleast_1d(axes)):
        picture = ax.imshow(values[..., index], vmin=0, vmax=values.max())
        ax.set(xticks=[], yticks=[])
        ax.set_title("" if titles is None else titles[index])
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return figure


@_figure
def errors_by_pass(runs, paper):
    """Draws training and test errors by pass over those of the paper's Figure 5.

    Args:
        runs: `pandas.DataFrame` with one row a pass, as
            `lenet_keras.experiments.reproduce.load_runs` returns it.
        paper: The rows of the paper's Figure 5.
    """
    panels = {
        "test error, %": ("test_error", "test_error_percent"),
        "training error, %": ("train_error_on_the_fly", "train_error_percent"),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
    for ax, (title, (ours, theirs)) in zip(axes, panels.items(), strict=True):
        for seed, run in runs.groupby("seed"):
            label = "ours, a line a seed" if seed == runs["seed"].min() else None
            color = MODEL_COLORS["lenet5"]
            ax.plot(run["pass"], run[ours], color=color, alpha=0.6, label=label)
        ax.plot(paper["x"], paper[theirs], label="the paper's", **PAPER_STYLE)
        ax.set(title=title, xlabel="pass", yscale="log", xticks=range(0, 21, 5))
        ax.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
        ax.minorticks_off()
        ax.grid(axis="y", color="0.9")
    axes[0].legend()
    axes[1].set_title("training error on the fly, %")
    return figure


@_figure
def errors_by_train_size(runs, paper):
    """Draws the final errors by training-set size over the paper's Figure 6.

    Args:
        runs: `pandas.DataFrame` with one row a run: `train_size`, `distortions`,
            `test_error`.
        paper: The rows of the paper's Figure 6.
    """
    figure, ax = plt.subplots(figsize=(6, 3.6))
    titles = {False: "ours", True: "ours, with distortions"}
    marks = {False: "o", True: "^"}
    for distortions, group in runs.groupby("distortions"):
        ax.plot(
            group["train_size"],
            group["test_error"],
            linestyle="",
            marker=marks[distortions],
            alpha=0.6,
            color=MODEL_COLORS["lenet5"],
            label=titles[distortions],
        )
    plain = paper[paper["train_error_percent"].notna()]
    ax.plot(
        plain["x"],
        plain["test_error_percent"],
        marker="s",
        mfc="none",
        label="the paper's",
        **PAPER_STYLE,
    )
    bent = paper[paper["train_error_percent"].isna()]
    ax.plot(
        bent["x"],
        bent["test_error_percent"],
        label="the paper's, with distortions",
        **(PAPER_STYLE | {"linestyle": "", "marker": "v", "mfc": "white"}),
    )
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
    colors = [
        MODEL_COLORS["lenet5"] if name in ours else "0.75" for name in errors.index
    ]
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
        label = ax.annotate(
            title, (rejected, error), (6, 6), textcoords="offset points"
        )
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
    colors = ["0.35", *MODEL_COLORS.values()]
    for color, (title, column) in zip(colors, outputs.items(), strict=False):
        ax.plot(column.index, column, marker="o", label=title, color=color)
    ax.set(yscale="log", ylabel="standard deviation\nbetween patterns")
    ax.grid(axis="y", color="0.9")
    ax.legend()
    return figure


@_figure
def rate_ranges(readings, paper=PAPER_RATES):
    """Draws the weights' rates at the start under several readings of the recipe.

    Args:
        readings: `pandas.DataFrame` with a row a reading: `lowest_rate`,
            `median_rate`, `highest_rate`, and `failure`, empty where it trained.
        paper: Lowest and highest rate that the paper states, drawn as a band.
    """
    figure, ax = plt.subplots(figsize=(7.5, 0.26 * len(readings) + 0.9))
    ax.axvspan(*paper, color="0.93")
    colors = {True: "0.6", False: MODEL_COLORS["lenet5"]}
    titles = {True: "saturates", False: "trains"}
    rows = readings.assign(row=range(len(readings)), failed=readings["failure"] != "")
    for failed, group in rows.groupby("failed"):
        style = {"color": colors[failed], "zorder": 2}
        ax.hlines(group["row"], group["lowest_rate"], group["highest_rate"], **style)
        ax.scatter(group["median_rate"], group["row"], label=titles[failed], **style)
    ax.set_ylim(len(readings) - 0.5, -0.5)
    ax.set(xscale="log", yticks=range(len(readings)), yticklabels=readings.index)
    ax.set_xlabel(
        "lowest, median and highest rate of a weight; grey: what the paper says"
    )
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
            `lenet_keras.experiments.ladder.rungs` returns them.
        compared_with: What that is, in words.
    """
    first = next(iter(rungs_by_dataset.values()))
    figure, axes = plt.subplots(
        1,
        len(rungs_by_dataset),
        figsize=(2.6 + 4.2 * len(rungs_by_dataset), 1.2 + 0.34 * len(first)),
        sharey=True,
        squeeze=False,
    )
    for ax, (dataset, rungs) in zip(axes[0], rungs_by_dataset.items(), strict=True):
        ax.grid(axis="x", color="0.9")
        for height, (_, rung) in enumerate(rungs.iterrows()):
            _rung(ax, height, rung)
        ax.axhline((~rungs["is_baseline"]).sum() - 0.5, color="0.7", linewidth=0.8)
        ax.set_title(f"{DATASET_TITLES[dataset]}: test error, %")
        ax.set_xlabel(f"blue: better than {compared_with}, red: worse", fontsize=8)
    axes[0, 0].set_yticks(range(len(first)), first["change"])
    axes[0, 0].set_ylim(len(first) - 0.5, -0.5)
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
TRIED_STYLES = {
    "loss-9": ("LeNet-5 (1998)", "#1f5a8a", "-"),
    "loss-9-noise": ("LeNet-5, noise in training", "#1f5a8a", ":"),
    "lenet5_modern-adam": ("modern variant", "#d9722e", "-"),
    "lenet5_modern-adam-noise": ("modern, noise in training", "#d9722e", ":"),
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
    rows = math.ceil(len(kinds) / columns)
    size = (max(5, 3.7 * columns), 3 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for ax in axes.flat[len(kinds) :]:
        ax.axis("off")
    for ax, kind in zip(axes.flat, kinds, strict=False):
        of_kind = table[table["perturbation"] == kind]
        for recipe in dict.fromkeys(of_kind["recipe"]):
            title, color, line = TRIED_STYLES[recipe]
            own = of_kind[of_kind["recipe"] == recipe]
            mean = 100 * own.groupby("amount")["accuracy"].mean()
            ax.plot(mean.index, mean, color=color, linestyle=line, label=title)
        if kind in ("scale", "squeeze"):
            ax.set_xscale("log")
            ticks = [0.5, 0.7, 1, 1.4, 2]
            ax.set_xticks(ticks, ticks)
            ax.minorticks_off()
        ax.grid(color="0.9")
        ax.set_title(kind)
        ax.set_xlabel(PERTURBATION_UNITS[kind], fontsize=8)
    for ax in axes[:, 0]:
        ax.set_ylabel("right, %")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


@_figure
def growth(tables):
    """Draws parameters and connections against the size of the image.

    Args:
        tables: Dictionary from a title to what `lenet_keras.counts.growth` returns.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True)
    for ax, column in zip(axes, ("trainable", "connections"), strict=True):
        for (title, table), color in zip(tables.items(), SERIES_COLORS, strict=False):
            ax.plot(table.index, table[column], "o-", ms=4, color=color, label=title)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(table.index, table.index)
        ax.set_xlabel("side of the image, pixels", fontsize=8)
        ax.set_title("parameters" if column == "trainable" else column)
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
    """Draws how well each rate did on held-out images, a line a recipe.

    Args:
        runs: `pandas.DataFrame` with one row a run on held-out images, as
            `lenet_keras.experiments.sweep.load` returns it; what diverged is left out.
        titles: Dictionary from recipe to title, in the order of the panels.
    """
    datasets = list(dict.fromkeys(runs["dataset"]))
    figure, axes = plt.subplots(
        len(datasets),
        len(titles),
        figsize=(0.9 * len(titles) + 0.8, 2.2 * len(datasets)),
        sharey="row",
        squeeze=False,
    )
    for row, dataset in zip(axes, datasets, strict=True):
        row[0].set_ylabel(f"{DATASET_TITLES[dataset]}\nheld-out error, %")
        for ax, (recipe, title) in zip(row, titles.items(), strict=True):
            chosen = (runs["dataset"] == dataset) & (runs["recipe"] == recipe)
            own = (
                runs[chosen]
                .sort_values("learning_rate")
                .dropna(subset="held_out_accuracy")
            )
            errors = 100 * (1 - own["held_out_accuracy"])
            ax.plot(own["learning_rate"], errors, marker="o", color="0.4", markersize=4)
            if len(own):
                best = errors.idxmin()
                ax.plot(own["learning_rate"][best], errors[best], "o", color="#d9722e")
                ax.set_xscale("log")
                ax.set_xticks(own["learning_rate"], own["learning_rate"], rotation=90)
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
        table: `pandas.DataFrame`, as `lenet_keras.family.timeline` returns it.
    """
    counts = {
        "parameters": "parameters",
        "connections": "connections",
        "multiply_adds": "multiply-adds an image",
    }
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), sharey=True)
    heights = np.arange(len(table))
    for ax, (count, title) in zip(axes, counts.items(), strict=True):
        published = table[f"published_{count}"]
        ring = {"mfc": "none", "markersize": 10, "color": "#c0392b"}
        ax.plot(table[count], heights, "o", color="#1f5a8a", label="counted")
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
    crossing = np.interp(0, five / one - 1, multiples)
    figure, ax = plt.subplots(figsize=(6, 3.2))
    ax.plot(multiples, five, "o-", markersize=3, color="#1f5a8a", label="five 3x3")
    ax.plot(multiples, one, "o-", markersize=3, color="#d9722e", label="one 11x11")
    ax.axvline(crossing, color="0.3", linewidth=0.8)
    ax.axvline(claimed, color="0.6", linewidth=0.8, linestyle="--")
    top = max(five.max(), one.max())
    ax.text(crossing, top, f"{crossing:.2f} ", ha="right", va="top", fontsize=8)
    ax.text(claimed, top, f" {claimed} claimed", color="0.5", va="top", fontsize=8)
    ax.set_xlabel("filters, as a multiple of the maps before them")
    ax.set_ylabel("weights")
    ax.legend(fontsize=8, loc="lower right")
    return figure


@_figure
def training_errors(passes, titles, level):
    """Draws the training error against the pass, and a level that it falls below.

    Args:
        passes: `pandas.DataFrame` with the columns `recipe`, `seed`, `pass` and
            `train_accuracy`; a pale line is a run, the strong one the mean.
        titles: Dictionary from a recipe to what it is called.
        level: Error, in percent.
    """
    figure, ax = plt.subplots(figsize=(6, 3.4))
    for color, (recipe, title) in zip(
        itertools.cycle(SERIES_COLORS), titles.items(), strict=False
    ):
        own = passes[passes["recipe"] == recipe]
        errors = 100 * (1 - own.set_index(["pass", "seed"])["train_accuracy"])
        by_seed = errors.unstack("seed")
        ax.plot(by_seed, color=color, alpha=0.3, linewidth=0.8)
        ax.plot(by_seed.mean(axis=1), color=color, label=title)
    ax.axhline(level, color="0.4", linewidth=0.8, linestyle="--")
    ax.set(xlabel="pass", ylabel="training error on the fly, %", ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize=8)
    return figure
