"""Draws README's picture: a digit on its way through the trained LeNet-5.

python docs/journey.py
"""

from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

from lenet_keras import load_pretrained, rbf_codes
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.figures import style
from lenet_study.report import drawn_data

PICTURE = Path(__file__).parent / "_static/journey.svg"
# Each layer with its words, the maps that stand side by side, and the height.
LAYERS = {
    "input": ("input\n32x32 pixels", 1, 84),
    "C1": ("C1\n6 maps, 28x28", 2, 100),
    "S2": ("S2\n6 maps, 14x14", 2, 80),
    "C3": ("C3\n16 maps, 10x10", 4, 100),
    "S4": ("S4\n16 maps, 5x5", 4, 70),
    "C5": ("C5\n120 units", 8, 100),
    "F6": ("F6 draws\n84 units", 1, 84),
}
# What leads to each layer from the one before.
WAYS = ["5x5 windows", "four become one", "5x5 windows,\nby the table"]
WAYS += ["four become one", "5x5 windows", "all by all", "distances to codes"]
MAPS = {"cmap": "PuOr", "vmin": -1.72, "vmax": 1.72}  # orange below 0, violet above
DRAWN = {"vmin": -1.2, "vmax": 1.2}  # what can be read: ink is dark
APART = 24


def tiled(maps, columns):
    """Returns maps of shape `(height, width, n)` as one picture with gaps."""
    height, width, count = maps.shape
    gap = max(1, width // 8)
    rows = np.pad(maps, [(0, gap), (0, gap), (0, -count % columns)])
    rows[height:] = rows[:, width:] = np.nan
    rows = np.moveaxis(rows, -1, 0).reshape(-1, columns, height + gap, width + gap)
    sheet = rows.swapaxes(1, 2).reshape(len(rows) * (height + gap), -1)
    return sheet[:-gap, :-gap]


@style.drawing
def journey(model, image):
    """Draws an image, the maps of each layer, what F6 draws, and the nearest codes.

    Args:
        model: Trained `lenet5`.
        image: `uint8` array of shape `(28, 28)`.
    """
    outputs = [model.get_layer(name).output for name in LAYERS] + [model.output]
    *maps, distances = keras.Model(model.input, outputs)(prepare(image))
    ax = style.panel(11, 2.3, aspect="equal")
    ax.axis("off")
    words, left = {"ha": "center", "fontsize": 8}, 0
    for own, (title, columns, height) in zip(maps, LAYERS.values(), strict=True):
        own = np.asarray(own)[0]
        if title.startswith("input"):
            own = 2 * own - 1  # on the scale of the codes
        elif own.ndim == 1:
            own = own.reshape((12, 7, 1) if own.size == 84 else (1, 1, -1))
        left = put(ax, tiled(own, columns), left, height, title) + APART
    for way, layer in zip(WAYS, ax.images, strict=True):
        right = layer.get_extent()[1]
        arrow = {"arrowstyle": "->", "color": "0.35", "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (right + APART - 4, 0), (right + 4, 0), arrowprops=arrow)
        ax.text(right + APART / 2, -58, way, va="top", color="0.35", **words)
    order = np.asarray(distances)[0].argsort()[:3]
    for place, digit in enumerate(order):
        code = rbf_codes(str(digit)).reshape(12, 7)
        put(ax, code, left, 31, middle=36 - 36 * place)
        away = f"{digit}: {distances[0, digit]:.0f}"
        weight = "normal" if place else "bold"
        ax.text(left + 22, 36 - 36 * place, away, va="center", weight=weight)
    ax.text(left + 18, 58, "distance to\nnearest codes", weight="bold", **words)
    ax.set(xlim=(-2, left + 55), ylim=(-76, 74))


def put(ax, picture, left, height, title="", middle=0):
    """Draws a picture at a place, with its title, and returns its right side."""
    right = left + height * picture.shape[1] / picture.shape[0]
    extent = left, right, middle - height / 2, middle + height / 2
    scale = MAPS if np.isnan(picture).any() else DRAWN
    style.picture(ax, picture, extent=extent, **scale)
    if scale is DRAWN:
        frame = {"fill": False, "edgecolor": "0.8", "linewidth": 0.5}
        ax.add_patch(plt.Rectangle((left, extent[2]), right - left, height, **frame))
    ax.text((left + right) / 2, 58, title, ha="center", fontsize=8, weight="bold")
    return right


def main():
    """Writes the picture."""
    _, (x, _) = load_mnist()
    figure = journey(load_pretrained("lenet5-mnist-robust"), x[0])
    about = {"Description": drawn_data(figure), "Date": None}
    figure.savefig(PICTURE, format="svg", metadata=about)


if __name__ == "__main__":
    main()
