"""What layers, losses, metrics and models must refuse, on every backend.

Each function must raise a ValueError that says "Expected ... Received: ...".
"""

import re

import keras
import numpy as np

from lenet_keras import load_pretrained
from lenet_keras.layers import (
    RBF,
    Subsampling2D,
)
from lenet_keras.losses import (
    MaximumAPosteriori,
)
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5

ROWS = [[9.0, 2.0], [4.0, 7.0]]
ONE_HOT = r"not one-hot. Received: shapes={'y_true': \(2, 2\), 'y_pred': \(2, 2\)}"


def fit(labels):
    model = keras.Sequential([keras.Input((3,)), RBF(np.eye(2, 3))])
    model.compile("sgd", MaximumAPosteriori(), metrics=[RBFAccuracy()])
    model.fit(np.ones((2, 3)), np.array(labels), verbose=0)


#: By name: the function, and a pattern that its message must have.
REFUSALS = {
    "one-hot labels, loss": (lambda: MaximumAPosteriori()(ROWS, ROWS), ONE_HOT),
    "one-hot labels, fit": (lambda: fit(ROWS), "not one-hot. Received: shapes="),
    "codes without classes": (lambda: RBF([1.0, 2.0]), r"codes=\[1.0, 2.0\]"),
    "padding": (lambda: Subsampling2D(padding="same"), "padding='same'"),
    "size of an image": (lambda: lenet5((None, 30, 1)), r"input_shape=\(None, 30, 1\)"),
    "size of a trained network": (
        lambda: load_pretrained("lenet5_modern-mnist", input_shape=(32, 32, 1)),
        r"Expected \(28, 28, 1\).*Received: input_shape=\(32, 32, 1\)",
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
