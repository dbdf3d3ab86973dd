import json
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
# Table I as printed in the paper: one row per map of S2, one column per map of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""
PRINTED_TABLE = [[cell == "X" for cell in row] for row in TABLE_I.split()]


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


class OfEachMap(keras.regularizers.Regularizer):
    """The largest norm of an output map."""

    def __call__(self, kernel):
        return keras.ops.max(keras.ops.sum(kernel**2, axis=(0, 1, 2)))


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
        table,
        kernel_size,
        strides=strides,
        padding=padding,
        data_format=data_format,
        activation=scaled_tanh,
    )
    maps_axis = 3 if data_format == "channels_last" else 1
    inputs = np.moveaxis(x, 3, maps_axis).astype("float32")
    randomized(layer, inputs.shape, rng)
    kernels = linked_kernels(np.asarray(layer.kernel), table)
    bias = np.float64(layer.bias)
    expected = squash(convolve(x, kernels, bias, layer.strides, padding))
    outputs = np.moveaxis(layer(inputs), maps_axis, 3)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def dilated(kernels, rates):
    """Returns the kernels with zeros between their rows and columns."""
    wide = {}
    for link, kernel in kernels.items():
        sides = (np.array(kernel.shape) - 1) * rates + 1
        wide[link] = np.zeros(sides)
        for (row, column), value in np.ndenumerate(kernel):
            wide[link][row * rates[0], column * rates[1]] = value
    return wide


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rate", [2, (1, 3), (3, 1)])
def test_dilation_equals_loops(rate, padding, data_format, rng):
    x = rng.normal(size=(2, 8, 9, 3))
    layer = ConnectionTableConv2D(
        UNSORTED_TABLE,
        (2, 3),
        padding=padding,
        data_format=data_format,
        dilation_rate=rate,
    )
    maps_axis = 3 if data_format == "channels_last" else 1
    inputs = np.moveaxis(x, 3, maps_axis).astype("float32")
    randomized(layer, inputs.shape, rng)
    kernels = linked_kernels(np.asarray(layer.kernel), UNSORTED_TABLE)
    kernels = dilated(kernels, layer.dilation_rate)
    expected = convolve(x, kernels, np.float64(layer.bias), padding=padding)
    outputs = np.moveaxis(layer(inputs), maps_axis, 3)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert layer.compute_output_shape(inputs.shape) == layer(inputs).shape


def test_traced_constants_do_not_grow_with_links_times_maps(rng):
    # 4,096 places in a table, as integers, are 16 KiB. Zeros and ones were 32 MiB.
    table = [rng.choice(64, 16, replace=False) for _ in range(64)]
    layer = ConnectionTableConv2D(table, 3)
    layer.build((None, 8, 8, 64))
    call = tf.function(layer, autograph=False)
    graph = call.get_concrete_function(tf.TensorSpec((1, 8, 8, 64))).graph
    assert 16 * 1024 < graph.as_graph_def().ByteSize() < 24 * 1024


def test_without_bias_equals_loops(rng):
    x = rng.normal(size=(1, 4, 4, 3))
    layer = ConnectionTableConv2D(SMALL_TABLE, 3, use_bias=False)
    randomized(layer, x.shape, rng)
    kernels = linked_kernels(np.asarray(layer.kernel), SMALL_TABLE)
    expected = convolve(x, kernels, np.zeros(4))
    np.testing.assert_allclose(layer(x.astype("float32")), expected, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (1, (2, 1))])
@pytest.mark.parametrize("kernel_size", [1, 3, (2, 4)])
def test_full_table_equals_conv2d(
    kernel_size, strides, dilation_rate, padding, data_format, rng
):
    shape = (2, 7, 6, 3) if data_format == "channels_last" else (2, 3, 7, 6)
    arguments = {
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "data_format": data_format,
        "dilation_rate": dilation_rate,
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
        UNSORTED_TABLE,
        (2, 3),
        strides=strides,
        padding=padding,
        activation="tanh",
        dtype="float64",
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
        partial(ConnectionTableConv2D, PRINTED_TABLE, 3, dilation_rate=(2, 1)),
    ],
    ids=["defaults", "all-arguments", "no-bias", "dilated"],
)
def test_checklist(make_layer, check_layer):
    check_layer(make_layer, (6, 7, 6))


def test_config_of_an_earlier_version_is_not_dilated():
    config = ConnectionTableConv2D(SMALL_TABLE, 3, dilation_rate=2).get_config()
    assert config.pop("dilation_rate") == (2, 2)
    assert ConnectionTableConv2D.from_config(config).dilation_rate == (1, 1)


