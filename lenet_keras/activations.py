"""The squashing function of every unit of LeNet-5."""

import keras
from keras import ops

AMPLITUDE = 1.7159
SLOPE = 2 / 3


@keras.saving.register_keras_serializable(package="lenet_keras")
def scaled_tanh(x):
    """Scaled hyperbolic tangent, the squashing function of LeNet-5.

    `f(a) = A * tanh(S * a)` with `A = 1.7159` and `S = 2/3`, so that `f(1) = 1`,
    `f(-1) = -1`, and the second derivative is largest near 1 and -1, where the
    RBF codes are.

    Keras resolves only its own activations from strings: pass the function
    itself, `activation=scaled_tanh`. It serializes.

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the same shape and dtype, within `(-1.7159, 1.7159)`.

    Example:

    >>> float(keras.ops.round(scaled_tanh(1.0), 4))
    1.0

    Reference:
        LeCun et al. (1998), equations 5 and 6, and Appendix A.
    """
    return AMPLITUDE * ops.tanh(SLOPE * x)
