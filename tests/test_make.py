"""What `make` does, and that all that it and pytest run is on TensorFlow."""

import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import takes_ctrl_c

ROOT = Path(__file__).parents[1]


def make(*arguments, folder=ROOT):
    command = ["make", "-C", folder, "--no-print-directory", *arguments]
    env = {name: os.environ[name] for name in os.environ if not name.startswith("MAKE")}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.run(
        command, env=env, process_group=0, preexec_fn=takes_ctrl_c, **streams
    )


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
        assert "-m venv" in make("--dry-run", "lint", f"BIN={folder}").stdout
    python.write_text("#!/bin/sh\necho 3.12\n")
    asked = ["--dry-run", "lint", f"BIN={tmp_path}"]
    assert "-m venv" not in make(*asked).stdout
    assert "-m venv" in make(*asked, "PYTHON=python3.99").stdout


PYTHON = """#!/bin/sh
case "$*" in
  -c*print*) echo {version} ;;
  *venv*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *pip*) {pip} ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A folder with an environment of Python 3.11, and a 3.12 whose pip does `pip`."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)

    def with_pip(pip):
        pythons = {".venv/bin/python": "3.11", "python3.12": "3.12"}
        for name, version in pythons.items():
            path = tmp_path / name
            path.write_text(PYTHON.format(version=version, pip=pip))
            path.chmod(0o755)
        (tmp_path / ".venv/done").touch()
        return tmp_path

    return with_pip


def contents(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def version(folder):
    command = [folder / ".venv/bin/python", "-c", "print"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("end", ["exit 1", "kill -INT 0", "kill -TERM 0"])
def test_an_environment_that_fails_leaves_the_old_one(project, end):
    folder = project(pip=end)
    before = contents(folder)
    done = make(".venv/done", "PYTHON=./python3.12", folder=folder)
    assert done.returncode != 0
    assert (version(folder), contents(folder)) == ("3.11", before)


def test_the_next_make_finds_the_old_environment_if_one_is_killed(project):
    folder = project(pip="kill -KILL 0")
    before = contents(folder)
    make(".venv/done", "PYTHON=./python3.12", folder=folder)
    assert contents(folder) != before
    done = make(".venv/done", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert (version(folder), contents(folder)) == ("3.11", before)


def test_a_new_environment_leaves_nothing_of_the_old_one(project):
    folder = project(pip="exit 0")
    (folder / ".venv/lib").mkdir()
    before = contents(folder)
    done = make(".venv/done", "PYTHON=./python3.12", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert (version(folder), contents(folder)) == ("3.12", before - {".venv/lib"})


@pytest.mark.parametrize(("pip", "code"), [("exit 1", 2), ("exit 0", 0)])
def test_an_environment_that_fits_is_kept(project, pip, code):
    folder = project(pip)
    os.utime(folder / ".venv/done", (0, 0))
    before = contents(folder)
    assert make(".venv/done", folder=folder).returncode == code
    assert (version(folder), contents(folder)) == ("3.11", before)
