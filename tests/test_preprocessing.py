import functools

import numpy as np
import pytest

from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_cifar10, load_mnist

load_cifar10_sample = functools.partial(load_cifar10, sample=True)


def digits(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), "uint8")


def test_paper_pads_digits_with_two_pixels_of_background():
    images = digits()
    prepared = prepare(images, "paper")
    assert prepared.shape == (2, 32, 32, 1)
    assert prepared.dtype == np.float32
    for y in range(32):
        for x in range(32):
            inside = 2 <= y < 30 and 2 <= x < 30
            value = int(images[1, y - 2, x - 2]) if inside else 0
            expected = -0.1 + value / 255 * 1.275
            assert prepared[1, y, x, 0] == pytest.approx(expected, abs=1e-6)


def test_reduced_digits_have_the_mean_over_the_area_that_a_pixel_covers():
    images = digits()
    prepared = prepare(images, "paper-reduced")
    assert prepared.shape == (2, 28, 28, 1)
    # A pixel covers 5/4 of an old one each way: 5x5 of its 4x4 parts. Outside is empty.
    parts = np.kron(images[1] / 255, np.ones((4, 4)))
    parts = np.pad(parts, 14)  # 140 = 28 * 5 parts, about the same centre
    means = parts.reshape(28, 5, 28, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(prepared[1, ..., 0], -0.1 + 1.275 * means, atol=1e-5)


def test_a_reduced_digit_of_mnist_has_sixteen_pixels():
    (images, _), _ = load_mnist()
    ink = prepare(images[:200], "paper-reduced")[..., 0] > -0.05
    rows, columns = ink.any(axis=2).sum(axis=1), ink.any(axis=1).sum(axis=1)
    assert 15.5 <= np.maximum(rows, columns).mean() <= 17.5


def test_paper_keeps_the_size_of_photographs():
    images = np.full((1, 32, 32, 3), 255, "uint8")
    prepared = prepare(images, "paper")
    assert prepared.shape == (1, 32, 32, 3)
    np.testing.assert_allclose(prepared, 1.175, rtol=1e-6)


@pytest.mark.parametrize("load", [load_mnist, load_cifar10_sample])
def test_standard_pixels_have_mean_0_and_deviation_1_in_each_channel(load):
    (images, _), _ = load()
    prepared = prepare(images, "standard").astype("float64")
    assert prepared.shape == (*images.shape[:3], 1 if images.ndim == 3 else 3)
    # The sample's are a little off those of all training images.
    tolerance = 1e-3 if images.ndim == 3 else 0.03
    np.testing.assert_allclose(prepared.mean((0, 1, 2)), 0, atol=tolerance)
    np.testing.assert_allclose(prepared.std((0, 1, 2)), 1, atol=tolerance)


def test_standard_pixels_are_known_for_one_channel_and_for_three(message):
    images = np.zeros((1, 8, 8, 2), "uint8")
    assert "channels=2" in message(prepare, images, "standard")


@pytest.mark.parametrize(("pixels", "largest"), [("unit", 1.0), ("raw", 255.0)])
def test_the_other_inputs_only_scale(pixels, largest):
    images = digits()
    prepared = prepare(images, pixels)
    assert prepared.shape == (2, 28, 28, 1)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared[..., 0], images / 255 * largest, rtol=1e-6)


def test_the_papers_values_are_there_without_its_border_too():
    images = digits()
    prepared = prepare(images, "paper-unpadded")
    np.testing.assert_array_equal(prepared, prepare(images, "paper")[:, 2:30, 2:30])


@pytest.mark.parametrize("pixels", ["grey", "permuted", "unit-permuted-2", "", None])
def test_unknown_pixels_are_refused(pixels, message):
    assert f"pixels={pixels!r}" in message(prepare, digits(), pixels)


@pytest.mark.parametrize("images", [digits() / 255, digits()[0, 0]])
def test_what_is_no_set_of_images_is_refused(images):
    message = r"Expected uint8 images of 2 to 4 axes .*multiply by 255 and round"
    with pytest.raises(ValueError, match=message):
        prepare(images, "unit")


@pytest.mark.parametrize("pixels", ["paper", "paper-reduced", "standard"])
def test_one_image_is_a_set_of_one(pixels):
    one = prepare(digits()[1], pixels)
    np.testing.assert_array_equal(one, prepare(digits()[1:], pixels))
