import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lenet_keras import load_pretrained, pretrained
from lenet_keras.datasets import prepare, sources
from lenet_keras.experiments import pretrain, run
from lenet_keras.experiments.reproduce import Protocol, load_runs
from lenet_keras.experiments.run import DATASETS, TRAIN_IMAGES
from lenet_keras.recipes import RECIPES, default_recipe

RECORDS = pretrained.records()


def test_the_five_networks_are_there():
    assert set(RECORDS) == {*pretrain.PROTOCOLS, *pretrain.TRAINED}


@pytest.mark.parametrize("name", RECORDS)
class TestNetwork:
    def test_it_has_exactly_the_errors_of_its_record(self, name):
        record = RECORDS[name]
        if record["dataset"] == "cifar10" and not sources.available("cifar10"):
            pytest.skip("the complete CIFAR-10 is not in the data folder")
        _, (x, labels) = DATASETS[record["dataset"]]()
        outputs = load_pretrained(name).predict(
            prepare(x, record["pixels"]), batch_size=1000, verbose=0
        )
        # Distances are 0 or more and add up to no 1; the smallest is the answer.
        distances = not np.allclose(outputs.sum(axis=1), 1)
        assert distances == (record["model"] == "lenet5")
        answers = (-outputs if distances else outputs).argmax(axis=1)
        assert (answers != labels).sum() == record["test_errors"]
        assert len(labels) == record["test_images"] == 10_000

    def test_its_record_is_that_of_its_run(self, name):
        record = RECORDS[name]
        run = record["run"]
        assert (run["model"], run["dataset"]) == (record["model"], record["dataset"])
        assert run["seed"] == 0
        share = record["test_errors"] / record["test_images"]
        stated = run.get("test_error", 100 * (1 - run.get("test_accuracy", 0)))
        assert stated == pytest.approx(100 * share, abs=0.011)
        assert name in record["command"]

    def test_a_damaged_file_is_refused(self, name, tmp_path, monkeypatch):
        file = f"{name}.weights.h5"
        damaged = bytearray((pretrained.FOLDER / file).read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (tmp_path / file).write_bytes(damaged)
        (tmp_path / "records.json").write_text(json.dumps(RECORDS))
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        with pytest.raises(OSError, match=r"Expected .* Received: .* is damaged"):
            load_pretrained(name)


@pytest.mark.parametrize("name", pretrain.TRAINED)
def test_its_run_is_by_the_recommended_recipe(name):
    row = RECORDS[name]["run"]
    assert row["recipe"] == name == default_recipe(row["model"], row["dataset"])
    assert row["passes"] == RECIPES[name].passes
    assert row["train_images"] == TRAIN_IMAGES[row["dataset"]]
    assert row["held_out"] == 0


@pytest.mark.parametrize("name", pretrain.PROTOCOLS)
def test_its_run_is_that_of_the_stored_results(name):
    folder = Path(__file__).parents[1] / "data/results/reproduce"
    rows = load_runs(folder, pretrain.PROTOCOLS[name].name)
    row = rows[(rows["seed"] == 0) & (rows["pass"] == 20)].iloc[0]
    run = RECORDS[name]["run"]
    for column in ("pass", "test_error", "train_error", "test_loss", "backend"):
        assert run[column] == row[column]


def test_an_unknown_name_lists_the_known_ones(message):
    text = message(load_pretrained, "lenet6")
    assert all(name in text for name in RECORDS)


def test_what_is_stored_is_small():
    for name in RECORDS:
        assert (pretrained.FOLDER / f"{name}.weights.h5").stat().st_size < 400_000


class TestPretrain:
    def test_it_writes_weights_and_a_record_that_loads(
        self, tmp_path, monkeypatch, few_digits
    ):
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        monkeypatch.setattr(
            pretrain, "PROTOCOLS", {"small": Protocol(passes=1, train_size=200)}
        )
        record = pretrain.pretrain("small", tmp_path / "runs", tmp_path)
        file = (tmp_path / "small.weights.h5").read_bytes()
        assert record["sha256"] == hashlib.sha256(file).hexdigest()
        assert pretrained.records() == {"small": record}
        assert record["run"]["train_size"] == 200
        stated = record["run"]["test_error"]
        assert record["test_errors"] == pytest.approx(stated * 300 / 100, abs=0.01)
        distances = load_pretrained("small").predict(few_digits, verbose=0)
        assert distances.shape == (300, 10)

    def test_it_trains_by_the_recommended_recipe(
        self, tmp_path, monkeypatch, few_digits
    ):
        runs = []

        def train(model, dataset, recipe):
            runs.append(run.train(model, dataset, recipe, passes=1, train_images=200))
            return runs[-1]

        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        monkeypatch.setattr(pretrain, "train", train)
        name = "lenet5_modern-mnist"
        record = pretrain.pretrain(name, tmp_path / "runs", tmp_path)
        assert record["run"]["recipe"] == name
        assert record["pixels"] == RECIPES[name].pixels
        stored = load_pretrained(name).get_weights()
        trained = runs[0].model.get_weights()
        assert all(map(np.array_equal, stored, trained))
        # The state of the optimizer would be twice as much again.
        assert (tmp_path / f"{name}.weights.h5").stat().st_size < 400_000

    @pytest.fixture
    def few_digits(self, monkeypatch):
        train, (x, y) = DATASETS["mnist"]()

        def load():
            return train, (x[:300], y[:300])

        monkeypatch.setitem(DATASETS, "mnist", load)
        monkeypatch.setattr(
            "lenet_keras.experiments.reproduce.load_mnist", DATASETS["mnist"]
        )
        return prepare(x[:300], "paper")
