import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner

import lenet_keras
from conftest import takes_ctrl_c
from lenet_study import command as command_line
from lenet_study import export, results
from lenet_study import report as reports
from lenet_study.datasets import sources
from lenet_study.questions.interpretations import Trial
from lenet_study.recipes import GROUPS, LADDER, RECIPES, RELATIVES
from lenet_study.training import sweep, train
from lenet_study.training.run import Run
from lenet_study.training.stored import store_result


def run(monkeypatch, capsys, *arguments):
    """Runs the command line as the entry point does."""
    monkeypatch.setattr(sys, "argv", ["lenet-keras", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


@pytest.mark.parametrize(
    "command",
    [
        *([], ["compare"], ["train"], ["pretrain"], ["summary"], ["sweep"]),
        *(["report"], ["data"], ["data", "fetch"], ["export"], ["read"]),
    ],
)
def test_help_says_what_a_command_does(command):
    result = CliRunner().invoke(command_line.cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
    if command and command != ["data"]:
        assert "Example" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--help"], ["nonsense"]])
def test_help_and_refusals_import_click_alone(arguments):
    script = (
        "import sys, lenet_study.command\n"
        f"sys.argv = ['lenet-keras', *{arguments}]\n"
        "try: lenet_study.command.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'numpy', 'lenet_keras'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr.startswith("lenet-keras: ") == (arguments == ["nonsense"])


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["sweep"], GROUPS),
        (["export"], export.FORMATS),
        (["train"], sources.PINS),
        (["data", "fetch"], sources.PINS),
    ],
)
def test_help_names_what_there_is(command, names):
    shown = CliRunner().invoke(command_line.cli, [*command, "--help"]).output
    assert all(name in shown for name in names)


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["train", "lenet5", "mnist", "--recipe", "lenet5-adm"], "lenet5-adam"),
        (["train", "lenet6", "mnist"], "lenet5"),
        (["train", "lenet5", "cifar"], "cifar10"),
        (["sweep", "lader"], "ladder"),
        (["sweep", "protocols"], "protocol"),
        (["sweep", "lenet5-adm"], "lenet5-adam"),
        (["sweep", "adam", "--dataset", "mnit"], "mnist"),
        (["summary", "lenet2"], "lenet1"),
        (["pretrain", "lenet5-mnst"], "lenet5-mnist"),
        (["pretrain", "teacher"], "teacher-mnist"),
        (["data", "fetch", "cifar"], "cifar10"),
        (["export", "lenet5-mnst", "--format=onnx", "--output=a.onnx"], "lenet5-mnist"),
        (["export", "lenet5-mnist", "--format", "onx", "--output=a.onnx"], "onnx"),
    ],
)
def test_a_misspelt_name_gets_a_near_one(monkeypatch, capsys, arguments, near):
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    expected, received = err.split("Received: ")
    assert "Expected " in expected
    assert near in expected
    assert any(argument.split("=")[-1] in received for argument in arguments)


def test_summary_prints_the_counts(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "summary", "lenet5")
    assert code == 0
    total = next(line for line in out.splitlines() if line.startswith("total"))
    assert total.split() == ["total", "60,000", "840", "340,908", "328,096"]


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["lenet5", "--cifar10"], "60,300"),
        (["lenet5_modern", "--cifar10"], "62,006"),
        (["lenet1"], "2,578"),
        (["alexnet"], "60,965,224"),
        (["googlenet"], "6,998,552"),
    ],
)
def test_summary_builds_a_network_for_its_images(
    monkeypatch, capsys, arguments, parameters
):
    _, out, _ = run(monkeypatch, capsys, "summary", *arguments)
    assert parameters in out.splitlines()[-1].split()


