"""What the files of the project owe to each other."""

import ast
import json
import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

from lenet_keras import pretrained
from lenet_study import networks
from lenet_study.networks.anatomy import growth
from lenet_study.perturbations import tolerated_range
from lenet_study.recipes import (
    BASELINES,
    CLAIMED,
    LENET1,
    RECIPES,
    RECOMMENDED,
    RELATIVES,
)
from lenet_study.results import (
    load,
    load_history,
    load_measured,
    rates_at_edge,
    rungs,
)
from lenet_study.statistics import crossing, paired_difference

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "data/results"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

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
# The study, from what is trained to what is shown; the command imports what it needs.
FLOORS_OF_THE_STUDY = [
    ["extras", "optimizers", "pixels"],
    ["datasets", "networks"],
    ["files", "statistics", "distortions"],
    ["perturbations", "family", "lines"],
    ["augmentation", "teachers"],
    ["recipes"],
    ["training"],
    ["interpretations", "pretrain", "export"],
    ["results"],
    ["mistakes", "readers", "figures", "sweep"],
    ["robustness", "widgets"],
    ["studies"],
    ["tables"],
    ["report"],
    ["command"],
]


def floors(rows):
    return {name: row for row, names in enumerate(rows) for name in names}


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
        ("lenet_study", FLOORS_OF_THE_STUDY),
    ],
)
def test_imports_run_one_way(package, rows):
    folder, floor = ROOT / package.replace(".", "/"), floors(rows)
    parts = {path.stem for path in folder.iterdir() if path.stem[0] not in "_r"}
    assert parts - set(floor) <= {"recipes", "rbf_codes"}
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
    known = ("sdlm/compiled.py", "lenet_study/export.py", "lenet_study/training.py")
    assert imports_one == file.as_posix().endswith(known)


def test_the_package_needs_keras_and_numpy_alone(backend, run_python):
    printed = run_python(ROOT / "tests/keras_and_numpy.py", backend=backend)
    assert "trainable=60000" in printed


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


def test_the_study_imports_nothing_by_itself():
    """So that `lenet-keras --help` comes at once."""
    tree = ast.parse((ROOT / "lenet_study/__init__.py").read_text())
    assert [type(node) for node in tree.body] == [ast.Expr]  # its docstring


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def cells(self, path):
        notebook = json.loads(path.read_text())
        return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]

    def test_its_cells_ran_in_order_and_without_an_error(self, path):
        cells = self.cells(path)
        counts = [cell["execution_count"] for cell in cells]
        assert counts == list(range(1, len(cells) + 1))
        for cell in cells:
            assert all(output["output_type"] != "error" for output in cell["outputs"])

    def test_nothing_of_the_machine_is_stored(self, path):
        for cell in self.cells(path):
            for output in cell["outputs"]:
                assert output.get("name") != "stderr"
                assert "object at 0x" not in json.dumps(output)

    def test_few_cells_go_uncompared_and_each_has_a_verdict_after_it(self, path):
        cells = self.cells(path)
        ignored = [
            index
            for index, cell in enumerate(cells)
            if cell["metadata"].get("tags") == ["nbval-ignore-output"]
        ]
        assert len(ignored) <= max(2, len(cells) // 3)
        for index in ignored:
            after = next(n for n in range(index, len(cells)) if n not in ignored)
            verdict = "".join(cells[after]["outputs"][0]["data"]["text/plain"])
            assert "True" in verdict
            assert "False" not in verdict

    def test_it_shows_pictures(self, path):
        kinds = [
            kind
            for cell in self.cells(path)
            for output in cell["outputs"]
            for kind in output.get("data", {})
        ]
        assert "image/png" in kinds


def test_the_notebooks_are_there_in_reading_order():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(1, 14)]


def final(study):
    """Returns the runs of a study that measure the test images."""
    runs = load(RESULTS / f"{study}.jsonl")
    return runs[runs["held_out"] == 0]


def errors(study, dataset, recipe):
    """Returns a recipe's test errors in percent, by seed."""
    runs = final(study)
    own = runs[(runs["dataset"] == dataset) & (runs["recipe"] == recipe)]
    return own.set_index("seed").sort_index()["test_error"]


