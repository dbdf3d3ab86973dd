import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lenet_keras.experiments.ladder import (
    overview,
    rates_at_edge,
    report,
    rungs,
    summary,
    table,
)
from lenet_keras.recipes import (
    BASELINES,
    LADDER,
    RECIPES,
    RELATIVES,
    WITHOUT_MEANING,
)


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
                "name": f"{dataset}_{recipe}_{seed}",
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
    assert loss9["rate"] == "0.001"
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


def write_units(runs, folder):
    keys = ["dataset", "recipe", "seed", "learning_rate", "held_out"]
    for row in json.loads(runs.to_json(orient="records")):
        configuration = {key: row[key] for key in keys} | {"passes": 10}
        unit = {
            "name": row["name"],
            "status": "done",
            "configuration": configuration,
            "row": row,
        }
        (folder / f"{row['name']}.json").write_text(json.dumps(unit))


def test_the_report_is_made_from_the_units(tmp_path):
    folder = tmp_path / "ladder"
    folder.mkdir()
    runs = pd.concat([made_up(), made_up("cifar10")], ignore_index=True)
    write_units(runs, folder)
    (folder / "broken.failed.json").write_text("{}")
    report(folder)
    stored = pd.read_csv(folder / "runs.csv")
    assert len(stored) == (17 + 16) * 5
    text = (folder / "ladder.md").read_text(encoding="utf-8")
    assert text.startswith(overview(stored))
    assert table(stored, "mnist") in text
    assert table(stored, "cifar10") in text
    # (17 + 16) recipes, five runs of 100 to 104 seconds each: 4.7 hours.
    assert "The 165 runs together" in text
    assert text.endswith("took 4.7 hours of one thread.\n")
    assert (folder / "ladder.png").stat().st_size > 20_000


def test_runs_of_several_configurations_are_never_averaged():
    runs = made_up()
    other_rate = runs[runs["recipe"] == "swish"].assign(learning_rate=0.003, seed=7)
    with pytest.raises(ValueError, match=r"at one rate.*swish.*\[0\.001, 0\.003\]"):
        rungs(pd.concat([runs, other_rate]), "mnist")
    twice = pd.concat([runs, runs[(runs["recipe"] == "1998") & (runs["seed"] == 0)]])
    with pytest.raises(ValueError, match="one run a seed"):
        rungs(twice, "mnist")
    for setting, value in {"passes": 3, "train_images": 640}.items():
        usual = {"passes": 10, "train_images": 60_000}
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
            name, accuracy = f"{recipe}_{row['seed']}", row["test_accuracy"]
            own = {"name": name, "recipe": recipe}
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


def test_where_nothing_has_a_reference_there_are_no_differences(tmp_path):
    runs = relatives()
    own = runs["recipe"].isin(["modern", "modern-plain"]) & (runs["seed"] == 0)
    runs.loc[own, "status"] = "diverged"
    write_units(runs, tmp_path)
    report(tmp_path)
    text = overview(runs, "relatives")
    assert text in (tmp_path / "relatives.md").read_text(encoding="utf-8")
    assert "1 of 5 diverged" in text
    assert "+" not in text


def test_a_recipe_that_one_data_set_has_no_runs_of_keeps_its_place():
    runs = made_up()
    both = pd.concat([runs, made_up("cifar10").query("recipe in @LADDER")])
    lines = overview(both).splitlines()[2:]
    changes = [line.split("|")[1].strip() for line in lines]
    assert changes == [RECIPES[name].why for name in [*LADDER, *BASELINES]]
    assert lines[-1].split("|")[4].strip() == "not run"


def test_both_comparisons_of_one_folder_are_reported(tmp_path):
    write_units(made_up(), tmp_path)
    write_units(relatives(), tmp_path)
    report(tmp_path)
    for name in ("ladder.md", "ladder.png", "relatives.md", "relatives.png"):
        assert (tmp_path / name).exists()


def test_a_report_of_relatives_is_called_so(tmp_path):
    write_units(relatives(), tmp_path)
    report(tmp_path)
    text = (tmp_path / "relatives.md").read_text(encoding="utf-8")
    assert "difference to the network without it" in text
    assert "## CIFAR-10" in text
    assert (tmp_path / "relatives.png").stat().st_size > 10_000
    assert not (tmp_path / "ladder.md").exists()


