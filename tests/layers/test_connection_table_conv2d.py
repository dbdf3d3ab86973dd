from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracles import convolve, linked_kernels, squash

from lenet_keras.activations import scaled_tanh
from lenet_keras.initializers import FanInUniform
from lenet_keras.layers import C3_CONNECTIONS, ConnectionTableConv2D

SMALL_TABLE = ((0, 2), (1,), (0, 1, 2), (2,))
UNSORTED_TABLE = [[2, 0], [1], [1, 2, 0], [2]]
# Five maps, because no output below has five columns. With equal numbers, the stock
# channels-first Conv2D of Keras 3.15 on TensorFlow adds the bias along the columns.
FULL_TABLE = ((0, 1, 2),) * 5
LARGE_TABLE = ((0,),) * 300 + ((1, 2, 3),) * 300 + (tuple(range(12)),) * 300


@pytest.fixture(params=["channels_last", "channels_first"])
def data_format(request):
    if request.param == "channels_first":
        try:
            keras.layers.Conv2D(1, 1, data_format="channels_first")(
                np.ones((1, 1, 1, 1))
            )
        except tf.errors.UnimplementedError:
            pytest.skip("needs a TensorFlow that convolves channels-first on the CPU")
    return request.param


def randomized(layer, shape, rng):
    layer.build(shape)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


@pytest.mark.parametrize("table", [SMALL_TABLE, UNSORTED_TABLE])
@pytest.mark.parametrize(
    ("kernel_size", "strides", "padding"),
    [
        (3, 1, "valid"),
        (3, 1, "same"),
        ((2, 3), 2, "valid"),
        ((4, 1), (2, 3), "same"),
        (1, 1, "valid"),
    ],
)
def test_equals_loops(table, kernel_size, strides, padding, data_format, rng):
    x = rng.normal(size=(2, 7, 6, 3))
    layer = ConnectionTableConv2D(
        table, kernel_size, strides, padding, data_format, activation=scaled_tanh
    )
    maps_axis = 3 if data_format == "channels_last" else 1
    inputs = np.moveaxis(x, 3, maps_axis).astype("float32")
    randomized(layer, inputs.shape, rng)
    kernels = linked_kernels(np.asarray(layer.kernel), table)
    bias = np.float64(layer.bias)
    expected = squash(convolve(x, kernels, bias, layer.strides, padding))
    outputs = np.moveaxis(layer(inputs), maps_axis, 3)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_without_bias_equals_loops(rng):
    x = rng.normal(size=(1, 4, 4, 3))
    layer = ConnectionTableConv2D(SMALL_TABLE, 3, use_bias=False)
    randomized(layer, x.shape, rng)
    kernels = linked_kernels(np.asarray(layer.kernel), SMALL_TABLE)
    expected = convolve(x, kernels, np.zeros(4))
    np.testing.assert_allclose(layer(x.astype("float32")), expected, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3, (2, 4)])
def test_full_table_equals_conv2d(kernel_size, strides, padding, data_format, rng):
    shape = (2, 7, 6, 3) if data_format == "channels_last" else (2, 3, 7, 6)
    arguments = {
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "data_format": data_format,
    }
    stock = randomized(keras.layers.Conv2D(5, **arguments), shape, rng)
    layer = randomized(ConnectionTableConv2D(FULL_TABLE, **arguments), shape, rng)
    kernel, bias = stock.get_weights()
    links = [kernel[:, :, i, k] for k in range(5) for i in range(3)]
    layer.set_weights([np.stack(links, axis=-1), bias])
    x = rng.normal(size=shape).astype("float32")
    np.testing.assert_allclose(layer(x), stock(x), atol=1e-6)
    np.testing.assert_array_equal(layer.dense_kernel, kernel)


@pytest.mark.parametrize(
    "initializer", [keras.initializers.HeNormal, "glorot_uniform", FanInUniform]
)
def test_full_table_starts_as_conv2d(initializer):
    def started(make, *args):
        keras.utils.set_random_seed(5)
        seeded = initializer
        if not isinstance(initializer, str):
            seeded = initializer(seed=5)
        layer = make(*args, kernel_size=(3, 2), kernel_initializer=seeded)
        layer.build((None, 8, 8, 3))
        return layer

    stock = started(keras.layers.Conv2D, 5)
    layer = started(ConnectionTableConv2D, FULL_TABLE)
    np.testing.assert_array_equal(layer.dense_kernel, stock.kernel)
    np.testing.assert_array_equal(layer.bias, stock.bias)


