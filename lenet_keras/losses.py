"""The two losses of LeNet-5 on its distances, and the older loss of LeNet-1."""

import math

import keras
from keras import ops

from lenet_keras.checks import expect
from lenet_keras.layers.rbf import single_precision


def checked_labels(y_true, y_pred):
    """Returns the labels as integers in the shape of `y_pred` without its last axis.

    Args:
        y_true: Labels of shape `(...)` or `(..., 1)`.
        y_pred: Distances of shape `(..., classes)`.

    Returns:
        `labels, is_class`: `int32` labels, and whether each label is an integer from 0
        to `classes - 1`. Other labels are replaced by 0, so that they are safe as
        indices.

    Raises:
        ValueError: If the labels are one-hot, or have another number of axes. If their
            number differs from the number of rows, the backend raises an error.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, axis=-1)
    shapes = {"y_true": tuple(y_true.shape), "y_pred": tuple(y_pred.shape)}
    fits = len(y_true.shape) == len(y_pred.shape) and shapes["y_true"][-1:] == (1,)
    expect(fits, "one integer label per row of outputs, not one-hot", shapes=shapes)
    # Labels that are fewer than the rows would broadcast. The concatenation fails, also
    # where only the run knows their number. Half precision has no digits for labels.
    dtype = keras.backend.result_type(y_pred.dtype, "float32")
    together = ops.concatenate([ops.cast(a, dtype) for a in (y_true, y_pred)], axis=-1)
    labels, classes = together[..., 0], y_pred.shape[-1]
    is_class = (labels == ops.floor(labels)) & (labels >= 0) & (labels < classes)
    return ops.cast(ops.where(is_class, labels, 0), "int32"), is_class


class _Loss(keras.losses.Loss):
    """Base of the losses: of labels, in `float32` at least, and also of lists."""

    def __init__(self, reduction="sum_over_batch_size", name=None, dtype=None):
        dtype = single_precision(dtype or keras.config.floatx())
        super().__init__(name, reduction, dtype)

    def __call__(self, y_true, y_pred, sample_weight=None):
        # `keras.losses.Loss` would convert each number of a list by itself.
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred):
        labels, is_class = checked_labels(y_true, y_pred)
        return ops.where(is_class, self.of_classes(labels, y_pred), float("nan"))


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBFMeanSquaredError(_Loss):
    """The squared distance to the code of the correct class, summed over the features.

    `loss = mean(y[p, D[p]])` over the patterns `p`, where `y[p, i]` is the squared
    distance between F6 and the code of class `i`, and `D[p]` is the correct class. The
    mean is over the patterns alone, as in the paper, which calls it the mean squared
    error. Keras's `MeanSquaredError` would also divide by the number of features.

    Keep the codes fixed. With trainable codes this loss has a trivial minimum, in which
    all codes are equal.

    A label outside `0 ... classes - 1` makes the loss NaN. If the loss is NaN at the
    first update, look at the labels first.

    Args:
        **kwargs: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`. Half
            precision becomes `float32`.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
        y_pred: Distances of shape `(batch, classes)`, 0 or more.

    Example:

    >>> distances = keras.ops.array([[9.0, 2.0], [4.0, 7.0]])
    >>> float(RBFMeanSquaredError()(keras.ops.array([1, 0]), distances))
    3.0

    Raises:
        ValueError: If the labels are one-hot, or have another number of axes.

    Reference:
        LeCun et al. (1998), equation 8.
    """

    def of_classes(self, labels, y_pred):
        right = ops.one_hot(labels, y_pred.shape[-1], dtype="bool")
        return ops.sum(ops.where(right, y_pred, 0), axis=-1)


@keras.saving.register_keras_serializable(package="lenet_keras")
class MaximumAPosteriori(_Loss):
    """The distance to the correct code, with competition between the classes.

    `loss = mean(y[p, D[p]] + log(exp(-j) + sum_i(exp(-y[p, i]))))`

    over the patterns `p`. This is the negative logarithm of the posterior probability
    of the correct class. A rubbish class at the constant distance `j` also competes.
    Therefore the loss does not push away wrong classes that are already far.

    A label outside `0 ... classes - 1` makes the loss NaN. If the loss is NaN at the
    first update, look at the labels first.

    Args:
        j: The cost of rubbish: a positive number, the distance at which the rubbish
            class is as likely as a class. `inf` for no rubbish class. The paper gives
            no value; the default is ours.
        temperature: Positive number that divides all distances, including `j`. The
            paper's value is 1. With a larger value, classes compete even if their
            distances differ by more than a little. Photographs need this, because they
            are never as near to their code as digits.
        **kwargs: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`. Half
            precision becomes `float32`.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
        y_pred: Distances of shape `(batch, classes)`, 0 or more.

    Example:

    >>> distances = keras.ops.array([[5000.0, 10.0]])
    >>> loss = MaximumAPosteriori(j=10.0)(keras.ops.array([1]), distances)
    >>> round(float(loss), 4)
    0.6931

    Raises:
        ValueError: If `j` or `temperature` is not positive, or the labels are one-hot
            or have another number of axes.

    Reference:
        LeCun et al. (1998), equation 9; the temperature is ours.
    """

    def __init__(self, j=10.0, temperature=1.0, **kwargs):
        super().__init__(**kwargs)
        fits = j > 0 and temperature > 0
        expect(fits, "positive values", j=j, temperature=temperature)
        self.j, self.temperature = j, temperature

    def of_classes(self, labels, y_pred):
        logits = self.logits(y_pred)
        return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)

    def logits(self, distances):
        """Returns `-[distances, j] / temperature`, without `j` if it is infinite."""
        if math.isfinite(self.j):
            rubbish = ops.full_like(distances[..., :1], self.j)
            distances = ops.concatenate([distances, rubbish], axis=-1)
        return -distances / self.temperature

    def get_config(self):
        return super().get_config() | {"j": self.j, "temperature": self.temperature}


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
        j: The cost of rubbish, as for `MaximumAPosteriori`.
        temperature: As for `MaximumAPosteriori`.
        **kwargs: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`. Half
            precision becomes `float32`.

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

    def call(self, y_true, y_pred):
        if math.isfinite(self.j):
            rubbish = 1 - ops.sum(y_true, axis=-1, keepdims=True)
            y_true = ops.concatenate([y_true, rubbish], axis=-1)
        logits = self.logits(y_pred)
        return ops.categorical_crossentropy(y_true, logits, from_logits=True)


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

    A label that is no class, and a line that does not fit into the places, make the
    loss NaN.

    Args:
        j: The cost of rubbish at one place, a positive number. It is finite, because
            equal digits have rubbish between them.
        temperature: As for `MaximumAPosteriori`.
        **kwargs: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`. Half
            precision becomes `float32`.

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
        ValueError: If `j` is not positive or infinite, `temperature` is not positive,
            or the distances are not those of lines.

    Reference:
        LeCun et al. (1998), sections VI and VII: the network and the paths are trained
        together, on the forward scores; Graves et al. (2006), "Connectionist temporal
        classification". The costs are those of equation 9.
    """

    def __init__(self, j=10.0, temperature=1.0, **kwargs):
        super().__init__(j, temperature, **kwargs)
        expect(math.isfinite(j), "a finite j: between equal digits is rubbish", j=j)

    def call(self, y_true, y_pred):
        logits, classes = self.logits(ops.squeeze(y_pred, axis=1)), y_pred.shape[-1]
        labels, places = ops.cast(y_true, "int32"), ops.shape(logits)[1]
        is_digit = ops.cast(labels >= 0, "int32")
        lengths = ops.sum(is_digit, axis=-1)
        # Between two equal digits there is rubbish, which needs a place too.
        pauses = ops.cast(labels[:, 1:] == labels[:, :-1], "int32") * is_digit[:, 1:]
        is_label = (y_true == ops.floor(y_true)) & (labels >= -1) & (labels < classes)
        ends_once = ops.all(is_digit[:, 1:] <= is_digit[:, :-1], axis=-1)
        fits = lengths + ops.sum(pauses, axis=-1) <= places
        is_line = ops.all(is_label, axis=-1) & ends_once & fits
        labels = ops.clip(labels, 0, classes - 1)
        places = ops.full_like(lengths, places)
        loss = ops.ctc_loss(labels, logits, lengths, places, mask_index=classes)
        return ops.where(is_line, loss, float("nan"))


