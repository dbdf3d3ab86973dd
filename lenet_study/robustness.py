"""What the trained networks do on changed digits, and when they may reject some."""

import numpy as np

from lenet_keras import pretrained
from lenet_keras.losses import MaximumAPosteriori
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.preprocessing import prepare
from lenet_study.datasets import load_mnist
from lenet_study.mistakes import nearest_two, rejection_curve
from lenet_study.perturbations import AMOUNTS, accuracies
from lenet_study.training import code

NETWORKS = [
    *("lenet5-mnist", "lenet5-mnist-distorted", "lenet5-mnist-best"),
    *("lenet5_modern-mnist", "lenet5_modern-mnist-best"),
]
REJECTED = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0]  # percent of all digits


def do_shipped(shipped, measure=None, checkpoint=None, progress=None):
    """Measures a network on the test digits, for `lenet_study.sweep.sweep`.

    Args:
        shipped: `lenet_study.pretrain.Shipped`, trained on MNIST.
        measure: Not used.
        checkpoint: Not used.
        progress: Not used.

    Returns:
        Dictionary of `status`; `row`, where the code stood; `perturbed`, as
        `lenet_study.perturbations.measure` returns it; and `rejection`, the error
        in percent on the digits that are left when a percentage is rejected.
    """
    _, (images, labels) = load_mnist()
    record = pretrained.records()[shipped.network]
    model = pretrained.load_pretrained(shipped.network)
    distances = record["model"] == "lenet5"
    if distances:
        model.compile(loss=MaximumAPosteriori(), metrics=[RBFAccuracy("accuracy")])
    else:
        model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    table = accuracies(model, record["pixels"], images, labels, AMOUNTS)
    x = prepare(images, record["pixels"])
    outputs = model.predict(x, batch_size=1000, verbose=0)
    if not distances:
        outputs = -np.log(outputs + 1e-30)
    rejected, errors = rejection_curve(nearest_two(outputs, labels))
    places = [round(len(x) * percent / 100) for percent in REJECTED]
    return {
        "status": "done",
        "row": code(),
        "perturbed": table.to_dict(orient="records"),
        "rejection": [
            {"rejected": float(rejected[n]), "error": round(float(errors[n]), 3)}
            for n in places
        ],
    }
