"""Why the paper's recipe does not train as printed, and interpretations that train.

interpretations.toml has the settings of each interpretation, as data.
"""

import dataclasses

import keras
import numpy as np
import pandas as pd

from lenet_keras import sdlm
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5
from lenet_keras.preprocessing import prepare
from lenet_keras.sdlm.optimizer import PAPER_MU, PAPER_RATES
from lenet_study.datasets import load_mnist
from lenet_study.settings import tables, without_defaults
from lenet_study.training.callbacks import RefuseSaturation
from lenet_study.training.job import Job, versions

WINDOW = 4  # inputs of a subsampling unit
HELD_OUT = 10_000  # the last training digits
PATTERNS = 500  # per estimate of the curvature
LOSSES = {8: RBFMeanSquaredError, 9: MaximumAPosteriori}


@dataclasses.dataclass(frozen=True)
class Interpretation:
    """The settings that the paper leaves open. The defaults are what it prints.

    Attributes:
        spread: Positive number.
        power: Number. Weights start in `+-spread / F ** power`.
        bias_counts: Whether the bias counts in the fan-in `F`.
        biases_drawn: Whether biases start in the range of their unit's weights.
            Otherwise they start at 0.
        coefficient: Initial value of the coefficient of each subsampling sum. `None`
            draws it from the range for four inputs.
        subsampling: `"sum"`, or `"average"`, where the trained coefficient multiplies
            the mean. It is four times the coefficient of the sum, with a sixteenth of
            its curvature.
        loss: 8 or 9, the paper's equation.
        error_scale: Number up to 1 that multiplies the loss.
        curvature_scale: Positive number that multiplies the curvature alone.
        rate_scale: Positive number that multiplies the global learning rates.
        estimates_in_first_epoch: Positive integer, the number of estimates of the
            curvature.
        why: The question that the interpretation answers, or the evidence for it.
    """

    spread: float = 2.4
    power: float = 1.0
    bias_counts: bool = False
    biases_drawn: bool = False
    coefficient: float | None = 1 / WINDOW
    subsampling: str = "sum"
    loss: int = 8
    error_scale: float = 1.0
    curvature_scale: float = 1.0
    rate_scale: float = 1.0
    estimates_in_first_epoch: int = 1
    why: str = dataclasses.field(
        default="as printed; what is left open as in `lenet5`", compare=False
    )

    def network(self, seed):
        """Returns LeNet-5 with its initial weights and the loss.

        With the same seed all interpretations draw the same random numbers and scale
        them to their own ranges.
        """
        rng = np.random.default_rng(seed)
        model = lenet5()
        for layer in model.layers:
            if not layer.trainable_weights:
                continue
            weights, biases = layer.trainable_weights
            fan_in = np.full(biases.shape, np.prod(weights.shape[:-1]))
            unit = np.arange(len(fan_in))  # the unit of each weight
            if layer.name == "C3":
                seen = [len(maps) for maps in layer.connection_table]
                fan_in, unit = 25 * np.array(seen), np.repeat(unit, seen)
            elif layer.name in ("S2", "S4"):
                fan_in[:] = WINDOW
            limit = self.spread / (fan_in + self.bias_counts) ** self.power
            weights.assign(rng.uniform(-1, 1, weights.shape) * limit[unit])
            biases.assign(rng.uniform(-1, 1, biases.shape) * limit * self.biases_drawn)
            if layer.name in ("S2", "S4") and self.coefficient is not None:
                weights.assign(np.full(weights.shape, self.coefficient))
        model.compile(loss=LOSSES[self.loss]())
        return model

    def divisors(self, model, curvature):
        """Returns the values that replace `mu + h`, one array per trainable weight.

        For an error `s` times as large, `s * g / (mu + s * h)` is `g / (mu / s + h)`.
        A step of the mean's coefficient `4 * c` moves `c` as a step with `16 * mu`.
        """
        pairs = zip(model.trainable_weights, curvature, strict=True)
        return [self._scale(w) * PAPER_MU + self.curvature_scale * h for w, h in pairs]

    def rates(self, model, curvature):
        """Returns the learning rates of the first epoch, for the scaled error."""
        first = self.rate_scale * max(PAPER_RATES)
        divisors = self.divisors(model, curvature)
        pairs = zip(model.trainable_weights, divisors, strict=True)
        return [first * self._scale(weight) / divisor for weight, divisor in pairs]

    def _scale(self, weight):
        average = self.subsampling == "average" and weight.name == "coefficient"
        return (WINDOW**2 if average else 1) / self.error_scale


TABLES = tables("questions/interpretations.toml")
INTERPRETATIONS = {name: Interpretation(**table) for name, table in TABLES.items()}


