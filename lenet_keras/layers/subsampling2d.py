"""The subsampling of S2 and S4: a trainable coefficient and bias per map."""

import math

import keras
from keras import ops

from lenet_keras.activations import scaled_tanh
from lenet_keras.checks import expect
from lenet_keras.layers.maps import SETTINGS, add_weight_per_map, maps_axis, per_map


@keras.saving.register_keras_serializable(package="lenet_keras")
class Subsampling2D(keras.layers.AveragePooling2D):
    """Trainable subsampling: sum the window, multiply, add a bias, activate.

    Each output unit is

    `activation(coefficient[map] * sum(window) + bias[map])`

    As in the paper, the windows do not overlap; with `strides` below `pool_size` they
    do. There are two parameters per map. With coefficient `1 / window area`, bias 0
    and no activation the layer is equivalent to `AveragePooling2D`.

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
        padding: `"valid"`: incomplete windows at the edges are ignored. There is no
            `"same"`, because `AveragePooling2D` averages windows at the border over
            fewer pixels.

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
        ValueError: If `padding` is not `"valid"`, or another argument is invalid for
            `AveragePooling2D`, or the images are smaller than a window.

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
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        expect(padding == "valid", "padding='valid'", padding=padding)
        self.window_area = math.prod(self.pool_size)
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
        axis = maps_axis(self.data_format)
        maps = input_shape[axis]
        self.compute_output_shape(input_shape)  # raises if the images are too small
        self.input_spec = keras.InputSpec(ndim=4, axes={axis: maps})
        self.coefficient = add_weight_per_map(self, "coefficient", maps)
        self.bias = add_weight_per_map(self, "bias", maps)

    def call(self, inputs):
        averages = super().call(inputs)
        # The sum is the average times the area. Multiplying the coefficients by the
        # area is cheaper. Their gradients sum much faster if coefficients and biases
        # are first broadcast to one value per unit.
        shape = ops.shape(averages)[1:]
        coefficient = per_map(self.coefficient, self.data_format)
        coefficient = ops.broadcast_to(self.window_area * coefficient, shape)
        bias = ops.broadcast_to(per_map(self.bias, self.data_format), shape)
        return self.activation(averages * coefficient + bias)

    def get_config(self):
        config = super().get_config()
        config["activation"] = keras.activations.serialize(self.activation)
        for part in SETTINGS:
            for name in (f"coefficient_{part}", f"bias_{part}"):
                config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config
