import numpy as np
import pytest

from lenet_keras.preprocessing import prepare
from lenet_study.images.pixels import network_input


def test_permuted_pixels_are_the_same_pixels_in_one_order_for_all():
    one, two = np.random.default_rng(0).integers(0, 256, (2, 28, 28), "uint8")
    prepared = network_input(np.stack([one, two]), "unit-permuted")
    assert prepared.shape == (2, 28, 28, 1)
    plain = prepare(np.stack([one, two]), "unit")
    places = np.arange(28 * 28, dtype="uint16").reshape(28, 28)
    # Two images whose pixels together tell each place show where it goes.
    parts = np.stack([places // 256, places % 256]).astype("uint8")
    moved = network_input(parts, "raw-permuted").astype(int)[..., 0]
    order = (256 * moved[0] + moved[1]).ravel()
    assert sorted(order) == list(range(28 * 28))
    assert np.mean(order == np.arange(28 * 28)) < 0.02
    expected = plain.reshape(2, -1)[:, order].reshape(plain.shape)
    np.testing.assert_array_equal(prepared, expected)


def test_permuted_photographs_keep_each_pixels_colour(rng):
    images = rng.integers(0, 256, (2, 32, 32, 3), "uint8")
    prepared = network_input(images, "raw-permuted").reshape(2, -1, 3)
    before = {tuple(pixel) for pixel in images[1].reshape(-1, 3)}
    assert {tuple(pixel) for pixel in prepared[1].astype(int)} == before


@pytest.mark.parametrize("pixels", ["permuted", "unit-permuted-2", "grey-permuted"])
def test_unknown_pixels_are_refused(pixels, message):
    assert "pixels=" in message(network_input, np.zeros((1, 8, 8), "uint8"), pixels)
