"""The initial weights of LeNet-5."""

import math

import keras


@keras.saving.register_keras_serializable(package="lenet_keras")
class FanInUniform(keras.initializers.RandomUniform):
    """Uniform distribution in `[-scale / F, scale / F]`, where `F` is the fan-in.

    `F` is the product of all axes of the weight except the last, which is the axis
    of the units. `F` does not count the bias; the paper leaves this open. The shape
    of a bias or of a subsampling coefficient does not contain the fan-in, so shapes
    with fewer than two axes raise an error.

    Args:
        scale: Positive number. Half the width of the range for `F = 1`.
        seed: Integer, `keras.random.SeedGenerator`, or `None` for a new seed per
            instance. With an integer or `None`, an instance returns the same values
            in every call.

    Example:

    >>> kernel = FanInUniform()((5, 5, 1, 6))
    >>> bool(keras.ops.max(keras.ops.abs(kernel)) <= 2.4 / 25)
    True

    Raises:
        ValueError: If `scale` is not positive, or the shape has fewer than two axes.

    Reference:
        LeCun et al. (1998), Appendix A: "a uniform distribution between
        -2.4/F_i and 2.4/F_i".
    """

    def __init__(self, scale=2.4, seed=None):
        if not scale > 0:
            raise ValueError(f"Expected a positive scale. Received: scale={scale}")
        super().__init__(minval=-scale, maxval=scale, seed=seed)
        self.scale = scale

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(
                "Expected a shape of at least two axes, with the units on the last. "
                f"Received: shape={tuple(shape)}"
            )
        return super().__call__(shape, dtype) / math.prod(shape[:-1])

    def get_config(self):
        return {"scale": self.scale, "seed": super().get_config()["seed"]}