def test_a_report_of_other_recipes_is_their_summary(tmp_path):
    usual = {"name": "", "status": "done", "dataset": "mnist", "recipe": "note-002"}
    usual |= {"passes": 10, "learning_rate": 0.001, "held_out": 0, "trainable": 61_706}
    usual |= {"train_images": 60_000}
    rows = [
        usual | {"seed": 0, "test_accuracy": 0.98, "seconds": 60.0},
        usual | {"seed": 1, "test_accuracy": 0.99, "seconds": 120.0},
        usual
        | {
            "seed": 0,
            "recipe": "lenet5-adam",
            "test_accuracy": 0.9876,
            "seconds": 30.0,
        },
        usual
        | {"seed": 0, "held_out": 100, "held_out_accuracy": 0.95, "seconds": 30.0},
        usual | {"seed": 0, "learning_rate": 0.3, "status": "diverged"},
    ]
    # MNIST before CIFAR-10, then by recipe, what counts before what it was chosen by.
    rows = [rows[2] | {"dataset": "cifar10"}, *rows]
    runs = pd.DataFrame(rows).assign(name=[f"unit-{n}" for n in range(6)])
    write_units(runs, tmp_path)
    report(tmp_path)
    lines = (tmp_path / "runs.md").read_text(encoding="utf-8").splitlines()[2:]
    # 2 and 1 % wrong: 1.5 on the average, and a deviation of the square root of 1/2.
    assert [re.sub(" *[|] *", "|", line) for line in lines] == [
        "|MNIST|lenet5-adam|0.001|10|1|test images|1.24|61,706|0.5|",
        "|MNIST|note-002|0.001|10|2|test images|1.50 ± 0.71|61,706|1.5|",
        "|MNIST|note-002|0.3|10|1|test images|1 of 1 diverged|||",
        "|MNIST|note-002|0.001|10|1|held-out images|5.00|61,706|0.5|",
        "|CIFAR-10|lenet5-adam|0.001|10|1|test images|1.24|61,706|0.5|",
    ]
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 6
    assert len(list(tmp_path.glob("*.*"))) == 6 + 2


def test_a_summary_averages_nothing_that_differs():
    runs = made_up().query("recipe == 'max'").assign(passes=10)
    with pytest.raises(ValueError, match=r"Expected one run a seed.*of max"):
        summary(pd.concat([runs, runs]))
    runs["train_images"] = 60_000
    runs.loc[runs["seed"] == 1, "train_images"] = 600
    with pytest.raises(ValueError, match=r"train_images=\[60000, 600\]"):
        summary(runs)


def test_a_report_of_some_of_the_ladder_is_their_summary(tmp_path):
    runs = made_up().query("recipe in ['max', 'fc-300']")
    write_units(runs.assign(passes=10), tmp_path)
    report(tmp_path)
    text = (tmp_path / "runs.md").read_text(encoding="utf-8")
    assert "| max " in text
    assert "| fc-300 " in text
    assert not list(tmp_path.glob("ladder.*"))


@pytest.mark.parametrize("left_out", ["max", "28x28"])
def test_a_ladder_that_one_data_set_has_a_part_of_is_refused(tmp_path, left_out):
    write_units(made_up().query("recipe != @left_out"), tmp_path)
    write_units(made_up("cifar10"), tmp_path)
    with pytest.raises(ValueError, match=f"Expected runs of {left_out} on mnist"):
        report(tmp_path)


def test_a_report_that_fails_writes_nothing(tmp_path):
    another = made_up()[:1].assign(name="another", seed=7, recipe="note-002", passes=10)
    twice = made_up()[:1].assign(name="twice", learning_rate=0.1)
    write_units(pd.concat([made_up(), another, twice]), tmp_path)
    with pytest.raises(ValueError, match="Expected one run a seed"):
        report(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


def test_a_report_of_runs_that_diverged_says_so(tmp_path):
    run = {"name": "a", "status": "diverged", "dataset": "mnist", "recipe": "note-002"}
    run |= {"seed": 0, "passes": 10, "learning_rate": 1.0, "held_out": 0}
    write_units(pd.DataFrame([run]), tmp_path)
    report(tmp_path)
    assert "1 of 1 diverged" in (tmp_path / "runs.md").read_text(encoding="utf-8")


def test_a_report_of_no_runs_is_refused(tmp_path, message):
    assert f"folder={tmp_path!r}" in message(report, tmp_path)
