import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lenet_keras import pretrained
from lenet_study.recipes import (
    BASELINES,
    LADDER,
    RECIPES,
    RELATIVES,
    WITHOUT_MEANING,
)
from lenet_study.results import (
    comparison_table,
    comparison_text,
    load,
    load_history,
    markdown,
    overview,
    rates_at_edge,
    rungs,
    summary,
    table,
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
                "setup": recipe,
                "changes": "",
                "status": "done",
                "dataset": dataset,
                "recipe": recipe,
                "seed": seed,
                "held_out": 0,
                "learning_rate": 0.001,
                "test_accuracy": 1 - error / 100,
                "trainable": 60_000 + step,
                "connections": 340_908,
                "multiply_adds": 328_096,
                "seconds": 100.0 + seed,
            }
            rows.append(row)
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def errors_of(runs, recipe):
    own = runs[runs["recipe"] == recipe].sort_values("seed")
    return 100 * (1 - own["test_accuracy"].to_numpy())


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
    held_out = runs.assign(held_out=10_000, test_accuracy=0.5)
    both = pd.concat([runs, held_out, made_up("cifar10")])
    pd.testing.assert_frame_equal(rungs(both, "mnist"), rungs(runs, "mnist"))


def test_a_rung_without_runs_is_an_error():
    runs = made_up()
    with pytest.raises(ValueError, match="Expected runs of max on mnist"):
        rungs(runs[runs["recipe"] != "max"], "mnist")


def test_the_table_says_what_is_a_difference():
    runs = made_up()
    same = runs["recipe"] == "loss-9"
    runs.loc[same, "test_accuracy"] = runs.loc[same, "seed"].map(
        {s: 0.97 - 0.002 * (s % 2) for s in range(5)}
    )
    lines = table(runs, "mnist").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heading, loss9 = cells[0], dict(zip(cells[0], cells[3], strict=True))
    assert heading[0] == "change"
    assert loss9["change"] == "loss (9)"
    assert loss9["a difference?"] == "no"
    assert loss9["test error, %"] == "3.08 ± 0.14"
    assert loss9["learning rate"] == "0.001"
    swish = dict(zip(heading, cells[2 + list(LADDER).index("swish")], strict=True))
    assert swish["a difference?"] == "yes"
    assert swish["difference to the rung before"].startswith("-0.1")
    assert swish["trainable parameters"] == "60,008"
    assert len(lines) == 2 + len(LADDER) + len(BASELINES)


def test_the_overview_has_both_data_sets_and_prints_differences_bold():
    runs = pd.concat([made_up(), made_up("cifar10")], ignore_index=True)
    lines = overview(runs).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[0] == [
        "change",
        "MNIST: test error, %",
        "MNIST: difference to the rung before",
        "CIFAR-10: test error, %",
        "CIFAR-10: difference to the rung before",
    ]
    by_change = {row[0]: row[1:] for row in cells[2:]}
    padded, swish = by_change["28x28, padded with zeros"], by_change["swish"]
    assert padded[2:] == ["no meaning here", ""]
    rung = rungs(runs, "mnist").loc["swish"]
    assert swish[0].startswith(f"{rung['error']:.2f} ± ")
    assert swish[1].startswith(f"**{rung['difference']:+.2f} ± ")
    assert by_change["fully connected, 300 units"][1] == ""
    # No difference to speak of between a rung and the same once more.
    same = runs[runs["recipe"] == "loss-9"].assign(recipe="reshuffled")
    both = pd.concat([runs[runs["recipe"] != "reshuffled"], same])
    row = overview(both).splitlines()[2 + list(LADDER).index("reshuffled")]
    assert "+0.00 ± 0.00 |" in row
    assert "**" not in row


