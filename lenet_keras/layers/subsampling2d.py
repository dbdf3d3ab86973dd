"""The subsampling of S2 and S4: a trainable coefficient and bias per map."""

import math

import keras
from keras import ops

from lenet_keras.activations import scaled_tanh
from lenet_keras.layers import arguments


@keras.saving.register_keras_serializable(package="lenet_keras")
class Subsampling2D(keras.layers.Layer):
    """Trainable subsampling: sum the window, multiply, add a bias, activate.

    Each output unit is

    `activation(coefficient[map] * sum(window) + bias[map])`

    As in the paper, the windows do not overlap; with `strides` below `pool_size` they
    do. There are two parameters per map. With coefficient `1 / window area`, bias 0,
    no activation and no padding the layer is equivalent to `AveragePooling2D`.

    Args:
        pool_size: Positive integer or pair of positive integers, the height and width
            of the window.
        activation: Activation function, or `None`.
        coefficient_initializer: Initializer of the coefficients. The default is the
            constant `1 / window area`, the average. The paper does not give their
            initial values.
        bias_initializer: Initializer of the biases.
        coefficient_regularizer: Optional regularizer of the coefficients.
        bias_regularizer: Optional regularizer of the biases.
        coefficient_constraint: Optional constraint on the coefficients.
        bias_constraint: Optional constraint on the biases.
        data_format: `"channels_last"` or `"channels_first"`. The default is the
            `image_data_format` of the Keras configuration.
        strides: Positive integer or pair of positive integers: the steps between the
            windows. The default is `pool_size`.
        padding: `"valid"` ignores incomplete windows at the edges. `"same"` has one
            window at every stride and adds zeros outside the image. The window area
            stays the same: `AveragePooling2D` leaves out the padding instead.

    Input shape:
        `(batch, height, width, maps)`, or `(batch, maps, height, width)` with
        `data_format="channels_first"`.

    Output shape:
        `(batch, new_height, new_width, maps)`, or `(batch, maps, new_height,
        new_width)` with `data_format="channels_first"`. By default `new_height` is
        `height // pool_height`.

    Example:

    >>> layer = Subsampling2D(pool_size=2)
    >>> layer(keras.ops.ones((1, 28, 28, 6))).shape
    TensorShape([1, 14, 14, 6])
    >>> layer.count_params()
    12

    Raises:
        ValueError: If an argument is invalid, or the inputs are not a batch of images
            of at least one window.

    Reference:
        LeCun et al. (1998), section II-B: "the four inputs to a unit in S2 are
        added, then multiplied by a trainable coefficient, and added to a trainable
        bias. The result is passed through a sigmoidal function."
    """

    def __init__(
        self,
        pool_size=2,
        activation=scaled_tanh,
        coefficient_initializer=None,
        bias_initializer="zeros",
        coefficient_regularizer=None,
        bias_regularizer=None,
        coefficient_constraint=None,
        bias_constraint=None,
        data_format=None,
        strides=None,
        padding="valid",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.pool_size = arguments.pair(pool_size, "pool_size")
        self.window_area = math.prod(self.pool_size)
        self.strides = arguments.pair(
            self.pool_size if strides is None else strides, "strides"
        )
        self.padding = arguments.padding(padding)
        self.data_format = arguments.image_data_format(data_format)
        self.activation = keras.activations.get(activation)
        if coefficient_initializer is None:
            coefficient_initializer = keras.initializers.Constant(1 / self.window_area)
        self.coefficient_initializer = keras.initializers.get(coefficient_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.coefficient_regularizer = keras.regularizers.get(coefficient_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.coefficient_constraint = keras.constraints.get(coefficient_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, input_shape):
        _, maps = arguments.split_image_shape(input_shape, self.data_format)
        self.input_spec = arguments.images_of(maps, self.data_format)
        self.compute_output_shape(input_shape)  # raises if the inputs are too small
        self.coefficient = self.add_weight(
            name="coefficient",
            shape=(maps,),
            initializer=self.coefficient_initializer,
            regularizer=self.coefficient_regularizer,
            constraint=self.coefficient_constraint,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(maps,),
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def call(self, inputs):
        if self.padding == "same":
            # `average_pool` leaves out the padding, and repeats the edge on PyTorch.
            size, _ = arguments.split_image_shape(ops.shape(inputs), self.data_format)
            zeros = arguments.zeros_around(size, self.pool_size, self.strides)
            inputs = ops.pad(
                inputs,
                arguments.join_image_shape((0, 0), zeros, (0, 0), self.data_format),
            )
        averages = ops.average_pool(
            inputs, self.pool_size, self.strides, data_format=self.data_format
        )
        # The sum is the average times the area. Multiplying the coefficients by the
        # area is cheaper. Their gradients sum much faster if coefficients and biases
        # are first broadcast to one value per unit.
        shape = ops.shape(averages)[1:]
        coefficient = arguments.per_map(self.coefficient, self.data_format)
        coefficient = ops.broadcast_to(self.window_area * coefficient, shape)
        bias = arguments.per_map(self.bias, self.data_format)
        bias = ops.broadcast_to(bias, shape)
        return self.activation(averages * coefficient + bias)

    def compute_output_shape(self, input_shape):
        size, maps = arguments.split_image_shape(input_shape, self.data_format)
        window = self.pool_size if self.padding == "valid" else (1, 1)
        size = arguments.windows(size, window, self.strides)
        return arguments.join_image_shape(input_shape[0], size, maps, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "activation": keras.activations.serialize(self.activation),
            "coefficient_initializer": keras.initializers.serialize(
                self.coefficient_initializer
            ),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "coefficient_regularizer": keras.regularizers.serialize(
                self.coefficient_regularizer
            ),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "coefficient_constraint": keras.constraints.serialize(
                self.coefficient_constraint
            ),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "data_format": self.data_format,
            "strides": self.strides,
            "padding": self.padding,
        }
