import json
from importlib.metadata import version

import keras
import numpy as np
import pandas as pd
import pytest

from lenet_keras.datasets import load_mnist, prepare
from lenet_keras.datasets.augment import augmented_passes
from lenet_keras.experiments import reproduce
from lenet_keras.experiments import run as run_module
from lenet_keras.experiments.compare import compare, markdown, replacing, table
from lenet_keras.experiments.run import train
from lenet_keras.models import lenet5
from lenet_keras.recipes import RECIPES


@pytest.fixture(scope="module")
def small_run():
    return train("lenet5", "mnist", "lenet5-adam", seed=3, passes=2, train_images=640)


def test_a_run_has_a_row_of_all_that_repeats_it(small_run):
    expected = {
        "model": "lenet5",
        "dataset": "mnist",
        "recipe": "lenet5-adam",
        "seed": 3,
        "passes": 2,
        "batch_size": 64,
        "train_images": 640,
        "held_out": 0,
        "trainable": 60_000,
        "fixed": 840,
        "connections": 340_908,
        "multiply_adds": 328_096,
        "keras": keras.version(),
    }
    assert small_run.row | expected == small_run.row
    assert small_run.row["lenet_keras"] == version("lenet_keras")
    assert json.loads(json.dumps(small_run.row)) == small_run.row


