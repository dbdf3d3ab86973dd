import dataclasses

import keras
import numpy as np
import pytest

from lenet_keras import sdlm
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.questions.interpretations import (
    INTERPRETATIONS,
    Interpretation,
    Trial,
    probe,
)
from lenet_study.recipes import RECIPES
from lenet_study.training.sweep import sweep

FAN_IN = {"C1": 25, "S2": 4, "S4": 4, "C5": 400, "F6": 120}


def weights(interpretation, seed=0):
    model = interpretation.network(seed)
    return {weight.path: weight.numpy() for weight in model.trainable_weights}


def changes(interpretation, base):
    one, other = dataclasses.asdict(interpretation), dataclasses.asdict(base)
    return [name for name in one if name != "why" and one[name] != other[name]]


def test_each_interpretation_is_an_earlier_one_with_a_change():
    names = list(INTERPRETATIONS)
    for i, name in enumerate(names[1:], 1):
        fewest = min(
            len(changes(INTERPRETATIONS[name], INTERPRETATIONS[n])) for n in names[:i]
        )
        assert fewest == (2 if name == "library" else 1)
        assert INTERPRETATIONS[name].why
    assert INTERPRETATIONS["literal"] == Interpretation()


def test_ours_is_the_recipe_of_the_papers_method():
    recipe, ours = RECIPES["lenet5-mnist"], INTERPRETATIONS["ours"]
    assert ours.loss == 9
    assert recipe.loss == "MaximumAPosteriori"
    assert ours.rate_scale == recipe.learning_rate
    assert ours.estimates_in_first_epoch == recipe.estimates_in_first_epoch
    assert recipe.network_arguments == {"kernel_initializer": "lecun_uniform"}
    assert (ours.spread**2, ours.power) == (pytest.approx(3), 0.5)


@pytest.mark.parametrize("spread", [2.4, 3**0.5])
@pytest.mark.parametrize("power", [1, 0.5])
@pytest.mark.parametrize("bias_counts", [False, True])
def test_weights_fill_their_range(spread, power, bias_counts):
    interpretation = Interpretation(
        spread, power, bias_counts, biases_drawn=True, coefficient=None
    )
    for path, values in weights(interpretation).items():
        layer, _ = path.split("/")
        if layer == "C3":
            continue
        limit = spread / (FAN_IN[layer] + bias_counts) ** power
        assert np.abs(values).max() <= limit
        assert np.abs(values).max() > limit * (0.6 if values.size < 20 else 0.95)


def test_c3_has_the_fan_in_of_each_of_its_maps():
    kernel = weights(INTERPRETATIONS["literal"])["C3/kernel"]
    sizes = np.repeat([75, 100, 150], [6 * 3, 9 * 4, 6])  # of the maps of 60 kernels
    largest = np.abs(kernel).max(axis=(0, 1)) * sizes / 2.4
    assert largest.max() <= 1
    assert largest.min() > 0.8


def test_a_network_differs_only_in_what_its_interpretation_names():
    literal = weights(INTERPRETATIONS["literal"])
    drawn, all_drawn = (
        weights(INTERPRETATIONS[n]) for n in ("biases-drawn", "all-drawn")
    )
    for path, values in literal.items():
        same_in_all_drawn = "kernel" in path
        if path.endswith("bias"):
            assert (values == 0).all()
            assert (drawn[path] != 0).all()
        else:
            np.testing.assert_array_equal(drawn[path], values)
        if path.endswith("coefficient"):
            assert (values == 0.25).all()
        assert (all_drawn[path] == values).all() == same_in_all_drawn
    for name in ("loss-9", "half-error", "mean-error", "average", "quarter-rate"):
        for path, values in weights(INTERPRETATIONS[name]).items():
            np.testing.assert_array_equal(values, literal[path])


def test_a_scaled_error_and_an_average_are_trained_as_what_they_are():
    model = INTERPRETATIONS["literal"].network(0)
    rng = np.random.default_rng(0)
    h = [rng.uniform(0, 1, weight.shape) for weight in model.trainable_weights]
    eta, gradient = 5e-4 / 4, 3.0
    interpretation = Interpretation(
        error_scale=1 / 2, curvature_scale=5, subsampling="average", rate_scale=1 / 4
    )
    found = zip(
        model.trainable_weights,
        h,
        interpretation.rates(model, h),
        interpretation.divisors(model, h),
        strict=True,
    )
    for weight, curvature, rates, divisors in found:
        # The weight that the interpretation trains is `times` ours.
        times = 4 if weight.name == "coefficient" else 1
        expected = eta / (0.02 + 5 * 0.5 * curvature / times**2)
        np.testing.assert_allclose(rates, expected)
        step = expected * 0.5 * gradient / times
        np.testing.assert_allclose(eta * gradient / divisors, step / times)