def test_default_initializer_is_that_of_conv2d():
    layer, stock = ConnectionTableConv2D(FULL_TABLE, 3), keras.layers.Conv2D(5, 3)
    assert type(layer.kernel_initializer) is type(stock.kernel_initializer)
    assert type(layer.bias_initializer) is type(stock.bias_initializer)


def test_table_1_has_1516_parameters_in_60_kernels():
    layer = ConnectionTableConv2D(C3_CONNECTIONS, 5)
    layer.build((None, 14, 14, 6))
    assert layer.kernel.shape == (5, 5, 60)
    assert layer.count_params() == 1516
    assert layer.compute_output_shape((None, 14, 14, 6)) == (None, 10, 10, 16)


@pytest.mark.parametrize("table", [SMALL_TABLE, UNSORTED_TABLE])
def test_links_are_ordered_by_output_map_then_input_map(table):
    layer = ConnectionTableConv2D(table, 1)
    layer.build((None, 1, 1, 3))
    layer.kernel.assign(np.arange(1, 8).reshape(1, 1, 7))
    expected = [
        [1, 0, 4, 0],
        [0, 3, 5, 0],
        [2, 0, 6, 7],
    ]
    np.testing.assert_array_equal(layer.dense_kernel[0, 0], expected)


def test_dense_kernel_of_table_1_is_zero_where_there_is_no_link(rng):
    layer = ConnectionTableConv2D(C3_CONNECTIONS, 5)
    randomized(layer, (None, 14, 14, 6), rng)
    dense = np.asarray(layer.dense_kernel)
    assert dense.shape == (5, 5, 6, 16)
    for i, k in np.ndindex(6, 16):
        if i in C3_CONNECTIONS[k]:
            assert (dense[:, :, i, k] != 0).all()
        else:
            assert (dense[:, :, i, k] == 0).all()
    kernels = linked_kernels(np.asarray(layer.kernel), C3_CONNECTIONS)
    for (i, k), kernel in kernels.items():
        np.testing.assert_array_equal(dense[:, :, i, k], kernel.astype("float32"))


def test_output_map_does_not_see_the_other_input_maps(rng):
    layer = randomized(ConnectionTableConv2D(SMALL_TABLE, 3), (None, 5, 5, 3), rng)
    x = rng.normal(size=(1, 5, 5, 3)).astype("float32")
    for i in range(3):
        other = x.copy()
        other[..., i] += 1
        moved = np.abs(layer(other) - layer(x)).max(axis=(0, 1, 2)) > 1e-3
        assert moved.tolist() == [i in entry for entry in SMALL_TABLE]


def test_extra_input_maps_are_left_out(rng):
    layer = randomized(ConnectionTableConv2D(((0,),), 1), (None, 2, 2, 3), rng)
    dense = np.asarray(layer.dense_kernel)
    assert dense.shape == (1, 1, 3, 1)
    assert (dense != 0).ravel().tolist() == [True, False, False]


def kernels_by_map(layer):
    kernels = linked_kernels(np.asarray(layer.kernel), layer.connection_table)
    return [
        np.stack([kernels[i, k] for i in sorted(entry)])
        for k, entry in enumerate(layer.connection_table)
    ]


