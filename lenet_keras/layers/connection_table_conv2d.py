"""The convolution of C3: each output map uses only some of the input maps."""

from numbers import Integral

import keras
import numpy as np
from keras import ops

from lenet_keras.layers import arguments


@keras.saving.register_keras_serializable(package="lenet_keras")
class ConnectionTableConv2D(keras.layers.Layer):
    """2-D convolution in which a table selects the input maps of each output map.

    Output map `k` is

    `activation(bias[k] + sum(convolve(inputs[i], kernel[i, k]) for i in table[k]))`

    The layer stores and trains only the kernels in the table. Table I of the paper
    with 5x5 kernels on 6 maps has 60 kernels: 1,516 parameters, including 16 biases.
    A full or a masked `Conv2D` has 2,416. With a full table the layer is equivalent
    to `keras.layers.Conv2D`.

    Args:
        connection_table: One entry per output map: the indices of its input maps,
            each at most once, in any order.
        kernel_size: Positive integer or pair of positive integers, height and width.
        strides: Positive integer or pair of positive integers.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`. The default is the
            `image_data_format` of the Keras configuration.
        activation: Activation function; none by default.
        use_bias: Whether each output map has a bias.
        kernel_initializer: Initializer of the kernels. It uses the fan-in of each
            output map: the map starts like a map of a `Conv2D` with the same number
            of input maps.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Optional regularizer of the kernels.
        bias_regularizer: Optional regularizer of the biases.
        activity_regularizer: Optional regularizer of the output.
        kernel_constraint: Optional constraint on the kernels.
        bias_constraint: Optional constraint on the biases.

    Attributes:
        kernel: The weight, of shape `(kernel_height, kernel_width, links)`. The
            links are ordered by output map, then by input map.
        dense_kernel: The kernels in the layout of `Conv2D`: a tensor of shape
            `(kernel_height, kernel_width, input_maps, output_maps)`, with zeros
            where there is no link.

    Input shape:
        `(batch, height, width, input_maps)`, or `(batch, input_maps, height, width)`
        with `data_format="channels_first"`.

    Output shape:
        `(batch, new_height, new_width, output_maps)`, or `(batch, output_maps,
        new_height, new_width)` with `data_format="channels_first"`.

    Example:

    >>> from lenet_keras.layers import C3_CONNECTIONS
    >>> layer = ConnectionTableConv2D(C3_CONNECTIONS, kernel_size=5)
    >>> layer(keras.Input((14, 14, 6))).shape
    (None, 10, 10, 16)
    >>> layer.count_params()
    1516

    Raises:
        ValueError: If the table or one of its entries is empty, an index is
            repeated, negative, or not below the number of input maps, or another
            argument is invalid.

    Reference:
        LeCun et al. (1998), section II-B and Table I.
    """

    def __init__(
        self,
        connection_table,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.connection_table = _checked_table(connection_table)
        self.kernel_size = arguments.pair(kernel_size, "kernel_size")
        self.strides = arguments.pair(strides, "strides")
        if padding not in ("valid", "same"):
            raise ValueError(
                f"Expected 'valid' or 'same'. Received: padding={padding!r}"
            )
        self.padding = padding
        self.data_format = arguments.image_data_format(data_format)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, input_shape):
        _, self.input_maps = arguments.split_image_shape(input_shape, self.data_format)
        highest = max(max(entry) for entry in self.connection_table)
        if highest >= self.input_maps:
            raise ValueError(
                f"Expected indices below the number of input maps, {self.input_maps}. "
                f"Received: connection_table={self.connection_table}, with {highest}"
            )
        self.compute_output_shape(input_shape)  # raises if the inputs are too small
        links = [(i, k) for k, entry in enumerate(self.connection_table) for i in entry]
        places = np.zeros((len(links), self.input_maps, len(self.connection_table)))
        for link, (input_map, output_map) in enumerate(links):
            places[link, input_map, output_map] = 1
        self._places = places.reshape(len(links), -1)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, len(links)),
            initializer=self._initial_kernel,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(len(self.connection_table),),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _initial_kernel(self, shape, dtype=None):
        # One draw per fan-in, as large as if all output maps had this fan-in. Each map
        # takes its own column of the draw. So no two kernels share a number, even if
        # the initializer returns the same values in every call.
        draws = {}
        columns = []
        for output_map, entry in enumerate(self.connection_table):
            fan = len(entry)
            if fan not in draws:
                draw_shape = (*self.kernel_size, fan, len(self.connection_table))
                draws[fan] = self.kernel_initializer(draw_shape, dtype=dtype)
            columns.append(draws[fan][..., output_map])
        return ops.concatenate(columns, axis=-1)

    @property
    def dense_kernel(self):
        """The kernels, `(height, width, input_maps, output_maps)`, zero if unlinked."""
        # A product with zeros and ones moves each kernel to its place. It is fastest.
        output_maps = len(self.connection_table)
        kernel = ops.convert_to_tensor(self.kernel)
        dense = ops.matmul(kernel, ops.cast(self._places, kernel.dtype))
        return ops.reshape(dense, (*self.kernel_size, self.input_maps, output_maps))

    def call(self, inputs):
        outputs = ops.conv(
            inputs,
            self.dense_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )
        if self.use_bias:
            outputs = outputs + arguments.per_map(self.bias, self.data_format)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        size, _ = arguments.split_image_shape(input_shape, self.data_format)
        window = self.kernel_size if self.padding == "valid" else (1, 1)
        return arguments.join_image_shape(
            input_shape[0],
            arguments.windows(size, window, self.strides),
            len(self.connection_table),
            self.data_format,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "connection_table": [list(entry) for entry in self.connection_table],
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(
                self.activity_regularizer
            ),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }


def _checked_table(connection_table):
    """Returns the table as a tuple of sorted tuples of integers."""
    table = tuple(tuple(entry) for entry in connection_table)
    if not table:
        raise ValueError(
            "Expected one entry per output map. "
            f"Received: connection_table={connection_table}"
        )
    for output_map, entry in enumerate(table):
        if not entry or not all(isinstance(i, Integral) and i >= 0 for i in entry):
            problem = "is empty or contains values other than integers from 0"
        elif len(set(entry)) < len(entry):
            problem = "repeats an index"
        else:
            continue
        raise ValueError(
            "Expected distinct indices of input maps in each entry. Received: "
            f"connection_table={connection_table}, whose entry {output_map} {problem}"
        )
    return tuple(tuple(sorted(map(int, entry))) for entry in table)
