"""The paper's estimate of the diagonal second derivatives of the loss."""

import keras
import numpy as np
from keras import ops

from lenet_keras.checks import expect
from lenet_keras.sdlm.chain import Chain
from lenet_keras.sdlm.compiled import program
from lenet_keras.sdlm.optimizer import sdlm_of


def diagonal_curvature(model, x, y, loss):
    """Estimates the second derivative of the loss with respect to each weight.

    `h[k]` is the mean over the patterns of
    `sum(d2E / da[i] ** 2 * x[j] ** 2 for connections (i, j) that share w[k])`,
    where `d2E / da[i] ** 2 = f'(a[i]) ** 2 * sum_k(u[k, i] ** 2 * d2E / da[k] ** 2)`
    propagates back through the network like the gradient, but with every factor
    squared. The term with `f''` is dropped, so `h[k]` is never negative. Each weight
    has its own curvature. It is not an average of squared gradients, and not one value
    for a whole layer.

    The function compiles a program for a model, a loss and a number of patterns once.

    The recursion starts at the outputs with

    - 1 at the distance to the correct code for losses (8) and (9), which is 2 at each
      unit of F6. The paper gives no start for loss (9); we ignore the competition
      between the classes;
    - `2 / outputs` for mean squared error;
    - `p * (1 - p)` at the logits for cross-entropy.

    Args:
        model: `keras.Model`, one sequence of layers with a rule: the layers of
            `lenet_keras.layers`, and Keras's `Conv2D`, `Dense`, `AveragePooling2D`,
            `MaxPooling2D`, `GlobalAveragePooling2D`, `Dropout`, `Flatten`, `Reshape`,
            `Activation`, `ReLU`, `LeakyReLU` and `ELU`.
            `lenet_keras.sdlm.register_rule` adds others.
        x: Patterns of shape `(patterns, *model.input_shape[1:])`.
        y: Their labels, in the form of the loss.
        loss: `keras.losses.Loss`, or its name.

    Returns:
        List of arrays with values of 0 or more, one per weight in
        `model.trainable_weights` and of the same shape.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> kernel, bias = diagonal_curvature(model, [[3.0], [1.0]], [[0.0], [0.0]], "mse")
    >>> kernel, bias  # 2 * (3 ** 2 + 1 ** 2) / 2, and 2
    (array([[10.]], dtype=float32), array([2.], dtype=float32))

    Raises:
        ValueError: If the model is not a sequence of supported layers, the loss does
            not match its last layer, or there are no patterns.

    Reference:
        LeCun et al. (1998), Appendix C, equations 22 to 27.
    """
    chain = Chain(model, loss)
    x, y = chain.patterns(x, y)

    def mean_over_patterns(values, x, y):
        weights = chain.pack(values)

        def add_pattern(i, totals):
            pattern = chain.curvatures(x[i], y[i], weights)
            return keras.tree.map_structure(ops.add, totals, pattern)

        zeros = keras.tree.map_structure(ops.zeros_like, weights)
        totals = ops.fori_loop(0, x.shape[0], add_pattern, zeros)
        return [total / x.shape[0] for total in chain.unpack(totals)]

    values = [ops.convert_to_tensor(variable) for variable in chain.variables]
    x, y = ops.convert_to_tensor(x, "float32"), ops.convert_to_tensor(y)
    estimate = program(model, ("curvature", *chain.key), mean_over_patterns)
    found = map(ops.convert_to_numpy, estimate(values, x, y))
    by_variable = dict(zip(map(id, chain.variables), found, strict=True))
    return [by_variable[id(weight)] for weight in model.trainable_weights]


class CurvatureEstimation(keras.callbacks.Callback):
    """Estimates the curvature before each epoch, for a model with `SDLM`.

    Args:
        x: Training patterns.
        y: Their labels.
        patterns: Positive integer: the number of randomly drawn patterns per estimate.
        estimates_in_first_epoch: Positive integer: the number of estimates in the first
            epoch. There the weights and the curvature change so fast that one estimate
            can be outdated before the epoch ends. The estimates are equally spaced.
            Each is made at the first call after it is due. `lenet_keras.sdlm.fit` calls
            once per 2,000 patterns.
        seed: Integer that determines the drawn patterns. They depend only on the seed,
            the epoch and the number of the estimate in the epoch. Therefore a resumed
            run draws the same patterns.

    Raises:
        ValueError: If the optimizer of the model is not `SDLM`, or an argument is out
            of range.

    Example:

    >>> x, y = np.zeros((1000, 32, 32, 1)), np.zeros(1000)
    >>> CurvatureEstimation(x, y).patterns
    500

    Reference:
        LeCun et al. (1998), section III-B: 500 patterns before each pass (epoch).
    """

    def __init__(self, x, y, patterns=500, estimates_in_first_epoch=1, seed=0):
        super().__init__()
        expect(len(x) == len(y), "a label for each pattern", labels=len(y))
        fits = 0 < patterns <= len(x)
        expect(fits, f"from 1 to {len(x)} patterns", patterns=patterns)
        estimates = {"estimates_in_first_epoch": estimates_in_first_epoch}
        expect(estimates_in_first_epoch > 0, "at least one estimate", **estimates)
        self.x, self.y = np.asarray(x), np.asarray(y)
        self.patterns = patterns
        self.estimates_in_first_epoch = estimates_in_first_epoch
        self.seed = seed

    def on_train_begin(self, logs=None):
        self.optimizer = sdlm_of(self.model)
        self.optimizer.build(self.model.trainable_variables)

    def estimate(self, x, y):
        """Returns the curvature over some patterns, one array per trainable weight."""
        return diagonal_curvature(self.model, x, y, self.model.loss)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.estimates = epoch, 0

    def on_train_batch_begin(self, batch, logs=None):
        wanted = self.estimates_in_first_epoch if self.epoch == 0 else 1
        steps = self.params["steps"]
        what = "`steps_per_epoch` for several estimates in an epoch of unknown length"
        expect(steps or wanted == 1, what, estimates_in_first_epoch=wanted)
        due = min(self.estimates, wanted) * (steps or 0) / wanted
        if self.estimates < wanted and batch >= due:
            rng = np.random.default_rng([self.seed, self.epoch, self.estimates])
            drawn = np.sort(rng.choice(len(self.x), self.patterns, replace=False))
            self.optimizer.set_curvature(self.estimate(self.x[drawn], self.y[drawn]))
            self.estimates += 1