def test_export_says_what_it_wrote_and_how_it_answers(monkeypatch, capsys, tmp_path):
    some = functools.partial(export.export, images=300)
    monkeypatch.setattr(export, "export", some)
    file = tmp_path / "maps.onnx"
    arguments = ("export", "lenet5-mnist", "--format", "onnx", "--output", file)
    code, out, err = run(monkeypatch, capsys, *arguments, "--outputs", "layers")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        f"Written to {file}: {file.stat().st_size / 1024:.1f} KiB"
    )
    assert re.fullmatch(
        r"300 of 300 answers agree with Keras's\. The largest difference is "
        r"\d\.\de-0[5-9] of the largest output\.",
        out.splitlines()[1],
    )
    assert re.fullmatch(r"Wrong answers: (\d)\. In Keras: \1\.", out.splitlines()[2])
    assert "C1" in export.runner("onnx", file)(np.zeros((1, 32, 32, 1), "float32"))
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("lenet-keras: Expected a new path, or to overwrite. Received")
    assert run(monkeypatch, capsys, *arguments, "--overwrite")[0] == 0


def test_export_refuses_an_unknown_network(monkeypatch, capsys, tmp_path):
    arguments = ("--format", "onnx", "--output", tmp_path / "a.onnx")
    for name in ("lenet5-mnst", "missing.keras"):
        code, out, err = run(monkeypatch, capsys, "export", name, *arguments)
        assert (code, out) == (2, "")
        assert name in err
        assert "lenet5-mnist" in err or name == "missing.keras"
    assert list(tmp_path.iterdir()) == []


TINY = ("lenet5", "mnist", "--recipe", "lenet5-adam", "--train-images", "64")


def test_train_prints_the_row_and_saves_the_network(monkeypatch, capsys, tmp_path):
    file = tmp_path / "network.keras"
    arguments = (*TINY, "--epochs", 1, "--save", file)
    code, out, _ = run(monkeypatch, capsys, "train", *arguments)
    assert code == 0
    assert "connections        340908" in out
    assert list(tmp_path.iterdir()) == [file]
    assert keras.saving.load_model(file).count_params() == 60_840


def test_train_goes_on_from_its_checkpoint(monkeypatch, capsys, tmp_path):
    file = tmp_path / "checkpoint.npz"
    arguments = (*TINY, "--epochs", 2, "--checkpoint", file)
    assert run(monkeypatch, capsys, "train", *arguments)[0] == 0
    _, _, err = run(monkeypatch, capsys, "train", *arguments)
    assert "update" not in err  # all epochs are there
    file.write_bytes(b"")
    code, out, err = run(monkeypatch, capsys, "train", *arguments)
    assert (code, out) == (2, "")
    assert str(file) in err
    assert "remove the file" in err


def asked_of(monkeypatch, capsys, *arguments):
    """Returns the run that `train` is asked for."""
    asked = []

    def stop(run, checkpoint):
        asked.append(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "train", stop)
    assert run(monkeypatch, capsys, "train", *arguments)[0] == 130
    return asked[0]


def test_train_takes_the_recommended_recipe_and_what_is_asked(monkeypatch, capsys):
    plain = asked_of(monkeypatch, capsys, "lenet5", "mnist")
    assert plain == Run("lenet5-mnist-best", "mnist")
    changed = asked_of(
        monkeypatch,
        capsys,
        *("lenet5", "cifar10-sample", "--seed", 4, "--learning-rate", 0.5),
        *("--set", "loss_arguments.j=5", "--set", "augmentation=null"),
        *("--set", "pixels=paper", "--epochs", 3, "--held-out", 100),
    )
    assert changed == Run(
        "lenet5-cifar10",
        "cifar10-sample",
        seed=4,
        held_out=100,
        overrides={
            "epochs": 3,
            "learning_rate": 0.5,
            "loss_arguments": {"j": 5, "temperature": 20.0},
            "augmentation": None,
            "pixels": "paper",
        },
    )


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


