import contextlib
import functools
import os
import re
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from click.testing import CliRunner

import lenet_keras
from lenet_keras import pretrained
from lenet_keras.preprocessing import prepare
from lenet_study import export as exports
from lenet_study.command import cli
from lenet_study.datasets import load_mnist
from lenet_study.export import FORMATS, export, runner

ROOT = Path(__file__).parents[2]

DIGITS = 500
FLOATS = ["saved_model", "onnx", "litert"]


def path_for(format, folder):
    return folder / f"network{FORMATS[format].suffix}"


def digits(name):
    _, (images, labels) = load_mnist()
    pixels = pretrained.records()[name]["pixels"]
    return prepare(images[:DIGITS], pixels), labels[:DIGITS]


@pytest.mark.parametrize("format", FLOATS)
@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5_modern-mnist"])
def test_a_format_gives_every_layers_output(name, format, tmp_path):
    path = path_for(format, tmp_path / "new")
    found = export(name, format, path, layers=True, images=DIGITS)
    assert list(path.parent.iterdir()) == [path]
    model, (x, labels) = lenet_keras.load_pretrained(name), digits(name)
    received = runner(format, path)(x)
    assert set(received) == {layer.name for layer in model.layers[1:]}
    assert {"C1", "S2", "C3", "S4", "C5", "F6", "output"} <= set(received)
    all_layers = keras.Model(model.input, [layer.output for layer in model.layers[1:]])
    pairs = zip(model.layers[1:], all_layers.predict(x, verbose=0), strict=True)
    for layer, expected in pairs:
        atol = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(received[layer.name], expected, rtol=0, atol=atol)
    wins = np.argmax if "modern" in name else np.argmin
    errors = (wins(received["output"], axis=1) != labels).sum()
    assert (found.images, found.agree) == (DIGITS, DIGITS)
    assert found.errors == found.keras_errors == errors < 10
    assert found.difference < 1e-5


@pytest.mark.parametrize("format", FLOATS)
def test_alone_the_last_output_has_its_layers_name(format, tmp_path):
    path = path_for(format, tmp_path)
    found = export("lenet5-mnist", format, path, images=DIGITS)
    x, _ = digits("lenet5-mnist")
    outputs = runner(format, path)(x)
    distances = lenet_keras.load_pretrained("lenet5-mnist").predict(x, verbose=0)
    assert list(outputs) == ["output"]
    np.testing.assert_allclose(outputs["output"], distances, rtol=1e-4)
    assert runner(format, path)(x[:1])["output"].shape == (1, 10)  # any batch
    files = [path, *path.rglob("*")]
    assert found.size == sum(len(f.read_bytes()) for f in files if f.is_file())
    assert found.size < 700 * 1024


def test_cifar10_is_compared_on_its_own_images(tmp_path):
    found = export("lenet5_modern-cifar10", "litert", tmp_path / "a.tflite", images=300)
    assert (found.images, found.agree) == (300, 300)
    assert 50 < found.errors == found.keras_errors < 110


@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5_modern-mnist"])
def test_int8_calculates_with_integers_alone(name, tmp_path):
    path = tmp_path / "network.tflite"
    found = export(name, "litert-int8", path, images=DIGITS)
    x, labels = digits(name)
    outputs = runner("litert-int8", path)(x)["output"]
    wins = np.argmax if "modern" in name else np.argmin
    assert found.errors == (wins(outputs, axis=1) != labels).sum()
    assert DIGITS - 5 <= found.agree <= DIGITS
    assert found.errors < 10
    assert found.keras_errors < 10
    assert path.stat().st_size == found.size < 90 * 1024
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    assert {end["dtype"] for end in ends} == {np.float32}
    floats = {
        tensor["name"]
        for tensor in interpreter.get_tensor_details()
        if tensor["dtype"] == np.float32
    } - {end["name"] for end in ends}
    assert floats == set()


