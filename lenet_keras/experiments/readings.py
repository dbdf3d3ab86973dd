"""Why the paper's recipe, read literally, does not train, and which readings do."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lenet_keras import sdlm
from lenet_keras.datasets import load_mnist, prepare
from lenet_keras.files import replacing
from lenet_keras.losses import MaximumAPosteriori, RBFMeanSquaredError
from lenet_keras.metrics import RBFAccuracy
from lenet_keras.models import lenet5
from lenet_keras.sdlm.optimizer import PAPER_MU, PAPER_RATES

WINDOW = 4  # inputs of a subsampling unit
HELD_OUT = 10_000  # training digits, the last ones
PATTERNS = 500  # an estimate of the curvature
LOSSES = {8: RBFMeanSquaredError, 9: MaximumAPosteriori}


@dataclasses.dataclass(frozen=True)
class Reading:
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
        estimates_in_first_pass: Positive integer: estimates of the curvature.
        why: What the reading asks, or what speaks for it.
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
    estimates_in_first_pass: int = 1
    why: str = "as printed; what is left open as in `lenet5`"

    def network(self, seed):
        """Returns LeNet-5 as it starts, with the loss.

        From one seed all readings draw the same numbers, each in its own ranges.
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
        """Returns the rates of the first pass, by which the scaled error is stepped."""
        first = self.rate_scale * max(PAPER_RATES)
        return [
            first * self._scale(weight) / divisor
            for weight, divisor in zip(
                model.trainable_weights, self.divisors(model, curvature), strict=True
            )
        ]

    def _scale(self, weight):
        average = self.subsampling == "average" and weight.name == "coefficient"
        return (WINDOW**2 if average else 1) / self.error_scale


def _readings():
    """Returns the readings by name, each made of an earlier one by a change."""
    readings = {"literal": Reading()}

    def change(name, base, why, **changes):
        readings[name] = dataclasses.replace(readings[base], why=why, **changes)

    # What the paper leaves open, one by one.
    change("bias-counts", "literal", "F may count the bias", bias_counts=True)
    change("biases-drawn", "literal", "biases are weights too", biases_drawn=True)
    change("all-drawn", "biases-drawn", "so are coefficients", coefficient=None)
    change("average", "literal", "section II-A averages", subsampling="average")
    change("loss-9", "literal", "the figures' loss is not named", loss=9)
    change("half-error", "literal", "half the square is usual", error_scale=1 / 2)
    change("half-curvature", "literal", "h from 1, not 2", curvature_scale=1 / 2)
    change("ten-estimates", "literal", "is h too old?", estimates_in_first_pass=10)
    change("quarter-rate", "literal", "are the rates too high?", rate_scale=1 / 4)
    change("average-drawn", "average", "all biases drawn too", biases_drawn=True)
    change("average-drawn-quarter", "average-drawn", "and less", rate_scale=1 / 4)
    # What makes it train, by the rates or by the initial weights.
    change("twentieth-rate", "literal", "rates that low are safe", rate_scale=1 / 20)
    change("mean-error", "literal", "mean over F6's 84 units", error_scale=1 / 84)
    change("root", "literal", "2.4 / sqrt(F): a slip in print?", power=0.5)
    # EBLearn, a later library of LeCun's group (Sermanet, Kavukcuoglu, LeCun 2009),
    # starts its MNIST demo in +-1 / sqrt(F), the coefficients of the sums at
    # 1 / sqrt(4), and halves the squared distance.
    change("library", "root", "EBLearn's initial weights", spread=1.0, coefficient=0.5)
    change("library-error", "library", "and its loss", error_scale=1 / 2)
    # From there to ours.
    change("lecun", "root", "sqrt(3 / F): sums of variance 1", spread=3**0.5)
    change("lecun-9", "lecun", "loss (9)", loss=9)
    change("lecun-9-quarter", "lecun-9", "for 20 passes", rate_scale=1 / 4)
    change("ours", "lecun-9-quarter", "`Protocol`", estimates_in_first_pass=10)
    return readings


READINGS = _readings()