ADAM = ("lenet5", "mnist", "--recipe", "lenet5-adam")


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "lenet2"],
        ["summary", "inception_block"],
        ["summary", "alexnet", "--cifar10"],
        ["train", "lenet5"],
        ["train", "alexnet", "mnist"],
        ["train", "lenet5", "mnist", "--epochs", "0"],
        ["train", "lenet5", "mnist", "--recipe", "note-002"],
        ["train", "lenet5", "mnist", "--held-out", "60000"],
        ["train", "lenet5", "mnist", "--set", "epochs"],
        ["train", "lenet5", "mnist", "--set", "epoch=3"],
        ["train", "lenet5", "mnist", "--set", "mu.j=3"],
        ["train", "lenet5", "mnist", "--set", "epochs.j=3"],
        ["train", "lenet5", "mnist", "--set", "loss_arguments=3"],
        ["train", "lenet5", "mnist", "--save", "network.h5"],
        ["train", "lenet5", "mnist", "--save", "Makefile/network.keras"],
        ["train", "lenet5", "mnist", "--checkpoint", "Makefile/checkpoint.npz"],
        ["compare", "--output", "Makefile/compare.jsonl"],
        ["compare", "--output", "Makefile"],
        ["sweep", "adam", "--seeds", "x"],
        ["sweep", "adam", "--seeds", ""],
        ["sweep", "adam", "--seeds", "3-1"],
        ["sweep", "adam", "--seeds", "0-1-2"],
        ["sweep", "adam", "--seeds", "0-"],
        ["sweep", "adam", "--seeds", "1.5"],
        ["sweep", "adam", "--train-images", "60001"],
        ["sweep", "adam", "--train-images", "100", "--held-out", "100"],
        ["sweep", "adam", "--workers", "0"],
        ["sweep", "adam", "--epochs", "0"],
        ["sweep", "adam", "--set", "epochs.j=3"],
        ["sweep", "protocol", "ladder"],
        ["compare", "--seeds", "0"],
        ["reproduce"],
        ["train", "lenet5", "mnist", "--learning-rate", "0"],
        ["train", "lenet5", "mnist", "--seed", "-1"],
        ["train", "lenet5", "mnist", "--held-out", "-1"],
        ["train", "lenet5", "mnist", "--train-images", "0"],
        ["sweep", "choices", "adam"],
        ["sweep", "adam", "--tune", "--held-out", "100"],
        ["sweep", "adam", "--tune", "--train-images", "1000"],
        ["sweep", "nothing"],
        ["sweep", "adam", "--seeds", "0-999999999999"],
        ["compare", "--seeds", "1000000"],
        ["train", "lenet5", "mnist", "--seed", str(2**32)],
        ["train", "lenet5", "mnist", "--epochs", "1", "--set", "epochs=3"],
        ["train", "lenet5", "mnist", "--set", "pixels=unit", "--set", "pixels=paper"],
        ["train", "lenet5", "mnist", "--set", "epochs=true"],
        ["train", "lenet5", "mnist", "--set", "plain_epochs=9999"],
        ["train", "lenet5", "mnist", "--set", "optimizer=schedules"],
        ["train", "lenet5", "mnist", "--set", "loss=keras"],
        ["train", "lenet5", "mnist", "--set", "epochs=" + 100_000 * "["],
        ["train", *ADAM, "--set", "augmentation_arguments.reach=3"],
        ["train", *ADAM, "--set", "plain_epochs=1"],
        ["train", *ADAM, "--set", "warmup_epochs=1"],
        ["train", *ADAM, "--set", "estimates_in_first_epoch=3"],
        ["train", *ADAM, "--set", "teacher_temperature=3"],
        ["compare", "--output", "notes.md"],
        ["compare", "--output", "/dev/full"],
        ["report", "Makefile"],
        ["report", "none.jsonl"],
        ["report", "."],
        ["nonsense"],
    ],
)
def test_a_users_error_ends_in_a_message_and_exit_code_2(
    monkeypatch, capsys, arguments
):
    monkeypatch.setattr(train, "train", lambda *a: 1 / 0)
    monkeypatch.setattr(sweep, "sweep", lambda *a, **k: 1 / 0)
    if "--output" in arguments:  # which the sweep refuses
        monkeypatch.undo()
        monkeypatch.setattr(sources, "fetch", lambda name: None)
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert err.startswith("lenet-keras: ")
    assert "Traceback" not in err


def test_without_arguments_it_shows_the_help(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys)
    assert code == 0
    assert len(out.splitlines()) > 10
    assert out.startswith("Usage:")


def test_it_works_without_log_lines_on_stderr(tmp_path):
    command = Path(sys.executable).with_name("lenet-keras")
    arguments = ["sweep", "fc-60000", "--dataset", "mnist", "--epochs", "1"]
    arguments += ["--train-images", "64", "--output", tmp_path / "a.jsonl"]
    env = {name: os.environ[name] for name in os.environ if name[:3] != "TF_"}
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0
    lines = [line for line in re.split("[\r\n]+", done.stderr) if line]
    assert [line for line in lines if not line.startswith("a: ")] == []


