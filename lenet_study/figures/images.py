"""Pictures: images, and the codes, maps and kernels of a network as images."""

import math

import matplotlib.pyplot as plt
import numpy as np

from lenet_study.datasets.sources import PINS
from lenet_study.figures import style

CIFAR10_CLASSES = PINS["cifar10"]["classes"]


@style.drawing
def images(images, titles=None, columns=10):
    """Draws images in a grid.

    Args:
        images: Array of shape `(n, height, width)`, `(n, height, width, 1)` or
            `(n, height, width, 3)`; grey ones are drawn dark on light.
        titles: Optional sequence of `n` titles.
        columns: Images a row.
    """
    height = 1.05 if titles is None else 1.45
    for index, ax in enumerate(style.panels(len(images), (1.05, height), columns)):
        style.picture(ax, images[index])
        ax.spines[:].set(visible=True, color="0.85", linewidth=0.5)
        if titles is not None:
            ax.set_title(titles[index], fontsize=8, fontweight="normal")


def worst_mistakes(images_, labels, probabilities, names=None, count=20):
    """Draws the wrong answers that the network was surest of, the worst first.

    Args:
        images_: Array of images, as `images` draws them.
        labels: Integer array of shape `(n,)`, the right classes.
        probabilities: Array of shape `(n, classes)`.
        names: Optional names of the classes.
        count: Number of images to draw.
    """
    names = range(probabilities.shape[1]) if names is None else names
    answers = probabilities.argmax(axis=1)
    sure = np.where(answers == labels, -1, probabilities.max(axis=1))
    worst = np.argsort(-sure, kind="stable")[: min(count, (answers != labels).sum())]
    titles = [f"{names[labels[i]]},\nnot {names[answers[i]]}" for i in worst]
    return images(images_[worst], titles)


@style.drawing
def codes(codes, titles, columns=16):
    """Draws codes, or what F6 makes of digits, as pictures of 7x12 pixels.

    Args:
        codes: Array of shape `(n, 84)`. Values of +1 are dark, of -1 light.
        titles: Sequence of `n` titles.
        columns: Codes a row.
    """
    width = 0.55 if max(map(len, titles)) < 4 else 0.85
    axes = style.panels(len(codes), (width, 1.1), columns)
    for ax, code, title in zip(axes, codes, titles, strict=True):
        style.picture(ax, np.reshape(code, (12, 7)), vmin=-1.2, vmax=1)
        ax.set_title(title, fontsize=8, fontweight="normal", parse_math=False, pad=2)


@style.drawing
def receptive_fields(image, fields):
    """Draws on an image the receptive field of one unit of each layer.

    Args:
        image: Array of shape `(height, width)`.
        fields: Dictionary from a layer's name to the side of its units' field.
    """
    for ax, name, side in style.each_panel(fields, (1.9, 2.2)):
        style.picture(ax, image, alpha=0.6)
        corner = (image.shape[0] - side) // 2 - 0.5
        field = plt.Rectangle((corner, corner), side, side, fill=False, clip_on=False)
        ax.add_patch(field).set(edgecolor=style.GREEN, linewidth=2.5)
        ax.set_title(f"{name}: {side}x{side}")


@style.drawing
def answers_along(image, distances, field=32, stride=4):
    """Draws the answer of a network at each place of a wide image, under the image.

    Args:
        image: Array of shape `(field, width)`, drawn dark for a high value.
        distances: Array of shape `(places, classes)`, as a faithful network returns on
            larger images: the smallest one is the answer.
        field: Height and width of the square that the network sees, in pixels.
        stride: Pixels between two places.
    """
    size = (image.shape[1] / 24, 1.6)
    above, below = style.panels(2, size, columns=1)
    style.picture(above, image, aspect="auto")
    centres = field / 2 - 0.5 + stride * np.arange(len(distances))
    nearest = distances.min(axis=1)
    below.plot(centres, nearest, color=style.BLUE, linewidth=1)
    for centre, distance, digit in zip(
        centres, nearest, distances.argmin(axis=1), strict=True
    ):
        above_line = distance + 0.02 * nearest.max()
        below.text(centre, above_line, digit, ha="center", va="bottom", fontsize=8)
    below.set(xlabel="centre of the field, in pixels", ylabel="smallest distance")
    below.set(xlim=above.get_xlim(), ylim=(0, 1.15 * nearest.max()))


@style.drawing
def line_read(image, reading, j, field=32, stride=4):
    """Draws how a line was read: the digits over the image, and the path under it.

    Args:
        image: Array of shape `(field, width)`, drawn dark for a high value.
        reading: `lenet_keras.reading.Reading`.
        j: The cost of rubbish of the reading.
        field: Height and width of the square that the network sees, in pixels.
        stride: Pixels between two places.
    """
    width = image.shape[1]
    above, below = style.panels(
        2, (width / 20, 2.1), 1, height_ratios=[1, 1.5], layout="constrained"
    )
    style.picture(above, image, cmap="gray_r", aspect="auto")
    centres = field / 2 - 0.5 + stride * np.arange(len(reading.path))
    for digit, place in zip(reading.text, reading.places, strict=True):
        above.axvline(centres[place], color=style.GREEN, linewidth=1)
        above.text(
            *(centres[place], 0, digit),
            **{"ha": "center", "va": "bottom", "fontweight": "bold"},
        )
    costs = np.column_stack([reading.distances, np.full(len(centres), j)])
    sides = centres[0] - stride / 2, centres[-1] + stride / 2
    below.imshow(
        costs.T,
        cmap="Blues_r",
        vmin=0,
        vmax=2 * j,
        aspect="auto",
        extent=(*sides, 10.5, -0.5),
    )
    below.plot(centres, reading.path, "o-", color=style.GREEN, markersize=4)
    below.grid(visible=False)
    below.set_yticks(range(11), [*"0123456789", "rubbish"], fontsize=7)
    below.set(xlabel="centre of the field, in pixels", xlim=above.get_xlim())


