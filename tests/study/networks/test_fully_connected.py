import numpy as np
import pytest

from lenet_keras.counts import layer_table
from lenet_study.networks import fully_connected


# Figure 12 of the paper: 28x28-300-100-10 has 267 thousand stored values.
@pytest.mark.parametrize(
    ("hidden", "parameters"),
    [
        ((300,), 784 * 300 + 300 + 300 * 10 + 10),
        ((300, 100), 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10),
    ],
)
def test_the_papers_networks(hidden, parameters):
    model = fully_connected(hidden=hidden)
    assert model.count_params() == parameters
    total = layer_table(model)["total"]
    assert total.connections == parameters
    assert total.multiply_adds == parameters - sum(hidden) - 10
    if len(hidden) == 2:
        assert round(parameters / 1000) == 267


@pytest.mark.parametrize(
    ("input_shape", "lenet5"), [((28, 28, 1), 60_000), ((32, 32, 3), 60_300)]
)
def test_one_has_lenet5s_number_of_parameters_as_near_as_can_be(input_shape, lenet5):
    model = fully_connected(input_shape, hidden="lenet5")
    a_unit = np.prod(input_shape) + 1 + 10
    assert abs(model.count_params() - lenet5) <= a_unit / 2


def test_forward_pass_equals_numpy(rng):
    model = fully_connected((4, 4, 1), hidden=(5, 3))
    weights = [rng.normal(size=weight.shape) for weight in model.weights]
    model.set_weights(weights)
    x = rng.normal(size=(2, 4, 4, 1))
    a = x.reshape(2, 16)
    for kernel, bias in zip(weights[0:4:2], weights[1:4:2], strict=True):
        a = 1.7159 * np.tanh(2 / 3 * (a @ kernel + bias))
    a = np.exp(a @ weights[4] + weights[5])
    np.testing.assert_allclose(model(x), a / a.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("hidden", [(0,), (2.5,), (-3, 2), "lenet"])
def test_keras_refuses_no_units(hidden):
    with pytest.raises(ValueError, match=f"positive .* Received: units={hidden[0]}"):
        fully_connected(hidden=hidden)


def test_without_hidden_units_it_is_the_papers_linear_classifier():
    assert fully_connected(hidden=()).count_params() == 7_850
