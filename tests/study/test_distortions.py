import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import ndimage

from lenet_study.distortions import Ranges, bend, distort, distorted_set

BACKGROUND = -0.1
RANGES = Ranges(shift=2.3, scale=0.3, squeeze=0.25, shear=0.4)


@pytest.fixture
def images(rng):
    """Noise, wider than high, in two channels: nothing about it is symmetric."""
    return rng.uniform(-0.1, 1.175, (3, 9, 12, 2)).astype("float32")


def pixel(image, row, column):
    height, width = image.shape[:2]
    if 0 <= row < height and 0 <= column < width:
        return image[row, column].astype("float64")
    return np.full(image.shape[2], BACKGROUND)


def bent(image, right, down, scale, squeeze, shear):
    """Bends an image by pixels, logarithms and a slope, one new pixel after another.

    A point at `(x, y)` from the centre goes to
    `(width * x + shear * y_new + right, height * y + down)`, with `y_new` the new
    height over the centre before the shift.
    """
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


def all_bent(images, amounts, ranges):
    units = ranges.shift, ranges.shift, ranges.scale, ranges.squeeze, ranges.shear
    return [
        bent(image, *(np.array(amount) * units))
        for image, amount in zip(images, amounts, strict=True)
    ]


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
    np.testing.assert_array_equal(distort(images, np.zeros((3, 5)), RANGES), images)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    "amount", range(5), ids=["right", "down", "scale", "squeeze", "shear"]
)
def test_each_amount_alone_is_that_of_a_loop_over_pixels(images, amount, sign):
    amounts = np.zeros((3, 5))
    amounts[:, amount] = sign * np.array([1.0, 0.6, 0.0])
    result = distort(images, amounts, RANGES)
    np.testing.assert_allclose(result, all_bent(images, amounts, RANGES), atol=2e-5)
    assert np.abs(result[0] - images[0]).max() > 0.1
    np.testing.assert_array_equal(result[2], images[2])


def test_all_amounts_together_are_those_of_a_loop_over_pixels(rng, images):
    for ranges in (RANGES, Ranges()):
        amounts = rng.uniform(-1, 1, (3, 5))
        np.testing.assert_allclose(
            distort(images, amounts, ranges),
            all_bent(images, amounts, ranges),
            atol=2e-5,
        )


def test_the_ranges_have_a_default(rng, images):
    amounts = rng.uniform(-1, 1, (3, 5))
    np.testing.assert_array_equal(
        distort(images, amounts), distort(images, amounts, Ranges())
    )


def test_a_shift_goes_to_the_right_and_down(square):
    (moved,) = distort(square, [[1, -1, 0, 0, 0]], Ranges(shift=3))
    np.testing.assert_allclose(moved[7:19, 13:25], 1.175, atol=1e-5)
    assert (moved > 0).sum() == 144


def test_what_comes_in_is_background(images):
    (moved, *_) = distort(images + 5, [[1, 0, 0, 0, 0]] * 3, Ranges(shift=4))
    np.testing.assert_allclose(moved[:, :4], BACKGROUND, atol=1e-6)
    assert (moved[:, 4:] > 4).all()


@pytest.mark.parametrize("sign", [-1, 1])
def test_scaling_enlarges_both_axes(square, sign):
    (result,) = distort(square, [[0, 0, sign, 0, 0]], Ranges(scale=math.log(1.5)))
    middle, spread = middle_of(result)
    np.testing.assert_allclose(middle, [15.5, 15.5], atol=1e-3)
    expected = np.array(middle_of(square[0])[1]) * 1.5**sign
    np.testing.assert_allclose(spread, expected, rtol=0.03)


@pytest.mark.parametrize("sign", [-1, 1])
def test_squeezing_widens_and_flattens(square, sign):
    (result,) = distort(square, [[0, 0, 0, sign, 0]], Ranges(squeeze=math.log(1.5)))
    middle, spread = middle_of(result)
    np.testing.assert_allclose(middle, [15.5, 15.5], atol=1e-3)
    width, height = middle_of(square[0])[1]
    np.testing.assert_allclose(
        spread, [width * 1.5**sign, height / 1.5**sign], rtol=0.03
    )


def test_shear_moves_rows_sideways_by_their_height(square):
    (result,) = distort(square, [[0, 0, 0, 0, 1]], Ranges(shear=0.5))
    for row in range(10, 22):
        (column, _), _ = middle_of(result[row : row + 1])
        assert column == pytest.approx(15.5 + 0.5 * (row - 15.5), abs=1e-3)
    assert (result[:10] < 0).all()
    assert (result[22:] < 0).all()


