"""The initial weights of LeNet-5."""

import itertools
import math

import keras
import numpy as np

from lenet_keras.checks import expect


def one_per_layer(initializer):
    """Yields an initializer for each layer, so that no two layers start alike.

    Keras draws the same values at every call of an instance with a seed. Here each
    layer gets an instance with a seed of its own, which the given seed determines.

    Args:
        initializer: What Keras takes: a name, a configuration, a class or an instance
            of an initializer.

    Yields:
        What a layer takes as its initializer.

    Example:

    >>> kernels = one_per_layer(keras.initializers.HeNormal(seed=1))
    >>> c1, c3 = next(kernels), next(kernels)
    >>> bool(keras.ops.any(c1((5, 4)) == c3((5, 4))))
    False
    """
    if isinstance(initializer, dict):
        initializer = keras.initializers.get(initializer)
    config = {}
    if isinstance(initializer, keras.initializers.Initializer):
        config = initializer.get_config()
    if not isinstance(config.get("seed", {}), int | None):
        # Keras makes a new instance of a name or a class; an instance without a seed
        # draws nothing; a generator of seeds, here a dictionary, never repeats itself.
        yield from itertools.repeat(initializer)
    for layer in itertools.count():
        seed = config["seed"]
        if seed is not None:
            seed = int(np.random.default_rng([abs(seed), layer]).integers(2**31))
        yield type(initializer).from_config({**config, "seed": seed})


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
        expect(scale > 0, "a positive scale", scale=scale)
        super().__init__(minval=-scale, maxval=scale, seed=seed)
        self.scale = scale

    def __call__(self, shape, dtype=None):
        what = "a shape of at least two axes, with the units on the last"
        expect(len(shape) > 1, what, shape=tuple(shape))
        return super().__call__(shape, dtype) / math.prod(shape[:-1])

    def get_config(self):
        return {"scale": self.scale, "seed": super().get_config()["seed"]}
