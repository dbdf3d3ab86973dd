"""Stochastic diagonal Levenberg-Marquardt: one learning rate for each weight."""

import itertools

import keras
import numpy as np
from keras import ops

from lenet_keras.checks import expect
from lenet_keras.sdlm.compiled import program, value_of

# The learning rates of the paper's 20 epochs, and the number of epochs with each.
PAPER_RATES = {5e-4: 2, 2e-4: 3, 1e-4: 3, 5e-5: 4, 1e-5: 8}
PAPER_MU = 0.02


@keras.saving.register_keras_serializable(package="lenet_keras")
class SDLM(keras.optimizers.Optimizer):
    """Stochastic diagonal Levenberg-Marquardt.

    `w[k] <- w[k] - learning_rate / (mu + h[k]) * gradient[k]`

    where `h[k]` is the second derivative of the loss with respect to `w[k]`, estimated
    by `lenet_keras.sdlm.diagonal_curvature`. Weights with a large second derivative get
    a small learning rate. The optimizer does not estimate the curvature. Call
    `set_curvature` before training and from time to time during training, or use the
    callback `lenet_keras.sdlm.CurvatureEstimation`.

    Args:
        learning_rate: Positive number, or `keras.optimizers.schedules.
            LearningRateSchedule`: the global learning rate. The paper's schedule is
            `paper_schedule`.
        mu: Positive number. It limits the learning rate of a weight without curvature
            to `learning_rate / mu`.
        name: Name of the optimizer.

    Example:

    >>> optimizer = SDLM(learning_rate=0.01, mu=0.02)
    >>> weight = keras.Variable([1.0, 1.0])
    >>> optimizer.build([weight])
    >>> optimizer.set_curvature([[0.08, 0.98]])
    >>> optimizer.apply([keras.ops.array([1.0, 1.0])])
    >>> [round(float(w), 4) for w in weight.numpy()]
    [0.9, 0.99]

    Raises:
        ValueError: If `mu` is not positive; if the values for `set_curvature` are
            negative, not finite or of wrong shapes; or if an update comes before the
            curvature is set, when all learning rates would be `learning_rate / mu`.

    Reference:
        LeCun et al. (1998), Appendix C, equations 18 and 21.
    """

    def __init__(self, learning_rate, mu=PAPER_MU, name="sdlm"):
        super().__init__(learning_rate=learning_rate, name=name)
        expect(mu > 0, "a positive mu", mu=mu)
        self.mu = mu
        self.curvature, self._has_curvature = [], False

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        # Negative until it is set, so a saved state shows whether it was set.
        unset = keras.initializers.Constant(-1)
        self.curvature = self.add_optimizer_variables(variables, "curvature", unset)

    def set_curvature(self, curvature):
        """Sets `h`, which determines the learning rates until the next call.

        Args:
            curvature: One array per trainable weight, of the same shape, with values
                of 0 or more.
        """
        expect(self.built, "an optimizer that is built with the weights", built=False)
        curvature = [ops.convert_to_numpy(h) for h in curvature]
        shapes = [h.shape for h in curvature]
        fits = shapes == [tuple(h.shape) for h in self.curvature]
        fits = fits and all(np.isfinite(h).all() and (h >= 0).all() for h in curvature)
        what = "finite curvature of 0 or more, in the shapes of the weights; it is not "
        what += "finite if training has diverged"
        expect(fits, what, curvature=curvature, shapes=shapes)
        for h, variable in zip(curvature, self.curvature, strict=True):
            variable.assign(h)

    def scales(self):
        """Returns `1 / (mu + h)`, one array per trainable weight.

        Raises:
            ValueError: If the curvature is not set.
        """
        return [self._scale(h) for h in self.curvature]

    @property
    def variables(self):
        self._look()  # on JAX, `fit` takes the values and leaves none to look at
        return super().variables

    def _look(self):
        """Looks whether the curvature is set, also by assignment, until it is."""
        if self.curvature and not self._has_curvature:
            values = map(value_of, self.curvature)
            self._has_curvature = all(v.size and (v >= 0).all() for v in values)

    def _scale(self, h):
        self._look()
        what = "curvature before the first update, by `set_curvature` or the callback "
        expect(self._has_curvature, what + "`CurvatureEstimation`", curvature=None)
        return 1 / (self.mu + ops.convert_to_tensor(h))

    def next_rates(self, updates):
        """Returns the global learning rates of the next `updates` updates."""
        schedule = self._learning_rate
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            return ops.full((updates,), ops.convert_to_tensor(self.learning_rate))
        # The program keeps the schedule, so no other one gets its `id`.
        rates = program(self, id(schedule), lambda steps: ops.map(schedule, steps))
        steps = ops.arange(updates, dtype=self.iterations.dtype)
        return rates(ops.convert_to_tensor(self.iterations) + steps)

    def update_step(self, gradient, variable, learning_rate):
        scale = self._scale(self.curvature[self._get_variable_index(variable)])
        rate = ops.cast(learning_rate, variable.dtype) * ops.cast(scale, variable.dtype)
        self.assign_sub(variable, rate * ops.cast(gradient, variable.dtype))

    def get_config(self):
        rate = super().get_config()["learning_rate"]
        return {"learning_rate": rate, "mu": self.mu, "name": self.name}


def sdlm_of(model):
    """Returns the `SDLM` optimizer of a compiled model.

    Raises:
        ValueError: If the model is compiled with another optimizer, or not compiled.
    """
    optimizer = getattr(model, "optimizer", None)
    # For float16, Keras wraps the optimizer.
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    expect(isinstance(inner, SDLM), "a model compiled with SDLM", optimizer=optimizer)
    return inner


def paper_schedule(updates_per_epoch, scale=1.0):
    """Returns the paper's global learning rate as a Keras learning-rate schedule.

    The learning rate is 0.0005 for two epochs, 0.0002 for three, 0.0001 for three,
    0.00005 for four, and 0.00001 afterwards.

    Args:
        updates_per_epoch: Positive integer. The paper makes one update per pattern.
        scale: Positive number that multiplies all learning rates.

    Returns:
        `keras.optimizers.schedules.PiecewiseConstantDecay`.

    Example:

    >>> schedule = paper_schedule(updates_per_epoch=60_000)
    >>> [f"{float(schedule(step)):.4f}" for step in (0, 119_999, 120_000)]
    ['0.0005', '0.0005', '0.0002']

    Raises:
        ValueError: If an argument is not positive.

    Reference:
        LeCun et al. (1998), section III-B.
    """
    fits = updates_per_epoch > 0 and scale > 0
    expect(fits, "positive numbers", updates_per_epoch=updates_per_epoch, scale=scale)
    epochs = itertools.accumulate(PAPER_RATES.values())
    last = [epoch * updates_per_epoch - 1 for epoch in epochs]  # update at each rate
    rates = [rate * scale for rate in PAPER_RATES]
    return keras.optimizers.schedules.PiecewiseConstantDecay(last[:-1], rates)