@pytest.mark.parametrize(
    ("amounts", "received"),
    [
        (np.zeros((2, 5)), "(2, 5), images=3"),
        (np.zeros((3, 4)), "(3, 4)"),
        (np.zeros(5), "(5,)"),
        (np.full((3, 5), 1.01), "(3, 5)"),
        (np.full((3, 5), -1.01), "(3, 5)"),
        (np.full((3, 5), np.nan), "(3, 5)"),
    ],
)
def test_amounts_that_do_not_fit_are_refused(message, images, amounts, received):
    assert received in message(distort, images, amounts)


def test_ranges_are_multiplied_one_and_all():
    assert Ranges(1.0, 2.0, 3.0, 4.0).times(0.5) == Ranges(0.5, 1.0, 1.5, 2.0)
    assert all(value > 0 for value in dataclasses.astuple(Ranges()))


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


def test_the_epochs_take_the_ranges(some_digits):
    images, _ = some_digits
    none = Ranges(0.0, 0.0, 0.0, 0.0)
    for x, y in ten_epochs(some_digits, ranges=none):
        for pattern, label in zip(x, y, strict=True):
            (digit,) = np.flatnonzero(some_digits[1] == label)
            np.testing.assert_array_equal(pattern, images[digit])


NOTHING = {"shift": 0, "degrees": 0, "scale": 0, "elastic": 0}


@pytest.fixture
def fields(rng):
    return rng.uniform(BACKGROUND, 1.175, (3, 32, 32, 1)).astype("float32")


class Highest:
    """Draws the upper end of each range, and noise that pushes one pixel alone."""

    def uniform(self, low, high, size):
        return np.full(size, float(high))

    def random(self, size, dtype):
        noise = np.full(size, 0.5, dtype)
        noise[0, :, 16, 15] = 1.0  # to the right, by the image's own
        return noise


def test_bending_by_nothing_leaves_images_as_they_are(fields, rng):
    np.testing.assert_allclose(bend(fields, rng, **NOTHING), fields, atol=1e-6)


def test_an_affine_bend_is_that_of_scipy(fields):
    """The new pixel shows the place that the map names, about the centre."""
    bent = bend(fields, Highest(), shift=2, degrees=10, scale=0.2, elastic=0)
    cos, sin = 1.2 * np.cos(np.pi / 18), 1.2 * np.sin(np.pi / 18)
    matrix = np.array([[cos, sin], [-sin, cos]])  # of (row, column)
    centre = np.array([15.5, 15.5])
    for before, after in zip(fields[..., 0], bent[..., 0], strict=True):
        expected = ndimage.affine_transform(
            before, matrix, centre + 2 - matrix @ centre, order=1, cval=BACKGROUND
        )
        # SciPy fills all of a place outside, and does not fade towards it.
        np.testing.assert_allclose(after[9:-9, 9:-9], expected[9:-9, 9:-9], atol=1e-4)


def test_the_elastic_field_is_smoothed_noise(fields):
    bent = bend(fields, Highest(), **(NOTHING | {"elastic": 3.0}))
    impulse = np.zeros((32, 32))
    impulse[16, 15] = 1.0
    field = ndimage.gaussian_filter(impulse, 4.0, mode="constant", truncate=8)
    field *= 3.0 * math.sqrt(12 * math.pi) * 4.0
    rows, columns = np.indices((32, 32))
    for before, after in zip(fields[..., 0], bent[..., 0], strict=True):
        expected = ndimage.map_coordinates(
            before, [rows, columns + field], order=1, cval=BACKGROUND
        )
        np.testing.assert_allclose(after[:, :-2], expected[:, :-2], atol=1e-4)


def test_the_field_has_the_deviation_that_is_asked_for(rng):
    """A ramp shows how far each pixel moved."""
    ramp = np.tile(np.arange(64, dtype="float32"), (300, 64, 1))[..., None]
    moved = bend(ramp, rng, **(NOTHING | {"elastic": 0.7})) - ramp
    assert np.std(moved[:, 20:44, 20:44]) == pytest.approx(0.7, rel=0.05)


def test_each_image_and_each_channel_is_bent_as_if_alone(fields):
    both = np.concatenate([fields, fields[::-1]], axis=-1)
    bent = bend(both, np.random.default_rng(5))
    alone = bend(fields, np.random.default_rng(5))
    np.testing.assert_allclose(bent[..., :1], alone, atol=1e-6)
    assert np.abs(bent[..., 1:] - bent[::-1, ..., :1]).max() > 0.1
