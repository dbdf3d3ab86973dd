import pandas as pd
import pytest
from test_results import RUN, line, made_up, relatives, write

from lenet_keras import pretrained
from lenet_study import results
from lenet_study.questions.corruptions import Corrupted
from lenet_study.questions.interpretations import Trial
from lenet_study.questions.perturbations import Robustness
from lenet_study.questions.readers import Reader
from lenet_study.recipes import BASELINES, LADDER, RECIPES
from lenet_study.report import comparison_text
from lenet_study.results import rungs, stored_studies
from lenet_study.tables import (
    comparison,
    corrupted,
    corruptions,
    markdown,
    of_rungs,
    overview,
    repeated,
    summary,
)
from lenet_study.training.run import Run
from lenet_study.training.stored import read_results


def test_the_table_says_what_is_a_difference():
    runs = made_up()
    same = runs["recipe"] == "loss-9"
    runs.loc[same, "test_error"] = 3 + 0.2 * (runs.loc[same, "seed"] % 2)
    table = of_rungs(runs, "mnist").set_index("change")
    loss9, swish = table.loc["loss (9)"], table.loc["swish"]
    assert loss9["a difference?"] == "no"
    assert loss9["test error, %"] == "3.08 ± 0.14"
    assert loss9["learning rate"] == "0.001"
    assert swish["a difference?"] == "yes"
    assert swish["difference to the rung before"].startswith("-0.1")
    assert swish["trainable parameters"] == "60,008"
    assert len(table) == len(LADDER) + len(BASELINES)


def test_the_overview_has_both_data_sets_and_prints_differences_bold():
    runs = pd.concat([made_up(), made_up("cifar10")], ignore_index=True)
    table = overview(runs).set_index("change")
    assert table.columns.tolist() == [
        "MNIST: test error, %",
        "MNIST: difference to the rung before",
        "CIFAR-10: test error, %",
        "CIFAR-10: difference to the rung before",
    ]
    padded, swish = table.loc["28x28, padded with zeros"], table.loc["swish"]
    assert padded.tolist()[2:] == ["no meaning here", ""]
    rung = rungs(runs, "mnist").loc["swish"]
    assert swish.iloc[0].startswith(f"{rung['error']:.2f} ± ")
    assert swish.iloc[1].startswith(f"**{rung['difference']:+.2f} ± ")
    assert table.loc["fully connected, 300 units"].iloc[1] == ""
    # No difference to speak of between a rung and the same once more.
    same = runs[runs["recipe"] == "loss-9"].assign(recipe="reshuffled")
    both = pd.concat([runs[runs["recipe"] != "reshuffled"], same])
    row = overview(both).iloc[LADDER.index("reshuffled")]
    assert row.iloc[2] == row.iloc[4] == "+0.00 ± 0.00"


def test_where_nothing_has_a_reference_there_are_no_differences():
    runs = relatives()
    own = runs["recipe"].isin(["modern", "modern-plain"]) & (runs["seed"] == 0)
    runs.loc[own, "status"] = "diverged"
    text = markdown(overview(runs, "relatives"))
    assert "1 of 5 diverged" in text
    assert "+" not in text


def test_a_recipe_that_one_data_set_has_no_runs_of_keeps_its_place():
    runs = made_up()
    both = pd.concat([runs, made_up("cifar10").query("recipe in @LADDER")])
    table = overview(both)
    titles = [RECIPES[name].title for name in [*LADDER, *BASELINES]]
    assert table["change"].tolist() == titles
    assert table["CIFAR-10: test error, %"].iloc[-1] == "not run"


