"""LeNet-5 to draw for, and to look into: one page, and a widget for notebooks.

Python sends the networks, the digits and the film of a training. All else is in the
modules of JavaScript beside this file, which need no more than a browser.
"""

import base64
import csv
import hashlib
import json
import re
from functools import partial
from pathlib import Path

import keras
import numpy as np

from lenet_keras import load_pretrained, models, pretrained
from lenet_keras.checks import expect
from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.extras import needs
from lenet_study.questions.certainty import costs_of
from lenet_study.settings import CHECKOUT

with needs("study"):
    import anywidget
    import traitlets

    from lenet_study import figures

FOLDER = Path(__file__).parent
NETWORKS = "lenet5-mnist-robust", "lenet5_modern-mnist-robust"
UNPADDED = {"paper": "paper-unpadded"}  # the border is made here
VALUES = "paper", "unit", "standard", "raw"
TEST_DIGITS, MISTAKES = 10, 100  # of each class, and of each network
IMPORT = re.compile(r'^import (\{.*\}) from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:function|class|const) (\w+)", re.MULTILINE)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>LeNet-5 alive</title>
<style>{style}</style>
</head>
<body>
<main></main>
<script type="application/json">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""
START = """
const [place, data] = ["main", "script"].map((tag) => document.querySelector(tag));
window.explorer = $explorer.mount(place, JSON.parse(data.textContent));
"""


def page(path):
    """Writes the explorer of both robust networks as one HTML file.

    The file works without a server. Its browser loads nothing else, which the policy in
    its head forbids.

    Args:
        path: `Path` of the file.
    """
    records = pretrained.records()
    networks = []
    for name in NETWORKS:
        record = records[name]  # the output of the variant has no class of rubbish
        j, temperature = costs_of(name) if record["j"] else (None, None)
        told = {"pixels": record["pixels"], "j": j, "temperature": temperature}
        networks.append({"name": name, "model": load_pretrained(name), **told})
    style, script = stylesheet(), joined() + START
    allowed = {"script-src": _hash(script), "style-src": _hash(style)}
    policy = ["default-src 'none'", "img-src data: blob:"]
    policy += [f"{what} '{digest}'" for what, digest in allowed.items()]
    data = json.dumps(data_of(networks, stored_film()))
    text = PAGE.format(policy="; ".join(policy), style=style, data=data, script=script)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _hash(text):
    return "sha256-" + _base64(hashlib.sha256(text.encode()).digest())


def _base64(data):
    return base64.b64encode(data).decode()


def stylesheet():
    """Returns the style sheet."""
    return (FOLDER / "explorer.css").read_text(encoding="utf-8")


def joined():
    """Returns all modules as one script, which ends with `$explorer`.

    Each module is a function that returns what it exports. It stands after those that
    it imports from.
    """
    texts = {}

    def add(name):
        text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
        for _, needed in IMPORT.findall(text):
            if needed not in texts:
                add(needed)
        exported = ", ".join(EXPORT.findall(text))
        text = EXPORT.sub(lambda found: found[0].removeprefix("export "), text)
        text = IMPORT.sub(r"const \1 = $\2;", text)
        text = f"{text}return {{ {exported} }};"
        texts[name] = f"const ${name} = (() => {{\n{text}\n}})();\n"

    add("explorer")
    return "".join(texts.values())


def data_of(networks, film=None):
    """Returns the networks, the film and the stored digits, as JSON values.

    Args:
        networks: List of dictionaries: the `name`, the `model`, the `pixels`, as for
            `lenet_keras.preprocessing.prepare`, and `j` and `temperature`, or `None`.
        film: What `stored_film` returns, or `None`.
    """
    _, (images, labels) = load_mnist()
    digits = [("test", i, None) for n in range(10) for i in _first(labels == n)]
    if CHECKOUT:
        path = CHECKOUT / "data" / "paper" / "figure8_misclassified.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [[int(cell) for cell in row] for row in [*csv.reader(file)][1:]]
        digits += [("paper", i, answer) for i, _, answer in rows]
    for kind, network in zip(("mistake", "variant"), networks, strict=False):
        answers = _answers(network, images)
        wrong = _first(answers != labels, MISTAKES)
        digits += [(kind, i, int(answers[i])) for i in wrong]
    kinds, index, told = zip(*digits, strict=True)
    of_all = {"kinds": kinds, "index": index, "told": told}
    of_all |= {"count": len(digits), "labels": labels[[*index]].tolist()}
    of_all["images"] = _base64(images[[*index]].tobytes())
    records = [_record(**network) for network in networks]
    return {"networks": records, "film": film, "digits": of_all}


def _first(chosen, count=TEST_DIGITS):
    return np.flatnonzero(chosen)[:count].tolist()


def _answers(network, images):
    model = network["model"]
    outputs = model.predict(_input(model, network["pixels"], images), 1000, 0)
    nearest = np.argmin if model.name == "lenet5" else np.argmax
    return nearest(outputs, axis=1)


def _input(model, pixels, images):
    """Returns digits as a model takes them: with a border if its images are larger."""
    border = (model.input_shape[1] - 28) // 2
    images = np.pad(images, [(0, 0), (border, border), (border, border)])
    return prepare(images, UNPADDED.get(pixels, pixels))


def _record(name, model, pixels, j, temperature):
    """Returns one of the networks, as the script takes it."""
    ends = prepare(np.array([[[0]], [[255]]], "uint8"), pixels)
    background, ink = map(float, ends.ravel())
    weights = {
        weight.path: {
            "shape": list(weight.shape),
            "data": _base64(np.asarray(weight).astype("<f4").tobytes()),
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


def stored_film():
    """Returns the stored moments of a training, as the script takes them."""
    with np.load(FOLDER / "film.npz") as stored:
        moments = [
            {
                "label": int(seen),  # patterns
                "test_error": int(errors) / 100,  # percent
                "weights": _base64(weights.astype("<f2").tobytes()),
            }
            for seen, errors, weights in zip(*stored.values(), strict=True)
        ]
    return {"name": "lenet5-mnist", "moments": moments}


def _array(dtype, *shape):
    """Returns a trait: an array that the script sets, or `None`."""

    def from_json(data, widget):
        return None if data is None else np.frombuffer(data, dtype).reshape(shape)

    return traitlets.Any().tag(
        sync=True,
        from_json=from_json,
        to_json=lambda array, widget: None if array is None else array.tobytes(),
    )


class Explorer(anywidget.AnyWidget):
    """The widget that `explorer` returns.

    Attributes:
        image: What the network saw: `uint8` array of shape `(28, 28)`, light ink on a
            background of 0, or `None` for an empty field.
        answers: The network's ten outputs for it: distances of a `lenet5`,
            probabilities of a `lenet5_modern`; or `None`.
    """

    data = traitlets.Dict().tag(sync=True)
    image = _array("uint8", 28, 28)
    answers = _array("float32", 10)

    def __init__(self, still, **traits):
        self._esm = joined() + "export default { render: $explorer.render };\n"
        self._css = stylesheet()
        self.still = still  # a function that returns a figure
        super().__init__(**traits)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        figure = self.still()
        words = repr(figure)
        data |= {"image/png": _base64(figure.png().getvalue()), "text/plain": words}
        return data, metadata | {"image/png": {"alt": words}}


def explorer(model, pixels="paper", j=None, temperature=None):
    """Shows a network in a notebook: draw a digit, and see each layer at work.

    Where no kernel runs, a notebook shows a picture of the maps in its place.

    Args:
        model: What `lenet_keras.models.lenet5` or `lenet5_modern` builds by default,
            with any weights.
        pixels: Values of the pixels: `"paper"`, `"unit"`, `"standard"` or `"raw"`, as
            for `lenet_keras.preprocessing.prepare`. The image gets the border that the
            network wants.
        j: Distance of the rubbish class of a `lenet5`. By default it is that of the
            loss with which the model is compiled, or else of `MaximumAPosteriori()`.
        temperature: What divides the distances, as for `j`.

    Returns:
        `Explorer`, a widget.

    Example:

    >>> from lenet_keras import load_pretrained
    >>> widget = explorer(load_pretrained("lenet5-mnist"))
    >>> widget.image is None  # nothing is drawn yet
    True

    Raises:
        ValueError: If the model has another structure, or `pixels` is another name.
    """
    expect(pixels in VALUES, f"pixels among {VALUES}", pixels=pixels)
    own = _rebuilt(model)
    what = "a model as lenet5() or lenet5_modern() builds it, with any weights"
    expect(own is not None, what, model=model.name, input_shape=model.input_shape)
    if own.name == "lenet5":
        loss = MaximumAPosteriori()
        if isinstance(model.loss, MaximumAPosteriori):
            loss = model.loss
        j = loss.j if j is None else j
        temperature = loss.temperature if temperature is None else temperature
    network = {"name": model.name, "model": own, "pixels": pixels}
    network |= {"j": j, "temperature": temperature}
    return Explorer(partial(_still, own, pixels), data=data_of([network]))


def _rebuilt(model):
    """Returns the same network as it is built by default, or `None`."""
    rng = np.random.default_rng(0)
    shapes = [weight.shape for weight in model.weights]
    for build in (models.lenet5, models.lenet5_modern):
        own = build()
        sides = [(net.input_shape, net.output_shape) for net in (own, model)]
        if sides[0] == sides[1] and shapes == [weight.shape for weight in own.weights]:
            # Initial weights may be so small that an activation makes no difference.
            other = keras.models.clone_model(model)
            scales = [np.prod(shape[:-1]) ** -0.5 for shape in shapes]
            drawn = zip(shapes, scales, strict=True)
            values = [scale * rng.standard_normal(shape) for shape, scale in drawn]
            x = rng.random((4, *own.input_shape[1:]), "float32")
            own.set_weights(values)
            other.set_weights(values)
            if np.allclose(own(x), other(x), rtol=1e-3):
                own.set_weights(model.get_weights())
                return own
    return None


def _still(model, pixels):
    """Returns a figure of a test digit on its way through a network."""
    _, (images, _) = load_mnist()
    names = ["input", "C1", "S2", "C3", "S4"]
    outputs = [model.get_layer(name).output for name in names]
    shown = keras.Model(model.input, outputs)(_input(model, pixels, images[:1]))
    maps = {name: np.array(one)[0] for name, one in zip(names, shown, strict=True)}
    return figures.feature_maps(maps)
