"""Pictures: images, and the codes, maps and kernels of a network as images."""

import math

import matplotlib.pyplot as plt
import numpy as np

from lenet_keras.codes import rbf_codes
from lenet_study.figures import style

CODE_SCALE = {"vmin": -1.2, "vmax": 1}


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
    for ax in _grid(images, (1.05, height), columns, titles):
        ax.spines[:].set(visible=True, color="0.85", linewidth=0.5)


def _grid(pictures, size, columns, titles=None, scale=None, **kwargs):
    """Draws pictures in a grid, with small titles. Returns their axes."""
    axes = style.panels(len(pictures), size, columns)
    for index, ax in enumerate(axes):
        style.picture(ax, pictures[index], **scale or {})
        if titles is not None:
            ax.set_title(titles[index], fontsize=8, fontweight="normal", **kwargs)
    return axes


def worst_mistakes(images_, labels, probabilities, names=range(10), count=20):
    """Draws the wrong answers that the network was surest of, the worst first.

    Args:
        images_: Array of images, as `images` draws them.
        labels: Integer array of shape `(n,)`, the right classes.
        probabilities: Array of shape `(n, classes)`.
        names: Names of the classes.
        count: Number of images to draw.
    """
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
    pictures, small = np.reshape(codes, (-1, 12, 7)), {"parse_math": False, "pad": 2}
    _grid(pictures, (width, 1.1), columns, titles, CODE_SCALE, **small)


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
    nearest, size = distances.min(axis=1), (image.shape[1] / 24, 1.6)
    _, below, centres = _above_places(image, size, len(nearest), field, stride)
    below.plot(centres, nearest, color=style.BLUE, linewidth=1)
    heights = nearest + 0.02 * nearest.max()
    place = {"ha": "center", "va": "bottom", "fontsize": 8}
    for *point, digit in zip(centres, heights, distances.argmin(axis=1), strict=True):
        below.text(*point, digit, **place)
    below.set(ylabel="smallest distance", ylim=(0, 1.15 * nearest.max()))


def _above_places(image, size, count, field, stride, **kwargs):
    """Draws a wide image. A panel below it is for the places of a field in it.

    Returns:
        The axes of both, and the centre of the field at each place.
    """
    above, below = style.panels(2, size, columns=1, **kwargs)
    style.picture(above, image, aspect="auto")
    below.set(xlabel="centre of the field, in pixels", xlim=above.get_xlim())
    return above, below, field / 2 - 0.5 + stride * np.arange(count)


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
    more = {"size": (image.shape[1] / 20, 2.1), "height_ratios": [1, 1.5]}
    places = {"count": len(reading.path), "field": field, "stride": stride}
    above, below, centres = _above_places(image, **more, **places)
    _digits_over(above, reading.text, centres[[*reading.places]])
    costs = np.column_stack([reading.distances, np.full(len(centres), j)])
    extent = centres[0] - stride / 2, centres[-1] + stride / 2, 10.5, -0.5
    scale = {"cmap": "Blues_r", "vmin": 0, "vmax": 2 * j}
    below.imshow(costs.T, extent=extent, aspect="auto", **scale)
    below.plot(centres, reading.path, "o-", color=style.GREEN, markersize=4)
    below.grid(visible=False)
    below.set_yticks(range(11), [*"0123456789", "rubbish"], fontsize=7)


def _digits_over(ax, text, centres):
    """Writes digits over the image of a line, and marks where they are."""
    words = {"ha": "center", "va": "bottom", "fontweight": "bold"}
    for digit, centre in zip(text, centres, strict=True):
        ax.axvline(centre, color=style.GREEN, linewidth=1)
        ax.text(centre, 0, digit, **words)


@style.drawing
def lines(images, titles, columns=2):
    """Draws lines of digits, each with a title.

    Args:
        images: Array of shape `(n, height, width)`, drawn dark for a high value.
        titles: Sequence of `n` titles.
        columns: Lines a row.
    """
    height, width = images.shape[1:]
    _grid(images, (width / 30, height / 30 + 0.35), columns, titles)