def test_each_map_fills_the_range_of_its_own_fan_in():
    layer = ConnectionTableConv2D(
        C3_CONNECTIONS, 5, kernel_initializer=FanInUniform(seed=2)
    )
    layer.build((None, 14, 14, 6))
    for kernels, entry in zip(kernels_by_map(layer), C3_CONNECTIONS, strict=True):
        bound = 2.4 / (25 * len(entry))
        assert 0.9 * bound < np.abs(kernels).max() <= bound * (1 + 1e-6)
        assert kernels.min() < 0 < kernels.max()


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (keras.initializers.HeNormal, lambda fan_in, fan_out: 2 / fan_in),
        (
            keras.initializers.GlorotUniform,
            lambda fan_in, fan_out: 2 / (fan_in + fan_out),
        ),
    ],
)
def test_each_map_starts_as_a_map_of_a_conv2d_of_its_fan_in(initializer, variance):
    layer = ConnectionTableConv2D(
        LARGE_TABLE, 3, kernel_initializer=initializer(seed=4)
    )
    layer.build((None, 3, 3, 12))
    kernels = kernels_by_map(layer)
    for start, num_inputs in ((0, 1), (300, 3), (600, 12)):
        values = np.stack(kernels[start : start + 300])
        assert values.shape == (300, num_inputs, 3, 3)
        expected = variance(9 * num_inputs, 9 * len(LARGE_TABLE))
        assert values.var() == pytest.approx(expected, rel=0.1)
        assert abs(values.mean()) < 0.1 * np.sqrt(expected)


@pytest.mark.parametrize("seed", [None, 6])
@pytest.mark.parametrize("initializer", [FanInUniform, keras.initializers.GlorotNormal])
def test_no_two_kernels_start_alike(initializer, seed):
    layer = ConnectionTableConv2D(
        C3_CONNECTIONS, 5, kernel_initializer=initializer(seed=seed)
    )
    layer.build((None, 14, 14, 6))
    kernels = np.asarray(layer.kernel).reshape(25, 60).T
    # Maps with different fan-ins must not have kernels that differ only in scale.
    directions = kernels / np.linalg.norm(kernels, axis=1, keepdims=True)
    likeness = np.abs(directions @ directions.T) - np.eye(60)
    assert likeness.max() < 0.9
    assert len(np.unique(kernels)) > 1490


def test_constant_initializer_starts_all_kernels_alike():
    layer = ConnectionTableConv2D(SMALL_TABLE, 2, kernel_initializer="ones")
    layer.build((None, 4, 4, 3))
    assert (np.asarray(layer.kernel) == np.ones((2, 2, 7))).all()


@pytest.mark.parametrize(
    ("strides", "padding"), [(1, "valid"), (2, "same")], ids=["valid", "same"]
)
def test_gradients(strides, padding, rng, check_gradients):
    layer = ConnectionTableConv2D(
        UNSORTED_TABLE, (2, 3), strides, padding, activation="tanh", dtype="float64"
    )
    x = keras.Variable(rng.normal(size=(1, 4, 4, 3)), dtype="float64")
    randomized(layer, x.shape, rng)
    weights = rng.normal(size=layer.compute_output_shape(x.shape))
    check_gradients(
        lambda: keras.ops.sum(weights * layer(x.value)), [x, layer.kernel, layer.bias]
    )


@pytest.mark.parametrize(
    "make_layer",
    [
        partial(ConnectionTableConv2D, SMALL_TABLE, 3),
        partial(
            ConnectionTableConv2D,
            UNSORTED_TABLE,
            kernel_size=(3, 2),
            strides=(1, 2),
            padding="same",
            data_format="channels_last",
            activation=scaled_tanh,
            kernel_initializer=FanInUniform(seed=3),
            bias_initializer=keras.initializers.Constant(0.5),
            kernel_regularizer=keras.regularizers.L2(0.1),
            bias_regularizer=keras.regularizers.L1(0.2),
            activity_regularizer=keras.regularizers.L2(0.3),
            kernel_constraint=keras.constraints.MaxNorm(9),
            bias_constraint=keras.constraints.NonNeg(),
        ),
        partial(ConnectionTableConv2D, ((0, 4), (5, 1)), 2, use_bias=False),
    ],
    ids=["defaults", "all-arguments", "no-bias"],
)
def test_checklist(make_layer, check_layer):
    check_layer(make_layer, (6, 7, 6))


