import json
import logging
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from lenet_study import report as module
from lenet_study import tables
from lenet_study.recipes import BASELINES, LADDER, RELATIVES
from lenet_study.report import report
from lenet_study.results import DATASET_TITLES, load
from lenet_study.studies import STUDIES, comparison, jobs
from lenet_study.tables import choices, markdown, of_rungs, overview, summary
from lenet_study.training.stored import read_results
from lenet_study.training.sweep import grid

RESULTS = Path(__file__).parents[2] / "data/results"
STORED = sorted(path.stem for path in RESULTS.glob("*.jsonl"))


def write(path, runs):
    """Writes made-up results of runs: another accuracy for each recipe and seed."""
    names = list(dict.fromkeys(run.recipe for run in runs))
    with path.open("w") as file:
        for run in runs:
            kind = "held_out" if run.held_out else "test"
            row = {
                "network": run.settings.network,
                "train_images": run.train_images or 60_000,
                f"{kind}_accuracy": 0.9
                + names.index(run.recipe) / 1e3
                + run.seed / 1e4,
                "train_accuracy": 0.95,
                "trainable": 60_000,
                "connections": 340_908,
                "multiply_adds": 328_096,
                "seconds": 100.0,
            }
            line = {
                "id": run.id,
                "run": run.request,
                "configuration": run.configuration,
            }
            file.write(json.dumps(line | {"status": "done", "row": row}) + "\n")


@pytest.fixture
def ladder(tmp_path):
    path = tmp_path / "ladder.jsonl"
    write(path, grid([*LADDER, *BASELINES], ["mnist", "cifar10"], range(3)))
    return path


def test_a_report_of_the_ladder_has_its_tables_and_its_picture(ladder):
    written = report(ladder)
    assert [path.name for path in written] == ["ladder.md", "ladder.svg"]
    runs = load(ladder)
    text = written[0].read_text(encoding="utf-8")
    assert text.startswith(markdown(overview(runs)))
    for dataset, title in list(DATASET_TITLES.items())[:2]:
        assert f"## {title}\n\n{markdown(of_rungs(runs, dataset))}" in text
    # (17 + 16) recipes, three runs of 100 seconds each: 2.75 hours.
    assert "The 99 runs together" in text
    assert text.endswith("took 2.8 hours of one thread.\n")
    assert written[1].stat().st_size > 20_000


def test_a_part_of_the_ladder_has_a_summary(tmp_path):
    path = tmp_path / "ladder.jsonl"
    write(path, grid(["max", "fc-300"], ["mnist"], range(2)))
    assert [written.name for written in report(path)] == ["ladder.md"]
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert text == markdown(summary(load(path)))


