import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from lenet_keras import cli, rbf_codes, sdlm
from lenet_keras.activations import scaled_tanh
from lenet_keras.datasets import prepare
from lenet_keras.experiments import reproduce as module
from lenet_keras.experiments.reproduce import Protocol, load_runs, reproduce
from lenet_keras.initializers import FanInUniform
from lenet_keras.layers import RBF
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.models import lenet5
from lenet_keras.sdlm import trainer

SETTINGS = [
    *("model", "dataset", "seed", "loss", "j", "initializer", "rate_scale", "mu"),
    *("estimates_in_first_pass", "passes", "train_size", "distortions"),
    *("distortion_scale", "order", "held_out", "python", "keras", "backend"),
]


def digits(count, seed):
    """Returns grey blocks, one a class, under some noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype("uint8")
    images = rng.integers(0, 60, (count, 28, 28))
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[4 + 7 * row : 10 + 7 * row, 7 * column : 6 + 7 * column] += 180
    return images.astype("uint8"), labels


TRAIN, TEST = digits(300, 0), digits(50, 1)


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    monkeypatch.setattr(module, "load_mnist", lambda: (TRAIN, TEST))
    monkeypatch.setattr(trainer, "STRETCH", 100)


@pytest.fixture
def small_network(monkeypatch):
    """Puts a network that compiles fast in the place of LeNet-5; keeps those made."""
    made = []

    def build(kernel_initializer):
        model = keras.Sequential(
            [
                keras.Input((32, 32, 1), name="input"),
                keras.layers.Flatten(name="flatten"),
                keras.layers.Dense(
                    84,
                    activation=scaled_tanh,
                    kernel_initializer=kernel_initializer(),
                    name="F6",
                ),
                RBF(rbf_codes("0123456789"), name="output"),
            ],
            name="small",
        )
        made.append(model)
        return model

    monkeypatch.setattr(module, "lenet5", build)
    return made


def break_off(monkeypatch, epoch, batch):
    class Breaking(module.ProgressBar):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, at, logs=None):
            if (self.epoch, at) == (epoch, batch):
                self.bar.close()
                raise InterruptedError

    monkeypatch.setattr(module, "ProgressBar", Breaking)


def files(folder):
    return {path.name.partition(".")[2]: path for path in folder.iterdir()}


def weights_of(folder):
    model = small_weights_reader()
    model.load_weights(files(folder)["weights.h5"])
    return model.get_weights()


def small_weights_reader():
    return module.lenet5(kernel_initializer=keras.initializers.Zeros)


def assert_same_files(folder, expected):
    assert sorted(files(folder)) == ["answers.csv", "csv", "weights.h5"]
    assert [path.name for path in sorted(folder.iterdir())] == [
        path.name for path in sorted(expected.iterdir())
    ]
    for one, other in zip(weights_of(folder), weights_of(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    one, other = (files(f)["answers.csv"].read_bytes() for f in (folder, expected))
    assert one == other
    one, other = (
        pd.read_csv(files(f)["csv"], dtype=str).drop(columns="seconds")
        for f in (folder, expected)
    )
    pd.testing.assert_frame_equal(one, other)


# A run of LeNet-5 itself.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder and the rows of a run, and its model as training left it."""
    models = []

    def build(**arguments):
        models.append(lenet5(**arguments))
        return models[-1]

    folder = tmp_path_factory.mktemp("run") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_mnist", lambda: (TRAIN, TEST))
        patch.setattr(module, "lenet5", build)
        patch.setattr(trainer, "STRETCH", 100)
        protocol = Protocol(passes=2, train_size=290, estimates_in_first_pass=2)
        rows = reproduce(folder, protocol, seed=3)
    return folder, rows, models[0]


def distances(model, images):
    """Returns the distances that the stored weights give, by a network of its own."""
    return model.predict(prepare(images, "paper"), verbose=0)


@pytest.fixture(scope="module")
def stored(run):
    model = lenet5()
    model.load_weights(files(run[0])["weights.h5"])
    return model


def test_a_run_leaves_three_files(run):
    name = "loss9_estimates_in_first_pass-2_passes-2_train_size-290_seed-3"
    assert sorted(path.name for path in run[0].iterdir()) == [
        f"{name}.answers.csv",
        f"{name}.csv",
        f"{name}.weights.h5",
    ]


