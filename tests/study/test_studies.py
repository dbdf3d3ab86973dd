import pkgutil
import shutil
from pathlib import Path

import pytest

from lenet_study.questions.interpretations import INTERPRETATIONS
from lenet_study.recipes import GROUPS, RECIPES, RECOMMENDED
from lenet_study.settings import as_json
from lenet_study.studies import (
    STUDIES,
    changed,
    comparison,
    jobs,
    overview,
    titled,
)
from lenet_study.training import sweep
from lenet_study.training.stored import read_results

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "data/results"


def test_each_stored_file_is_a_study():
    assert set(STUDIES) == {path.stem for path in RESULTS.glob("*.jsonl")}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_does_what_is_stored_and_nothing_else(study, tmp_path, monkeypatch):
    """A tuned study chooses its rates from what is stored, and trains nothing."""
    path = tmp_path / f"{study}.jsonl"
    shutil.copy(RESULTS / path.name, path)
    tried = []

    def stored(runs, output):
        tried.extend(runs)
        known = {result["id"]: result for result in read_results(output)}
        return [known[run.id] for run in runs]

    monkeypatch.setattr(sweep, "sweep", stored)

    def tuned(*arguments, **settings):
        return sweep.tuned(*arguments, **settings, output=path)

    grids = STUDIES[study]["jobs"]
    done = jobs(grids, tuned)
    ids = [job.id for job in [*tried, *done]]
    assert len(set(ids)) == len(ids) > 2
    known = {result["id"] for result in read_results(path)}
    assert known == set(ids)
    assert bool(tried) == any("tune" in grid for grid in grids)
    # Without the rates it already says how many jobs there will be.
    assert len(jobs(grids)) == len(done)


def test_one_run_of_each_study_is_repeated():
    again = {job.id for job in jobs(STUDIES["repeated"]["jobs"])}
    others = set(STUDIES) - {"repeated"}
    assert len(again) == len(others)
    for study in others:
        results = read_results(RESULTS / f"{study}.jsonl")
        assert again & {result["id"] for result in results}


@pytest.mark.parametrize("study", STUDIES)
def test_what_else_a_study_measures_is_a_function(study):
    for job in jobs(STUDIES[study]["jobs"]):
        if measure := getattr(job, "measure", None):
            assert callable(pkgutil.resolve_name(measure))


def test_the_table_of_the_results_is_that_of_the_studies():
    page = (RESULTS / "README.md").read_text(encoding="utf-8")
    table = page.split("<!-- begin studies -->")[1].split("<!-- end studies -->")[0]
    assert table.strip() == overview().to_markdown(index=False)