@pytest.mark.parametrize("left_out", ["max", "28x28"])
def test_a_ladder_that_one_data_set_has_a_part_of_is_refused(
    tmp_path, left_out, message
):
    path = tmp_path / "ladder.jsonl"
    most = [name for name in LADDER if name != left_out]
    runs = grid(most, ["mnist"], range(2)) + grid(LADDER, ["cifar10"], range(2))
    if left_out == "28x28":  # which has a meaning on digits alone
        runs += grid(["28x28"], ["mnist"], range(1), overrides={"epochs": 3})
    write(path, runs)
    with pytest.raises(ValueError, match="Expected"):
        report(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_of_relatives_compares_them_with_the_network_without(tmp_path):
    path = tmp_path / "relatives.jsonl"
    write(path, grid(RELATIVES, ["cifar10"], range(2)))
    assert [written.name for written in report(path)] == [
        "relatives.md",
        "relatives.svg",
    ]
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "difference to the network without it" in text
    assert "## CIFAR-10" in text


def test_a_comparison_has_a_csv_file_too(tmp_path):
    path = tmp_path / "compare.jsonl"
    write(path, jobs(STUDIES["compare"]["jobs"]))
    assert [written.suffix for written in report(path)] == [".csv", ".md", ".svg"]
    stored = pd.read_csv(path.with_suffix(".csv"), keep_default_na=False)
    assert {"test_accuracy", "setup"} <= set(stored)
    assert "test_error" not in stored
    assert stored["id"].tolist() == load(path)["id"].tolist()


def test_a_file_that_is_not_a_reports_is_not_replaced(tmp_path, message):
    path, own = tmp_path / "README.jsonl", tmp_path / "README.md"
    write(path, grid(["adam"], ["mnist"], range(2)))
    own.write_text("# My own notes")
    assert str(own) in message(report, path)
    assert own.read_text() == "# My own notes"
    own.unlink()
    for _ in range(2):
        assert report(path) == [own]


def diverge(path, *numbers):
    """Makes some lines of a results file those of runs that diverged."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number in numbers:
        del lines[number]["row"]
        lines[number] |= {"status": "diverged", "error": "Training diverged"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_comparison_says_what_diverged(tmp_path):
    path = tmp_path / "compare.jsonl"
    runs = jobs(STUDIES["compare"]["jobs"])
    write(path, runs)
    diverge(path, 0, 6, 7)  # one of two seeds, and both
    report(path)
    text = path.with_suffix(".md").read_text()
    rows = [line for line in text.splitlines() if "diverged" in line]
    assert [row.split("|")[-2].strip() for row in rows] == [
        "1 of 2 diverged",
        "2 of 2 diverged",
    ]
    for count in ("60,000", "340,908"):
        assert count in rows[0]  # what the other seed counted
    drawn = path.with_suffix(".svg").read_text()
    assert drawn.count(", diverged") >= 3


@pytest.mark.parametrize("study", ["summary", "ladder", "choices"])
def test_a_table_says_what_diverged(tmp_path, study):
    path = tmp_path / f"{study}.jsonl"
    runs = grid([*LADDER, *BASELINES], ["mnist"], range(2))
    write(path, runs if study == "ladder" else jobs(STUDIES["choices"]["jobs"]))
    diverge(path, 0, 1)
    report(path)
    assert "diverged" in path.with_suffix(".md").read_text()


@pytest.mark.parametrize("held_out", [0, 100])
def test_runs_that_have_all_diverged_have_a_table(tmp_path, held_out):
    path = tmp_path / "mine.jsonl"
    write(path, grid(["adam"], ["mnist"], range(2), held_out=held_out))
    diverge(path, 0)
    report(path)
    *_, row = path.with_suffix(".md").read_text().splitlines()
    *_, error, count, minutes, _ = (cell.strip() for cell in row.split("|"))
    assert (error, count, minutes) == ("1 of 2 diverged", "60,000", "")
    diverge(path, 1)
    report(path)
    assert "2 of 2 diverged" in path.with_suffix(".md").read_text()


def test_a_comparison_whose_runs_have_all_diverged_has_a_table(tmp_path):
    path = tmp_path / "compare.jsonl"
    write(path, grid(["lenet5-adam"], ["mnist"], range(2)))
    diverge(path, 0, 1)
    report(path)
    assert "2 of 2 diverged" in path.with_suffix(".md").read_text()


def test_a_file_that_a_table_would_replace_is_refused(ladder, message):
    runs = ladder.rename(ladder.with_name("compare.csv"))
    before = runs.read_bytes()
    assert "a file that ends in .jsonl" in message(report, runs)
    assert runs.read_bytes() == before


@pytest.mark.parametrize(
    ("study", "old", "new"),
    [("mine", "100.0", '"long"'), ("compare", '"lenet5-adam"', "5")],
)
def test_what_no_table_can_show_is_refused(tmp_path, study, old, new, message):
    path = tmp_path / f"{study}.jsonl"
    write(path, grid(["lenet5-adam"], ["mnist"], range(2)))
    path.write_text(path.read_text().replace(old, new))
    assert f"all that the tables of {study} show" in message(report, path)


@pytest.mark.parametrize("empty", [False, True], ids=["ordinary", "empty rows"])
@pytest.mark.parametrize("study", STORED)
def test_another_file_of_a_studys_name_is_reported_or_refused(tmp_path, study, empty):
    path = tmp_path / f"{study}.jsonl"
    write(path, grid(["adam"], ["mnist"], range(2)))
    if empty:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(o | {"row": {}}) + "\n" for o in lines))
    try:
        assert path.with_suffix(".md") in report(path)
    except ValueError as error:
        assert "Expected " in str(error)  # noqa: PT017
        assert list(tmp_path.iterdir()) == [path]


def test_choices_stand_in_the_column_of_their_recipe(tmp_path):
    path = tmp_path / "choices.jsonl"
    write(path, jobs(STUDIES["choices"]["jobs"]))
    table = choices(load(path)).set_index("held-out error, %")
    assert table.columns.tolist() == [
        *("lenet5-cifar10", "lenet5_modern-mnist", "lenet5_modern-cifar10"),
    ]
    assert table.loc["as recommended"].tolist() == ["10.00", "9.90", "9.80"]
    assert table.loc["not augmented"].tolist() == ["10.00", "", "9.80"]
    assert table.loc["pixels from 0 to 1"].tolist() == ["", "", "9.80"]
    assert len(table) == 1 + 11


def test_choices_that_are_not_all_there_are_refused(tmp_path, message):
    path = tmp_path / "choices.jsonl"
    write(path, jobs(STUDIES["choices"]["jobs"])[:-1])
    assert "missing=['lenet5_modern-cifar10" in message(report, path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_without_runs_is_refused(tmp_path, message):
    path = tmp_path / "study.jsonl"
    path.touch()
    assert str(path) in message(report, path)


def test_short_and_long_trainings_stand_apart_in_table_and_picture(tmp_path):
    path = tmp_path / "compare.jsonl"
    write(path, jobs([*comparison(False, 1)[::-1], *comparison(True, 1)]))
    _, table, picture = report(path)
    lines = table.read_text(encoding="utf-8").splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:10]]
    # In one order, however they were stored.
    epochs = [row[4] for row in rows]
    assert epochs == ["10", "4", "10", "4", "10", "10", "3", "10", "3", "10"]
    assert [row[0] for row in rows] == ["MNIST"] * 5 + ["CIFAR-10"] * 5
    assert not [line for line in lines if "±" in line]
    points = data_in(picture)[0]["lines"]
    assert len(points) == 2 + 5  # the complete trainings, and the runs


# The stored results of the project.


@pytest.mark.parametrize("study", STORED)
def test_stored_results_are_whole_and_of_todays_recipes(study, caplog):
    with caplog.at_level(logging.WARNING):
        runs = load(RESULTS / f"{study}.jsonl")
    assert caplog.text == ""
    assert not runs["id"].duplicated().any()
    assert set(runs["status"]) <= {"done", "diverged"}
    results = read_results(RESULTS / f"{study}.jsonl")
    for result in results:
        is_run = "recipe" in result["run"]
        if result["status"] == "done" and is_run and study != "protocol-choices":
            epochs = [row["epoch"] for row in result["history"]]
            assert epochs == list(range(1, result["row"]["epochs"] + 1))


@pytest.mark.parametrize("study", STORED)
def test_tables_and_pictures_made_again_are_the_stored_ones(study, tmp_path):
    path = tmp_path / f"{study}.jsonl"
    path.write_bytes((RESULTS / path.name).read_bytes())
    written = report(path)
    stored = {file.name for file in RESULTS.glob(f"{study}.*")} - {path.name}
    assert {file.name for file in written} == stored
    for file in written:
        if file.suffix == ".svg":
            assert data_in(file) == data_in(RESULTS / file.name)
        else:
            assert file.read_bytes() == (RESULTS / file.name).read_bytes()


def data_in(picture):
    described = ElementTree.parse(picture).find(".//{*}description")
    return json.loads(described.text)


def test_a_picture_says_what_it_draws(ladder):
    _, picture = report(ladder)
    mnist, cifar10 = data_in(picture)
    assert mnist["title"] == "MNIST: test error, %"
    assert "no meaning here" in cifar10["words"]
    runs = load(ladder)
    own = runs[(runs["recipe"] == "swish") & (runs["dataset"] == "mnist")]
    errors = (100 * (1 - own["test_accuracy"])).round(2).tolist()
    height = LADDER.index("swish")
    points = [line[1:] for line in mnist["lines"]]
    assert [[error, height] for error in errors] in points


def test_the_points_of_the_comparison_are_its_runs(tmp_path):
    path = tmp_path / "compare.jsonl"
    write(path, jobs(STUDIES["compare"]["jobs"]))
    _, _, picture = report(path)
    panels = data_in(picture)
    titles = [panel["title"] for panel in panels]
    assert titles == ["MNIST", "MNIST", "CIFAR-10", "CIFAR-10"]
    for panel, count in zip(panels, [60_000, 340_908] * 2, strict=True):
        points = [line[1] for line in panel["lines"]]
        assert [point[0] for point in points[2:]] == [count] * 6


def test_the_results_are_few_files_and_each_has_its_place_in_the_readme():
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    shown = [path for path in files if not path.name.startswith(".")]
    assert len([path for path in shown if path.suffix != ".log"]) <= 79
    text = (RESULTS / "README.md").read_text(encoding="utf-8")
    for study in STORED:
        assert f"`{study}.jsonl`" in text
    assert "rates.csv" in text
    assert module.VIEWS.keys() | tables.OF_STUDY.keys() <= set(STORED)
