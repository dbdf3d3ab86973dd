"""What the texts find in the stored results."""

import itertools
from pathlib import Path

import pytest

from lenet_keras import pretrained
from lenet_study import networks
from lenet_study.networks.anatomy import growth
from lenet_study.questions.perturbations import tolerated_range
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

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "data/results"


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
        best = {name for own in RECOMMENDED.values() for name in own.values()}
        for name in best | set(earlier["recipe"]):
            runs = recommended if name.endswith("-best") else earlier
            own = runs[runs["recipe"] == name]
            assert sorted(own["seed"]) == [0, 1, 2]
            assert set(own["epochs"]) == {RECIPES[name].epochs}
            assert set(own["learning_rate"]) == {RECIPES[name].learning_rate}
            assert (own["held_out"] == 0).all()

    def test_it_is_better_than_the_shorter_training(self):
        earlier = load(RESULTS / "shorter.jsonl")
        for network, dataset in itertools.product(RECOMMENDED, ["mnist", "cifar10"]):
            own = earlier[earlier["network"] == network]
            (shorter,) = set(own[own["dataset"] == dataset]["recipe"])
            before = errors("shorter", dataset, shorter)
            after = errors("best", dataset, RECOMMENDED[network][dataset])
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
