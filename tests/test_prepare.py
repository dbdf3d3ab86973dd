import numpy as np
import pytest

from lenet_keras.datasets import prepare


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


def test_paper_keeps_the_size_of_photographs():
    images = np.full((1, 32, 32, 3), 255, "uint8")
    prepared = prepare(images, "paper")
    assert prepared.shape == (1, 32, 32, 3)
    np.testing.assert_allclose(prepared, 1.175, rtol=1e-6)


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


def test_unknown_pixels_are_refused(message):
    assert "pixels='grey'" in message(prepare, digits(), "grey")


@pytest.mark.parametrize("images", [digits() / 255, digits()[0]])
def test_images_that_are_none_are_refused(images):
    with pytest.raises(ValueError, match="Expected uint8 images of 3 or 4 axes"):
        prepare(images, "unit")
