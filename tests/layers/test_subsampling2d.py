from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracles import add_windows, squash, subsample

from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import Subsampling2D


def with_weights(layer, shape, coefficient, bias):
    layer.build(shape)
    layer.set_weights([coefficient, bias])
    return layer


@pytest.mark.parametrize("pool_size", [1, 2, (3, 2), (1, 4)])
@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_equals_loops(pool_size, size, rng):
    x = rng.normal(size=(2, *size, 3))
    coefficient, bias = rng.normal(size=3), rng.normal(size=3)
    layer = with_weights(Subsampling2D(pool_size), x.shape, coefficient, bias)
    expected = squash(subsample(x, coefficient, bias, layer.pool_size))
    np.testing.assert_allclose(layer(x.astype("float32")), expected, atol=1e-5)


WINDOWS = [
    ((3, 3), (2, 2)),  # they overlap
    ((2, 3), (3, 1)),  # they leave out rows
    ((3, 4), (1, 1)),
]


@pytest.mark.parametrize(("pool_size", "strides"), WINDOWS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_strides_equal_loops(pool_size, strides, data_format, size, rng):
    x = rng.normal(size=(2, *size, 3))
    coefficient, bias = rng.normal(size=3), rng.normal(size=3)
    expected = squash(subsample(x, coefficient, bias, pool_size, strides))
    if data_format == "channels_first":
        x, expected = np.moveaxis(x, -1, 1), np.moveaxis(expected, -1, 1)
    layer = Subsampling2D(pool_size, data_format=data_format, strides=strides)
    with_weights(layer, x.shape, coefficient, bias)
    np.testing.assert_allclose(layer(x.astype("float32")), expected, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == expected.shape


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("pool_size", "strides"), WINDOWS)
def test_strides_on_sizes_that_only_the_run_knows(pool_size, strides, jit_compile, rng):
    layer = Subsampling2D(pool_size, strides=strides)
    x = keras.Input((None, None, 3))
    model = keras.Model(x, layer(x))
    function = tf.function(
        lambda x: model(x),
        input_signature=[tf.TensorSpec((None, None, None, 3))],
        autograph=False,
        jit_compile=jit_compile,
    )
    for size in ((9, 10), (10, 11)):
        x = rng.normal(size=(2, *size, 3)).astype("float32")
        np.testing.assert_allclose(function(x), layer(x), atol=1e-6)


def test_the_default_strides_are_the_window():
    layer = Subsampling2D((3, 2))
    assert (layer.strides, layer.padding) == ((3, 2), "valid")


def test_a_config_of_before_the_strides_loads():
    config = Subsampling2D((3, 2)).get_config()
    del config["strides"], config["padding"]
    layer = Subsampling2D.from_config(config)
    assert (layer.strides, layer.padding) == ((3, 2), "valid")


def test_channels_first_equals_loops(rng):
    x = rng.normal(size=(2, 6, 5, 3))
    coefficient, bias = rng.normal(size=3), rng.normal(size=3)
    layer = Subsampling2D((2, 3), data_format="channels_first")
    with_weights(layer, (2, 3, 6, 5), coefficient, bias)
    outputs = layer(np.moveaxis(x, -1, 1).astype("float32"))
    expected = squash(subsample(x, coefficient, bias, (2, 3)))
    np.testing.assert_allclose(np.moveaxis(outputs, 1, -1), expected, atol=1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pool_size", [2, (3, 2)])
def test_equals_average_pooling_at_the_start(pool_size, data_format, rng):
    x = rng.normal(size=(2, 7, 6, 5)).astype("float32")
    layer = Subsampling2D(pool_size, activation=None, data_format=data_format)
    stock = keras.layers.AveragePooling2D(pool_size, data_format=data_format)
    np.testing.assert_allclose(layer(x), stock(x), atol=1e-6)


def test_coefficient_one_adds_the_window(rng):
    x = rng.normal(size=(2, 6, 6, 3)).astype("float32")
    layer = Subsampling2D((2, 3), activation=None, coefficient_initializer="ones")
    np.testing.assert_allclose(layer(x), add_windows(x, (2, 3)), atol=1e-5)


def test_has_one_coefficient_and_one_bias_a_map():
    layer = Subsampling2D()
    layer.build((None, 28, 28, 6))
    assert layer.coefficient.shape == layer.bias.shape == (6,)
    assert layer.count_params() == 12


def test_squashes_by_default():
    assert Subsampling2D().activation is scaled_tanh


def test_gradients(rng, check_gradients):
    layer = Subsampling2D(dtype="float64")
    x = keras.Variable(rng.normal(size=(2, 4, 5, 2)), dtype="float64")
    with_weights(layer, x.shape, rng.normal(size=2), rng.normal(size=2))
    weights = rng.normal(size=(2, 2, 2, 2))
    check_gradients(
        lambda: keras.ops.sum(weights * layer(x.value)),
        [x, layer.coefficient, layer.bias],
    )


@pytest.mark.parametrize(
    "make_layer",
    [
        Subsampling2D,
        partial(
            Subsampling2D,
            pool_size=(3, 2),
            activation="relu",
            coefficient_initializer=keras.initializers.RandomUniform(0.5, 1, seed=1),
            bias_initializer=keras.initializers.Constant(2.0),
            coefficient_regularizer=keras.regularizers.L2(0.1),
            bias_regularizer=keras.regularizers.L1(0.2),
            coefficient_constraint=keras.constraints.NonNeg(),
            bias_constraint=keras.constraints.MaxNorm(9),
            data_format="channels_first",
            strides=(2, 1),
        ),
        partial(Subsampling2D, 3, strides=2),
    ],
    ids=["defaults", "all-arguments", "overlapping"],
)
def test_checklist(make_layer, check_layer):
    check_layer(make_layer, (6, 7, 8))


@pytest.mark.parametrize(
    ("data_format", "shape", "expected"),
    [
        ("channels_last", (None, None, 9, 4), (None, None, 4, 4)),
        ("channels_first", (None, 4, None, None), (None, 4, None, None)),
    ],
)
def test_unknown_sizes_stay_unknown(data_format, shape, expected):
    layer = Subsampling2D(data_format=data_format)
    assert layer.compute_output_shape(shape) == expected
    assert layer(keras.Input(batch_shape=shape)).shape == expected


def test_one_layer_takes_images_of_several_sizes():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, Subsampling2D()(x))
    assert model(np.zeros((1, 4, 6, 3))).shape == (1, 2, 3, 3)
    assert model(np.zeros((2, 9, 5, 3))).shape == (2, 4, 2, 3)


def test_regularizers_and_constraints_reach_their_own_weights():
    layer = Subsampling2D(
        coefficient_initializer=keras.initializers.Constant(2.0),
        bias_initializer=keras.initializers.Constant(3.0),
        coefficient_regularizer=keras.regularizers.L1(0.1),
        bias_regularizer=keras.regularizers.L1(10.0),
        coefficient_constraint=keras.constraints.NonNeg(),
    )
    layer.build((None, 4, 4, 5))
    penalties = [float(penalty) for penalty in layer.losses]
    assert penalties == pytest.approx([5 * 2 * 0.1, 5 * 3 * 10.0])
    assert layer.coefficient.constraint is not None
    assert layer.bias.constraint is None


@pytest.mark.parametrize(
    "arguments", [{"pool_size": 0}, {"data_format": "CHW"}, {"strides": -1}]
)
def test_arguments_are_checked_as_those_of_average_pooling(arguments):
    errors = []
    for layer_class in (keras.layers.AveragePooling2D, Subsampling2D):
        with pytest.raises(ValueError, match=r"Received|must be one of") as error:
            layer_class(**{"pool_size": 2, **arguments})
        errors.append(str(error.value))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("padding", ["same", "full"])
def test_padding_is_refused(padding, message):
    """AveragePooling2D leaves out the padding, so sums would not be sums."""
    assert f"padding='{padding}'" in message(Subsampling2D, padding=padding)


@pytest.mark.parametrize("shape", [(None, 28, 28), (None, 1, 8, 3), (None, 8, 1, 3)])
def test_input_that_does_not_fit_is_refused(shape):
    for inputs in (keras.Input(batch_shape=shape), np.zeros((1, *shape[1:]))):
        with pytest.raises(ValueError, match=r"incompatible|negative"):
            Subsampling2D()(inputs)


def test_it_is_an_average_pooling():
    assert isinstance(Subsampling2D(), keras.layers.AveragePooling2D)


def test_a_built_layer_takes_images_of_its_maps_alone():
    layer = Subsampling2D()
    layer(np.zeros((1, 8, 8, 1)))
    assert layer(np.zeros((1, 6, 4, 1))).shape == (1, 3, 2, 1)
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.zeros((1, 8, 8, 5)))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("size", [(8, 8), (9, 8), (7, 11)])
def test_windows_on_any_side_are_the_same_in_onnx(size, tmp_path, rng):
    runtime = pytest.importorskip("onnxruntime")
    path = str(tmp_path / "layer.onnx")
    model = keras.Sequential(
        [keras.Input((None, None, 2)), Subsampling2D(3, strides=2)]
    )
    x = rng.normal(size=(1, *size, 2)).astype("float32")
    expected = model(x)
    model.export(path, format="onnx", verbose=False)
    session = runtime.InferenceSession(path)
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, expected, atol=1e-5)
