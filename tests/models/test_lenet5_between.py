import keras
import numpy as np
import pytest

from lenet_keras.counts import layer_table
from lenet_keras.models import lenet5, lenet5_between, lenet5_modern

TODAYS = {"c3": "full", "subsampling": "max", "activation": "swish"}
TODAYS |= {"output": "softmax", "kernel_initializer": "glorot_uniform"}


def test_with_the_papers_parts_it_is_lenet5(rng):
    between, faithful = lenet5_between(), lenet5()
    between.set_weights(
        [rng.normal(scale=0.1, size=weight.shape) for weight in faithful.weights]
    )
    faithful.set_weights(between.get_weights())
    x = rng.normal(size=(3, 32, 32, 1))
    np.testing.assert_array_equal(between(x), faithful(x))
    assert layer_table(between).equals(layer_table(faithful))


@pytest.mark.parametrize("input_shape", [(28, 28, 1), (32, 32, 3)])
def test_with_todays_parts_it_is_the_modern_variant(input_shape, rng):
    between, modern = lenet5_between(input_shape, **TODAYS), lenet5_modern(input_shape)
    weights = [rng.normal(scale=0.1, size=weight.shape) for weight in between.weights]
    between.set_weights(weights)
    modern.set_weights(
        [
            value.reshape(weight.shape)  # C5 is dense there
            for value, weight in zip(weights, modern.weights, strict=True)
        ]
    )
    x = rng.normal(size=(3, *input_shape))
    np.testing.assert_allclose(between(x), modern(x), rtol=1e-4, atol=1e-6)
    counts = ["trainable", "connections", "multiply_adds"]
    ours, theirs = (layer_table(m).loc["total", counts] for m in (between, modern))
    assert ours.equals(theirs)


# Parameters that each of today's parts adds to the 60,000, and what type it makes of
# which layer.
@pytest.mark.parametrize(
    ("parts", "parameters", "layer", "expected"),
    [
        ({"c3": "full"}, 60_900, "C3", "Conv2D"),
        ({"subsampling": "average"}, 59_956, "S2", "AveragePooling2D"),
        ({"subsampling": "max"}, 59_956, "S4", "MaxPooling2D"),
        ({"output": "softmax"}, 60_850, "output", "Dense"),
    ],
)
def test_each_part_changes_one_layer(parts, parameters, layer, expected):
    model = lenet5_between(**parts)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trainable == parameters
    assert type(model.get_layer(layer)).__name__ == expected
    own = {type(model.get_layer(name)).__name__ for name in ("C1", "F6", "output")}
    assert own <= {"Conv2D", "Dense", "RBF"}


def test_the_activation_is_that_of_the_units_not_of_trainable_subsampling():
    model = lenet5_between(activation="swish")
    names = {
        layer.name: layer.activation.__name__
        for layer in model.layers
        if hasattr(layer, "activation")
    }
    assert names == {
        "C1": "silu",
        "S2": "scaled_tanh",
        "C3": "silu",
        "S4": "scaled_tanh",
        "C5": "silu",
        "F6": "silu",
    }


def test_layers_of_one_shape_start_differently():
    model = lenet5_between(kernel_initializer="lecun_uniform")
    c1 = model.get_layer("C1").kernel.numpy()
    assert np.abs(c1).max() <= np.sqrt(3 / 25)
    c5, f6 = (model.get_layer(name).kernel.numpy().ravel() for name in ("C5", "F6"))
    count = min(len(c5), len(f6))
    assert abs(np.corrcoef(c5[:count], f6[:count])[0, 1]) < 0.1
    keras.utils.set_random_seed(7)
    first = lenet5_between().get_weights()
    keras.utils.set_random_seed(7)
    for one, other in zip(first, lenet5_between().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"input_shape": (30, 30, 1)}, "input_shape=(30, 30, 1)"),
        ({"input_shape": (32, 32)}, "input_shape=(32, 32)"),
        ({"c3": "half"}, "c3='half'"),
        ({"subsampling": "mean"}, "subsampling='mean'"),
        ({"activation": "relu"}, "activation='relu'"),
        ({"output": "logits"}, "output='logits'"),
    ],
)
def test_what_is_not_there_is_refused(arguments, expected, message):
    assert expected in message(lenet5_between, **arguments)