def test_a_summary_has_a_row_a_configuration_over_its_seeds():
    usual = {"status": "done", "recipe": "note-002", "epochs": 10, "seed": 0}
    usual |= {"learning_rate": 0.001, "held_out": 0, "trainable": 61_706}
    usual |= {"dataset": "mnist", "train_images": 60_000, "changes": ""}
    usual |= {"configuration": "a"}
    adam = {"recipe": "lenet5-adam", "test_error": 1.24, "seconds": 30.0}
    held_out = {"held_out": 100, "held_out_error": 5.0, "seconds": None}
    diverged = {"learning_rate": 0.3, "status": "diverged"}
    diverged |= {"train_images": None, "trainable": None}  # which stand in a result
    rows = [
        usual | {"test_error": 2.0, "seconds": 60.0},
        usual | {"seed": 1, "test_error": 1.0, "seconds": 120.0},
        usual | adam | {"configuration": "b"},
        usual | adam | {"configuration": "c", "dataset": "cifar10"},
        usual | held_out | {"configuration": "d"},
        usual | diverged | {"configuration": "e"},
    ]
    runs = pd.DataFrame(rows).sample(frac=1, random_state=0)
    table = summary(runs)
    assert "changes" not in table
    # MNIST before CIFAR-10, then by recipe, results before what they were chosen by.
    # 2 and 1 % wrong: 1.5 on the average, and a deviation of the square root of 1/2.
    assert ["|".join(row) for row in table.to_numpy()] == [
        "MNIST|lenet5-adam|0.001|60,000|10|1|test images|1.24|61,706|0.5",
        "MNIST|note-002|0.001|60,000|10|2|test images|1.50 ± 0.71|61,706|1.5",
        "MNIST|note-002|0.3||10|1|test images|1 of 1 diverged||",
        "MNIST|note-002|0.001|60,000|10|1|held-out images|5.00|61,706|",
        "CIFAR-10|lenet5-adam|0.001|60,000|10|1|test images|1.24|61,706|0.5",
    ]
    runs.loc[runs["configuration"] == "b", "changes"] = "batch_size 32"
    assert summary(runs)["changes"].tolist() == ["batch_size 32", "", "", "", ""]


def test_a_summary_averages_no_run_twice():
    runs = made_up().query("recipe == 'max'").assign(epochs=10, train_images=60_000)
    with pytest.raises(ValueError, match=r"Expected one run per seed.*recipe='max'"):
        summary(pd.concat([runs, runs]))


def compared(network="lenet5_modern", dataset="mnist", recipe="note-002", seeds=(0,)):
    return pd.DataFrame(
        {
            "configuration": recipe + dataset,
            "status": "done",
            "network": network,
            "dataset": dataset,
            "recipe": recipe,
            "changes": "",
            "seed": seed,
            "held_out": 0,
            "epochs": 10,
            "learning_rate": 0.001,
            "trainable": 60_000,
            "connections": 340_908,
            "train_error": 25.0 - 25 * seed,
            "test_error": 50.0 - 10 * seed,
        }
        for seed in seeds
    )


def test_the_comparison_has_mean_and_standard_deviation_over_seeds():
    row = comparison(compared(seeds=(0, 1))).iloc[0]
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
    row = comparison(runs).iloc[0]
    wrong = pretrained.records()["lenet5-cifar10-best"]["test_errors"]
    assert row["complete"] == f"{wrong / 100:.2f} % (180)"
    assert row["short"] == "50.00 % (10)"
    assert "complete: the trained network" in comparison_text(runs)


def test_markdown_has_a_line_a_row_and_numbers_to_the_right():
    lines = markdown(comparison(compared())).splitlines()
    assert len(lines) == 3
    right = [cell[-1] == ":" for cell in lines[1].split("|")[1:-1]]
    assert right == [False] * 2 + [True] * 5
    assert [cell.strip() for cell in lines[2].split("|")[3:5]] == ["60,000", "340,908"]


def test_corrupted_digits_have_means_over_seeds_and_over_the_kinds_left_out():
    rows = [("identity", 0, 1.0), ("shear", 1, 2.0), ("shear", 2, 3.0)]
    rows += [("fog", 1, 40.0), ("fog", 2, 50.0), ("jpeg", 1, 4.0), ("jpeg", 2, 5.0)]
    measured = pd.DataFrame(
        (network, seed, kind, strength, error + seed + (network == "b"))
        for network in ("lenet5-mnist", "b")
        for seed in (0, 1)
        for kind, strength, error in rows
    ).set_axis(["recipe", "seed", "corruption", "strength", "error"], axis=1)
    table = corrupted(measured)
    assert table.to_dict("list") == {
        "errors, %": [
            *("identity", "shear", "fog (left out)", "jpeg (left out)"),
            "mean of those left out",
        ],
        "LeNet-5, no distortions": ["1.50", "3.50", "50.50", "5.50", "28.00"],
        "b": ["2.50", "4.50", "51.50", "6.50", "29.00"],
    }
    every = corrupted(measured.query("seed == 0"), (1, 2), ".1f").set_index("errors, %")
    assert every.loc["shear", "b"] == "3.0 / 4.0"
    assert every.loc["mean of those left out", "b"] == "23.0 / 28.5"
    assert "identity" not in every.index