@style.drawing
def feature_maps(maps, columns=8):
    """Draws the feature maps of some layers for one image, on one scale a layer.

    Args:
        maps: Dictionary from a layer's name to an array of shape `(height, width,
            number of maps)`.
        columns: Maps a row.
    """
    rows = {name: math.ceil(m.shape[-1] / columns) for name, m in maps.items()}
    size = {"size": (1.05, 1.05), "columns": columns, "margin": (0.5, 0)}
    axes = style.panels(columns * sum(rows.values()), **size)
    for name, values in maps.items():
        height, width, count = values.shape
        most = np.abs(values).max()
        own, axes = np.split(axes, [columns * rows[name]])
        own[0].set_ylabel(f"{name}\n{height}x{width}\n±{most:.1f}", fontsize=8)
        for index, ax in enumerate(own[:count]):
            style.picture(ax, values[..., index], cmap="gray", vmin=-most, vmax=most)
        for ax in own[count:]:
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
    above, below = style.panels(2 * (count + 1), (1.15, 1.25), count + 1).reshape(2, -1)
    seen, scale = table[index], {"cmap": "gray", "vmin": -1.72, "vmax": 1.72}
    for i in range(count):
        below[i].axis("off")
        style.picture(above[i], inputs[..., i], alpha=1 if i in seen else 0.12, **scale)
    for i in seen:
        above[i].set_title(f"S2, map {i}", fontsize=8)
        style.picture(below[i], kernels[..., i, index], **_both_signs(kernels))
    style.picture(above[count], outputs[..., index], **scale)
    above[count].set_title(f"C3, map {index}", fontsize=8)
    below[count].axis("off")
    words = f"the sum of\n{len(seen)} convolutions\nand a bias, squashed"
    below[count].text(0.5, 0.5, words, ha="center", va="center", fontsize=8)


def _both_signs(values):
    most = np.abs(values).max()
    return {"cmap": "PuOr", "vmin": -most, "vmax": most}


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
    style.picture(first, image).axes.set_title(title)
    style.picture(second, np.reshape(drawn, (12, 7)), **CODE_SCALE)
    second.set_title("F6 draws")
    looks = [(np.argmin, style.BLUE), (np.argmax, style.ORANGE)]
    for ax, label, (winner, color) in zip(rest, outputs, looks, strict=False):
        wins = winner(outputs[label])
        style.bars(ax, outputs[label], wins, color)
        ax.set_title(f"{label}: {wins}")


@style.drawing
def photo_read(answer):
    """Draws a photo with the box of its ink, and how a network read it.

    Of a line there follows what the network saw, with the digits over their places. Of
    one digit there also follow what F6 draws, the two nearest codes, and the distances;
    or, of another network than the faithful one, the probabilities.

    Args:
        answer: `lenet_study.read.Answer`.
    """
    pictures, is_digit = {"the photo": answer.photo}, False
    if answer.seen:
        pictures["what the network sees"] = answer.seen.image
        is_digit = len(answer.costs) == 1
    by_code = answer.drawn is not None
    if by_code:
        pictures["F6 draws"] = answer.drawn.reshape(12, 7)
        for digit in answer.costs[0, :10].argsort()[:2]:
            pictures[f"code of {digit}"] = rbf_codes(str(digit)).reshape(12, 7)
    size, columns = ((1.9, 2.2), None) if is_digit else ((6, 2.2), 1)
    axes = style.panels(len(pictures) + is_digit, size, columns)
    for ax, (label, image) in zip(axes, pictures.items(), strict=not is_digit):
        style.picture(ax, image, **(CODE_SCALE if image.shape == (12, 7) else {}))
        ax.set_xlabel(label)
    if answer.seen:
        top, left, bottom, right = answer.seen.box
        box = plt.Rectangle((left, top), right - left, bottom - top, fill=False)
        axes[0].add_patch(box).set(edgecolor=style.GREEN, linewidth=1.5)
    if is_digit:
        (values,) = answer.costs if by_code else answer.probabilities
        color = style.BLUE if by_code else style.ORANGE
        wins = answer.probabilities.argmax()
        style.bars(axes[-1], values, wins, color, [*range(10), "?"])
        what = "distance" if by_code else "probability"
        axes[-1].set_xlabel(f"{what} (?: no digit)")
    elif answer.seen:
        _digits_over(axes[1], answer.text or "", [16 + 4 * p for _, p in answer.digits])
    plt.gcf().suptitle(answer.words, fontsize=10)


@style.drawing
def kernels(values, label="weight"):
    """Draws a value of each weight of a convolution, on one scale.

    Args:
        values: Array of shape `(height, width, kernels)`. Values of 0 or more, such as
            curvatures or rates, are dark where they are high. Of others the negative
            ones are orange, the positive ones violet.
        label: What the values are.
    """
    is_signed = values.min() < 0
    scale = _both_signs(values) if is_signed else {"vmin": 0, "vmax": values.max()}
    axes = style.panels(values.shape[-1], (1.3, 1.8), margin=(0.9, 0))
    for index, ax in enumerate(axes):
        drawn = style.picture(ax, values[..., index], **scale)
    plt.colorbar(drawn, ax=axes, shrink=0.8, label=label)
