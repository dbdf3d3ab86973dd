"""Makes the photos, the pictures and the numbers of the page "Read your own digits".

The photos are made of MNIST's test digits by tests/helpers/photos.py, with a seed.

    python docs/photos.py
"""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

from lenet_keras import load_pretrained, pretrained, read_digits
from lenet_keras.preprocessing import prepare, size_normalize, size_normalize_line
from lenet_study.datasets import load_mnist
from lenet_study.figures import style

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from helpers import photos  # noqa: E402

NETWORKS = ["lenet5-mnist-best", "lenet5_modern-mnist-best"]
LINES = "lenet5-mnist-line-best"


def answers(name, images):
    """Returns the answers of a network to `uint8` images of 28x28 pixels."""
    record, model = pretrained.records()[name], load_pretrained(name)
    x = prepare(np.array(images), record["pixels"])
    outputs = model.predict(x, batch_size=1000, verbose=0)
    return (np.argmin if record["model"] == "lenet5" else np.argmax)(outputs, axis=1)


def resized(grey):
    """Returns the whole image in 28x28 pixels."""
    image = Image.fromarray(grey.astype("uint8"))
    return np.asarray(image.resize((28, 28), Image.Resampling.BOX))


def inverted(grey):
    """The same, light on dark."""
    return 255 - resized(grey)


def thresholded(grey):
    """The same, with ink where the image is darker than halfway between its extremes."""
    return np.where(grey < (grey.min() + grey.max()) / 2, 255, 0)


def of_threshold(grey):
    """The same, in 28x28 pixels."""
    return resized(thresholded(grey))


def stretched(grey):
    """The box of that ink, stretched to 28x28 pixels."""
    ink = thresholded(grey)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return resized(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


WAYS = {
    "resized": resized,
    "resized and inverted": inverted,
    "thresholded and resized": of_threshold,
    "thresholded, cut out and stretched": stretched,
    "size-normalized": lambda grey: size_normalize(grey).image,
}


def mistakes(views, labels):
    """Returns what is read rightly of photos, in percent, by what was done to them."""
    rows = []
    for way, change in WAYS.items():
        seen = [change(view.mean(axis=2)) for view in views]
        right = {n: 100 * np.mean(answers(n, seen) == labels) for n in NETWORKS}
        rows.append({"the photo is": way} | right)
    return pd.DataFrame(rows)


def by_kind(digits, labels, seed):
    """Returns what is read wrongly of a thousand photos, and of lines, in percent."""
    rng = np.random.default_rng(seed)
    kinds = itertools.islice(itertools.cycle(photos.KINDS), len(digits))
    table = pd.DataFrame({"photos": kinds})
    views = [photos.photo(d, k, rng) for d, k in zip(digits, table["photos"], strict=True)]
    seen = [size_normalize(view).image for view in views]
    for name in NETWORKS:
        table[name] = 100.0 * (answers(name, seen) != labels)
    return table


def of_lines(digits, labels, seed):
    """Returns what is read wrongly of a hundred photos of five digits, in percent."""
    rng = np.random.default_rng(seed)
    model = load_pretrained(LINES, input_shape=(32, None, 1))
    wrong = []
    for number, (own, texts) in enumerate(zip(digits, labels, strict=True)):
        view = photos.line_photo(own, photos.KINDS[number % len(photos.KINDS)], rng)
        line = size_normalize_line(view).image
        read = read_digits(model, prepare(line, "paper")).text
        wrong.append(read != "".join(map(str, texts)))
    return 100 * np.mean(wrong)


@style.drawing
def pairs(views, titles, ways=("size-normalized",)):
    """Draws photos, and under each what a network sees of it."""
    axes = style.panels(len(views) * (1 + len(ways)), (1.25, 1.35), columns=len(views))
    rows = np.reshape(axes, (1 + len(ways), len(views)))
    for column, view in enumerate(views):
        style.picture(rows[0, column], view).axes.set_title(titles[column], fontsize=8)
        for row, way in enumerate(ways, start=1):
            seen = WAYS[way](view.mean(axis=2))
            style.picture(rows[row, column], seen, cmap="gray", vmin=0, vmax=255)
            if column == 0 and len(ways) > 1:
                place = {"rotation": 0, "ha": "right", "va": "center", "fontsize": 8}
                rows[row, column].set_ylabel(way.replace(" and ", "\nand "), **place)


def main():
    """Writes the photos, pictures and tables."""
    _, (x, y) = load_mnist()
    rng = np.random.default_rng(7)
    (ROOT / "data/photos").mkdir(exist_ok=True)
    for name, view in {
        "seven": photos.photo(x[0], "shadow", rng),
        "line": photos.line_photo(x[[18, 4, 32, 13, 11]], "ruled", rng),
    }.items():
        Image.fromarray(view).save(ROOT / f"data/photos/{name}.jpg", quality=80)
    fifty = [photos.photo(digit, "shadow", rng) for digit in x[:50]]
    table = mistakes(fifty, y[:50])
    table.to_csv(ROOT / "data/results/photos-mistakes.csv", index=False)
    print(table)
    kinds = by_kind(x[1000:2000], y[1000:2000], seed=0)
    kinds = kinds.groupby("photos", sort=False).mean()
    kinds.loc["all"] = by_kind_mean = kinds.mean()
    kinds.reset_index().to_csv(ROOT / "data/results/photos.csv", index=False)
    print(kinds, by_kind_mean)
    print(of_lines(x[2000:2500].reshape(100, 5, 28, 28), y[2000:2500].reshape(100, 5), 0))
    one = [photos.photo(x[n], k, rng) for n, k in enumerate(photos.KINDS)]
    pairs(one, photos.KINDS).savefig(ROOT / "docs/_static/photos.png")
    pairs(fifty[:8], [f"a {label}" for label in y[:8]], [*WAYS]).savefig(
        ROOT / "docs/_static/photos-mistakes.png"
    )
    plt.close("all")


if __name__ == "__main__":
    main()
