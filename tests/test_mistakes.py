import numpy as np
import pandas as pd
import pytest

from lenet_keras.experiments.mistakes import (
    load_answers,
    mistakes,
    rejected_for,
    rejection_curve,
)


@pytest.fixture
def answers(rng):
    near, gap = rng.random(200), rng.random(200)
    labels = rng.integers(0, 3, 200)
    given = np.where(rng.random(200) < 0.4 * (1 - gap), (labels + 1) % 3, labels)
    return pd.DataFrame(
        {
            "label": labels,
            "answer": given,
            "distance": near,
            "second_answer": (given + 1) % 3,
            "second_distance": near + gap,
        }
    )


def test_mistakes_are_the_indices_of_wrong_answers(answers):
    wrong = [i for i in range(200) if answers.answer[i] != answers.label[i]]
    assert wrong
    assert mistakes(answers) == set(wrong)


def test_the_curve_rejects_the_smallest_gaps_first(answers):
    rejected, error = rejection_curve(answers)
    rows = list(answers.itertuples())
    for count in (0, 1, 50, 199):
        rows.sort(key=lambda row: row.second_distance - row.distance)
        left = rows[count:]
        wrong = sum(row.answer != row.label for row in left)
        assert rejected[count] == pytest.approx(100 * count / 200)
        assert error[count] == pytest.approx(100 * wrong / len(left))


def test_as_few_as_possible_are_rejected(answers):
    rejected, error = rejection_curve(answers)
    least = rejected_for(answers, error=10)
    assert error[rejected == least][0] <= 10
    assert (error[rejected < least] > 10).all()
    assert rejected_for(answers, error=100) == 0


def test_answers_are_loaded_by_seed_and_protocol(answers, tmp_path):
    for name in ("loss9_seed-10", "loss9_seed-3", "loss9_distorted_seed-1"):
        answers.to_csv(tmp_path / f"{name}.answers.csv", index=False)
        (tmp_path / f"{name}.csv").touch()
    loaded = load_answers(tmp_path, "loss9")
    assert list(loaded) == [3, 10]
    pd.testing.assert_frame_equal(loaded[10], answers)
    with pytest.raises(FileNotFoundError, match=r"Received: name='loss8'"):
        load_answers(tmp_path, "loss8")


def test_all_are_rejected_where_the_most_certain_answer_is_wrong():
    answers = pd.DataFrame(
        {
            "label": [1, 2],
            "answer": [1, 3],
            "distance": [4.0, 9.0],
            "second_distance": [5.0, 50.0],
        }
    )
    assert rejected_for(answers) == 100
