import keras
import numpy as np
import pytest
import tensorflow as tf

from lenet_keras.layers import LocalResponseNormalization

CONSTANTS = {"depth_radius": 2, "bias": 2.0, "alpha": 1e-4, "beta": 0.75}
OTHERS = {"depth_radius": 1, "bias": 0.5, "alpha": 0.7, "beta": 1.3}


def in_loops(x, depth_radius, bias, alpha, beta):
    """The paper's formula, map by map."""
    y = np.zeros_like(x)
    maps = x.shape[-1]
    for i in range(maps):
        activity = 0
        for j in range(max(0, i - depth_radius), min(maps - 1, i + depth_radius) + 1):
            activity = activity + x[..., j] ** 2
        y[..., i] = x[..., i] / (bias + alpha * activity) ** beta
    return y


@pytest.mark.parametrize(
    "constants", [CONSTANTS, OTHERS, {**OTHERS, "depth_radius": 0}]
)
def test_equals_loops_and_tensorflows(constants, rng):
    x = rng.normal(scale=30, size=(2, 3, 4, 9)).astype("float32")
    outputs = LocalResponseNormalization(**constants)(x)
    np.testing.assert_allclose(outputs, in_loops(x, **constants), rtol=1e-4)
    theirs = tf.nn.local_response_normalization(x, **constants)
    np.testing.assert_allclose(outputs, theirs, rtol=1e-4)


def test_the_default_constants_are_the_papers(rng):
    x = rng.normal(scale=100, size=(1, 2, 2, 7)).astype("float32")
    expected = in_loops(x, **CONSTANTS)
    np.testing.assert_allclose(LocalResponseNormalization()(x), expected, rtol=1e-4)


def test_channels_first(rng):
    x = rng.normal(size=(2, 3, 4, 6)).astype("float32")
    layer = LocalResponseNormalization(**OTHERS, data_format="channels_first")
    outputs = np.moveaxis(layer(np.moveaxis(x, 3, 1)), 1, 3)
    np.testing.assert_allclose(outputs, in_loops(x, **OTHERS), rtol=1e-4)


def test_gradients(rng, check_gradients):
    layer = LocalResponseNormalization(**OTHERS, dtype="float64")
    x = keras.Variable(rng.normal(size=(2, 2, 2, 5)), dtype="float64")
    weights = rng.normal(size=(2, 2, 2, 5))
    check_gradients(lambda: keras.ops.sum(weights * layer(x.value)), [x])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_layer_checks(check_layer, data_format):
    def make_layer(**kwargs):
        return LocalResponseNormalization(**OTHERS, data_format=data_format, **kwargs)

    check_layer(make_layer, (3, 4, 5))


def test_config_and_unknown_sizes():
    layer = LocalResponseNormalization(**OTHERS, data_format="channels_first")
    config = layer.get_config()
    assert {name: config[name] for name in OTHERS} == OTHERS
    assert config["data_format"] == "channels_first"
    assert layer(keras.Input((5, None, None))).shape == (None, 5, None, None)
    assert layer.weights == []


def test_large_activations_do_not_overflow_in_half_precision():
    x = np.full((1, 1, 1, 5), 300, "float16")
    outputs = LocalResponseNormalization(dtype="mixed_float16")(x)
    expected = in_loops(x.astype("float32"), **CONSTANTS)
    np.testing.assert_allclose(outputs, expected, rtol=0.01)


def test_integers_are_taken(rng):
    x = rng.integers(0, 30, (1, 2, 2, 7))
    expected = in_loops(x.astype("float64"), **OTHERS)
    outputs = LocalResponseNormalization(**OTHERS)(x)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "arguments",
    [
        {"depth_radius": -1},
        {"bias": 0.0},
        {"alpha": -1.0},
        {"data_format": "first"},
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    ((name, value),) = arguments.items()
    assert f"{name}={value!r}" in message(LocalResponseNormalization, **arguments)


def test_inputs_that_are_no_images_are_refused():
    with pytest.raises(ValueError, match="expected ndim=4"):
        LocalResponseNormalization()(np.ones((2, 3)))


def test_a_built_layer_takes_images_of_its_maps_alone():
    layer = LocalResponseNormalization(data_format="channels_first")
    layer(np.zeros((1, 6, 8, 8)))
    with pytest.raises(ValueError, match="expected axis 1"):
        layer(np.zeros((1, 7, 8, 8)))