def test_the_project_is_as_it_was():
    assert Path("Makefile").read_text().startswith("# What a new checkout needs")


def test_a_message_keeps_its_lines(monkeypatch, capsys):
    def fetch(name):
        raise sources.DataError("Tried:\n  this\n  that")

    monkeypatch.setattr(sources, "fetch", fetch)
    code, _, err = run(monkeypatch, capsys, "data", "fetch", "cifar10")
    assert (code, err) == (2, "lenet-keras: Tried:\n  this\n  that\n")


CLOSED = """
import os, sys
reads, writes = os.pipe()
os.close(reads)
for name in sys.argv.pop(1).split():
    os.dup2(writes, getattr(sys, name).fileno())
from lenet_study.command import main
main()
"""


@pytest.mark.parametrize("closed", ["stdout stderr", "2>&-", "<&- 2>&-", "2>/dev/full"])
def test_a_closed_output_costs_no_result(tmp_path, closed):
    """As after `| head -1`, `2>&1 | head -1`, `2>&-`, and on a full disk."""
    saved = tmp_path / "network.keras"
    command = [sys.executable, "-c", CLOSED, closed]
    command += ["train", *TINY, "--epochs", "1", "--save", str(saved)]
    if "2>" in closed:
        command[3] = ""
        command = ["/bin/sh", "-c", f'"$@" {closed}', "sh", *command]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert keras.saving.load_model(saved).count_params() == 60_840


def test_a_full_output_costs_no_result(monkeypatch, capsys, tmp_path):
    def full(*arguments, **options):
        raise OSError("No space left on device")

    monkeypatch.setattr(click, "echo", full)
    saved = tmp_path / "network.keras"
    with pytest.raises(OSError, match="No space"):
        run(monkeypatch, capsys, "train", *TINY, "--epochs", "1", "--save", saved)
    assert saved.exists()