def test_a_row_a_pass_has_all_that_repeats_it(run):
    folder, rows, _ = run
    assert list(rows) == [
        *SETTINGS,
        *("pass", "train_error_on_the_fly", "train_error", "test_error"),
        *("train_loss_on_the_fly", "train_loss", "test_loss"),
        *("lowest_rate", "highest_rate", "seconds"),
    ]
    assert rows["pass"].tolist() == [1, 2]
    expected = {
        "model": "lenet5",
        "dataset": "mnist",
        "seed": 3,
        "loss": 9,
        "j": 10.0,
        "initializer": "lecun_uniform",
        "rate_scale": 0.25,
        "estimates_in_first_pass": 2,
        "passes": 2,
        "train_size": 290,
        "distortions": False,
        "order": "once",
        "held_out": 0,
        "mu": 0.02,
        "keras": keras.version(),
    }
    for row in rows.to_dict("records"):
        assert row | expected == row
    pd.testing.assert_frame_equal(pd.read_csv(files(folder)["csv"]), rows)


def test_errors_are_percents_of_the_stored_network(run, stored):
    last = run[1].iloc[-1]
    train = TRAIN[0][:290], TRAIN[1][:290]
    for name, (x, y) in (("train", train), ("test", TEST)):
        answers = distances(stored, x)
        wrong = 100 * np.mean(answers.argmin(axis=1) != y)
        assert last[f"{name}_error"] == pytest.approx(wrong, abs=6e-4)
        right = answers[np.arange(len(y)), y].astype("float64")
        posterior = np.exp(-10.0) + np.exp(-answers.astype("float64")).sum(axis=1)
        loss = np.mean(right + np.log(posterior))
        assert last[f"{name}_loss"] == pytest.approx(loss, rel=1e-4, abs=1e-4)


def test_training_lowers_the_loss(run):
    rows = run[1]
    assert rows["train_loss"].iloc[1] < rows["train_loss"].iloc[0]
    assert rows["train_loss"].iloc[0] < rows["train_loss_on_the_fly"].iloc[0]
    assert (rows["train_error"] < 60).all()


def test_the_rates_are_those_of_the_weights_in_that_pass(run):
    _, rows, model = run
    scales = np.concatenate([np.ravel(s) for s in model.optimizer.scales()])
    rate = 5e-4 * 0.25
    assert rows["lowest_rate"].iloc[1] == pytest.approx(rate * scales.min(), rel=6e-3)
    assert rows["highest_rate"].iloc[1] == pytest.approx(rate * scales.max(), rel=6e-3)
    assert (rows["highest_rate"] <= rate / 0.02 * 1.001).all()
    assert int(model.optimizer.iterations) == 2 * 290


def test_the_answers_are_the_two_nearest_classes_of_each_test_digit(run, stored):
    answers = pd.read_csv(files(run[0])["answers.csv"])
    assert list(answers) == [
        *("label", "answer", "distance", "second_answer", "second_distance"),
    ]
    assert answers["label"].tolist() == TEST[1].tolist()
    for row, expected in zip(
        answers.itertuples(), distances(stored, TEST[0]), strict=True
    ):
        assert row.answer != row.second_answer
        assert row.distance == pytest.approx(expected[row.answer], abs=1e-3)
        assert row.distance == pytest.approx(expected.min(), abs=1e-3)
        assert row.second_distance == pytest.approx(
            expected[row.second_answer], abs=1e-3
        )
        others = np.delete(expected, row.answer)
        assert row.second_distance == pytest.approx(others.min(), abs=1e-3)
    wrong = 100 * np.mean(answers["answer"] != answers["label"])
    assert run[1]["test_error"].iloc[-1] == pytest.approx(wrong, abs=6e-4)


def test_runs_are_loaded_by_protocol_in_the_order_of_seeds(run, tmp_path):
    path = files(run[0])["csv"]
    for name in ("loss9_seed-10", "loss9_seed-9", "loss9_j-3.0_seed-1"):
        rows = pd.read_csv(path).assign(seed=int(name.rpartition("-")[2]))
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        rows.to_csv(tmp_path / f"{name}.answers.csv", index=False)
    loaded = load_runs(tmp_path, "loss9")
    assert loaded["seed"].tolist() == [9, 9, 10, 10]
    assert loaded["pass"].tolist() == [1, 2, 1, 2]
    with pytest.raises(FileNotFoundError, match=r"Received: name='loss8'"):
        load_runs(tmp_path, "loss8")


