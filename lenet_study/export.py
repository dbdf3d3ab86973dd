"""Trained networks in the formats of other runtimes, compared with Keras's answers."""

import importlib
import os
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from lenet_keras import pretrained
from lenet_keras.checks import expect
from lenet_keras.layers import RBF
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import sources
from lenet_study.extras import needs


class Format(NamedTuple):
    """Keras's name of a format, the end of a file's name, and the modules it needs."""

    keras_name: str
    suffix: str
    modules: tuple


FORMATS = {
    "saved_model": Format("tf_saved_model", "", ("tensorflow",)),
    "onnx": Format("onnx", ".onnx", ("tf2onnx", "onnxruntime")),
    "litert": Format("litert", ".tflite", ("ai_edge_litert",)),
    "litert-int8": Format("litert", ".tflite", ("ai_edge_litert",)),
}

# The number of training images that show int8 the range of each layer's outputs.
EXAMPLES = 500

BATCH = 1000  # images that are compared in one call

# Sums of float32 in another order differ by some 1e-7 of the largest output.
TOLERANCE = 1e-4


class Comparison(NamedTuple):
    """The answers of an exported network and of Keras to the same images.

    `difference` is the largest difference in any output, divided by the largest
    absolute value of that output. `errors` and `keras_errors` count wrong answers, and
    `size` counts bytes.
    """

    images: int
    agree: int
    difference: float
    errors: int
    keras_errors: int
    size: int


