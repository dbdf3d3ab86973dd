import numpy as np
import pytest
from scipy import ndimage

from lenet_keras.preprocessing import prepare
from lenet_study.images import robust
from lenet_study.images.augmentation import augmented

STILL = {"shift": 0.0, "degrees": 0.0, "scale": 0.0, "elastic": 0.0}


@pytest.fixture(scope="module")
def digits():
    from lenet_study.datasets import load_mnist

    (x, y), _ = load_mnist()
    return prepare(x[:400], "paper"), np.eye(10, dtype="float32")[y[:400]]


def test_without_shares_the_images_are_distorted_alone(digits, rng):
    x, y = digits
    same, labels = robust.change_at_random(x, y, rng, share=0, rubbish_share=0, **STILL)
    np.testing.assert_allclose(same, x, atol=1e-5)
    np.testing.assert_array_equal(labels, y)


@pytest.mark.parametrize("target", [0.0, 0.1])
def test_some_images_become_rubbish(digits, rng, target):
    x, y = digits
    arguments = {"rubbish_share": 0.25, "rubbish_target": target} | STILL
    changed, targets = robust.change_at_random(x, y, rng, share=0, **arguments)
    none = np.flatnonzero((targets == np.float32(target)).all(axis=1))
    assert len(none) == 100
    others = np.delete(np.arange(400), none)
    np.testing.assert_allclose(changed[others], x[others], atol=1e-5)
    np.testing.assert_array_equal(targets[others], y[others])
    moved = np.abs(changed - x)[none].max(axis=(1, 2, 3))
    assert np.mean(moved > 0.5) > 0.95


def test_changed_images_keep_the_papers_range_and_their_frame(digits):
    x, y = digits
    epochs = augmented(x, y, "robust", seed=3, share=1.0, **STILL)
    changed, _ = epochs(0)
    np.testing.assert_array_equal(changed, epochs(0)[0])
    assert not np.array_equal(changed, epochs(1)[0])
    assert changed.shape == x.shape
    assert changed.dtype == "float32"
    assert changed.min() > -0.1 - 1e-5
    assert changed.max() < 1.175 + 1e-5
    assert np.mean(np.abs(changed - x).max(axis=(1, 2, 3)) > 0.1) > 0.8
    # Noise alone reaches the two pixels around the 28x28 digits.
    frame = np.concatenate([changed[:, :2].ravel(), changed[:, :, -2:].ravel()])
    values = np.unique(np.round(frame, 4))
    np.testing.assert_allclose(values, [-0.1, 1.175], atol=1e-4)


@pytest.mark.parametrize("own", ["minimum", "maximum"])
def test_strokes_grow_and_shrink_by_their_neighbours(rng, own):
    images = rng.random((5, 28, 28), "float32")
    expected = getattr(ndimage, f"{own}_filter")(images, (1, 3, 3))
    found = robust._of_nine(images, getattr(np, own))
    np.testing.assert_array_equal(found, expected)


def test_a_lower_resolution_is_the_mean_of_areas_and_then_linear(rng):
    image = rng.random((28, 28))
    small = image.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    expected = ndimage.zoom(small, 2, order=1, grid_mode=True, mode="nearest")
    matrix = robust.REDUCTIONS[14]
    np.testing.assert_allclose(matrix @ image @ matrix.T, expected, atol=1e-6)
    for matrix in robust.REDUCTIONS.values():
        np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)


def test_each_change_does_what_its_name_says(rng):
    image = np.zeros((200, 28, 28), "float32")
    image[:, 6:22, 12:16] = 0.6
    ink = image > 0

    def mean(change, where):
        changed = np.clip(change(image, rng), 0, 1)
        return np.array([c[w].mean() for c, w in zip(changed, where, strict=True)])

    widths = mean(robust._strokes, np.ones_like(ink)) * 784 / 0.6
    assert widths.min() < 50 < 64 < 80 < widths.max()
    assert mean(robust._blur, ink).min() < 0.5
    gamma = mean(robust._gamma, ink)
    assert gamma.min() < 0.45
    assert gamma.max() > 0.75
    assert mean(robust._gamma, ~ink).max() == 0
    assert mean(robust._contrast, ~ink).max() > 0.3
    changed = np.clip(robust._contrast(image, rng), 0, 1)
    assert np.ptp(changed[:, 0, :], axis=1).max() > 0.1  # uneven
    deviations = robust._grain(image, rng)[:, :4].std(axis=(1, 2))
    assert deviations.min() < 0.02
    assert 0.17 < deviations.max() < 0.23


def test_each_change_reaches_a_quarter_to_two_fifths_of_the_images(rng, monkeypatch):
    seen = {}

    def counted(change):
        def same(images, rng):
            seen[change] = len(images) / 1000
            return images

        return same

    every = {counted(change): share for change, share in robust.CHANGES.items()}
    monkeypatch.setattr(robust, "CHANGES", every)
    robust._changed(np.zeros((1000, 28, 28), "float32"), rng)
    assert len(seen) == 6
    assert min(seen.values()) > 0.2
    assert max(seen.values()) < 0.45