def test_int8_takes_its_ranges_from_training_digits(tmp_path, monkeypatch):
    given = {}

    def stop(model, path, format, **arguments):
        given.update(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "export", stop)
    with pytest.raises(KeyboardInterrupt):
        export("lenet5-mnist", "litert-int8", tmp_path / "network.tflite")
    (images, _), _ = load_mnist()
    examples = [x for (x,) in given["representative_dataset"]()]
    np.testing.assert_array_equal(
        np.concatenate(examples), prepare(images[:500], "paper")
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_compared_with_the_pixels_it_was_trained_on(tmp_path):
    (images, labels), test = load_mnist()
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(prepare(images[:2000], "raw"), labels[:2000], epochs=3, verbose=0)
    file = tmp_path / "mine.keras"
    model.save(file)
    path = tmp_path / "mine.onnx"
    found = export(file, "onnx", path, pixels="raw", images=DIGITS)
    answers = model.predict(prepare(test[0][:DIGITS], "raw"), verbose=0).argmax(axis=1)
    errors = (answers != test[1][:DIGITS]).sum()
    assert found.agree == DIGITS
    assert found.errors == found.keras_errors == errors < 150
    again = export(file, "onnx", path, images=DIGITS, overwrite=True)
    assert again.keras_errors != errors  # on the pixels of lenet5_modern


def test_the_input_shape_tells_data_set_and_pixels():
    records = pretrained.records().values()
    kinds = {(*r["input_shape"], r["dataset"], r["pixels"]) for r in records}
    assert len(kinds) == len({kind[:3] for kind in kinds})


def test_a_network_that_was_damaged_is_noticed(tmp_path, monkeypatch, message):
    write = keras.Model.export

    def damaged(model, *args, **kwargs):
        kernel = model.get_layer("C3").kernel
        kernel.assign(-kernel)
        try:
            write(model, *args, **kwargs)
        finally:
            kernel.assign(-kernel)

    monkeypatch.setattr(keras.Model, "export", damaged)
    path = tmp_path / "a.tflite"
    text = message(export, "lenet5-mnist", "litert", path, images=DIGITS)
    assert text.startswith("Expected outputs within 0.0001 of Keras's largest one")
    assert "Received: images=500, agree=" in text
    assert list(tmp_path.iterdir()) == []


def test_the_page_on_formats_runs_as_it_is_printed(tmp_path, monkeypatch):
    text = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    saving, *programs = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exports, "export", functools.partial(export, images=10))
    names = {}
    exec(saving, names)
    commands = re.findall(r"^lenet-keras (export .*)$", text, re.M)
    assert len(commands) == 5
    for command in commands:
        done = CliRunner().invoke(cli, command.split(), catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert len(programs) == 6
    for program in programs:
        exec(program, names)
        if "argmin" in program:
            assert names.pop("answers").shape == (2,)
    assert (names["c1"].shape, names["s2"].shape) == ((2, 28, 28, 6), (2, 14, 14, 6))


@pytest.mark.parametrize(
    ("format", "damage"), [("onnx", 1e-3), ("onnx", np.nan), ("litert-int8", np.nan)]
)
def test_wrong_maps_are_noticed_where_the_answers_are_right(
    format, damage, tmp_path, monkeypatch, message
):
    def wrong(format, path):
        run = runner(format, path)
        return lambda x: {
            name: y + damage if name == "S2" else y for name, y in run(x).items()
        }

    monkeypatch.setattr(exports, "runner", wrong)
    path = path_for(format, tmp_path)
    text = message(export, "lenet5-mnist", format, path, layers=True, images=100)
    assert re.search(r"Received: images=100, agree=\d+, difference=(nan|0\.00)", text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_an_output_is_replaced_only_if_asked(format, tmp_path):
    path = path_for(format, tmp_path)
    export("lenet5-mnist", format, path, images=10)
    before = {p: p.stat().st_ino for p in [path, *path.rglob("*")]}
    with pytest.raises(FileExistsError, match=r"^Expected a new path.*Received: "):
        export("lenet5-mnist", format, path, images=10)
    assert {p: p.stat().st_ino for p in [path, *path.rglob("*")]} == before
    export("lenet5-mnist", format, path, layers=True, images=10, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]
    x, _ = digits("lenet5-mnist")
    assert "S4" in runner(format, path)(x[:1])


@pytest.mark.parametrize(
    ("format", "name"),
    [("saved_model", "mine"), ("saved_model", "mine/thesis"), ("onnx", "mine.onnx")],
)
def test_what_is_of_another_kind_is_never_replaced(format, name, tmp_path):
    folder = tmp_path / name.split("/")[0]
    folder.mkdir()
    for other in ("thesis", *(["saved_model.pb"] if format == "onnx" else [])):
        (folder / other).write_text("all of it")
    with pytest.raises(FileExistsError, match=r"s alone$"):
        export("lenet5-mnist", format, tmp_path / name, overwrite=True, images=10)
    assert list(tmp_path.iterdir()) == [folder]
    assert (folder / "thesis").read_text() == "all of it"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("stopped", [(1,), (2,), (1, 2), (2, 3)])
def test_no_interruption_loses_both_the_old_and_the_new(
    stopped, after, tmp_path, monkeypatch
):
    path, calls, replace = tmp_path / "network", [], os.replace
    path.mkdir()
    (path / "old").touch()

    def stopping(source, target):
        calls.append(target)
        stop = len(calls) in stopped
        if after or not stop:
            replace(source, target)
        if stop:
            raise SystemExit

    monkeypatch.setattr(os, "replace", stopping)
    with contextlib.suppress(SystemExit), exports._replacing(path) as new:
        new.mkdir()
        (new / "new").touch()
    files = [file.name for file in tmp_path.rglob("*/*") if file.is_file()]
    assert files
    if len(stopped) == 1:
        assert list(tmp_path.iterdir()) == [path]
        assert files in (["old"], ["new"])


@pytest.mark.parametrize(
    ("format", "name", "expected"),
    [
        ("onnx", "a.tflite", "Expected a path that ends in .onnx."),
        ("litert", "a.onnx", "Expected a path that ends in .tflite."),
        ("litert-int8", "a", "Expected a path that ends in .tflite."),
        ("saved_model", "a.onnx", "Expected a folder without a suffix."),
        ("ONNX", "a.onnx", f"Expected a format among {list(FORMATS)}."),
    ],
)
def test_a_wrong_format_or_suffix_is_refused(format, name, expected, tmp_path, message):
    refused = message(export, "lenet5-mnist", format, tmp_path / name)
    assert refused.startswith(f"{expected} Received: ")
    assert list(tmp_path.iterdir()) == []


def test_what_it_cannot_compare_is_refused(tmp_path, message):
    path = tmp_path / "a.onnx"
    assert "name='lenet6'" in message(export, "lenet6", "onnx", path)
    file = tmp_path / "other.keras"
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(10)]).save(file)
    assert "input_shape=(8,)" in message(export, file, "onnx", path)
    inputs = keras.Input((28, 28, 1))
    keras.Model(inputs, [inputs, inputs]).save(file)
    assert "one vector of 10 outputs" in message(export, file, "onnx", path)
    unfit = message(export, "lenet5-mnist", "onnx", path, pixels="unit")
    assert "(28, 28, 1)" in unfit
    assert not path.exists()


