"""Why the paper's recipe does not train as it is printed; interpretations that do.

interpretations.toml has the settings of each interpretation, as data.
"""

import dataclasses
import tomllib
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lenet_keras import sdlm
from lenet_keras.datasets import load_mnist
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5
from lenet_keras.preprocessing import prepare
from lenet_keras.sdlm.optimizer import PAPER_MU, PAPER_RATES
from lenet_keras.study.recipes import plain
from lenet_keras.study.training import code, identity

WINDOW = 4  # inputs of a subsampling unit
HELD_OUT = 10_000  # training digits, the last ones
PATTERNS = 500  # an estimate of the curvature
LOSSES = {8: RBFMeanSquaredError, 9: MaximumAPosteriori}


@dataclasses.dataclass(frozen=True)
class Interpretation:
    """What the paper leaves open, or may have meant; by default, what it prints.

    Attributes:
        spread: Positive number, and
        power: number: weights start in `+-spread / F ** power`.
        bias_counts: Whether the bias counts in the fan-in `F`.
        biases_drawn: Whether biases start in the range of their unit's weights;
            otherwise at 0.
        coefficient: Where the coefficients of a subsampling's sum start; `None` for
            somewhere in the range for four inputs.
        subsampling: `"sum"`, or `"average"` where the trained coefficient is the one
            of the mean: four times that of the sum, with a sixteenth of its curvature.
        loss: 8 or 9, the paper's equation.
        error_scale: Number up to 1 by which the loss is multiplied.
        curvature_scale: Positive number by which the curvature alone is multiplied.
        rate_scale: Positive number by which the global rates are multiplied.
        estimates_in_first_epoch: Positive integer: estimates of the curvature.
        why: What the interpretation asks, or what speaks for it.
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
    why: str = "as printed; what is left open as in `lenet5`"

    @property
    def settings(self):
        """The fields that are not at their default, as JSON values."""
        return {
            field.name: plain(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name != "why" and getattr(self, field.name) != field.default
        }

    def network(self, seed):
        """Returns LeNet-5 as it starts, with the loss.

        From one seed all interpretations draw the same numbers, each in its own ranges.
        """
        rng = np.random.default_rng(seed)
        model = lenet5()
        for layer in model.layers:
            if not layer.trainable_weights:
                continue
            weights, biases = layer.trainable_weights
            fan_in = np.full(biases.shape, np.prod(weights.shape[:-1]))
            unit = np.arange(len(fan_in))  # the unit of a weight
            if layer.name == "C3":
                seen = [len(maps) for maps in layer.connection_table]
                fan_in, unit = 25 * np.array(seen), np.repeat(unit, seen)
            elif layer.name in ("S2", "S4"):
                fan_in[:] = WINDOW
            limits = self.spread / (fan_in + self.bias_counts) ** self.power
            weights.assign(rng.uniform(-1, 1, weights.shape) * limits[unit])
            drawn = rng.uniform(-1, 1, biases.shape) * limits
            biases.assign(drawn if self.biases_drawn else 0 * drawn)
            if layer.name in ("S2", "S4") and self.coefficient is not None:
                weights.assign(np.full(weights.shape, self.coefficient))
        model.compile(loss=LOSSES[self.loss]())
        return model

    def divisors(self, model, curvature):
        """Returns what takes the place of `mu + h`, one array a trainable weight.

        For an error `s` times as large, `s * g / (mu + s * h)` is `g / (mu / s + h)`;
        and a step of the mean's coefficient `4 * c` moves `c` as with `16 * mu`.
        """
        return [
            self._scale(weight) * PAPER_MU + self.curvature_scale * h
            for weight, h in zip(model.trainable_weights, curvature, strict=True)
        ]

    def rates(self, model, curvature):
        """Returns the learning rates of the first epoch, for the scaled error."""
        first = self.rate_scale * max(PAPER_RATES)
        divisors = self.divisors(model, curvature)
        return [
            first * self._scale(weight) / divisor
            for weight, divisor in zip(model.trainable_weights, divisors, strict=True)
        ]

    def _scale(self, weight):
        average = self.subsampling == "average" and weight.name == "coefficient"
        return (WINDOW**2 if average else 1) / self.error_scale


def _load():
    """Returns the interpretations of interpretations.toml by name."""
    text = Path(__file__).with_name("interpretations.toml").read_text(encoding="utf-8")
    interpretations = {}
    for name, changes in tomllib.loads(text).items():
        like = changes.pop("like", None)
        base = interpretations[like] if like else Interpretation()
        if changes.get("coefficient") == "drawn":
            changes["coefficient"] = None
        interpretations[name] = dataclasses.replace(base, **changes)
    return interpretations


INTERPRETATIONS = _load()


def probe(interpretation, seed=0):
    """Looks at a network before its first update.

    Args:
        interpretation: `Interpretation`.
        seed: Integer from which the initial weights follow.

    Returns:
        `pandas.DataFrame` with a row a layer. `output` is by how much a unit's output
        differs between patterns: its standard deviation over the first 500 digits, as
        root mean square over the units. `curvature` is the median over the layer's
        weights; `lowest_learning_rate`, `median_learning_rate` and
        `highest_learning_rate` are theirs.
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
            row["curvature"] = np.median(_flat(curvature[:2]))
            row |= _range(rates[:2])
            curvature, rates = curvature[2:], rates[2:]
        rows.append(row)
    return pd.DataFrame(rows).set_index("layer")


