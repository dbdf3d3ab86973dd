import json

import keras
import numpy as np
import pandas as pd
import pytest

from lenet_study.datasets import load_mnist
from lenet_study.images.perturbations import AMOUNTS, perturb, perturb_all
from lenet_study.images.pixels import network_input
from lenet_study.networks import fully_connected
from lenet_study.questions import perturbations as question
from lenet_study.results import load_measured
from lenet_study.training.run import Run

BACKGROUND, INK = -0.1, 1.175


def done(image, kind, amount, **arguments):
    """What becomes of one image of one channel."""
    images = np.asarray(image, "float32")[None, :, :, None]
    return perturb(images, kind, amount, BACKGROUND, INK, **arguments)[0, :, :, 0]


@pytest.fixture
def image(rng):
    return rng.uniform(BACKGROUND, INK, (9, 9)).astype("float32")


@pytest.mark.parametrize("kind", AMOUNTS)
def test_there_is_an_amount_that_leaves_the_images_as_they_are(kind, image):
    nothing = 1 if kind in ("scale", "squeeze") else 0
    assert nothing in AMOUNTS[kind]
    np.testing.assert_allclose(done(image, kind, nothing), image, atol=1e-6)


@pytest.mark.parametrize("pixels", [-3, 2])
def test_shifts(pixels, image):
    expected = np.full((9, 9), BACKGROUND, "float32")
    kept = image[:, :-pixels] if pixels > 0 else image[:, -pixels:]
    if pixels > 0:
        expected[:, pixels:] = kept
    else:
        expected[:, :pixels] = kept
    np.testing.assert_allclose(done(image, "shift right", pixels), expected, atol=1e-6)
    np.testing.assert_allclose(
        done(image.T, "shift down", pixels), expected.T, atol=1e-6
    )


def test_a_quarter_turn_is_that_of_numpy(image):
    # np.rot90 turns counter-clockwise.
    np.testing.assert_allclose(done(image, "rotation", 90), np.rot90(image), atol=1e-5)
    np.testing.assert_allclose(
        done(image, "rotation", -90), np.rot90(image, -1), atol=1e-5
    )


def test_twice_the_size_puts_the_pixels_twice_as_far_from_the_centre(image):
    larger = done(image, "scale", 2)
    np.testing.assert_allclose(larger[::2, ::2], image[2:7, 2:7], atol=1e-6)
    between = (image[2:7, 2:6] + image[2:7, 3:7]) / 2
    np.testing.assert_allclose(larger[::2, 1::2], between, atol=1e-6)


def test_half_the_size_leaves_background_around(image):
    smaller = done(image, "scale", 0.5)
    np.testing.assert_allclose(smaller[2:7, 2:7], image[::2, ::2], atol=1e-6)
    assert (smaller[0] == np.float32(BACKGROUND)).all()


def test_squeezing_makes_wider_and_lower(image):
    squeezed = done(image, "squeeze", 2)
    np.testing.assert_allclose(squeezed[2:7, ::2], image[::2, 2:7], atol=1e-6)
    assert (squeezed[0] == np.float32(BACKGROUND)).all()


def test_noise_is_salt_and_pepper_on_so_many_pixels():
    images = np.full((50, 20, 20, 3), 0.5, "float32")
    spoilt = perturb(images, "noise", 0.3, BACKGROUND, INK, seed=1)
    values, counts = np.unique(spoilt[..., 0], return_counts=True)
    np.testing.assert_allclose(values, [BACKGROUND, 0.5, INK], rtol=1e-6)
    shares = counts / counts.sum()
    np.testing.assert_allclose(shares, [0.15, 0.7, 0.15], atol=0.01)
    assert (spoilt == spoilt[..., :1]).all()  # all channels of a pixel alike
    assert (spoilt[0] != spoilt[1]).any()
    again = perturb(images, "noise", 0.3, BACKGROUND, INK, seed=1)
    np.testing.assert_array_equal(spoilt, again)
    other = perturb(images, "noise", 0.3, BACKGROUND, INK, seed=2)
    assert (spoilt != other).any()


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("blur", 1), ("scale", 0), ("squeeze", -1), ("noise", 1.1), ("noise", -0.1)],
)
def test_what_cannot_be_done_is_refused(kind, amount, image, message):
    text = message(done, image, kind, amount)
    assert f"kind={kind!r}" in text or f"amount={amount}" in text


FEW = {"shift right": [0, 3], "noise": [0.2]}


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
    table = pd.DataFrame(question.accuracies(model, pixels, images, labels, FEW))
    assert table["perturbation"].tolist() == ["shift right"] * 2 + ["noise"]
    assert table["amount"].tolist() == [0, 3, 0.2]
    prepared = network_input(images, pixels)
    assert len(seen) == len(table)
    for row, changed in zip(table.itertuples(), seen, strict=True):
        expected = perturb(prepared, row.perturbation, row.amount, background, ink)
        np.testing.assert_allclose(changed, expected, atol=1e-5)
        answers = model.predict(expected, verbose=0).argmax(axis=1)
        assert row.accuracy == pytest.approx(np.mean(answers == labels), abs=1e-5)


def test_a_run_has_its_networks_accuracies_too(monkeypatch, tmp_path):
    monkeypatch.setattr(question, "AMOUNTS", FEW)
    measure = "lenet_study.questions.perturbations:measure"
    few = {"train_images": 640, "overrides": {"epochs": 1}}
    run = Run("fc-60000", "mnist", **few, measure=measure)
    result = run.do()
    unmoved, moved, _ = result["perturbed"]
    assert unmoved["accuracy"] == pytest.approx(result["row"]["test_accuracy"])
    assert moved["accuracy"] < unmoved["accuracy"]
    path = tmp_path / "perturbed.jsonl"
    line = {"id": run.id, "run": run.request, "configuration": run.configuration}
    path.write_text(json.dumps(line | result) + "\n")
    table = load_measured("perturbed", path)
    assert table["recipe"].tolist() == ["fc-60000"] * 3
    assert table["accuracy"].tolist() == [m["accuracy"] for m in result["perturbed"]]


def test_the_tolerated_range_ends_where_the_mean_falls_below_the_level():
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
    found = question.tolerated_range(pd.DataFrame(rows, columns=columns), level=0.9)
    assert list(zip(found["recipe"], found["perturbation"], strict=True)) == list(
        values
    )
    np.testing.assert_allclose(found["low"], [-0.5, 0.5, np.nan, 0.0])
    np.testing.assert_allclose(found["high"], [1.5, 1.25, np.nan, 0.1 / 9])


def test_a_digit_is_spoilt_in_one_way_after_another():
    rng = np.random.default_rng(0)
    images = rng.uniform(BACKGROUND, INK, (2, 32, 32, 1)).astype("float32")
    amounts = {"rotation": 20, "shift right": 3, "noise": 0.1}
    expected = images
    for kind in ("rotation", "shift right", "noise"):
        expected = perturb(expected, kind, amounts[kind], BACKGROUND, INK)
    both = perturb_all(images, amounts, BACKGROUND, INK)
    np.testing.assert_array_equal(both, expected)
    neither = perturb_all(images, {}, BACKGROUND, INK)
    np.testing.assert_array_equal(neither, images)