def different(rungs):
    """Returns which rungs differ from what they are compared with."""
    return rungs.index[rungs["is_difference"].eq(True)].tolist()


class TestLadder:
    RUNS = load(RESULTS / "ladder.jsonl")

    def test_each_rung_has_five_seeds(self):
        runs = final("ladder")
        assert (runs.groupby(["dataset", "recipe"])["seed"].nunique() == 5).all()

    def test_what_differs_from_the_rung_before(self):
        digits, photographs = (rungs(self.RUNS, name) for name in ("mnist", "cifar10"))
        assert different(digits) == ["adam", "max", "swish", "raw"]
        assert different(photographs) == [
            *("softmax", "average", "max", "swish", "raw", "rmsprop", "batch-32"),
        ]

    def test_on_digits_the_first_rung_is_no_worse_than_the_last(self):
        of_today = paired_difference(
            errors("ladder", "mnist", "1998"), errors("ladder", "mnist", "batch-32")
        )
        assert of_today.mean > 0

    def test_on_photographs_seven_rungs_took_the_highest_learning_rate(self):
        rates = rungs(self.RUNS, "cifar10")["learning_rate"].dropna()
        highest = rates.loc["adam":"glorot"]
        assert highest.eq(0.003).all()
        assert len(highest) == 7

    def test_most_best_rates_are_the_lowest_or_highest(self):
        at_edge, cases = rates_at_edge(self.RUNS)
        assert at_edge > cases / 2

    def test_some_networks_are_better_at_the_usual_rate(self):
        for study, recipe in {
            *(("usual-rates", "max"), ("usual-rates", "swish")),
            *(("perturbed", "fc-300-100"), ("perturbed", "fc-60000")),
        }:
            usual = errors(study, "mnist", recipe)
            assert usual.mean() < errors("ladder", "mnist", recipe).mean()

    def test_fully_connected_networks_beside_the_papers(self):
        assert errors("ladder", "mnist", "fc-300").mean() < 4.7
        assert errors("ladder", "mnist", "fc-300-100").mean() > 3.05
        assert errors("perturbed", "mnist", "fc-300-100").mean() < 3.05

    def test_the_notes_own_network_beside_the_first_rung(self):
        own = load(RESULTS / "note-002.jsonl")
        rates = own[own["held_out"] > 0].set_index("learning_rate")
        best = rates.groupby("dataset")["held_out_accuracy"].idxmax()
        assert set(best) == set(final("note-002")["learning_rate"]) == {0.001}
        on_mnist, on_cifar10 = (
            paired_difference(
                errors("ladder", dataset, "1998"),
                errors("note-002", dataset, "note-002"),
            )
            for dataset in ("mnist", "cifar10")
        )
        assert on_mnist.is_difference
        assert on_mnist.mean > 0
        assert not on_cifar10.is_difference
        for dataset in ("mnist", "cifar10"):
            from_last = paired_difference(
                errors("ladder", dataset, "batch-32"),
                errors("note-002", dataset, "note-002"),
            )
            assert from_last.low > 0


