import numpy as np
import pytest

from lenet_keras import pretrained
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.questions import perturbations as robustness
from lenet_study.results import load_measured
from lenet_study.training.stored import store_result


@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5_modern-mnist"])
def test_a_network_is_measured_on_changed_and_on_rejected_digits(
    name, monkeypatch, tmp_path
):
    monkeypatch.setattr(robustness, "AMOUNTS", {"shift right": [0, 2]})
    shipped = robustness.Robustness(name)
    result = shipped.do()
    assert result["status"] == "done"

    _, (images, labels) = load_mnist()
    record = pretrained.records()[name]
    x = prepare(images, record["pixels"])
    moved = np.full_like(x, x.min())
    moved[:, :, 2:] = x[:, :, :-2]
    sign = -1 if record["model"] == "lenet5" else 1
    model = pretrained.load_pretrained(name)
    certainty = sign * model.predict(x, batch_size=1000, verbose=0)
    if sign > 0:
        certainty = np.log(certainty + 1e-30)
    right = certainty.argmax(axis=1) == labels
    right_moved = (sign * model.predict(moved, verbose=0)).argmax(axis=1) == labels
    assert result["perturbed"] == [
        {
            "perturbation": "shift right",
            "amount": amount,
            "accuracy": pytest.approx(found.mean(), abs=1e-4),
        }
        for amount, found in ((0.0, right), (2.0, right_moved))
    ]
    assert right.sum() == 10_000 - record["test_errors"]

    # The least certain are rejected first.
    ordered = np.sort(certainty, axis=1)
    order = np.argsort(ordered[:, -1] - ordered[:, -2], kind="stable")
    for place in result["rejection"]:
        left = right[order][round(100 * place["rejected"]) :]
        error = 100 * (1 - left.mean())
        assert place["error"] == pytest.approx(error, abs=0.011)  # one digit
    assert [place["rejected"] for place in result["rejection"]] == pytest.approx(
        robustness.REJECTED
    )

    file = tmp_path / "robustness.jsonl"
    stored = {"id": shipped.id, "run": shipped.request}
    store_result(file, stored | {"configuration": shipped.configuration} | result)
    perturbed, rejection = (load_measured(n, file) for n in ("perturbed", "rejection"))
    assert perturbed["network"].tolist() == [name] * 2
    assert rejection["error"].is_monotonic_decreasing
