"""What is installed: the requirements, the extras, the pins, the Conda environment."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(group):
    return dict(re.match(r"([\w-]+)(.*)", line).groups() for line in group)


def test_the_conda_environment_is_that_of_pyproject():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    wanted = [line.strip() for line in lines if line.strip().startswith("- ")]
    assert wanted == [
        "- conda-forge",
        f"- python{PROJECT['requires-python']}",
        "- pip",
        "- pip:",
        "- --editable .[suite]",
    ]


def test_the_suite_pins_all_that_the_package_needs():
    suite = requirements(PROJECT["optional-dependencies"]["suite"])
    assert all(pin.startswith("==") for pin in suite.values())
    extras = PROJECT["optional-dependencies"]
    needed = PROJECT["dependencies"] + extras["study"] + extras["cluster"]
    needed = needed + extras["export"]
    assert set(requirements(needed)) - {"lenet_keras"} <= set(suite)


def test_without_extras_it_needs_keras_and_numpy_alone():
    assert set(requirements(PROJECT["dependencies"])) == {"keras", "numpy"}


def test_pins_are_in_one_place():
    for name in ("environment.yml", "Makefile"):
        assert not re.search(r"==\s*\d", (ROOT / name).read_text())
    # PyTorch is no part of the environment. CI installs it for one step.
    assert re.findall(r"\w+==", (ROOT / ".ci/run").read_text()) == ["torch=="]
    assert "torch" not in requirements(PROJECT["optional-dependencies"]["suite"])


def test_without_the_extra_the_study_says_which_one_is_missing(run_python):
    code = """
import sys
sys.modules["pooch"] = None
try:
    import lenet_study.datasets
except ModuleNotFoundError as error:
    print(error)
"""
    assert run_python("-c", code, backend="tensorflow").splitlines()[-1] == (
        'Expected the extra "study" of lenet_keras. Received: no module pooch. '
        "Install it: pip install 'lenet_keras[study]'"
    )