def test_another_backend_is_refused(tmp_path, monkeypatch, message):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert "KERAS_BACKEND=tensorflow" in message(
        export, "lenet5-mnist", "onnx", tmp_path / "a.onnx"
    )


@pytest.mark.parametrize(
    ("format", "module"),
    [("onnx", "tf2onnx"), ("onnx", "onnxruntime"), ("litert", "ai_edge_litert")],
)
def test_a_missing_runtime_names_the_extra(format, module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError) as error:
        export("lenet5-mnist", format, path_for(format, tmp_path))
    assert str(error.value) == (
        f'Expected the extra "export" of lenet_keras. Received: no module {module}. '
        "Install it: pip install 'lenet_keras[export]'"
    )


def saved(model, folder):
    path = folder / "model.keras"
    model.save(path)
    return path


def dense(*layers, **arguments):
    flat = keras.layers.Flatten()
    return keras.Sequential(
        [keras.Input((28, 28, 1), **arguments), *layers, flat, keras.layers.Dense(10)]
    )


def twice():
    inputs = keras.Input((28, 28, 1))
    shared = keras.layers.Dense(10, activation="tanh", name="shared")
    hidden = keras.layers.Dense(10)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, shared(shared(hidden)))


def inside(name, *before):
    model = lenet_keras.load_pretrained(name)
    return keras.Sequential([keras.Input((28, 28, 1)), *before, model])


