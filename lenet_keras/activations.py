"""The activation function of LeNet-5."""

import keras
from keras import ops

AMPLITUDE = 1.7159
SLOPE = 2 / 3


@keras.saving.register_keras_serializable(package="lenet_keras")
def scaled_tanh(x):
    """Scaled hyperbolic tangent, the activation function of LeNet-5.

    `f(a) = A * tanh(S * a)` with `A = 1.7159` and `S = 2/3`. With these values
    `f(1) = 1` and `f(-1) = -1`. The magnitude of the second derivative is largest
    near 1 and -1, the values of the RBF codes.

    Keras resolves only its own activations from strings. Pass the function itself:
    `activation=scaled_tanh`. It is serializable.

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
