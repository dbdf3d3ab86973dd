"""The paper's training protocol: LeNet-5 on MNIST by one-pattern updates, 20 passes."""

import dataclasses
import platform
import time
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lenet_keras import sdlm
from lenet_keras.datasets import load_mnist, prepare
from lenet_keras.datasets.distort import Ranges, distorted_passes
from lenet_keras.experiments.run import ESTIMATES_IN_FIRST_PASS, ProgressBar
from lenet_keras.files import replacing
from lenet_keras.initializers import FanInUniform
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5

INITIALIZERS = {
    "lecun_uniform": keras.initializers.LecunUniform,
    "fan_in_uniform": FanInUniform,
}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How LeNet-5 is trained the 1998 way; by default, as our results were made.

    Attributes:
        loss: 8 or 9, the paper's equation.
        j: Positive number, the rubbish class's distance in loss (9).
        initializer: `"lecun_uniform"`, `+-sqrt(3 / F)`, or `"fan_in_uniform"`, the
            paper's `+-2.4 / F`.
        rate_scale: Positive number by which the paper's global rates are multiplied.
        mu: Positive number added to the curvature in equation (21).
        estimates_in_first_pass: Positive integer: estimates of the curvature in the
            first pass; the paper has one.
        passes: Positive integer.
        train_size: Number of training digits, the first ones.
        distortions: Whether each digit is there nine times distorted too.
        distortion_scale: Positive number by which the ranges of
            `lenet_keras.datasets.distort.Ranges` are multiplied.
        order: `"once"`, the paper's constant random order, or `"every_pass"`.
        held_out: Number of training digits, the last ones of `train_size`, that are
            measured on in the place of the test digits, and not trained on.
    """

    loss: int = 9
    j: float = 10.0
    initializer: str = "lecun_uniform"
    rate_scale: float = 0.25
    mu: float = 0.02
    estimates_in_first_pass: int = ESTIMATES_IN_FIRST_PASS
    passes: int = 20
    train_size: int = 60_000
    distortions: bool = False
    distortion_scale: float = 1.5
    order: str = "once"
    held_out: int = 0

    def __post_init__(self):
        if self.loss not in (8, 9):
            raise ValueError(f"Expected loss 8 or 9. Received: loss={self.loss}")
        if self.initializer not in INITIALIZERS:
            raise ValueError(
                f"Expected an initializer among {list(INITIALIZERS)}. "
                f"Received: initializer={self.initializer!r}"
            )
        if not 0 <= self.held_out < self.train_size <= 60_000:
            raise ValueError(
                "Expected 0 <= held_out < train_size <= 60000. "
                f"Received: held_out={self.held_out}, train_size={self.train_size}"
            )
        if self.distortions and self.order != "once":
            raise ValueError(
                "Expected order 'once' with distortions, which stand in one order. "
                f"Received: order={self.order!r}"
            )

    @property
    def name(self):
        """What tells the protocol from the default one of its loss, as a file name."""
        parts = [f"loss{self.loss}"]
        if self.distortions:
            parts.append("distorted")
        default = Protocol(loss=self.loss, distortions=self.distortions)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != getattr(default, field.name):
                parts.append(f"{field.name}-{value}")
        return "_".join(parts)


def reproduce(output, protocol, seed=0):
    """Trains the faithful LeNet-5 on MNIST by the paper's method.

    In the folder `output`, under the name of the protocol and the seed, it writes

    - `.csv`: a row a pass, as soon as the pass is over, with all that is needed to
      repeat it;
    - `.answers.csv`: after the last pass, for each test digit the two nearest classes
      and their distances;
    - `.weights.h5`: the network after the last pass.

    A run whose weights are there is not made again; one that was broken off goes on
    after its last whole pass, and ends with the weights that it would have had.

    Args:
        output: Folder; it is made if it is not there.
        protocol: `Protocol`.
        seed: Integer from which the initial weights, the order, the distortions and
            the patterns for the curvature follow.

    Returns:
        `pandas.DataFrame` with one row a pass.

    Raises:
        RuntimeError: If training diverges or saturates.
        OSError: If the folder cannot be written to.
        lenet_keras.datasets.sources.DataError: If MNIST cannot be had.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    name = f"{protocol.name}_seed-{seed}"
    table, weights, answers, checkpoint = (
        output / f"{name}{ending}"
        for ending in (".csv", ".weights.h5", ".answers.csv", ".checkpoint.npz")
    )
    if weights.exists():
        checkpoint.unlink(missing_ok=True)  # left if the run was killed at its end
        return pd.read_csv(table)

    (x_train, y_train), (x_unseen, y_unseen) = load_mnist()
    split = protocol.train_size - protocol.held_out
    if protocol.held_out:
        x_unseen, y_unseen = (
            part[split : protocol.train_size] for part in (x_train, y_train)
        )
    x_train, y_train = prepare(x_train[:split], "paper"), y_train[:split]
    x_unseen = prepare(x_unseen, "paper")

    keras.utils.set_random_seed(seed)
    model = lenet5(kernel_initializer=INITIALIZERS[protocol.initializer])
    model.compile(
        optimizer=sdlm.SDLM(
            sdlm.paper_schedule(split, protocol.rate_scale), protocol.mu
        ),
        loss=MaximumAPosteriori(protocol.j)
        if protocol.loss == 9
        else RBFMeanSquaredError(),
        metrics=[RBFAccuracy(name="accuracy")],
    )
    patterns = {"x": x_train, "y": y_train, "shuffle": protocol.order}
    if protocol.distortions:
        # They stand in a random order already.
        ranges = Ranges().times(protocol.distortion_scale)
        passes = distorted_passes(x_train, y_train, seed, ranges)
        patterns = {"x": passes, "shuffle": False}
    unseen = "held_out" if protocol.held_out else "test"
    settings = {
        "model": "lenet5",
        "dataset": "mnist",
        "seed": seed,
        **dataclasses.asdict(protocol),
        "python": platform.python_version(),
        "keras": keras.version(),
        "backend": f"{keras.backend.backend()} {version(keras.backend.backend())}",
    }
    sdlm.fit(
        model,
        **patterns,
        seed=seed,
        epochs=protocol.passes,
        validation_data=(x_unseen, y_unseen),
        callbacks=[
            sdlm.CurvatureEstimation(
                x_train,
                y_train,
                patterns=min(500, split),
                estimates_in_first_pass=protocol.estimates_in_first_pass,
                seed=seed,
            ),
            ProgressBar(name),
            _Rows(table, settings, unseen, x_train, y_train),
        ],
        checkpoint=checkpoint,
        verbose=0,
    )
    with replacing(answers) as file:
        _answers(model, x_unseen, y_unseen).to_csv(file, index=False)
    with replacing(weights) as file:
        model.save_weights(file)
    checkpoint.unlink()
    return pd.read_csv(table)