def test_a_study_has_pages_which_name_its_command():
    for name, study in STUDIES.items():
        pages = [
            (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
            for page in study["page"]
        ]
        stored = f"lenet-keras sweep {name} --output data/results/{name}.jsonl"
        assert any(stored in page for page in pages) or name == "short-choices"


def test_no_name_of_a_study_hides_another_recipe():
    """A name alone is the study, which then trains this recipe or group itself."""
    for name in {*STUDIES} & {*RECIPES, *GROUPS}:
        assert any(name in grid["recipes"] for grid in STUDIES[name]["jobs"])


def test_each_choice_changes_one_thing_of_a_recipe():
    for recipe, tried in titled("choices").items():
        assert set(tried["as recommended"].overrides) == {"epochs"}
        for title, run in tried.items():
            change = {k: v for k, v in run.overrides.items() if k != "epochs"}
            assert len(change) == (title != "as recommended")
            for name, value in change.items():
                assert as_json(value) != as_json(getattr(RECIPES[recipe], name))


def test_all_is_tried_on_held_out_images_of_its_own_data_set():
    runs = jobs(STUDIES["choices"]["jobs"])
    assert len(runs) == len({run.id for run in runs}) == 8 + 7 + 6
    for run in runs:
        assert run.dataset in run.recipe
        assert (run.held_out, run.seed, run.epochs) == (10_000, 0, 10)
    cooler = titled("choices")["lenet5-cifar10"]["temperature 1"]
    assert cooler.settings.loss_arguments == {"j": 10}
    unchanged = titled("choices")["lenet5-cifar10"]["not augmented"]
    assert unchanged.settings.augmentation is None


def test_an_ingredient_is_left_out_for_a_third_of_the_epochs():
    complete = {
        own[data] for own in RECOMMENDED.values() for data in ("mnist", "cifar10")
    }
    assert set(titled("ingredients")) == complete
    for recipe, tried in titled("ingredients").items():
        assert set(tried["as recommended"].overrides) == {"epochs"}
        for run in tried.values():
            assert (run.held_out, run.seed) == (10_000, 0)
            assert run.epochs == RECIPES[recipe].epochs // 3


def test_an_alternative_says_nothing_that_is_so():
    for study in ("choices", "ingredients", "protocol-choices"):
        for grid in STUDIES[study]["jobs"]:
            for changes in grid["instead"].values():
                for run in jobs([grid | {"instead": {"": changes}}]):
                    assert set(run.overrides) == {"epochs", *changes}


@pytest.mark.parametrize("full", [False, True])
def test_the_comparison_trains_both_networks_alike_on_both_data_sets(full):
    runs = jobs(comparison(full, 2, "cifar10" if full else "cifar10-sample"))
    assert len(runs) == 2 * 2 * (3 if full else 2)
    assert {run.seed for run in runs} == {0, 1}
    assert {run.settings.network for run in runs} == {"lenet5", "lenet5_modern"}
    assert {run.settings.optimizer for run in runs} == {"Adam", "RMSprop"} - (
        set() if full else {"RMSprop"}
    )
    epochs = {run.dataset: run.epochs for run in runs}
    few = {"mnist": 4, "cifar10-sample": 20}
    assert epochs == ({"mnist": 10, "cifar10": 10} if full else few)
    assert jobs(comparison(False, 1, "cifar10"))[-1].epochs == 3
    # Short and long trainings are never the same run.
    other = jobs(comparison(not full, 2, "cifar10"))
    assert not {run.id for run in runs} & {run.id for run in other}


def test_the_protocol_has_the_papers_losses_sizes_and_distortions():
    runs = jobs(STUDIES["protocol"]["jobs"])
    assert len(runs) == len({run.id for run in runs}) == 17
    assert {run.epochs for run in runs} == {20}
    assert {run.train_images for run in runs} == {None, 15_000, 30_000}
    assert {run.settings.loss for run in runs} == {
        "MaximumAPosteriori",
        "RBFMeanSquaredError",
    }
    assert sum(run.settings.augmentation == "distorted-set" for run in runs) == 3


def test_the_protocol_was_chosen_on_held_out_digits():
    runs = jobs(STUDIES["protocol-choices"]["jobs"])
    assert len(runs) == len({run.id for run in runs}) == 28
    assert {(run.held_out, run.epochs) for run in runs} == {(10_000, 12)}


def test_there_is_a_trial_of_each_interpretation():
    trials = jobs(STUDIES["interpretations"]["jobs"])
    tried = [trial.interpretation for trial in trials if trial.seed == 1]
    assert tried == list(INTERPRETATIONS)


def test_a_setting_with_a_dot_changes_one_argument():
    settings = {"loss_arguments.j": 5, "loss_arguments.temperature": 1, "epochs": 2}
    overrides = {"loss_arguments": {"j": 5, "temperature": 1}, "epochs": 2}
    assert changed("lenet5-cifar10", settings) == overrides
    assert changed("lenet5-cifar10", {"loss_arguments": {}}) == {"loss_arguments": {}}
    for unknown in ({"nothing.j": 5}, {"epochs.j": 5}):
        assert changed("adam", unknown) == unknown  # which `Run` refuses
