import subprocess
import sys
from pathlib import Path

import keras
import pytest
from click.testing import CliRunner

import lenet_keras
from lenet_keras import cli
from lenet_keras.datasets import sources


def run(monkeypatch, capsys, *arguments):
    """Runs the command line as the entry point does."""
    monkeypatch.setattr(sys, "argv", ["lenet-keras", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


@pytest.mark.parametrize(
    "command", [[], ["compare"], ["train"], ["summary"], ["data"], ["data", "fetch"]]
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
    ("model", "dataset", "parameters"),
    [("lenet5", "cifar10", "60300"), ("lenet5_modern", "cifar10", "62006")],
)
def test_summary_takes_the_data_sets_images(
    monkeypatch, capsys, model, dataset, parameters
):
    _, out, _ = run(monkeypatch, capsys, "summary", model, "--dataset", dataset)
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
        ["summary", "lenet4"],
        ["train", "lenet5"],
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