def test_the_kinds_of_corruption_stand_beside_those_of_mnist_c():
    table = corruptions().set_index("corruption")
    assert len(table) == 19
    assert (table["MNIST-C's"] != "").sum() == 15
    assert table.loc["shear"].tolist()[1:] == ["0.2 / 0.4 / 0.6", "0.4"]


@pytest.fixture
def again(tmp_path, monkeypatch):
    """Stores lines as a study, and others as those of runs that were repeated."""

    def store(stored, repeated):
        paths = [tmp_path / f"{name}.jsonl" for name in ("study", "repeated")]
        for path, lines in zip(paths, (stored, repeated), strict=True):
            write(path, *lines)
        monkeypatch.setattr(results, "stored_studies", lambda: paths)
        return paths[1]

    return store


def test_a_repeated_run_stands_beside_the_stored_one(again):
    epochs = [{"epoch": n, "test_loss": 1 / n, "seconds": 2.5} for n in (1, 2)]
    others = [epochs[0], epochs[1] | {"test_loss": 0.51, "seconds": 9.0}]
    row = {"test_accuracy": 0.98, "seconds": 5.0, "commit": None, "keras": "3.15.1"}
    new = {"test_accuracy": 0.975, "seconds": 7.5, "fixed": 0, "keras": "3.10.0"}
    run = Run("max", "mnist", 3)
    path = again(
        [line(run, row=row, history=epochs), line(RUN)],
        [line(run, row=new, history=others)],
    )
    table = repeated(path)
    assert table.to_dict("records") == [
        {
            "study": "study",
            "run": "max, mnist, seed 3",
            "error stored, %": "2.00",
            "error repeated, %": "2.50",
            # The epochs, and the first loss, but neither the accuracy nor the other.
            "numbers that agree": "3 of 5",
        }
    ]


@pytest.mark.parametrize(
    ("job", "result", "run", "error"),
    [
        (RUN, {"row": {"held_out_accuracy": 0.5}}, "max, mnist, seed 3", "50.00"),
        (
            Trial("ours"),
            {"row": {"error_1": 5.0, "error_2": 2.5}},
            "ours, seed 0",
            "2.50",
        ),
        (
            Reader("lenet5-mnist"),
            {"row": {"slid_line_error": 7.0, "cut_line_error": 9.0}},
            "lenet5-mnist, seed 0",
            "7.00",
        ),
        (
            Robustness("lenet5-mnist"),
            {"row": {}, "rejection": [{"error": 0.85}, {"error": 0.5}]},
            "lenet5-mnist",
            "0.85",
        ),
        (
            Corrupted("lenet5-mnist"),
            {"row": {}, "corrupted": [{"accuracy": 0.975}, {"accuracy": 0.5}]},
            "lenet5-mnist",
            "2.50",
        ),
    ],
)
def test_each_kind_of_job_has_its_error(again, job, result, run, error):
    path = again([line(job, **result)], [line(job, **result)])
    (row,) = repeated(path).to_dict("records")
    assert row["run"] == run
    assert row["error stored, %"] == row["error repeated, %"] == error
    agree, _, count = row["numbers that agree"].partition(" of ")
    assert agree == count


def numbers(value, place=()):
    """Returns all numbers of a JSON value but times, by their place."""
    if isinstance(value, dict | list):
        inside = value if isinstance(value, dict) else dict(enumerate(value))
        return {
            where: number
            for name, own in inside.items()
            if "seconds" not in str(name)
            for where, number in numbers(own, (*place, name)).items()
        }
    return {place: value} if isinstance(value, int | float) else {}


def test_all_numbers_of_the_stored_lines_are_compared():
    parts = ("row", "history", "perturbed", "rejection", "corrupted")
    parts += ("tuning", "measured", "reliability", "unsure", "chosen")
    *studies, path = sorted(stored_studies(), key=lambda file: file.stem == "repeated")
    lines = {line["id"]: line for line in read_results(path)}
    expected = []
    for study in studies:
        for stored in read_results(study):
            if stored["id"] in lines:
                before, after = (
                    numbers({part: own.get(part, {}) for part in parts})
                    for own in (stored, lines[stored["id"]])
                )
                agree = sum(after.get(place) == n for place, n in before.items())
                expected.append((study.stem, f"{agree} of {len(before)}"))
    table = repeated(path)
    found = zip(table["study"], table["numbers that agree"], strict=True)
    assert list(found) == expected
    assert len(expected) >= len(lines)
