import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest

from lenet_keras.preprocessing import prepare
from lenet_study import pretrain
from lenet_study.datasets import sources
from lenet_study.images.elastic import distort_elastically
from lenet_study.recipes import RECIPES
from lenet_study.training.teachers import load_logits, logits_path, soft_labels
from lenet_study.training.train import Result

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
    path = tmp_path / "teachers" / "mnist.npy"
    np.save(path, values)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = {"sha256": digest, "run": {"dataset": "mnist"}}
    path.with_suffix(".json").write_text(json.dumps(record))
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
    assert "`lenet-keras pretrain teacher-mnist`" in text
    assert "dataset='mnist'" in text


def test_answers_without_their_record_are_refused(logits, tmp_path, message):
    (tmp_path / "teachers" / "mnist.json").unlink()
    text = message(soft_labels, LABELS, "mnist", recipe(teacher_weight=1))
    assert "Expected the answers of a teacher and their record" in text


def test_a_damaged_file_is_refused(logits, tmp_path, message):
    path = tmp_path / "teachers" / "mnist.npy"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    text = message(soft_labels, LABELS, "mnist", recipe(teacher_weight=1))
    assert "Expected undamaged answers to mnist" in text


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"sha256": 3}'])
def test_an_edited_record_is_refused(logits, tmp_path, message, text):
    (tmp_path / "teachers" / "mnist.json").write_text(text)
    text = message(soft_labels, LABELS, "mnist", recipe(teacher_weight=1))
    assert "Expected undamaged answers to mnist" in text


def test_the_answers_to_another_data_set_are_refused(logits, tmp_path, message):
    for suffix in (".npy", ".json"):
        own = tmp_path / "teachers" / f"mnist{suffix}"
        own.rename(own.with_stem("cifar10"))
    text = message(soft_labels, LABELS, "cifar10", recipe(teacher_weight=1))
    assert "Expected undamaged answers to cifar10" in text


def test_the_stored_teacher_is_that_of_its_record():
    record = json.loads(logits_path("cifar10").with_suffix(".json").read_text())
    row, answers = record["run"], load_logits("cifar10")
    assert answers.shape == (50_000, 10)
    assert (row["recipe"], row["train_images"]) == ("teacher-cifar10", 40_000)
    assert np.exp(answers.astype("float32")).sum(axis=1) == pytest.approx(1, abs=0.01)


class Teacher:
    """Answers with the share of ink, as it were, of each view."""

    def predict(self, x, batch_size, verbose):
        ink = x.mean(axis=(1, 2, 3))[:, None]
        return np.concatenate([ink, np.full((len(x), 9), 0.05)], axis=1)


def test_a_teachers_answers_are_the_mean_over_views(tmp_path, monkeypatch):
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype="uint8")
    monkeypatch.setenv("LENET_DATA_DIR", str(tmp_path))
    arrays = {"x_train": digits, "y_train": np.arange(5)}
    monkeypatch.setattr(sources, "load", lambda name: arrays)

    def train(run, checkpoint):
        assert (run.name, run.held_out) == (
            "teacher-mnist, mnist, held_out 10000, seed 0",
            10_000,
        )
        checkpoint.write_bytes(b"")
        row = {"dataset": "mnist", "held_out_accuracy": 0.99}
        return Result(Teacher(), None, row)

    monkeypatch.setattr(pretrain, "train", train)
    record = pretrain.teach("mnist")
    files = sorted(path.name for path in (tmp_path / "teachers").iterdir())
    assert files == ["mnist.json", "mnist.npy"]
    assert record["run"] == {"dataset": "mnist", "held_out_accuracy": 0.99}
    x = prepare(digits, "paper")
    views = [
        distort_elastically(x, np.random.default_rng([0, epoch, 1]))
        for epoch in range(8)
    ]
    expected = np.log(np.mean([v.mean(axis=(1, 2, 3)) for v in views], axis=0))
    np.testing.assert_allclose(load_logits("mnist")[:, 0], expected, rtol=2e-3)
    np.testing.assert_allclose(load_logits("mnist")[:, 1:], math.log(0.05), rtol=1e-3)