@dataclasses.dataclass(frozen=True)
class Trial:
    """A short training as an interpretation has it; a run for `sweep`.

    Attributes:
        interpretation: A key of `INTERPRETATIONS`.
        seed: Integer. It decides weights, order and patterns for the curvature.
        train_images: Number of training digits, the first ones; up to 50,000.
        epochs: Positive integer.
    """

    dataset = "mnist"
    interpretation: str
    seed: int = 0
    train_images: int = 20_000
    epochs: int = 2

    @property
    def asked(self):
        """What was asked for, as JSON values."""
        return dataclasses.asdict(self)

    @property
    def configuration(self):
        """All that decides the result, beside the code, without the defaults."""
        asked = self.asked | {"interpretation": self.settings.settings}
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        return {name: v for name, v in asked.items() if v != defaults[name]}

    @property
    def settings(self):
        """The interpretation."""
        return INTERPRETATIONS[self.interpretation]

    @property
    def id(self):
        """The trial's identity: a hash of its configuration."""
        return identity(self.configuration)

    @property
    def name(self):
        """What tells it from other trials, in words."""
        return f"{self.interpretation}, seed {self.seed}"


def do_trial(trial, measure=None, checkpoint=None, progress=None):
    """Trains as an interpretation has it, for `lenet_keras.study.sweep.sweep`.

    It measures on the last 10,000 training digits.

    Args:
        trial: `Trial`.
        measure: Not used; nor are the last two.
        checkpoint: See `measure`.
        progress: See `measure`.

    Returns:
        Dictionary of `status` and `row`: the range of the learning rates in the first
        epoch; `error_1`, `error_2`, ..., the errors after each epoch in percent; and
        `failure`, the reason why training stopped, or an empty text.
    """
    interpretation = trial.settings
    (x, y), _ = load_mnist()
    unseen = prepare(x[-HELD_OUT:], "paper"), y[-HELD_OUT:]
    x, y = x[:-HELD_OUT][: trial.train_images], y[:-HELD_OUT][: trial.train_images]
    x = prepare(x, "paper")
    model = interpretation.network(trial.seed)
    model.compile(
        optimizer=sdlm.SDLM(sdlm.paper_schedule(len(x), interpretation.rate_scale)),
        loss=model.loss,
        metrics=[RBFAccuracy(name="accuracy")],
    )
    curvature = _Curvature(interpretation, x, y, trial.seed)
    failure = ""
    try:
        sdlm.fit(
            model,
            x,
            y,
            epochs=trial.epochs,
            seed=trial.seed,
            validation_data=unseen,
            callbacks=[curvature],
            verbose=0,
        )
    except sdlm.DivergenceError as error:
        failure = str(error).split(":")[0]
    accuracies = model.history.history.get("val_accuracy", [])
    errors = {
        f"error_{epoch}": round(100 * (1 - accuracy), 2)
        for epoch, accuracy in enumerate(accuracies, start=1)
    }
    return {
        "status": "done",
        "row": {**curvature.first_rates, **errors, "failure": failure, **code()},
    }


class _Curvature(sdlm.CurvatureEstimation):
    """Sets the curvature for the interpretation's learning rates; keeps the first."""

    def __init__(self, interpretation, x, y, seed):
        estimates = interpretation.estimates_in_first_epoch
        super().__init__(x, y, min(PATTERNS, len(x)), estimates, seed)
        self.interpretation, self.first_rates = interpretation, {}

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        estimate, interpretation = self.estimate, self.interpretation

        def as_read(x, y):
            curvature = estimate(x, y)
            if not self.first_rates:
                self.first_rates = _range(interpretation.rates(self.model, curvature))
            divisors = interpretation.divisors(self.model, curvature)
            return [divisor - self.model.optimizer.mu for divisor in divisors]

        self.estimate = as_read


def _flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def _range(rates):
    rates = _flat(rates)
    return {
        "lowest_learning_rate": float(rates.min()),
        "median_learning_rate": float(np.median(rates)),
        "highest_learning_rate": float(rates.max()),
    }
