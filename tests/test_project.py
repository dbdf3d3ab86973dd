"""The house: what imports what, and which modules name a backend."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import only from modules above its own line.
LAYERS_OF_THE_HOUSE = [
    [
        "checks",
        "extras",
    ],
    [
        "activations",
        "initializers",
        "connection_tables",
        "codes",
        "preprocessing",
    ],
    ["layers"],
    ["losses"],
    ["metrics"],
    ["models"],
    ["counts"],
    ["sdlm"],
    ["pretrained", "reading"],
]
# The study's five floors, and the front door. A module may import from the floors above
# its own here, and from what stands before it on its own floor.
FLOORS_OF_THE_STUDY = [
    ["extras", "files", "settings", "statistics", "datasets", "networks", "images"],
    ["optimizers", "recipes"],
    ["training", "questions"],
    ["studies", "pretrain", "export", "read"],
    ["results", "tables", "figures", "report", "widgets", "explorer"],
    ["command"],
]


def floors(rows):
    return {name: row for row, names in enumerate(rows) for name in names}


def imported(file, package):
    """The parts of a package that a file imports, at its top or within."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name and name.startswith(f"{package}."):
                yield name.removeprefix(f"{package}.").split(".")[0]


@pytest.mark.parametrize(
    ("package", "rows"),
    [
        ("lenet_keras", LAYERS_OF_THE_HOUSE),
        ("lenet_study", [[name] for floor in FLOORS_OF_THE_STUDY for name in floor]),
    ],
)
def test_imports_run_one_way(package, rows):
    folder, floor = ROOT / package.replace(".", "/"), floors(rows)
    parts = {path.stem for path in [*folder.glob("*.py"), *folder.glob("[a-z]*/")]}
    assert parts - {"__init__"} == set(floor)
    for file in folder.rglob("*.py"):
        part = file.relative_to(folder).with_suffix("").parts[0]
        if part != "__init__":
            for other in imported(file, package):
                if other in floor:
                    below = other == part or floor[other] < floor[part]
                    assert below, (file, other)


PACKAGES = [ROOT / "lenet_keras", ROOT / "lenet_study"]


@pytest.mark.parametrize(
    "file", sorted(f for package in PACKAGES for f in package.rglob("*.py")), ids=str
)
def test_the_compiler_the_export_and_the_input_alone_name_a_backend(file):
    names = re.findall(r"^\s*(?:import|from) (\w+)", file.read_text(), re.MULTILINE)
    imports_one = {"tensorflow", "jax", "torch"} & set(names) != set()
    known = ("sdlm/compiled.py", "export.py", "training/train.py", "training/job.py")
    assert imports_one == file.as_posix().endswith(known)


def test_the_study_imports_nothing_by_itself():
    """So that `lenet-keras --help` comes at once."""
    tree = ast.parse((ROOT / "lenet_study/__init__.py").read_text())
    assert [type(node) for node in tree.body] == [ast.Expr]  # its docstring