class TestRecommended:
    def test_each_recipe_has_its_own_epochs_and_three_seeds(self):
        recommended, earlier = (
            load(RESULTS / f"{study}.jsonl") for study in ("best", "shorter")
        )
        for name in set(RECOMMENDED.values()) | set(earlier["recipe"]):
            runs = recommended if name.endswith("-best") else earlier
            own = runs[runs["recipe"] == name]
            assert sorted(own["seed"]) == [0, 1, 2]
            assert set(own["epochs"]) == {RECIPES[name].epochs}
            assert set(own["learning_rate"]) == {RECIPES[name].learning_rate}
            assert (own["held_out"] == 0).all()

    def test_it_is_better_than_the_shorter_training(self):
        earlier = load(RESULTS / "shorter.jsonl")
        for (network, dataset), name in RECOMMENDED.items():
            if name.endswith("-best"):
                own = earlier[earlier["network"] == network]
                (shorter,) = set(own[own["dataset"] == dataset]["recipe"])
                before = errors("shorter", dataset, shorter)
                after = errors("best", dataset, name)
                assert after.max() < before.min()

    def test_the_goals_are_reached(self):
        goals = {
            ("mnist", "lenet5_modern-mnist-best"): 0.45,
            ("mnist", "lenet5-mnist-best"): 0.50,
            ("cifar10", "lenet5_modern-cifar10-best"): 22,
            ("cifar10", "lenet5-cifar10-best"): 30,
        }
        for (dataset, name), goal in goals.items():
            assert errors("best", dataset, name).mean() <= goal

    def test_lenet5_on_digits_was_the_papers_method_with_distortions(self):
        ours, theirs = (
            errors(study, "mnist", "lenet5-mnist-distorted").to_dict()
            for study in ("shorter", "protocol")
        )
        assert ours == theirs

    def test_what_was_tried_instead_is_no_better(self):
        tried = load(RESULTS / "choices.jsonl")
        best = tried.loc[tried.groupby("recipe")["held_out_error"].idxmin()]
        assert set(best["changes"]) == {""}
        rates = best.set_index("recipe")["learning_rate"]
        assert rates.to_dict() == {
            name: RECIPES[name].learning_rate for name in rates.index
        }

    def test_on_lines_twice_as_many_epochs_gain_about_a_point(self):
        longer = load(RESULTS / "longer.jsonl").query("recipe != 'lenet5_modern-mnist'")
        longer = longer.set_index("epochs").sort_index()
        wrong = longer["held_out_error"]
        assert list(wrong.index) == [60, 120, 240]
        assert wrong.diff().dropna().between(-1.5, -0.5).all()
        assert (longer["train_error"] - wrong).abs().max() < 1

    def test_twice_as_many_epochs_gain_nothing(self):
        longer = load(RESULTS / "longer.jsonl").query("recipe == 'lenet5_modern-mnist'")
        assert set(longer["epochs"]) == {30, 60}
        assert (longer.groupby("epochs")["seed"].nunique() == 3).all()
        wrong = longer.groupby("epochs")["held_out_error"].mean()
        assert wrong[60] > wrong[30]


