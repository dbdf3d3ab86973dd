import subprocess
import sys
from pathlib import Path

import keras
import pandas as pd
import pytest
from click.testing import CliRunner

import lenet_keras
from lenet_keras import cli
from lenet_keras.datasets import sources
from lenet_keras.recipes import LADDER


def run(monkeypatch, capsys, *arguments):
    """Runs the command line as the entry point does."""
    monkeypatch.setattr(sys, "argv", ["lenet-keras", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


@pytest.mark.parametrize(
    "command",
    [
        *([], ["compare"], ["train"], ["summary"], ["sweep"], ["report"], ["perturb"]),
        *(["data"], ["data", "fetch"]),
    ],
)
def test_help_says_what_a_command_does(command):
    result = CliRunner().invoke(cli.cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    if command and command != ["data"]:
        assert "Example" in result.output


def test_summary_prints_the_counts(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "summary", "lenet5")
    assert code == 0
    total = next(line for line in out.splitlines() if line.startswith("total"))
    assert total.split() == ["total", "60000", "840", "340908", "328096"]


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["lenet5", "--cifar10"], "60300"),
        (["lenet5_modern", "--cifar10"], "62006"),
        (["lenet1"], "2578"),
        (["alexnet"], "60965224"),
        (["googlenet"], "6998552"),
    ],
)
def test_summary_builds_a_network_for_its_images(
    monkeypatch, capsys, arguments, parameters
):
    _, out, _ = run(monkeypatch, capsys, "summary", *arguments)
    assert parameters in out.splitlines()[-1].split()


def test_train_prints_the_row_and_saves_the_network(monkeypatch, capsys, tmp_path):
    file = tmp_path / "network.keras"
    code, out, _ = run(
        monkeypatch,
        capsys,
        *("train", "lenet5", "mnist", "--recipe", "lenet5-adam"),
        *("--passes", "1", "--train-images", "64", "--save", str(file)),
    )
    assert code == 0
    assert "connections      340908" in out
    assert list(tmp_path.iterdir()) == [file]
    assert keras.saving.load_model(file).count_params() == 60_840


def test_compare_says_where_it_wrote(monkeypatch, capsys, tmp_path):
    asked = {}

    def compare(output, full, seeds, resume):
        asked.update(output=output, full=full, seeds=list(seeds), resume=resume)
        return "runs"

    monkeypatch.setattr(cli, "compare_networks", compare)
    monkeypatch.setattr(cli, "table", lambda runs: runs)
    monkeypatch.setattr(cli, "markdown", lambda table: f"table of {table}\n")
    code, out, _ = run(
        monkeypatch,
        capsys,
        *("compare", "--full", "--seeds", "2", "--output", str(tmp_path)),
    )
    assert code == 0
    assert asked == {
        "output": tmp_path,
        "full": True,
        "seeds": [0, 1],
        "resume": False,
    }
    assert "table of runs" in out
    assert str(tmp_path) in out


def test_data_fetch_and_verify(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "data", "fetch", "mnist")
    assert (code, "mnist.npz: verified" in out) == (0, True)
    code, out, _ = run(monkeypatch, capsys, "data", "verify")
    assert code == 0
    assert "cifar10-sample   verified" in out


def test_data_verify_fails_for_a_damaged_file(monkeypatch, capsys, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"not an npz file")
    monkeypatch.setenv("LENET_DATA_DIR", str(tmp_path))
    code, out, _ = run(monkeypatch, capsys, "data", "verify")
    assert code == 1
    assert "mnist            damaged" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "lenet2"],
        ["summary", "inception_block"],
        ["summary", "alexnet", "--cifar10"],
        ["train", "lenet5"],
        ["train", "alexnet", "mnist"],
        ["train", "lenet5", "mnist", "--passes", "0"],
        ["train", "lenet5", "mnist", "--recipe", "note-002"],
        ["train", "lenet5", "mnist", "--held-out", "60000"],
        ["train", "lenet5", "mnist", "--save", "network.h5"],
        ["train", "lenet5", "mnist", "--save", "no/such/folder/network.keras"],
        ["compare", "--output", "Makefile"],
        ["nonsense"],
    ],
)
def test_a_users_error_ends_in_one_line_and_exit_code_2(monkeypatch, capsys, arguments):
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert err.startswith("lenet-keras: ")
    assert err.count("\n") == 1


def test_a_data_set_that_cannot_be_had_is_a_users_error_too(monkeypatch, capsys):
    def fetch(name):
        raise sources.DataError("Tried:\n  this\n  that")

    monkeypatch.setattr(sources, "fetch", fetch)
    code, _, err = run(monkeypatch, capsys, "data", "fetch", "cifar10")
    assert (code, err) == (2, "lenet-keras: Tried: this that\n")