@style.drawing
def lines(images, titles, columns=2):
    """Draws lines of digits, each with a title.

    Args:
        images: Array of shape `(n, height, width)`, drawn dark for a high value.
        titles: Sequence of `n` titles.
        columns: Lines a row.
    """
    height, width = images.shape[1:]
    size = (width / 30, height / 30 + 0.35)
    for ax, image, title in zip(
        style.panels(len(images), size, columns), images, titles, strict=True
    ):
        style.picture(ax, image, cmap="gray_r")
        ax.set_title(title, fontsize=8, fontweight="normal")


@style.drawing
def feature_maps(maps, columns=8):
    """Draws the feature maps of some layers for one image, on one scale a layer.

    Args:
        maps: Dictionary from a layer's name to an array of shape `(height, width,
            number of maps)`.
        columns: Maps a row.
    """
    rows = sum(math.ceil(values.shape[-1] / columns) for values in maps.values())
    axes = list(style.panels(rows * columns, (1.05, 1.05), columns, margin=(0.5, 0)))
    for name, values in maps.items():
        height, width, count = values.shape
        most = np.abs(values).max()
        own, axes = axes[:count], axes[columns * math.ceil(count / columns) :]
        for index, ax in enumerate(own):
            style.picture(ax, values[..., index], cmap="gray", vmin=-most, vmax=most)
        own[0].set_ylabel(f"{name}\n{height}x{width}\n±{most:.1f}", fontsize=8)
        for ax in own[-1].figure.axes:
            if not ax.images and ax not in axes:
                ax.axis("off")


@style.drawing
def one_map(inputs, kernels, table, index, outputs):
    """Draws how one map of C3 comes about: its input maps, their kernels, the sum.

    Args:
        inputs: Array of shape `(height, width, input maps)`, the maps of S2.
        kernels: Array of shape `(height, width, input maps, output maps)`, zero where
            there is no connection.
        table: One entry an output map: the indices of its input maps.
        index: Index of the output map.
        outputs: Array of shape `(height, width, output maps)`, the maps of C3.
    """
    count = inputs.shape[-1]
    axes = style.panels(2 * (count + 1), (1.15, 1.25), count + 1)
    above, below = axes[: count + 1], axes[count + 1 :]
    strong = np.abs(kernels).max()
    for i in range(count):
        seen = i in table[index]
        style.picture(above[i], inputs[..., i], cmap="gray", vmin=-1.72, vmax=1.72)
        above[i].images[0].set_alpha(1.0 if seen else 0.12)
        above[i].set_title(f"S2, map {i}" if seen else "", fontsize=8)
        if seen:
            own = {"cmap": "PuOr", "vmin": -strong, "vmax": strong}
            style.picture(below[i], kernels[..., i, index], **own)
        else:
            below[i].axis("off")
    own = outputs[..., index]
    style.picture(above[count], own, cmap="gray", vmin=-1.72, vmax=1.72)
    above[count].set_title(f"C3, map {index}", fontsize=8)
    below[count].axis("off")
    words = f"the sum of\n{len(table[index])} convolutions\nand a bias, squashed"
    below[count].text(0.5, 0.5, words, ha="center", va="center", fontsize=8)


@style.drawing
def digit_read(image, drawn, outputs, title=""):
    """Draws a digit, what F6 makes of it, and the outputs of one network or more.

    Args:
        image: Array of shape `(height, width)`, drawn dark for a high value.
        drawn: Array of 84 values, the outputs of F6.
        outputs: Dictionary from a label to an array of shape `(classes,)`. The values
            of the first are distances: the smallest one is dark. Of the others the
            largest one is.
        title: Title of the digit.
    """
    ratios = [1, 0.6] + [1.7] * len(outputs)
    size = (sum(ratios) / len(ratios) * 1.7, 1.9)
    first, second, *rest = style.panels(len(ratios), size, width_ratios=ratios)
    style.picture(first, image, cmap="gray_r").axes.set_title(title)
    style.picture(second, np.reshape(drawn, (12, 7)), vmin=-1.2, vmax=1)
    second.set_title("F6 draws")
    colors = [style.BLUE, style.ORANGE]
    for ax, (label, values), color in zip(rest, outputs.items(), colors, strict=False):
        wins = np.argmax(values) if ax is not rest[0] else np.argmin(values)
        bars = ax.bar(range(len(values)), values, color="0.75")
        bars[wins].set_color(color)
        ax.set(xticks=range(len(values)), title=f"{label}: {wins}")


@style.drawing
def kernels(values, label="weight"):
    """Draws a value of each weight of a convolution, on one scale.

    Args:
        values: Array of shape `(height, width, kernels)`. Values of 0 or more, such as
            curvatures or rates, are dark where they are high. Of others the negative
            ones are orange, the positive ones violet.
        label: What the values are.
    """
    most = np.abs(values).max()
    if values.min() < 0:
        scale = {"cmap": "PuOr", "vmin": -most, "vmax": most}
    else:
        scale = {"vmin": 0, "vmax": most}
    axes = style.panels(values.shape[-1], (1.3, 1.8), margin=(0.9, 0))
    for index, ax in enumerate(axes):
        drawn = style.picture(ax, values[..., index], **scale)
    plt.colorbar(drawn, ax=axes, shrink=0.8, label=label)
