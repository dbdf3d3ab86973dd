"""The explorer without a browser: its page, its data, and which networks it takes."""

import base64
import hashlib
import html.parser
import json
import re

import keras
import numpy as np
import pytest

from lenet_keras import load_pretrained, models
from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.preprocessing import prepare
from lenet_study import explorer
from lenet_study.datasets import load_mnist


class Parts(html.parser.HTMLParser):
    """The attributes and the content of each element of a page."""

    def __init__(self, text):
        super().__init__()
        self.parts = [["", {}, ""]]
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.parts.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        self.parts.append(["", {}, ""])

    def handle_data(self, text):
        self.parts[-1][2] += text


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("new") / "folder/play.html"
    explorer.page(path)
    return path


@pytest.fixture(scope="module")
def parts(page):
    return Parts(page.read_text("utf-8")).parts


@pytest.fixture(scope="module")
def data(parts):
    return json.loads(next(text for _, own, text in parts if "json" in str(own)))


def decoded(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_policy_allows_the_pages_own_script_and_style_alone(parts):
    policies = [own["content"] for _, own, _ in parts if "http-equiv" in own]
    allowed = dict(part.split(" ", 1) for part in policies[0].split("; "))
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data: blob:"
    texts = {"style-src": [], "script-src": []}
    for tag, own, text in parts:
        if tag in ("style", "script") and own.get("type") != "application/json":
            texts[f"{tag}-src"].append(text)
    for kind, (text,) in texts.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"


def test_the_page_is_small_also_without_its_film(page, data):
    size = page.stat().st_size
    film = sum(len(moment["weights"]) for moment in data["film"]["moments"])
    assert size < 3_000_000
    assert size - film < 1_500_000


def test_the_script_joins_each_module_once_after_those_that_it_needs():
    script = explorer.joined()
    modules = sorted(path.stem for path in explorer.FOLDER.glob("*.js"))
    names = re.findall(r"^const \$(\w+) = \(\(\) => \{$", script, re.MULTILINE)
    assert sorted(names) == modules
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    exported = {}
    for text in script.split("\n})();\n")[:-1]:
        name = re.match(r"const \$(\w+)", text)[1]
        for wanted, module in re.findall(
            r"^const \{ (.*) \} = \$(\w+);", text, re.MULTILINE
        ):
            assert set(wanted.split(", ")) <= exported[module]
        exported[name] = {*re.search(r"return \{ (.*) \};$", text)[1].split(", ")}


def test_the_networks_are_those_of_the_package(data):
    faithful, modern = data["networks"]
    for record, name in zip((faithful, modern), explorer.NETWORKS, strict=True):
        assert record["name"] == name
        model = load_pretrained(name)
        stored = record["weights"]
        for weight in model.weights:
            own = decoded(stored[weight.path]["data"], "<f4")
            np.testing.assert_array_equal(own.reshape(weight.shape), np.array(weight))
        assert np.float32([record["background"], record["ink"]]) == pytest.approx(
            [-0.1, 1.175]
        )
    kinds = [record["kind"] for record in data["networks"]]
    assert kinds == ["lenet5", "lenet5_modern"]
    assert (faithful["j"], faithful["temperature"]) == (80.2125, 8.41)
    assert (modern["j"], modern["temperature"]) == (None, None)


def test_the_digits_are_test_digits_the_papers_and_the_networks_mistakes(data):
    digits = data["digits"]
    images, labels = load_mnist()[1]
    index = digits["index"]
    stored = decoded(digits["images"], "uint8").reshape(-1, 28, 28)
    np.testing.assert_array_equal(stored, images[index])
    assert digits["labels"] == labels[index].tolist()
    counts = {kind: digits["kinds"].count(kind) for kind in digits["kinds"]}
    assert counts == {"test": 100, "paper": 82, "mistake": 53, "variant": 43}
    assert sorted(digits["labels"][:100]) == sorted([*range(10)] * 10)
    rows = [*zip(digits["kinds"], digits["labels"], digits["told"], strict=True)]
    assert all((told is None) == (kind == "test") for kind, _, told in rows)
    assert all(label != told for _, label, told in rows)
    assert rows[100] == ("paper", 4, 6)
    for kind, name, pixels in [
        ("mistake", "lenet5-mnist-robust", "paper"),
        ("variant", "lenet5_modern-mnist-robust", "paper-unpadded"),
    ]:
        own = [place for place, row in enumerate(rows) if row[0] == kind]
        outputs = load_pretrained(name).predict(prepare(stored[own], pixels), verbose=0)
        outputs = -outputs if kind == "mistake" else outputs
        assert outputs.argmax(axis=1).tolist() == [rows[i][2] for i in own]


def test_the_film_goes_from_the_first_weights_to_the_last(data):
    moments = data["film"]["moments"]
    seen = [moment["label"] for moment in moments]
    assert seen == sorted(seen)
    assert (len(seen), seen[0], seen[-1]) == (8, 0, 1_200_000)
    errors = [moment["test_error"] for moment in moments]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 80
    assert errors[-1] < 1
    for moment in moments:
        weights = decoded(moment["weights"], "<f2")
        assert weights.shape == (60_000,)
        assert np.isfinite(weights).all()


@pytest.mark.parametrize(
    ("build", "pixels", "ends"),
    [(models.lenet5, "unit", [0, 1]), (models.lenet5_modern, "paper", [-0.1, 1.175])],
)
def test_the_widget_shows_a_network_of_ones_own(build, pixels, ends):
    model = build(name="mine")
    widget = explorer.explorer(model, pixels)
    (record,) = widget.data["networks"]
    assert (record["name"], record["kind"]) == ("mine", build().name)
    assert [record["background"], record["ink"]] == pytest.approx(ends)
    for weight in model.weights:
        stored = decoded(record["weights"][weight.path]["data"], "<f4")
        np.testing.assert_array_equal(stored, np.ravel(weight))
    assert widget.data["film"] is None
    assert (widget.image, widget.answers) == (None, None)
    digits = widget.data["digits"]
    own = [place for place, kind in enumerate(digits["kinds"]) if kind == "mistake"]
    assert len(own) == explorer.MISTAKES  # of some thousands
    images = decoded(digits["images"], "uint8").reshape(-1, 28, 28)[own] / 255
    x = ends[0] + (ends[1] - ends[0]) * images
    if build is models.lenet5:
        x = np.pad(x, [(0, 0), (2, 2), (2, 2)])
    outputs = model.predict(x[..., np.newaxis], verbose=0)
    answers = (outputs if build is models.lenet5 else -outputs).argmin(axis=1)
    assert answers.tolist() == [digits["told"][place] for place in own]


@pytest.fixture
def quick(monkeypatch):
    """Widgets without the network's mistakes, which take seconds to find."""
    none = lambda network, images: load_mnist()[1][1]  # noqa: E731
    monkeypatch.setattr(explorer, "_answers", none)


def test_the_widget_takes_the_rubbish_class_of_the_loss(quick):
    model = models.lenet5()

    def told(**arguments):
        (record,) = explorer.explorer(model, **arguments).data["networks"]
        return record["j"], record["temperature"]

    assert told() == (10, 1)
    model.compile(loss=MaximumAPosteriori(j=30.0, temperature=3.0))
    assert told() == (30, 3)
    assert told(j=5.0) == (5, 3)
    assert told(temperature=2.0) == (30, 2)


def test_what_is_drawn_comes_back_as_arrays(quick):
    widget = explorer.explorer(models.lenet5())
    image = np.arange(784, dtype="uint32").astype("uint8")
    answers = np.arange(10, dtype="float32")
    state = {"image": memoryview(image.tobytes()), "answers": answers.tobytes()}
    widget.set_state(state)
    np.testing.assert_array_equal(widget.image, image.reshape(28, 28))
    np.testing.assert_array_equal(widget.answers, answers)
    sent = widget.get_state(["image", "answers"])
    assert (sent["image"], sent["answers"]) == (image.tobytes(), answers.tobytes())
    widget.set_state({"image": None, "answers": None})
    assert (widget.image, widget.answers) == (None, None)


def test_a_notebook_that_does_not_run_shows_a_picture(quick):
    data, metadata = explorer.explorer(models.lenet5_modern())._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    told = metadata["image/png"]["alt"]
    assert all(name in told for name in ("input", "C1", "S2", "C3", "S4"))


def other_activation():
    model = models.lenet5()
    model.get_layer("F6").activation = keras.activations.tanh
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.lenet5((36, 32, 1)),
        lambda: models.lenet5((32, 32, 3)),
        lambda: models.lenet5(num_classes=9),
        lambda: models.lenet5(codes=np.ones((10, 50))),
        lambda: models.lenet5_modern((32, 32, 1)),
        lambda: models.lenet5_modern(num_classes=11),
        lambda: load_pretrained("lenet5-mnist", "probabilities"),
        other_activation,
        lambda: keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()]),
    ],
)
def test_a_network_of_another_structure_is_refused(build):
    with pytest.raises(ValueError, match=r"Expected a model as lenet5.* Received"):
        explorer.explorer(build())


def test_other_pixels_are_refused():
    with pytest.raises(ValueError, match=r"Expected pixels among .*'paper-reduced'"):
        explorer.explorer(models.lenet5(), "paper-reduced")
