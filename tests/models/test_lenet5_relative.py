import itertools

import keras
import numpy as np
import pytest

from lenet_keras.counts import layer_table
from lenet_keras.models import lenet5_modern, lenet5_relative


@pytest.mark.parametrize("input_shape", [(28, 28, 1), (32, 32, 3)])
def test_without_ideas_it_is_the_modern_variant(input_shape, rng):
    relative, modern = lenet5_relative(input_shape), lenet5_modern(input_shape)
    relative.set_weights([rng.normal(scale=0.1, size=w.shape) for w in modern.weights])
    modern.set_weights(relative.get_weights())
    x = rng.normal(size=(3, *input_shape))
    np.testing.assert_array_equal(relative(x), modern(x))
    assert layer_table(relative).equals(layer_table(modern))


# What each idea adds to the 62,006 parameters, and a layer that it brings.
@pytest.mark.parametrize(
    ("idea", "added", "layer", "expected"),
    [
        ({"activation": "relu"}, 0, "C1", "Conv2D"),
        ({"overlapping": True}, 0, "S2", "MaxPooling2D"),
        (
            {"normalization": "local response"},
            0,
            "S4_normalization",
            "LocalResponseNormalization",
        ),
        (
            {"normalization": "scaled local response"},
            0,
            "S2_normalization",
            "LocalResponseNormalization",
        ),
        ({"dropout": 0.5}, 0, "F6_dropout", "Dropout"),
        ({"block": "plain"}, 2 * (9 * 16 + 1) * 16, "plain_2", "Conv2D"),
        ({"block": "residual"}, 2 * (9 * 16 + 1) * 16, "residual_sum", "Add"),
        # 1x1: 4; 3x3: 8 of 8; 5x5: 2 of 2; behind pooling: 2.
        (
            {"block": "inception"},
            17 * (4 + 8 + 2 + 2) + 73 * 8 + 51 * 2,
            "inception_output",
            "Concatenate",
        ),
    ],
)
def test_each_idea_keeps_the_rest(idea, added, layer, expected):
    model = lenet5_relative(**idea)
    assert model.count_params() == 62_006 + added
    assert type(model.get_layer(layer)).__name__ == expected
    assert model.get_layer("S2").output.shape == (None, 14, 14, 6)
    assert model.get_layer("S4").output.shape == (None, 5, 5, 16)


ROW = ["input", "C1", "S2", "C3", "S4", "flatten", "C5", "F6", "output"]


@pytest.mark.parametrize(
    ("idea", "expected"),
    [
        (
            {"normalization": "local response"},
            [
                "input",
                "C1",
                "S2_normalization",
                "S2",
                "C3",
                "S4_normalization",
                *ROW[4:],
            ],
        ),
        (
            {"dropout": 0.5},
            [*ROW[:7], "C5_dropout", "F6", "F6_dropout", "output"],
        ),
        (
            {"block": "plain"},
            [*ROW[:4], "plain_1", "plain_2", "plain_output", *ROW[4:]],
        ),
        ({"overlapping": True}, ROW),
    ],
)
def test_each_idea_stands_in_its_place(idea, expected):
    layers = lenet5_relative(**idea).layers
    assert [layer.name for layer in layers] == expected
    for layer, after in itertools.pairwise(layers):
        assert after.input is layer.output
    rates = {layer.rate for layer in layers if hasattr(layer, "rate")}
    assert rates == ({0.5} if "dropout" in idea else set())


# The same pixels, once with a deviation of 1 and once of 64, as AlexNet's have: without
# biases, and with units in proportion to what they see, both constants do the same.
def test_scaled_normalisation_does_to_standardised_pixels_what_alexnets_does(rng):
    alexnets, scaled = (
        lenet5_relative(normalization=kind, activation="relu")
        for kind in ("local response", "scaled local response")
    )
    scaled.set_weights(alexnets.get_weights())
    x = rng.normal(size=(1, 32, 32, 3))
    large, standard = (
        keras.Model(model.input, model.get_layer("S2_normalization").output)
        for model in (alexnets, scaled)
    )
    np.testing.assert_allclose(large(64 * x), 64 * standard(x), rtol=1e-4)
    constant = keras.Model(alexnets.input, alexnets.get_layer("C1").output)(x) / 2**0.75
    np.testing.assert_allclose(large(x), constant, rtol=1e-2)
    normalized, constant = np.asarray(standard(x)), np.asarray(constant)
    active = constant > 0.1
    assert (normalized[active] / constant[active]).min() < 0.7


def test_overlapping_windows_see_three_pixels():
    model = lenet5_relative(overlapping=True)
    for name in ("S2", "S4"):
        pooling = model.get_layer(name)
        assert (pooling.pool_size, pooling.strides) == ((3, 3), (2, 2))


def test_the_activation_is_that_of_all_units_and_of_the_block():
    model = lenet5_relative(activation="tanh", block="inception")
    names = [
        layer.activation.__name__
        for layer in model.layers
        if getattr(layer, "activation", None) is not None
    ]
    assert names[-1] == "softmax"
    assert set(names[:-1]) == {"tanh"}


def test_dropout_leaves_out_units_in_training_alone(rng):
    model = lenet5_relative(dropout=0.5)
    x = rng.normal(size=(1, 32, 32, 3))
    np.testing.assert_array_equal(model(x), model(x))
    assert (np.asarray(model(x, training=True)) != np.asarray(model(x))).any()


@pytest.mark.parametrize(
    "arguments",
    [
        {"input_shape": (30, 30, 1)},
        {"normalization": "batch"},
        {"block": "dense"},
        {"dropout": 1.0},
        {"dropout": -0.1},
    ],
)
def test_what_is_not_there_is_refused(arguments, message):
    ((name, value),) = arguments.items()
    assert f"{name}={value!r}" in message(lenet5_relative, **arguments)