def test_probe_gives_sizes_and_rates(monkeypatch):
    interpretation = INTERPRETATIONS["half-error"]
    model = interpretation.network(0)
    h = [np.full(w.shape, i, "float32") for i, w in enumerate(model.trainable_weights)]
    monkeypatch.setattr(sdlm, "diagonal_curvature", lambda *_: h)
    found = probe(interpretation)
    layers = ["C1", "S2", "C3", "S4", "C5", "F6"]
    assert found.index.tolist() == ["input", *layers]
    x = prepare(load_mnist()[0][0][:500], "paper")
    for name in ("input", "C1", "C5"):
        outputs = keras.Model(model.input, model.get_layer(name).output)
        values = outputs.predict(x, verbose=0).reshape(500, -1).astype("float64")
        expected = np.sqrt(np.mean(np.mean(values**2, 0) - np.mean(values, 0) ** 2))
        assert found.loc[name, "output"] == pytest.approx(expected, rel=1e-3)
    for i, name in enumerate(layers):
        kernel, bias = 2 * i, 2 * i + 1  # their curvatures
        row = found.loc[name]
        assert row["lowest_learning_rate"] == pytest.approx(5e-4 / (0.02 + bias / 2))
        assert row["highest_learning_rate"] == pytest.approx(5e-4 / (0.02 + kernel / 2))
        most = np.mean([kernel, bias]) if name in ("S2", "S4") else kernel
        assert row["curvature"] == most


def test_an_interpretation_that_fails_has_a_result_that_says_so(tmp_path):
    path = tmp_path / "interpretations.jsonl"
    trial = Trial("literal", train_images=500, epochs=1)
    (result,) = sweep([trial], path)
    assert result["run"] == trial.request
    assert result["configuration"]["interpretation"] == {}
    row = result["row"]
    assert row["failure"] == "Training saturated in epoch 1"
    # F6's weighted sums are near 0, where the slope is 1.7159 * 2 / 3. A bias there
    # has the curvature 2 * slope ** 2, the most; most weights have next to none.
    most = 2 * (1.7159 * 2 / 3) ** 2
    assert row["lowest_learning_rate"] == pytest.approx(5e-4 / (0.02 + most), rel=1e-3)
    assert row["highest_learning_rate"] == pytest.approx(5e-4 / 0.02, rel=1e-3)


def test_trials_differ_by_all_that_is_asked():
    trial = Trial("literal")
    changes = [
        {"interpretation": "root"},
        {"seed": 1},
        {"train_images": 500},
        {"epochs": 3},
    ]
    others = [dataclasses.replace(trial, **change) for change in changes]
    assert len({trial.id, *(other.id for other in others)}) == 5


def test_real_digits_are_learned():
    row = Trial("ours", train_images=3_000, epochs=1).do()["row"]
    assert row["failure"] == ""
    assert row["error_1"] < 15


def test_training_gets_the_interpretations_rates_and_no_held_out_digits(monkeypatch):
    given = {}

    def fit(model, x, y, validation_data, callbacks, **_):
        given.update(x=x, y=y, unseen=validation_data)
        estimation, _ = callbacks
        estimation.set_model(model)
        model.optimizer.build(model.trainable_variables)
        h = [np.full(w.shape, 0.5) for w in model.trainable_weights]
        monkeypatch.setattr(sdlm.CurvatureEstimation, "estimate", lambda self, x, y: h)
        model.optimizer.set_curvature(estimation.estimate(x, y))
        given["scales"] = model.optimizer.scales()
        given["divisors"] = INTERPRETATIONS["average"].divisors(model, h)
        model.history = keras.callbacks.History()
        model.history.history = {"val_accuracy": [0.9, 0.95]}

    monkeypatch.setattr(sdlm, "fit", fit)
    row = Trial("average", train_images=60_000).do()["row"]
    (_, labels), _ = load_mnist()
    np.testing.assert_array_equal(given["y"], labels[:50_000])
    np.testing.assert_array_equal(given["unseen"][1], labels[50_000:])
    for scale, divisor in zip(given["scales"], given["divisors"], strict=True):
        np.testing.assert_allclose(scale, 1 / divisor, rtol=1e-5)
    assert (row["error_1"], row["error_2"], row["failure"]) == (10, 5, "")
    assert row["lowest_learning_rate"] == pytest.approx(5e-4 / 0.52)
    assert row["highest_learning_rate"] == pytest.approx(5e-4 / (0.02 + 0.5 / 16))
