"""What the files of the project owe to each other."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from lenet_keras import models, pretrained
from lenet_keras.counts import growth
from lenet_keras.study.family import timeline
from lenet_keras.study.perturbations import load_perturbed, reach
from lenet_keras.study.recipes import (
    BASELINES,
    CLAIMED,
    LENET1,
    RECIPES,
    RECOMMENDED,
    RELATIVES,
)
from lenet_keras.study.report import choices_table, perturbed_table
from lenet_keras.study.results import (
    load,
    load_history,
    overview,
    plus_minus,
    rates_at_edge,
    rungs,
    summary,
)
from lenet_keras.study.statistics import crossing, mean_interval, paired_difference
from lenet_keras.study.training import Run

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "data/results"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# A module may import only from modules above its own line.
LAYERS_OF_THE_HOUSE = [
    [
        "activations",
        "initializers",
        "connection_tables",
        "codes",
        "preprocessing",
        "extras",
    ],
    ["layers"],
    ["losses"],
    ["metrics"],
    ["models"],
    ["counts"],
    ["sdlm"],
    ["pretrained"],
    # ---- above this line nothing knows of data sets, results or figures ----
    ["datasets"],
    ["study"],
]
# And within the study, from what is trained to what is shown.
FLOORS_OF_THE_STUDY = [
    ["files", "statistics", "distortions", "family"],
    ["perturbations"],
    ["augmentation"],
    ["recipes"],
    ["training"],
    ["interpretations", "pretrain"],
    ["results"],
    ["mistakes", "figures", "sweep"],
    ["studies"],
    ["text", "report"],
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
    assert set(requirements(needed)) - {"lenet_keras"} <= set(suite)


def test_without_extras_it_needs_keras_and_numpy_alone():
    assert set(requirements(PROJECT["dependencies"])) == {"keras", "numpy"}


def test_pins_are_in_one_place():
    for name in ("environment.yml", "Makefile", ".ci/run"):
        assert not re.search(r"==\s*\d", (ROOT / name).read_text())


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
        ("lenet_keras.study", FLOORS_OF_THE_STUDY),
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


@pytest.mark.parametrize("file", sorted((ROOT / "lenet_keras").rglob("*.py")), ids=str)
def test_only_the_compiler_imports_a_backend_by_name(file):
    names = re.findall(r"^\s*(?:import|from) (\w+)", file.read_text(), re.MULTILINE)
    compiler = file.name == "compiled.py"
    assert ({"tensorflow", "jax"} & set(names) != set()) == compiler


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_first_wing_needs_keras_and_numpy_alone(backend):
    done = subprocess.run(
        [sys.executable, ROOT / "tests/first_wing.py"],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        'Expected the extra "study" of lenet_keras. Received: no module platformdirs. '
        "Install it: pip install 'lenet_keras[study]'"
    )


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
            verdict = "".join(cells[index + 1]["outputs"][0]["data"]["text/plain"])
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
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(1, 11)]


def test_readmes_table_is_that_of_the_stored_results():
    table = (RESULTS / "compare.md").read_text(encoding="utf-8")
    assert table in (ROOT / "README.md").read_text()


def test_readmes_table_of_the_trained_networks_is_that_of_their_records():
    records = pretrained.records()
    text = re.sub(" *[|] *", "|", (ROOT / "README.md").read_text())
    for name, record in records.items():
        assert f'|{name}|"{record["pixels"]}"|{record["test_errors"]:,}|' in text
        assert record["test_images"] == 10_000


class TestLadderOfReadme:
    TEXT = (ROOT / "README.md").read_text()

    @pytest.fixture
    def runs(self):
        return load(RESULTS / "ladder.jsonl")

    def test_each_rung_has_five_seeds(self, runs):
        final = runs[runs["held_out"] == 0]
        assert (final.groupby(["dataset", "recipe"])["seed"].nunique() == 5).all()

    def test_its_table_is_that_of_the_runs(self, runs):
        assert overview(runs) in self.TEXT

    def test_its_figures_are_those_of_the_runs(self, runs):
        text = " ".join(self.TEXT.split())
        hours = runs["seconds"].sum() / 3600
        assert f"took {hours:.1f} hours of one thread" in text
        error = rungs(runs, "mnist")["error"].round(2)
        assert f"today: {error['1998']} and {error['batch-32']} %" in text
        assert f"they have {error['fc-300']} and {error['fc-300-100']} % after" in text
        compared = sum(
            rungs(runs, dataset)["difference"].notna().sum()
            for dataset in ("mnist", "cifar10")
        )
        assert f"Of {compared} differences that are none" in text
        at_edge, cases = rates_at_edge(runs)
        assert f"its three in {at_edge} of {cases} cases" in text
        usual = load(RESULTS / "usual-rates.jsonl")
        usual = 100 * (1 - usual.groupby("recipe")["test_accuracy"].mean()).round(4)
        assert f"it has {usual['max']:.2f} %, and swish {usual['swish']:.2f} %" in text
        same_rate = load(RESULTS / "perturbed.jsonl")
        same_rate = 100 * (1 - same_rate.groupby("recipe")["test_accuracy"].mean())
        deep, small = same_rate["fc-300-100"], same_rate["fc-60000"]
        assert f"the latter has {deep:.2f} %, see below" in text
        assert (
            f"at 0.001 they have {deep:.2f} and {small:.2f} % with the three seeds of "
            f"the claims below, not {error['fc-300-100']} and {error['fc-60000']}."
        ) in text
        cifar10 = rungs(runs, "cifar10")["learning_rate"].dropna()
        highest = cifar10.loc["adam":"glorot"]
        assert highest.eq(0.003).all()
        assert len(highest) == 7

    def test_the_notes_own_network_beside_the_first_and_the_last_rung(self, runs):
        text = " ".join(self.TEXT.split())
        own = load(RESULTS / "note-002.jsonl")
        rates = own[own["held_out"] > 0].set_index("learning_rate")
        best = rates.groupby("dataset")["held_out_accuracy"].idxmax()
        final = own[own["held_out"] == 0]
        assert set(best) == set(final["learning_rate"]) == {0.001}

        def errors(runs, recipe, dataset):
            of = (runs["recipe"] == recipe) & (runs["dataset"] == dataset)
            chosen = runs[of & (runs["held_out"] == 0)].set_index("seed").sort_index()
            assert chosen.index.tolist() == list(range(5))
            return 100 * (1 - chosen["test_accuracy"])

        def plus_minus(interval):
            return f"{interval.mean:.2f} ± {(interval.high - interval.low) / 2:.2f}"

        mnist, cifar10 = (
            errors(own, "note-002", name) for name in ("mnist", "cifar10")
        )
        to_last = [
            (of_note - errors(runs, "batch-32", name)).mean()
            for name, of_note in (("mnist", mnist), ("cifar10", cifar10))
        ]
        assert (
            f"It has {plus_minus(mean_interval(mnist))} % on MNIST and "
            f"{plus_minus(mean_interval(cifar10))} % on CIFAR-10, more than the last "
            f"rung by {to_last[0]:.2f} and {to_last[1]:.2f} points." in text
        )
        on_mnist = paired_difference(errors(runs, "1998", "mnist"), mnist)
        on_cifar10 = paired_difference(errors(runs, "1998", "cifar10"), cifar10)
        assert on_mnist.is_difference
        assert not on_cifar10.is_difference
        assert (
            f"that is {on_mnist.mean:.2f} points more on MNIST, and on photographs no "
            f"difference, +{plus_minus(on_cifar10)} (`" in text
        )


class TestRecommendedOfReadme:
    TEXT = (ROOT / "README.md").read_text()
    PROSE = " ".join(TEXT.split())
    RUNS = load(RESULTS / "recommended.jsonl")

    def test_each_recipe_has_its_own_epochs_and_three_seeds(self):
        assert set(self.RUNS["recipe"]) == set(RECOMMENDED.values())
        for name, own in self.RUNS.groupby("recipe"):
            assert sorted(own["seed"]) == [0, 1, 2]
            assert set(own["epochs"]) == {RECIPES[name].epochs}
            assert set(own["learning_rate"]) == {RECIPES[name].learning_rate}
        assert (self.RUNS["held_out"] == 0).all()

    def test_its_tables_are_those_of_the_runs(self):
        assert summary(self.RUNS) in self.TEXT
        tried = load(RESULTS / "choices.jsonl")
        assert choices_table(tried) in self.TEXT

    def test_its_figures_are_those_of_the_runs(self):
        right = 100 * self.RUNS.groupby("recipe")["test_accuracy"].mean()
        assert (
            f"variant has {right['lenet5_modern-cifar10']:.1f} % right, "
            f"the faithful one {right['lenet5-cifar10']:.1f}." in self.PROSE
        )

    def test_lenet5_on_digits_is_the_papers_method_with_distortions(self):
        name = "lenet5-mnist-distorted"
        ours, theirs = (
            runs[runs["recipe"] == name].set_index("seed")["test_accuracy"].to_dict()
            for runs in (self.RUNS, load(RESULTS / "protocol.jsonl"))
        )
        assert ours == theirs
        assert "the errors are those of its three seeds there" in self.PROSE

    def test_twice_as_many_epochs_gain_nothing(self):
        longer = load(RESULTS / "longer.jsonl")
        errors = 100 * (1 - longer["held_out_accuracy"])
        of = errors.groupby(longer["epochs"]).agg(["mean", "std"])
        stated = [f"{mean:.2f} ± {std:.2f}" for mean, std in of.to_numpy()]
        assert (
            f"{stated[1]} % held out with sixty, three seeds, "
            f"and {stated[0]} with thirty." in self.PROSE
        )
        assert of.index.tolist() == [30, 60]
        assert of.loc[60, "mean"] > of.loc[30, "mean"]


class TestClaimsOfReadme:
    TEXT = (ROOT / "README.md").read_text()
    PROSE = " ".join(TEXT.split())
    MEASURED = load_perturbed(RESULTS / "perturbed.jsonl")

    def test_its_table_is_that_of_the_measurements(self):
        assert perturbed_table(self.MEASURED) in self.TEXT

    def test_what_a_shift_costs(self):
        right = self.lost("shift right")
        down = self.lost("shift down")
        connected, faithful = (
            pd.concat([lost.loc[[-1, 1], names] for lost in (right, down)]).stack()
            for names in (list(BASELINES), ["loss-9"])
        )
        assert (
            f"it loses {connected.min():.1f} to {connected.max():.1f} points, "
            f"LeNet-5 {faithful.min():.1f} to {faithful.max():.1f};" in self.PROSE
        )
        connected = pd.concat([right, down]).loc[[-3, 3], list(BASELINES)].stack()
        to_the_right, upwards = right.loc[3, "loss-9"], down.loc[-3, "loss-9"]
        assert (
            f"it loses {connected.min():.0f} to {connected.max():.0f}, and LeNet-5 "
            f"{to_the_right:.0f} to the right and {upwards:.0f} upwards" in self.PROSE
        )

    def test_what_a_turn_costs(self):
        lost = self.lost("rotation").loc[[-10, 10]]
        connected = lost[list(BASELINES)].stack()
        assert (
            f"it loses {connected.min():.1f} to {connected.max():.1f}, "
            f"LeNet-5 {lost['loss-9'].min():.1f} to {lost['loss-9'].max():.1f}."
            in self.PROSE
        )

    def test_what_noise_costs(self):
        worst = self.right("noise")[CLAIMED].idxmin(axis=1)
        assert (worst.loc[0.1:] == "loss-9").all()
        assert (worst.loc[:0.05] != "loss-9").all()

    def right(self, kind):
        own = self.MEASURED[self.MEASURED["perturbation"] == kind]
        return own.groupby(["amount", "recipe"])["accuracy"].mean().unstack()

    def lost(self, kind):
        """Points lost to what was done, on the average of the seeds."""
        right = self.right(kind)
        return 100 * (right.loc[0] - right)

    def test_what_another_order_of_the_pixels_costs(self):
        runs = load(RESULTS / "perturbed.jsonl", RESULTS / "permuted.jsonl")
        assert (runs.groupby("recipe")["seed"].nunique() == 3).all()
        right = runs.groupby("recipe")["test_accuracy"].mean()
        error = (100 * (1 - right)).round(2)
        connected = [f"{error[name]:.2f}" for name in BASELINES]
        permuted = [f"{error[f'{name}-permuted']:.2f}" for name in BASELINES]
        assert f"err on {permuted[0]}, {permuted[1]} and {permuted[2]} %" in self.PROSE
        assert f"({connected[0]}, {connected[1]} and {connected[2]})" in self.PROSE
        for name, title in {
            "loss-9": "LeNet-5 on",
            "lenet5_modern-adam": "the modern variant on",
        }.items():
            permuted = error[f"{name}-permuted"]
            stated = f"{title} {permuted:.2f} in place of {error[name]:.2f}"
            assert stated in self.PROSE

    def test_how_far_it_reads_beside_the_paper(self):
        table = reach(self.MEASURED, level=0.9)
        own = table[table["recipe"] == "loss-9"].set_index("perturbation")
        scale, shift, turn = (own.loc[k] for k in ("scale", "shift down", "rotation"))
        assert round(-shift["low"]) == round(shift["high"])
        assert (
            f"bears scales from {scale['low']:.2f} to {scale['high']:.2f}, a factor of "
            f"{scale['high'] / scale['low']:.0f} between them, "
            f"{shift['high']:.0f} pixels up or down, and {-turn['low']:.0f} and "
            f"{turn['high']:.0f} degrees." in self.PROSE
        )

    def test_how_parameters_and_connections_grow(self):
        sides = [32, 64]
        connected = growth(models.fully_connected, sides).to_pandas()["trainable"]
        assert f"from {connected[32]:,} to {connected[64]:,}" in self.PROSE
        lenet5 = growth(models.lenet5, sides).to_pandas()["connections"]
        assert f"from {lenet5[32]:,} to {lenet5[64]:,}, five times" in self.PROSE
        assert (
            round(lenet5[64] / growth(models.fully_connected, [64])[64].connections)
            == 5
        )


class TestFamilyOfReadme:
    TEXT = (ROOT / "README.md").read_text()
    PROSE = " ".join(TEXT.split())

    @pytest.fixture
    def lenet1(self):
        return load(RESULTS / "lenet1.jsonl")

    @pytest.fixture
    def relatives(self):
        return load(RESULTS / "relatives.jsonl")

    def test_its_table_is_that_of_the_counts(self):
        text = re.sub(" *[|] *", "|", self.TEXT)
        counts = ["year", "parameters", "connections", "multiply_adds"]
        for name, row in timeline()[counts].astype(int).iterrows():
            numbers = "|".join(f"{count:,}" for count in row[1:])
            assert f"|{name}|{row['year']}|{numbers}|" in text

    @pytest.mark.parametrize(
        ("study", "recipes"), [("lenet1", LENET1), ("relatives", RELATIVES)]
    )
    def test_each_recipe_has_three_seeds_of_twenty_epochs(self, study, recipes):
        runs = load(RESULTS / f"{study}.jsonl")
        final = runs[runs["held_out"] == 0]
        assert set(final["recipe"]) == set(recipes)
        assert set(final["epochs"]) == {20}
        seeds = final.groupby(["recipe", "learning_rate"])["seed"].apply(sorted)
        assert all(own == [0, 1, 2] for own in seeds)

    def test_its_tables_are_those_of_the_runs(self, lenet1, relatives):
        assert summary(lenet1[lenet1["held_out"] == 0]) in self.TEXT
        assert overview(relatives, "relatives") in self.TEXT

    def test_its_figures_of_lenet1_are_those_of_the_runs(self, lenet1):
        final = lenet1[lenet1["held_out"] == 0]
        tried = lenet1[lenet1["held_out"] > 0]
        of_1998 = final[final["learning_rate"] == 9].groupby("recipe")
        errors = 100 * (1 - of_1998["test_accuracy"].mean()) - 1.7
        assert (
            f"it errs by {errors['lenet1-mnist']:.2f} points more than the paper's, on "
            f"larger digits by {errors['lenet1-mnist-unreduced']:.2f}." in self.PROSE
        )
        assert tried["learning_rate"].max() == 9
        collapsed = final[final["test_accuracy"] < 0.2]
        assert collapsed["recipe"].tolist() == ["lenet1-note-003-unreduced"]
        assert collapsed["learning_rate"].tolist() == [0.027]
        weights = final.groupby("recipe")["trainable"].first()
        assert weights["lenet1-note-003"] - weights["lenet1-adam"] == 642

    def test_its_figures_of_the_relatives_are_those_of_the_runs(self, relatives):
        found = rungs(relatives, "cifar10", "relatives")
        gains = (-found["difference"]).map("{:.1f}".format)
        final = relatives[relatives["held_out"] == 0]
        learnt = 100 * (1 - final.groupby("recipe")["train_accuracy"].mean())
        assert (
            f"it errs on {learnt['modern']:.1f} % of those that it was trained on, and "
            f"on {found.loc['modern', 'error']:.1f} % of the others." in self.PROSE
        )
        assert (
            f"shifted images take {gains['modern-augmented']} points off, dropout of "
            f"half of C5 and F6 {gains['modern-dropout']}, overlapping maxima "
            f"{gains['modern-overlapping']}. An inception block takes off "
            f"{gains['modern-inception']}." in self.PROSE
        )
        worse = float(gains["modern-tanh"])
        assert f"tanh is {-worse} points worse than swish, ReLU no worse." in self.PROSE
        scaled = plus_minus(found.loc["modern-lrn-scaled"], "difference", sign="+")
        assert f"for standardised pixels, it does {scaled} points: no" in self.PROSE
        highest = found.index[found["learning_rate"] == 0.009].tolist()
        assert highest == [
            "modern-lrn",
            "modern-lrn-scaled",
            "modern-residual",
            "modern-inception",
        ]
        assert found["learning_rate"].drop(highest).eq(0.003).all()
        different = found["is_difference"].eq(True)
        assert different[different].index.tolist() == [
            "modern-tanh",
            "modern-overlapping",
            "modern-dropout",
            "modern-augmented",
            "modern-inception",
        ]

    def test_the_shortcut_beside_its_two_convolutions(self, relatives):
        usual = load(RESULTS / "relatives-usual-rate.jsonl")
        final = relatives[relatives["held_out"] == 0].set_index(["recipe", "seed"])
        plain = final.loc["modern-plain"].sort_index()
        assert set(usual["recipe"]) == {"modern-residual"}
        assert set(usual["learning_rate"]) == set(plain["learning_rate"]) == {0.003}
        usual = usual.set_index("seed").sort_index()
        chosen = rungs(relatives, "cifar10", "relatives").loc["modern-residual"]
        at_one_rate = paired_difference(
            -100 * plain["test_accuracy"], -100 * usual["test_accuracy"]
        )
        assert not at_one_rate.is_difference
        chosen = plus_minus(chosen, "difference", sign="+")
        assert (
            f"{chosen} at the learning rate that was chosen for it, "
            f"{at_one_rate.mean:+.2f} ± {at_one_rate.half_width:.2f} at that of the "
            "two convolutions" in self.PROSE
        )
        wrong = [100 * (1 - own["train_accuracy"].mean()) for own in (usual, plain)]
        assert (
            f"{wrong[0]:.1f} % of the training images are wrong, not {wrong[1]:.1f}."
            in self.PROSE
        )

    def test_relu_and_tanh_need_as_many_epochs(self, relatives):
        history = load_history(RESULTS / "relatives.jsonl").query("held_out == 0")
        history["error"] = 100 * (1 - history["train_accuracy"])
        curves = history.set_index(["recipe", "epoch", "seed"])["error"]
        curves = curves.unstack("seed")
        relu, tanh, swish = (
            curves.loc[name].apply(crossing, level=25).mean()
            for name in ("modern-relu", "modern-tanh", "modern")
        )
        assert (
            f"after {relu:.1f} epochs with ReLU, {tanh:.1f} with tanh and {swish:.1f} "
            "with swish, all at a learning rate of 0.003" in self.PROSE
        )
        rates = rungs(relatives, "cifar10", "relatives")["learning_rate"]
        assert set(rates[["modern", "modern-relu", "modern-tanh"]]) == {0.003}


@pytest.mark.parametrize(
    ("recipe", "train_images", "row"),
    [
        ("lenet5-mnist", 60_000, "60,000 digits, loss (9)"),
        ("lenet5-mnist", 15_000, "the first 15,000, loss (9)"),
        ("lenet5-mnist", 30_000, "the first 30,000, loss (9)"),
        ("lenet5-mnist-loss-8", 60_000, "60,000 digits, loss (8)"),
        (
            "lenet5-mnist-distorted",
            60_000,
            "60,000 of 600,000 with distortions, loss (9)",
        ),
    ],
)
def test_readmes_table_of_the_papers_method_is_that_of_the_final_epochs(
    recipe, train_images, row
):
    runs = load(RESULTS / "protocol.jsonl")
    own = (runs["recipe"] == recipe) & (runs["train_images"] == train_images)
    runs = runs[own].sort_values("seed")
    history = load_history(RESULTS / "protocol.jsonl")
    final = history[(history["epoch"] == 20) & history["setup"].isin(runs["setup"])]
    assert len(final) == len(runs) >= 3
    cells = [f"| {row} "]
    for column in ("test_accuracy", "train_accuracy_after_epoch"):
        errors = (100 * (1 - final.sort_values("seed")[column])).round(3)
        each = ", ".join(f"{error:.2f}" for error in errors)
        cells.append(f"| {errors.median():.2f} ({each}) ")
    line = next(
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith(cells[0])
    )
    assert cells[1] in line
    assert cells[2] in line
    on_the_fly = (100 * (1 - final["train_accuracy"])).round(3).median()
    assert f"| {on_the_fly:.2f} " in line


def test_readmes_held_out_errors_are_those_of_the_choices():
    stored = load(RESULTS / "protocol-choices.jsonl").set_index("id")
    text = " ".join((ROOT / "README.md").read_text().split())

    def errors(recipe="lenet5-mnist", **overrides):
        errors = []
        for seed in (0, 1):
            run = Run(
                recipe,
                "mnist",
                seed,
                held_out=10_000,
                overrides={"epochs": 12} | overrides,
            )
            if run.id in stored.index:
                errors.append(100 * (1 - stored["held_out_accuracy"][run.id]))
        return ", ".join(f"{error:.2f}" for error in errors)

    def mu(value):
        return {"optimizer_arguments": {"mu": value}}

    def distorted(scale):
        scale = {"augmentation_arguments": {"scale": scale}} if scale else {}
        return {"recipe": "lenet5-mnist-distorted"} | scale

    assert errors().replace(", ", " and ") in text
    assert errors(**distorted(None)).replace(", ", " and ") in text
    mean_error = mu(1.68) | {
        "network_arguments": {},
        "learning_rate": 1.0,
        "estimates_in_first_epoch": 1,
    }
    assert f"{errors(**mean_error).replace(', ', ' and ')} % after twelve" in text
    for phrase, changes in {
        "all of them: ": {"learning_rate": 1.0},
        "a half: ": {"learning_rate": 0.5},
        "an eighth: ": {"learning_rate": 0.125},
        "(once: ": {"estimates_in_first_epoch": 1},
        "(5: ": {"loss_arguments": {"j": 5.0}},
        "15: ": {"loss_arguments": {"j": 15.0}},
        "0.1 with a half of the rates: ": mu(0.1) | {"learning_rate": 0.5},
        "0.5 with all of them: ": mu(0.5) | {"learning_rate": 1.0},
        "2 with twice as much: ": mu(2.0) | {"learning_rate": 2.0},
        "two thirds of that: ": distorted(1.0),
        "four thirds: ": distorted(2.0),
    }.items():
        assert errors(**changes)
        assert phrase + errors(**changes) in text


def test_readmes_figures_of_the_interpretations_are_those_of_the_stored_ones():
    text = " ".join((ROOT / "README.md").read_text().split())
    tried = load(RESULTS / "interpretations.jsonl")
    tried = tried[tried["epochs"] == 2].groupby("interpretation")
    for name in ("mean-error", "ours"):
        assert f"{tried['error_2'].mean()[name]:.1f} %" == "2.6 %"
    assert "it has 2.6 % of the held-out digits wrong" in text
    lowest = tried["lowest_learning_rate"].min()
    highest = tried["highest_learning_rate"].max()
    assert (
        f"Its rates lie between {lowest['mean-error']:.4f} "
        f"and {highest['mean-error']:.3f}" in text
    )
    for name, title in {"library": "±1/√F", "lecun": "±√(3/F)"}.items():
        low = f"{lowest[name]:.1e}".replace("e-0", "e-")
        assert f"{title} ({low} to {highest[name]:.3f})" in text