def probe(interpretation, seed=0):
    """Measures a network before its first update.

    Args:
        interpretation: `Interpretation`.
        seed: Integer that determines the initial weights.

    Returns:
        `pandas.DataFrame` with one row per layer. `output` is the standard deviation
        of a unit's output over the first 500 digits, as root mean square over the
        units. `curvature` is the median over the layer's weights.
        `lowest_learning_rate`, `median_learning_rate` and `highest_learning_rate` are
        those of its weights.
    """
    (x, y), _ = load_mnist()
    x, y = prepare(x[:PATTERNS], "paper"), y[:PATTERNS]
    model = interpretation.network(seed)
    curvature = sdlm.diagonal_curvature(model, x, y, model.loss)
    rates = interpretation.rates(model, curvature)
    layers = [la for la in model.layers if la.trainable_weights or la.name == "input"]
    outputs = keras.Model(model.input, [layer.output for layer in layers])
    rows = []
    for layer, output in zip(layers, outputs.predict(x, verbose=0), strict=True):
        row = {"layer": layer.name, "output": np.sqrt(output.var(axis=0).mean())}
        if layer.trainable_weights:  # a kernel or coefficient, and a bias
            row |= {"curvature": np.median(_flat(curvature[:2])), **_range(rates[:2])}
            curvature, rates = curvature[2:], rates[2:]
        rows.append(row)
    return pd.DataFrame(rows).set_index("layer")


@dataclasses.dataclass(frozen=True)
class Trial(Job):
    """A short training under an interpretation.

    The last 10,000 training digits measure the error.

    Attributes:
        interpretation: A key of `INTERPRETATIONS`.
        seed: Integer that determines the weights, the order and the patterns for the
            curvature.
        train_images: Number of training digits, up to 50,000. They are the first ones.
        epochs: Positive integer.
    """

    dataset = "mnist"
    interpretation: str
    seed: int = 0
    train_images: int = 20_000
    epochs: int = 2

    @property
    def configuration(self):
        """All settings that differ from the defaults."""
        interpretation = without_defaults(INTERPRETATIONS[self.interpretation])
        return without_defaults(self) | {"interpretation": interpretation}

    def do(self, checkpoint=None, progress=None):
        """Trains.

        The `row` has the range of the learning rates in the first epoch; `error_1`,
        `error_2`, ..., the error after each epoch in percent; and `failure`, the reason
        why training stopped, or an empty text.
        """
        interpretation = INTERPRETATIONS[self.interpretation]
        (x, y), _ = load_mnist()
        x = prepare(x, "paper")
        unseen = x[-HELD_OUT:], y[-HELD_OUT:]
        used = min(self.train_images, len(x) - HELD_OUT)
        x, y = x[:used], y[:used]
        model = interpretation.network(self.seed)
        rates = sdlm.paper_schedule(used, interpretation.rate_scale)
        model.compile(sdlm.SDLM(rates), model.loss, metrics=[RBFAccuracy("accuracy")])
        curvature = _Curvature(interpretation, x, y, self.seed)
        callbacks = [curvature, RefuseSaturation(x)]
        asked = {"epochs": self.epochs, "seed": self.seed, "validation_data": unseen}
        failure = ""
        try:
            sdlm.fit(model, x, y, callbacks=callbacks, verbose=0, **asked)
        except sdlm.DivergenceError as error:
            failure = str(error).split(":")[0]
        accuracies = model.history.history.get("val_accuracy", [])
        row = dict(curvature.first_rates)
        for epoch, accuracy in enumerate(accuracies, start=1):
            row[f"error_{epoch}"] = round(100 * (1 - accuracy), 2)
        row |= {"failure": failure} | versions()
        return {"status": "done", "row": row}


class _Curvature(sdlm.CurvatureEstimation):
    """Sets the curvature of an interpretation, and keeps the first learning rates."""

    def __init__(self, interpretation, x, y, seed):
        estimates = interpretation.estimates_in_first_epoch
        super().__init__(x, y, min(PATTERNS, len(x)), estimates, seed)
        self.interpretation, self.first_rates = interpretation, {}

    def estimate(self, x, y):
        curvature = super().estimate(x, y)
        rates = _range(self.interpretation.rates(self.model, curvature))
        self.first_rates = self.first_rates or rates
        divisors = self.interpretation.divisors(self.model, curvature)
        return [divisor - self.model.optimizer.mu for divisor in divisors]


def _flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def _range(rates):
    rates = _flat(rates)
    of = {"lowest": np.min, "median": np.median, "highest": np.max}
    return {f"{name}_learning_rate": float(get(rates)) for name, get in of.items()}