class TestClaims:
    MEASURED = load_measured("perturbed", RESULTS / "perturbed.jsonl")
    PAGE = (ROOT / "docs/claims.md").read_text(encoding="utf-8")

    def added(self, kinds, amounts, recipes, digits=0):
        """Returns the least and most points of error that changes add, as text."""
        errors = self.MEASURED.groupby(["perturbation", "amount", "recipe"])["error"]
        errors = errors.mean().unstack()[recipes]
        points = errors.loc[[(k, n) for k in kinds for n in amounts]]
        points = points - errors.loc["shift right", 0]
        ends = [f"{end:.{digits}f}" for end in (points.min().min(), points.max().max())]
        return " to ".join(dict.fromkeys(ends))

    def test_the_points_that_shifts_and_rotations_add_are_those_of_the_page(self):
        shifts, lenet5 = ["shift right", "shift down"], ["loss-9"]
        rows = {
            "1 pixel, any direction": [
                self.added(shifts, [-1, 1], BASELINES, 1),
                self.added(shifts, [-1, 1], lenet5, 1),
            ],
            "3 pixels, any direction": [
                self.added(shifts, [-3, 3], BASELINES),
                f"{self.added(shifts[:1], [3], lenet5)} to the right, "
                f"{self.added(shifts[1:], [-3], lenet5)} upwards",
            ],
            "rotation by 10 degrees": [
                self.added(["rotation"], [-10, 10], BASELINES, 1),
                self.added(["rotation"], [-10, 10], lenet5, 1),
            ],
        }
        for change, cells in rows.items():
            assert f"| {change} | {' | '.join(cells)} |" in self.PAGE

    def test_each_network_has_three_seeds(self):
        runs = load(RESULTS / "perturbed.jsonl", RESULTS / "permuted.jsonl")
        assert (runs.groupby("recipe")["seed"].nunique() == 3).all()

    def test_under_noise_the_faithful_network_degrades_most(self):
        own = self.MEASURED[self.MEASURED["perturbation"] == "noise"]
        wrong = own.groupby(["amount", "recipe"])["error"].mean().unstack()
        worst = wrong[CLAIMED].idxmax(axis=1)
        assert (worst.loc[0.1:] == "loss-9").all()
        assert (worst.loc[:0.05] != "loss-9").all()

    def test_the_order_of_the_pixels_matters_to_convolutions_alone(self):
        for name in CLAIMED:
            before = errors("perturbed", "mnist", name)
            after = errors("permuted", "mnist", f"{name}-permuted")
            within = abs(after.mean() - before.mean()) < before.std() + after.std()
            assert within == (name in BASELINES)

    def test_lenet5_reads_scales_of_a_factor_of_two_and_as_far_up_as_down(self):
        table = tolerated_range(self.MEASURED, level=0.9)
        own = table[table["recipe"] == "loss-9"].set_index("perturbation")
        scale, shift = own.loc["scale"], own.loc["shift down"]
        assert round(scale["high"] / scale["low"]) == 2
        assert round(-shift["low"]) == round(shift["high"])
        turn = own.loc["rotation"]
        for words in (
            f"from {scale['low']:.2f} to {scale['high']:.2f},",
            f"of {shift['high']:.0f} pixels up or down",
            f"{-turn['low']:.0f} degrees clockwise",
            f"and {turn['high']:.0f} counter-clockwise",
        ):
            assert words in self.PAGE

    def test_lenet5_gets_five_times_the_others_connections_and_81_answers(self):
        lenet5, connected = (
            growth(build, [64])[64].connections
            for build in (networks.lenet5, networks.fully_connected)
        )
        assert round(lenet5 / connected) == 5
        assert networks.lenet5((64, 64, 1)).output_shape == (None, 9, 9, 10)
        for total in growth(networks.lenet5, [32, 64]).values():
            assert total.trainable == 60_000
            assert f" {total.connections:,} |" in self.PAGE
        for total in growth(networks.fully_connected, [32, 64]).values():
            assert f" {total.trainable:,} |" in self.PAGE


class TestFamily:
    @pytest.mark.parametrize(
        ("study", "recipes"), [("lenet1", LENET1), ("relatives", RELATIVES)]
    )
    def test_each_recipe_has_three_seeds_of_twenty_epochs(self, study, recipes):
        runs = final(study)
        assert set(runs["recipe"]) == set(recipes)
        assert set(runs["epochs"]) == {20}
        seeds = runs.groupby(["recipe", "learning_rate"])["seed"].apply(sorted)
        assert all(own == [0, 1, 2] for own in seeds)

    def test_one_seed_of_lenet1_collapsed_at_the_highest_rate(self):
        runs = final("lenet1")
        collapsed = runs[runs["test_error"] > 80]
        assert collapsed["recipe"].tolist() == ["lenet1-note-003-unreduced"]
        assert collapsed["learning_rate"].tolist() == [0.027]

    def test_the_method_of_1998_has_the_highest_rate_of_lenet1(self):
        tried = load(RESULTS / "lenet1.jsonl").query("held_out > 0")
        assert tried["learning_rate"].max() == 9

    def test_the_dense_reading_of_lenet1_has_642_parameters_more(self):
        weights = final("lenet1").groupby("recipe")["trainable"].first()
        assert weights["lenet1-note-003"] - weights["lenet1-adam"] == 642

    def test_which_relatives_differ_and_at_which_learning_rates(self):
        found = rungs(load(RESULTS / "relatives.jsonl"), "cifar10", "relatives")
        assert different(found) == [
            *("modern-tanh", "modern-overlapping", "modern-dropout"),
            *("modern-augmented", "modern-inception"),
        ]
        highest = found.index[found["learning_rate"] == 0.009].tolist()
        assert highest == [
            *("modern-lrn", "modern-lrn-scaled", "modern-residual"),
            "modern-inception",
        ]
        assert found["learning_rate"].drop(highest).eq(0.003).all()

    def test_the_shortcut_makes_no_difference_at_one_rate(self):
        usual = load(RESULTS / "relatives-usual-rate.jsonl")
        plain = final("relatives").query("recipe == 'modern-plain'")
        assert set(usual["recipe"]) == {"modern-residual"}
        assert set(usual["learning_rate"]) == set(plain["learning_rate"]) == {0.003}
        difference = paired_difference(
            errors("relatives", "cifar10", "modern-plain"),
            errors("relatives-usual-rate", "cifar10", "modern-residual"),
        )
        assert not difference.is_difference
        assert usual["train_error"].mean() < plain["train_error"].mean()

    def test_the_modern_variant_learns_by_heart(self):
        own = final("relatives").query("recipe == 'modern'")
        assert own["train_error"].max() < 5
        assert own["test_error"].min() > 100 / 3

    def test_what_helps_most_comes_first(self):
        found = rungs(load(RESULTS / "relatives.jsonl"), "cifar10", "relatives")
        most = found["difference"].nsmallest(4).index.tolist()
        assert most == [
            f"modern-{idea}"
            for idea in ("augmented", "dropout", "overlapping", "inception")
        ]

    def test_relu_needs_as_many_epochs_as_tanh(self):
        history = load_history(RESULTS / "relatives.jsonl").query("held_out == 0")
        curves = history.pivot_table("train_error", "epoch", ["recipe", "seed"])
        needed = curves.apply(crossing, level=25).groupby("recipe").mean()
        assert needed["modern-relu"] == pytest.approx(needed["modern-tanh"], abs=0.2)
        swish = needed["modern"] / needed["modern-tanh"]
        assert swish == pytest.approx(2 / 3, abs=0.1)

    def test_lenet1_by_the_method_of_1998_is_close_to_the_papers(self):
        own = (
            final("lenet1").query("learning_rate == 9").groupby("recipe")["test_error"]
        )
        gaps = own.mean() - 1.7
        assert round(gaps["lenet1-mnist"], 1) == 0.1
        assert 0 < gaps["lenet1-mnist-unreduced"] < gaps["lenet1-mnist"]


