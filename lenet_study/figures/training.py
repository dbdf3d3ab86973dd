"""Figures of training: errors by epoch, learning rates, and the first signals."""

import itertools

import numpy as np

from lenet_study.figures import style
from lenet_study.results import DATASET_TITLES, NETWORK_TITLES

PAPER = {"color": "0.35", "ls": "--", "lw": 1.2, "zorder": 3, "label": "the paper's"}
PAPER_RATE_RANGE = (7e-5, 0.016)  # in the first epoch, section III-B


@style.drawing
def learning_curves(histories):
    """Draws the training and the test error against the epoch.

    Args:
        histories: Dictionary from a network's name to the history of its
            `lenet_study.training.train.Result`.
    """
    for ax, model, history in style.each_panel(histories, (4.5, 3.2), sharey=True):
        ax.set_prop_cycle(color=[style.NETWORK_COLORS[model]])
        errors = 100 * (1 - history[["train_accuracy", "test_accuracy"]])
        train, test = ax.plot(errors, "o-")
        train.set(linestyle="--", alpha=0.5, label="training images, on the fly")
        test.set_label("test images, after the epoch")
        ax.set(title=NETWORK_TITLES[model], xlabel="epoch", xticks=history.index)
        ax.legend()
    ax.figure.axes[0].set(ylim=(0, None), ylabel="error, %")


@style.drawing
def training_errors(history, titles, level):
    """Draws the training error against the epoch, and a level that it falls below.

    Args:
        history: `pandas.DataFrame` with the columns `recipe`, `seed`, `epoch` and
            `train_error`; a pale line is a run, the strong one the mean.
        titles: Dictionary from a recipe to its title; the first one is that of the
            modern variant.
        level: Error, in percent.
    """
    ax = style.panel(6, 3.4)
    colors = itertools.cycle([style.ORANGE, style.GREEN, style.PINK])
    for (recipe, title), color in zip(titles.items(), colors, strict=False):
        own = history[history["recipe"] == recipe]
        errors = own.pivot(index="epoch", columns="seed", values="train_error")
        ax.plot(errors, color=color, alpha=0.3, linewidth=0.8)
        ax.plot(errors.mean(axis=1), color=color, label=title)
    ax.axhline(level, color="0.4", linewidth=0.8, linestyle="--")
    ax.set(xlabel="epoch", ylabel="training error on the fly, %", ylim=(0, None))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()


@style.drawing
def errors_by_epoch(history, paper):
    """Draws training and test errors by epoch over those of the paper's Figure 5.

    Args:
        history: `pandas.DataFrame` with one row an epoch of a run, as
            `lenet_study.results.load_history` returns it.
        paper: The rows of the paper's Figure 5.
    """
    titles = {"test": "test error, %", "train": "training error on the fly, %"}
    for ax, kind, title in style.each_panel(titles, (5, 3.8), sharey=True):
        errors = history.pivot(index="epoch", columns="seed", values=f"{kind}_error")
        ours = ax.plot(errors, color=style.BLUE, alpha=0.6)
        ours[0].set_label("ours, a line a seed")
        ax.plot(paper["x"], paper[f"{kind}_error_percent"], **PAPER)
        ax.set(title=title, xlabel="epoch", xticks=range(0, 21, 5))
        style.log_ticks(ax.yaxis, [0.2, 0.5, 1, 2, 5])
    ax.figure.axes[0].legend()


@style.drawing
def errors_by_train_size(runs, paper):
    """Draws the final errors by training-set size over the paper's Figure 6.

    Args:
        runs: `pandas.DataFrame` with one row a run of the recipes `lenet5-mnist` and
            `lenet5-mnist-distorted`.
        paper: The rows of the paper's Figure 6.
    """
    ours = runs.set_index(["recipe", "train_images"])["test_error"]
    distorted = paper["train_error_percent"].isna().rename("distorted")
    theirs = paper.set_index([distorted, "x"])["test_error_percent"]
    points = PAPER | {"ls": "", "label": "the paper's, with distortions"}

    def aside(digits):
        return digits + 2_000

    ax = style.panel(6, 3.6, xlabel="training digits", ylabel="test error, %")
    ax.plot(ours["lenet5-mnist"], "o", color=style.BLUE, alpha=0.6, label="ours")
    distortions = ours["lenet5-mnist-distorted"].rename(aside)
    ax.plot(
        distortions, "^", color=style.BLUE, alpha=0.6, label="ours, with distortions"
    )
    ax.plot(theirs[False], marker="s", mfc="none", **PAPER)
    ax.plot(theirs[True].rename(aside), marker="v", mfc="white", **points)
    ax.set(xticks=theirs[False].index, ylim=(0, None))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.legend()