class _Rows(keras.callbacks.Callback):
    """Writes a row a pass; measures the error on the training digits for it."""

    def __init__(self, path, settings, unseen, x_train, y_train):
        super().__init__()
        self.path, self.settings, self.unseen = path, settings, unseen
        self.x_train, self.y_train = x_train, y_train

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.start
        scales = [np.ravel(scale) for scale in self.model.optimizer.scales()]
        rates = self.rate * np.concatenate(scales)
        after = self.model.evaluate(
            self.x_train, self.y_train, batch_size=1000, return_dict=True, verbose=0
        )
        row = {
            "pass": epoch + 1,
            "train_error_on_the_fly": _percent(logs["accuracy"]),
            "train_error": _percent(after["accuracy"]),
            f"{self.unseen}_error": _percent(logs["val_accuracy"]),
            "train_loss_on_the_fly": round(logs["loss"], 5),
            "train_loss": round(after["loss"], 5),
            f"{self.unseen}_loss": round(logs["val_loss"], 5),
            "lowest_rate": f"{rates.min():.3g}",
            "highest_rate": f"{rates.max():.3g}",
            "seconds": round(seconds, 1),
        }
        rows = pd.DataFrame([self.settings | row])
        if epoch > 0:
            before = pd.read_csv(self.path)
            rows = pd.concat([before[before["pass"] <= epoch], rows])
        with replacing(self.path) as file:
            rows.to_csv(file, index=False)


def _percent(accuracy):
    return round(100 * (1 - accuracy), 3)


def _answers(model, x, labels):
    """Returns the two nearest classes of each pattern, and their distances."""
    distances = model.predict(x, batch_size=1000, verbose=0)
    nearest = np.argsort(distances, axis=1)
    best, second = (distances[np.arange(len(x)), nearest[:, k]] for k in (0, 1))
    return pd.DataFrame(
        {
            "label": labels,
            "answer": nearest[:, 0],
            "distance": best.round(3),
            "second_answer": nearest[:, 1],
            "second_distance": second.round(3),
        }
    )


def load_runs(folder, name):
    """Returns the stored runs of one protocol, a row a pass.

    Args:
        folder: Folder of the results of `reproduce`.
        name: The protocol's name, such as `"loss9"`.

    Returns:
        `pandas.DataFrame`, in the order of the seeds.

    Raises:
        FileNotFoundError: If the folder has no such run.
    """
    tables = [
        pd.read_csv(path) for path in paths_by_seed(folder, name, ".csv").values()
    ]
    return pd.concat(tables, ignore_index=True)


def paths_by_seed(folder, name, ending):
    """Returns the paths of one kind of file of a protocol's runs, by seed."""
    start = f"{name}_seed-"
    seeds = [
        int(seed)
        for path in Path(folder).glob(f"{start}*{ending}")
        if (seed := path.name[len(start) : -len(ending)]).isdecimal()
    ]
    if not seeds:
        raise FileNotFoundError(
            f"Expected runs of a protocol in {folder}. Received: name={name!r}"
        )
    return {seed: Path(folder, f"{start}{seed}{ending}") for seed in sorted(seeds)}