def test_a_terminated_command_removes_what_it_writes(tmp_path):
    script = (
        "import sys, time, lenet_study.files as files\n"
        "from pathlib import Path\n"
        "from lenet_study import command\n"
        "@command.cli.command()\n"
        "def wait():\n"
        f"    with files.replacing(Path({str(tmp_path / 'a')!r})) as beside:\n"
        "        beside.touch()\n"
        "        print('writes', flush=True)\n"
        "        time.sleep(600)\n"
        "sys.argv = ['lenet-keras', 'wait']\n"
        "command.main()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as started:
        assert started.stdout.readline() == b"writes\n"
        assert len(list(tmp_path.iterdir())) == 1
        started.terminate()
    assert started.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_quietly(monkeypatch, capsys):
    def fetch(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "fetch", fetch)
    assert run(monkeypatch, capsys, "data", "fetch", "mnist")[0] == 130


def test_an_interrupt_while_it_imports_ends_quietly():
    command = Path(sys.executable).with_name("lenet-keras")
    started = subprocess.Popen(
        [command, "summary", "lenet5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=takes_ctrl_c,
    )
    with started:
        time.sleep(1)  # of the several seconds that Keras takes
        started.send_signal(signal.SIGINT)
        out, err = started.communicate()
    assert started.returncode == 130
    assert (out, b"Traceback" in err) == (b"", False)


def test_the_command_is_installed():
    command = Path(sys.executable).with_name("lenet-keras")
    result = subprocess.run(
        [command, "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.split()[-1] == lenet_keras.__version__


@pytest.fixture
def swept(monkeypatch, capsys):
    """Runs a command without training; returns its end and what it was asked for."""

    def command(*arguments, status="done"):
        asked = {"fetched": []}

        def record(runs, output, **how):
            asked.update(runs=runs, output=output, **how)
            for run in runs:
                known = {"run": run.request, "configuration": run.configuration}
                row = {
                    "network": run.settings.network,
                    "train_images": 5_000,
                    "trainable": 60_000,
                    "connections": 340_908,
                    "train_accuracy": 0.985,
                    f"{run.unseen}_accuracy": 0.9775,
                    "seconds": 12.4,
                }
                row = {"row": row} if status == "done" else {}
                if status:
                    store_result(
                        output, {"id": run.id} | known | {"status": status} | row
                    )
            return [{"status": status}] * len(runs) if status else []

        def tuned(names, datasets, output, train_images, **where):
            asked.update(tuned=(names, list(datasets), train_images, where))
            return {(name, dataset): 0.25 for name in names for dataset in datasets}

        monkeypatch.setattr(sweep, "sweep", record)
        monkeypatch.setattr(sweep, "tuned", tuned)
        monkeypatch.setattr(sources, "fetch", asked["fetched"].append)
        return run(monkeypatch, capsys, *arguments), asked

    return command


def test_sweep_runs_the_grid(swept, tmp_path):
    output = tmp_path / "some.jsonl"
    (code, out, _), asked = swept(
        *("sweep", "adam", "softmax", "--dataset", "mnist", "--seeds", "1-2"),
        *("--epochs", "3", "--workers", "4", "--scheduler", "tcp://a:1"),
        *("--output", output, "--held-out", "100", "--set", "batch_size=32"),
    )
    assert code == 0
    assert f"4 of 4 runs are in {output}, 0 diverged" in out
    runs = {(run.recipe, run.seed) for run in asked["runs"]}
    assert runs == {("adam", 1), ("adam", 2), ("softmax", 1), ("softmax", 2)}
    for run in asked["runs"]:
        assert run.overrides == {"epochs": 3, "batch_size": 32}
        assert run.held_out == 100
    assert (asked["workers"], asked["scheduler"]) == (4, "tcp://a:1")
    assert (asked["output"], asked["overwrite"]) == (output, False)
    assert asked["fetched"] == ["mnist"]  # once, for all runs


def test_sweep_knows_the_ladder_and_tunes(swept, tmp_path):
    output = tmp_path / "ladder.jsonl"
    (code, _, _), asked = swept(
        *("sweep", "ladder", "adam", "--tune", "--train-images", "20000"),
        *("--output", output, "--overwrite"),
    )
    assert code == 0
    assert len(asked["runs"]) == 14 + 13  # each once
    assert {run.settings.learning_rate for run in asked["runs"]} == {0.25}
    names, datasets, train_images, where = asked["tuned"]
    assert set(names) == set(LADDER)
    assert (datasets, train_images) == (["mnist", "cifar10"], 20_000)
    assert where["workers"] == 2
    assert asked["overwrite"]


@pytest.mark.parametrize(
    ("study", "measure"),
    [
        ("protocol", "lenet_study.questions.mistakes:measure"),
        ("perturbed", "lenet_study.questions.perturbations:measure"),
        ("choices", None),
    ],
)
def test_sweep_does_a_study(swept, tmp_path, study, measure):
    (code, _, _), asked = swept("sweep", study, "--output", tmp_path / "a.jsonl")
    assert code == 0
    assert len(asked["runs"]) >= 17
    assert {run.measure for run in asked["runs"]} == {measure}


def test_a_study_has_its_own_file_and_recipes_have_one(swept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    for arguments, file in (
        (["permuted"], "permuted"),
        (["permuted", "--dataset", "mnist"], "sweep"),
        (["adam"], "sweep"),
    ):
        (code, _, _), asked = swept("sweep", *arguments)
        assert (code, str(asked["output"])) == (0, f"results/{file}.jsonl")


def test_a_name_alone_is_the_study_and_with_settings_the_recipes(swept, tmp_path):
    output = ("--output", tmp_path / "a.jsonl")
    _, asked = swept("sweep", "relatives", *output, "--overwrite", "--workers", 1)
    assert set(asked["tuned"][0]) == set(RELATIVES)
    assert asked["overwrite"]
    _, asked = swept("sweep", "relatives", "--dataset", "cifar10", *output)
    assert "tuned" not in asked
    assert len(asked["runs"]) == len(RELATIVES)
    _, asked = swept("sweep", "relatives", "ladder", *output)
    assert {run.recipe for run in asked["runs"]} == {*RELATIVES, *LADDER}


@pytest.mark.parametrize(
    "settings",
    [
        *(["--seeds", "0"], ["--epochs", "2"], ["--train-images", "64"], ["--tune"]),
        *(["--held-out", "0"], ["--set", "batch_size=1"], ["--dataset", "mnist"]),
        ["adam"],
    ],
)
def test_a_study_takes_no_settings_of_runs(swept, settings):
    (code, _, err), asked = swept("sweep", "protocol", *settings)
    assert code == 2
    assert "Expected a study alone" in err
    assert "protocol" in err
    assert "runs" not in asked


def test_sweep_compare_is_the_complete_comparison(swept, tmp_path):
    output = ("--output", tmp_path / "compare.jsonl")
    _, study = swept("sweep", "compare", *output)
    _, compared = swept("compare", "--full", "--seeds", 2, *output)
    assert [run.id for run in study["runs"]] == [run.id for run in compared["runs"]]


def test_sweep_says_what_diverged_and_what_failed(swept, tmp_path):
    output = tmp_path / "a.jsonl"
    arguments = ("sweep", "adam", "--output", output)
    (code, out, _), _ = swept(*arguments, status="diverged")
    assert code == 0
    assert "0 of 2 runs" in out
    assert "2 diverged" in out
    log = tmp_path / "a.log"
    log.write_text("first: killed\nsecond: failed: no memory\n")
    link = tmp_path / "link.jsonl"
    link.symlink_to(output)
    (code, _, err), _ = swept("sweep", "adam", "--output", link, status=None)
    assert code == 1
    assert f"2 failed: see {log}, which ends: second: failed: no memory" in err


def test_a_sweep_with_nothing_to_do_fetches_nothing(swept):
    (code, _, err), asked = swept("sweep", "28x28", "--dataset", "cifar10")
    assert code == 2
    assert "28x28" in err.split("Received: ")[1]
    assert asked == {"fetched": []}


def test_compare_shows_the_table_of_its_own_runs(swept, tmp_path, monkeypatch):
    output = tmp_path / "compare.jsonl"
    monkeypatch.setattr(sources, "available", lambda name: False)
    (code, out, _), asked = swept("compare", "--output", output)
    assert code == 0
    assert {run.dataset for run in asked["runs"]} == {"mnist", "cifar10-sample"}
    assert len([line for line in out.splitlines() if line.startswith("| ")]) == 1 + 4
    table = [line for line in out.splitlines() if line.startswith("|")]
    assert max(map(len, table)) <= 100
    assert "CIFAR-10 sample" in out
    assert "0.47 % (180)" in out  # the complete training beside it
    assert "compare.jsonl, compare.csv, compare.md, compare.svg" in out
    (code, out, _), asked = swept("compare", "--full", "--seeds", 2, "--output", output)
    assert {run.dataset for run in asked["runs"]} == {"mnist", "cifar10"}
    assert len(asked["runs"]) == 2 * 2 * 3
    assert len([line for line in out.splitlines() if line.startswith("| ")]) == 1 + 6


def test_report_says_what_it_wrote(monkeypatch, capsys, tmp_path):
    path = tmp_path / "study.jsonl"
    tiny = Run("fc-60000", "mnist", train_images=64, overrides={"epochs": 1})
    known = {"run": tiny.request, "configuration": tiny.configuration}
    store_result(path, {"id": tiny.id} | known | tiny.do())
    code, out, _ = run(monkeypatch, capsys, "report", path)
    assert code == 0
    assert out == f"Written to {tmp_path}: study.jsonl, study.md\n"


def test_report_of_all_studies_fills_the_pages_too(monkeypatch, capsys, tmp_path):
    path = tmp_path / "data/results/study.jsonl"
    script = tmp_path / "docs/fill.py"
    script.parent.mkdir()
    script.write_text("print('filled by', __name__)")
    monkeypatch.setattr(results, "stored_studies", lambda: [path])
    monkeypatch.setattr(reports, "report", lambda file: [file.with_suffix(".md")])
    code, out, _ = run(monkeypatch, capsys, "report")
    assert code == 0
    assert out.splitlines() == [
        f"Written to {path.parent}: study.jsonl, study.md",
        "filled by __main__",
    ]


def test_every_recipe_and_trial_has_words_for_its_name():
    assert Trial("literal", 1).name.startswith("interpretation literal, seed 1")
    assert all(recipe.title for recipe in RECIPES.values())
    assert json.dumps(Run("max", "mnist").request)