def test_a_finished_run_is_not_made_again(run, monkeypatch):
    folder, rows, _ = run
    monkeypatch.setattr(module, "load_mnist", lambda: 1 / 0)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    checkpoint = files(folder)["csv"].with_suffix(".checkpoint.npz")
    checkpoint.touch()  # as if it had been killed at its very end
    protocol = Protocol(passes=2, train_size=290, estimates_in_first_pass=2)
    pd.testing.assert_frame_equal(reproduce(folder, protocol, seed=3), rows)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(ZeroDivisionError):
        reproduce(folder, protocol, seed=4)


# Runs that are broken off, and other protocols, on a network that compiles fast.

SMALL = {"passes": 2, "train_size": 250, "estimates_in_first_pass": 2}


def test_a_run_that_was_broken_off_ends_as_one_that_was_not(
    small_network, monkeypatch, tmp_path
):
    protocol = Protocol(**SMALL, distortions=True)
    expected, folder = tmp_path / "expected", tmp_path / "broken"
    rows = reproduce(expected, protocol, seed=2)
    assert rows["pass"].tolist() == [1, 2]
    with monkeypatch.context() as patch:
        break_off(patch, epoch=1, batch=100)
        with pytest.raises(InterruptedError):
            reproduce(folder, protocol, seed=2)
    assert sorted(files(folder)) == ["checkpoint.npz", "csv"]
    written = pd.read_csv(files(folder)["csv"])
    assert written["pass"].tolist() == [1]
    # The row of a pass may be there before its checkpoint; it is written anew.
    more = written.assign(**{"pass": 2, "train_error": 99.0})
    pd.concat([written, more]).to_csv(files(folder)["csv"], index=False)
    keras.utils.set_random_seed(77)
    resumed = reproduce(folder, protocol, seed=2)
    assert_same_files(folder, expected)
    pd.testing.assert_frame_equal(
        resumed.drop(columns="seconds"), rows.drop(columns="seconds")
    )


