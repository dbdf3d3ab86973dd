import math

import numpy as np
import pytest
from scipy import ndimage

from lenet_study.images.elastic import distort_elastically

BACKGROUND = -0.1
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
    np.testing.assert_allclose(
        distort_elastically(fields, rng, **NOTHING), fields, atol=1e-6
    )


def test_an_affine_bend_is_that_of_scipy(fields):
    """The new pixel shows the place that the map names, about the centre."""
    bent = distort_elastically(
        fields, Highest(), shift=2, degrees=10, scale=0.2, elastic=0
    )
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
    bent = distort_elastically(fields, Highest(), **(NOTHING | {"elastic": 3.0}))
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
    moved = distort_elastically(ramp, rng, **(NOTHING | {"elastic": 0.7})) - ramp
    assert np.std(moved[:, 20:44, 20:44]) == pytest.approx(0.7, rel=0.05)


def test_each_image_and_each_channel_is_bent_as_if_alone(fields):
    both = np.concatenate([fields, fields[::-1]], axis=-1)
    bent = distort_elastically(both, np.random.default_rng(5))
    alone = distort_elastically(fields, np.random.default_rng(5))
    np.testing.assert_allclose(bent[..., :1], alone, atol=1e-6)
    assert np.abs(bent[..., 1:] - bent[::-1, ..., :1]).max() > 0.1
