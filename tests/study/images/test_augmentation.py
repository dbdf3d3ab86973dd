import numpy as np
import pytest

from lenet_study.images.affine import distort, distort_at_random, distorted_set
from lenet_study.images.augmentation import (
    AUGMENTATIONS,
    augmented,
    flip_and_shift,
    salt_and_pepper,
)
from lenet_study.images.elastic import distort_elastically
from lenet_study.images.lines import lines_to_train, neighbours


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
    # One and a half times the small ranges.
    ranges = np.array([1.8, 1.8, 0.135, 0.09, 0.225])
    np.testing.assert_allclose(ours, distort(images, amounts * ranges), atol=1e-5)
    doubled = distort_at_random(images, np.random.default_rng(1), scale=2.0)
    expected = distort(images, amounts * ranges * (2.0 / 1.5))
    np.testing.assert_allclose(doubled, expected, atol=1e-5)


def test_a_tenth_of_the_pixels_is_spoilt(images, rng):
    spoilt = salt_and_pepper(images, rng)
    changed = (spoilt != images)[..., 0]
    assert np.mean(changed) == pytest.approx(0.1, abs=0.01)
    np.testing.assert_allclose(np.unique(spoilt[changed]), [-0.1, 1.175], rtol=1e-6)


@pytest.mark.parametrize(
    "name", [n for n in AUGMENTATIONS if n not in ("neighbours", "lines", "robust")]
)
def test_every_epoch_is_another_and_follows_from_the_seed(name, images):
    labels = np.arange(len(images))
    images_of = augmented(images, labels, name, seed=3)
    first, second = images_of(0), images_of(1)
    for x, y in (first, second):
        assert x.shape == images.shape
        assert x.dtype == np.float32
        if name != "distorted-set":
            np.testing.assert_array_equal(y, labels)
    assert (first[0] != second[0]).any()
    assert (first[0] != images).any()
    np.testing.assert_array_equal(images_of(0)[0], first[0])
    again = augmented(images, labels, name, seed=3)(0)[0]
    np.testing.assert_array_equal(again, first[0])
    other = augmented(images, labels, name, seed=4)(0)[0]
    assert (other != first[0]).any()


def test_what_is_drawn_follows_from_the_seed_and_the_epoch_by_a_stream_of_its_own(
    images,
):
    # Stored results are made with these draws.
    ours = augmented(images, images[:, 0, 0, 0], "flips-and-shifts", seed=3)
    for epoch in (0, 5):
        rng = np.random.default_rng([3, epoch, 1])
        np.testing.assert_array_equal(ours(epoch)[0], flip_and_shift(images, rng))


@pytest.mark.parametrize(("arguments", "scale"), [({}, 1.5), ({"scale": 2.0}, 2.0)])
def test_the_distorted_set_has_its_ranges(images, arguments, scale):
    labels = np.arange(len(images))
    ours = augmented(images, labels, "distorted-set", seed=5, **arguments)
    expected = distorted_set(images, labels, 5, scale)
    for epoch in (0, 7):
        for part, wanted in zip(ours(epoch), expected(epoch), strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_an_unknown_augmentation_is_refused(images, message):
    assert "name='blur'" in message(augmented, images, images, "blur")


def test_neighbours_follow_from_the_seed_and_the_epoch_and_change_the_labels(rng):
    images = rng.uniform(-0.1, 1.175, (50, 32, 32, 1)).astype("float32")
    labels = np.arange(50) % 10
    targets = np.eye(10, dtype="float32")[labels]
    images_of = augmented(images, targets, "neighbours", seed=3, rubbish=0.5)
    for epoch in range(2):
        stream = np.random.default_rng([3, epoch, 1])
        x, y = neighbours(images, labels, stream, rubbish=0.5)
        np.testing.assert_array_equal(images_of(epoch)[0], x)
        np.testing.assert_array_equal(images_of(epoch)[1], y)
    assert 10 < y.sum() < 40
    assert (images_of(0)[0] != images_of(1)[0]).any()


def test_lines_follow_from_the_seed_and_the_epoch_and_hold_bent_digits(rng):
    images = rng.uniform(-0.1, 1.175, (40, 32, 32, 1)).astype("float32")
    labels = np.arange(40) % 10
    images_of = augmented(images, labels, "lines", seed=3, elastic=2.0)
    for epoch in range(2):
        stream = np.random.default_rng([3, epoch, 1])
        bent = distort_elastically(images, stream, elastic=2.0)
        x, y = lines_to_train(bent, labels, stream)
        np.testing.assert_array_equal(images_of(epoch)[0], x)
        np.testing.assert_array_equal(images_of(epoch)[1], y)
    assert (images_of(0)[1] != images_of(1)[1]).any()
