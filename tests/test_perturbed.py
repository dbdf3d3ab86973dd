import functools
import json
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd
import pytest

from lenet_keras.datasets import load_mnist, prepare
from lenet_keras.datasets.perturb import perturb
from lenet_keras.experiments import perturbed as module
from lenet_keras.experiments.sweep import Unit, sweep
from lenet_keras.models import fully_connected
from lenet_keras.recipes import NOISY, TRIED

AMOUNTS = {"shift right": [0, 3], "noise": [0.2]}


@pytest.mark.parametrize(
    ("pixels", "background", "ink"),
    [
        ("raw", 0, 255),
        ("paper-unpadded", -0.1, 1.175),
        ("paper", -0.1, 1.175),
        ("paper-permuted", -0.1, 1.175),
    ],
)
def test_accuracies_are_those_on_the_perturbed_digits(
    pixels, background, ink, monkeypatch
):
    _, (images, labels) = load_mnist()
    images, labels = images[:200], labels[:200]
    side = 28 if pixels in ("raw", "paper-unpadded") else 32
    model = fully_connected((side, side, 1), hidden=(4,))
    metric = keras.metrics.SparseCategoricalAccuracy("accuracy")
    model.compile(loss="sparse_categorical_crossentropy", metrics=[metric])
    seen, evaluate = [], model.evaluate
    monkeypatch.setattr(
        model, "evaluate", lambda x, *a, **kw: seen.append(x) or evaluate(x, *a, **kw)
    )
    table = module.accuracies(model, pixels, images, labels, AMOUNTS)
    assert table["perturbation"].tolist() == ["shift right"] * 2 + ["noise"]
    assert table["amount"].tolist() == [0, 3, 0.2]
    prepared = prepare(images, pixels)
    assert len(seen) == len(table)
    for row, changed in zip(table.itertuples(), seen, strict=True):
        expected = perturb(prepared, row.perturbation, row.amount, background, ink)
        np.testing.assert_allclose(changed, expected, atol=1e-5)
        answers = model.predict(expected, verbose=0).argmax(axis=1)
        assert row.accuracy == pytest.approx(np.mean(answers == labels), abs=1e-5)


def accuracy(unit, place):
    """Made up: another one for each network, seed and column of the table."""
    network = [*TRIED, *NOISY].index(unit.recipe)
    return 0.1 * network + 0.01 * place + 0.002 * unit.seed


def fake_sweep(units, output, do, **where):
    """Writes made-up results, of networks at their best where nothing is moved."""
    for unit in units:
        measured = [
            {"perturbation": "shift right", "amount": a, "accuracy": 1 - abs(a) / 10}
            for a in (-1.0, 0.0, 2.0)
        ]
        measured += [
            {"perturbation": kind, "amount": amount, "accuracy": accuracy(unit, place)}
            for place, (kind, amount) in enumerate(module.SHOWN.values())
            if place > 0
        ]
        result = {"name": unit.name, "status": "done", "perturbed": measured}
        (output / f"{unit.name}.json").write_text(json.dumps(result))


def test_the_table_has_a_row_a_run_and_amount(monkeypatch, tmp_path):
    output = tmp_path / "perturbed"
    output.mkdir()
    monkeypatch.setattr(module, "sweep", fake_sweep)
    table = module.perturbed(output, seeds=range(2))
    assert len(table) == 7 * 2 * (3 + 6)
    assert set(table["seed"]) == {0, 1}
    stored = pd.read_csv(output / "perturbed.csv")
    pd.testing.assert_frame_equal(stored, table)
    assert (output / "perturbed.png").stat().st_size > 10_000
    text = (output / "perturbed.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split("|") for line in text.splitlines()]
    assert len(rows) == 2 + 7
    assert [cell.strip() for cell in rows[0]] == ["digits right, %", *module.SHOWN]
    # The mean of the two seeds is 0.1 above the first one's percentage.
    titles = ["LeNet-5 (1998)", "modern variant", "28x28-300-10", "28x28-300-100-10"]
    titles += ["28x28-75-10", "LeNet-5, noise in training", "modern, noise in training"]
    for network, title in enumerate(titles):
        expected = [f"{10 * network + place + 0.1:.1f}" for place in range(1, 7)]
        cells = [cell.strip() for cell in rows[2 + network]]
        assert cells == [title, "100.0", *expected]


def test_a_run_that_is_missing_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "sweep", lambda *args, **kwargs: None)
    with pytest.raises(
        RuntimeError, match=r"Received: .*mnist_loss-9_seed-0.*'missing'"
    ):
        module.perturbed(tmp_path / "perturbed", seeds=[0])
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_not_measured_is_an_error(monkeypatch, tmp_path):
    def plain_sweep(units, output, do, **where):
        result = {"name": units[0].name, "status": "done"}
        (output / f"{units[0].name}.json").write_text(json.dumps(result))

    monkeypatch.setattr(module, "sweep", plain_sweep)
    with pytest.raises(RuntimeError, match=r"remove what is none.*'done'"):
        module.perturbed(tmp_path, seeds=[0])


class Here(ThreadPoolExecutor):
    """Does the units in this process."""


def test_a_unit_has_its_networks_accuracies_too(monkeypatch, tmp_path):
    few = functools.partial(module.accuracies, amounts=AMOUNTS)
    monkeypatch.setattr(module, "accuracies", few)
    monkeypatch.setattr("lenet_keras.experiments.sweep.ProcessEach", Here)
    unit = Unit("fc-60000", "mnist", passes=1, train_images=640)
    sweep([unit], tmp_path, do=module.perturbed_unit)
    result = json.loads((tmp_path / f"{unit.name}.json").read_text())
    unmoved, moved, _ = result["perturbed"]
    assert unmoved["accuracy"] == pytest.approx(result["row"]["test_accuracy"])
    assert moved["accuracy"] < unmoved["accuracy"]


def test_reach_is_where_the_mean_falls_below_the_level():
    values = {
        ("a", "shift right"): {-2: 0.5, -1: 0.8, 0: 1.0, 1: 0.95, 2: 0.85},
        ("a", "scale"): {0.5: 0.91, 1.0: 1.0, 2.0: 0.6},
        ("b", "scale"): {0.5: 0.7, 1.0: 0.8, 2.0: 0.6},
        ("b", "noise"): {0.0: 0.95, 0.1: 0.5},
    }
    rows = [
        (recipe, kind, seed, amount, accuracy + 0.01 * (2 * seed - 1))
        for (recipe, kind), curve in values.items()
        for amount, accuracy in curve.items()
        for seed in (0, 1)
    ]
    columns = ["recipe", "perturbation", "seed", "amount", "accuracy"]
    found = module.reach(pd.DataFrame(rows, columns=columns), level=0.9)
    assert list(zip(found["recipe"], found["perturbation"], strict=True)) == list(
        values
    )
    np.testing.assert_allclose(found["low"], [-0.5, 0.5, np.nan, 0.0])
    np.testing.assert_allclose(found["high"], [1.5, 1.25, np.nan, 0.1 / 9])
