"""Accuracy of networks with an RBF output: the smallest distance wins."""

import keras
from keras import ops

from lenet_keras.losses import checked_labels


@keras.saving.register_keras_serializable(package="lenet_keras")
def rbf_accuracy(y_true, y_pred):
    """Returns 1 for each pattern whose correct class has the smallest distance, else 0.

    A pattern with a NaN among its distances counts as wrong.

    Args:
        y_true: Integer labels of shape `(batch,)` or `(batch, 1)`.
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
    labels, is_class = checked_labels(y_true, y_pred)
    # The backends differ in argmin of NaN: some skip NaN, others return its index.
    is_known = ops.logical_not(ops.any(ops.isnan(y_pred), axis=-1))
    is_smallest = ops.equal(ops.cast(ops.argmin(y_pred, axis=-1), "int32"), labels)
    is_right = ops.logical_and(is_known, is_smallest)
    return ops.where(is_class, ops.cast(is_right, "float32"), float("nan"))


@keras.saving.register_keras_serializable(package="lenet_keras")
class RBFAccuracy(keras.metrics.MeanMetricWrapper):
    """The fraction of patterns whose correct class has the smallest distance.

    Use it for models that end in `RBF`. Keras's `metrics=["accuracy"]` takes the
    largest output as the prediction, which is the worst class here. A pattern with a
    NaN among its distances counts as wrong, so a network that diverged scores 0.

    Args:
        name: Name of the metric.
        dtype: Data type of the computation.

    Example:

    >>> metric = RBFAccuracy()
    >>> distances = keras.ops.array([[9.0, 2.0], [4.0, 7.0]])
    >>> metric.update_state([1, 1], distances)
    >>> float(metric.result())
    0.5

    Raises:
        ValueError: If the shapes do not match, or a label is outside
            `0 ... classes - 1`. Compiled code cannot check the labels: the result is
            NaN.

    Reference:
        LeCun et al. (1998), section II-B, on the output layer.
    """

    def __init__(self, name="rbf_accuracy", dtype=None):
        super().__init__(fn=rbf_accuracy, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}
