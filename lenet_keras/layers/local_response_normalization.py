"""The local response normalisation of AlexNet."""

import keras
import numpy as np
from keras import ops

from lenet_keras.checks import expect
from lenet_keras.layers.maps import maps_axis


@keras.saving.register_keras_serializable(package="lenet_keras")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each unit by the activity of the neighbouring maps at its position.

    `y[i] = x[i] / (bias + alpha * sum(x[i - depth_radius : i + depth_radius + 1] ** 2))
    ** beta`

    at each position of the image, for each map `i`. The first and last maps have fewer
    neighbours. The layer has no parameters. The default constants are from the paper.

    Args:
        depth_radius: Integer of 0 or more: the number of neighbouring maps on each
            side. The paper's `n` is `2 * depth_radius + 1`.
        bias: Positive number, the paper's `k`.
        alpha: Number of 0 or more.
        beta: Number.
        data_format: `"channels_last"` or `"channels_first"`. The default is the
            `image_data_format` of the Keras configuration.

    Input shape:
        `(batch, height, width, maps)`, or `(batch, maps, height, width)` with
        `data_format="channels_first"`.

    Output shape:
        Same as the input shape.

    Example:

    >>> layer = LocalResponseNormalization(bias=1.0, alpha=1.0, beta=1.0)
    >>> y = layer(keras.ops.ones((1, 1, 1, 4)))
    >>> [round(float(value), 3) for value in y[0, 0, 0]]
    [0.25, 0.2, 0.2, 0.25]

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a batch of
            images.

    Reference:
        Krizhevsky, Sutskever and Hinton (2012), section 3.3: `k = 2`, `n = 5`,
        `alpha = 1e-4`, `beta = 0.75`.
    """

    def __init__(
        self,
        depth_radius=2,
        bias=2.0,
        alpha=1e-4,
        beta=0.75,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        own = {"depth_radius": depth_radius, "bias": bias, "alpha": alpha}
        fits = depth_radius >= 0 and bias > 0 and alpha >= 0
        expect(fits, "a positive bias, and otherwise numbers of 0 or more", **own)
        self.depth_radius = depth_radius
        self.bias, self.alpha, self.beta = bias, alpha, beta
        self.data_format = data_format or keras.config.image_data_format()
        self.maps_axis = maps_axis(self.data_format)
        self.input_spec = keras.InputSpec(ndim=4)
        self.supports_masking = True

    def build(self, input_shape):
        maps = np.arange(input_shape[self.maps_axis])
        self.input_spec = keras.InputSpec(ndim=4, axes={self.maps_axis: len(maps)})
        self.neighbours = abs(maps[:, np.newaxis] - maps) <= self.depth_radius

    def call(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        # Multiply by alpha before squaring: in half precision the squares of the
        # inputs would overflow.
        squares = ops.square(inputs * self.alpha**0.5)
        neighbours = ops.cast(self.neighbours, squares.dtype)
        over_neighbours = "bihw,ij->bjhw" if self.maps_axis == 1 else "bhwi,ij->bhwj"
        activity = ops.einsum(over_neighbours, squares, neighbours)
        # exp and log are several times faster than a power.
        return inputs * ops.exp(-self.beta * ops.log(self.bias + activity))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = ("depth_radius", "bias", "alpha", "beta", "data_format")
        return super().get_config() | {name: getattr(self, name) for name in names}
