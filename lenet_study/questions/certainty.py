"""How sure trained networks are: on their data set, and on images of no digit."""

import dataclasses

import numpy as np
import pandas as pd
from scipy.special import softmax

from lenet_keras import pretrained
from lenet_keras.reading import RUBBISH
from lenet_study.datasets import load_mnist, sources
from lenet_study.images.pixels import network_input
from lenet_study.images.rubbish import KINDS
from lenet_study.training.job import Job, versions

PASSED = 0.99  # share of the held-out digits that a chosen `j` lets pass
TEMPERATURES = [float(f"{own:.3g}") for own in np.geomspace(0.01, 100, 161)]
# The `j` and the temperature of networks that were trained with rubbish, as the study
# `robust` chose them. The others have those of their loss.
CHOSEN = {
    "lenet5-mnist-robust": (80.2125, 8.41),
    "lenet5_modern-mnist-robust": (0.1248, 0.0376),
}
BINS = 10  # of the confidence, from 0 to 1


def as_distances(outputs, network):
    """Returns the outputs of a network as distances, of which the smallest wins.

    Args:
        outputs: Array of shape `(n, 10)`.
        network: `"lenet5"`, whose outputs are distances, or another name: then they are
            probabilities, and the distances are minus their logarithm.
    """
    return outputs if network == "lenet5" else -np.log(outputs + 1e-30)


def posterior(costs, temperature=1.0):
    """Returns the posterior probabilities of the digits and of rubbish.

    `p[i] = exp(-c[i] / T) / sum_k(exp(-c[k] / T))`

    Args:
        costs: Array of shape `(..., 11)`: the distances, and last the cost `j` of
            rubbish; infinity is no rubbish. If a network returns probabilities, their
            negative logarithms are its distances.
        temperature: Positive number `T`.

    Returns:
        Array of shape `(..., 11)`.

    Example:

    >>> posterior(np.log([[1.0, 3.0, 6.0]])).round(3).tolist()
    [[0.667, 0.222, 0.111]]

    Reference:
        LeCun et al. (1998), equation 9.
    """
    return softmax(-np.asarray(costs, "float64") / temperature, axis=-1)


def costs_of(name):
    """Returns the `j` of a trained network, infinite without one, and its temperature.

    Args:
        name: Name of a network of `lenet_keras.load_pretrained`.
    """
    record = pretrained.records()[name]
    own = record["j"] or np.inf, record["temperature"] or 1.0
    return CHOSEN.get(name, own)


def answers_of(name):
    """Returns a function of `uint8` images: the `posterior` of a trained network.

    Args:
        name: Name of a network of `lenet_keras.load_pretrained`.
    """
    record, model = pretrained.records()[name], pretrained.load_pretrained(name)
    j, temperature = costs_of(name)

    def answers(images):
        x = network_input(images, record["pixels"])
        outputs = model.predict(x, batch_size=1000, verbose=0)
        distances = as_distances(outputs, record["model"])
        return posterior(np.insert(distances, RUBBISH, j, axis=1), temperature)

    return answers


def calibration(confidence, right):
    """Compares how sure a network is with how often it is right.

    Args:
        confidence: Array of shape `(n,)`, from 0 to 1.
        right: Boolean array of shape `(n,)`, whether the answers are right.

    Returns:
        `reliability, error`: a list of dictionaries, one for each tenth of the
        confidence that has `images`, with their mean `confidence` and their `accuracy`;
        and the expected calibration error, from 0 to 1: the mean distance between the
        two, weighted by the images.

    Example:

    >>> calibration(np.array([0.75, 0.75]), np.array([True, False]))[1]
    0.25

    Reference:
        Guo et al. (2017), "On calibration of modern neural networks", equation 3.
    """
    tenth = np.minimum((confidence * BINS).astype(int), BINS - 1)
    table = pd.DataFrame({"confidence": confidence, "accuracy": right * 1.0})
    bins = table.groupby(tenth).mean()
    bins.insert(0, "images", np.bincount(tenth)[bins.index])
    gaps = (bins["confidence"] - bins["accuracy"]).abs()
    error = float((gaps * bins["images"]).sum() / len(right))
    return bins.round(5).to_dict(orient="records"), error


