"""The paper's estimate of the diagonal second derivatives of the loss."""

import keras
import numpy as np
from keras import ops

from lenet_keras.sdlm.chain import Chain
from lenet_keras.sdlm.compiled import compiled
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
    return curvature_estimator(model, loss)(x, y)


def curvature_estimator(model, loss):
    """Returns a function that estimates the curvature of one model again and again.

    `diagonal_curvature` compiles a program in every call. This function compiles it
    once for each number of patterns.

    Args:
        model: As in `diagonal_curvature`.
        loss: As in `diagonal_curvature`.

    Returns:
        Function of `x` and `y`. It returns `diagonal_curvature` for the weights that
        the model has at that time.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> estimate = curvature_estimator(model, "mse")
    >>> [float(estimate([[x]], [[0.0]])[0][0, 0]) for x in (1.0, 3.0)]
    [2.0, 18.0]

    Raises:
        ValueError: For the same reasons as `diagonal_curvature`.
    """
    chain = Chain(model, loss)

    @compiled
    def mean_over_patterns(values, x, y):
        weights = chain.pack(values)

        def add_pattern(i, totals):
            pattern = chain.curvatures(x[i], y[i], weights)
            return [
                [total + h for total, h in zip(*pair, strict=True)]
                for pair in zip(totals, pattern, strict=True)
            ]

        zeros = [[ops.zeros_like(weight) for weight in packed] for packed in weights]
        totals = ops.fori_loop(0, x.shape[0], add_pattern, zeros)
        return [total / x.shape[0] for total in chain.unpack(totals)]

    def estimate(x, y):
        x, y = chain.patterns(x, y)
        values = [ops.convert_to_tensor(variable) for variable in chain.variables]
        x = ops.convert_to_tensor(x, "float32")
        curvature = mean_over_patterns(values, x, ops.convert_to_tensor(y))
        by_variable = {
            id(variable): ops.convert_to_numpy(h)
            for variable, h in zip(chain.variables, curvature, strict=True)
        }
        return [by_variable[id(variable)] for variable in model.trainable_weights]

    return estimate


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
        if not 0 < patterns <= len(x):
            raise ValueError(
                f"Expected from 1 to {len(x)} patterns. Received: patterns={patterns}"
            )
        if len(x) != len(y):
            raise ValueError(
                "Expected as many labels as patterns. "
                f"Received: {len(x)} patterns, {len(y)} labels"
            )
        if not estimates_in_first_epoch > 0:
            raise ValueError(
                "Expected at least one estimate. "
                f"Received: estimates_in_first_epoch={estimates_in_first_epoch}"
            )
        self.x, self.y = np.asarray(x), np.asarray(y)
        self.patterns = patterns
        self.estimates_in_first_epoch = estimates_in_first_epoch
        self.seed = seed

    def on_train_begin(self, logs=None):
        self.optimizer = sdlm_of(self.model)
        self.optimizer.build(self.model.trainable_variables)
        self.estimate = curvature_estimator(self.model, self.model.loss)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.estimates = epoch, 0

    def on_train_batch_begin(self, batch, logs=None):
        wanted = self.estimates_in_first_epoch if self.epoch == 0 else 1
        steps = self.params["steps"]
        if steps is None and wanted > 1:
            raise ValueError(
                "Expected data of known length for several estimates in an epoch; give "
                "`fit` steps_per_epoch, or make one estimate. "
                f"Received: estimates_in_first_epoch={wanted}"
            )
        due = min(self.estimates, wanted) * (steps or 0) / wanted
        if self.estimates < wanted and batch >= due:
            rng = np.random.default_rng([self.seed, self.epoch, self.estimates])
            drawn = np.sort(rng.choice(len(self.x), self.patterns, replace=False))
            curvature = self.estimate(self.x[drawn], self.y[drawn])
            self.optimizer.set_curvature(curvature)
            self.estimates += 1
