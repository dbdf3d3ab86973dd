"""Accuracy of networks with an RBF output: the smallest distance wins."""

import keras
from keras import ops

from lenet_keras.layers.rbf import single_precision
from lenet_keras.losses import checked_labels


@keras.saving.register_keras_serializable(package="lenet_keras")
def rbf_accuracy(y_true, y_pred):
    """Returns 1 for each pattern whose correct class has the smallest distance, else 0.

    A pattern with a NaN among its distances counts as wrong.

    Args:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`. Or probabilities of
            shape `(batch, classes)`, where the largest one counts. What they lack to 1
            belongs to rubbish: if that is the largest, no answer is right.
        y_pred: Distances of shape `(batch, classes)`.

    Returns:
        Tensor of shape `(batch,)`; NaN where a label is outside `0 ... classes - 1`.

    Example:

    >>> distances = keras.ops.array([[9.0, 2.0], [float("nan"), 7.0]])
    >>> [float(hit) for hit in rbf_accuracy([1, 0], distances)]
    [1.0, 0.0]

    Raises:
        ValueError: For the same reasons as `lenet_keras.losses.checked_labels`.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) > 1 and y_true.shape[-1] == y_pred.shape[-1] != 1:
        rubbish = 1 - ops.sum(y_true, axis=-1, keepdims=True)
        targets = ops.concatenate([y_true, rubbish], axis=-1)
        labels, is_class = ops.argmax(targets, axis=-1), True
    else:
        labels, is_class = checked_labels(y_true, y_pred)
    # The backends differ in argmin of NaN: some skip NaN, others return its index.
    is_known = ops.logical_not(ops.any(ops.isnan(y_pred), axis=-1))
    is_right = is_known & ops.equal(ops.argmin(y_pred, axis=-1), labels)
    return ops.where(is_class, ops.cast(is_right, "float32"), float("nan"))


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBFAccuracy(keras.metrics.MeanMetricWrapper):
    """The fraction of patterns whose correct class has the smallest distance.

    Use it for models that end in `RBF`. Keras's `metrics=["accuracy"]` takes the
    largest output as the prediction, which is the worst class here. A pattern with a
    NaN among its distances counts as wrong, so a network that diverged scores 0.

    Args:
        name: Name of the metric.
        dtype: Data type of the computation. Half precision becomes `float32`.

    Example:

    >>> metric = RBFAccuracy()
    >>> distances = keras.ops.array([[9.0, 2.0], [4.0, 7.0]])
    >>> metric.update_state([1, 1], distances)
    >>> float(metric.result())
    0.5

    Raises:
        ValueError: If the labels have another number of axes. A label outside
            `0 ... classes - 1` raises no error: it makes the result NaN.

    Reference:
        LeCun et al. (1998), section II-B, on the output layer.
    """

    def __init__(self, name="rbf_accuracy", dtype=None):
        dtype = single_precision(dtype or keras.config.floatx())
        super().__init__(fn=rbf_accuracy, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}