@style.drawing
def signals(outputs):
    """Draws how far a signal gets before the first update, layer by layer.

    Args:
        outputs: `pandas.DataFrame` with a row a layer and a column a network: the
            standard deviation of a unit's output between patterns.
    """
    label = "standard deviation\nbetween patterns"
    ax = style.panel(6.5, 3.4, yscale="log", ylabel=label)
    ax.set_prop_cycle(color=["0.35", style.BLUE, style.GREEN])
    ax.plot(outputs, "o-", label=outputs.columns)
    ax.legend()


@style.drawing
def rates(rates_by_layer):
    """Draws the distribution of the weights' learning rates, a row a layer.

    Args:
        rates_by_layer: Dictionary from a layer's name to the rates of its weights.
    """
    layers = {name: np.ravel(values) for name, values in rates_by_layer.items()}
    every = np.log10(np.concatenate([*layers.values(), PAPER_RATE_RANGE]))
    bins = np.logspace(every.min() - 0.2, every.max() + 0.2, 60)
    size = {"size": (7, 0.6), "columns": 1, "margin": (0, 0.8)}
    for ax, name, values in style.each_panel(layers, **size, sharex=True):
        ax.axvspan(*PAPER_RATE_RANGE, color="0.93")
        ax.hist(values, bins, color=style.BLUE)
        ax.set(xscale="log", yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.spines["left"].set_visible(False)
    label = "learning rate of a weight; grey: the paper's range in its first epoch"
    ax.set_xlabel(label)


@style.drawing
def rate_ranges(trials):
    """Draws the weights' first learning rates under interpretations of the paper.

    Args:
        trials: `pandas.DataFrame` with a row an interpretation:
            `lowest_learning_rate`, `median_learning_rate`, `highest_learning_rate`;
            `failure`, empty where it trained; and `error_2`, the error in percent
            after two epochs.
    """
    label = "lowest, median, highest learning rate of a weight; grey: the paper's range"
    ax = style.panel(7.5, 0.26 * len(trials) + 0.9, xscale="log", xlabel=label)
    ax.axvspan(*PAPER_RATE_RANGE, color="0.93")
    rates = trials.filter(like="_learning_rate").assign(row=range(len(trials)))
    outcome = np.digitize(trials["error_2"], [5, 99], right=True)  # of NaN the last
    looks = [
        ("below 5 % errors after two epochs", style.BLUE, style.BLUE),
        ("5 to 70 %", style.BLUE, "white"),
        ("saturates", "0.6", "0.6"),
    ]
    for place, own in rates.groupby(outcome):
        title, color, fill = looks[place]
        low, high = own["lowest_learning_rate"], own["highest_learning_rate"]
        ax.hlines(own["row"], low, high, color=color)
        point = {"edgecolor": color, "color": fill, "label": title, "zorder": 3}
        ax.scatter("median_learning_rate", "row", data=own, **point)
    style.rows(ax, trials.index)
    ax.legend(loc="upper left")


@style.drawing
def rate_grids(runs, recipes):
    """Draws the held-out error at each learning rate, a panel a recipe.

    Args:
        runs: `pandas.DataFrame` with one row a run on held-out images of one data set,
            as `lenet_study.results.load` returns it; what diverged is left out.
        recipes: Names of the recipes, in the order of the panels.
    """
    errors = runs.set_index(["recipe", "learning_rate"])["held_out_error"].dropna()
    by_recipe = {name: errors[name].sort_index() for name in recipes}
    size = {"size": (0.9, 2.2), "margin": (0.8, 0), "sharey": True}
    for ax, recipe, own in style.each_panel(by_recipe, **size):
        ax.set_title(recipe, fontsize=7)
        ax.plot(own, "o-", color="0.4", markersize=4)
        ax.plot(own.idxmin(), own.min(), "o", color=style.BLUE)
        style.log_ticks(ax.xaxis, own.index, rotation=90, fontsize=7)
    dataset = DATASET_TITLES[runs["dataset"].iloc[0]]
    ax.figure.axes[0].set_ylabel(f"{dataset}\nheld-out error, %")
    ax.figure.supxlabel("learning rate", fontsize=9)