def test_a_run_that_was_broken_off_after_its_last_pass_is_finished(
    small_network, monkeypatch, tmp_path
):
    protocol = Protocol(**SMALL | {"passes": 1})
    with monkeypatch.context() as patch:
        patch.setattr(module, "_answers", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reproduce(tmp_path, protocol)
    assert sorted(files(tmp_path)) == ["checkpoint.npz", "csv"]
    reproduce(tmp_path, protocol)
    assert sorted(files(tmp_path)) == ["answers.csv", "csv", "weights.h5"]
    trained, finished = small_network
    for one, other in zip(trained.get_weights(), finished.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_held_out_digits_take_the_place_of_the_test_digits(
    small_network, monkeypatch, tmp_path
):
    held_out = Protocol(**SMALL | {"passes": 1, "train_size": 300, "held_out": 50})
    monkeypatch.setattr(module, "load_mnist", lambda: (TRAIN, (None, None)))
    rows = reproduce(tmp_path / "held-out", held_out)
    assert "held_out_error" in rows
    assert "held_out_loss" in rows
    assert not [name for name in rows if name.startswith("test")]
    answers = pd.read_csv(files(tmp_path / "held-out")["answers.csv"])
    assert answers["label"].tolist() == TRAIN[1][250:].tolist()
    wrong = 100 * np.mean(answers["answer"] != answers["label"])
    assert rows["held_out_error"].iloc[0] == pytest.approx(wrong, abs=6e-4)

    # They are not trained on: without them the same weights come out.
    monkeypatch.setattr(module, "load_mnist", lambda: (TRAIN, TEST))
    without = reproduce(tmp_path / "without", Protocol(**SMALL | {"passes": 1}))
    assert without["train_error"].tolist() == rows["train_error"].tolist()
    weights = (weights_of(tmp_path / name) for name in ("held-out", "without"))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def asked(monkeypatch):
    """Returns what `sdlm.fit` would be asked for, without training."""

    def ask(tmp_path, protocol, seed=0):
        asked = {}

        def fit(model, **arguments):
            asked.update(arguments, model=model)
            raise InterruptedError

        monkeypatch.setattr(sdlm, "fit", fit)
        with pytest.raises(InterruptedError):
            reproduce(tmp_path, protocol, seed)
        return asked

    return ask


def test_the_protocol_is_what_is_trained(asked, tmp_path):
    protocol = Protocol(
        j=2.5,
        initializer="fan_in_uniform",
        rate_scale=2.0,
        mu=0.1,
        estimates_in_first_pass=4,
        passes=7,
        train_size=280,
        order="every_pass",
    )
    arguments = asked(tmp_path, protocol, seed=5)
    model = arguments["model"]
    assert model.count_params() == 60_840
    assert isinstance(model.loss, MaximumAPosteriori)
    assert model.loss.j == 2.5
    assert model.optimizer.mu == 0.1
    assert isinstance(model.get_layer("F6").kernel_initializer, FanInUniform)
    rates = model.optimizer.next_rates(5 * 280 + 1)
    assert float(rates[0]) == pytest.approx(1e-3)
    assert float(rates[2 * 280 - 1]) == pytest.approx(1e-3)
    assert float(rates[2 * 280]) == pytest.approx(4e-4)
    assert float(rates[5 * 280]) == pytest.approx(2e-4)
    np.testing.assert_array_equal(arguments["x"], prepare(TRAIN[0][:280], "paper"))
    np.testing.assert_array_equal(arguments["y"], TRAIN[1][:280])
    assert arguments["shuffle"] == "every_pass"
    assert (arguments["seed"], arguments["epochs"]) == (5, 7)
    np.testing.assert_array_equal(
        arguments["validation_data"][0], prepare(TEST[0], "paper")
    )
    estimation = arguments["callbacks"][0]
    assert (estimation.patterns, estimation.seed) == (280, 5)
    assert estimation.estimates_in_first_pass == 4


def test_the_start_follows_from_the_seed(asked, tmp_path):
    starts = [
        asked(tmp_path, Protocol(train_size=300), seed)["model"].get_weights()[0]
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert np.abs(starts[0] - starts[2]).max() > 1e-3


def test_loss_8_is_the_distance_to_the_right_code(asked, tmp_path):
    model = asked(tmp_path, Protocol(loss=8, train_size=300))["model"]
    assert isinstance(model.loss, RBFMeanSquaredError)


def test_distorted_digits_are_taken_as_they_come(asked, tmp_path):
    x = prepare(TRAIN[0][:40], "paper")
    largest = []
    for scale in (1e-6, 1.0):
        protocol = Protocol(distortions=True, train_size=40, distortion_scale=scale)
        arguments = asked(tmp_path, protocol)
        assert arguments["shuffle"] is False
        patterns = [arguments["x"](epoch) for epoch in range(10)]
        labels = np.concatenate([y for _, y in patterns])
        np.testing.assert_array_equal(
            np.bincount(labels, minlength=10),
            10 * np.bincount(TRAIN[1][:40], minlength=10),
        )
        differences = [
            np.abs(pattern - x).max(axis=(1, 2, 3)).min()
            for pattern in np.concatenate([x for x, _ in patterns])
        ]
        largest.append(max(differences))
        # Validation and the curvature are of the digits as they are.
        np.testing.assert_array_equal(arguments["callbacks"][0].x, x)
    assert largest[0] < 1e-3 < 0.1 < largest[1]


# Protocols.


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "loss9"),
        ({"loss": 8}, "loss8"),
        ({"distortions": True}, "loss9_distorted"),
        ({"loss": 8, "distortions": True}, "loss8_distorted"),
        ({"j": 10}, "loss9"),
        (
            {"rate_scale": 0.5, "held_out": 10_000},
            "loss9_rate_scale-0.5_held_out-10000",
        ),
        (
            {"loss": 8, "passes": 2, "train_size": 15_000, "order": "every_pass"},
            "loss8_passes-2_train_size-15000_order-every_pass",
        ),
        (
            {
                "distortions": True,
                "distortion_scale": 2.0,
                "initializer": "fan_in_uniform",
            },
            "loss9_distorted_initializer-fan_in_uniform_distortion_scale-2.0",
        ),
    ],
)
def test_the_name_tells_what_is_not_by_default(arguments, name):
    assert Protocol(**arguments).name == name


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"loss": 7}, "loss=7"),
        ({"loss": "9"}, "loss=9"),
        ({"initializer": "zeros"}, "initializer='zeros'"),
        ({"train_size": 60_001}, "train_size=60001"),
        ({"train_size": 0}, "train_size=0"),
        ({"held_out": 60_000}, "held_out=60000"),
        ({"held_out": 300, "train_size": 300}, "held_out=300"),
        ({"held_out": -1}, "held_out=-1"),
        ({"distortions": True, "order": "every_pass"}, "order='every_pass'"),
    ],
)
def test_a_protocol_that_cannot_be_is_refused(message, arguments, received):
    assert received in message(Protocol, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"passes": 0},
        {"rate_scale": 0},
        {"mu": 0},
        {"j": -1.0},
        {"order": "given"},
        {"estimates_in_first_pass": 0},
    ],
)
def test_what_training_refuses_is_refused_before_it_starts(
    message, tmp_path, small_network, arguments
):
    message(reproduce, tmp_path, Protocol(**{"train_size": 250} | arguments))
    assert list(tmp_path.iterdir()) == []


