import numpy as np
import pytest
from scipy import ndimage

from lenet_keras import rbf_codes
from lenet_study.images import rubbish


@pytest.fixture
def digits(rng):
    digits = np.zeros((80, 28, 28), "float32")
    digits[:, 4:24, 12:16] = rng.uniform(0.5, 1, (80, 20, 4))
    return digits


def test_a_quarter_of_the_images_is_of_each_kind(digits, rng):
    drawn = rubbish.rubbish(digits, rng)
    assert drawn.shape == digits.shape
    assert drawn.dtype == "float32"
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    blank, noise, pairs, letters = np.split(drawn, 4)
    assert not blank.any()
    assert noise.min(axis=(1, 2)).max() == 0
    assert noise.max(axis=(1, 2)).min() == 1
    for pair in pairs:  # two bars of half the width, ten columns apart
        columns = np.flatnonzero(pair.any(axis=0))
        assert columns.tolist() == [8, 9, 18, 19]
        assert np.flatnonzero(pair.any(axis=1)).tolist() == list(range(4, 24))
    for letter in letters:
        height, width = (np.ptp(np.flatnonzero(letter.any(axis=a))) for a in (1, 0))
        assert max(height, width) == 19
        rows, columns = ndimage.center_of_mass(letter > 0)
        assert 8 < rows < 19
        assert 8 < columns < 19


def test_the_letters_are_those_whose_codes_are_far_from_the_digits():
    far = []
    for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        code = rbf_codes(letter)[0]
        distances = [sum((code - digit) ** 2) for digit in rbf_codes("0123456789")]
        if min(distances) >= 60:
            far.append(letter)
    assert len(rubbish.LETTERS) == len(far)
    # A drawn letter is its bitmap, enlarged.
    first = rbf_codes(far[0])[0].reshape(12, 7) > 0
    inked = first[:, first.any(axis=0)][first.any(axis=1)]
    drawn = rubbish.LETTERS[0]
    drawn = drawn[:, drawn.any(axis=0)][drawn.any(axis=1)]
    places = [
        ((np.arange(side) + 0.5) * drawn.shape[axis] / side).astype(int)
        for axis, side in enumerate(inked.shape)
    ]
    np.testing.assert_array_equal(drawn[np.ix_(*places)] > 0.5, inked)
