import itertools
from functools import partial

import keras
import numpy as np
import pytest

from lenet_keras.counts import layer_table
from lenet_keras.models import lenet5, lenet5_modern
from lenet_study.networks import lenet5_variant

# The parts of the modern variant except C5, which stays a convolution in the ladder.
TODAYS = {"c3": "full", "subsampling": "max", "activation": "swish"}
TODAYS |= {"output": "softmax", "kernel_initializer": "glorot_uniform"}
MODERN = TODAYS | {"c5": "dense"}


def relative(input_shape=(32, 32, 3), **idea):
    return lenet5_variant(input_shape, **MODERN | idea)


def of_seed(build, *arguments, **parts):
    keras.utils.set_random_seed(0)
    return build(*arguments, **parts)


# Two networks that other functions also build, with the same initial weights.
@pytest.mark.parametrize(
    ("parts", "other", "input_shape"),
    [
        ({}, partial(lenet5, kernel_initializer="lecun_uniform"), (32, 32, 1)),
        ({}, partial(lenet5, kernel_initializer="lecun_uniform"), (32, 32, 3)),
        (MODERN, lenet5_modern, (28, 28, 1)),
        (MODERN, lenet5_modern, (32, 32, 1)),
        (MODERN, lenet5_modern, (32, 32, 3)),
    ],
)
def test_it_is_lenet5_and_the_modern_variant(parts, other, input_shape, rng):
    variant = of_seed(lenet5_variant, input_shape, **parts)
    other = of_seed(other, input_shape)
    assert [w.path for w in variant.weights] == [w.path for w in other.weights]
    for one, two in zip(variant.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert layer_table(variant) == layer_table(other)
    variant.set_weights([rng.normal(scale=0.1, size=w.shape) for w in other.weights])
    other.set_weights(variant.get_weights())
    x = rng.normal(size=(3, *input_shape))
    np.testing.assert_array_equal(variant(x), other(x))


@pytest.mark.parametrize("input_shape", [(28, 28, 1), (32, 32, 3)])
def test_a_convolution_is_the_modern_variants_c5_in_another_shape(input_shape, rng):
    variant = lenet5_variant(input_shape, **TODAYS)
    modern = lenet5_modern(input_shape)
    weights = [rng.normal(scale=0.1, size=weight.shape) for weight in variant.weights]
    variant.set_weights(weights)
    modern.set_weights(
        [
            value.reshape(weight.shape)
            for value, weight in zip(weights, modern.weights, strict=True)
        ]
    )
    x = rng.normal(size=(3, *input_shape))
    np.testing.assert_allclose(variant(x), modern(x), rtol=1e-4, atol=1e-6)
    ours, theirs = (layer_table(model)["total"] for model in (variant, modern))
    assert ours == theirs


# The published runs start from these weights: stored sums of the magnitudes of the
# initial weights for seed 0. A different order of the layers, or a different name of an
# initializer, changes them. Parts without random numbers do not.
@pytest.mark.parametrize(
    ("parts", "grey", "colour"),
    [
        ({}, 3037.75455, 3058.36133),
        ({"output": "softmax"}, 3118.00808, 3138.61486),
        ({"output": "softmax", "c3": "full"}, 3153.02165, 3173.62843),
        (TODAYS | {"kernel_initializer": "lecun_uniform"}, 3147.52165, 3168.12843),
        (TODAYS, 2116.79593, 2140.28436),
        (MODERN, 3685.11041, 3708.59884),
        (MODERN | {"activation": "relu"}, 3685.11041, 3708.59884),
        (MODERN | {"subsampling": "overlapping max"}, 3685.11041, 3708.59884),
        (MODERN | {"normalization": "local response"}, 3685.11041, 3708.59884),
        (MODERN | {"dropout": 0.5}, 3684.51674, 3708.00517),
        (MODERN | {"block": "plain"}, 4021.21595, 4044.70438),
        (MODERN | {"block": "residual"}, 4021.21595, 4044.70438),
        (MODERN | {"block": "inception"}, 3833.64694, 3857.13538),
    ],
)
def test_a_seed_starts_the_published_runs_again(parts, grey, colour):
    shapes = {(28, 28, 1): grey, (32, 32, 1): grey, (32, 32, 3): colour}
    for input_shape, expected in shapes.items():
        model = of_seed(lenet5_variant, input_shape, **parts)
        weights = [w.numpy().astype("float64") for w in model.trainable_weights]
        total = sum(np.abs(w).sum() for w in weights)
        assert total == pytest.approx(expected, rel=1e-7)


# The parameters with each part instead of 60,000, and the type of the replaced layer.
@pytest.mark.parametrize(
    ("parts", "parameters", "layer", "expected"),
    [
        ({"c3": "full"}, 60_900, "C3", "Conv2D"),
        ({"subsampling": "average"}, 59_956, "S2", "AveragePooling2D"),
        ({"subsampling": "max"}, 59_956, "S4", "MaxPooling2D"),
        ({"subsampling": "overlapping max"}, 59_956, "S4", "MaxPooling2D"),
        ({"c5": "dense"}, 60_000, "C5", "Dense"),
        ({"output": "softmax"}, 60_850, "output", "Dense"),
    ],
)
def test_each_part_changes_one_layer(parts, parameters, layer, expected):
    def types(model):
        return {layer.name: type(layer).__name__ for layer in model.layers}

    faithful, model = lenet5(), lenet5_variant(**parts)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trainable == parameters
    changed = {layer} | ({"S2", "S4"} if "subsampling" in parts else set())
    expected = types(faithful) | dict.fromkeys(changed, expected)
    assert types(model) == expected


# The parameters that each idea adds to 62,006, and one of the layers it adds.
@pytest.mark.parametrize(
    ("idea", "added", "layer", "expected"),
    [
        ({"activation": "relu"}, 0, "C1", "Conv2D"),
        ({"subsampling": "overlapping max"}, 0, "S2", "MaxPooling2D"),
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
        # 1x1: 4; 3x3: 8 of 8; 5x5: 2 of 2; after pooling: 2.
        (
            {"block": "inception"},
            17 * (4 + 8 + 2 + 2) + 73 * 8 + 51 * 2,
            "inception_output",
            "Concatenate",
        ),
    ],
)
def test_each_idea_keeps_the_rest(idea, added, layer, expected):
    model = relative(**idea)
    assert model.count_params() == 62_006 + added
    assert type(model.get_layer(layer)).__name__ == expected
    assert model.get_layer("S2").output.shape == (None, 14, 14, 6)
    assert model.get_layer("S4").output.shape == (None, 5, 5, 16)


ROW = ["input", "C1", "S2", "C3", "S4", "flatten", "C5", "F6", "output"]
PLAIN = ["plain_1", "plain_2", "plain_output"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            MODERN | {"normalization": "local response"},
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
            MODERN | {"dropout": 0.5},
            [*ROW[:7], "C5_dropout", "F6", "F6_dropout", "output"],
        ),
        (MODERN | {"block": "plain"}, [*ROW[:4], *PLAIN, *ROW[4:]]),
        (MODERN | {"subsampling": "overlapping max"}, ROW),
        # The faithful network accepts the ideas too.
        (
            {"dropout": 0.5, "block": "plain"},
            [
                *ROW[:4],
                *PLAIN,
                "S4",
                "C5",
                "flatten",
                "C5_dropout",
                "F6",
                "F6_dropout",
                "output",
            ],
        ),
    ],
)
def test_each_idea_stands_in_its_place(parts, expected):
    layers = lenet5_variant(**parts).layers
    assert [layer.name for layer in layers] == expected
    for layer, after in itertools.pairwise(layers):
        assert after.input is layer.output
    rates = {layer.rate for layer in layers if hasattr(layer, "rate")}
    assert rates == ({0.5} if "dropout" in parts else set())