@keras.saving.register_keras_serializable(package="lenet_keras")
class SparseMeanSquaredError(_Loss):
    """Mean squared error with integer labels and one `scaled_tanh` unit per class.

    `loss = mean((y[p, i] - d[p, i]) ** 2)` over the patterns `p` and the classes `i`.
    The target `d[p, i]` is 1 for the correct class and -1 for the others. At these
    values `lenet_keras.activations.scaled_tanh` has its largest second derivative.

    A label outside `0 ... classes - 1` makes the loss NaN. If the loss is NaN at the
    first update, look at the labels first.

    Args:
        **kwargs: `reduction`, `name` and `dtype`, as in `keras.losses.Loss`. Half
            precision becomes `float32`.

    Call arguments:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
        y_pred: Outputs of shape `(batch, classes)`.

    Example:

    >>> outputs = keras.ops.array([[-1.0, 1.0], [0.0, 0.0]])
    >>> float(SparseMeanSquaredError()(keras.ops.array([1, 0]), outputs))
    0.5

    Raises:
        ValueError: If the labels are one-hot, or have another number of axes.

    Reference:
        Le Cun et al. (1990), "Handwritten digit recognition with a back-propagation
        network"; LeCun et al. (1998), appendix A, on targets of 1 and -1.
    """

    def of_classes(self, labels, y_pred):
        targets = 2 * ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype) - 1
        return ops.mean(ops.square(y_pred - targets), axis=-1)