@pytest.mark.parametrize("make", [list, np.array], ids=["lists", "array"])
def test_booleans_are_table_1_as_printed(make):
    layer = ConnectionTableConv2D(make(PRINTED_TABLE), 5)
    assert layer.connection_table == C3_CONNECTIONS
    layer.build((None, 14, 14, 6))
    by_indices = ConnectionTableConv2D(C3_CONNECTIONS, 5, name=layer.name)
    assert layer.get_config() == by_indices.get_config()
    assert {type(i) for entry in layer.connection_table for i in entry} == {int}


def test_last_row_of_booleans_may_be_false():
    layer = ConnectionTableConv2D(np.array([[True, True], [False, False]]), 1)
    layer.build((None, 3, 3, 2))
    assert layer.dense_kernel.shape == (1, 1, 2, 2)


@pytest.mark.parametrize("input_maps", [5, 7, 16])
def test_booleans_for_another_number_of_input_maps_are_refused(input_maps, message):
    layer = ConnectionTableConv2D(PRINTED_TABLE, 5)
    text = message(layer.build, (None, 14, 14, input_maps))
    assert f"a connection_table of {input_maps} input maps" in text
    assert "rows=6" in text


@pytest.mark.parametrize(
    ("data_format", "padding", "shape", "expected"),
    [
        ("channels_last", "valid", (None, None, 9, 3), (None, None, 4, 4)),
        ("channels_last", "same", (None, 9, None, 3), (None, 5, None, 4)),
        ("channels_first", "valid", (None, 3, None, None), (None, 4, None, None)),
    ],
)
def test_unknown_sizes_stay_unknown(data_format, padding, shape, expected):
    layer = ConnectionTableConv2D(
        SMALL_TABLE, 3, strides=2, padding=padding, data_format=data_format
    )
    assert layer.compute_output_shape(shape) == expected
    assert layer(keras.Input(batch_shape=shape)).shape == expected


def test_dilation_keeps_unknown_sizes_unknown():
    layer = ConnectionTableConv2D(SMALL_TABLE, 3, dilation_rate=(2, 3))
    shape, expected = (None, None, 9, 3), (None, None, 3, 4)
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
    ("table", "received"),
    [
        ((), "entry=()"),
        (((0, 1), ()), "entry=()"),
        (((0, 1), (2, 0, 2)), "entry=(0, 2, 2)"),
        (((0, -1),), "entry=(-1, 0)"),
        ([[1, 1, 0], [0, 1, 1]], "entry=(0, 1, 1)"),
        (((True, False), (True, False)), "entry=()"),
        (np.zeros((2, 0), bool), "entry=()"),
    ],
)
def test_a_table_with_an_entry_of_no_indices_is_refused(table, received, message):
    text = message(ConnectionTableConv2D, table, 3)
    assert "Expected distinct indices from 0 in each entry" in text
    assert received in text


@pytest.mark.parametrize(
    "table",
    [
        (0, 1),
        (((0,), (1,), (1.0,))),
        (("a",),),
        ((True, True), (True,)),
        np.array([True, False]),
        np.ones((1, 1, 1), bool),
        np.array([[0.5, 1.0]]),
    ],
)
def test_what_is_no_table_raises_an_error(table):
    with pytest.raises((TypeError, ValueError)):
        ConnectionTableConv2D(table, 3)


def test_index_of_no_input_map_is_refused(message):
    text = message(ConnectionTableConv2D(((0, 2), (1,)), 3).build, (None, 5, 5, 2))
    assert "a connection_table of 2 input maps" in text
    assert "connection_table=((0, 2), (1,))" in text


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 0},
        {"kernel_size": (3, 3, 3)},
        {"kernel_size": 3, "strides": -1},
        {"kernel_size": 3, "padding": "full"},
        {"kernel_size": 3, "data_format": "CHW"},
        {"kernel_size": 3, "dilation_rate": 0},
        {"kernel_size": 3, "strides": (1, 2), "dilation_rate": (2, 1)},
    ],
)
def test_arguments_are_checked_as_those_of_conv2d(arguments):
    errors = []
    for make in (
        partial(keras.layers.Conv2D, 4),
        partial(ConnectionTableConv2D, SMALL_TABLE),
    ):
        with pytest.raises(ValueError, match="Received") as error:
            make(**arguments)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("name", ["filters", "groups", "lora_rank"])
def test_arguments_that_the_table_replaces_are_refused(name):
    with pytest.raises(TypeError, match=f"multiple values for .* '{name}'"):
        ConnectionTableConv2D(SMALL_TABLE, 3, **{name: 2})


