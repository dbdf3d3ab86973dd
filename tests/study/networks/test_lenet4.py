import numpy as np

from lenet_keras.counts import layer_table
from lenet_study.networks import lenet4
from lenet_study.networks.lenet4 import LENET4_CONNECTIONS


def test_the_description_has_the_papers_connections_and_not_its_parameters():
    table = layer_table(lenet4())
    assert table["total"].connections == 262_306  # "about 260,000"
    assert table["total"].trainable == 50_698  # "about 17,000"
    assert table["F5"].trainable == 16 * 25 * 120 + 120 == 48_120
    assert table["S2"].output_shape == (14, 14, 8)
    assert table["C3"].trainable == 48 * 25 + 16


def test_each_first_map_is_subsampled_twice(rng):
    model = lenet4()
    model.get_layer("S2").set_weights([np.full(8, 0.25), np.zeros(8)])
    x = rng.normal(size=(1, 32, 32, 1))
    maps = x
    for name in ("C1", "twice", "S2"):
        maps = model.get_layer(name)([maps, maps] if name == "twice" else maps)
    np.testing.assert_array_equal(maps[..., :4], maps[..., 4:])
    assert model(x).shape == (1, 10)


def test_another_size_is_refused(message):
    assert "input_shape=(28, 28, 1)" in message(lenet4, input_shape=(28, 28, 1))


def test_each_of_lenet4s_maps_sees_three_neighbours():
    assert LENET4_CONNECTIONS[:3] == ((0, 1, 2), (1, 2, 3), (2, 3, 4))
    assert LENET4_CONNECTIONS[5:8] == ((5, 6, 7), (0, 6, 7), (0, 1, 7))
    assert LENET4_CONNECTIONS[:8] == LENET4_CONNECTIONS[8:]
