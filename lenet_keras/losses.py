"""The two losses of LeNet-5 on its distances, and the older loss of LeNet-1."""

from numbers import Real

import keras
from keras import ops


def checked_labels(y_true, y_pred):
    """Returns the labels as integers in the shape of `y_pred` without its last axis.

    Args:
        y_true: Labels of shape `(...)` or `(..., 1)`.
        y_pred: Distances of shape `(..., classes)`.

    Returns:
        `labels, is_class`: `int32` labels, and whether each label is a valid class.
        Invalid labels are replaced by 0, so that they are safe as indices.

    Raises:
        ValueError: If the shapes do not match, or, outside compiled code, if a label
            is not an integer from 0 to `classes - 1`.
    """
    given = y_true = ops.convert_to_tensor(y_true)
    y_pred = ops.convert_to_tensor(y_pred)
    shape, expected = tuple(y_true.shape), (*y_pred.shape[:-1], 1)
    if len(shape) == len(expected) - 1:
        shape = (*shape, 1)
    fits = len(shape) == len(y_pred.shape) > 0 and all(
        n == m or None in (n, m) for n, m in zip(shape, expected, strict=True)
    )
    if not fits:
        raise ValueError(
            "Expected one integer label per row of outputs, not one-hot. "
            f"Received: y_true.shape={tuple(y_true.shape)}, "
            f"y_pred.shape={tuple(y_pred.shape)}"
        )
    if len(y_true.shape) < len(shape):
        y_true = ops.expand_dims(y_true, axis=-1)
    # Compiled code knows the batch size only at run time. There the concatenation fails
    # if the numbers of labels and of rows differ; otherwise the labels would broadcast.
    together = ops.concatenate([ops.cast(y_true, y_pred.dtype), y_pred], axis=-1)
    y_true = together[..., 0]
    classes = y_pred.shape[-1]
    is_class = ops.logical_and(
        ops.equal(y_true, ops.floor(y_true)),
        ops.logical_and(y_true >= 0, y_true < classes),
    )
    if not _all_or_compiled(is_class):
        raise ValueError(
            f"Expected integer labels from 0 to {classes - 1}. "
            f"Received: y_true={ops.convert_to_numpy(given)}"
        )
    return ops.cast(ops.where(is_class, y_true, 0), "int32"), is_class


def _all_or_compiled(condition):
    """Returns whether all values are true; in compiled code always `True`."""
    try:
        return bool(ops.all(condition))
    except TypeError:
        return True


def _distance_to_right_code(y_true, y_pred):
    """Returns `y_D`, the distance to the correct code; NaN for an invalid label."""
    labels, is_class = checked_labels(y_true, y_pred)
    right = ops.one_hot(labels, y_pred.shape[-1], dtype="bool")
    distance = ops.sum(ops.where(right, y_pred, 0), axis=-1)
    return ops.where(is_class, distance, float("nan"))


class _LossOfLabels(keras.losses.Loss):
    """Base of the losses, which take lists as Keras's own losses and metrics do."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        # `keras.losses.Loss` would convert each number of a list by itself.
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return super().__call__(y_true, y_pred, sample_weight)


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBFMeanSquaredError(_LossOfLabels):
    """The mean distance to the code of the correct class.

    `loss = mean(y[p, D[p]])` over the patterns `p`, where `y[p, i]` is the squared
    distance between F6 and the code of class `i`, and `D[p]` is the correct class.

    Keep the codes fixed. With trainable codes this loss has a trivial minimum, in which
    all codes are equal.

    Args:
        reduction: Reduction of the losses per pattern, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
        y_pred: Distances of shape `(batch, classes)`, 0 or more.

    Example:

    >>> distances = keras.ops.array([[9.0, 2.0], [4.0, 7.0]])
    >>> float(RBFMeanSquaredError()(keras.ops.array([1, 0]), distances))
    3.0

    Raises:
        ValueError: If the shapes do not match, or a label is outside
            `0 ... classes - 1`. Compiled code cannot check the labels: the loss is NaN.

    Reference:
        LeCun et al. (1998), equation 8.
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="rbf_mean_squared_error", dtype=None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return _distance_to_right_code(y_true, y_pred)


