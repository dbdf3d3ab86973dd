import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lenet_keras import load_pretrained, pretrained
from lenet_keras.preprocessing import prepare
from lenet_study import pretrain
from lenet_study.datasets import sources
from lenet_study.recipes import RECIPES
from lenet_study.results import load
from lenet_study.training.train import train

RECORDS = pretrained.records()
train_images = {"mnist": 60_000, "cifar10": 50_000}.get
RESULTS = Path(__file__).parents[1] / "data/results"


@pytest.mark.parametrize("name", RECORDS)
class TestNetwork:
    def test_it_has_exactly_the_errors_of_its_record(self, name):
        record = RECORDS[name]
        if record["dataset"] == "cifar10" and not sources.available("cifar10"):
            pytest.skip("the complete CIFAR-10 is not in the data folder")
        _, _, x, labels = sources.load(record["dataset"]).values()
        outputs = load_pretrained(name).predict(
            prepare(x, record["pixels"]), batch_size=1000, verbose=0
        )
        # Distances are 0 or more and add up to no 1; the smallest is the answer.
        distances = not np.allclose(outputs.sum(axis=1), 1)
        assert distances == (record["model"] == "lenet5")
        answers = (-outputs if distances else outputs).argmax(axis=1)
        assert (answers != labels).sum() == record["test_errors"]
        assert len(labels) == record["test_images"] == 10_000

    def test_its_probabilities_have_the_same_answers(self, name):
        record = RECORDS[name]
        if record["dataset"] == "cifar10" and not sources.available("cifar10"):
            pytest.skip("the complete CIFAR-10 is not in the data folder")
        _, _, x, labels = sources.load(record["dataset"]).values()
        model = load_pretrained(name, output="probabilities")
        x = prepare(x, record["pixels"])
        outputs = model.predict(x, batch_size=1000, verbose=0)
        np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
        assert (outputs.argmax(axis=1) != labels).sum() == record["test_errors"]
        assert model.output_shape == (None, 10)

    def test_its_record_has_what_its_loss_divides_distances_by(self, name):
        arguments = RECIPES[name].loss_arguments
        temperature = arguments.get("temperature", 1.0) if arguments else None
        assert RECORDS[name]["temperature"] == temperature
        assert RECORDS[name]["j"] == arguments.get("j")

    def test_its_record_is_that_of_its_run(self, name):
        record = RECORDS[name]
        row = record["run"]
        assert (row["network"], row["dataset"]) == (record["model"], record["dataset"])
        assert (row["recipe"], row["seed"], row["held_out"]) == (name, 0, 0)
        assert row["epochs"] == RECIPES[name].epochs
        assert row["train_images"] == train_images(row["dataset"])
        if RECIPES[name].labels != "lines":  # whose run counts lines
            share = record["test_errors"] / record["test_images"]
            assert 1 - row["test_accuracy"] == pytest.approx(share, abs=1.1e-4)
        assert record["pixels"] == RECIPES[name].pixels
        assert name in record["command"]

    def test_its_results_are_those_of_the_stored_run(self, name):
        studies = ("protocol", "shorter", "best", "robust")
        stored = load(*(RESULTS / f"{study}.jsonl" for study in studies))
        whole = stored["train_images"] == stored["dataset"].map(train_images)
        own = stored[(stored["recipe"] == name) & (stored["seed"] == 0) & whole]
        row = RECORDS[name]["run"]
        for column in ("train_accuracy", "test_accuracy", "trainable", "backend"):
            assert set(own[column]) == {row[column]}

    def test_a_damaged_file_is_refused(self, name, tmp_path, monkeypatch):
        file = f"{name}.weights.h5"
        damaged = bytearray((pretrained.FOLDER / file).read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (tmp_path / file).write_bytes(damaged)
        (tmp_path / "records.json").write_text(json.dumps(RECORDS))
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        with pytest.raises(OSError, match=r"Expected undamaged .* Received: "):
            load_pretrained(name)


@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5-cifar10"])
@pytest.mark.parametrize("output", [None, "probabilities"])
@pytest.mark.parametrize("sides", [(40, 36), (None, None)])
def test_on_larger_images_it_answers_as_on_each_square(name, output, sides, rng):
    channels = RECORDS[name]["input_shape"][2]
    small = load_pretrained(name, output)
    large = load_pretrained(name, output, input_shape=(*sides, channels))
    x = rng.uniform(-0.1, 1.175, (2, 40, 36, channels)).astype("float32")
    answers = np.asarray(large(x))
    assert answers.shape == (2, 3, 2, 10)
    for row, column in np.ndindex(3, 2):
        square = x[:, 4 * row : 4 * row + 32, 4 * column : 4 * column + 32]
        np.testing.assert_allclose(
            answers[:, row, column], small(square), rtol=2e-5, atol=1e-30
        )


@pytest.mark.parametrize(
    ("name", "input_shape"),
    [
        ("lenet5_modern-mnist", (32, 32, 1)),  # it would be padded otherwise
        ("lenet5_modern-cifar10", (64, 64, 3)),
        ("lenet5_modern-mnist", (None, None, 1)),
        ("lenet5-mnist", (32, 32, 3)),
        ("lenet5-cifar10", (64, 64)),
        ("lenet5-mnist", (40, 30, 1)),
    ],
)
def test_a_shape_that_it_does_not_take_is_refused(name, input_shape, message):
    text = message(load_pretrained, name, input_shape=input_shape)
    assert f"input_shape={input_shape}" in text


def test_its_own_shape_is_taken():
    for name, record in RECORDS.items():
        model = load_pretrained(name, input_shape=record["input_shape"])
        assert model.output_shape == (None, 10)


def test_an_unknown_output_is_refused(message):
    text = message(load_pretrained, "lenet5-mnist", output="logits")
    assert "Expected None or 'probabilities'. Received: output='logits'" in text


def test_an_unknown_name_lists_the_known_ones(message):
    text = message(load_pretrained, "lenet6")
    assert all(name in text for name in RECORDS)


def test_what_is_stored_is_small():
    for name in RECORDS:
        assert (pretrained.FOLDER / f"{name}.weights.h5").stat().st_size < 400_000


class TestPretrain:
    @pytest.fixture(params=["lenet5-mnist", "lenet5_modern-mnist"])
    def small(self, request, monkeypatch, tmp_path):
        """A recipe of one epoch, of each method; 200 training and 300 test digits."""
        name = request.param
        recipe = dataclasses.replace(RECIPES[name], epochs=1)
        monkeypatch.setitem(RECIPES, name, recipe)
        arrays = sources.load("mnist")
        few = {name: arrays[name][:300] for name in ("x_test", "y_test")}
        monkeypatch.setattr(sources, "load", lambda name: arrays | few)
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        return name

    def test_it_writes_weights_and_a_record_that_loads(
        self, small, tmp_path, monkeypatch
    ):
        models = []

        def keep(*arguments):
            result = train(*arguments)
            models.append(result.model)
            return result

        monkeypatch.setattr(pretrain, "train", keep)
        record = pretrain.pretrain(small, train_images=200)
        file = (tmp_path / f"{small}.weights.h5").read_bytes()
        assert record["sha256"] == hashlib.sha256(file).hexdigest()
        assert pretrained.records() == {small: record}
        assert record["run"]["recipe"] == small
        assert record["pixels"] == RECIPES[small].pixels
        assert record["temperature"] == RECORDS[small]["temperature"]
        wrong = 1 - record["run"]["test_accuracy"]
        assert record["test_errors"] == pytest.approx(300 * wrong, abs=0.01)
        stored = load_pretrained(small).get_weights()
        assert all(map(np.array_equal, stored, models[0].get_weights()))
        # The state of the optimizer would be twice as much again.
        assert len(file) < 400_000
        assert {path.name for path in tmp_path.iterdir()} == {
            f"{small}.weights.h5",
            "records.json",
        }

    def test_a_folder_that_cannot_be_written_is_found_before_the_training(
        self, tmp_path, monkeypatch
    ):
        (tmp_path / "file").touch()
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "file")
        monkeypatch.setattr(pretrain, "train", lambda *arguments: 1 / 0)
        with pytest.raises(OSError, match="file"):
            pretrain.pretrain("lenet5-mnist")

    def test_an_installed_package_says_how_to_train_a_network_of_ones_own(
        self, message, monkeypatch
    ):
        monkeypatch.setattr(pretrain, "CHECKOUT", None)
        monkeypatch.setattr(pretrain, "train", lambda *arguments: 1 / 0)
        text = message(pretrain.pretrain, "lenet5_modern-mnist-best")
        command = "lenet-keras train lenet5_modern mnist"
        options = "--recipe lenet5_modern-mnist-best --save FILE.keras"
        assert f"`{command} {options}`" in text