def two_deep():
    inputs = keras.Input((28, 28, 1))
    model = inside("lenet5-mnist", keras.layers.ZeroPadding2D(2))
    return keras.Model(inputs, keras.Sequential([model])(inputs))


def two_outputs_inside():
    inputs = keras.Input((32, 32, 1))
    distances = lenet_keras.load_pretrained("lenet5-mnist")(inputs)
    model = keras.Model(inputs, [keras.layers.Softmax()(distances), distances])
    return keras.Model(inputs, model(inputs)[1])


def states():
    inputs = keras.Input((28, 28))
    output, *_ = keras.layers.LSTM(10, return_state=True)(inputs)
    rows = keras.layers.Reshape((28, 28))
    return keras.Sequential(
        [keras.Input((28, 28, 1)), rows, keras.Model(inputs, output)]
    )


def by_name():
    inputs = keras.Input((28, 28, 1))
    return keras.Model(inputs, {"answer": dense()(inputs)})


def negative():
    model = lenet_keras.load_pretrained("lenet5-mnist")
    return keras.Model(model.input, keras.ops.softmax(-model.output))


@pytest.mark.parametrize(
    ("make", "wins"),
    [
        (lambda: inside("lenet5-mnist", keras.layers.ZeroPadding2D(2)), np.argmin),
        (lambda: inside("lenet5_modern-mnist"), np.argmax),
        (two_deep, np.argmin),
        (two_outputs_inside, np.argmin),
        (negative, np.argmax),
        (twice, np.argmax),
        (states, np.argmax),
        (by_name, np.argmax),
        (lambda: dense(keras.layers.Rescaling(1 / 255), dtype="uint8"), np.argmax),
        (lambda: dense(keras.layers.Rescaling(0)), np.argmax),  # all outputs are 0
    ],
)
def test_the_output_is_that_of_the_whole_network(make, wins, tmp_path):
    path, model = tmp_path / "network.onnx", make()
    dtype = model.inputs[0].dtype
    pixels = "paper" if model.input_shape[1] == 32 else "paper-unpadded"
    pixels = "raw" if dtype == "uint8" else pixels
    file = saved(model, tmp_path)
    found = export(file, "onnx", path, pixels=pixels, images=100)
    _, (images, labels) = load_mnist()
    x = prepare(images[:100], pixels).astype(dtype)
    (received,) = runner("onnx", path)(x).values()
    (expected,) = keras.tree.flatten(model.predict(x, verbose=0))
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(received, expected, rtol=0, atol=atol)
    assert found.difference < 1e-5
    assert found.errors == (wins(received, axis=1) != labels[:100]).sum()


def test_of_all_layers_a_model_inside_is_one(tmp_path):
    padding = keras.layers.ZeroPadding2D(2, name="padding")
    last = [keras.layers.Softmax(name="last")]
    model = keras.Sequential([*inside("lenet5-mnist", padding).layers, *last])
    model.build((None, 28, 28, 1))
    path = tmp_path / "a.onnx"
    export(saved(model, tmp_path), "onnx", path, layers=True, images=10)
    x, _ = digits("lenet5_modern-mnist")
    received = runner("onnx", path)(x)
    assert set(received) == {"padding", "lenet5", "last"}
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    np.testing.assert_array_equal(received["padding"], padded)
    distances = lenet_keras.load_pretrained("lenet5-mnist").predict(padded, verbose=0)
    np.testing.assert_allclose(received["lenet5"], distances, rtol=1e-4)


def test_ties_are_no_differences(tmp_path):
    inputs = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(20, "tanh")(keras.layers.Flatten()(inputs))
    outputs = keras.layers.Dense(10)(keras.layers.Concatenate()([hidden] * 10))
    model = keras.Model(inputs, outputs)
    kernel = np.random.default_rng(0).normal(size=200).astype("float32")
    rolled = np.stack([np.roll(kernel, 20 * k) for k in range(10)], axis=1)
    model.layers[-1].set_weights([rolled, np.zeros(10)])  # ten times the same sum
    found = export(saved(model, tmp_path), "onnx", tmp_path / "a.onnx", images=DIGITS)
    assert found.agree < DIGITS
    assert found.difference < 1e-6


