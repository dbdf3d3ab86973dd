import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lenet_study.recipes import (
    BASELINES,
    LADDER,
    RELATIVES,
    WITHOUT_MEANING,
)
from lenet_study.results import (
    load,
    load_history,
    load_measured,
    rates_at_edge,
    rungs,
)
from lenet_study.training.run import Run


def made_up(dataset="mnist", seeds=range(5)):
    """Runs whose errors fall by 0.1 a rung, all seeds alike but for little."""
    rng = np.random.default_rng(0)
    rows = []
    for step, recipe in enumerate([*LADDER, *BASELINES]):
        if (recipe, dataset) in WITHOUT_MEANING:
            continue
        for seed in seeds:
            error = 3 - 0.1 * step + 0.5 * seed + 0.01 * rng.normal()
            row = {
                "configuration": recipe,
                "changes": "",
                "status": "done",
                "dataset": dataset,
                "recipe": recipe,
                "seed": seed,
                "held_out": 0,
                "learning_rate": 0.001,
                "test_error": error,
                "trainable": 60_000 + step,
                "connections": 340_908,
                "multiply_adds": 328_096,
                "seconds": 100.0 + seed,
            }
            rows.append(row)
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def errors_of(runs, recipe):
    own = runs[runs["recipe"] == recipe].sort_values("seed")
    return own["test_error"].to_numpy()


def test_a_rung_has_its_mean_its_interval_and_its_paired_difference():
    runs = made_up()
    table = rungs(runs, "mnist")
    assert table.index.tolist() == [*LADDER, *BASELINES]
    before, after = (errors_of(runs, name) for name in ("full-c3", "average"))
    rung = table.loc["average"]
    assert rung["error"] == pytest.approx(after.mean())
    low, high = stats.t.interval(0.95, 4, after.mean(), stats.sem(after))
    assert (rung["error_low"], rung["error_high"]) == pytest.approx((low, high))
    test = stats.ttest_rel(after, before).confidence_interval()
    differences = (rung["difference_low"], rung["difference_high"])
    assert differences == pytest.approx((test.low, test.high))
    assert rung["difference"] == pytest.approx(after.mean() - before.mean())
    # The seeds differ by far more than the rungs, but pairwise.
    assert rung["is_difference"]
    assert rung["error_low"] < before.mean() < rung["error_high"]
    assert rung["trainable"] == 60_006
    assert rung["seconds"] == 102


def test_the_first_rung_and_the_baselines_differ_from_no_rung():
    table = rungs(made_up(), "mnist")
    without = table.index[table["difference"].isna()]
    assert without.tolist() == ["1998", *BASELINES]


def test_a_rung_without_meaning_is_said_so_and_passed_over():
    runs = made_up("cifar10")
    table = rungs(runs, "cifar10")
    assert table.loc["28x28", "note"] == "no meaning here"
    expected = errors_of(runs, "raw").mean() - errors_of(runs, "glorot").mean()
    assert table.loc["raw", "difference"] == pytest.approx(expected)


def test_a_run_that_diverged_is_never_counted():
    runs = made_up()
    diverged = (runs["recipe"] == "raw") & (runs["seed"] == 2)
    runs.loc[diverged, "status"] = "diverged"
    table = rungs(runs, "mnist")
    assert table.loc["raw", "note"] == "1 of 5 diverged"
    assert pd.isna(table.loc["raw", "error"])
    assert pd.isna(table.loc["rmsprop", "difference"])
    assert table.loc["rmsprop", "error"] > 0


def test_held_out_runs_and_other_data_sets_are_not_counted():
    runs = made_up()
    held_out = runs.assign(held_out=10_000, test_error=50.0)
    both = pd.concat([runs, held_out, made_up("cifar10")])
    pd.testing.assert_frame_equal(rungs(both, "mnist"), rungs(runs, "mnist"))


def test_a_rung_without_runs_is_an_error():
    runs = made_up()
    with pytest.raises(ValueError, match="Expected runs of max on mnist"):
        rungs(runs[runs["recipe"] != "max"], "mnist")


def test_runs_of_several_configurations_are_never_averaged():
    runs = made_up()
    other_rate = runs[runs["recipe"] == "swish"].assign(
        configuration="other", learning_rate=0.003, seed=7
    )
    with pytest.raises(
        ValueError, match=r"of one configuration.*swish.*\[0\.001, 0\.003\]"
    ):
        rungs(pd.concat([runs, other_rate]), "mnist")
    twice = pd.concat([runs, runs[(runs["recipe"] == "1998") & (runs["seed"] == 0)]])
    with pytest.raises(ValueError, match="one run per seed"):
        rungs(twice, "mnist")
    for setting, value in {"epochs": 3, "train_images": 640}.items():
        usual = {"epochs": 10, "train_images": 60_000}
        few = runs["recipe"].eq("max")
        mixed = runs.assign(**usual)
        mixed.loc[few, setting] = value
        with pytest.raises(ValueError, match=f"the same {setting} in all runs"):
            rungs(mixed, "mnist")


def test_a_best_rate_at_the_edge_is_the_lowest_or_highest_that_was_tried():
    rows = [
        ("mnist", "max", 0.1, 10, 1000),  # in the middle
        ("mnist", "max", 0.3, 5, 1000),
        ("mnist", "max", 0.9, 20, 1000),
        ("cifar10", "max", 0.1, 10, 1000),  # the lowest
        ("cifar10", "max", 0.3, 50, 1000),
        ("cifar10", "max", 0.9, 60, 1000),
        ("mnist", "swish", 0.1, 60, 1000),  # not the highest: that one diverged
        ("mnist", "swish", 0.3, 50, 1000),
        ("mnist", "swish", 0.9, None, 1000),
        ("mnist", "raw", 0.1, 60, 1000),  # the highest
        ("mnist", "raw", 0.3, 50, 1000),
        ("mnist", "raw", 0.9, 40, 1000),
        ("mnist", "raw", 0.1, None, 0),  # no run on held-out images
    ]
    columns = ["dataset", "recipe", "learning_rate", "held_out_error", "held_out"]
    runs = pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=0)
    assert rates_at_edge(runs) == (2, 4)


