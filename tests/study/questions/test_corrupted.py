import numpy as np
import pytest

from lenet_keras import pretrained
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.images.corruptions import KINDS, corrupt
from lenet_study.images.perturbations import perturb
from lenet_study.questions import corruptions as question
from lenet_study.training.run import Run

FEW = ["fog", "shear"]  # the first is left out of choosing
MEASURE = "lenet_study.questions.corruptions:measure"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Fewer test digits and kinds."""
    train, (images, labels) = load_mnist()
    digits = train, (images[:300], labels[:300])
    monkeypatch.setattr(question, "load_mnist", lambda: digits)
    monkeypatch.setattr(question, "KINDS", {kind: KINDS[kind] for kind in FEW})
    return digits


@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5_modern-mnist"])
def test_a_network_is_measured_on_corrupted_digits(name, few):
    images, labels = few[1]
    record, model = pretrained.records()[name], pretrained.load_pretrained(name)
    brighter = np.rint(30 + images / 255 * 225).astype("uint8")
    expected = {("identity", 0): images, ("background 30", 0): brighter}
    expected |= {
        (kind, strength): corrupt(images, kind, strength)
        for kind in FEW
        for strength in (1, 2, 3)
    }
    inputs = {key: prepare(own, record["pixels"]) for key, own in expected.items()}
    plain = inputs["identity", 0]
    inputs["noise 10 %", 0] = perturb(plain, "noise", 0.1, -0.1, 1.175)
    sign = -1 if record["model"] == "lenet5" else 1
    right = {
        key: np.mean((sign * model.predict(x, verbose=0)).argmax(axis=1) == labels)
        for key, x in inputs.items()
    }
    result = question.Corrupted(name).do()
    assert result["status"] == "done"
    measured = result["corrupted"]
    found = {(m["corruption"], m["strength"]): m["accuracy"] for m in measured}
    assert len(measured) == len(found) == 3 + 2 * 3
    assert found == pytest.approx(right, abs=1e-5)


def test_what_chooses_sees_neither_test_digits_nor_kinds_left_out(monkeypatch, few):
    x, y = few[0]
    seen = []

    def accuracies(model, pixels, images, labels, noise):
        seen.append((images, labels))
        return [{"accuracy": 0.5}]

    monkeypatch.setattr(question, "accuracies", accuracies)
    result = question.Corrupted("lenet5-mnist", held_out=True).do()
    kinds = [m["corruption"] for m in result["corrupted"]]
    assert kinds == ["identity", "background 30", "noise 10 %", *["shear"] * 3]
    np.testing.assert_array_equal(seen[0][0], x[-10_000:])
    np.testing.assert_array_equal(seen[3][0], corrupt(x[-10_000:], "shear", 1))
    for _, labels in seen:
        np.testing.assert_array_equal(labels, y[-10_000:])


@pytest.mark.parametrize("held_out", [0, 200])
def test_a_run_measures_its_own_unseen_digits(held_out):
    digits = {"train_images": 840, "held_out": held_out}
    run = Run("fc-60000", "mnist", overrides={"epochs": 1}, measure=MEASURE, **digits)
    result = run.do()
    measured = result["corrupted"]
    assert len(measured) == (6 if held_out else 9)
    identity = measured[0]["accuracy"]
    if held_out:
        assert identity == pytest.approx(result["row"]["held_out_accuracy"], abs=1e-5)
    else:
        assert 0.3 < identity < 1
