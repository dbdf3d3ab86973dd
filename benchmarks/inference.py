"""Compares the times of a prediction in Keras and in other runtimes.

All ways run in turn, round by round, on one processor. What is called takes and returns
NumPy arrays. The first calls are not timed, because they compile. The images are
random, because the times do not depend on them.
"""

import os
import tempfile
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np
from page import TINY, in_turn, publish

from lenet_keras import load_pretrained
from lenet_study.export import FORMATS, export

ROUNDS = 1 if TINY else 3
SECONDS = 0 if TINY else 1  # of calls, whose median is the time
BATCHES = [1, 10 if TINY else 1000]
NETWORKS = {"lenet5-mnist": (32, 32, 1), "lenet5_modern-mnist": (28, 28, 1)}
if TINY:
    NETWORKS.popitem()


def exported(folder, name, format):
    """The path of a network in another format."""
    return folder / f"{name}-{format}{FORMATS[format].suffix}"


def predict(name, x, folder):
    """Keras's method for many images."""
    model = load_pretrained(name)
    return lambda: model.predict(x, batch_size=len(x), verbose=0)


def call(name, x, folder):
    """The model as a function."""
    model = load_pretrained(name)
    return lambda: keras.ops.convert_to_numpy(model(x))


def tf_function(name, x, folder):
    """The model as one graph of TensorFlow."""
    import tensorflow as tf

    run = tf.function(load_pretrained(name))
    return lambda: run(x).numpy()


def jax_jit(name, x, folder):
    """The model as one program of JAX."""
    import jax

    run = jax.jit(load_pretrained(name))
    return lambda: np.asarray(run(x))


def without_keras(name, x, folder):
    """PyTorch's own network, which has no trained weights and no softmax."""
    import plain_pytorch
    import torch

    network = plain_pytorch.network(faithful=name == "lenet5-mnist")
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
    path = exported(folder, name, "onnx")
    session = onnxruntime.InferenceSession(path, options)
    return lambda: session.run(None, {"input": x})


def litert(format, name, x, folder):
    """LiteRT, with memory for batches of this size."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(exported(folder, name, format)), num_threads=1)
    pixels = interpreter.get_input_details()[0]["index"]
    answers = interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(pixels, x.shape)
    interpreter.allocate_tensors()

    def run():
        interpreter.set_tensor(pixels, x)
        interpreter.invoke()
        return interpreter.get_tensor(answers)

    return run


REFERENCE = "Keras on TensorFlow, `tf.function(model)`"
WAYS = {
    "tensorflow": {
        "Keras on TensorFlow, `model.predict(x)`": predict,
        "Keras on TensorFlow, `model(x)`": call,
        REFERENCE: tf_function,
        "ONNX Runtime": onnx,
        "LiteRT": partial(litert, "litert"),
        "LiteRT, int8": partial(litert, "litert-int8"),
    },
    "jax": {
        "Keras on JAX, `model.predict(x)`": predict,
        "Keras on JAX, `jax.jit(model)`": jax_jit,
    },
    "torch": {
        "Keras on PyTorch, `model(x)`": call,
        "PyTorch without Keras": without_keras,
    },
}


def milliseconds(function):
    """Returns the median time of a call."""
    for _ in range(3):
        function()
    times = []
    while sum(times) < SECONDS or len(times) < 5:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * np.median(times)


def measure(folder):
    """Returns the milliseconds of each way of this backend: network by batch."""
    rng = np.random.default_rng(0)
    images = {
        (name, size): rng.random((size, *shape), "float32")
        for name, shape in NETWORKS.items()
        for size in BATCHES
    }
    return [
        [
            [milliseconds(way(name, images[name, size], folder)) for size in BATCHES]
            for name in NETWORKS
        ]
        for way in WAYS[keras.backend.backend()].values()
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            for format in ("onnx", "litert", "litert-int8"):
                export(name, format, exported(Path(folder), name, format), images=100)
        if hasattr(os, "sched_setaffinity"):  # the new processes inherit it
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        names, times = in_turn(WAYS, measure, ROUNDS, Path(folder))
    ratios = times / times[:, [names.index(REFERENCE)]]
    columns = np.stack([np.median(times, axis=0), np.median(ratios, axis=0)], axis=-1)
    headings = ["way", "1 image, ms", "ratio", "1,000 images, ms", "ratio"]
    for network, name in enumerate(NETWORKS):
        rows = [
            (way, *(f"{value:.3g}" for value in columns[index, network].flat))
            for index, way in enumerate(names)
        ]
        publish(f"inference/{name}", headings, rows)
