import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pytest

from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.questions import mistakes as module
from lenet_study.questions.mistakes import (
    load_answers,
    mistakes,
    rejected_for,
    rejection_curve,
)
from lenet_study.training.run import Run


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


def test_the_answers_are_the_two_nearest_classes_of_each_digit(monkeypatch):
    run = Run("lenet5-mnist", "mnist", train_images=60, overrides={"epochs": 1})
    models, measure = [], module.measure

    def measure_and_keep(run, model):
        models.append(model)
        return measure(run, model)

    monkeypatch.setattr(module, "measure", measure_and_keep)
    measured = dataclasses.replace(
        run, measure="lenet_study.questions.mistakes:measure"
    )
    assert measured.id == run.id
    result = measured.do()
    ((name, text),) = result["files"].items()
    assert name == "answers/lenet5-mnist_mnist_train_images-60_epochs-1_seed-0.csv"
    answers = pd.read_csv(io.StringIO(text))
    assert list(answers) == [
        *("label", "answer", "distance", "second_answer", "second_distance"),
    ]
    _, (x, labels) = load_mnist()
    assert answers["label"].tolist() == labels.tolist()
    distances = models[0].predict(prepare(x, "paper"), verbose=0)
    for row, expected in zip(answers.itertuples(), distances, strict=True):
        first, second = sorted(range(10), key=lambda digit: expected[digit])[:2]
        if expected[second] - expected[first] > 0.01:
            assert row.answer == first
        assert row.distance == pytest.approx(expected[first], abs=2e-3)
        assert row.second_distance == pytest.approx(expected[second], abs=2e-3)
        assert row.answer != row.second_answer
    right = np.mean(answers["answer"] == answers["label"])
    assert result["row"]["test_accuracy"] == pytest.approx(right, abs=1e-5)


def test_answers_are_loaded_by_seed_and_recipe(answers, tmp_path, message):
    path = tmp_path / "protocol.jsonl"
    plain, distorted = "lenet5-mnist", "lenet5-mnist-distorted"
    runs = [Run(plain, "mnist", 10), Run(plain, "mnist", 3), Run(distorted, "mnist", 1)]
    runs.append(Run(plain, "mnist", 5, train_images=15_000))
    (tmp_path / "answers").mkdir()
    with path.open("w") as file:
        for run in runs:
            line = {
                "id": run.id,
                "run": run.request,
                "configuration": run.configuration,
            }
            row = {"train_images": run.train_images or 60_000, "test_accuracy": 0.5}
            file.write(json.dumps(line | {"status": "done", "row": row}) + "\n")
            own = answers.assign(label=run.seed)
            name = f"{run.recipe}_mnist_seed-{run.seed}.csv.gz"
            own.to_csv(tmp_path / "answers" / name, index=False)
    loaded = load_answers(path, plain)
    assert list(loaded) == [3, 10]
    assert set(loaded[10]["label"]) == {10}
    assert list(load_answers(path, distorted)) == [1]
    assert "recipe='lenet5-mnist-loss-8'" in message(
        load_answers, path, "lenet5-mnist-loss-8"
    )


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