# The same pixels with a standard deviation of 1, and of 64 as in AlexNet. Without
# biases, and with units proportional to their inputs, both constants have the same
# effect.
def test_scaled_normalization_does_to_standardized_pixels_what_alexnets_does(rng):
    alexnets, scaled = (
        relative(normalization=kind, activation="relu")
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
    model = lenet5_variant(subsampling="overlapping max")
    for name in ("S2", "S4"):
        pooling = model.get_layer(name)
        assert (pooling.pool_size, pooling.strides) == ((3, 3), (2, 2))


def test_the_activation_is_that_of_the_units_not_of_trainable_subsampling():
    model = lenet5_variant(activation="swish")
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


@pytest.mark.parametrize("block", ["residual", "inception"])
@pytest.mark.parametrize("activation", ["tanh", "scaled_tanh"])
def test_the_activation_is_that_of_all_units_and_of_the_block(activation, block):
    model = relative(activation=activation, block=block)
    layers = {layer.name: layer for layer in model.layers}
    assert layers.pop("output").activation.__name__ == "softmax"
    layers.pop("residual_2", None)  # its activation follows the sum
    activations = [getattr(layer, "activation", None) for layer in layers.values()]
    assert {a.__name__ for a in activations if a is not None} == {activation}


def test_dropout_leaves_out_units_in_training_alone(rng):
    model = relative(dropout=0.5)
    x = rng.normal(size=(1, 32, 32, 3))
    np.testing.assert_array_equal(model(x), model(x))
    assert (np.asarray(model(x, training=True)) != np.asarray(model(x))).any()


@pytest.mark.parametrize("parts", [{}, MODERN])
def test_the_initializer_is_that_of_all_kernels(parts):
    model = lenet5_variant(**parts | {"kernel_initializer": "ones"})
    kernels = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == (5 if parts else 4)  # a dense output has one too
    assert all((kernel == 1).all() for kernel in kernels)


def test_layers_of_one_shape_start_differently():
    model = lenet5_variant()
    c1 = model.get_layer("C1").kernel.numpy()
    assert np.abs(c1).max() <= np.sqrt(3 / 25)
    c5, f6 = (model.get_layer(name).kernel.numpy().ravel() for name in ("C5", "F6"))
    count = min(len(c5), len(f6))
    assert abs(np.corrcoef(c5[:count], f6[:count])[0, 1]) < 0.1


@pytest.mark.parametrize(
    "arguments",
    [
        {"input_shape": (30, 30, 1)},
        {"c3": "half"},
        {"subsampling": "mean"},
        {"c5": "recurrent"},
        {"output": "logits"},
        {"normalization": "batch"},
        {"block": "dense"},
        {"dropout": 1.0},
        {"dropout": -0.1},
    ],
)
def test_what_is_not_there_is_refused(arguments, message):
    ((name, value),) = arguments.items()
    assert f"{name}={value!r}" in message(lenet5_variant, **arguments)


def test_keras_refuses_an_activation_that_is_not_there():
    with pytest.raises(ValueError, match="activation function identifier: half"):
        lenet5_variant(activation="half")