@pytest.mark.parametrize(
    ("data_format", "padding", "shape", "expected"),
    [
        ("channels_last", "valid", (None, None, 9, 3), (None, None, 4, 4)),
        ("channels_last", "same", (None, 9, None, 3), (None, 5, None, 4)),
        ("channels_first", "valid", (None, 3, None, None), (None, 4, None, None)),
    ],
)
def test_unknown_sizes_stay_unknown(data_format, padding, shape, expected):
    layer = ConnectionTableConv2D(SMALL_TABLE, 3, 2, padding, data_format=data_format)
    assert layer.compute_output_shape(shape) == expected
    assert layer(keras.Input(batch_shape=shape)).shape == expected


def test_one_layer_takes_images_of_several_sizes():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, ConnectionTableConv2D(SMALL_TABLE, 3)(x))
    assert model(np.zeros((1, 4, 6, 3))).shape == (1, 2, 4, 4)
    assert model(np.zeros((2, 9, 3, 3))).shape == (2, 7, 1, 4)


def test_same_padding_takes_images_smaller_than_a_kernel(rng):
    x = rng.normal(size=(1, 2, 1, 3))
    layer = ConnectionTableConv2D(SMALL_TABLE, 5, padding="same")
    randomized(layer, x.shape, rng)
    kernels = linked_kernels(np.asarray(layer.kernel), SMALL_TABLE)
    expected = convolve(x, kernels, np.float64(layer.bias), padding="same")
    np.testing.assert_allclose(layer(x.astype("float32")), expected, atol=1e-5)


def test_regularizers_and_constraints_reach_their_own_weights():
    layer = ConnectionTableConv2D(
        SMALL_TABLE,
        1,
        kernel_initializer=keras.initializers.Constant(2.0),
        bias_initializer=keras.initializers.Constant(3.0),
        kernel_regularizer=keras.regularizers.L1(0.1),
        bias_regularizer=keras.regularizers.L1(10.0),
        kernel_constraint=keras.constraints.NonNeg(),
    )
    layer.build((None, 4, 4, 3))
    penalties = [float(penalty) for penalty in layer.losses]
    assert penalties == pytest.approx([7 * 2 * 0.1, 4 * 3 * 10.0])
    assert layer.kernel.constraint is not None
    assert layer.bias.constraint is None


def test_activity_regularizer_adds_a_loss():
    layer = ConnectionTableConv2D(
        ((0,),), 1, kernel_initializer="ones", activity_regularizer="l2"
    )
    layer(np.full((1, 2, 2, 1), 3.0, "float32"))
    assert float(layer.losses[0]) == pytest.approx(0.01 * 4 * 9)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ((), "connection_table=()"),
        (((0, 1), ()), "entry 1 is empty"),
        (((0, 1), (2, 0, 2)), "entry 1 repeats an index"),
        (((0, -1),), "entry 0 is empty or contains values other"),
        (((0,), (1,), (1.0,)), "entry 2 is empty or contains values other"),
        ((("a",),), "entry 0 is empty or contains values other"),
    ],
)
def test_table_that_is_none_is_refused(table, problem, message):
    text = message(ConnectionTableConv2D, table, 3)
    assert problem in text
    assert f"connection_table={table}" in text


def test_index_of_no_input_map_is_refused(message):
    text = message(ConnectionTableConv2D(((0, 2), (1,)), 3).build, (None, 5, 5, 2))
    assert "below the number of input maps, 2" in text
    assert "connection_table=((0, 2), (1,)), with 2" in text


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"kernel_size": 0}, "kernel_size=0"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size=(3, 3, 3)"),
        ({"kernel_size": 3, "strides": -1}, "strides=-1"),
        ({"kernel_size": 3, "padding": "full"}, "padding='full'"),
        ({"kernel_size": 3, "data_format": "CHW"}, "data_format='CHW'"),
    ],
)
def test_argument_out_of_its_range_is_refused(arguments, received, message):
    assert received in message(ConnectionTableConv2D, SMALL_TABLE, **arguments)


@pytest.mark.parametrize(
    "shape", [(None, 28, 28), (None, 2, 8, 3), (None, 8, 2, 3), (None, 8, 8, None)]
)
def test_input_that_does_not_fit_is_refused(shape, message):
    message(ConnectionTableConv2D(SMALL_TABLE, 3).build, shape)
    message(ConnectionTableConv2D(SMALL_TABLE, 3).compute_output_shape, shape)