@pytest.mark.parametrize("shape", [(None, 28, 28), (None, 2, 8, 3), (None, 8, 2, 3)])
def test_input_that_does_not_fit_is_refused(shape):
    for inputs in (keras.Input(batch_shape=shape), np.zeros((1, *shape[1:]))):
        with pytest.raises(ValueError, match=r"incompatible|negative"):
            ConnectionTableConv2D(SMALL_TABLE, 3)(inputs)


def test_image_smaller_than_a_dilated_kernel_is_refused():
    layer = ConnectionTableConv2D(SMALL_TABLE, (2, 3), dilation_rate=(3, 2))
    with pytest.raises(ValueError, match="negative"):
        layer.build((None, 4, 4, 3))
    layer.build((None, 4, 5, 3))


def test_a_built_layer_takes_its_input_maps_alone():
    layer = ConnectionTableConv2D([(0, 1), (1,)], 3)
    layer(np.zeros((1, 8, 8, 2)))
    assert layer(np.zeros((1, 6, 4, 2))).shape == (1, 4, 2, 2)
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(keras.Input((8, 8, 3)))


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "float32", "bool"])
def test_an_array_of_zeros_and_ones_is_a_matrix_of_links(dtype):
    matrix = np.eye(2, 3).astype(dtype)
    with pytest.raises(ValueError, match="distinct indices"):
        ConnectionTableConv2D(matrix, 3)  # its third column has no link
    layer = ConnectionTableConv2D(matrix[:, :2], 3)
    assert layer.connection_table == ((0,), (1,))
    again = ConnectionTableConv2D.from_config(
        json.loads(json.dumps(layer.get_config()))
    )
    assert again.connection_table == ((0,), (1,))


def test_lists_and_other_arrays_of_integers_are_indices():
    for table in ([[0, 1], [0, 1]], np.array([[0, 1, 2], [1, 2, 3]]), [[0], [1]]):
        layer = ConnectionTableConv2D(table, 3)
        assert layer.connection_table == tuple(map(tuple, np.array(table).tolist()))


@pytest.mark.parametrize(
    "constraint",
    [
        keras.constraints.MaxNorm(0.5, axis=[0, 1, 2]),
        keras.constraints.UnitNorm(axis=[0, 1, 2]),
        keras.constraints.MinMaxNorm(0.2, 0.5, axis=[0, 1, 2]),
        keras.constraints.NonNeg(),
    ],
    ids=lambda constraint: type(constraint).__name__,
)
def test_a_constraint_acts_map_by_map_as_on_conv2d(constraint, rng):
    arguments = {"kernel_size": 3, "kernel_constraint": constraint}
    layer = ConnectionTableConv2D(C3_CONNECTIONS, **arguments)
    randomized(layer, (None, 5, 5, 6), rng)
    stock = keras.layers.Conv2D(16, **arguments)
    stock.build((None, 5, 5, 6))
    stock.kernel.assign(layer.dense_kernel)
    for weight in (layer.kernel, stock.kernel):
        weight.assign(weight.constraint(weight))
    np.testing.assert_allclose(layer.dense_kernel, stock.kernel, atol=1e-6)


@pytest.mark.parametrize("regularizer", ["l1", "l2", OfEachMap()])
def test_a_regularizer_acts_on_the_kernel_of_a_conv2d(regularizer, rng):
    arguments = {"kernel_size": 3, "kernel_regularizer": regularizer}
    layer = ConnectionTableConv2D(C3_CONNECTIONS, **arguments)
    randomized(layer, (None, 5, 5, 6), rng)
    stock = keras.layers.Conv2D(16, **arguments)
    stock.build((None, 5, 5, 6))
    stock.kernel.assign(layer.dense_kernel)
    assert float(layer.losses[0]) == pytest.approx(float(stock.losses[0]), rel=1e-5)


def test_lora_and_quantization_are_refused():
    layer = ConnectionTableConv2D(SMALL_TABLE, 3)
    layer.build((None, 5, 5, 3))
    with pytest.raises(NotImplementedError, match="Received: layer 'connection_table"):
        layer.enable_lora(2)
    with pytest.raises(NotImplementedError):
        layer.quantize("int8")


def test_it_is_a_conv2d_whose_biases_add_to_their_own_maps(rng):
    """With as many maps as columns, stock Conv2D adds them along the columns."""
    layer = ConnectionTableConv2D([[0], [0]], 1, data_format="channels_first")
    assert isinstance(layer, keras.layers.Conv2D)
    try:
        layer(np.zeros((1, 1, 2, 2)))
    except tf.errors.UnimplementedError:
        pytest.skip("needs a TensorFlow that convolves channels-first on the CPU")
    layer.bias.assign([1.0, 2.0])
    outputs = layer(np.zeros((1, 1, 2, 2)))
    np.testing.assert_array_equal(outputs[0, :, 0], [[1, 1], [2, 2]])
