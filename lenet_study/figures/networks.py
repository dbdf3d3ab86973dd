"""Figures of the networks themselves: their functions, connections and sizes."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import softmax

from lenet_keras.counts import layer_table
from lenet_study.figures import style
from lenet_study.results import NETWORK_TITLES
from lenet_study.statistics import crossing


@style.drawing
def activations(functions):
    """Draws activation functions over `[-5, 5]`.

    Args:
        functions: Dictionary from a title to a function of a tensor: that of LeNet-5,
            and that of the modern variant.
    """
    a = np.linspace(-5, 5, 401, dtype="float32")
    ax = style.panel(6, 3.2, xlabel="weighted sum a", ylabel="f(a)", ylim=(-2.2, 3.2))
    ax.set_prop_cycle(color=[style.BLUE, style.ORANGE])
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
    marks = [dict.fromkeys(entry, len(entry)) for entry in table]
    links = pd.DataFrame(marks, columns=range(inputs)).T
    ax = style.panel(0.42 * outputs + 0.6, 0.42 * inputs + 1)
    most = links.max(axis=None)
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
    style.bars(ax, values, right)
    ax.set_title("the smallest distance wins; dark: the right class")


@style.drawing
def posterior(values, j, right):
    """Draws the probabilities of equation (9): ten classes, and rubbish.

    Args:
        values: Array of shape `(classes,)`, the distances.
        j: Distance of the rubbish class.
        right: Index of the right class.
    """
    probabilities = softmax(-np.append(values, j).astype("float64"))
    ax = style.panel(6, 2.4, ylabel="probability", ylim=(0, 1.12))
    names = [*range(len(values)), "rubbish"]
    bars = style.bars(ax, probabilities, right, names=names)
    ax.bar_label(bars, fmt="{:.2f}", fontsize=7)
    ax.set_title(f"j = {j:g}; dark: the right class")


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
    for ax, column, title in style.each_panel(titles, (4.5, 4), sharey=True):
        style.rows(ax, names)
        for index, (model, table) in enumerate(tables.items()):
            tops = np.arange(len(names)) + index * height - 0.4
            counts, color = table.to_pandas()[column], style.NETWORK_COLORS[model]
            bars = ax.barh(tops, counts[names], height, align="edge", color=color)
            bars.set_label(f"{NETWORK_TITLES[model]}: {counts['total']:,}")
            ax.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=2)
        ax.set(title=title, xticks=[], xlim=(0, 1.15 * ax.get_xlim()[1]))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02))


@style.drawing
def growth(tables):
    """Draws parameters and connections against the size of the image.

    Args:
        tables: Dictionary from a title to what
            `lenet_study.networks.anatomy.growth` returns.
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
        table: `pandas.DataFrame` from `lenet_study.questions.family.timeline`.
    """
    titles = {name: name for name in ("parameters", "connections")}
    titles["multiply_adds"] = "multiply-adds an image"
    ring = {"color": style.RED, "mfc": "none", "markersize": 10, "label": "published"}
    for ax, count, title in style.each_panel(titles, (11 / 3, 3.4)):
        ax.plot(table["year"], table[count], "o", color="0.35", label="counted")
        ax.plot(table["year"], table[f"published_{count}"], "o", **ring)
        is_left = table["year"].duplicated() | (table["year"] > 2014)
        for name, row in table.iterrows():
            shift, side = (-8, "right") if is_left[name] else (8, "left")
            place = {"xytext": (shift, 0), "textcoords": "offset points", "ha": side}
            ax.annotate(name, row[["year", count]], va="center", fontsize=8, **place)
        ax.set(title=title, yscale="log", xlim=(1987, 2024), xlabel="year")
    ax.figure.axes[0].legend(loc="upper left")


@style.drawing
def block(branches, joined):
    """Sketches a block: what goes in, branches of layers side by side, what comes out.

    Args:
        branches: Sequence of branches, each a sequence of names of layers. An empty one
            is a shortcut.
        joined: How the branches' outputs become one, such as `"add"`.
    """
    most = max(map(len, branches))
    ax = style.panel(1.5 * (most + 2), 0.75 * len(branches) + 0.3)
    ax.axis("off")
    middle = (len(branches) - 1) / 2
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.35"}
    words = {"ha": "center", "va": "center", "bbox": box}
    for height, branch in enumerate(reversed(branches)):
        places = np.arange(len(branch)) + 1 if branch else [0.6, most + 0.4]
        heights = [middle, *np.full(len(places), height), middle]
        ax.plot([0, *places, most + 1], heights, color="0.6", zorder=0)
        for place, name in zip(places, branch, strict=False):
            ax.text(place, height, name, **words)
    ax.text(0, middle, "input", weight="bold", **words)
    ax.text(most + 1, middle, joined, weight="bold", **words)
    ax.set(xlim=(-0.5, most + 1.5), ylim=(-0.5, len(branches) - 0.5))


@style.drawing
def stacks(counted, claimed):
    """Draws the weights of five 3x3 convolutions and of the 11x11 in their place.

    Args:
        counted: Dictionary from the filters, as a multiple of the maps before them, to
            the weights of the five and of the one.
        claimed: Multiple at which a text says that they are as many.
    """
    weights = pd.DataFrame(counted, ["five 3x3", "one 11x11"]).T
    ratio = weights["five 3x3"] / weights["one 11x11"]
    cross, top = crossing(-ratio, -1), weights.max(axis=None)
    label = "filters, as a multiple of the maps before them"
    ax = style.panel(6, 3.2, xlabel=label, ylabel="weights")
    ax.set_prop_cycle(color=[style.GREEN, style.PINK])
    ax.plot(weights, "o-", markersize=3, label=weights.columns)
    ax.axvline(cross, color="0.3", linewidth=0.8)
    ax.axvline(claimed, color="0.6", linewidth=0.8, linestyle="--")
    ax.text(cross, top, f"{cross:.2f} ", ha="right", va="top", fontsize=8)
    ax.text(claimed, top, f" {claimed} claimed", color="0.5", va="top", fontsize=8)
    ax.legend(loc="lower right")


@style.drawing
def architecture(model, color_by="trainable", other=None):
    """Draws a network as the paper's Figure 2 does: maps in stacks, units in a column.

    The shapes are those of the model's own layers. A darker layer has more of what the
    colour stands for; the colour follows the square root of its share.

    Args:
        model: `keras.Model` with its layers in a row.
        color_by: Name of a count of `lenet_keras.counts.layer_table`: `"trainable"`,
            `"connections"` or `"multiply_adds"`.
        other: Optional network with layers of the same names. The names of those that
            are of another type there, or have another count, are red.
    """
    other = other or model
    counts, theirs = layer_table(model), layer_table(other).to_pandas()[color_by]
    numbers = {name: getattr(count, color_by) for name, count in counts.items()}
    total, _ = numbers.pop("total"), numbers.pop("flatten", None)
    palette = plt.get_cmap("Oranges" if model.name == "lenet5_modern" else "Blues")
    ax = style.panel(10.5, 3.4, aspect="equal")
    ax.axis("off")
    left, end = 0.0, None
    for name, number in numbers.items():
        share = math.sqrt(number / max(numbers.values()))
        frame = {"fc": palette(0.06 + 0.8 * share), "ec": "0.25", "lw": 0.6}
        *sides, maps = counts[name].output_shape
        if sides and sides != [1, 1]:
            size = f"{maps} map{'s' if maps > 1 else ''}\n{sides[0]}x{sides[1]}"
        else:  # the height follows the square root, so that ten units can be seen
            size = f"{maps} units"
            sides, maps = [3.5 * math.sqrt(maps), 2.5], 1
        height, width = sides
        steps = min(1.4, 10 / maps) * np.arange(maps)
        reach = width + steps[-1]
        column = max(reach, 13)  # room for the words
        begin, bottom = left + (column - reach) / 2, -(height + steps[-1]) / 2
        for place, step in enumerate(steps):
            box = plt.Rectangle((begin + step, bottom + step), width, height, **frame)
            ax.add_patch(box).set_zorder(1 - place / maps)
        middle = left + column / 2
        kind, their_kind = (type(of.get_layer(name)) for of in (model, other))
        is_same = number == theirs[name] and kind is their_kind
        color = "black" if is_same else style.RED
        ax.text(middle, 31, name, ha="center", weight="bold", color=color)
        ax.text(middle, 30, size, ha="center", va="top", fontsize=8)
        if name != "input":
            ax.text(middle, -27, f"{number:,}", ha="center", fontsize=8)
            arrow = {"arrowstyle": "->", "color": "0.45"}
            ax.annotate("", (begin - 0.5, 0), (end + 0.5, 0), arrowprops=arrow)
        left, end = left + column + 5, begin + reach
    ax.set(xlim=(-2, left - 3), ylim=(-28, 35))
    title = NETWORK_TITLES.get(model.name, model.name)
    what = color_by.replace("trainable", "trainable parameters").replace("_", "-")
    ax.set_title(f"{title}: {total:,} {what}")
