import math

import keras
import numpy as np
import pytest
from keras import layers

from lenet_keras.counts import Count, layer_table, symbolic_layer_table
from lenet_keras.layers import (
    RBF,
    ConnectionTableConv2D,
    LocalResponseNormalization,
    RBFPosterior,
    Subsampling2D,
)
from lenet_keras.models import lenet5, lenet5_modern
from lenet_study.networks import lenet1


def of(layer, input_shape):
    """Returns the row of one layer in a model of its own."""
    model = keras.Sequential([keras.Input(input_shape), layer])
    return layer_table(model)[layer.name]


def window_units(size, window, strides, padding):
    """Yields each output unit's window, as the positions of its inputs."""
    starts = []
    for n, k, s in zip(size, window, strides, strict=True):
        if padding == "same":
            starts.append([place * s for place in range(math.ceil(n / s))])
        else:
            starts.append([first for first in range(0, n, s) if first + k <= n])
    for row in starts[0]:
        for column in starts[1]:
            yield [
                (row + y, column + x)
                for y in range(window[0])
                for x in range(window[1])
            ]


def enumerated(size, window, strides, padding, maps_seen, use_bias):
    """Counts connections and multiply-adds unit by unit, output map by output map."""
    connections = multiply_adds = 0
    for num_inputs in maps_seen:
        for positions in window_units(size, window, strides, padding):
            for _ in range(num_inputs):
                for _ in positions:
                    connections += 1
                    multiply_adds += 1
            connections += use_bias
    return connections, multiply_adds


def test_lenet5_counts_of_the_paper():
    table = layer_table(lenet5())
    trainable = table.to_pandas()["trainable"].drop(["input", "flatten"]).to_dict()
    assert trainable == {
        "C1": 156,
        "S2": 12,
        "C3": 1_516,
        "S4": 32,
        "C5": 48_120,
        "F6": 10_164,
        "output": 0,
        "total": 60_000,
    }
    connections = table.to_pandas()["connections"].drop(["input", "flatten"]).to_dict()
    assert connections == {
        "C1": 122_304,
        "S2": 5_880,
        "C3": 151_600,
        "S4": 2_000,
        "C5": 48_120,
        "F6": 10_164,
        "output": 840,
        "total": 340_908,
    }
    assert table["output"].fixed == table["total"].fixed == 840
    assert table["total"].multiply_adds == 328_096


@pytest.mark.parametrize(
    ("input_shape", "parameters", "connections"),
    [((28, 28, 1), 61_706, 429_342), ((32, 32, 3), 62_006, 664_542)],
)
def test_lenet5_modern_totals(input_shape, parameters, connections):
    total = layer_table(lenet5_modern(input_shape))["total"]
    assert total.trainable == parameters
    assert total.fixed == 0
    assert total.connections == connections


def test_lenet5_modern_multiply_adds_layer_by_layer():
    table = layer_table(lenet5_modern())
    assert table.to_pandas()["multiply_adds"].to_dict() == {
        "input": 0,
        "C1": 28 * 28 * 6 * 25,
        "S2": 0,
        "C3": 10 * 10 * 16 * 150,
        "S4": 0,
        "flatten": 0,
        "C5": 400 * 120,
        "F6": 120 * 84,
        "output": 84 * 10,
        "total": 117_600 + 240_000 + 48_000 + 10_080 + 840,
    }


def test_counts_as_a_data_frame():
    counts = layer_table(lenet5())
    table = counts.to_pandas()
    assert list(counts) == table.index.tolist()
    assert table.index.name == "layer"
    assert table.index.tolist() == [
        *("input", "C1", "S2", "C3", "S4", "C5", "flatten", "F6", "output", "total")
    ]
    assert table.columns.tolist() == [
        *("output_shape", "trainable", "fixed", "connections", "multiply_adds")
    ]
    assert table.loc["C3", "output_shape"] == (10, 10, 16)
    assert table.loc["total", "output_shape"] == ""
    numbers = table.drop(columns="output_shape")
    assert (numbers.dtypes == "int64").all()
    assert (numbers.drop("total").sum() == numbers.loc["total"]).all()
    for name, count in counts.items():
        assert count[1:] == tuple(numbers.loc[name])


