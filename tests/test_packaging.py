"""What is installed: the requirements, the extras, the pins, the Conda environment."""

import re
import tomllib
from pathlib import Path

import yaml

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
    # PyTorch and twine are no part of the environment. CI installs each for one step.
    for name, pins in {"run": ["torch=="], "wheel": ["twine=="]}.items():
        assert re.findall(r"\w+==", (ROOT / ".ci" / name).read_text()) == pins
    assert "torch" not in requirements(PROJECT["optional-dependencies"]["suite"])


def test_the_workflow_runs_ci_on_each_python_that_is_supported():
    first, end = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    pythons = [f"3.{minor}" for minor in range(int(first), int(end))]
    named = "Programming Language :: Python :: "
    assert PROJECT["classifiers"] == [named + python for python in pythons]
    assert f"$(filter {' '.join(pythons)},$(FOUND))" in (ROOT / "Makefile").read_text()
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == pythons
    assert job["steps"][-1]["run"] == ".ci/run"
    assert workflow["permissions"] == {"contents": "read"}


def test_the_workflow_for_notebooks_elsewhere_is_as_ours():
    page = (ROOT / "docs/nbval-in-your-ci.md").read_text("utf-8")
    (printed,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    theirs = yaml.safe_load(printed)["jobs"]["nbval"]["steps"]
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    ours = yaml.safe_load(workflow)["jobs"]["run"]["steps"]
    assert [step.get("uses") for step in theirs[:2]] == [s["uses"] for s in ours[:2]]
    command = theirs[-1]["run"].removeprefix("python ")
    assert f"$(BIN)/python {command}\n" in (ROOT / "Makefile").read_text()
    assert f"```bash\npython {command}\n```" in page


def test_ci_looks_at_the_wheel():
    assert "\n.ci/wheel\n" in (ROOT / ".ci/run").read_text()


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