def probe(reading, seed=0):
    """Looks at a network before its first update.

    Args:
        reading: `Reading`.
        seed: Integer from which the initial weights follow.

    Returns:
        `pandas.DataFrame` with a row a layer. `output` is by how much a unit's output
        differs between patterns: its standard deviation over the first 500 digits, as
        root mean square over the units. `curvature` is the median over the layer's
        weights; `lowest_rate`, `median_rate` and `highest_rate` are theirs.
    """
    (x, y), _ = load_mnist()
    x, y = prepare(x[:PATTERNS], "paper"), y[:PATTERNS]
    model = reading.network(seed)
    curvature = sdlm.diagonal_curvature(model, x, y, model.loss)
    rates = reading.rates(model, curvature)
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


def try_out(reading, seed=0, train_size=20_000, passes=2):
    """Trains as the reading has it, and measures on the last 10,000 training digits.

    Args:
        reading: `Reading`.
        seed: Integer from which weights, order and curvature patterns follow.
        train_size: Number of training digits, the first ones; up to 50,000.
        passes: Positive integer.

    Returns:
        Dictionary: the range of the first pass's rates; `error_1`, `error_2`, ... the
        errors after each pass in percent; and `failure`, what the trainer said where
        it stopped, else nothing.
    """
    (x, y), _ = load_mnist()
    unseen = prepare(x[-HELD_OUT:], "paper"), y[-HELD_OUT:]
    x, y = x[:-HELD_OUT][:train_size], y[:-HELD_OUT][:train_size]
    x = prepare(x, "paper")
    model = reading.network(seed)
    model.compile(
        optimizer=sdlm.SDLM(sdlm.paper_schedule(len(x), reading.rate_scale)),
        loss=model.loss,
        metrics=[RBFAccuracy(name="accuracy")],
    )
    curvature = _Curvature(reading, x, y, seed)
    failure = ""
    try:
        sdlm.fit(
            model,
            x,
            y,
            epochs=passes,
            seed=seed,
            validation_data=unseen,
            callbacks=[curvature],
            verbose=0,
        )
    except RuntimeError as error:
        failure = str(error).split(":")[0]
    accuracies = model.history.history.get("val_accuracy", [])
    errors = {
        f"error_{i + 1}": round(100 * (1 - accuracy), 2)
        for i, accuracy in enumerate(accuracies)
    }
    return {**curvature.first_rates, **errors, "failure": failure}


class _Curvature(sdlm.CurvatureEstimation):
    """Sets the curvature so that the rates are the reading's; keeps the first ones."""

    def __init__(self, reading, x, y, seed):
        estimates = reading.estimates_in_first_pass
        super().__init__(x, y, min(PATTERNS, len(x)), estimates, seed)
        self.reading, self.first_rates = reading, {}

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        estimate = self.estimate

        def as_read(x, y):
            curvature = estimate(x, y)
            if not self.first_rates:
                self.first_rates = _range(self.reading.rates(self.model, curvature))
            divisors = self.reading.divisors(self.model, curvature)
            return [divisor - self.model.optimizer.mu for divisor in divisors]

        self.estimate = as_read


def _flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def _range(rates):
    rates = _flat(rates)
    return {
        "lowest_rate": float(rates.min()),
        "median_rate": float(np.median(rates)),
        "highest_rate": float(rates.max()),
    }


def readings(output, names=None, seeds=(0, 1), train_size=20_000, passes=2):
    """Tries readings out and writes `readings.csv`, a row a reading and seed.

    What the file has already is not tried again. It is rewritten after each row.

    Args:
        output: Folder; it is made if it is not there.
        names: Keys of `READINGS`; all of them by default.
        seeds: Integers.
        train_size: Number of training digits, as in `try_out`.
        passes: Positive integer.

    Returns:
        `pandas.DataFrame` of all that the file has.

    Raises:
        OSError: If the folder cannot be written to.
        lenet_keras.datasets.sources.DataError: If MNIST cannot be had.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "readings.csv"
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame()
    for name in READINGS if names is None else names:
        for seed in seeds:
            key = {"reading": name, "seed": seed}
            key |= {"train_size": train_size, "passes": passes}
            if len(rows) and (rows[list(key)] == pd.Series(key)).all(axis=1).any():
                continue
            result = try_out(READINGS[name], seed, train_size, passes)
            row = key | dataclasses.asdict(READINGS[name]) | result
            rows = pd.concat([rows, pd.DataFrame([row])], ignore_index=True)
            with replacing(path) as file:
                rows.to_csv(file, index=False, float_format="%.6g")
    return rows
