import itertools

import numpy as np
import pytest

from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.images.lines import (
    INK_FROM,
    KINDS,
    PITCH,
    compose,
    distance_between,
    lines_to_train,
    neighbours,
    shift,
)

BACKGROUND, INK = -0.1, 1.175


@pytest.fixture(scope="module")
def digits():
    (x, labels), _ = load_mnist()
    return prepare(x[:400], "paper"), labels[:400]


def boxes(*sides):
    """Images of an upright bar each, from a column to another, in all rows but four."""
    images = np.full((len(sides), 32, 32, 1), BACKGROUND, "float32")
    for image, (begin, end) in zip(images, sides, strict=True):
        image[2:30, begin:end] = INK
    return images


def columns(image):
    """The columns with ink, as runs from a column to another."""
    ink = np.pad((image[..., 0] > INK_FROM).any(axis=0), 1).astype(int)
    return [np.flatnonzero(np.diff(ink) == by) for by in (1, -1)]


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("gap", [-2, 0, 5])
def test_the_distance_leaves_the_gap_between_bars(rows, gap):
    left, right = boxes((10, 22)), boxes((8, 24))
    # From the end of one bar, 22, to the begin of the other, 8.
    assert distance_between(left, right, np.array([gap]), rows) == [14 + gap]


def test_thin_bars_keep_the_pitch():
    thin = boxes((15, 17))
    assert distance_between(thin, thin, np.array([-2]), True) == [PITCH]


def test_a_gap_in_a_row_lets_slanted_digits_overlap():
    slanted = np.full((1, 32, 32, 1), BACKGROUND, "float32")
    for row in range(4, 28):
        slanted[0, row, 28 - row : 31 - row] = INK
    by_row, by_column = (
        distance_between(slanted, slanted, np.array([8]), r) for r in (True, False)
    )
    assert by_row == [3 + 8]
    assert by_column == [26 + 8]


def test_spaced_digits_have_their_columns_between_them(digits):
    x, _ = digits
    lines = compose(
        x[:300].reshape(60, 5, 32, 32, 1), np.random.default_rng(0), "spaced"
    )
    low, _ = KINDS["spaced"].gap
    for image in lines.images:
        begins, _ = columns(image)
        # A digit of two parts has more pieces than one.
        assert len(begins) >= 5
    starts = lines.starts
    for n in range(4):
        left, right = x[:300].reshape(60, 5, 32, 32, 1)[:, n : n + 2].swapaxes(0, 1)
        least = distance_between(left, right, low, False)
        assert (np.diff(starts)[:, n] >= least).all()


def where_it_stands(line, start, square):
    """The ink of a digit alone, on the canvas of its line; it moved by up to 2 rows."""
    part = line[:, start : start + 32]
    for down in range(-2, 3):
        moved = np.roll(square, down, axis=0)
        if (part >= moved - 1e-6).all():
            canvas = np.zeros(line.shape[:2], bool)
            canvas[:, start : start + 32] = moved[..., 0] > (BACKGROUND + INK) / 2
            return canvas
    raise AssertionError("the digit is not there")


@pytest.mark.parametrize("kind", ["touching", "noisy"])
def test_the_ink_of_touching_digits_overlaps_in_a_row(digits, kind):
    x, _ = digits
    own = x[:300].reshape(60, 5, 32, 32, 1)
    lines = compose(own, np.random.default_rng(0), "touching")
    steps = np.diff(lines.starts)
    assert (steps >= PITCH).all()
    assert steps.mean() < 20
    # Each digit alone, where it stands: in which rows is ink beside or over ink?
    apart = 0
    for line, starts, squares in zip(lines.images, lines.starts, own, strict=True):
        where = [
            where_it_stands(line, *pair) for pair in zip(starts, squares, strict=True)
        ]
        for left, right in itertools.pairwise(where):
            gaps = [
                np.flatnonzero(right[row]).min() - np.flatnonzero(left[row]).max() - 1
                for row in range(32)
                if left[row].any() and right[row].any()
            ]
            nearest = min(gaps, default=32)
            assert nearest >= -1
            apart += nearest > 0
    # The thin ones have their centres ten pixels apart and do not meet: one in seven.
    assert 0.1 < apart / steps.size < 0.2
    width = compose(own, np.random.default_rng(0), kind).images.shape[2]
    assert width == lines.images.shape[2]


