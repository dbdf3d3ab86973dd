import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from lenet_keras import pretrained
from lenet_keras.models import lenet5
from lenet_study.questions import readers
from lenet_study.recipes import RECIPES
from lenet_study.studies import STUDIES, jobs

BACKGROUND, INK = -0.1, 1.175


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("123", "", 3), ("123", "1293", 1), ("11", "1", 1), ("12", "21", 2)],
)
def test_edit_distances(one, other, distance):
    assert readers.edit_distance(one, other) == distance
    assert readers.edit_distance(other, one) == distance


def test_edit_distances_are_the_fewest_edits():
    """Breadth first: the words that one edit more can reach."""
    reached, words = {"012": 0}, {"012"}
    for edits in (1, 2):
        near = set()
        for word in words:
            for place in range(len(word) + 1):
                near.add(word[:place] + word[place + 1 :])
                for letter in "0123":
                    near.add(word[:place] + letter + word[place:])
                    near.add(word[:place] + letter + word[place + 1 :])
        words = near - set(reached)
        reached |= dict.fromkeys(words, edits)
    for word, edits in reached.items():
        assert readers.edit_distance("012", word) == edits


def test_error_rates():
    rates = readers.error_rates(["12", "345", "6"], ["12", "35", "77"])
    assert rates == {"line_error": 66.67, "character_error": 50.0}


def test_segments_centre_each_piece():
    line = np.full((32, 60), BACKGROUND, "float32")
    line[3:9, 10:14] = INK
    line[20:26, 30:50] = INK
    pieces = readers.segments(line)
    assert pieces.shape == (2, 32, 32, 1)
    for piece, wide in zip(pieces, (4, 20), strict=True):
        ink = piece[..., 0] > 0.5
        assert ink.sum() == 6 * wide
        for axis, side in ((0, wide), (1, 6)):
            place = np.flatnonzero(ink.any(axis=axis))
            assert abs((place[0] + place[-1]) / 2 - 15.5) <= 1
            assert len(place) == side


def test_a_blank_line_has_no_pieces():
    assert readers.segments(np.full((32, 40), BACKGROUND)).shape == (0, 32, 32, 1)


def test_the_cost_of_sliding_is_that_of_the_layers():
    cost = readers.cost(lenet5(), lenet5((32, None, 1)), width=64, repeats=1)
    assert cost["places"] == 9
    assert cost["cut_multiply_adds"] == 9 * 328_096
    assert cost["slid_multiply_adds"] < cost["cut_multiply_adds"] / 2
    assert cost["slid_milliseconds"] > 0


def test_the_study_has_a_reader_for_each_network():
    runs = jobs(STUDIES["lines"]["jobs"])
    assert len({run.id for run in runs}) == len(runs)
    shipped = [run for run in runs if run.without is run.stride is None]
    assert [run.network for run in shipped] == [
        *("lenet5-mnist", "lenet5-mnist-distorted"),
        *("lenet5-mnist-line", "lenet5-mnist-line-best"),
    ]
    for run in shipped:
        assert (
            run.configuration["sha256"] == pretrained.records()[run.network]["sha256"]
        )
    assert [run.without for run in runs if run.without] == list(readers.WITHOUT)
    assert [run.stride for run in runs if run.stride] == [2, 1]


def test_a_reader_without_a_part_is_trained_by_the_recipe_without_it():
    reader = readers.Reader("lenet5-mnist-line", without="rubbish")
    assert "without rubbish" in reader.name
    assert reader.training.settings == dataclasses.replace(
        RECIPES["lenet5-mnist-line"], augmentation_arguments={"rubbish": 0.0}
    )
    assert reader.configuration["augmentation_arguments"] == {"rubbish": 0}
    assert "sha256" not in reader.configuration


def test_a_part_is_left_out_before_the_lines_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(readers, "LENGTHS", [5])
    monkeypatch.setattr(readers, "TRIED_J", [20])
    monkeypatch.setattr(readers, "TRIED_START", [0])
    trained = []

    def remember(run, checkpoint, verbose):
        trained.append((run, checkpoint))
        return SimpleNamespace(model=pretrained.load_pretrained("lenet5-mnist-line"))

    monkeypatch.setattr(readers, "train", remember)
    checkpoint = tmp_path / "run.npz"
    reader = readers.Reader("lenet5-mnist-line", lines=3, without="both")
    found = reader.do(checkpoint)
    assert trained == [(reader.training, checkpoint)]
    shipped = readers.Reader("lenet5-mnist-line", lines=3).do()
    assert found["measured"] == shipped["measured"]


def test_a_reader_tunes_on_training_digits_and_measures_on_test_digits(monkeypatch):
    monkeypatch.setattr(readers, "LENGTHS", [2, 5])
    monkeypatch.setattr(readers, "TRIED_J", [20, 30])
    monkeypatch.setattr(readers, "TRIED_START", [0, 10])
    drawn = []
    lines_of = readers.lines_of

    def noted(x, labels, reader, kind, length):
        drawn.append((float(np.abs(x).sum()), kind, length))
        return lines_of(x, labels, reader, kind, length)

    monkeypatch.setattr(readers, "lines_of", noted)
    reader = readers.Reader("lenet5-mnist", lines=3)
    result = reader.do()
    training, test = drawn[:3], drawn[3:]
    assert {sums for sums, *_ in training}.isdisjoint(sums for sums, *_ in test)
    assert [key for _, *key in training] == [[kind, 5] for kind in readers.KINDS]
    every = [[*key] for key in itertools.product(readers.KINDS, [2, 5])]
    assert [key for _, *key in test] == every
    assert [[row["kind"], row["length"]] for row in result["measured"]] == every
    best = min(result["tuning"], key=lambda tried: tried["wrong"])
    assert result["row"]["j"] == best["j"]
    assert result["row"]["start"] == best["start"]
    assert len(result["tuning"]) == 4
    assert reader.do()["measured"] == result["measured"]
