"""LeNet-5 to draw for, in a page and in notebooks."""

import base64
import csv
import hashlib
import json
from pathlib import Path

import numpy as np

from lenet_keras.preprocessing import prepare
from lenet_keras.pretrained import load_pretrained, records
from lenet_study.datasets import load_mnist
from lenet_study.settings import CHECKOUT

FOLDER = Path(__file__).parent
# In the order in which they are joined: each after those that it imports.
MODULES = (
    "network", "normalization", "changes", "labels", "elements", "pictures", "drawing", "dragging",
    "unit", "layers", "convolution", "training", "tasks", "explorer",
)  # fmt: skip
NETWORKS = "lenet5-mnist-robust", "lenet5_modern-mnist-robust"
PER_CLASS, MISTAKES = 10, 100  # stored test digits a class, and mistakes of a network


def joined():
    """Returns all modules as one script: without imports, and nothing exported."""
    lines = []
    for name in MODULES:
        path = FOLDER / f"{name}.js"
        if path.exists():
            lines += path.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("import ")]
    return "\n".join(line.removeprefix("export ") for line in lines)


def page(path):
    """Writes the explorer of both networks as one HTML file.

    Args:
        path: `Path` of the file.
    """
    models = [load_pretrained(name) for name in NETWORKS]
    own = [{"name": name, **_settings(records()[name])} for name in NETWORKS]
    data = data_of(models, own, film())
    script = joined() + '\nmount(document.querySelector("main"), '
    script += 'JSON.parse(document.querySelector("#data").textContent));\n'
    style = (FOLDER / "explorer.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; img-src data: blob:; "
        f"script-src '{_sha256(script)}'; style-src '{_sha256(style)}'"
    )
    path.write_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<link rel="icon" href="data:,">\n<title>LeNet-5 alive</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n<main></main>\n"
        f'<script type="application/json" id="data">{json.dumps(data)}</script>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n',
        encoding="utf-8",
    )


def _sha256(text):
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def _settings(record):
    return {key: record[key] for key in ("pixels", "j", "temperature")}


def data_of(models, settings, film=None):
    """Returns what the page's script takes, as JSON values.

    Args:
        models: The networks.
        settings: Dictionary for each, with `name`, `pixels`, `j` and `temperature`.
        film: What `film` returns, or `None`.
    """
    pairs = [*zip(models, settings, strict=True)]
    (_, _), (x, y) = load_mnist()
    networks = [_network(model, **own) for model, own in pairs]
    digits = [("test", i, None) for n in range(10) for i in np.flatnonzero(y == n)[:10]]
    path = CHECKOUT / "data" / "paper" / "figure8_misclassified.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            digits.append(
                ("paper", int(row["mnist_test_index"]), int(row["network_answer"]))
            )
    for kind, (model, own) in zip(("mistake", "variant"), pairs, strict=False):
        outputs = model.predict(prepare(x, own["pixels"]), batch_size=500, verbose=0)
        outputs = -outputs if model.name == "lenet5" else outputs
        answers = outputs.argmax(axis=1)
        wrong = np.flatnonzero(answers != y)[:MISTAKES]
        digits += [(kind, i, answers[i]) for i in wrong]
    kinds, index, told = zip(*digits, strict=True)
    index = [int(i) for i in index]
    return {
        "networks": networks,
        "film": film,
        "digits": {
            "count": len(index),
            "labels": y[index].tolist(),
            "kinds": kinds,
            "index": index,
            "told": [None if one is None else int(one) for one in told],
            "images": _base64(x[index]),
        },
    }


def _network(model, name, pixels, j, temperature):
    """Returns one of the networks as the script takes it."""
    ends = prepare(np.array([[[0]], [[255]]], "uint8"), pixels)
    background, ink = map(float, ends.ravel())
    weights = {
        weight.path: {
            "shape": list(weight.shape),
            "data": _base64(np.asarray(weight, "<f4")),
        }
        for weight in model.weights
    }
    return {
        "name": name,
        "kind": model.name,
        "background": background,
        "ink": ink,
        "j": j,
        "temperature": temperature,
        "weights": weights,
    }


def film():
    """Returns the stored moments of a training, as the script takes them."""
    path = FOLDER / "film.npz"
    if not path.exists():
        return None
    with np.load(path) as stored:
        seen, errors, weights = (
            stored[name] for name in ("seen", "test_errors", "weights")
        )
    moments = [
        {
            "label": int(seen[i]),
            "test_error": float(errors[i]) / 100,
            "weights": _base64(weights[i].astype("<f2")),
        }
        for i in range(len(seen))
    ]
    return {"name": "lenet5-mnist", "moments": moments}


def _base64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
