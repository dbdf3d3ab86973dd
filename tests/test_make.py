"""What `make` does, and that all that it and pytest run is on TensorFlow."""

import os
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def make(*arguments):
    command = ["make", "-C", ROOT, "--no-print-directory", *arguments]
    env = {name: os.environ[name] for name in os.environ if not name.startswith("MAKE")}
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_make_alone_lists_its_targets():
    done = make()
    assert (done.returncode, done.stderr) == (0, "")
    targets = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert {"compare", "test", "lab", "docs", "report", "help"} <= set(targets)
    assert make("help").stdout == done.stdout


@pytest.fixture
def jax_is_chosen(monkeypatch, tmp_path):
    """A user's shell and keras.json with other settings than the project's."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "backend": "jax"}')


@pytest.mark.usefixtures("jax_is_chosen")
def test_make_runs_all_on_tensorflow(tmp_path):
    jupyter = tmp_path / "jupyter"
    jupyter.write_text("#!/bin/sh\necho $KERAS_BACKEND $KERAS_HOME\n")
    jupyter.chmod(0o755)
    done = make("lab", f"BIN={tmp_path}", "--assume-old=.venv/done")
    assert done.stdout.splitlines()[-1] == f"tensorflow {ROOT / '.keras'}"


@pytest.mark.usefixtures("jax_is_chosen")
@pytest.mark.parametrize("file", ["conftest.py", "notebooks/execute.py"])
def test_pytest_and_the_notebooks_run_on_tensorflow(file):
    runpy.run_path(ROOT / file)
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert os.environ["KERAS_HOME"] == str(ROOT / ".keras")


def test_make_refuses_another_python_and_keeps_the_environment(tmp_path):
    python = tmp_path / "python3.10"
    python.write_text("#!/bin/sh\ncase $2 in *exit*) exit 1 ;; *) echo 3.10 ;; esac\n")
    python.chmod(0o755)
    done = make("compare", f"PYTHON={python}")
    assert done.returncode == 2
    refusal = f"Expected Python 3.11, 3.12 or 3.13. Received: PYTHON={python}\n"
    assert done.stdout == refusal


def test_make_builds_an_environment_that_does_not_fit_anew(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 3.14\n")
    python.chmod(0o755)
    for folder in (tmp_path, tmp_path / "none"):
        assert "--clear" in make("--dry-run", "lint", f"BIN={folder}").stdout
    python.write_text("#!/bin/sh\necho 3.12\n")
    asked = ["--dry-run", "lint", f"BIN={tmp_path}"]
    assert "--clear" not in make(*asked).stdout
    assert "--clear" in make(*asked, "PYTHON=python3.99").stdout