def test_an_interrupt_ends_quietly(monkeypatch, capsys):
    def fetch(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "fetch", fetch)
    assert run(monkeypatch, capsys, "data", "fetch", "mnist")[0] == 130


def test_the_command_is_installed():
    command = Path(sys.executable).with_name("lenet-keras")
    result = subprocess.run(
        [command, "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.split()[-1] == lenet_keras.__version__


def swept(monkeypatch, capsys, *arguments, status="done"):
    """Runs `sweep` without training; returns its end and what it was asked for."""
    asked = {}

    def sweep(units, output, workers, scheduler):
        asked.update(units=units, output=output, workers=workers, scheduler=scheduler)
        statuses = [status] * len(units) if status else []
        return pd.DataFrame({"status": statuses})

    def tuned_rates(names, datasets, train_images, **where):
        asked.update(tuned=(names, list(datasets), train_images, where))
        return {(name, dataset): 0.25 for name in names for dataset in datasets}

    monkeypatch.setattr(cli, "run_sweep", sweep)
    monkeypatch.setattr(cli, "tuned_rates", tuned_rates)
    monkeypatch.setattr(sources, "fetch", lambda name: None)
    return run(monkeypatch, capsys, "sweep", *arguments), asked


def test_sweep_runs_the_grid(monkeypatch, capsys, tmp_path):
    (code, out, _), asked = swept(
        monkeypatch,
        capsys,
        *("adam", "softmax", "--dataset", "mnist", "--seeds", "1-2", "--passes", "3"),
        *("--workers", "4", "--scheduler", "tcp://a:1", "--output", str(tmp_path)),
        *("--held-out", "100"),
    )
    assert code == 0
    assert f"4 of 4 runs are in {tmp_path}, 0 diverged" in out
    units = {(unit.recipe, unit.seed) for unit in asked["units"]}
    assert units == {("adam", 1), ("adam", 2), ("softmax", 1), ("softmax", 2)}
    assert {(unit.passes, unit.held_out) for unit in asked["units"]} == {(3, 100)}
    assert {unit.learning_rate for unit in asked["units"]} == {None}
    assert (asked["workers"], asked["scheduler"]) == (4, "tcp://a:1")
    assert asked["output"] == tmp_path


def test_sweep_knows_the_ladder_and_tunes(monkeypatch, capsys):
    (code, _, _), asked = swept(
        monkeypatch, capsys, "ladder", "adam", "--tune", "--train-images", "20000"
    )
    assert code == 0
    assert len(asked["units"]) == 14 + 13  # each once
    assert {unit.learning_rate for unit in asked["units"]} == {0.25}
    names, datasets, train_images, where = asked["tuned"]
    assert set(names) == set(LADDER)
    assert (datasets, train_images) == (["mnist", "cifar10"], 20_000)
    assert where["workers"] == 2


def test_sweep_says_what_diverged_and_what_failed(monkeypatch, capsys):
    (code, out, _), _ = swept(monkeypatch, capsys, "adam", status="diverged")
    assert code == 0
    assert "0 of 2 runs" in out
    assert "2 diverged" in out
    (code, _, err), _ = swept(monkeypatch, capsys, "adam", status=None)
    assert code == 1
    assert "2 failed" in err


def test_sweep_without_anything_to_do_is_an_error(monkeypatch, capsys):
    arguments = ("28x28", "--dataset", "cifar10")
    (code, _, err), _ = swept(monkeypatch, capsys, *arguments)
    assert code == 2
    assert "Expected runs to make" in err


def test_report_of_no_runs_is_one_line(monkeypatch, capsys, tmp_path):
    code, _, err = run(monkeypatch, capsys, "report", str(tmp_path))
    assert code == 2
    assert err.startswith("lenet-keras: Expected")
    assert len(err.splitlines()) == 1


def test_perturb_says_where_it_wrote(monkeypatch, capsys, tmp_path):
    asked = {}

    def perturbed(output, **where):
        asked.update(output=output, **where)
        return [1, 2, 3]

    monkeypatch.setattr(cli, "perturbed", perturbed)
    arguments = ("--seeds", "0-2", "--output", str(tmp_path))
    code, out, _ = run(monkeypatch, capsys, "perturb", *arguments)
    assert code == 0
    assert f"3 figures. Written to {tmp_path}" in out
    assert asked == {
        "output": tmp_path,
        "seeds": range(3),
        "workers": 2,
        "scheduler": None,
    }