def test_runs_of_several_configurations_are_never_averaged():
    runs = made_up()
    other_rate = runs[runs["recipe"] == "swish"].assign(
        setup="other", learning_rate=0.003, seed=7
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
        ("mnist", "max", 0.1, 0.9, 1000),  # in the middle
        ("mnist", "max", 0.3, 0.95, 1000),
        ("mnist", "max", 0.9, 0.8, 1000),
        ("cifar10", "max", 0.1, 0.9, 1000),  # the lowest
        ("cifar10", "max", 0.3, 0.5, 1000),
        ("cifar10", "max", 0.9, 0.4, 1000),
        ("mnist", "swish", 0.1, 0.4, 1000),  # not the highest: that one diverged
        ("mnist", "swish", 0.3, 0.5, 1000),
        ("mnist", "swish", 0.9, None, 1000),
        ("mnist", "raw", 0.1, 0.4, 1000),  # the highest
        ("mnist", "raw", 0.3, 0.5, 1000),
        ("mnist", "raw", 0.9, 0.6, 1000),
        ("mnist", "raw", 0.1, None, 0),  # no run on held-out images
    ]
    columns = ["dataset", "recipe", "learning_rate", "held_out_accuracy", "held_out"]
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
            accuracy = row["test_accuracy"]
            own = {"setup": recipe, "recipe": recipe}
            rows.append(row | own | {"test_accuracy": accuracy - 0.001 * place})
    return pd.DataFrame(rows)


def test_a_relative_is_compared_with_the_network_without_its_idea():
    table = rungs(relatives(), "cifar10", "relatives")
    assert table.index.tolist() == list(RELATIVES)
    assert pd.isna(table.loc["modern", "difference"])
    for place, name in enumerate(list(RELATIVES)[1:], start=1):
        # The shortcut's stands right behind the two convolutions that it goes around.
        expected = 0.1 if name == "modern-residual" else 0.1 * place
        assert table.loc[name, "difference"] == pytest.approx(expected)


def test_where_nothing_has_a_reference_there_are_no_differences():
    runs = relatives()
    own = runs["recipe"].isin(["modern", "modern-plain"]) & (runs["seed"] == 0)
    runs.loc[own, "status"] = "diverged"
    text = overview(runs, "relatives")
    assert "1 of 5 diverged" in text
    assert "+" not in text


def test_a_recipe_that_one_data_set_has_no_runs_of_keeps_its_place():
    runs = made_up()
    both = pd.concat([runs, made_up("cifar10").query("recipe in @LADDER")])
    lines = overview(both).splitlines()[2:]
    changes = [line.split("|")[1].strip() for line in lines]
    assert changes == [RECIPES[name].title for name in [*LADDER, *BASELINES]]
    assert lines[-1].split("|")[4].strip() == "not run"


def test_a_summary_has_a_row_a_configuration_over_its_seeds():
    usual = {"status": "done", "recipe": "note-002", "epochs": 10, "seed": 0}
    usual |= {"learning_rate": 0.001, "held_out": 0, "trainable": 61_706}
    usual |= {"dataset": "mnist", "train_images": 60_000, "changes": "", "setup": "a"}
    adam = {"recipe": "lenet5-adam", "test_accuracy": 0.9876, "seconds": 30.0}
    held_out = {"held_out": 100, "held_out_accuracy": 0.95, "seconds": None}
    rows = [
        usual | {"test_accuracy": 0.98, "seconds": 60.0},
        usual | {"seed": 1, "test_accuracy": 0.99, "seconds": 120.0},
        usual | adam | {"setup": "b"},
        usual | adam | {"setup": "c", "dataset": "cifar10"},
        usual | held_out | {"setup": "d"},
        usual | {"setup": "e", "learning_rate": 0.3, "status": "diverged"},
    ]
    runs = pd.DataFrame(rows).sample(frac=1, random_state=0)
    lines = summary(runs).splitlines()
    assert "changes" not in lines[0]
    # MNIST before CIFAR-10, then by recipe, results before what they were chosen by.
    # 2 and 1 % wrong: 1.5 on the average, and a deviation of the square root of 1/2.
    assert [re.sub(" *[|] *", "|", line) for line in lines[2:]] == [
        "|MNIST|lenet5-adam|0.001|60,000|10|1|test images|1.24|61,706|0.5|",
        "|MNIST|note-002|0.001|60,000|10|2|test images|1.50 ± 0.71|61,706|1.5|",
        "|MNIST|note-002|0.3||10|1|test images|1 of 1 diverged|||",
        "|MNIST|note-002|0.001|60,000|10|1|held-out images|5.00|61,706||",
        "|CIFAR-10|lenet5-adam|0.001|60,000|10|1|test images|1.24|61,706|0.5|",
    ]
    runs.loc[runs["setup"] == "b", "changes"] = "batch_size 32"
    assert "| batch_size 32 |" in summary(runs)