def export(
    network, format, path, layers=False, pixels=None, images=None, overwrite=False
):
    """Writes a network in another format, if its runtime answers as Keras does.

    The input keeps its name, and each output has the name of its layer.

    Args:
        network: Name of a trained network, as in `lenet_keras.load_pretrained`, or path
            of a `.keras` file.
        format: A key of `FORMATS`. `"litert-int8"` calculates with integers of 8 bits;
            its input and its outputs are float32 like those of the others.
        path: Path to write to. For `"saved_model"` it is a folder.
        layers: Whether to export the outputs of all layers, not of the last one alone.
        pixels: The second argument of `lenet_keras.preprocessing.prepare`. The default
            is that of the trained networks with the same input shape.
        images: Number of test images to compare. The default is all.
        overwrite: Whether to replace a file or a SavedModel at the path.

    Returns:
        `Comparison` on the test images of MNIST or CIFAR-10, or on those of CIFAR-10's
        sample if the complete data set is not in the data folder.

    Raises:
        ValueError: If an argument does not fit.
        OSError: If the path exists or cannot be written.
        ModuleNotFoundError: If a runtime is missing. The message names the extra.
        RuntimeError: If a format of float32 answers differently. Then nothing is
            written. Answers of `"litert-int8"` may differ.
    """
    backend, path = keras.backend.backend(), Path(path)
    what = "KERAS_BACKEND=tensorflow, where the .keras files of all backends load"
    expect(backend == "tensorflow", what, backend=backend)
    expect(format in FORMATS, f"a format among {list(FORMATS)}", format=format)
    suffix = FORMATS[format].suffix
    what = f"a path that ends in {suffix}" if suffix else "a folder without a suffix"
    expect(path.suffix == suffix, what, path=str(path))
    with needs("export"):
        for module in FORMATS[format].modules:
            importlib.import_module(module)
    if path.exists() and not overwrite:
        raise FileExistsError(f"Expected a new path, or to overwrite. Received: {path}")
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise IsADirectoryError(f"Expected a SavedModel. Received: {path}, a folder")
    if Path(network).suffix == ".keras":
        loaded = keras.saving.load_model(network, compile=False)
    else:
        loaded = pretrained.load_pretrained(network)
    examples, x, labels = _data(loaded, pixels)
    exported = loaded.layers if layers else loaded.layers[-1:]
    outputs = {layer.name: layer.output for layer in exported}
    outputs.pop(loaded.inputs[0].name, None)  # the layer of a functional model's input
    model = keras.Model(loaded.inputs[0], outputs, name=loaded.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        beside = Path(folder, path.name)
        _write(model, format, beside, examples)
        found = _compare(loaded, model, format, beside, x[:images], labels[:images])
        same = found.agree == found.images and found.difference <= TOLERANCE
        if not same and format != "litert-int8":
            what = f"Keras's answers, and outputs within {TOLERANCE} of the largest one"
            received = f"{found.agree} of {found.images} answers, and a difference of "
            received += f"{found.difference:.1e}"
            raise RuntimeError(f"Expected {what}. Received: {received}")
        if path.is_dir():
            os.replace(path, f"{beside}.old")
        os.replace(beside, path)
    return found


def runner(format, path):
    """Loads an exported network into the runtime of its format.

    Args:
        format: A key of `FORMATS`.
        path: Path of the file, or of the folder of a SavedModel.

    Returns:
        Function from a batch of inputs to a dictionary of outputs by name. All are
        NumPy arrays.
    """
    path = str(path)
    if format == "saved_model":
        import tensorflow as tf

        loaded = tf.saved_model.load(path)
        return lambda x: {name: y.numpy() for name, y in loaded.serve(x).items()}
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        (entry,) = session.get_inputs()
        names = [output.name for output in session.get_outputs()]
        run = partial(session.run, names)
        return lambda x: dict(zip(names, run({entry.name: x}), strict=True))
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(path).get_signature_runner()
    (entry,) = signature.get_input_details()
    return lambda x: signature(**{entry: x})


def _data(model, pixels):
    """Returns examples of training inputs, the test inputs, and their labels."""
    known = {tuple(own["input_shape"]): own for own in pretrained.records().values()}
    # A model that is not built, or is a graph of its own, has no input_shape.
    shape = tuple(getattr(model, "input_shape", None) or ())[1:]
    output_shape = getattr(model, "output_shape", None)
    what = f"an input_shape among {list(known)} and one vector of 10 outputs"
    fits = shape in known and output_shape == (None, 10)
    expect(fits, what, input_shape=shape, output_shape=output_shape)
    dataset, pixels = known[shape]["dataset"], pixels or known[shape]["pixels"]
    if dataset == "cifar10" and not sources.available(dataset):
        dataset = "cifar10-sample"
    arrays = sources.load(dataset)
    examples = prepare(arrays["x_train"][:EXAMPLES], pixels)
    x = prepare(arrays["x_test"], pixels)
    what = f"pixels that make images of {shape}"
    expect(x.shape[1:] == shape, what, pixels=pixels, shape=x.shape[1:])
    return examples, x, arrays["y_test"]


def _write(model, format, path, examples):
    model(examples[:1])  # Keras exports to ONNX only what was called
    arguments = {}
    if format == "litert-int8":
        import tensorflow as tf

        arguments = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": lambda: ([x[np.newaxis]] for x in examples),
        }
    with warnings.catch_warnings():
        # Keras's export to ONNX asks NumPy for np.object.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        model.export(path, FORMATS[format].keras_name, verbose=False, **arguments)


def _compare(loaded, model, format, path, x, labels):
    """Returns a `Comparison`; the output of the last layer is the answer."""
    run, last = runner(format, path), model.layers[-1]
    wins = np.argmin if isinstance(last, RBF) else np.argmax
    answers, differences = [], []
    for batch in np.array_split(x, range(BATCH, len(x), BATCH)):
        received = run(batch)
        expected = {name: np.asarray(own) for name, own in model(batch).items()}
        # `layer.output` is the first output of a layer that is called more than once.
        expected[last.name] = np.asarray(loaded(batch))
        answers.append([wins(own[last.name], axis=-1) for own in (received, expected)])
        differences += [
            np.abs(received[name] - own).max() / np.abs(own).max()
            for name, own in expected.items()
        ]
    found, kerass = np.concatenate(answers, axis=1)
    files = [path, *path.rglob("*")]
    return Comparison(
        images=len(x),
        agree=int((found == kerass).sum()),
        difference=float(np.max(differences)),  # NaN if one is
        errors=int((found != labels).sum()),
        keras_errors=int((kerass != labels).sum()),
        size=sum(file.stat().st_size for file in files if file.is_file()),
    )
