import keras
import numpy as np
import pytest
from oracles import convolve, full_kernels

from lenet_keras.counts import layer_table
from lenet_study.networks import residual_block


@pytest.mark.parametrize("shortcut", [True, False])
def test_a_block_equals_loops(shortcut, rng):
    inputs = keras.Input((4, 5, 3))
    model = keras.Model(inputs, residual_block(inputs, shortcut, "tanh"))
    weights = [rng.normal(scale=0.3, size=weight.shape) for weight in model.weights]
    model.set_weights(weights)
    x = rng.normal(size=(2, 4, 5, 3))
    first, second = weights[:2], weights[2:]
    a = np.tanh(convolve(x, full_kernels(first[0]), first[1], padding="same"))
    a = convolve(a, full_kernels(second[0]), second[1], padding="same")
    expected = np.tanh(a + x) if shortcut else np.tanh(a)
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


def test_the_shortcut_costs_no_parameters():
    inputs = keras.Input((10, 10, 16))
    plain, residual = (
        layer_table(keras.Model(inputs, residual_block(inputs, shortcut)))["total"]
        for shortcut in (False, True)
    )
    assert plain.trainable == residual.trainable == 2 * (9 * 16 + 1) * 16
    assert residual.connections - plain.connections == 2 * 10 * 10 * 16