class TestProtocol:
    def test_each_training_has_three_seeds_or_more_of_twenty_epochs(self):
        runs = load(RESULTS / "protocol.jsonl")
        assert set(runs["epochs"]) == {20}
        seeds = runs.groupby(["recipe", "train_images"])["seed"].apply(sorted)
        assert seeds.map(len).tolist() == [3, 3, 5, 3, 3]

    def test_the_print_saturates_and_the_mean_error_trains(self):
        runs = load(RESULTS / "interpretations.jsonl").query("epochs == 2")
        runs = runs.set_index("interpretation")
        assert runs.loc["literal", "failure"].str.contains("saturated").all()
        assert runs.loc["mean-error", "error_2"].notna().all()
        wrong = runs["error_2"].groupby("interpretation").mean()
        assert wrong["mean-error"] == pytest.approx(wrong["ours"], abs=0.1)

    def test_the_learning_rates_of_interpretations_are_those_of_the_page(self):
        page = (ROOT / "docs/1998-method.md").read_text(encoding="utf-8")
        runs = load(RESULTS / "interpretations.jsonl").query("epochs == 2")
        runs = runs.groupby("interpretation")
        lowest = runs["lowest_learning_rate"].min()
        highest = runs["highest_learning_rate"].max()
        for name, words in {
            "mean-error": "0.0098 to 0.025",
            "library": "1.4e-4 to 0.017",
            "lecun": "2.8e-5 to 0.015",
        }.items():
            low, high = map(float, words.split(" to "))
            assert float(f"{lowest[name]:.1e}") == low
            assert round(highest[name], 3) == high
            assert f"| {words} |" in page


def test_the_trained_networks_were_measured_on_all_test_images():
    for record in pretrained.records().values():
        assert record["test_images"] == 10_000


@pytest.mark.parametrize(("page", "count"), [("README.md", 2), ("docs/layers.md", 3)])
def test_the_examples_run_as_they_are_printed(page, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(examples) == count
    for example in examples:
        names = {}
        exec(example, names)
        if "answers" in names:
            assert names["answers"].shape == (len(names["distances"]),)
        else:
            assert names["model"].output_shape == (None, 10)


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
