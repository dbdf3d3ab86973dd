"""What trained networks do on corrupted digits."""

import dataclasses
import itertools

import numpy as np

from lenet_keras import pretrained
from lenet_study.datasets import load_mnist
from lenet_study.images.corruptions import KINDS, LEFT_OUT, corrupt
from lenet_study.questions.perturbations import accuracies, load_compiled, with_accuracy
from lenet_study.training.job import Job, versions


def corrupted(model, pixels, held_out=0, used=60_000):
    """Measures a network on corrupted digits.

    Args:
        model: Trained and compiled network with the metric `accuracy`.
        pixels: The network's input, as in `lenet_keras.preprocessing`.
        held_out: Number of training digits, the last of those that are `used`. They
            replace the test digits, and the kinds of `LEFT_OUT` are not measured.
        used: Number of training digits, counted from the first.

    Returns:
        List of dictionaries with `corruption`, `strength` and `accuracy`. Besides
        `KINDS`, it has three of strength 0: `"identity"`, the digits as they are;
        `"background 30"`, where 0 is 30 and 255 remains, and what is between moves
        linearly; and `"noise 10 %"`, which is that of
        `lenet_study.images.perturbations`.
    """
    (x, y), (images, labels) = load_mnist()
    kinds = [*KINDS]
    if held_out:
        images, labels = x[used - held_out : used], y[used - held_out : used]
        kinds = [kind for kind in KINDS if kind not in LEFT_OUT]
    brighter = np.rint(30 + images * (225 / 255)).astype("uint8")
    measured = []
    for kind, strength in itertools.chain(
        [("identity", 0), ("background 30", 0), ("noise 10 %", 0)],
        itertools.product(kinds, (1, 2, 3)),
    ):
        changed = brighter if kind == "background 30" else images
        if strength:
            changed = corrupt(images, kind, strength)
        noise = {"noise": [0.1 if kind == "noise 10 %" else 0.0]}
        (own,) = accuracies(model, pixels, changed, labels, noise)
        row = {"corruption": kind, "strength": strength, "accuracy": own["accuracy"]}
        measured.append(row)
    return measured


def measure(run, model):
    """Returns the accuracies of a run's network on corrupted digits.

    If the run holds digits out, those are corrupted.
    """
    used, recipe = run.train_images or 60_000, run.settings
    model = with_accuracy(model, recipe.network)
    return {"corrupted": corrupted(model, recipe.pixels, run.held_out, used)}


@dataclasses.dataclass(frozen=True)
class Corrupted(Job):
    """A trained network of the package on corrupted digits.

    Attributes:
        network: Name of a network of `lenet_keras.load_pretrained`, trained on MNIST.
        held_out: Whether the last 10,000 training digits replace the test digits, to
            choose by.
    """

    dataset = "mnist"
    network: str
    held_out: bool = False

    @property
    def configuration(self):
        """The attributes, and the weights of the network."""
        return self.request | {"sha256": pretrained.records()[self.network]["sha256"]}

    def do(self, checkpoint=None, progress=None):
        """Measures the network: `corrupted` has the accuracies."""
        own = corrupted(*load_compiled(self.network), 10_000 * self.held_out)
        return {"status": "done", "row": versions(), "corrupted": own}
