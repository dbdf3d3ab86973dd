"""Makes the photos, the pictures and the numbers of the page "Read your own digits".

The photos are made of MNIST's test digits by tests/helpers/photos.py, with a seed.

    python docs/photos.py
"""

import sys
from pathlib import Path

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

NETWORKS = ["lenet5-mnist-best", "lenet5-mnist-robust", "lenet5_modern-mnist-robust"]
LINES = "lenet5-mnist-line-best"


def answers(name, images):
    """Returns the answers of a network to images of 28x28 pixels, -1 to a blank one."""
    record, model = pretrained.records()[name], load_pretrained(name)
    images = np.array(images)
    outputs = model.predict(
        prepare(images, record["pixels"]), batch_size=1000, verbose=0
    )
    best = (np.argmin if record["model"] == "lenet5" else np.argmax)(outputs, axis=1)
    return np.where(images.any(axis=(1, 2)), best, -1)


def resized(grey):
    """Returns the whole image in 28x28 pixels."""
    image = Image.fromarray(grey.astype("uint8"))
    return np.asarray(image.resize((28, 28), Image.Resampling.BOX))


def inverted(grey):
    """Returns the same, light on dark."""
    return 255 - resized(grey)


def thresholded(grey):
    """Returns ink, in full size, where it is darker than halfway to the lightest."""
    return np.where(grey < (grey.min() + grey.max()) / 2, 255, 0)


def of_threshold(grey):
    """Returns that ink in 28x28 pixels."""
    return resized(thresholded(grey))


def stretched(grey):
    """Returns the box of that ink, stretched to 28x28 pixels."""
    ink = thresholded(grey)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return resized(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def normalized(image):
    """Returns what `size_normalize` makes, blank where it finds no ink."""
    try:
        return size_normalize(image).image
    except ValueError:
        return np.zeros((28, 28), "uint8")


WAYS = {
    "resized": resized,
    "resized and inverted": inverted,
    "thresholded and resized": of_threshold,
    "thresholded, cut out and stretched": stretched,
    "size-normalized": normalized,
}


def mistakes(views, labels):
    """Returns what is read rightly of photos, in percent, by what was done to them."""
    rows = []
    for way, change in WAYS.items():
        seen = [change(view.mean(axis=2)) for view in views]
        right = {
            f"{n}: right, %": 100 * np.mean(answers(n, seen) == labels)
            for n in NETWORKS
        }
        rows.append({"what the network gets": way} | right)
    return pd.DataFrame(rows)


def wrong_digits(digits, labels, rng):
    """Returns what is read wrongly of photos of digits, in percent, by kind."""
    kinds = np.resize(photos.KINDS, len(digits))
    pairs = zip(digits, kinds, strict=True)
    seen = [normalized(photos.photo(*pair, rng)) for pair in pairs]
    wrong = {n: 100.0 * (answers(n, seen) != labels) for n in NETWORKS}
    table = pd.DataFrame(wrong).groupby(kinds, sort=False).mean()
    table.loc["all"] = [own.mean() for own in wrong.values()]
    return table.rename_axis("kind of photo").reset_index()


def wrong_lines(digits, labels, rng):
    """Returns what is read wrongly of photos of five digits, in percent."""
    model, wrong = load_pretrained(LINES, input_shape=(32, None, 1)), []
    for digit, texts, kind in zip(
        digits, labels, np.resize(photos.KINDS, len(digits)), strict=True
    ):
        line = size_normalize_line(photos.line_photo(digit, kind, rng)).image
        wrong.append(
            read_digits(model, prepare(line, "paper")).text != "".join(map(str, texts))
        )
    return pd.DataFrame({"lines of five": [LINES], "wrong, %": [100 * np.mean(wrong)]})


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
    fives, texts = x[2000:2500].reshape(100, 5, 28, 28), y[2000:2500].reshape(100, 5)
    tables = {
        "photos-mistakes": mistakes(fifty, y[:50]),
        "photos": wrong_digits(x[1000:2000], y[1000:2000], rng),
        "photos-lines": wrong_lines(fives, texts, rng),
    }
    for name, table in tables.items():
        path = ROOT / f"data/results/{name}.csv"
        table.to_csv(path, index=False, float_format="%.1f")
        print(table.to_string(index=False))
    one = [photos.photo(x[n], k, rng) for n, k in enumerate(photos.KINDS)]
    eight = pairs(fifty[:8], [f"a {label}" for label in y[:8]], [*WAYS])
    pictures = {"photos": pairs(one, photos.KINDS), "photos-mistakes": eight}
    for name, picture in pictures.items():
        picture.savefig(ROOT / f"docs/_static/{name}.png", dpi=100)


if __name__ == "__main__":
    main()
