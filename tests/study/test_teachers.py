import dataclasses
import math

import numpy as np
import pytest

from lenet_keras.study.recipes import RECIPES
from lenet_keras.study.teachers import soft_labels

BEST = RECIPES["lenet5-mnist-best"]
LABELS = np.array([3, 0])


def recipe(**changes):
    plain = {"label_smoothing": 0, "teacher_weight": 0, "teacher_temperature": 1}
    return dataclasses.replace(BEST, **(plain | changes))


@pytest.fixture
def logits(tmp_path, monkeypatch):
    """A teacher's answers for three images, the third of which is not asked for."""
    values = np.random.default_rng(0).normal(size=(3, 10)).astype("float16")
    (tmp_path / "teachers").mkdir()
    np.save(tmp_path / "teachers" / "mnist.npy", values)
    monkeypatch.setenv("LENET_DATA_DIR", str(tmp_path))
    return values.astype("float64")


def test_without_a_wish_they_are_the_labels():
    labels = soft_labels(LABELS, "mnist", recipe())
    np.testing.assert_array_equal(labels.argmax(axis=1), LABELS)
    assert sorted(np.unique(labels)) == [0, 1]
    assert labels.dtype == np.float32


def test_smoothing_spreads_a_part_over_all_classes():
    labels = soft_labels(LABELS, "mnist", recipe(label_smoothing=0.2))
    expected = np.full((2, 10), 0.02)
    expected[0, 3] += 0.8
    expected[1, 0] += 0.8
    np.testing.assert_allclose(labels, expected, atol=1e-6)


def test_a_teacher_replaces_a_part(logits):
    wish = recipe(teacher_weight=0.75, teacher_temperature=2, label_smoothing=0.2)
    labels = soft_labels(LABELS, "mnist", wish)
    for image, label in enumerate(LABELS):
        total = sum(math.exp(value / 2) for value in logits[image])
        for klass in range(10):
            own = 0.02 + 0.8 * (klass == label)
            answer = math.exp(logits[image, klass] / 2) / total
            expected = 0.25 * own + 0.75 * answer
            assert labels[image, klass] == pytest.approx(expected, abs=1e-5)


def test_a_data_set_without_a_teacher_is_refused(tmp_path, monkeypatch, message):
    monkeypatch.setenv("LENET_DATA_DIR", str(tmp_path))
    text = message(soft_labels, LABELS, "mnist", recipe(teacher_weight=1))
    assert "dataset='mnist'" in text
