import dataclasses
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import averaged_training
import interrupted_training
import keras
import numpy as np
import pytest

from lenet_keras import sdlm
from lenet_keras.preprocessing import prepare
from lenet_study import recipes
from lenet_study.datasets import load_mnist, sources
from lenet_study.images.augmentation import augmented
from lenet_study.recipes import RECIPES, Recipe
from lenet_study.training import callbacks, job
from lenet_study.training import checkpoint as module_of_checkpoint
from lenet_study.training import train as module
from lenet_study.training.checkpoint import CheckpointError
from lenet_study.training.job import identity, versions
from lenet_study.training.run import Run
from lenet_study.training.train import train

TINY = Run("fc-60000", "mnist", train_images=64, overrides={"epochs": 1})


def changed(run, **changes):
    return dataclasses.replace(run, **changes)


class TestRun:
    def test_it_has_another_identity_whatever_of_it_changes(self):
        changes = [
            {"recipe": "fc-300"},
            {"dataset": "cifar10"},
            {"seed": 1},
            {"train_images": 65},
            {"held_out": 1},
            *(
                {"overrides": {"epochs": 1} | override}
                for override in (
                    {"epochs": 2},
                    {"learning_rate": 0.002},
                    {"network_arguments": {"hidden": [7]}},
                    {"loss": "CategoricalCrossentropy"},
                    {"loss_arguments": {"from_logits": True}},
                    {"optimizer": "SGD"},
                    {"optimizer_arguments": {"weight_decay": 0.1}},
                    {"pixels": "unit"},
                    {"batch_size": 3},
                    {"augmentation": "noise"},
                    {"augmentation": "flips-and-shifts"},
                    {"augmentation": "flips-and-shifts"}
                    | {"augmentation_arguments": {"reach": 1}},
                    {"schedule": "cosine"},
                )
            ),
            {"recipe": "1998"},
            {"recipe": "1998", "overrides": {"estimates_in_first_epoch": 1}},
        ]
        runs = [TINY, *(changed(TINY, **change) for change in changes)]
        assert len({run.id for run in runs}) == len(runs)
        orders = [{"order": order} for order in ("once", "every_epoch", "given")]
        assert len({Run("1998", "mnist", overrides=o).id for o in orders}) == 3

    def test_its_identity_does_not_depend_on_how_the_same_is_said(self, monkeypatch):
        whole = [Run("fc-300", "mnist", train_images=n) for n in (None, 60_000)]
        rates = [
            Run("fc-300", "mnist", overrides={"learning_rate": r}) for r in (1, 1.0)
        ]
        hidden = [
            Run("fc-300", "mnist", overrides={"network_arguments": {"hidden": hidden}})
            for hidden in ([7], (7,))
        ]
        seeds = [Run("fc-300", "mnist", seed) for seed in (3, np.int64(3))]
        assert seeds[0].id == seeds[1].id
        own = RECIPES["fc-300"].learning_rate
        said = [
            Run("fc-300", "mnist", overrides=o) for o in ({}, {"learning_rate": own})
        ]
        for one, other in (whole, rates, hidden, said):
            assert one.id == other.id
        assert said[0].request == said[1].request
        before = TINY.id
        other_words = dataclasses.replace(RECIPES["fc-60000"], title="other words")
        monkeypatch.setitem(RECIPES, "fc-60000", other_words)
        assert before == TINY.id
        monkeypatch.setitem(RECIPES, "another-name", RECIPES["fc-60000"])
        assert changed(TINY, recipe="another-name").id == before

    def test_a_field_that_is_added_later_changes_no_identity(self, monkeypatch):
        longer = dataclasses.make_dataclass(
            "Longer", [("added", str, "off")], bases=(recipes.Recipe,), frozen=True
        )
        before = TINY.id
        recipe = RECIPES["fc-60000"]
        fields = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
        monkeypatch.setitem(RECIPES, "fc-60000", longer(**fields))
        assert before == TINY.id
        monkeypatch.setitem(RECIPES, "fc-60000", longer(**fields, added="on"))
        assert before != TINY.id

    # These never change: results are stored under them.
    @pytest.mark.parametrize(
        ("run", "expected"),
        [
            (Run("lenet5-mnist", "mnist"), "23a4ae678089"),
            (Run("lenet5-mnist-distorted", "mnist", seed=2), "0b8a52018494"),
            (
                Run("1998", "cifar10", seed=4, overrides={"learning_rate": 0.75}),
                "c16687a37c49",
            ),
            (Run("note-002", "mnist", seed=1), "ddf2120df5b5"),
            (Run("modern-residual", "cifar10"), "e96421db5b62"),
            (
                Run(
                    "lenet5-cifar10",
                    "cifar10",
                    held_out=10_000,
                    overrides={"epochs": 10, "loss_arguments": {"j": 10.0}},
                ),
                "75c3469e60d6",
            ),
        ],
    )
    def test_published_identities_stay(self, run, expected):
        assert run.id == expected

    def test_its_identity_is_a_hash_of_all_that_is_not_at_its_default(self):
        configuration = {
            "network": "fully_connected",
            "pixels": "paper-unpadded",
            "loss": "SparseCategoricalCrossentropy",
            "optimizer": "Adam",
            "learning_rate": 0.001,
            "batch_size": 64,
            "epochs": 1,
            "network_arguments": {"hidden": "lenet5"},
            "dataset": "mnist",
            "train_images": 64,
        }
        assert TINY.configuration == configuration
        assert TINY.id == identity(configuration)

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"recipe": "none"}, "recipe='none'"),
            ({"dataset": "none"}, "dataset='none'"),
            ({"overrides": {"epoch": 1}}, "overrides={'epoch': 1}"),
            ({"overrides": {"title": "a"}}, "overrides={'title': 'a'}"),
            ({"overrides": {"epochs": 0}}, "epochs=0"),
            ({"overrides": {"epochs": 1.5}}, "epochs=1.5"),
            ({"overrides": {"learning_rate": -1}}, "learning_rate=-1"),
            ({"overrides": {"learning_rate": float("nan")}}, "learning_rate=nan"),
            ({"overrides": {"loss": "MySquaredError"}}, "loss='MySquaredError'"),
            ({"seed": -1}, "seed=-1"),
            ({"seed": True}, "seed=True"),
            ({"train_images": 0}, "train_images=0"),
            ({"train_images": 60_001}, "train_images=60001"),
            ({"held_out": -1}, "held_out=-1"),
            ({"held_out": 64, "train_images": 64}, "held_out=64, train_images=64"),
            ({"dataset": "cifar10-sample", "held_out": 5_000}, "held_out=5000"),
        ],
    )
    def test_what_cannot_be_is_refused_before_anything_runs(
        self, arguments, expected, message
    ):
        arguments = {"recipe": "fc-300", "dataset": "mnist"} | arguments
        assert expected in message(Run, **arguments)


