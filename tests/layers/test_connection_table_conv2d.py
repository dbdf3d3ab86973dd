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


def groups(maps_per_group, outputs_per_group, num_groups):
    """Returns the table of a convolution with groups."""
    first = np.arange(num_groups)[:, None] * maps_per_group
    entries = (first + np.arange(maps_per_group)).tolist()
    return [entry for entry in entries for _ in range(outputs_per_group)]


# Each table with its number of blocks of at least sixteen maps.
TABLES_WITH_BLOCKS = {
    "depthwise": (groups(1, 1, 48), 3),
    "depthwise with a multiplier": (groups(1, 2, 32), 2),
    "groups of eight": (groups(8, 3, 8), 4),
    "groups of twelve": (groups(12, 3, 4), 2),
    "two groups, not full": ([[0, 5], [1, 15, 2], [16], [31, 20]], 2),
    "groups with one link across": ([*groups(8, 2, 4)[:-1], [0, 31]], 1),
    "groups in another order": (groups(16, 2, 2)[::-1], 1),
    "parts of 17 and 16 input maps": ([[0, 16], [17, 32]], 1),
    "parts of two output maps and one": ([[0], [1], [31]], 1),
    "groups of too few maps": (groups(1, 1, 31), 1),
    "full": ([range(32)] * 2, 1),
}


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


@pytest.mark.parametrize("name", TABLES_WITH_BLOCKS)
def test_blocks_equal_loops(name, data_format, rng, monkeypatch):
    table, num_blocks = TABLES_WITH_BLOCKS[name]
    num_maps = 1 + max(map(max, table))
    x = rng.normal(size=(2, 4, 3, num_maps))
    layer = ConnectionTableConv2D(
        table, (3, 2), padding="same", data_format=data_format
    )
    maps_axis = 3 if data_format == "channels_last" else 1
    inputs = np.moveaxis(x, 3, maps_axis).astype("float32")
    randomized(layer, inputs.shape, rng)
    convolutions = []
    conv = keras.ops.conv
    monkeypatch.setattr(
        keras.ops,
        "conv",
        lambda *args, **kw: convolutions.append(conv(*args, **kw)) or convolutions[-1],
    )
    outputs = np.moveaxis(layer(inputs), maps_axis, 3)
    kernels = linked_kernels(np.asarray(layer.kernel), table)
    expected = convolve(x, kernels, np.float64(layer.bias), padding="same")
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    assert len(convolutions) == num_blocks
    dense = np.zeros((3, 2, num_maps, len(table)))
    for (i, k), kernel in kernels.items():
        dense[:, :, i, k] = kernel
    np.testing.assert_array_equal(layer.dense_kernel, dense.astype("float32"))


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
        UNSORTED_TABLE, (2, 3), strides, padding, activation="tanh", dtype="float64"
    )
    x = keras.Variable(rng.normal(size=(1, 4, 4, 3)), dtype="float64")
    randomized(layer, x.shape, rng)
    weights = rng.normal(size=layer.compute_output_shape(x.shape))
    check_gradients(
        lambda: keras.ops.sum(weights * layer(x.value)), [x, layer.kernel, layer.bias]
    )


def test_gradients_of_blocks(rng, check_gradients):
    layer = ConnectionTableConv2D(groups(1, 1, 32), (1, 2), dtype="float64")
    x = keras.Variable(rng.normal(size=(1, 2, 3, 32)), dtype="float64")
    randomized(layer, x.shape, rng)
    weights = rng.normal(size=layer.compute_output_shape(x.shape))
    check_gradients(
        lambda: keras.ops.sum(weights * layer(x.value) ** 2), [x, layer.kernel]
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


def test_checklist_of_blocks(check_layer):
    check_layer(partial(ConnectionTableConv2D, groups(2, 1, 16), 2), (3, 4, 32))


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
    assert f"one row of booleans per input map, {input_maps}" in text
    assert "6 rows" in text


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


def test_dilation_keeps_unknown_sizes_unknown():
    layer = ConnectionTableConv2D(SMALL_TABLE, 3, dilation_rate=(2, 3))
    shape, expected = (None, None, 9, 3), (None, None, 3, 4)
    assert layer.compute_output_shape(shape) == expected
    assert layer(keras.Input(batch_shape=shape)).shape == expected


def test_blocks_take_images_of_several_sizes():
    x = keras.Input((None, None, 32))
    model = keras.Model(x, ConnectionTableConv2D(groups(1, 1, 32), 3)(x))
    assert model(np.zeros((1, 4, 6, 32))).shape == (1, 2, 4, 32)
    assert model(np.zeros((2, 9, 3, 32))).shape == (2, 7, 1, 32)


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
        (((0, 1), (2, True)), "entry 1 is empty or contains values other"),
        ((0, 1), "Expected one entry per output map"),
        (((True, True), (True,)), "rows of equal length"),
        (((True, False), (True, False)), "entry 1 is empty"),
        (np.array([True, False]), "Expected one entry per output map"),
        (np.ones((1, 1, 1), bool), "entry 0 is empty or contains values other"),
        (np.zeros((2, 0), bool), "entry 0 is empty"),
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
        ({"kernel_size": 3, "dilation_rate": 0}, "dilation_rate=0"),
        (
            {"kernel_size": 3, "strides": (1, 2), "dilation_rate": (2, 1)},
            "strides=(1, 2), dilation_rate=(2, 1)",
        ),
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


def test_image_smaller_than_a_dilated_kernel_is_refused(message):
    layer = ConnectionTableConv2D(SMALL_TABLE, (2, 3), dilation_rate=(3, 2))
    text = message(layer.build, (None, 4, 4, 3))
    assert "one window of (4, 5)" in text
    layer.build((None, 4, 5, 3))


def test_a_built_layer_takes_its_input_maps_alone():
    layer = ConnectionTableConv2D([(0, 1), (1,)], 3)
    layer(np.zeros((1, 8, 8, 2)))
    assert layer(np.zeros((1, 6, 4, 2))).shape == (1, 4, 2, 2)
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(keras.Input((8, 8, 3)))
