"""What layers, losses, metrics and models must refuse, on every backend.

Each function must raise a ValueError that says "Expected ... Received: ...".
"""

import re

import keras
import numpy as np

from lenet_keras import load_pretrained
from lenet_keras.layers import (
    RBF,
    LocalResponseNormalization,
    RBFPosterior,
    Subsampling2D,
)
from lenet_keras.losses import (
    MaximumAPosteriori,
    RBFMeanSquaredError,
    SparseMeanSquaredError,
)
from lenet_keras.metrics import RBFAccuracy, rbf_accuracy
from lenet_keras.models import lenet5

ROWS = [[9.0, 2.0], [4.0, 7.0]]
OF_NO_CLASS = r"integer labels from 0 to 1. Received: y_true=\[ ?[1]\.? +2\.?\]"
ONE_HOT = r"not one-hot. Received: y_true.shape=\(2, 2\), y_pred.shape=\(2, 2\)"


def fit(labels, **arguments):
    model = keras.Sequential([keras.Input((3,)), RBF(np.eye(2, 3))])
    model.add(keras.layers.Dense(2))
    metrics = [RBFAccuracy()]
    model.compile("sgd", MaximumAPosteriori(), metrics=metrics, **arguments)
    model.fit(np.ones((2, 3)), np.array(labels), verbose=0)


#: By name: the function, and a pattern that its message must have.
REFUSALS = {
    "label of no class, loss (8)": (
        lambda: RBFMeanSquaredError()([1, 2], ROWS),
        OF_NO_CLASS,
    ),
    "label of no class, loss (9)": (
        lambda: MaximumAPosteriori()(np.array([1, 2]), np.array(ROWS)),
        OF_NO_CLASS,
    ),
    "label of no class, LeNet-1": (
        lambda: SparseMeanSquaredError()([1, 2], ROWS),
        OF_NO_CLASS,
    ),
    "label of no class, metric": (
        lambda: RBFAccuracy().update_state([1, 2], ROWS),
        OF_NO_CLASS,
    ),
    "label of no class, function": (lambda: rbf_accuracy([1, 2], ROWS), OF_NO_CLASS),
    "label of no class, run_eagerly": (
        lambda: fit([1, 2], run_eagerly=True),
        r"integer labels from 0 to 1. Received: y_true=\[[12]\. [12]\.\]",
    ),
    "one-hot labels, loss": (lambda: MaximumAPosteriori()(ROWS, ROWS), ONE_HOT),
    "one-hot labels, metric": (lambda: rbf_accuracy(ROWS, ROWS), ONE_HOT),
    "one-hot labels, fit": (lambda: fit(ROWS), "not one-hot. Received: y_true.shape="),
    "other features": (
        lambda: RBF(np.eye(2, 3))(np.ones((4, 5))),
        r"3 features, like the codes. Received: shape=\(4, 5\)",
    ),
    "features without an axis": (
        lambda: RBF(np.eye(2, 3))(np.float32(1)),
        r"Received: shape=\(\)",
    ),
    "codes without classes": (lambda: RBF([1.0, 2.0]), r"codes of shape=\(2,\)"),
    "distances of unknown classes": (
        lambda: RBFPosterior(1.0)(keras.Input((None,))),
        r"known number of classes. Received: shape=\(None, None\)",
    ),
    "padding": (lambda: Subsampling2D(padding="full"), "padding='full'"),
    "strides": (lambda: Subsampling2D(strides=0), "strides=0"),
    "image smaller than the window": (
        lambda: Subsampling2D(3)(np.ones((1, 2, 2, 1))),
        r"one window of \(3, 3\). Received: size=\(2, 2\)",
    ),
    "no image": (lambda: LocalResponseNormalization()(np.ones((2, 3))), "4 axes"),
    "size of an image": (lambda: lenet5((None, 30, 1)), r"input_shape=\(None, 30, 1\)"),
    "size of a trained network": (
        lambda: load_pretrained("lenet5_modern-mnist", input_shape=(32, 32, 1)),
        r"input_shape of \(28, 28, 1\).*Received: input_shape=\(32, 32, 1\)",
    ),
}


def check(name):
    """Runs one of them; raises an AssertionError if it is not refused as it must be."""
    function, pattern = REFUSALS[name]
    try:
        function()
    except ValueError as error:
        text = str(error)
    else:
        raise AssertionError(f"{name}: not refused")
    assert re.search(r"Expected .*Received: ", text, re.DOTALL), f"{name}: {text}"
    assert re.search(pattern, text, re.DOTALL), f"{name}: {text}"