def quantized():
    model = dense()
    model.layers[-1].quantize("int8")
    return model


@pytest.mark.parametrize(
    ("make", "policy"),
    [
        (lambda: inside("lenet5_modern-mnist"), "mixed_float16"),
        (lambda: lenet_keras.models.lenet5(), "mixed_bfloat16"),
        (dense, "bfloat16"),
        (lambda: keras.Sequential([keras.Input((28, 28, 1)), dense()]), "float16"),
        (quantized, "int8_from_float32"),
    ],
)
def test_another_policy_is_refused_by_name(make, policy, tmp_path, message):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy.removeprefix("int8_from_"))
    try:
        file = saved(make(), tmp_path)
    finally:
        keras.config.set_dtype_policy(before)
    for format in FORMATS:
        text = message(export, file, format, path_for(format, tmp_path))
        assert text.startswith("Expected dtype policy float32: build the network so")
        assert f"'{policy}'" in text


class Unknown(keras.layers.Layer):
    def call(self, x):
        return x


def unzipped(name):
    def damage(file):
        with zipfile.ZipFile(file) as archive:
            rest = {own: archive.read(own) for own in archive.namelist() if own != name}
        with zipfile.ZipFile(file, "w") as archive:
            for own, content in rest.items():
                archive.writestr(own, content)

    return damage


def as_folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "No such file"),
        (as_folder, "Is a directory"),
        (lambda file: file.write_bytes(b""), "not a zip file"),
        (lambda file: file.write_bytes(file.read_bytes()[:9000]), "not a zip file"),
        (unzipped("config.json"), "config.json"),
        (unzipped("model.weights.h5"), "model.weights.h5"),
        (lambda file: dense(Unknown()).save(file), "TypeError: Could not locate class"),
        (
            lambda file: dense(keras.layers.Lambda(lambda x: x)).save(file),
            "deserialization of a `Lambda`",
        ),
    ],
)
def test_a_file_that_does_not_load_is_named_with_the_reason(
    damage, reason, tmp_path, message
):
    file = saved(dense(), tmp_path)
    damage(file)
    text = message(export, file, "litert", tmp_path / "a.tflite")
    assert text.startswith(f"Expected {file} to load after `import lenet_keras`. ")
    assert reason in text
    assert "\n" not in text
    assert len(text) < 400 + len(str(file))


@pytest.fixture
def closed_scopes():
    """Keras leaves the scope of a layer open whose name TensorFlow refuses."""
    yield
    keras.utils.clear_session()


@pytest.mark.usefixtures("closed_scopes")
def test_what_a_format_cannot_express_is_told(tmp_path, message):
    file = saved(dense(keras.layers.Identity(name="my layer")), tmp_path)
    for format in FORMATS:
        text = message(export, file, format, path_for(format, tmp_path))
        assert text.startswith(f"Expected a network that {format} can express. Rec")
        assert "error=\"ValueError: 'my layer' is not a valid scope name." in text
        assert "Functional.call()" not in text


def test_reversed_answers_get_a_hint(tmp_path, monkeypatch):
    model = lenet_keras.load_pretrained("lenet5-mnist")
    softmax = keras.layers.Softmax()(model.output)
    file = saved(keras.Model(model.input, softmax), tmp_path)
    monkeypatch.setattr(exports, "export", functools.partial(export, images=30))
    for network, hint in ((file, True), ("lenet5-mnist", False)):
        path = tmp_path / f"{hint}.tflite"
        arguments = ["export", str(network), "--format=litert", f"--output={path}"]
        done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert (
            "Is the sign reversed? Behind RBF use RBFPosterior" in done.output
        ) == hint


def test_maps_or_five_outputs_are_refused(tmp_path, message):
    for outputs in (
        [keras.layers.Conv2D(10, 3)],
        [keras.layers.Flatten(), keras.layers.Dense(5)],
    ):
        model = keras.Sequential([keras.Input((28, 28, 1)), *outputs])
        text = message(export, saved(model, tmp_path), "onnx", tmp_path / "a.onnx")
        assert "one vector of 10 outputs" in text
        assert f"output_shape={model.output_shape}" in text
