import itertools
import math

import numpy as np
import pytest

from lenet_study.images.affine import RANGES, affine, distort, distorted_set

BACKGROUND = -0.1
LARGE = np.array([2.3, 2.3, 0.3, 0.25, 0.4])


@pytest.fixture
def images(rng):
    """Noise, wider than high, in two channels: nothing about it is symmetric."""
    return rng.uniform(-0.1, 1.175, (3, 9, 12, 2)).astype("float32")


def pixel(image, row, column):
    height, width = image.shape[:2]
    if 0 <= row < height and 0 <= column < width:
        return image[row, column].astype("float64")
    return np.full(image.shape[2], BACKGROUND)


def bent(image, amounts):
    """Bends an image by pixels, logarithms and a slope, one new pixel after another.

    A point at `(x, y)` from the centre goes to
    `(width * x + shear * y_new + right, height * y + down)`, with `y_new` the new
    height over the centre before the shift.
    """
    right, down, scale, squeeze, shear = amounts
    factor_x = math.exp(scale) * math.exp(squeeze)
    factor_y = math.exp(scale) / math.exp(squeeze)
    centre_y, centre_x = ((size - 1) / 2 for size in image.shape[:2])
    new = np.zeros(image.shape, "float64")
    for row, column in itertools.product(*map(range, image.shape[:2])):
        # Where the new pixel is from the centre, without the shift, the shear, ...
        y = row - centre_y - down
        x = column - centre_x - right
        x -= shear * y
        old_row, old_column = centre_y + y / factor_y, centre_x + x / factor_x
        top, left = math.floor(old_row), math.floor(old_column)
        below, beside = old_row - top, old_column - left
        new[row, column] = (
            (1 - below) * (1 - beside) * pixel(image, top, left)
            + (1 - below) * beside * pixel(image, top, left + 1)
            + below * (1 - beside) * pixel(image, top + 1, left)
            + below * beside * pixel(image, top + 1, left + 1)
        )
    return new


def all_bent(images, amounts):
    return [bent(*pair) for pair in zip(images, amounts, strict=True)]


def middle_of(image):
    """Returns where the ink is on average, as (column, row), and its spread."""
    ink = image[..., 0] - BACKGROUND
    rows, columns = np.indices(ink.shape)
    middle = [(ink * places).sum() / ink.sum() for places in (columns, rows)]
    spread = [
        math.sqrt((ink * (places - at) ** 2).sum() / ink.sum())
        for places, at in zip((columns, rows), middle, strict=True)
    ]
    return middle, spread


@pytest.fixture
def square():
    image = np.full((1, 32, 32, 1), BACKGROUND, "float32")
    image[0, 10:22, 10:22] = 1.175
    return image


def test_amounts_of_zero_leave_images_exactly_as_they_are(images):
    result = distort(images, np.zeros((3, 5)))
    np.testing.assert_array_equal(result, images)
    assert result.dtype == np.float32


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "amount", range(5), ids=["right", "down", "scale", "squeeze", "shear"]
)
def test_each_amount_alone_is_that_of_a_loop_over_pixels(images, amount, sign):
    amounts = np.zeros((3, 5))
    amounts[:, amount] = sign * LARGE[amount] * np.array([1.0, 0.6, 0.0])
    result = distort(images, amounts)
    np.testing.assert_allclose(result, all_bent(images, amounts), atol=2e-5)
    assert np.abs(result[0] - images[0]).max() > 0.1
    np.testing.assert_array_equal(result[2], images[2])


def test_all_amounts_together_are_those_of_a_loop_over_pixels(rng, images):
    for ranges in (LARGE, RANGES):
        amounts = rng.uniform(-1, 1, (3, 5)) * ranges
        expected = all_bent(images, amounts)
        np.testing.assert_allclose(distort(images, amounts), expected, atol=2e-5)


def test_one_map_and_one_shift_for_all_images_are_those_for_each(images):
    backward, shift = np.array([[1.1, 0.2], [-0.3, 0.9]]), np.array([2.0, -1.5])
    each = affine(images, np.stack([backward] * 3), np.stack([shift] * 3))
    np.testing.assert_array_equal(affine(images, backward, shift), each)


def test_a_shift_goes_to_the_right_and_down(square):
    (moved,) = distort(square, [[3, -3, 0, 0, 0]])
    np.testing.assert_allclose(moved[7:19, 13:25], 1.175, atol=1e-5)
    assert (moved > 0).sum() == 144