def test_counts_print_as_a_table():
    heading, *rows = str(layer_table(lenet5())).splitlines()
    assert heading.split() == ["layer", *Count._fields]
    assert rows[3].split() == [
        "C3",
        "(10,",
        "10,",
        "16)",
        "1,516",
        "0",
        "151,600",
        "150,000",
    ]
    assert rows[-1].split() == ["total", "60,000", "840", "340,908", "328,096"]
    assert len({len(line) for line in [heading, *rows]}) == 1


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("kernel_size", "strides", "padding"),
    [((3, 3), (1, 1), "valid"), ((2, 3), (2, 1), "same"), ((3, 2), (2, 3), "valid")],
)
def test_convolutions_equal_enumeration(
    kernel_size, strides, padding, use_bias, data_format
):
    size, table = (7, 5), ((0,), (0, 1), (1, 2), (0, 1, 2))
    shape = (*size, 3) if data_format == "channels_last" else (3, *size)
    arguments = {
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "use_bias": use_bias,
        "data_format": data_format,
    }
    for layer, maps_seen in (
        (layers.Conv2D(4, **arguments), [3, 3, 3, 3]),
        (ConnectionTableConv2D(table, **arguments), [1, 2, 2, 3]),
        (layers.DepthwiseConv2D(depth_multiplier=2, **arguments), [1] * 6),
    ):
        row = of(layer, shape)
        expected = enumerated(size, kernel_size, strides, padding, maps_seen, use_bias)
        assert (row.connections, row.multiply_adds) == expected
        weights = sum(maps_seen) * math.prod(kernel_size)
        assert row.trainable == weights + len(maps_seen) * use_bias


def test_dilated_kernel_has_no_more_connections():
    # A kernel of 3 x 2 that spans 5 x 4 pixels fits 3 x 2 times into 7 x 5.
    expected = enumerated((5, 3), (3, 2), (1, 1), "valid", [1, 2], use_bias=True)
    layer = ConnectionTableConv2D(((0,), (0, 1)), (3, 2), dilation_rate=(2, 3))
    row = of(layer, (7, 5, 2))
    assert row.output_shape == (3, 2, 2)
    assert (row.connections, row.multiply_adds) == expected


def test_grouped_convolution_sees_its_own_group():
    row = of(layers.Conv2D(4, 3, groups=2), (5, 5, 6))
    expected = enumerated((5, 5), (3, 3), (1, 1), "valid", [3] * 4, use_bias=True)
    assert (row.connections, row.multiply_adds) == expected


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (1, 2)])
def test_inputs_that_move_a_unit_of_a_depthwise_convolution(
    strides, dilation_rate, use_bias
):
    layer = layers.DepthwiseConv2D(
        (2, 3), strides, "valid", 2, None, dilation_rate, use_bias=use_bias
    )
    row = of(layer, (7, 5, 3))
    connections = multiply_adds = 0
    pixels = np.eye(7 * 5 * 3, dtype="float32").reshape(-1, 7, 5, 3)
    outputs = keras.ops.convert_to_numpy(layer(pixels))
    for unit in np.ndindex(row.output_shape):
        moved = np.count_nonzero(outputs[:, *unit])
        multiply_adds += moved
        connections += moved + use_bias
    assert (row.connections, row.multiply_adds) == (connections, multiply_adds)
    assert row.trainable == 6 * (6 + use_bias)


@pytest.mark.parametrize("layer_type", [layers.MaxPooling2D, layers.AveragePooling2D])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("pool_size", "strides", "padding"),
    [((2, 2), (2, 2), "valid"), ((3, 2), (2, 1), "same")],
)
def test_pooling_equals_enumeration(
    layer_type, pool_size, strides, padding, data_format
):
    shape = (7, 5, 3) if data_format == "channels_last" else (3, 7, 5)
    row = of(layer_type(pool_size, strides, padding, data_format), shape)
    expected, _ = enumerated((7, 5), pool_size, strides, padding, [1] * 3, False)
    assert (row.connections, row.multiply_adds) == (expected, 0)
    assert row.trainable == row.fixed == 0


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("pool_size", "strides", "padding"),
    [
        ((2, 2), (2, 2), "valid"),
        ((3, 2), (3, 2), "valid"),
        ((3, 2), (2, 1), "valid"),
    ],
)
def test_subsampling_equals_enumeration(pool_size, strides, padding, data_format):
    shape = (7, 5, 3) if data_format == "channels_last" else (3, 7, 5)
    layer = Subsampling2D(
        pool_size, data_format=data_format, strides=strides, padding=padding
    )
    row = of(layer, shape)
    connections, _ = enumerated((7, 5), pool_size, strides, padding, [1] * 3, True)
    units = len(list(window_units((7, 5), pool_size, strides, padding))) * 3
    assert row.connections == connections
    assert row.multiply_adds == units  # one product with the coefficient
    assert row.trainable == 6


@pytest.mark.parametrize("use_bias", [True, False])
def test_dense(use_bias):
    row = of(layers.Dense(3, use_bias=use_bias), (5,))
    assert row.connections == row.trainable == 15 + 3 * use_bias
    assert row.multiply_adds == 15