def test_the_ladder_can_stand_without_baselines():
    runs = made_up()
    table = rungs(runs[~runs["recipe"].isin(BASELINES)], "mnist")
    assert table.index.tolist() == list(LADDER)
    assert not table["is_baseline"].any()


def relatives():
    """Runs whose errors differ from the modern variant's, each by its place."""
    rows = []
    first = made_up("cifar10").query("recipe == '1998'").to_dict("records")
    for place, recipe in enumerate(RELATIVES):
        for row in first:
            own = {"configuration": recipe, "recipe": recipe}
            rows.append(row | own | {"test_error": row["test_error"] + 0.1 * place})
    return pd.DataFrame(rows)


def test_a_relative_is_compared_with_the_network_without_its_idea():
    table = rungs(relatives(), "cifar10", "relatives")
    assert table.index.tolist() == list(RELATIVES)
    assert pd.isna(table.loc["modern", "difference"])
    for place, name in enumerate(list(RELATIVES)[1:], start=1):
        # The shortcut's stands right behind the two convolutions that it goes around.
        expected = 0.1 if name == "modern-residual" else 0.1 * place
        assert table.loc[name, "difference"] == pytest.approx(expected)


RUN = Run("max", "mnist", 3, held_out=100, overrides={"epochs": 2, "batch_size": 32})


def line(run, **more):
    known = {"run": run.request, "configuration": run.configuration, "status": "done"}
    if not {"row", "error"} & set(more):
        known["row"] = {f"{run.unseen}_accuracy": 0.5}
    return {"id": run.id} | known | more


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_stored_runs_are_loaded_with_what_tells_them_apart(tmp_path):
    path = tmp_path / "study.jsonl"
    history = [{"epoch": n, "train_accuracy": n / 4} for n in (1, 2)]
    diverged = Run("max", "mnist", 4, overrides={"learning_rate": 9.0})
    write(
        path,
        line(RUN, row={"held_out_accuracy": 0.5, "seconds": 1.0}, history=history),
        line(diverged, status="diverged", error="Training diverged"),
    )
    first, second = load(path).to_dict("records")
    assert (
        first
        | {
            "id": RUN.id,
            "recipe": "max",
            "dataset": "mnist",
            "seed": 3,
            "held_out": 100,
            "epochs": 2,
            "learning_rate": 0.001,
            "changes": "batch_size 32",
            "held_out_accuracy": 0.5,
            "held_out_error": 50,
        }
        == first
    )
    expected = ("diverged", 9.0, 10, "")
    names = ("status", "learning_rate", "epochs", "changes")
    assert tuple(second[name] for name in names) == expected
    epochs = load_history(path)
    assert epochs["epoch"].tolist() == [1, 2]
    assert epochs["train_accuracy"].tolist() == [0.25, 0.5]
    assert epochs["train_error"].tolist() == [75, 50]
    assert set(epochs["seed"]) == {3}
    assert set(epochs["epochs"]) == {2}


def test_what_was_measured_stands_beside_what_describes_its_run(tmp_path):
    path = tmp_path / "study.jsonl"
    places = [{"amount": n, "accuracy": 1 - n / 4} for n in (0, 1)]
    write(path, line(RUN, perturbed=places), line(Run("max", "mnist")))
    measured = load_measured("perturbed", path)
    assert measured["recipe"].tolist() == ["max"] * 2
    assert measured["seed"].tolist() == [3] * 2
    assert measured["amount"].tolist() == [0, 1]
    assert measured["accuracy"].tolist() == [1, 0.75]
    assert measured["error"].tolist() == [0, 25]


def test_changes_of_arguments_are_told_one_by_one(tmp_path):
    path = tmp_path / "study.jsonl"
    overrides = {"optimizer_arguments": {"clipnorm": 1.5}, "network_arguments": {}}
    write(path, line(Run("swish", "mnist", overrides=overrides)))
    assert load(path)["changes"].tolist() == ["network {}, clipnorm 1.5"]


def test_the_seeds_of_a_configuration_share_its_name(tmp_path):
    path = tmp_path / "study.jsonl"
    others = [
        dataclasses.replace(RUN, seed=0),
        dataclasses.replace(RUN, held_out=200),
        dataclasses.replace(RUN, train_images=200),
        dataclasses.replace(RUN, overrides={"epochs": 2}),
    ]
    write(path, *(line(run) for run in (RUN, *others)))
    names = load(path)["configuration"].tolist()
    assert names[0] == names[1]
    assert len(set(names)) == 4


def test_a_run_whose_settings_are_not_its_recipes_is_refused(tmp_path, message):
    path = tmp_path / "study.jsonl"
    other = dataclasses.replace(RUN, overrides={"epochs": 2})
    write(path, line(other) | {"run": RUN.request})
    text = message(load, path)
    assert "the settings of recipe max" in text
    assert f"configuration={other.configuration!r}" in text
    write(path, line(RUN) | {"id": other.id})
    assert f"id={other.id!r}" in message(load, path)


def test_a_recipe_that_is_not_known_here_is_loaded_all_the_same(tmp_path):
    path = tmp_path / "study.jsonl"
    asked = RUN.request | {"recipe": "of-a-later-version"}
    write(path, line(RUN, row={"seconds": 1.0}) | {"run": asked})
    assert load(path)["recipe"].tolist() == ["of-a-later-version"]