@pytest.fixture(scope="module")
def small():
    run = Run("lenet5-adam", "mnist", 3, train_images=640, overrides={"epochs": 2})
    return train(run)


def test_a_result_has_a_row_of_all_that_repeats_it(small):
    expected = {
        "network": "lenet5",
        "dataset": "mnist",
        "recipe": "lenet5-adam",
        "seed": 3,
        "epochs": 2,
        "batch_size": 64,
        "learning_rate": 0.001,
        "train_images": 640,
        "held_out": 0,
        "trainable": 60_000,
        "fixed": 840,
        "connections": 340_908,
        "multiply_adds": 328_096,
        "keras": keras.version(),
    }
    assert small.row | expected == small.row
    assert small.row["lenet_keras"] == version("lenet_keras")
    assert json.loads(json.dumps(small.row)) == small.row


def test_the_row_names_the_commit_of_a_checkout(small):
    folder = Path(module.__file__).parent
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True
    )
    commit = small.row["commit"]
    assert head.stdout.startswith(commit.removesuffix("-dirty"))
    assert len(commit) >= 12


def test_the_accuracies_are_those_of_the_model_after_the_final_epoch(small):
    (x_train, y_train), (x_test, y_test) = load_mnist()
    for name, x, y in (
        ("train", x_train[:640], y_train[:640]),
        ("test", x_test, y_test),
    ):
        distances = small.model.predict(prepare(x, "paper"), verbose=0)
        accuracy = np.mean(distances.argmin(axis=1) == y)
        assert small.row[f"{name}_accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_the_history_has_a_row_an_epoch(small):
    assert small.history.index.tolist() == [1, 2]
    assert list(small.history) == [
        *("train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"),
    ]
    final = small.history["test_accuracy"].iloc[-1]
    assert small.row["test_accuracy"] == pytest.approx(final, abs=1e-5)


def test_the_same_seed_repeats_the_run(small):
    run = Run("lenet5-adam", "mnist", 3, train_images=640, overrides={"epochs": 2})
    again = train(run, verbose=0)
    for one, other in zip(again.model.weights, small.model.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)


class TestMinibatches:
    """The updates of `train`, against gradient descent that is written out."""

    W, B = np.array([[0.3], [-0.2]]), 0.1

    @pytest.fixture
    def data(self, rng):
        return rng.normal(size=(10, 2)).astype("float32"), rng.normal(size=(10, 1))

    def model(self):
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        network.compile("sgd", "mse", metrics=["mae"], steps_per_execution=10)
        network.set_weights([self.W, np.array([self.B])])
        return network

    def fit(self, data, seed, epochs, batch_size, epochs_of=None):
        network, history = self.model(), keras.callbacks.History()
        module.fit_minibatches(
            network,
            epochs_of or (lambda epoch: data),
            epochs=range(epochs),
            seed=seed,
            batch_size=batch_size,
            validation_data=data,
            callbacks=[history],
        )
        return network, history.history

    def by_hand(self, x_of, y, orders, batch_size, rate=0.01):
        w, b = self.W.copy(), self.B
        for epoch, order in enumerate(orders):
            x = x_of(epoch)
            for start in range(0, len(order), batch_size):
                taken = order[start : start + batch_size]
                error = x[taken] @ w + b - y[taken]
                w = w - rate * 2 * x[taken].T @ error / len(taken)
                b = b - rate * 2 * error.mean()
        return w, b

    def orders(self, seed, epochs):
        return [np.random.default_rng([seed, e]).permutation(10) for e in range(epochs)]

    def test_their_order_follows_from_the_seed_and_the_epoch(self, data):
        x, y = data
        network, _ = self.fit(data, seed=5, epochs=3, batch_size=4)
        w, b = self.by_hand(lambda epoch: x, y, self.orders(5, 3), 4)
        np.testing.assert_allclose(network.get_weights()[0], w, rtol=1e-5)
        np.testing.assert_allclose(network.get_weights()[1], [b], rtol=1e-5)
        other, _ = self.by_hand(lambda epoch: x, y, self.orders(6, 3), 4)
        assert np.abs(other - w).max() > 1e-5  # the order matters

    def test_the_images_may_change_from_epoch_to_epoch(self, data):
        x, y = data

        network, _ = self.fit(data, 0, 2, 3, lambda epoch: ((epoch + 1) * x, y))
        w, _ = self.by_hand(lambda e: (e + 1) * x, y, self.orders(0, 2), 3)
        np.testing.assert_allclose(network.get_weights()[0], w, rtol=1e-5)

    def test_the_history_is_the_mean_over_the_images_of_an_epoch(self, data):
        x, y = data
        _, history = self.fit(data, 0, 1, 4)
        (order,) = self.orders(0, 1)
        w, b, losses = self.W, self.B, []
        for start in (0, 4, 8):  # the last one has two
            taken = order[start : start + 4]
            losses += list((x[taken] @ w + b - y[taken])[:, 0] ** 2)
            w, b = self.by_hand(lambda epoch: x, y, [order[: start + 4]], 4)
        assert history["loss"][0] == pytest.approx(np.mean(losses), rel=1e-5)
        after = np.mean((x @ w + b - y) ** 2)
        assert history["val_loss"][0] == pytest.approx(after, rel=1e-5)


class AskedError(RuntimeError):
    """Holds what a training was asked for."""


def asked_for(monkeypatch, recipe, **arguments):
    """Returns what `sdlm.fit` is asked for, without training."""

    def fit(model, x, **asked):
        raise AskedError(model, x, asked)

    monkeypatch.setattr(sdlm, "fit", fit)
    run = Run(recipe, "mnist", train_images=70, **arguments)
    with pytest.raises(AskedError) as caught:
        train(run, verbose=0)
    return caught.value.args


@pytest.mark.parametrize(
    ("recipe", "shuffle"),
    [
        ("1998", "once"),
        ("reshuffled", "every_epoch"),
        ("lenet5-mnist-distorted", False),
    ],
)
def test_the_method_of_1998_gets_its_order_and_its_estimates(
    monkeypatch, recipe, shuffle
):
    overrides = {"epochs": 2, "estimates_in_first_epoch": 4}
    _, _, asked = asked_for(monkeypatch, recipe, seed=3, overrides=overrides)
    assert asked["shuffle"] == shuffle
    assert (asked["seed"], asked["epochs"], asked["initial_epoch"]) == (3, 2, 0)
    estimation, *_ = asked["callbacks"]
    assert estimation.estimates_in_first_epoch == 4
    assert (estimation.patterns, estimation.seed) == (70, 3)


def test_the_distorted_set_trains_and_plain_digits_estimate_the_curvature(monkeypatch):
    scale = {"augmentation_arguments": {"scale": 2.0}}
    _, x, asked = asked_for(monkeypatch, "lenet5-mnist-distorted", overrides=scale)
    (images, labels), _ = load_mnist()
    images, labels = prepare(images[:70], "paper"), labels[:70]
    expected = augmented(images, labels, "distorted-set", seed=0, scale=2.0)
    for epoch in (0, 3):
        for ours, theirs in zip(x(epoch), expected(epoch), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(asked["callbacks"][0].x, images)


def test_the_settings_of_the_method_of_1998_arrive(monkeypatch):
    overrides = {
        "optimizer_arguments": {"mu": 0.1},
        "loss_arguments": {"j": 2.5},
        "learning_rate": 2.0,
        "network_arguments": {},
    }
    model, _, _ = asked_for(monkeypatch, "lenet5-mnist", overrides=overrides)
    assert model.optimizer.mu == 0.1
    assert model.loss.j == 2.5
    rates = model.optimizer.next_rates(5 * 70 + 1)  # 0.0005 for two epochs of 70, ...
    assert float(rates[0]) == pytest.approx(1e-3)
    assert float(rates[2 * 70 - 1]) == pytest.approx(1e-3)
    assert float(rates[2 * 70]) == pytest.approx(4e-4)
    assert float(rates[5 * 70]) == pytest.approx(2e-4)
    kernel = np.abs(model.get_layer("C5").kernel.numpy()).max()
    assert kernel == pytest.approx(2.4 / 400, rel=0.01)  # not lecun_uniform


def test_the_method_of_1998_records_the_errors_after_each_epoch_and_the_rates():
    run = Run("lenet5-mnist", "mnist", 3, train_images=290, overrides={"epochs": 2})
    result = train(run, verbose=0)
    last = result.history.iloc[-1]
    (x, y), _ = load_mnist()
    x, y = prepare(x[:290], "paper"), y[:290]
    distances = result.model.predict(x, verbose=0).astype("float64")
    accuracy = np.mean(distances.argmin(axis=1) == y)
    assert last["train_accuracy_after_epoch"] == pytest.approx(accuracy, abs=1e-5)
    right = distances[np.arange(290), y]
    posterior = np.exp(-10.0) + np.exp(-distances).sum(axis=1)
    loss = np.mean(right + np.log(posterior))
    assert last["train_loss_after_epoch"] == pytest.approx(loss, rel=1e-4, abs=1e-4)
    scales = np.concatenate([np.ravel(s) for s in result.model.optimizer.scales()])
    rates = 5e-4 * 0.25 * scales
    assert last["lowest_learning_rate"] == pytest.approx(rates.min(), rel=6e-3)
    assert last["highest_learning_rate"] == pytest.approx(rates.max(), rel=6e-3)
    assert int(result.model.optimizer.iterations) == 2 * 290


def test_held_out_images_are_the_last_ones_and_not_trained_on(monkeypatch):
    images = np.arange(10, dtype="uint8").repeat(28 * 28).reshape(10, 28, 28)
    labels = np.arange(10, dtype="uint8")
    data = {"x_train": images, "y_train": labels, "x_test": images[:1], "y_test": [0]}
    monkeypatch.setattr(sources, "load", lambda name: data)
    seen, unseen = module.load_images(
        Run("fc-300", "mnist", train_images=8, held_out=3)
    )
    assert seen[1].tolist() == [0, 1, 2, 3, 4]
    assert unseen[1].tolist() == [5, 6, 7]
    expected = prepare(images[5:8], "paper-unpadded")
    np.testing.assert_array_equal(unseen[0], expected)
    _, unseen = module.load_images(Run("fc-300", "mnist", train_images=8))
    assert unseen[1] == [0]


def test_held_out_results_are_not_called_test_results():
    run = changed(TINY, dataset="cifar10-sample", held_out=14)
    result = train(run, verbose=0)
    assert result.row["train_images"] == 50
    assert "held_out_accuracy" in result.row
    assert not [name for name in result.row if name.startswith("test")]
    assert not [name for name in result.history if name.startswith("test")]


def test_the_seed_decides_how_the_weights_start(monkeypatch):
    starts = []

    def fit(model, *args, **kwargs):
        starts.append(model.get_layer("F6").kernel.numpy())
        raise InterruptedError

    monkeypatch.setattr(module, "fit_minibatches", fit)
    for seed in (1, 1, 2):
        with pytest.raises(InterruptedError):
            train(Run("lenet5-adam", "mnist", seed, train_images=64))
    np.testing.assert_array_equal(starts[0], starts[1])
    assert np.abs(starts[0] - starts[2]).max() > 1e-3


def test_the_progress_bar_ends_at_the_number_of_epochs(capsys):
    bar = callbacks.ProgressBar("title", epochs=4)
    bar.set_params({"epochs": 2, "steps": 10})
    for epoch in (2, 3):  # resumed after two epochs
        bar.on_epoch_begin(epoch)
        for batch, share in ((7, 0.8), (15, 1)):  # eight updates a call
            bar.on_train_batch_end(batch)
            assert bar.bar.n == pytest.approx(epoch + share)
        assert bar.bar.n == epoch + 1
        bar.on_epoch_end(epoch, {"accuracy": 0.5})
    bar.bar.close()
    assert bar.bar.n == bar.bar.total == 4
    assert "title" in capsys.readouterr().err


class Calls(keras.callbacks.Callback):
    """Counts the calls of the compiled function."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


def test_a_divergence_ends_the_training_after_one_call_of_the_program():
    run = Run(
        "note-002",
        "mnist",
        train_images=32 * 25,
        overrides={"learning_rate": 1e30, "epochs": 2},
    )
    calls = Calls()
    with pytest.raises(sdlm.DivergenceError, match=r"in epoch 1: the loss is"):
        train(run, callbacks=[calls], verbose=0)
    assert len(calls.batches) <= 1


def test_weights_that_the_last_update_spoils_are_no_result():
    refusal = callbacks.RefuseDivergence()
    refusal.on_epoch_begin(4)
    refusal.on_train_batch_end(0, {"loss": 2.0})
    with pytest.raises(sdlm.DivergenceError, match=r"in epoch 5: the loss is nan"):
        refusal.on_epoch_end(4, {"loss": 2.0, "val_loss": np.nan})


def constant_network(value, x):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.set_weights([np.zeros((3, 2)), np.full(2, value)])
    refusal = callbacks.RefuseSaturation(x)
    refusal.set_model(model)
    return model, refusal


def test_outputs_that_are_nearly_all_the_same_end_the_training(rng):
    x = rng.normal(size=(1000, 3)).astype("float32")
    model, refusal = constant_network(5.0, x)
    with pytest.raises(sdlm.DivergenceError, match=r"saturated in epoch 3: .*Lecun"):
        refusal.on_epoch_end(2)
    kernel, bias = model.get_weights()
    model.set_weights([kernel + 0.01, bias])
    refusal.on_epoch_end(2)


def test_images_sorted_by_class_do_not_look_like_saturation():
    x = np.repeat(np.eye(3, dtype="float32")[:2], 600, axis=0)
    model, refusal = constant_network(0.0, x)
    model.set_weights([np.eye(3)[:, :2], np.zeros(2)])
    refusal.on_epoch_end(0)


def test_a_run_by_the_method_of_1998_ends_when_it_saturates():
    saturating = {"network_arguments": {"kernel_initializer": "zeros"}, "epochs": 2}
    run = Run("1998", "mnist", train_images=600, overrides=saturating)
    with pytest.raises(sdlm.DivergenceError, match="saturated in epoch 1"):
        train(run, verbose=0)


# Recipes of both methods, with dropout's generators, with augmented images and with
# averages. The test of a killed training has the method of 1998 in new orders.
RESUMED = {
    "dropout": Run(
        "modern-dropout", "cifar10-sample", 2, train_images=130, overrides={"epochs": 3}
    ),
    "distorted-set": Run(
        "lenet5-mnist-distorted", "mnist", 2, train_images=130, overrides={"epochs": 3}
    ),
    "lines": Run(
        "lenet5-mnist-line-best",
        "mnist",
        2,
        train_images=400,
        held_out=50,
        overrides={"epochs": 3},
    ),
    "averaged": Run(
        "lenet5_modern-mnist-best",
        "mnist",
        2,
        train_images=130,
        overrides={"epochs": 3},
    ),
}


class Break(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise InterruptedError


class Copy(keras.callbacks.Callback):
    """Copies a checkpoint as it is when an epoch begins."""

    def __init__(self, checkpoint, copy, epoch):
        super().__init__()
        self.checkpoint, self.copy, self.at = checkpoint, copy, epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            shutil.copy(self.checkpoint, self.copy)


def assert_same(result, expected):
    for one, other in zip(
        result.model.variables, expected.model.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    own, wanted = (r.history.drop(columns="seconds") for r in (result, expected))
    assert own.equals(wanted)
    changing = ("seconds", "commit")
    assert {k: v for k, v in result.row.items() if k not in changing} == {
        k: v for k, v in expected.row.items() if k not in changing
    }


@pytest.mark.parametrize("kind", RESUMED)
def test_what_is_resumed_ends_with_the_same_weights_bit_by_bit(kind, tmp_path):
    run, final, copy = RESUMED[kind], tmp_path / "final.npz", tmp_path / "copy.npz"
    expected = train(run, final, [Copy(final, copy, epoch=2)], verbose=0)
    keras.utils.set_random_seed(77)
    assert_same(train(run, copy, verbose=0), expected)
    # A checkpoint of the final epoch is a result without any training.
    assert_same(train(run, final, [Break(0)], verbose=0), expected)
    assert {*tmp_path.iterdir()} == {final, copy}


def test_a_training_that_was_killed_goes_on_to_the_very_same_end(tmp_path):
    checkpoint = tmp_path / "run.npz"
    with subprocess.Popen(
        [sys.executable, interrupted_training.__file__, checkpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as killed:
        assert killed.stdout.readline() == "waiting\n"
        killed.send_signal(signal.SIGKILL)
    assert list(tmp_path.iterdir()) == [checkpoint]
    run = interrupted_training.RUN
    with np.load(checkpoint) as file:
        assert len(json.loads(str(file["known"]))["history"]) == 1
    assert_same(train(run, checkpoint, verbose=0), train(run, verbose=0))


def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    checkpoint, saved, save = tmp_path / "run.npz", [], np.savez

    def full_at_the_second(file, *values, **arrays):
        if saved:
            file.write(b"half")
            raise OSError("No space left on device")
        saved.append(arrays)
        save(file, *values, **arrays)

    monkeypatch.setattr(np, "savez", full_at_the_second)
    run = changed(TINY, overrides={"epochs": 2})
    with pytest.raises(OSError, match="No space"):
        train(run, checkpoint, verbose=0)
    assert list(tmp_path.iterdir()) == [checkpoint]
    with np.load(checkpoint) as file:
        assert str(file["known"]) == str(saved[0]["known"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns the bytes of a checkpoint."""
    checkpoint = tmp_path_factory.mktemp("whole") / "run.npz"
    train(TINY, checkpoint, verbose=0)
    return checkpoint.read_bytes()


@pytest.mark.parametrize("content", ["empty", "cut", "foreign", "named", "text"])
def test_a_damaged_checkpoint_is_refused_by_name_and_left(content, whole, tmp_path):
    checkpoint = tmp_path / "run.npz"
    np.savez(tmp_path / "foreign.npz", a=np.zeros(3))
    known = json.dumps({"configuration": TINY.configuration, "history": []})
    np.savez(tmp_path / "named.npz", known=known, **{"model/0": np.zeros(3)})
    checkpoint.write_bytes(
        {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "foreign": (tmp_path / "foreign.npz").read_bytes(),
            "named": (tmp_path / "named.npz").read_bytes(),  # of an earlier version
            "text": b"not a checkpoint",
        }[content]
    )
    before = checkpoint.read_bytes()
    with pytest.raises(CheckpointError) as error:
        train(TINY, checkpoint, verbose=0)
    assert str(checkpoint) in str(error.value)
    assert "remove the file to train from the first epoch" in str(error.value)
    assert checkpoint.read_bytes() == before


def test_a_checkpoint_of_another_run_is_refused_and_left(whole, tmp_path):
    checkpoint = tmp_path / "run.npz"
    checkpoint.write_bytes(whole)
    for change, name in (
        ({"seed": 1}, "seed"),
        ({"train_images": 65}, "train_images"),
        ({"overrides": {"epochs": 1, "batch_size": 3}}, "batch_size"),
    ):
        with pytest.raises(CheckpointError, match=f"other='{name}'$"):
            train(changed(TINY, **change), checkpoint, verbose=0)
    assert checkpoint.read_bytes() == whole


def edited(whole, edit):
    """Returns the bytes of a checkpoint whose content a function changed."""
    with np.load(io.BytesIO(whole)) as file:
        content = dict(file)
    known = json.loads(str(content.pop("known")))
    edit(content, known)
    file = io.BytesIO()
    np.savez(file, known=json.dumps(known), **content)
    return file.getvalue()


def of_other_versions(arrays, known):
    known["run"]["keras"] = "3.0.0"


def without_an_array(arrays, known):
    arrays.pop(next(name for name in arrays if "momentum" in name))


def of_another_shape(arrays, known):
    name = next(name for name in arrays if "momentum" in name)
    arrays[name] = arrays[name].ravel()[:3]


def of_another_name(arrays, known):
    name = next(name for name in arrays if "momentum" in name)
    arrays[name.replace("momentum", "rate")] = arrays.pop(name)


def with_an_array_more(arrays, known):
    arrays["more"] = np.zeros(3)


def of_another_kind(arrays, known):
    name = next(name for name in arrays if "momentum" in name)
    arrays[name] = arrays[name].astype(bool)


@pytest.mark.parametrize("history", [3, [], [{}], [{"epoch": 2}], [{"epoch": 1}] * 2])
def test_a_checkpoint_with_an_edited_history_is_refused(history, whole, tmp_path):
    checkpoint = tmp_path / "run.npz"
    edit = lambda arrays, known: known.update(history=history)  # noqa: E731
    checkpoint.write_bytes(edited(whole, edit))
    with pytest.raises(CheckpointError, match="remove the file"):
        train(TINY, checkpoint, verbose=0)


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (of_another_kind, "arrays"),
        (of_other_versions, "keras"),
        (without_an_array, "arrays"),
        (of_another_shape, "arrays"),
        (of_another_name, "arrays"),
        (with_an_array_more, "arrays"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_set_aside_and_the_run_begins_again(
    edit, name, whole, tmp_path, caplog
):
    checkpoint, content = tmp_path / "run.npz", edited(whole, edit)
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"other='{name}'$"):
        train(TINY, checkpoint, verbose=0)
    assert checkpoint.read_bytes() == content
    told = []
    done = TINY.do(checkpoint, told.append)
    assert told == [1]
    aside = tmp_path / "aside-run.npz"
    assert f"The file is now {aside}; the run starts again" in caplog.text
    assert aside.read_bytes() == content
    assert checkpoint.exists()  # the new one
    assert done["row"]["test_accuracy"] == train(TINY, verbose=0).row["test_accuracy"]


def test_a_checkpoint_of_another_commit_is_taken(whole, tmp_path, monkeypatch):
    checkpoint, other = tmp_path / "run.npz", versions() | {"commit": "other"}
    checkpoint.write_bytes(whole)
    monkeypatch.setattr(module_of_checkpoint, "versions", lambda: other)
    train(TINY, checkpoint, verbose=0)
    assert checkpoint.read_bytes() == whole  # nothing was left to train


def test_the_seconds_of_a_resumed_run_are_those_of_all_its_epochs(tmp_path):
    run = changed(TINY, overrides={"epochs": 2})
    with pytest.raises(InterruptedError):
        train(run, tmp_path / "run.npz", [Break(1)], verbose=0)
    time.sleep(0.01)
    result = train(run, tmp_path / "run.npz", verbose=0)
    assert result.row["seconds"] == pytest.approx(result.history["seconds"].sum())


def test_the_result_has_the_averages_of_the_weights(backend, run_python):
    printed = run_python(averaged_training.__file__, 0.5, 0.99, backend=backend)
    for line in printed.splitlines()[-2:]:
        found = json.loads(line)
        assert found["updates"] == 2 * 12
        assert found["from loops"] < 1e-5
        assert found["from the last"] > 1e-4
        assert found["measured"] == pytest.approx(found["right"])


def test_the_last_epochs_are_plain(monkeypatch):
    seen = []

    def fit(model, epochs_of, batch_size, epochs, **arguments):
        seen.extend(epochs_of(epoch)[0] for epoch in epochs)
        raise InterruptedError

    monkeypatch.setattr(module, "fit_minibatches", fit)
    changes = {"epochs": 3, "plain_epochs": 1, "warmup_epochs": 0}
    run = Run("lenet5-mnist-best", "mnist", train_images=20, overrides=changes)
    with pytest.raises(InterruptedError):
        train(run, verbose=0)
    (x, _), _ = load_mnist()
    plain = prepare(x[:20], "paper")
    assert [np.array_equal(part, plain) for part in seen] == [False, False, True]


@pytest.mark.parametrize(
    "overrides",
    [
        {"loss_arguments": {"wings": 2}},
        {"loss_arguments": {"from_logits": True, "ignore_class": "x"}},
        {"network_arguments": {"wings": 2}},
        {"optimizer_arguments": {"wings": 2}},
        {"optimizer_arguments": {"beta_1": "x"}},
        {"augmentation": "elastic", "augmentation_arguments": {"shift": "x"}},
    ],
)
def test_an_argument_that_nothing_takes_is_named(overrides, message):
    run = changed(TINY, overrides={"epochs": 1} | overrides)
    text = message(train, run, verbose=0)
    (name, value), *_ = (o for o in overrides.items() if o[0].endswith("_arguments"))
    assert f"{name}={value!r}" in text
    assert "\\n" not in text


@pytest.mark.parametrize(
    ("error", "overrides"),
    [
        (MemoryError("no memory"), {"epochs": 1}),
        (TypeError("a fault of ours"), {}),
        (OSError("full"), {"loss_arguments": {"from_logits": True}}),
        (RuntimeError("lost"), {"loss_arguments": {"from_logits": True}}),
        (ValueError("Expected more"), {"loss_arguments": {"from_logits": True}}),
    ],
)
def test_an_error_that_is_not_the_arguments_stays_as_it_is(
    monkeypatch, error, overrides
):
    def fail(run):
        raise error

    monkeypatch.setattr(module, "load_images", fail)
    with pytest.raises(type(error), match=f"^{error}$"):
        train(Run("fc-60000", "mnist", overrides=overrides), verbose=0)


def test_what_is_wrong_before_the_first_update_is_no_divergence(monkeypatch, message):
    def build(recipe, shape):
        layers = [keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
        layers.append(keras.layers.Rescaling(np.nan))
        return keras.Sequential([keras.Input(shape), *layers])

    monkeypatch.setattr(Recipe, "build", build)
    what = "Expected a finite loss before the first update.*recipe='fc-60000'"
    assert re.search(what, message(TINY.do))


@pytest.fixture
def repository(tmp_path):
    """A repository of something else."""
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "other"]):
        subprocess.run([*git, *command], check=True)
    return tmp_path


def test_the_commit_is_that_of_this_checkout_whatever_git_is_told(
    monkeypatch, repository
):
    expected = versions.__wrapped__()
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert versions.__wrapped__() == expected


def test_a_training_is_one_under_kerass_defaults_alone(monkeypatch, message):
    monkeypatch.setattr(keras.config, "max_steps_per_epoch", lambda: 1)
    assert "max_steps_per_epoch=1" in message(TINY.do)


def test_what_has_no_commit_of_its_own_names_none(monkeypatch, repository):
    (unpacked := repository / "unpacked").mkdir()
    monkeypatch.setattr(job, "CHECKOUT", unpacked)
    assert versions.__wrapped__()["commit"] is None
    monkeypatch.setattr(job, "CHECKOUT", repository)
    assert versions.__wrapped__()["commit"]
    monkeypatch.setenv("PATH", "")  # a machine without git
    assert versions.__wrapped__()["commit"] is None
