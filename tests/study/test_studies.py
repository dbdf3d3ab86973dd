import dataclasses

import pytest

from lenet_study.recipes import RECIPES, RECOMMENDED, plain
from lenet_study.studies import (
    CHOICES,
    INGREDIENTS,
    STUDIES,
    choice,
    comparison_runs,
    ingredient,
    protocol,
    protocol_choices,
)


def test_each_choice_changes_one_thing_of_a_recipe():
    for recipe, tried in CHOICES.items():
        assert tried["as recommended"] == {}
        for title, change in tried.items():
            assert len(change) == (title != "as recommended")
            for name, value in change.items():
                assert plain(value) != plain(getattr(RECIPES[recipe], name))


def test_all_is_tried_on_held_out_images_of_its_own_data_set():
    runs = STUDIES["choices"].runs()
    assert len(runs) == len({run.id for run in runs}) == 8 + 7 + 6
    for run in runs:
        assert run.dataset in run.recipe
        assert (run.held_out, run.seed, run.epochs) == (10_000, 0, 10)
    assert choice("lenet5-cifar10", "temperature 1").settings.loss_arguments == {
        "j": 10
    }


def test_an_ingredient_is_left_out_for_a_third_of_the_epochs():
    complete = {name for name in RECOMMENDED.values() if name.endswith("-best")}
    assert set(INGREDIENTS) == complete
    for recipe, tried in INGREDIENTS.items():
        assert tried.get("as recommended", {}) == {}
        for title, change in tried.items():
            run = ingredient(recipe, title)
            assert (run.held_out, run.seed) == (10_000, 0)
            assert run.epochs == RECIPES[recipe].epochs // 3
            assert set(run.overrides) == {"epochs", *change}  # none says what is so


@pytest.mark.parametrize("full", [False, True])
def test_the_comparison_trains_both_networks_alike_on_both_data_sets(full):
    runs = comparison_runs(full, range(2), "cifar10" if full else "cifar10-sample")
    assert len(runs) == 2 * 2 * (3 if full else 2)
    assert runs[0].dataset == "mnist"
    assert {run.settings.network for run in runs} == {"lenet5", "lenet5_modern"}
    assert {run.settings.optimizer for run in runs} == {"Adam", "RMSprop"} - (
        set() if full else {"RMSprop"}
    )
    epochs = {run.dataset: run.epochs for run in runs}
    few = {"mnist": 4, "cifar10-sample": 20}
    assert epochs == ({"mnist": 10, "cifar10": 10} if full else few)
    assert comparison_runs(False, [0], "cifar10")[-1].epochs == 3
    # Short and long trainings are never the same run.
    other = comparison_runs(not full, range(2), "cifar10")
    assert not {run.id for run in runs} & {run.id for run in other}


def test_the_protocol_has_the_papers_losses_sizes_and_distortions():
    runs = protocol()
    assert len(runs) == len({run.id for run in runs}) == 17
    assert {run.epochs for run in runs} == {20}
    assert {run.train_images for run in runs} == {None, 15_000, 30_000}
    assert {run.settings.loss for run in runs} == {
        "MaximumAPosteriori",
        "RBFMeanSquaredError",
    }
    assert sum(run.settings.augmentation == "distorted-set" for run in runs) == 3


def test_the_protocol_was_chosen_on_held_out_digits():
    runs = protocol_choices()
    assert len(runs) == len({run.id for run in runs}) == 28
    assert {(run.held_out, run.epochs) for run in runs} == {(10_000, 12)}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_a_list_of_runs_each_once(name):
    runs = STUDIES[name].runs()
    assert len({run.id for run in runs}) == len(runs) > 2
    for run in runs:
        assert dataclasses.is_dataclass(run)