def test_the_seed_determines_the_lines(digits):
    own = digits[0][:40].reshape(10, 4, 32, 32, 1)
    for kind in KINDS:
        first, again, other = (
            compose(own, np.random.default_rng(seed), kind) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first.images, again.images)
        np.testing.assert_array_equal(first.starts, again.starts)
        assert not np.array_equal(first.starts, other.starts)


def test_lines_show_all_ink_and_have_a_margin(digits):
    own = digits[0][:40].reshape(10, 4, 32, 32, 1)
    for kind in ("spaced", "touching"):
        images, starts = compose(own, np.random.default_rng(0), kind)
        assert images.shape[2] % 4 == 0
        assert images.dtype == np.float32
        assert starts[:, 0].min() >= 8
        assert starts.max() + 32 + 8 <= images.shape[2]
        for line, digits_, begins in zip(images, own, starts, strict=True):
            for digit, begin in zip(digits_, begins, strict=True):
                square = line[:, begin : begin + 32]
                # Up to two rows up or down, the digit is there, or darker ink.
                fits = [
                    (square >= np.roll(digit, down, axis=0) - 1e-6).all()
                    for down in range(-2, 3)
                ]
                assert any(fits)


def test_noise_changes_some_pixels_and_only_to_background_or_ink(digits):
    own = digits[0][:40].reshape(10, 4, 32, 32, 1)
    clean = compose(own, np.random.default_rng(0), "touching").images
    noisy = compose(own, np.random.default_rng(0), "noisy").images
    changed = clean != noisy
    # Half of the replaced background pixels stay background.
    assert 0.02 < changed.mean() < 0.05
    assert set(np.unique(noisy[changed])) <= {np.float32(BACKGROUND), np.float32(INK)}


def test_other_digits_and_kinds_are_refused(digits):
    rng = np.random.default_rng(0)
    with pytest.raises(
        ValueError, match=r"Expected digits .* Received: shape=\(400, 32"
    ):
        compose(digits[0], rng, "spaced")
    own = digits[0][:4].reshape(2, 2, 32, 32, 1)
    with pytest.raises(ValueError, match=r"Expected one of .* Received: kind='near'"):
        compose(own, rng, "near")


def test_shifts_are_those_of_numpy(rng):
    images = rng.uniform(0, 1, (5, 32, 32, 1)).astype("float32")
    by = np.array([-40, -3, 0, 2, 31])
    for axis in (1, 2):
        moved = shift(images, by, axis)
        for image, new, pixels in zip(images, moved, by, strict=True):
            wide = np.pad(image, [(64, 64), (64, 64), (0, 0)], constant_values=-0.1)
            expected = np.roll(wide, pixels, axis=axis - 1)[64:96, 64:96]
            np.testing.assert_array_equal(new, expected.astype("float32"))


def test_shifts_of_any_images_bring_in_the_background_that_is_asked_for(rng):
    images = rng.uniform(0, 1, (2, 5, 9, 3))
    moved = shift(images, np.array([2, -1]), axis=2, background=7.0)
    assert (moved[0, :, :2] == 7).all()
    assert (moved[1, :, -1:] == 7).all()
    np.testing.assert_array_equal(moved[0, :, 2:], images[0, :, :-2])
    np.testing.assert_array_equal(moved[1, :, :-1], images[1, :, 1:])


