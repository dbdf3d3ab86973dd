"""Figures of the networks themselves: their functions, connections and sizes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lenet_keras.study.figures import style
from lenet_keras.study.results import NETWORK_TITLES
from lenet_keras.study.statistics import crossing


@style.drawing
def activations(functions, reach=5.0):
    """Draws activation functions over `[-reach, reach]`.

    Args:
        functions: Dictionary from a title to a function of a tensor.
        reach: Positive number.
    """
    a = np.linspace(-reach, reach, 401, dtype="float32")
    ax = style.panel(6, 3.2, xlabel="weighted sum a", ylabel="f(a)", ylim=(-2.2, 3.2))
    for title, function in functions.items():
        ax.plot(a, np.asarray(function(a)), label=title, linewidth=2)
    ax.plot([-1, 1], [-1, 1], "o", color="black", markersize=5)
    ax.axhline(0, color="0.8", zorder=0)
    ax.axvline(0, color="0.8", zorder=0)
    ax.legend(loc="upper left")


@style.drawing
def connection_table(table, input_name="S2", output_name="C3"):
    """Draws a connection table: a column for each output map, marks for its inputs.

    Args:
        table: One entry an output map: the indices of its input maps.
        input_name: Name of the layer of the input maps.
        output_name: Name of the layer of the output maps.
    """
    inputs, outputs = max(map(max, table)) + 1, len(table)
    links = np.full((inputs, outputs), np.nan)
    for output_map, entry in enumerate(table):
        links[list(entry), output_map] = len(entry)
    ax = style.panel(0.42 * outputs + 0.6, 0.42 * inputs + 1)
    most = np.nanmax(links)
    style.picture(ax, links, cmap="Blues", vmin=most / 6, vmax=most * 4 / 3)
    ax.set(xticks=range(outputs), xlabel=f"map of {output_name}")
    ax.set(yticks=range(inputs), ylabel=f"map of {input_name}")
    ax.set_xticks(np.arange(outputs + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(inputs + 1) - 0.5, minor=True)
    ax.grid(which="minor", axis="both", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)


@style.drawing
def distances(values, right):
    """Draws the distances to the ten codes as bars; the right one stands out.

    Args:
        values: Array of shape `(classes,)`.
        right: Index of the right class.
    """
    ax = style.panel(6, 2.4, xlabel="class", ylabel="squared distance")
    bars = ax.bar(range(len(values)), values, color="0.75")
    bars[right].set_color(style.BLUE)
    ax.set(title="the smallest distance wins", xticks=range(len(values)))


@style.drawing
def layer_counts(tables):
    """Draws parameters and connections of networks, layer by layer.

    Args:
        tables: Dictionary from a network's name to its
            `lenet_keras.counts.layer_table`.
    """
    names = ["C1", "S2", "C3", "S4", "C5", "F6", "output"]
    titles = {"trainable": "trainable parameters", "connections": "connections"}
    height = 0.8 / len(tables)
    for ax, column, title in style.each_panel(titles, (4.5, 3.4), sharey=True):
        style.rows(ax, names)
        for index, (model, table) in enumerate(tables.items()):
            tops = np.arange(len(names)) + index * height - 0.4
            counts = [getattr(table[name], column) for name in names]
            bars = ax.barh(tops, counts, height, align="edge")
            plt.setp(bars, color=style.NETWORK_COLORS[model])
            bars.set_label(
                f"{NETWORK_TITLES[model]}: {getattr(table['total'], column):,}"
            )
        ax.set(title=title, xscale="symlog", xlim=(0, 1e6))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12))


@style.drawing
def growth(tables):
    """Draws parameters and connections against the size of the image.

    Args:
        tables: Dictionary from a title to what `lenet_keras.counts.growth` returns.
    """
    titles = {"trainable": "parameters", "connections": "connections"}
    for ax, column, title in style.each_panel(titles, (4.5, 3.4), sharex=True):
        for label, table in tables.items():
            ax.plot(table.to_pandas()[column], "o-", markersize=4, label=label)
        style.log_ticks(ax.xaxis, list(table))
        ax.set(title=title, xlabel="side of the image, pixels", yscale="log")
    ax.figure.axes[0].legend()


@style.drawing
def timeline(table):
    """Draws parameters, connections and multiply-adds of networks by their year.

    Args:
        table: `pandas.DataFrame`, as `lenet_keras.study.family.timeline` returns it.
    """
    counts = ["parameters", "connections", "multiply_adds"]
    titles = ["parameters", "connections", "multiply-adds an image"]
    ring = {"color": style.RED, "mfc": "none", "markersize": 10, "label": "published"}
    heights = range(len(table))
    axes = style.panels(3, (11 / 3, 3.2), sharey=True)
    for ax, count, title in zip(axes, counts, titles, strict=True):
        ax.plot(table[count], heights, "o", label="counted")
        ax.plot(table[f"published_{count}"], heights, "o", **ring)
        style.rows(ax, [f"{name} ({year})" for name, year in table["year"].items()])
        ax.set(title=title, xscale="log")
    axes[0].legend()


@style.drawing
def stacks(counted, claimed):
    """Draws the weights of five 3x3 convolutions and of the 11x11 in their place.

    Args:
        counted: Dictionary from the filters, as a multiple of the maps before them, to
            the weights of the five and of the one.
        claimed: Multiple at which a text says that they are as many.

    Raises:
        ValueError: If the lines do not cross between the multiples.
    """
    weights = pd.DataFrame(counted, ["five 3x3", "one 11x11"]).T
    ratio = weights["five 3x3"] / weights["one 11x11"]
    if not ratio.min() <= 1 <= ratio.max():
        raise ValueError(
            "Expected multiples on both sides of the crossing. "
            f"Received: {ratio.index[0]} to {ratio.index[-1]}"
        )
    cross, top = crossing(-ratio, -1), weights.max(axis=None)
    label = "filters, as a multiple of the maps before them"
    ax = style.panel(6, 3.2, xlabel=label, ylabel="weights")
    ax.plot(weights, "o-", markersize=3, label=weights.columns)
    ax.axvline(cross, color="0.3", linewidth=0.8)
    ax.axvline(claimed, color="0.6", linewidth=0.8, linestyle="--")
    ax.text(cross, top, f"{cross:.2f} ", ha="right", va="top", fontsize=8)
    ax.text(claimed, top, f" {claimed} claimed", color="0.5", va="top", fontsize=8)
    ax.legend(loc="lower right")
