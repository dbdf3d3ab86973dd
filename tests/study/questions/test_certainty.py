from pathlib import Path

import keras
import numpy as np
import pytest

from lenet_keras import pretrained
from lenet_keras.layers import RBFPosterior
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.images.rubbish import KINDS
from lenet_study.questions import certainty
from lenet_study.results import load_measured
from lenet_study.training.run import Run

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("j", [30.0, np.inf])
def test_the_posterior_is_that_of_the_layer(rng, j):
    costs = np.insert(rng.uniform(0, 90, (50, 10)), 10, j, axis=1)
    layer = RBFPosterior(j=None if np.isinf(j) else j, temperature=20.0)
    expected = keras.ops.convert_to_numpy(layer(costs[:, :10]))
    found = certainty.posterior(costs, temperature=20.0)
    np.testing.assert_allclose(found[:, : expected.shape[1]], expected, rtol=1e-5)
    assert found[:, 10].any() == np.isfinite(j)


def test_far_patterns_have_a_posterior():
    assert certainty.posterior(np.array([[1e4, 2e4]])).tolist() == [[1.0, 0.0]]


def test_calibration_compares_confidence_with_accuracy(rng):
    confidence = rng.uniform(0.2, 1, 1000)
    confidence[0] = 1.0
    right = rng.random(1000) < confidence**2
    bins, error = certainty.calibration(confidence, right)
    expected, images = 0.0, []
    for tenth in range(2, 10):
        inside = [
            (c, r)
            for c, r in zip(confidence, right, strict=True)
            if tenth / 10 <= c < (tenth + 1) / 10 or (tenth == 9 and c == 1)
        ]
        gap = sum(c for c, _ in inside) - sum(r for _, r in inside)
        expected += abs(gap) / 1000
        images.append(len(inside))
    assert error == pytest.approx(expected)
    assert [own["images"] for own in bins] == images


def test_one_half_of_a_digit_is_blank(rng):
    kept = certainty.halves(np.ones((100, 28, 28), "float32"), rng)
    corners = {tuple(own[[0, 0, 27, 27], [0, 27, 0, 27]].tolist()) for own in kept}
    assert corners == {(0, 0, 1, 1), (1, 1, 0, 0), (0, 1, 0, 1), (1, 0, 1, 0)}
    assert (kept.sum(axis=(1, 2)) == 392).all()


class Ring:
    """Answers with the ink of an image as the distance to each digit."""

    def predict(self, x, **kwargs):
        ink = x.sum(axis=(1, 2, 3))
        return np.stack([ink + n for n in range(10)], axis=1)


def test_j_lets_99_of_100_held_out_digits_pass():
    run = Run("lenet5-adam", "mnist", held_out=1000)
    chosen = certainty.measure(run, Ring())["chosen"]
    passed = {own["kind"]: own["passed"] for own in chosen}
    assert passed["digits"] == 99.0
    assert len({own["j"] for own in chosen}) == 1
    assert passed["blank"] == 100.0
    assert passed["noise"] == 0.0
    assert passed["half digits"] > 99.0
    assert passed["two digits"] != passed["letters"]
    (temperature,) = {own["temperature"] for own in chosen}
    (x, y), _ = load_mnist()
    ink = prepare(x[-1000:], "paper").sum(axis=(1, 2, 3), dtype="float64")
    costs = np.column_stack(
        [ink[:, None] + np.arange(10), np.full(1000, chosen[0]["j"])]
    )

    def loss(temperature):
        shares = np.exp((costs.min(axis=1, keepdims=True) - costs) / temperature)
        return -np.log(shares[range(1000), y[-1000:]] / shares.sum(axis=1)).mean()

    others = np.geomspace(0.1, 100, 50)
    assert loss(temperature) <= min(map(loss, others)) + 1e-3


def test_the_networks_have_the_costs_that_were_chosen():
    chosen = load_measured("chosen", ROOT / "data/results/robust.jsonl")
    first = chosen.groupby("recipe")[["j", "temperature"]].first()
    assert {name: (*own,) for name, own in first.T.items()} == certainty.CHOSEN
    passed = chosen.set_index(["recipe", "kind"])["passed"].unstack()
    assert (passed["digits"] == 99).all()
    assert passed[[*KINDS]].max(axis=None) <= 5


@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5_modern-mnist"])
def test_a_network_is_measured_on_its_test_images_and_on_rubbish(name):
    result = certainty.Certainty(name).do()
    record = pretrained.records()[name]
    images = sum(own["images"] for own in result["reliability"])
    right = sum(own["images"] * own["accuracy"] for own in result["reliability"])
    assert images == 10_000
    assert right == pytest.approx(10_000 - record["test_errors"], abs=1)
    assert 0 < result["row"]["calibration"] < 5
    assert result["row"]["wrong"] == pytest.approx(record["test_errors"] / 100)
    rejected = {own["kind"]: own["rejected"] for own in result["unsure"]}
    assert rejected["digits"] < 5
    # Without a rubbish class nothing is rejected.
    assert any(rejected.values()) == (record["j"] is not None)
