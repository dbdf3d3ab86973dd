import itertools

import numpy as np
import pytest

from lenet_keras import rbf_codes

DIGITS = "0123456789"
PRINTABLE = "".join(map(chr, range(32, 128)))

PICTURES = {
    "4": """
        .#####.
        .......
        .......
        .##..##
        .##..##
        ###..##
        ##...##
        ##...##
        ##..###
        .######
        .....##
        .....##
    """,
    "A": """
        .#####.
        .#...#.
        ##...##
        ##...##
        #######
        ##...##
        ##...##
        ##...##
        ##...##
        ##...##
        .......
        .......
    """,
}


@pytest.mark.parametrize("character", PICTURES)
def test_code_is_the_picture_read_row_by_row(character):
    pixels = "".join(PICTURES[character].split())
    expected = [1 if pixel == "#" else -1 for pixel in pixels]
    np.testing.assert_array_equal(rbf_codes(character), [expected])


def test_ink_of_the_digits():
    ink = (rbf_codes(DIGITS) > 0).sum(axis=1)
    assert ink.tolist() == [35, 27, 33, 32, 41, 35, 39, 25, 43, 39]


def test_six_and_eight_are_the_closest_digits():
    codes = rbf_codes(DIGITS)
    distances = {
        pair: sum((a - b) ** 2 for a, b in zip(*codes[list(pair)], strict=True))
        for pair in itertools.combinations(range(10), 2)
    }
    smallest, second = sorted(distances, key=distances.get)[:2]
    assert smallest == (6, 8)
    assert distances[smallest] == 48
    assert distances[second] > 48


def test_all_96_characters_have_codes_of_plus_and_minus_one():
    codes = rbf_codes(PRINTABLE)
    assert codes.shape == (96, 84)
    assert codes.dtype == np.float32
    assert set(np.unique(codes)) == {-1.0, 1.0}


def test_space_is_without_ink():
    assert (rbf_codes(" ") == -1).all()


def test_codes_follow_the_order_of_the_characters():
    codes = rbf_codes("7A7")
    np.testing.assert_array_equal(codes[0], codes[2])
    np.testing.assert_array_equal(codes[:2], np.vstack([rbf_codes(c) for c in "7A"]))
    assert (codes[0] != codes[1]).any()


def test_returned_array_is_the_callers_own():
    rbf_codes("3")[:] = 0
    assert (rbf_codes("3") != 0).all()


@pytest.mark.parametrize("characters", ["", 7, None, ["1", "2"], b"12", "1é2", "\t0\n"])
def test_characters_without_a_code_are_refused(characters, message):
    text = message(rbf_codes, characters)
    assert f"a string of characters among {PRINTABLE!r}" in text
    assert f"characters={characters!r}" in text