def halves(digits, rng):
    """Returns digits of which the upper, lower, left or right half is blank."""
    mask = np.ones((4, 28, 28), "float32")
    mask[0, :14] = mask[1, 14:] = mask[2, :, :14] = mask[3, :, 14:] = 0
    return digits * mask[rng.integers(0, 4, len(digits))]


def drawn(digits, seed):
    """Returns digits, halves of them, and images of no digit, by kind.

    Args:
        digits: `uint8` array of shape `(n, 28, 28)`.
        seed: Integer that determines the images of no digit.
    """
    ink, rng = (digits / 255).astype("float32"), np.random.default_rng(seed)
    made = {
        kind: draw(ink, rng) for kind, draw in ({"half digits": halves} | KINDS).items()
    }
    made = {kind: np.rint(255 * own).astype("uint8") for kind, own in made.items()}
    return {"digits": digits} | made


def measure(run, model):
    """Chooses `j` and the temperature for a run's network on the digits it holds out.

    `j` lets 99 % of the digits pass. The temperature makes the mean of `-log(p)` of the
    right classes smallest.

    Returns:
        Additional results for `Job.do`: `chosen`, a list of dictionaries with the
        `kind` of image, `j` and `temperature`, which are the same for all kinds, and
        the percentage that `passed`: the smallest distance is at most `j`.

    Reference:
        Guo et al. (2017), section 4.2, "temperature scaling".
    """
    (x, y), _ = load_mnist()
    seen = {}
    for kind, images in drawn(x[-run.held_out :], seed=0).items():
        pixels = network_input(images, run.settings.pixels)
        outputs = model.predict(pixels, batch_size=1000, verbose=0)
        seen[kind] = as_distances(outputs, run.settings.network)
    right = range(run.held_out), y[-run.held_out :]
    j = round(float(np.quantile(seen["digits"].min(axis=1), PASSED)), 4)
    costs = np.insert(seen["digits"], RUBBISH, j, axis=1)

    def loss(temperature):
        return -np.log(posterior(costs, temperature)[right] + 1e-30).mean()

    both = {"j": j, "temperature": min(TEMPERATURES, key=loss)}
    chosen = []
    for kind, distances in seen.items():
        passed = 100 * float((distances.min(axis=1) <= j).mean())
        chosen.append({"kind": kind, **both, "passed": round(passed, 2)})
    return {"chosen": chosen}


@dataclasses.dataclass(frozen=True)
class Certainty(Job):
    """How sure a trained network of the package is, and how often it is right.

    Attributes:
        network: Name of a network of `lenet_keras.load_pretrained`.
        seed: Integer that determines the images of no digit.
    """

    network: str
    seed: int = 1

    @property
    def dataset(self):
        """The data set on which the network was trained."""
        return pretrained.records()[self.network]["dataset"]

    @property
    def configuration(self):
        """The attributes, and the weights of the network."""
        return self.request | {"sha256": pretrained.records()[self.network]["sha256"]}

    def do(self, checkpoint=None, progress=None):
        """Measures the network on the test images.

        The `row` has the percentage of `wrong` answers, the mean `confidence` in the
        answer and the expected calibration error, both in percent too. `reliability` is
        that of `calibration`. For the digit networks `unsure` has, for each kind of
        image, the percentage that is `rejected`: no digit is as likely as rubbish.
        """
        *_, images, labels = sources.load(self.dataset).values()
        sure = answers_of(self.network)
        digits = sure(images)[:, :-1]
        confidence, right = digits.max(axis=1), digits.argmax(axis=1) == labels
        reliability, error = calibration(confidence, right)
        numbers = {"wrong": 1 - right, "confidence": confidence, "calibration": error}
        row = {name: round(100 * float(np.mean(n)), 3) for name, n in numbers.items()}
        unsure = []
        kinds = drawn(images, self.seed) if self.dataset == "mnist" else {}
        for kind, own in kinds.items():
            rejected = 100 * float((sure(own).argmax(axis=1) == 10).mean())
            unsure.append({"kind": kind, "rejected": round(rejected, 2)})
        measured = {"reliability": reliability, "unsure": unsure}
        return {"status": "done", "row": row | versions()} | measured
