"""Runs for `test_backends.py` in a separate process, with Keras on JAX."""

import sys
from functools import partial

import jax
import keras
import numpy as np
from backend_cases import TABLE, computed, lenet5_from_zero, random_weights

from lenet_keras import counts
from lenet_keras.initializers import FanInUniform
from lenet_keras.layers import C3_CONNECTIONS, ConnectionTableConv2D, Subsampling2D
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import rbf_accuracy

FUNCTIONS = {
    "equation 8": RBFMeanSquaredError(reduction=None),
    "equation 9": MaximumAPosteriori(reduction=None),
    "accuracy": rbf_accuracy,
}
LABELS = np.array([0, -1, 4, 2.5, np.nan, 3], "float32")


def refusal(function):
    try:
        function(LABELS, np.ones((6, 4), "float32"))
    except ValueError as error:
        return str(error)
    return "not refused"


def channels_first(make_layer, rng):
    x = rng.uniform(-1, 1, (2, 7, 6, 3)).astype("float32")
    last, first = make_layer(), make_layer(data_format="channels_first")
    last.build(x.shape)
    random_weights(last, rng)
    first.build((2, 3, 7, 6))
    first.set_weights(last.get_weights())
    difference = np.moveaxis(first(np.moveaxis(x, 3, 1)), 1, 3) - last(x)
    return np.abs(difference).max()


def initial_kernel():
    layer = ConnectionTableConv2D(
        C3_CONNECTIONS, 5, kernel_initializer=FanInUniform(seed=1)
    )
    layer.build((None, 14, 14, 6))
    return np.asarray(layer.kernel)


def results_on_jax():
    results = {
        "imports_tensorflow": "tensorflow" in sys.modules,
        "backend": keras.backend.backend(),
    }
    results |= {f"computed {name}": value for name, value in computed().items()}
    for name, function in FUNCTIONS.items():
        results[f"eager {name}"] = refusal(function)
        results[f"jit {name}"] = jax.jit(function)(LABELS, np.ones((6, 4), "float32"))
    rng = np.random.default_rng(3)
    for padding in ("valid", "same"):
        make_layer = partial(
            ConnectionTableConv2D, TABLE, (3, 2), 2, padding, kernel_initializer="zeros"
        )
        results[f"channels_first {padding}"] = channels_first(make_layer, rng)
    make_layer = partial(Subsampling2D, (3, 2))
    results["channels_first subsampling"] = channels_first(make_layer, rng)
    results["initial kernel"] = initial_kernel()
    table = counts.layer_table(lenet5_from_zero())
    results["counts"] = table["total"][1:]
    return results


if __name__ == "__main__":
    np.savez(sys.argv[1], **results_on_jax())
