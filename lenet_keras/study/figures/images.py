"""Pictures: images, and the codes, maps and kernels of a network as images."""

import matplotlib.pyplot as plt
import numpy as np

from lenet_keras.datasets.sources import PINS
from lenet_keras.study.figures import style

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
    """Draws 84-bit codes as the 7x12 pictures that they are.

    Args:
        codes: Array of shape `(n, 84)` with values -1 and +1.
        titles: Sequence of `n` titles.
        columns: Codes a row.
    """
    axes = style.panels(len(codes), (0.55, 1.1), columns)
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
        ax.add_patch(field).set(edgecolor=style.ORANGE, linewidth=2.5)
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
        above.axvline(centres[place], color=style.ORANGE, linewidth=1)
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
    below.plot(centres, reading.path, "o-", color=style.ORANGE, markersize=4)
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
def feature_maps(maps):
    """Draws the feature maps of some layers for one image.

    Args:
        maps: Dictionary from a layer's name to an array of shape `(height, width,
            number of maps)`.
    """
    columns = max(values.shape[-1] for values in maps.values())
    axes = style.panels(len(maps) * columns, (0.62, 0.8), columns).reshape(-1, columns)
    for row, (name, values) in zip(axes, maps.items(), strict=True):
        height, width, count = values.shape
        for index in range(count):
            style.picture(row[index], values[..., index], cmap="gray")
        for ax in row[count:]:
            ax.axis("off")
        row[0].set_ylabel(f"{name}\n{height}x{width}", fontsize=8)


@style.drawing
def units(values, shape, title):
    """Draws the outputs of a layer of units as one picture.

    Args:
        values: Array of as many values as `shape` has places.
        shape: Rows and columns.
        title: Title.
    """
    ax = style.panel(0.3 * shape[1] + 0.6, 0.3 * shape[0] + 0.5, title=title)
    drawn = style.picture(ax, np.reshape(values, shape), vmin=-1.72, vmax=1.72)
    plt.colorbar(drawn, ax=ax)


@style.drawing
def kernels(values):
    """Draws a value of each weight of a convolution, dark for a high one.

    Args:
        values: Array of shape `(height, width, kernels)`, 0 or more: curvatures, or
            rates.
    """
    axes = style.panels(values.shape[-1], (1.3, 1.8), margin=(0.9, 0))
    for index, ax in enumerate(axes):
        drawn = style.picture(ax, values[..., index], vmin=0, vmax=values.max())
    plt.colorbar(drawn, ax=axes, shrink=0.8)
