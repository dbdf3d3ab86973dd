import numpy as np
import pytest
from oracles import convolve, linked_kernels, squash, subsample

from lenet_keras.counts import layer_table
from lenet_study.networks import lenet1
from lenet_study.networks.lenet1 import LENET1_CONNECTIONS


def test_counts_of_the_paper():
    table = layer_table(lenet1()).to_pandas().drop(["input", "flatten"])
    assert table["trainable"].to_dict() == {
        "H1": 104,
        "H2": 8,
        "H3": 512,
        "H4": 24,
        "output": 1_930,
        "total": 2_578,
    }
    assert table["connections"].to_dict() == {
        "H1": 59_904,
        "H2": 2_880,
        "H3": 32_768,
        "H4": 960,
        "output": 1_930,
        "total": 98_442,
    }
    assert table.loc["total", "fixed"] == 0


def test_the_papers_4635_units_are_those_with_the_pixels_and_the_constant_one():
    shapes = (
        layer_table(lenet1()).to_pandas().drop(["flatten", "total"])["output_shape"]
    )
    assert sum(np.prod(shape) for shape in shapes) + 1 == 4_635


def test_forward_pass_equals_loops(rng):
    model = lenet1()
    weights = [rng.normal(scale=0.3, size=w.shape) for w in model.weights]
    model.set_weights(weights)
    h1, b1, c2, b2, h3, b3, c4, b4, out, bias = weights
    x = rng.uniform(-0.1, 1.175, (2, 28, 28, 1))
    full = {(0, k): h1[:, :, 0, k] for k in range(4)}
    maps = squash(convolve(x, full, b1))
    maps = squash(subsample(maps, c2, b2, (2, 2)))
    maps = squash(convolve(maps, linked_kernels(h3, LENET1_CONNECTIONS), b3))
    maps = squash(subsample(maps, c4, b4, (2, 2)))
    expected = squash(maps.reshape(2, -1) @ out + bias)
    np.testing.assert_allclose(model(x), expected, atol=1e-4)


def test_the_note_s_dense_reading_has_3220_weights_and_no_biases():
    model = lenet1(reading="dense")
    assert [tuple(w.shape) for w in model.weights] == [
        (5, 5, 1, 4),
        (5, 5, 4, 12),
        (192, 10),
    ]
    assert model.count_params() == 4 * 25 + 12 * 4 * 25 + 12 * 16 * 10 == 3_220
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    assert kinds["H2"] == kinds["H4"] == "MaxPooling2D"
    assert model.get_layer("H2").output.shape == (None, 12, 12, 4)


@pytest.mark.parametrize(
    "arguments", [{"input_shape": (32, 32, 1)}, {"reading": "sparse"}]
)
def test_what_is_not_there_is_refused(arguments, message):
    ((name, value),) = arguments.items()
    assert f"{name}={value!r}" in message(lenet1, **arguments)


# Table 1 of the paper of 1990 in the other direction, counted from 1: the maps of H3
# that each map of H2 feeds.
FED_BY_H2 = {
    1: {1, 2, 3, 5, 6},
    2: {2, 3, 4, 5, 6},
    3: {7, 8, 9, 11, 12},
    4: {8, 9, 10, 11, 12},
}


def test_lenet1_connections_are_table_1_of_1990():
    links = {
        (i + 1, k + 1) for k, entry in enumerate(LENET1_CONNECTIONS) for i in entry
    }
    assert links == {(i, k) for i, fed in FED_BY_H2.items() for k in fed}
    assert len(links) == 20