def test_what_comes_in_is_background(images):
    (moved, *_) = distort(images + 5, [[4, 0, 0, 0, 0]] * 3)
    np.testing.assert_allclose(moved[:, :4], BACKGROUND, atol=1e-6)
    assert (moved[:, 4:] > 4).all()


@pytest.mark.parametrize("sign", [-1, 1])
def test_scaling_enlarges_both_axes(square, sign):
    (result,) = distort(square, [[0, 0, sign * math.log(1.5), 0, 0]])
    middle, spread = middle_of(result)
    np.testing.assert_allclose(middle, [15.5, 15.5], atol=1e-3)
    expected = np.array(middle_of(square[0])[1]) * 1.5**sign
    np.testing.assert_allclose(spread, expected, rtol=0.03)


@pytest.mark.parametrize("sign", [-1, 1])
def test_squeezing_widens_and_flattens(square, sign):
    (result,) = distort(square, [[0, 0, 0, sign * math.log(1.5), 0]])
    middle, spread = middle_of(result)
    np.testing.assert_allclose(middle, [15.5, 15.5], atol=1e-3)
    width, height = middle_of(square[0])[1]
    np.testing.assert_allclose(
        spread, [width * 1.5**sign, height / 1.5**sign], rtol=0.03
    )


def test_shear_moves_rows_sideways_by_their_height(square):
    (result,) = distort(square, [[0, 0, 0, 0, 0.5]])
    for row in range(10, 22):
        (column, _), _ = middle_of(result[row : row + 1])
        assert column == pytest.approx(15.5 + 0.5 * (row - 15.5), abs=1e-3)
    assert (result[:10] < 0).all()
    assert (result[22:] < 0).all()


# Epochs over the digits and their distortions.

COUNT = 12


@pytest.fixture
def some_digits(rng):
    """Each digit is a square of its own brightness, from which it can be told."""
    images = np.full((COUNT, 16, 16, 1), BACKGROUND, "float32")
    images[:, 5:11, 5:11] = np.linspace(0.2, 1.1, COUNT)[:, None, None, None]
    return images, rng.permutation(COUNT)


def ten_epochs(digits, **arguments):
    images_of = distorted_set(*digits, **arguments)
    return [images_of(epoch) for epoch in range(10)]


def test_ten_epochs_hold_each_digit_ten_times_and_once_unchanged(some_digits):
    images, labels = some_digits
    epochs = ten_epochs(some_digits)
    for x, y in epochs:
        assert x.shape == images.shape
        assert x.dtype == np.float32
        assert len(y) == COUNT
    x, y = (np.concatenate(parts) for parts in zip(*epochs, strict=True))
    brightness = x.max(axis=(1, 2, 3))
    digit = np.abs(brightness[:, None] - images.max(axis=(1, 2, 3))).argmin(axis=1)
    assert np.bincount(digit).tolist() == [10] * COUNT
    np.testing.assert_array_equal(y, labels[digit])
    unchanged = (x == images[digit]).all(axis=(1, 2, 3))
    assert np.bincount(digit[unchanged]).tolist() == [1] * COUNT
    assert len(np.unique(x, axis=0)) == 10 * COUNT
    # They stand in one random order: no pass is that of the originals.
    assert max(unchanged.reshape(10, COUNT).sum(axis=1)) < COUNT
    assert any(len(set(part)) < COUNT for part in digit.reshape(10, COUNT))


def test_after_ten_epochs_they_come_again(some_digits):
    images_of = distorted_set(*some_digits)
    for epoch in range(10):
        for later in (epoch + 10, epoch + 20):
            for one, again in zip(images_of(epoch), images_of(later), strict=True):
                np.testing.assert_array_equal(one, again)


def test_the_epochs_follow_from_the_seed(some_digits):
    one, same, other = (ten_epochs(some_digits, seed=seed) for seed in (3, 3, 4))
    for (x, y), (x_same, y_same) in zip(one, same, strict=True):
        np.testing.assert_array_equal(x, x_same)
        np.testing.assert_array_equal(y, y_same)
    assert any(
        (x != x_other).any() for (x, _), (x_other, _) in zip(one, other, strict=True)
    )
    assert any(
        (y != y_other).any() for (_, y), (_, y_other) in zip(one, other, strict=True)
    )


def test_the_epochs_take_the_scale(some_digits):
    images, _ = some_digits
    for x, y in ten_epochs(some_digits, scale=0.0):
        for pattern, label in zip(x, y, strict=True):
            (digit,) = np.flatnonzero(some_digits[1] == label)
            np.testing.assert_array_equal(pattern, images[digit])
