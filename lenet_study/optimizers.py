"""An optimizer that the recipes for the best result use."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lenet_keras")
class KernelMuon(keras.optimizers.Muon):
    """Keras's Muon, which also takes the kernels of convolutions as matrices.

    `m <- momentum * m + g`, and with the Nesterov momentum `d = g + momentum * m`:

    `w <- w - learning_rate * rms_rate * sqrt(max(n, k)) * orthogonal(d)`

    `orthogonal` replaces all singular values of a matrix by numbers near 1, so that all
    directions of a kernel learn at one speed. The matrix of a kernel has one column for
    each of its `k` outputs, and `n` rows. Vectors, such as biases, are updated by Adam
    at the same learning rate. `keras.optimizers.Muon` itself also updates kernels with
    more than two axes by Adam.

    Args:
        learning_rate: Positive number, or a schedule.
        **kwargs: The other arguments of `keras.optimizers.Muon`.

    Example:

    >>> optimizer = KernelMuon(1.0, rms_rate=1.0, weight_decay=0.0)
    >>> kernel = keras.Variable([[[1.0]], [[1.0]]])  # 2x1 pixels, one input, one output
    >>> optimizer.apply([keras.ops.array([[[3.0]], [[4.0]]])], [kernel])
    >>> step = 1 - keras.ops.convert_to_numpy(kernel).ravel()
    >>> (step / step.max()).round(2).tolist()  # the gradient's direction
    [0.75, 1.0]

    Reference:
        Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks";
        Liu et al. (2025), "Muon is scalable for LLM training".
    """

    def _should_use_adamw(self, variable):
        return len(variable.shape) < 2

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, gradient + m * (self.momentum - 1))
        direction = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.reshape(direction, (-1, variable.shape[-1]))
        update = self.zeropower_via_newtonschulz5(matrix, self.ns_steps)
        update = self.lr_adjust(lr * update)
        self.assign_sub(variable, ops.reshape(update, variable.shape))