@keras.saving.register_keras_serializable(package="lenet_keras")
class MaximumAPosteriori(_LossOfLabels):
    """The distance to the correct code, with competition between the classes.

    `loss = mean(y[p, D[p]] + log(exp(-j) + sum_i(exp(-y[p, i]))))`

    over the patterns `p`. This is the negative logarithm of the posterior probability
    of the correct class. A rubbish class at the constant distance `j` also competes.
    Therefore the loss does not push away wrong classes that are already far.

    Args:
        j: Positive number. The paper gives no value; the default is ours.
        temperature: Positive number that divides all distances, including `j`. The
            paper's value is 1. With a larger value, classes compete even if their
            distances differ by more than a little. Photographs need this, because they
            are never as near to their code as digits.
        reduction: Reduction of the losses per pattern, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
        y_pred: Distances of shape `(batch, classes)`, 0 or more.

    Example:

    >>> distances = keras.ops.array([[5000.0, 10.0]])
    >>> loss = MaximumAPosteriori(j=10.0)(keras.ops.array([1]), distances)
    >>> round(float(loss), 4)
    0.6931

    Raises:
        ValueError: If `j` or `temperature` is not positive, the shapes do not match, or
            a label is outside `0 ... classes - 1`. Compiled code cannot check the
            labels: the loss is NaN.

    Reference:
        LeCun et al. (1998), equation 9; the temperature is ours.
    """

    def __init__(
        self,
        j=10.0,
        temperature=1.0,
        reduction="sum_over_batch_size",
        name="maximum_a_posteriori",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        for argument, value in {"j": j, "temperature": temperature}.items():
            if not (isinstance(value, Real) and value > 0):
                raise ValueError(
                    f"Expected a positive {argument}. Received: {argument}={value}"
                )
        self.j, self.temperature = j, temperature

    def _distance(self, y_true, y_pred):
        return _distance_to_right_code(y_true, y_pred)

    def call(self, y_true, y_pred):
        distance = self._distance(y_true, y_pred)
        rubbish = ops.full_like(y_pred[..., :1], self.j)
        competitors = ops.concatenate([y_pred, rubbish], axis=-1)
        competition = ops.logsumexp(-competitors / self.temperature, axis=-1)
        return distance / self.temperature + competition

    def get_config(self):
        return {
            **super().get_config(),
            "j": self.j,
            "temperature": self.temperature,
        }


@keras.saving.register_keras_serializable(package="lenet_keras")
class CategoricalMaximumAPosteriori(MaximumAPosteriori):
    """Loss (9) with a probability for each class in place of a label.

    `loss = mean(sum_i(t[p, i] * y[p, i]) + (1 - sum_i(t[p, i])) * j
    + log(exp(-j) + sum_i(exp(-y[p, i]))))`

    over the patterns `p`, where `t[p, i]` is the target probability of class `i`, and
    the distances and `j` are divided by the temperature. One-hot targets give
    `MaximumAPosteriori`. Smoothed labels, mixed images and the answers of a larger
    network give other targets. What the targets of a pattern lack to 1 belongs to the
    rubbish class: an image of no class has targets 0.

    Args:
        j: As for `MaximumAPosteriori`.
        temperature: As for `MaximumAPosteriori`.
        reduction: Reduction of the losses per pattern, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Probabilities of shape `(batch, classes)`, 0 or more, of sum 1 or less.
        y_pred: Distances of shape `(batch, classes)`, 0 or more.

    Example:

    >>> distances = keras.ops.array([[5000.0, 10.0]])
    >>> loss = CategoricalMaximumAPosteriori(j=10.0)
    >>> round(float(loss(keras.ops.array([[0.0, 1.0]]), distances)), 4)
    0.6931

    Raises:
        ValueError: If `j` or `temperature` is not positive, or the shapes differ.

    Reference:
        LeCun et al. (1998), equation 9; targets other than one-hot are ours.
    """

    def __init__(
        self,
        j=10.0,
        temperature=1.0,
        reduction="sum_over_batch_size",
        name="categorical_maximum_a_posteriori",
        dtype=None,
    ):
        super().__init__(j, temperature, reduction, name, dtype)

    def _distance(self, y_true, y_pred):
        shapes = tuple(y_true.shape), tuple(y_pred.shape)
        if len(shapes[0]) != len(shapes[1]) or any(
            n != m and None not in (n, m) for n, m in zip(*shapes, strict=True)
        ):
            raise ValueError(
                "Expected a probability for each class. Received: "
                f"y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}"
            )
        y_true = ops.cast(y_true, y_pred.dtype)
        return ops.sum(y_true * (y_pred - self.j), axis=-1) + self.j


@keras.saving.register_keras_serializable(package="lenet_keras")
class LineMaximumAPosteriori(MaximumAPosteriori):
    """Loss (9) for a line of digits that a network slides along.

    `loss = -mean(log(sum_s(prod_p(P[p, s[p]]))))`

    where `P[p, i] = exp(-y[p, i]) / (exp(-j) + sum_k(exp(-y[p, k])))` is the posterior
    probability of class `i` at place `p`, and that of rubbish has `exp(-j)` in the
    numerator. The distances and `j` are divided by the temperature. The sum is over all
    ways `s` to give each place a digit or rubbish that read as the right line: a digit
    may last for several places, and between two equal digits there is rubbish. So
    training needs what a line says, and not where its digits are.

    Args:
        j: As for `MaximumAPosteriori`.
        temperature: As for `MaximumAPosteriori`.
        reduction: Reduction of the losses per line, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Integer labels of shape `(batch, length)`; -1 after a shorter line.
        y_pred: Distances of shape `(batch, 1, places, classes)`.

    Example:

    >>> distances = keras.ops.array([[[[0.0, 90.0], [90.0, 90.0], [90.0, 0.0]]]])
    >>> loss = LineMaximumAPosteriori(j=20.0)
    >>> float(loss(keras.ops.array([[0, 1]]), distances)) < 1e-3
    True
    >>> round(float(loss(keras.ops.array([[1, -1]]), distances)))  # only rubbish or a 1
    20

    Raises:
        ValueError: If `j` or `temperature` is not positive, the shapes do not fit, or a
            label is no class, or a line does not fit into the places. Compiled code
            cannot check the labels: the loss is NaN.

    Reference:
        LeCun et al. (1998), sections VI and VII: the network and the paths are trained
        together, on the forward scores; Graves et al. (2006), "Connectionist temporal
        classification". The costs are those of equation 9.
    """

    def __init__(
        self,
        j=10.0,
        temperature=1.0,
        reduction="sum_over_batch_size",
        name="line_maximum_a_posteriori",
        dtype=None,
    ):
        super().__init__(j, temperature, reduction, name, dtype)

    def call(self, y_true, y_pred):
        shapes = tuple(y_true.shape), tuple(y_pred.shape)
        if (len(shapes[0]), len(shapes[1]), *shapes[1][1:2]) != (2, 4, 1):
            raise ValueError(
                "Expected labels of shape (batch, length) and distances of shape "
                f"(batch, 1, places, classes). Received: y_true.shape={shapes[0]}, "
                f"y_pred.shape={shapes[1]}"
            )
        distances = y_pred[:, 0]
        rubbish = ops.full_like(distances[..., :1], self.j)
        costs = ops.concatenate([distances, rubbish], axis=-1)
        classes, places = shapes[1][-1], ops.shape(costs)[1]
        y_true = ops.cast(y_true, y_pred.dtype)
        labels = ops.cast(y_true, "int32")
        is_digit = ops.cast(labels >= 0, "int32")
        lengths = ops.sum(is_digit, axis=-1)
        # Between two equal digits there is rubbish, which needs a place too.
        pauses = ops.cast(labels[:, 1:] == labels[:, :-1], "int32") * is_digit[:, 1:]
        is_label = (y_true == ops.floor(y_true)) & (labels >= -1) & (labels < classes)
        is_line = (
            ops.all(is_label, axis=-1)
            & ops.all(is_digit[:, 1:] <= is_digit[:, :-1], axis=-1)
            & (lengths + ops.sum(pauses, axis=-1) <= places)
        )
        if not _all_or_compiled(is_line):
            raise ValueError(
                f"Expected integer labels from 0 to {classes - 1}, and -1 only after "
                f"them, of lines that fit into {places} places. "
                f"Received: y_true={ops.convert_to_numpy(y_true)}"
            )
        loss = ops.ctc_loss(
            ops.clip(labels, 0, classes - 1),
            -costs / self.temperature,
            lengths,
            ops.full_like(lengths, places),
            mask_index=classes,
        )
        return ops.where(is_line, loss, float("nan"))


@keras.saving.register_keras_serializable(package="lenet_keras")
class SparseMeanSquaredError(_LossOfLabels):
    """Mean squared error with integer labels and one `scaled_tanh` unit per class.

    `loss = mean((y[p, i] - d[p, i]) ** 2)` over the patterns `p` and the classes `i`.
    The target `d[p, i]` is 1 for the correct class and -1 for the others. At these
    values `lenet_keras.activations.scaled_tanh` has its largest second derivative.

    Args:
        reduction: Reduction of the losses per pattern, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
        y_pred: Outputs of shape `(batch, classes)`.

    Example:

    >>> outputs = keras.ops.array([[-1.0, 1.0], [0.0, 0.0]])
    >>> float(SparseMeanSquaredError()(keras.ops.array([1, 0]), outputs))
    0.5

    Raises:
        ValueError: If the shapes do not match, or a label is outside
            `0 ... classes - 1`. Compiled code cannot check the labels: the loss is NaN.

    Reference:
        Le Cun et al. (1990), "Handwritten digit recognition with a back-propagation
        network"; LeCun et al. (1998), appendix A, on targets of 1 and -1.
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="sparse_mean_squared_error",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        labels, is_class = checked_labels(y_true, y_pred)
        targets = 2 * ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype) - 1
        error = ops.mean(ops.square(y_pred - targets), axis=-1)
        return ops.where(is_class, error, float("nan"))
