"""Compares the times of a prediction in Keras and in other runtimes.

    python benchmarks/inference.py

First the script exports the networks, and compares the answers of each format to all
test digits with Keras's. Then it times one image and 1,000 images. All ways run in
turn, round by round, each time in a new process that has one processor. What is called
takes and returns NumPy arrays; the first calls are not timed, because they compile.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROUNDS = 3
NETWORKS = ["lenet5-mnist", "lenet5_modern-mnist"]
BATCHES = [1, 1000]
SECONDS = 1  # of calls, whose median is the time


def keras_model(name):
    """The network on the backend of this process."""
    import lenet_keras

    return lenet_keras.load_pretrained(name)


def predict(name, x, folder):
    """Keras's method for many images."""
    model = keras_model(name)
    return lambda: model.predict(x, batch_size=len(x), verbose=0)


def call(name, x, folder):
    """The model as a function."""
    from keras import ops

    model = keras_model(name)
    return lambda: ops.convert_to_numpy(model(x))


def tf_function(name, x, folder):
    """The model as one graph of TensorFlow."""
    import tensorflow as tf

    run = tf.function(keras_model(name))
    return lambda: run(x).numpy()


def jax_jit(name, x, folder):
    """The model as one program of JAX."""
    import jax

    run = jax.jit(keras_model(name))
    return lambda: np.asarray(run(x))


def plain_pytorch(name, x, folder):
    """The network of `speed.py`, which has no trained weights and no softmax."""
    import torch
    from speed import network_of_pytorch

    network = network_of_pytorch(faithful=name == "lenet5-mnist")
    x = np.moveaxis(x, -1, 1).copy()

    def run():
        with torch.inference_mode():
            return network(torch.from_numpy(x)).numpy()

    return run


def onnx(name, x, folder):
    """ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / f"{name}-onnx.onnx", options)
    return lambda: session.run(None, {"input": x})


def litert(name, x, folder, format="litert"):
    """LiteRT, with memory for batches of this size."""
    from ai_edge_litert.interpreter import Interpreter

    file = str(folder / f"{name}-{format}.tflite")
    interpreter = Interpreter(file, num_threads=1)
    pixels = interpreter.get_input_details()[0]["index"]
    answers = interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(pixels, x.shape)
    interpreter.allocate_tensors()

    def run():
        interpreter.set_tensor(pixels, x)
        interpreter.invoke()
        return interpreter.get_tensor(answers)

    return run


def litert_int8(name, x, folder):
    """The same with integers."""
    return litert(name, x, folder, "litert-int8")


# What the tables call a way, the module that it needs, and Keras's backend.
REFERENCE = "Keras on TensorFlow, `tf.function(model)`"
WAYS = {
    "Keras on TensorFlow, `model.predict(x)`": (predict, "tensorflow"),
    "Keras on TensorFlow, `model(x)`": (call, "tensorflow"),
    REFERENCE: (tf_function, "tensorflow"),
    "Keras on JAX, `model.predict(x)`": (predict, "jax"),
    "Keras on JAX, `jax.jit(model)`": (jax_jit, "jax"),
    "Keras on PyTorch, `model(x)`": (call, "torch"),
    "PyTorch without Keras": (plain_pytorch, "torch"),
    "ONNX Runtime": (onnx, "tensorflow"),
    "LiteRT": (litert, "tensorflow"),
    "LiteRT, int8": (litert_int8, "tensorflow"),
}


def milliseconds(function):
    """The median time of a call."""
    for _ in range(3):
        function()
    times = []
    while sum(times) < SECONDS or len(times) < 5:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * np.median(times)


def measure(way, folder):
    """Prints the times of one way as JSON: a row per network, a column per batch."""
    digits = {name: np.load(folder / f"{name}.npy") for name in NETWORKS}
    times = [
        [milliseconds(WAYS[way][0](name, digits[name][:n], folder)) for n in BATCHES]
        for name in NETWORKS
    ]
    print(json.dumps(times))


def alone(way, folder):
    """Does that in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, way, folder],
        env=os.environ | {"KERAS_BACKEND": WAYS[way][1]},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare_formats(folder):
    """Exports the networks for digits and prints how the formats answer."""
    from lenet_keras import pretrained
    from lenet_keras.preprocessing import prepare
    from lenet_study.datasets import load_mnist
    from lenet_study.export import FORMATS, export

    _, (images, _) = load_mnist()
    print("| network | format | KiB | as in Keras | difference | errors | in Keras |")
    print("|:---|:---|---:|---:|---:|---:|---:|")
    for name, record in pretrained.records().items():
        if record["dataset"] != "mnist":
            continue
        np.save(folder / name, prepare(images[: max(BATCHES)], record["pixels"]))
        for format, (_, suffix, _) in FORMATS.items():
            found = export(name, format, folder / f"{name}-{format}{suffix}")
            print(
                f"| `{name}` | `{format}` | {found.size / 1024:.1f} "
                f"| {found.agree:,} of {found.images:,} | {found.difference:.1e} "
                f"| {found.errors} | {found.keras_errors} |",
                flush=True,
            )


def main(folder):
    """Prints all tables."""
    compare_formats(folder)
    if hasattr(os, "sched_setaffinity"):  # the new processes inherit it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    missing = {
        backend
        for backend in {backend for _, backend in WAYS.values()}
        if importlib.util.find_spec(backend) is None
    }
    ways = [way for way, (_, backend) in WAYS.items() if backend not in missing]
    rounds = np.array(
        [[alone(way, folder) for way in ways] for _ in range(ROUNDS)]
    )  # axes: round, way, network, batch
    ratios = rounds / rounds[:, [ways.index(REFERENCE)]]
    for network, name in enumerate(NETWORKS):
        print(f"\n| `{name}` | 1 image, ms | ratio | 1,000 images, ms | ratio |")
        print("|---|---|---|---|---|")
        for index, way in enumerate(ways):
            cells = [way]
            for batch in range(len(BATCHES)):
                cells.append(f"{np.median(rounds[:, index, network, batch]):.3g}")
                cells.append(f"{np.median(ratios[:, index, network, batch]):.3g}")
            print(f"| {' | '.join(cells)} |")
    if missing:
        print(f"\nNot installed, so left out: {', '.join(missing)}")


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
