"""The local response normalisation of AlexNet."""

from numbers import Integral

import keras
import numpy as np
from keras import ops

from lenet_keras.layers import arguments


@keras.saving.register_keras_serializable(package="lenet_keras")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each unit by the activity of the neighbouring maps at the same place.

    `y[i] = x[i] / (bias + alpha * sum(x[i - depth_radius : i + depth_radius + 1] ** 2))
    ** beta`

    at each place of the image, for each map `i`. The first and last maps have fewer
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
        if not isinstance(depth_radius, Integral) or depth_radius < 0:
            raise ValueError(
                f"Expected an integer of 0 or more. Received: {depth_radius=}"
            )
        if not bias > 0 or not alpha >= 0:
            raise ValueError(
                "Expected a positive bias and an alpha of 0 or more. "
                f"Received: {bias=}, {alpha=}"
            )
        self.depth_radius = depth_radius
        self.bias, self.alpha, self.beta = bias, alpha, beta
        self.data_format = arguments.image_data_format(data_format)

    def build(self, input_shape):
        _, maps = arguments.split_image_shape(input_shape, self.data_format)
        self.input_spec = arguments.images_of(maps, self.data_format)
        distance = np.abs(np.subtract.outer(np.arange(maps), np.arange(maps)))
        self.neighbours = distance <= self.depth_radius
        if self.data_format == "channels_first":
            self.sum_over_neighbours = "bihw,ij->bjhw"
        else:
            self.sum_over_neighbours = "bhwi,ij->bhwj"

    def call(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        # Multiply by alpha before squaring: in half precision the squares of the
        # inputs would overflow.
        squares = ops.square(inputs * self.alpha**0.5)
        neighbours = ops.cast(self.neighbours, squares.dtype)
        activity = ops.einsum(self.sum_over_neighbours, squares, neighbours)
        # exp and log are several times faster than a power.
        return inputs * ops.exp(-self.beta * ops.log(self.bias + activity))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "depth_radius": self.depth_radius,
            "bias": self.bias,
            "alpha": self.alpha,
            "beta": self.beta,
            "data_format": self.data_format,
        }