def test_the_accuracies_are_those_of_the_model_after_the_final_pass(small_run):
    (x_train, y_train), (x_test, y_test) = load_mnist()
    for name, x, y in (
        ("train", x_train[:640], y_train[:640]),
        ("test", x_test, y_test),
    ):
        distances = small_run.model.predict(prepare(x, "paper"), verbose=0)
        accuracy = np.mean(distances.argmin(axis=1) == y)
        assert small_run.row[f"{name}_accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_the_history_has_a_row_a_pass(small_run):
    assert small_run.history.index.tolist() == [1, 2]
    assert sorted(small_run.history) == [
        "test_accuracy",
        "test_loss",
        "train_accuracy",
        "train_loss",
    ]
    final = small_run.history["test_accuracy"].iloc[-1]
    assert small_run.row["test_accuracy"] == pytest.approx(final, abs=1e-5)


def test_the_same_seed_repeats_the_run(small_run):
    again = train("lenet5", "mnist", "lenet5-adam", seed=3, passes=2, train_images=640)
    for one, other in zip(again.model.weights, small_run.model.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)


class AskedError(Exception):
    """Holds what a training was asked for."""


def asked_for(monkeypatch, way, recipe, **arguments):
    def fit(model, **asked):
        raise AskedError(asked)

    monkeypatch.setattr(getattr(run_module, way), "fit", fit)
    name = RECIPES[recipe].model
    with pytest.raises(AskedError) as caught:
        train(name, "mnist", recipe, train_images=70, verbose=0, **arguments)
    return caught.value.args[0]


@pytest.mark.parametrize(
    ("recipe", "order"), [("1998", "once"), ("reshuffled", "every_pass")]
)
def test_the_method_of_1998_gets_its_order_and_its_estimates(
    monkeypatch, recipe, order
):
    asked = asked_for(monkeypatch, "sdlm", recipe, seed=3, passes=2)
    assert asked["shuffle"] == order
    assert (asked["seed"], asked["epochs"]) == (3, 2)
    estimation, *others = asked["callbacks"]
    assert others == []
    assert estimation.estimates_in_first_pass == 10
    assert (estimation.patterns, estimation.seed) == (70, 3)


def test_minibatches_get_their_size_and_their_seed(monkeypatch):
    asked = asked_for(monkeypatch, "minibatches", "batch-32", seed=3, passes=2)
    assert (asked["batch_size"], asked["seed"], asked["epochs"]) == (32, 3, 2)
    assert asked["x"].shape == (70, 28, 28, 1)
    assert asked["y"].shape == (70,)
    assert asked["validation_data"][0].shape == (10_000, 28, 28, 1)


def test_augmented_recipes_get_other_images_each_pass(monkeypatch):
    name = "lenet5_modern-mnist"
    asked = asked_for(monkeypatch, "minibatches", name, seed=3)
    (images, labels), _ = load_mnist()
    expected = augmented_passes(
        prepare(images[:70], "paper-unpadded"), labels[:70], "distortions", seed=3
    )
    for epoch in range(2):
        for ours, theirs in zip(asked["x"](epoch), expected(epoch), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_recommended_recipe_of_lenet5_is_the_papers_with_distortions(
    monkeypatch, tmp_path
):
    train_digits, (x, y) = load_mnist()

    def few():
        return train_digits, (x[:50], y[:50])

    monkeypatch.setitem(run_module.DATASETS, "mnist", few)
    monkeypatch.setattr(reproduce, "load_mnist", few)
    ours = train("lenet5", "mnist", seed=1, train_images=60, verbose=0)
    protocol = reproduce.Protocol(distortions=True, train_size=60)
    theirs = reproduce.reproduce(tmp_path, protocol, seed=1)
    stored = lenet5()
    stored.load_weights(tmp_path / f"{protocol.name}_seed-1.weights.h5")
    for own, wanted in zip(ours.model.weights, stored.weights, strict=True):
        np.testing.assert_allclose(own, wanted, atol=1e-6)
    assert len(ours.history) == len(theirs) == 20
    losses = theirs["test_loss"].to_numpy()
    np.testing.assert_allclose(ours.history["test_loss"], losses, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "dataset", "recipe"),
    [
        ("lenet5", "mnist", "lenet5-mnist"),
        ("lenet5_modern", "cifar10-sample", "lenet5_modern-cifar10"),
    ],
)
def test_without_a_recipe_it_is_the_recommended_one(model, dataset, recipe):
    run = train(model, dataset, passes=1, train_images=64, verbose=0)
    assert run.row["recipe"] == recipe
    assert run.row["trainable"] > 60_000 - (dataset == "mnist")


def test_held_out_images_are_the_last_ones_and_not_trained_on(monkeypatch):
    images = np.arange(10, dtype="uint8").repeat(28 * 28).reshape(10, 28, 28)
    labels = np.arange(10, dtype="uint8")
    data = (images, labels), (images[:1], labels[:1])
    monkeypatch.setitem(run_module.DATASETS, "mnist", lambda: data)
    seen, unseen = run_module._images("mnist", train_images=8, held_out=3)
    assert seen[1].tolist() == [0, 1, 2, 3, 4]
    assert unseen[1].tolist() == [5, 6, 7]
    np.testing.assert_array_equal(unseen[0], images[5:8])


@pytest.fixture(scope="module")
def held_out_run():
    return train(
        "lenet5_modern",
        "cifar10-sample",
        "lenet5_modern-adam",
        seed=4,
        passes=1,
        held_out=4_900,
        learning_rate=0.25,
    )


def test_held_out_results_are_not_called_test_results(held_out_run):
    assert held_out_run.row["train_images"] == 100
    assert "held_out_accuracy" in held_out_run.row
    assert "test_accuracy" not in held_out_run.row
    assert "test_accuracy" not in held_out_run.history


def test_a_rate_of_ones_own_takes_the_place_of_the_recipes(held_out_run):
    assert held_out_run.row["learning_rate"] == 0.25


def test_the_seed_decides_how_the_weights_start(monkeypatch):
    starts = []

    def fit(model, *args, **kwargs):
        starts.append(model.get_layer("F6").kernel.numpy())
        raise InterruptedError

    monkeypatch.setattr(run_module.minibatches, "fit", fit)
    for seed in (1, 1, 2):
        with pytest.raises(InterruptedError):
            train("lenet5", "mnist", "lenet5-adam", seed=seed, train_images=64)
    np.testing.assert_array_equal(starts[0], starts[1])
    assert np.abs(starts[0] - starts[2]).max() > 1e-3


def test_the_progress_bar_ends_at_the_number_of_updates(capsys):
    bar = run_module.ProgressBar("title")
    bar.set_params({"epochs": 2, "steps": 10})
    bar.on_train_begin()
    for epoch in range(2):
        for batch in (7, 15):  # eight updates a call, more than there are left
            bar.on_train_batch_end(batch)
        bar.on_epoch_end(epoch, {"accuracy": 0.5})
    bar.on_train_end()
    assert bar.bar.n == bar.bar.total == 20
    assert "title" in capsys.readouterr().err


def test_a_training_that_diverges_stops():
    with pytest.raises(RuntimeError, match=r"Training diverged in pass 1: the loss is"):
        train(
            "lenet5_modern", "mnist", "note-002", train_images=640, learning_rate=1e30
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "lenet4"}, "Expected a model among"),
        ({"dataset": "fashion"}, "Expected a dataset among"),
        ({"recipe": "note-002"}, "Expected a recipe among .*recipe=note-002"),
        ({"passes": 0}, "Expected at least one pass. Received: passes=0"),
        ({"learning_rate": 0}, "Expected a positive rate. Received: learning_rate=0"),
        ({"train_images": 60_001}, "Expected 0 <= held_out < train_images <= 60000"),
        ({"held_out": 60_000}, "Received: held_out=60000"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        train(**{"model": "lenet5", "dataset": "mnist"} | arguments)


def fake_train(calls):
    def train(model, dataset, recipe, seed, passes):
        calls.append((model, dataset, recipe, seed, passes))
        row = {
            "model": model,
            "dataset": dataset,
            "recipe": recipe,
            "seed": seed,
            "passes": passes or 10,
            "train_images": 5_000,
            "trainable": 60_000,
            "connections": 340_908,
            "train_accuracy": 0.75 + seed / 4,
            "test_accuracy": 0.5 + seed / 10,
            "seconds": 12.4,
        }
        history = pd.DataFrame({"test_accuracy": [0.5]}, pd.Index([1], name="pass"))
        return run_module.Run(None, history, row)

    return train


def test_compare_without_the_complete_set_takes_the_sample(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("lenet_keras.experiments.compare.train", fake_train(calls))
    monkeypatch.setattr("lenet_keras.datasets.sources.available", lambda name: False)
    runs = compare(tmp_path / "results")
    assert [call[:2] for call in calls] == [
        ("lenet5", "mnist"),
        ("lenet5_modern", "mnist"),
        ("lenet5", "cifar10-sample"),
        ("lenet5_modern", "cifar10-sample"),
    ]
    written = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert written == [
        "compare-passes.csv",
        "compare.csv",
        "compare.md",
        "compare.png",
    ]
    stored = pd.read_csv(tmp_path / "results/compare.csv")
    pd.testing.assert_frame_equal(stored, runs)
    assert "CIFAR-10 sample (5,000 images)" in (
        tmp_path / "results/compare.md"
    ).read_text(encoding="utf-8")


def test_compare_in_full_takes_the_complete_sets_and_the_notes_recipe(
    monkeypatch, tmp_path
):
    calls = []
    monkeypatch.setattr("lenet_keras.experiments.compare.train", fake_train(calls))
    monkeypatch.setattr("lenet_keras.datasets.sources.fetch", lambda name: None)
    compare(tmp_path, full=True, seeds=range(2))
    assert len(calls) == 2 * 3 * 2
    assert {call[1] for call in calls} == {"mnist", "cifar10"}
    assert {call[2] for call in calls if call[0] == "lenet5_modern"} == {
        "lenet5_modern-adam",
        "note-002",
    }
    assert {call[4] for call in calls} == {None}


def test_compare_keeps_the_finished_runs_when_one_fails_and_can_resume(
    monkeypatch, tmp_path
):
    calls = []
    train_one = fake_train(calls)

    def train_two(*args, **kwargs):
        if len(calls) == 2:
            raise RuntimeError("diverged")
        return train_one(*args, **kwargs)

    monkeypatch.setattr("lenet_keras.experiments.compare.train", train_two)
    with pytest.raises(RuntimeError, match="diverged"):
        compare(tmp_path)
    assert len(pd.read_csv(tmp_path / "compare.csv")) == 2

    calls.clear()
    monkeypatch.setattr("lenet_keras.experiments.compare.train", train_one)
    runs = compare(tmp_path, resume=True)
    assert [call[0] for call in calls] == ["lenet5", "lenet5_modern"]
    assert len(runs) == len(pd.read_csv(tmp_path / "compare-passes.csv")) == 4
    assert not runs.duplicated(["model", "dataset", "recipe", "seed"]).any()


def test_the_table_has_mean_and_standard_deviation_over_seeds():
    train = fake_train([])
    rows = [train("lenet5_modern", "mnist", "note-002", s, None).row for s in (0, 1)]
    row = table(pd.DataFrame(rows)).iloc[0]
    assert row["test accuracy, %"] == "55.00 ± 7.07"  # of 50 and 60
    assert row["train accuracy, %"] == "87.50 ± 17.68"
    assert row["trainable parameters"] == "60,000"
    assert row["study note 002 says"] == "98.7 % train"


def test_the_notes_claims_stand_beside_the_notes_network():
    train = fake_train([])
    rows = [
        train(model, dataset, "-", 0, None).row
        for model in ("lenet5", "lenet5_modern")
        for dataset in ("cifar10", "cifar10-sample")
    ]
    claims = table(pd.DataFrame(rows))["study note 002 says"].tolist()
    assert claims[0] == claims[1] == ""
    assert "on training images" in claims[2]
    assert "complete set" in claims[3]


def test_markdown_has_a_line_a_row_and_numbers_to_the_right():
    row = fake_train([])("lenet5", "mnist", "-", 0, None).row
    lines = markdown(table(pd.DataFrame([row]))).splitlines()
    assert len(lines) == 3
    assert [cell[-1] == ":" for cell in lines[1].split("|")[1:-1]] == (
        [False] * 3 + [True] * 6 + [False]
    )
    assert [cell.strip() for cell in lines[2].split("|")[5:7]] == ["60,000", "340,908"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "results.csv"
    file.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(file) as beside:
        beside.write_text(str(1 / 0))
    assert file.read_text() == "old"
    with replacing(file) as beside:
        beside.write_text("new")
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]
