import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import lenet_keras
from lenet_keras.layers import RBF, RBFPosterior

# pytest-xdist gives each file to one core. The longest start first, so that both cores
# end together.
LONGEST = [
    *("test_training", "test_sweep", "test_backends", "test_trainer", "test_export"),
    *("test_command", "test_curvature", "test_interpretations", "test_saving"),
    *("test_devices", "test_mistakes", "test_cluster", "test_size_normalization"),
]


def pytest_collection_modifyitems(items):
    place = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


@pytest.fixture(autouse=True)
def random_seed():
    keras.utils.set_random_seed(1998)


@pytest.fixture
def rng():
    return np.random.default_rng(1998)


@pytest.fixture
def message():
    """Returns the message of a ValueError, "Expected ... Received: ..."."""

    def get(function, *args, **kwargs):
        with pytest.raises(ValueError, match=r"Expected .*Received: ") as error:
            function(*args, **kwargs)
        return str(error.value)

    return get


def takes_ctrl_c():
    """Makes a started process react to SIGINT, even if the tests ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def backend(request):
    """Returns each Keras backend in turn. CI installs PyTorch for one step alone."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="session")
def run_python():
    """Runs a new Python process with the package under test on a Keras backend.

    Returns what it printed.
    """

    def run(*arguments, backend):
        package = str(pathlib.Path(lenet_keras.__file__).parents[1])
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles in a third of the time
            "PYTHONPATH": os.pathsep.join(paths),
        }
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def config_round_trip(make_layer, input_shape):
    keras.utils.set_random_seed(2)
    layer = make_layer()
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    keras.utils.set_random_seed(2)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    x = np.random.default_rng(0).uniform(-1, 1, (2, *input_shape)).astype("float32")
    # The initial weights are also equal, because the initializers are the same.
    np.testing.assert_array_equal(again(x), layer(x))
    np.testing.assert_array_equal(again.losses, layer.losses)
    for copy, weight in zip(again.weights, layer.weights, strict=True):
        np.testing.assert_array_equal(copy, weight)
        assert copy.trainable == weight.trainable
        assert (copy.constraint is None) == (weight.constraint is None)


def shapes(make_layer, input_shape):
    layer = make_layer()
    eager = tuple(layer(np.zeros((2, *input_shape), "float32")).shape)
    symbolic = layer(keras.Input(input_shape)).shape
    assert layer.compute_output_shape((2, *input_shape)) == eager
    assert layer.compute_output_shape((None, *input_shape)) == (None, *eager[1:])
    assert symbolic == (None, *eager[1:])


def fit_step(make_layer, input_shape):
    layer = make_layer()
    before = keras.layers.Dense(input_shape[-1])
    model = keras.Sequential([keras.Input(input_shape), before, layer])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(4, *input_shape)).astype("float32")
    old = {weight.path: weight.numpy() for weight in model.weights}
    targets = np.zeros((4, *model.output_shape[1:]), "float32")
    history = model.fit(x, targets, batch_size=2, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    trained = {weight.path for weight in model.trainable_weights}
    changed = {w.path for w in model.weights if (w.numpy() != old[w.path]).any()}
    assert changed == trained


def mixed_float16(make_layer, input_shape):
    check_low_precision(make_layer, input_shape, "mixed_float16", 2e-3)


def mixed_bfloat16(make_layer, input_shape):
    check_low_precision(make_layer, input_shape, "mixed_bfloat16", 2e-2)


def bfloat16(make_layer, input_shape):
    check_low_precision(make_layer, input_shape, "bfloat16", 3e-2)


def check_low_precision(make_layer, input_shape, dtype, tolerance):
    exact, layer = make_layer(dtype="float32"), make_layer(dtype=dtype)
    x = np.random.default_rng(0).uniform(-1, 1, (3, *input_shape)).astype("float32")
    expected = np.asarray(exact(x))
    layer.build(x.shape)
    layer.set_weights(exact.get_weights())
    outputs = layer(x)
    in_float32 = isinstance(layer, RBF | RBFPosterior)
    policy = keras.dtype_policies.get("float32" if in_float32 else dtype)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.compute_dtype
    assert {weight.dtype for weight in layer.weights} <= {policy.variable_dtype}
    error = np.abs(np.asarray(tf.cast(outputs, "float32")) - expected).max()
    assert error <= tolerance * np.abs(expected).max()


@pytest.fixture(
    params=[
        config_round_trip,
        shapes,
        fit_step,
        mixed_float16,
        mixed_bfloat16,
        bfloat16,
    ],
    ids=lambda check: check.__name__,
)
def check_layer(request):
    """The checks that every layer must pass, like Keras's `run_layer_test`.

    Each check has two arguments: a function that makes the layer from keyword arguments
    of `keras.layers.Layer`, and the shape of the inputs without the batch.
    """
    return request.param


@pytest.fixture
def check_gradients():
    """Compares gradients of a scalar function with central finite differences."""

    def check(function, variables, step=1e-5, tolerance=1e-7):
        with tf.GradientTape() as tape:
            result = function()
        gradients = tape.gradient(result, [v.value for v in variables])
        for variable, gradient in zip(variables, gradients, strict=True):
            assert variable.dtype == "float64"
            expected = _central_differences(function, variable, step)
            scale = np.abs(expected).max()
            np.testing.assert_allclose(gradient, expected, atol=tolerance * scale)
            assert scale > 0

    return check


def _central_differences(function, variable, step):
    function = tf.function(function, autograph=False)
    middle = variable.numpy()
    differences = np.zeros_like(middle)
    for index in np.ndindex(middle.shape):
        values = []
        for shift in (step, -step):
            shifted = middle.copy()
            shifted[index] += shift
            variable.assign(shifted)
            values.append(float(function()))
        differences[index] = (values[0] - values[1]) / (2 * step)
    variable.assign(middle)
    return differences