class TestNeighbours:
    def test_without_neighbours_and_rubbish_a_digit_stays_near_the_centre(self):
        images = boxes(*[(12, 20)] * 200)
        labels = np.arange(200) % 10
        rng = np.random.default_rng(0)
        seen, targets = neighbours(images, labels, rng, present=0, rubbish=0)
        np.testing.assert_array_equal(targets.argmax(axis=1), labels)
        np.testing.assert_array_equal(targets.sum(axis=1), 1)
        mass = (seen - BACKGROUND).clip(0)[..., 0].sum(axis=1)
        centre = mass @ np.arange(32) / mass.sum(axis=1)
        assert set(centre.round(1)) == {13.5, 14.5, 15.5, 16.5, 17.5}
        assert seen.shape == images.shape
        assert seen.dtype == targets.dtype == np.float32

    def test_rubbish_is_off_the_centre_and_has_no_target(self):
        images = boxes(*[(14, 18)] * 200)
        labels = np.ones(200, int)
        rng = np.random.default_rng(0)
        seen, targets = neighbours(images, labels, rng, present=0, rubbish=1)
        assert not targets.any()
        ink = (seen[..., 0] > INK_FROM).any(axis=1)
        assert not ink[:, 15:17].any()
        assert not ink.any(axis=1).all()  # some fields are empty

    def test_neighbours_stand_on_both_sides(self):
        images = boxes(*[(12, 20)] * 200)
        labels = np.zeros(200, int)
        rng = np.random.default_rng(0)
        seen, _ = neighbours(images, labels, rng, present=1, rubbish=0)
        ink = (seen[..., 0] > INK_FROM).any(axis=1)
        assert ink[:, :8].any(axis=1).mean() > 0.9
        assert ink[:, 24:].any(axis=1).mean() > 0.9

    @pytest.mark.parametrize("rubbish", [0, 1])
    def test_they_stand_as_far_as_it_says(self, rubbish):
        """A bar of 14 columns whose first one is darker: the places of all digits."""
        images = boxes(*[(9, 23)] * 600)
        images[:, :, 9][images[:, :, 9] > INK_FROM] = 2
        labels, rng = np.zeros(600, int), np.random.default_rng(0)
        seen, _ = neighbours(images, labels, rng, present=1, rubbish=rubbish)
        places = [np.flatnonzero(image[..., 0].max(0) == 2) - 9 for image in seen]
        gaps = {gap for own in places for gap in np.diff(own).tolist()}
        # A gap of -2 to 4 counts in each row: where bars stand at two heights, a
        # row has but one of them, so some are nearer; none is nearer than ten.
        assert {12, 13, 14, 15, 16, 17, 18} <= gaps <= {*range(10, 19)}
        off = {int(np.abs(own).min()) for own in places if len(own)}
        assert off <= {0, 1, 2} if not rubbish else min(off) == 5

    def test_the_seed_determines_it_and_the_images_stay(self, digits):
        x, labels = digits
        before = x.copy()
        first, again = (neighbours(x, labels, np.random.default_rng(3)) for _ in "ab")
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(x, before)
        share = (first[1].sum(axis=1) == 0).mean()
        assert 0.25 < share < 0.45


class TestLinesToTrain:
    def test_each_digit_is_written_once_and_its_label_says_so(self, digits):
        images, labels = digits
        x, y = lines_to_train(images, labels, np.random.default_rng(0))
        assert (x.shape[0], y.shape) == (80, (80, 5))
        counts = np.bincount(y.ravel(), minlength=10)
        assert counts.tolist() == np.bincount(labels, minlength=10).tolist()

    def test_lines_look_as_their_labels_say(self):
        """Digit n is a bar of n + 2 columns: the line shows them in order."""
        sides = [(16 - (n + 2) // 2, 16 - (n + 2) // 2 + n + 2) for n in range(10)]
        images, labels = boxes(*sides * 8), np.tile(np.arange(10), 8)
        x, y = lines_to_train(images, labels, np.random.default_rng(1))
        spaced = x[-4:]  # the last quarter of the 16 lines
        for line, text in zip(spaced, y[-4:], strict=True):
            begins, ends = columns(line)
            assert (ends - begins - 2).tolist() == text.tolist()

    def test_kinds_have_their_shares(self, digits):
        x, _ = lines_to_train(*digits, np.random.default_rng(0))
        blank = [(line[..., 0] <= INK_FROM).all(axis=0)[40:80].any() for line in x]
        assert np.mean(blank[-20:]) == 1  # the spaced ones show gaps
        levels = [len(np.unique(line[:2])) for line in x]  # no digit reaches up there
        assert set(levels[:40]) == set(levels[-20:]) == {1}
        assert set(levels[40:60]) == {2}

    def test_the_width_is_that_of_nearly_all(self, digits):
        x, _ = lines_to_train(*digits, np.random.default_rng(0))
        assert x.shape[1:] == (32, 200, 1)
        wide = boxes(*[(0, 32)] * 200)
        x, _ = lines_to_train(wide, np.zeros(200), np.random.default_rng(0))
        assert x.shape[2] > 200

    def test_a_single_line_is_enough(self, digits):
        images, labels = digits
        x, y = lines_to_train(images[:7], labels[:7], np.random.default_rng(0))
        assert x.shape == (1, 32, 200, 1)
        assert y.shape == (1, 5)