# The command line.


def run_command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["lenet-keras", "reproduce", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


@pytest.fixture
def runs(monkeypatch):
    """The runs that the command line asks for, none of which is made."""
    made = []

    def make(output, protocol, seed):
        made.append((output, protocol, seed))
        return pd.DataFrame(
            {"pass": [1, 2], "train_error": [2.5, 1.5], "test_error": [3.5, 2.25]}
        )

    monkeypatch.setattr(cli, "reproduce_paper", make)
    return made


def test_help_says_what_the_command_does():
    result = CliRunner().invoke(cli.cli, ["reproduce", "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert "Example" in result.output
    assert "reproduce" in CliRunner().invoke(cli.cli, ["--help"]).output


def test_the_command_makes_the_papers_run(runs, monkeypatch, capsys):
    code, out, _ = run_command(monkeypatch, capsys)
    assert code == 0
    assert runs == [(Path("results"), Protocol(), 0)]
    assert "loss9, seed 0" in out
    assert "1.5" in out
    assert "2.25" in out
    assert "3.5" not in out
    assert "Written to results" in out


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [("3", [3]), ("0-1", [0, 1]), ("0-4", [0, 1, 2, 3, 4]), ("2-2", [2])],
)
def test_the_command_makes_a_run_for_each_seed(
    runs, monkeypatch, capsys, seeds, expected
):
    code, out, _ = run_command(monkeypatch, capsys, "--seeds", seeds)
    assert code == 0
    assert [seed for *_, seed in runs] == expected
    assert all(f"seed {seed}" in out for seed in expected)


def test_the_commands_options_are_the_protocols(runs, monkeypatch, capsys, tmp_path):
    code, _, _ = run_command(
        monkeypatch,
        capsys,
        *("--loss", "8", "--passes", "2", "--train-size", "15000"),
        *("--distortion-scale", "0.5", "--order", "every_pass", "--held-out", "100"),
        *("--rate-scale", "2", "--mu", "0.1", "--j", "3"),
        *("--initializer", "fan_in_uniform"),
        *("--estimates-in-first-pass", "4", "--output", str(tmp_path)),
    )
    assert code == 0
    protocol = Protocol(
        loss=8,
        j=3.0,
        initializer="fan_in_uniform",
        rate_scale=2.0,
        mu=0.1,
        estimates_in_first_pass=4,
        passes=2,
        train_size=15_000,
        distortion_scale=0.5,
        order="every_pass",
        held_out=100,
    )
    assert runs == [(tmp_path, protocol, 0)]
    assert run_command(monkeypatch, capsys, "--distortions")[0] == 0
    assert runs[1][1] == Protocol(distortions=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seeds", "x"],
        ["--seeds", ""],
        ["--seeds", "-1"],
        ["--seeds", "3-1"],
        ["--seeds", "0-1-2"],
        ["--seeds", "1.5"],
        ["--loss", "7"],
        ["--passes", "0"],
        ["--train-size", "0"],
        ["--train-size", "60001"],
        ["--train-size", "100", "--held-out", "100"],
        ["--held-out", "-1"],
        ["--rate-scale", "0"],
        ["--mu", "0"],
        ["--j", "0"],
        ["--order", "given"],
        ["--initializer", "zeros"],
        ["--estimates-in-first-pass", "0"],
        ["--distortion-scale", "-1"],
        ["--output", "Makefile"],
        ["lenet5"],
    ],
)
def test_a_users_error_ends_in_one_line_and_exit_code_2(
    runs, monkeypatch, capsys, arguments
):
    code, _, err = run_command(monkeypatch, capsys, *arguments)
    assert code == 2
    assert err.startswith("lenet-keras: ")
    assert err.count("\n") == 1
    assert runs == []


def test_a_training_that_saturates_is_told_in_one_line(
    small_network, monkeypatch, capsys, tmp_path
):
    code, _, err = run_command(
        monkeypatch,
        capsys,
        *("--passes", "1", "--train-size", "250", "--rate-scale", "1e30"),
        *("--output", str(tmp_path)),
    )
    assert code == 2
    assert err.splitlines()[-1].startswith("lenet-keras: Training saturated in pass 1")
    assert list(tmp_path.iterdir()) == []
