import json
import math

import keras
import numpy as np
import pytest
from oracles import squash

from lenet_keras.activations import scaled_tanh


def test_equals_the_formula():
    a = np.linspace(-6, 6, 101)
    np.testing.assert_allclose(scaled_tanh(a.astype("float32")), squash(a), atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_passes_through_one(sign):
    # A and S are rounded in the paper: f(1) is 0.99999.
    assert float(scaled_tanh(float(sign))) == pytest.approx(sign, abs=2e-5)


def test_second_derivative_is_largest_near_one():
    a = np.linspace(0, 3, 301)
    curvature = np.abs(np.gradient(np.gradient(scaled_tanh(a), a), a))
    assert a[curvature.argmax()] == pytest.approx(1, abs=0.02)


def test_saturates_at_the_amplitude():
    assert float(scaled_tanh(1e4)) == pytest.approx(1.7159)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_keeps_shape_and_dtype(dtype):
    result = scaled_tanh(keras.ops.ones((2, 3, 1), dtype))
    assert result.shape == (2, 3, 1)
    assert keras.backend.standardize_dtype(result.dtype) == dtype


def test_gradient(check_gradients):
    a = keras.Variable([-1.5, -0.2, 0.0, 0.4, 2.0], dtype="float64")
    check_gradients(lambda: keras.ops.sum(scaled_tanh(a)), [a])


def test_slope_at_zero_is_amplitude_times_slope():
    h = 1e-3
    slope = (float(scaled_tanh(h)) - float(scaled_tanh(-h))) / (2 * h)
    assert math.isclose(slope, 1.7159 * 2 / 3, rel_tol=1e-4)


def test_serializes():
    config = keras.activations.serialize(scaled_tanh)
    again = keras.activations.get(json.loads(json.dumps(config)))
    assert again is scaled_tanh


def test_stock_layer_with_it_survives_a_config_round_trip():
    layer = keras.layers.Dense(3, activation=scaled_tanh)
    again = keras.layers.Dense.from_config(layer.get_config())
    assert again.activation is scaled_tanh