def test_dense_on_every_position_of_a_map():
    row = of(layers.Dense(3), (4, 2, 5))
    assert row.trainable == 18
    assert row.connections == 8 * 18
    assert row.multiply_adds == 8 * 15


@pytest.mark.parametrize("trainable", [True, False])
def test_rbf(trainable):
    row = of(RBF(np.ones((3, 7)), trainable_codes=trainable), (7,))
    assert row.trainable == 21 * trainable
    assert row.fixed == 21 * (not trainable)
    assert row.connections == row.multiply_adds == 21


@pytest.mark.parametrize(
    "layer",
    [
        RBFPosterior(10.0),
        layers.Activation("tanh"),
        layers.ReLU(6.0),
        layers.LeakyReLU(),
        layers.ELU(),
        layers.Softmax(),
        layers.Rescaling(1 / 255, offset=-0.1),
        layers.Dropout(0.5, seed=1),
        layers.Flatten(),
        layers.Reshape((6, 4, 1)),
        layers.ZeroPadding2D(((1, 2), (0, 3))),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_cost_nothing(layer):
    row = of(layer, (4, 6, 1))
    assert row == (layer.output.shape[1:], 0, 0, 0, 0)


@pytest.mark.parametrize(
    "layer", [layers.GlobalAveragePooling2D(), layers.GlobalMaxPooling2D()]
)
def test_global_pooling_sees_all(layer):
    row = of(layer, (4, 6, 3))
    assert (row.connections, row.multiply_adds) == (4 * 6 * 3, 0)


@pytest.mark.parametrize("radius", [0, 2])
def test_local_response_normalization_sees_its_neighbours(radius):
    row = of(LocalResponseNormalization(radius), (4, 3, 7))
    expected = 4 * 3 * 7 * (2 * radius + 1)
    assert (row.connections, row.multiply_adds) == (expected, 0)


@pytest.mark.parametrize(
    ("center", "scale"), [(True, True), (False, True), (True, False)]
)
def test_batch_normalization_is_a_coefficient_and_a_bias_a_unit(center, scale):
    row = of(layers.BatchNormalization(center=center, scale=scale), (4, 3, 7))
    units = 4 * 3 * 7
    # (x - mean) / deviation is that even where neither is trained.
    assert row.connections == 2 * units
    assert row.multiply_adds == units
    assert row.trainable == 7 * (center + scale)
    assert row.fixed == 14  # the moving mean and variance


def test_sums_and_concatenations():
    inputs = keras.Input((4, 3, 2))
    added = layers.Add(name="sum")([inputs, inputs, inputs])
    together = layers.Concatenate(name="together")([inputs, added])
    table = layer_table(keras.Model(inputs, together))
    assert table["sum"].connections == 3 * 4 * 3 * 2
    assert table["sum"].multiply_adds == 0
    assert table["together"][3:] == (0, 0)


# The figures that Keras's documentation has, and what they are made of: convolutions
# with their biases, and for ResNet-50 the 53,120 moving statistics, which are fixed.
def test_vgg_16():
    total = symbolic_layer_table(lambda: keras.applications.VGG16(weights=None))
    total = total["total"]
    assert (total.trainable, total.fixed) == (138_357_544, 0)
    maps = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    sides = [224] * 2 + [112] * 2 + [56] * 3 + [28] * 3 + [14] * 3
    convolutions = sum(
        side**2 * 9 * seen * own
        for side, seen, own in zip(sides, maps, maps[1:], strict=False)
    )
    assert round(convolutions / 1e8) == 153  # He et al. (2016): 15.3 billion
    dense = 25_088 * 4_096 + 4_096**2 + 4_096 * 1_000
    assert total.multiply_adds == convolutions + dense


def test_resnet_50():
    total = symbolic_layer_table(lambda: keras.applications.ResNet50(weights=None))
    total = total["total"]
    assert total.trainable + total.fixed == 25_636_712
    assert total.fixed == 53_120
    assert total.multiply_adds == pytest.approx(3.8e9, rel=0.02)  # He et al. (2016)


def test_mobilenet_v2():
    total = symbolic_layer_table(lambda: keras.applications.MobileNetV2(weights=None))
    total = total["total"]
    # Sandler et al. (2018), table 4: 3.4 million parameters, 300 million multiply-adds.
    assert total.trainable == 3_504_872
    assert total.trainable + total.fixed == 3_538_984
    assert total.multiply_adds == pytest.approx(300e6, rel=0.03)


@pytest.mark.parametrize("build", [lenet1, lenet5, lenet5_modern])
def test_symbolic_counting_equals_counting(build):
    assert symbolic_layer_table(build) == layer_table(build())


class Values(keras.initializers.Initializer):
    """Refuses to give any."""

    def __call__(self, shape, dtype=None):
        raise AssertionError(f"asked for values of shape {shape}")


def test_symbolic_counting_makes_no_weights_then_or_later():
    def build():
        inputs = keras.Input((5,))
        outputs = layers.Dense(3, kernel_initializer=Values())(inputs)
        return keras.Model(inputs, outputs)

    assert symbolic_layer_table(build)["total"].trainable == 18
    with keras.StatelessScope():
        pass  # at its end Keras would give values to what waits for them
    with pytest.raises(AssertionError, match="asked for values"):
        build()


def test_symbolic_counting_passes_errors_on():
    def build():
        inputs = keras.Input((3, 4))
        return keras.Model(inputs, layers.LSTM(2, name="memory")(inputs))

    with pytest.raises(TypeError, match="layer=memory"):
        symbolic_layer_table(build)


def test_frozen_layer_is_fixed():
    layer = layers.Dense(3)
    layer.trainable = False
    row = of(layer, (5,))
    assert (row.trainable, row.fixed) == (0, 18)
    assert row.connections == 18


def test_sequential_model_counts_as_the_functional_one():
    functional = lenet5_modern()
    sequential = keras.Sequential([keras.Input((28, 28, 1)), *functional.layers[1:]])
    expected = layer_table(lenet5_modern())
    del expected["input"]
    assert layer_table(sequential) == expected


def test_counts_are_those_of_one_image_in_a_fixed_batch():
    x = keras.Input(batch_shape=(16, 5))
    table = layer_table(keras.Model(x, layers.Dense(3, name="F6")(x)))
    assert table["F6"].connections == 18


class OwnConv2D(layers.Conv2D):
    """A subclass may compute something else."""


@pytest.mark.parametrize(
    ("layer", "input_shape"),
    [
        (layers.LSTM(2, name="memory"), (3, 4)),
        (layers.Conv2DTranspose(2, 2, name="transposed"), (5, 5, 3)),
        (OwnConv2D(2, 2, name="own"), (5, 5, 3)),
    ],
)
def test_layer_without_a_rule_is_named(layer, input_shape):
    with pytest.raises(TypeError, match=r"Expected .*Received: ") as error:
        of(layer, input_shape)
    text = f"layer={layer.name} of type {type(layer).__name__}"
    assert text in str(error.value)


def test_what_is_no_layer_is_named():
    x = keras.Input((5,))
    model = keras.Model(x, keras.ops.tanh(layers.Dense(5)(x)) + x)
    with pytest.raises(TypeError, match=r"layer=tanh.* of type Tanh"):
        layer_table(model)


def test_layer_called_twice_is_refused(message):
    x, shared = keras.Input((5,)), layers.Dense(5, name="shared")
    model = keras.Model(x, shared(shared(x)))
    text = "called once, or in other models at the same size. Received: layer='shared'"
    assert text in message(layer_table, model)


def test_layers_that_another_model_has_too_are_counted():
    x, shared = keras.Input((5,)), layers.Dense(5)
    between = shared(x)
    both = keras.Model(x, shared(between))
    one = keras.Model(x, between)
    assert layer_table(one)["total"].trainable == 30
    assert both.count_params() == 30


def test_model_that_is_not_built_is_refused(message):
    model = keras.Sequential([layers.Dense(3)], name="early")
    assert "built model. Received: model='early'" in message(layer_table, model)


def test_output_of_unknown_size_is_refused(message):
    x = keras.Input((None, None, 1), name="image")
    model = keras.Model(x, layers.Conv2D(2, 3, name="C1")(x))
    text = message(layer_table, model)
    assert "layer='image', output_shape=(None, None, 1)" in text


def test_a_layer_of_another_model_of_another_size_is_refused(message):
    old = lenet5()
    new = outputs = keras.Input((64, 64, 1))
    for layer in old.layers[1:4]:
        outputs = layer(outputs)
    text = message(layer_table, keras.Model(new, outputs))
    shapes = "inputs=[(64, 64, 1)], first=[(32, 32, 1)]"
    assert f"Received: layer='C1', {shapes}" in text
    assert layer_table(old)["total"].trainable == 60_000
    pool = layers.GlobalAveragePooling2D(name="pool")
    pool(keras.Input((8, 8, 2)))
    own = keras.Sequential([keras.Input((4, 4, 2)), pool])
    assert "Received: layer='pool', inputs" in message(layer_table, own)


def test_layers_that_were_added_later_are_counted():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="C1")])
    model.add(layers.MaxPooling2D(name="S2"))  # Keras calls C1 again
    table = layer_table(model)
    assert list(table) == ["C1", "S2", "total"]
    assert table["total"].connections == 36 * 2 * 10 + 9 * 2 * 4
