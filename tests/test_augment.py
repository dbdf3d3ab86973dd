import numpy as np
import pytest

from lenet_keras.datasets.augment import (
    AUGMENTATIONS,
    augmented_passes,
    distort_at_random,
    flip_and_shift,
    spoil,
)
from lenet_keras.datasets.distort import Ranges, distort, distorted_passes
from lenet_keras.experiments.reproduce import Protocol


@pytest.fixture
def images(rng):
    return rng.uniform(-0.1, 1.175, (200, 8, 8, 2)).astype("float32")


def shifted(image, down, right, reach=2):
    padded = np.zeros((8 + 2 * reach, 8 + 2 * reach, 2), "float32")
    padded[reach:-reach, reach:-reach] = image
    return padded[down : down + 8, right : right + 8]


def test_each_image_is_mirrored_or_not_and_shifted_up_to_two_pixels(images, rng):
    seen = set()
    for before, after in zip(images, flip_and_shift(images, rng), strict=True):
        (found,) = {
            (mirrored, down, right)
            for mirrored in (False, True)
            for down in range(5)
            for right in range(5)
            if np.array_equal(
                shifted(before[:, ::-1] if mirrored else before, down, right), after
            )
        }
        seen.add(found)
    assert {one for one, _, _ in seen} == {False, True}
    assert {down for _, down, _ in seen} == set(range(5))
    assert {right for _, _, right in seen} == set(range(5))
    assert len(seen) > 40  # of 50, each by itself


def test_distortions_are_those_of_the_papers_larger_set(images, rng):
    amounts = np.random.default_rng(1).uniform(-1, 1, (200, 5))
    ours = distort_at_random(images, np.random.default_rng(1))
    # One and a half times the default ranges, as `reproduce --distortions` has them.
    ranges = Ranges(shift=1.8, scale=0.135, squeeze=0.09, shear=0.225)
    np.testing.assert_allclose(ours, distort(images, amounts, ranges), atol=1e-5)
    assert Protocol().distortion_scale == 1.5


def test_a_tenth_of_the_pixels_is_spoilt(images, rng):
    spoilt = spoil(images, rng)
    changed = (spoilt != images)[..., 0]
    assert np.mean(changed) == pytest.approx(0.1, abs=0.01)
    np.testing.assert_allclose(np.unique(spoilt[changed]), [-0.1, 1.175], rtol=1e-6)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_pass_is_another_and_follows_from_the_seed(name, images):
    labels = np.arange(len(images))
    patterns_of = augmented_passes(images, labels, name, seed=3)
    first, second = patterns_of(0), patterns_of(1)
    for x, y in (first, second):
        assert x.shape == images.shape
        assert x.dtype == np.float32
        if name != "distorted-set":
            np.testing.assert_array_equal(y, labels)
    assert (first[0] != second[0]).any()
    assert (first[0] != images).any()
    np.testing.assert_array_equal(patterns_of(0)[0], first[0])
    again = augmented_passes(images, labels, name, seed=3)(0)[0]
    np.testing.assert_array_equal(again, first[0])
    other = augmented_passes(images, labels, name, seed=4)(0)[0]
    assert (other != first[0]).any()


def test_the_distorted_set_is_that_of_the_protocol(images):
    labels = np.arange(len(images))
    ours = augmented_passes(images, labels, "distorted-set", seed=5)
    ranges = Ranges().times(Protocol().distortion_scale)
    expected = distorted_passes(images, labels, 5, ranges)
    for epoch in (0, 7):
        for part, wanted in zip(ours(epoch), expected(epoch), strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_an_unknown_augmentation_is_refused(images, message):
    assert "name='blur'" in message(augmented_passes, images, images, "blur")
