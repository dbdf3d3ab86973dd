"""Trained networks in the formats of other runtimes, compared with Keras's answers."""

import contextlib
import importlib
import os
import re
import shutil
import tempfile
import warnings
import zipfile
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
    absolute value of that output, or by 1 if all are 0. `errors` and `keras_errors`
    count wrong answers, and `size` counts bytes.
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

    The input keeps its name, and each output has the name of its layer. Both runtimes
    get the same images. What counts are the outputs: if all are within `TOLERANCE`, an
    answer differs only where the best two outputs are as good as equal.

    Args:
        network: Name of a trained network, as in `lenet_keras.load_pretrained`, or path
            of a `.keras` file.
        format: A key of `FORMATS`. `"litert-int8"` calculates with integers of 8 bits;
            its input and its outputs are float32 like those of the others.
        path: Path to write to. For `"saved_model"` it is a folder.
        layers: Whether to export the outputs of all layers, not of the last one alone.
            A model inside counts as one layer.
        pixels: The second argument of `lenet_keras.preprocessing.prepare`. The default
            is that of the trained networks with the same input shape.
        images: Number of test images to compare. The default is all.
        overwrite: Whether to replace a file or a SavedModel at the path.

    Returns:
        `Comparison` on the test images of MNIST or CIFAR-10, or on those of CIFAR-10's
        sample if the complete data set is not in the data folder.

    Raises:
        ValueError: If an argument does not fit, if the format cannot express the
            network, if an output is NaN, or if one in float32 differs by more than
            `TOLERANCE`. Then nothing is written. Those of `"litert-int8"` may differ.
        OSError: If the path exists or cannot be written.
        ModuleNotFoundError: If a runtime is missing. The message names the extra.
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
    known = path if suffix else path / "saved_model.pb"
    if path.exists() and not (overwrite and known.is_file()):
        text = f"{path}; {format} replaces {'files' if suffix else 'SavedModels'} alone"
        raise FileExistsError(f"Expected a new path, or to overwrite. Received: {text}")
    if Path(network).suffix == ".keras":
        with _told(f"{network} to load after `import lenet_keras`"):
            zipfile.ZipFile(network).close()  # Keras calls all but a zip "not found"
            loaded = keras.saving.load_model(network, compile=False)
    else:
        loaded = pretrained.load_pretrained(network)
    policies = sorted({own.dtype_policy.name for own in loaded._flatten_layers()})
    what = "dtype policy float32: build the network so, and set its unquantized weights"
    expect(policies == ["float32"], what, policies=policies)
    examples, x, labels = _data(loaded, pixels, images)
    exported = loaded.layers if layers else []
    # `layer.output` is that of the first call, which another model may have made.
    outputs = {own.name: own._inbound_nodes[-1].output_tensors[0] for own in exported}
    outputs.pop(loaded.inputs[0].name, None)  # the layer of a functional model's input
    last, _, index = loaded.outputs[0]._keras_history
    answer = last.name
    outputs[answer] = loaded.outputs[0]
    while inside := getattr(last, "outputs", None):  # it is a model
        last, _, index = inside[index]._keras_history
    wins = np.argmin if isinstance(last, RBF) else np.argmax
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as new:
        with _told(f"a network that {format} can express"):
            model = keras.Model(loaded.inputs[0], outputs, name=loaded.name)
            _write(model, format, new, examples)
            found = _compare(model, answer, wins, format, new, x, labels)
        limit = np.inf if format == "litert-int8" else TOLERANCE
        what = f"outputs within {TOLERANCE} of Keras's largest one, or of int8 no NaN"
        expect(found.difference <= limit, what, **found._asdict())  # not if it is NaN
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
        (one,) = session.get_inputs()
        names = [output.name for output in session.get_outputs()]
        return lambda x: dict(zip(names, session.run(None, {one.name: x}), strict=True))
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(path).get_signature_runner()
    (entry,) = signature.get_input_details()
    return lambda x: signature(**{entry: x})


@contextlib.contextmanager
def _told(what):
    """Tells in one sentence what failed: Keras and converters raise many types."""
    try:
        yield
    except Exception as error:
        # Keras puts words around the reason, or prints it in bold.
        reason = re.sub(r"(?s).*(encountered: |\x1b\[1m)|\x1b\[0m.*", "", str(error))
        expect(False, what, error=f"{type(error).__name__}: {reason:.250}")


@contextlib.contextmanager
def _replacing(path):
    """Yields a path to write to. That replaces `path` if no exception comes."""
    folder = Path(tempfile.mkdtemp(prefix=".", dir=path.parent))
    new, old = folder / f"new{path.suffix}", folder / "old"
    try:
        yield new
        if path.is_dir():
            os.replace(path, old)
        os.replace(new, path)
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(folder)


def _data(model, pixels, images):
    """Returns examples of training inputs, test inputs, and the labels of these."""
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
    x = prepare(arrays["x_test"][:images], pixels).astype(model.inputs[0].dtype)
    what = f"pixels that make images of {shape}"
    expect(x.shape[1:] == shape, what, pixels=pixels, shape=x.shape[1:])
    return examples.astype(x.dtype), x, arrays["y_test"][:images]


def _write(model, format, path, examples):
    model(examples[:1])  # Keras exports to ONNX only what was called
    arguments = {}
    if format == "litert-int8":
        import tensorflow as tf

        arguments["optimizations"] = [tf.lite.Optimize.DEFAULT]
        arguments["representative_dataset"] = lambda: ([x[None]] for x in examples)
    with warnings.catch_warnings():
        # Keras's export to ONNX asks NumPy for np.object.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        model.export(path, FORMATS[format].keras_name, verbose=False, **arguments)


def _compare(model, answer, wins, format, path, x, labels):
    """Returns a `Comparison`; the output `answer` has the answers."""
    run = runner(format, path)
    answers, differences = [], []
    for batch in np.array_split(x, range(BATCH, len(x), BATCH)):
        received = run(batch)
        expected = {name: np.asarray(own) for name, own in model(batch).items()}
        answers.append([wins(own[answer], axis=-1) for own in (received, expected)])
        for name, own in expected.items():
            scale = np.abs(own).max() or 1
            differences.append(np.abs(received[name] - own).max() / scale)
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