def test_a_summary_averages_no_run_twice():
    runs = made_up().query("recipe == 'max'").assign(epochs=10, train_images=60_000)
    with pytest.raises(ValueError, match=r"Expected one run per seed.*recipe='max'"):
        summary(pd.concat([runs, runs]))


def compared(network="lenet5_modern", dataset="mnist", recipe="note-002", seeds=(0,)):
    return pd.DataFrame(
        {
            "setup": recipe + dataset,
            "status": "done",
            "network": network,
            "dataset": dataset,
            "recipe": recipe,
            "seed": seed,
            "epochs": 10,
            "train_images": 5_000,
            "trainable": 60_000,
            "connections": 340_908,
            "train_accuracy": 0.75 + seed / 4,
            "test_accuracy": 0.5 + seed / 10,
            "seconds": 12.4,
        }
        for seed in seeds
    )


def test_the_comparison_has_mean_and_standard_deviation_over_seeds():
    row = comparison_table(compared(seeds=(0, 1))).iloc[0]
    assert row["test error, %"] == "45.00 ± 7.07"  # of 50 and 40
    assert row["train error, %"] == "12.50 ± 17.68"
    assert row["parameters"] == "60,000"


def test_the_notes_claims_stand_beside_the_notes_network():
    runs = pd.concat(
        compared(network, dataset, f"{network}-adam")
        for network in ("lenet5", "lenet5_modern")
        for dataset in ("cifar10", "cifar10-sample")
    )
    *_, first, second = comparison_text(runs).splitlines()
    assert first.startswith("- CIFAR-10: 56.2 % train")
    assert "complete set" in second


def test_short_trainings_stand_beside_the_complete_ones():
    runs = compared("lenet5", "cifar10-sample", "lenet5-cifar10-short")
    row = comparison_table(runs).iloc[0]
    wrong = pretrained.records()["lenet5-cifar10-best"]["test_errors"]
    assert row["complete"] == f"{wrong / 100:.2f} % (180)"
    assert row["short"] == "50.00 % (10)"
    assert "complete: the trained network" in comparison_text(runs)


def test_markdown_has_a_line_a_row_and_numbers_to_the_right():
    frame = comparison_table(compared())
    lines = markdown(frame).splitlines()
    assert len(lines) == 3
    right = [cell[-1] == ":" for cell in lines[1].split("|")[1:-1]]
    assert right == [False] * 2 + [True] * 5
    assert [cell.strip() for cell in lines[2].split("|")[3:5]] == ["60,000", "340,908"]


RUN = Run("max", "mnist", 3, held_out=100, overrides={"epochs": 2, "batch_size": 32})


def line(run, **more):
    known = {"run": run.request, "configuration": run.configuration, "status": "done"}
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
        }
        == first
    )
    expected = ("diverged", 9.0, 10, "")
    names = ("status", "learning_rate", "epochs", "changes")
    assert tuple(second[name] for name in names) == expected
    epochs = load_history(path)
    assert epochs["epoch"].tolist() == [1, 2]
    assert epochs["train_accuracy"].tolist() == [0.25, 0.5]
    assert set(epochs["seed"]) == {3}
    assert set(epochs["epochs"]) == {2}


def test_changes_of_arguments_are_told_one_by_one(tmp_path):
    path = tmp_path / "study.jsonl"
    overrides = {"optimizer_arguments": {"clipnorm": 1.5}, "network_arguments": {}}
    write(path, line(Run("swish", "mnist", overrides=overrides), row={}))
    assert load(path)["changes"].tolist() == ["network {}, clipnorm 1.5"]


def test_runs_of_one_configuration_share_their_setup(tmp_path):
    path = tmp_path / "study.jsonl"
    others = [
        dataclasses.replace(RUN, seed=0),
        dataclasses.replace(RUN, held_out=200),
        dataclasses.replace(RUN, train_images=200),
        dataclasses.replace(RUN, overrides={"epochs": 2}),
    ]
    write(path, *(line(run, row={}) for run in (RUN, *others)))
    setups = load(path)["setup"].tolist()
    assert setups[0] == setups[1]
    assert len(set(setups)) == 4


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
