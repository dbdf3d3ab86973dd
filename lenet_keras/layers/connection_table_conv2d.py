"""The convolution of C3: each output map uses only some of the input maps."""

from functools import partial
from numbers import Integral

import keras
import numpy as np
from keras import ops

from lenet_keras.layers import arguments

# A convolution of fewer maps takes almost as long as one of sixteen.
_MAPS_PER_BLOCK = 16


@keras.saving.register_keras_serializable(package="lenet_keras")
class ConnectionTableConv2D(keras.layers.Layer):
    """2-D convolution in which a table selects the input maps of each output map.

    Output map `k` is

    `activation(bias[k] + sum(convolve(inputs[i], kernel[i, k]) for i in table[k]))`

    The layer stores and trains only the kernels in the table. Table I of the paper
    with 5x5 kernels on 6 maps has 60 kernels: 1,516 parameters, including 16 biases.
    A full or a masked `Conv2D` has 2,416. With a full table the layer is equivalent
    to `keras.layers.Conv2D`.

    A table falls into blocks if equal parts of the input maps, in order, feed equal
    parts of the output maps, as in a grouped or a depthwise convolution. The layer
    convolves each block of at least sixteen input maps alone, which takes less time
    than one `Conv2D` on all maps. Other tables take about the time of a `Conv2D`.

    Args:
        connection_table: One entry per output map: the indices of its input maps,
            each at most once, in any order. Or an array of booleans as the paper
            prints Table I: one row per input map, one column per output map, true
            where there is a link. The layer keeps the indices.
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
        dilation_rate: Positive integer or pair of positive integers: the distance
            between neighbours in the kernel. A rate above 1 needs strides of 1.

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
    >>> layer = ConnectionTableConv2D([[True, True, False], [False, True, True]], 5)
    >>> layer.connection_table
    ((0,), (0, 1), (1,))

    Raises:
        ValueError: If the table or one of its entries is empty, an index is
            repeated, negative, or not below the number of input maps, a table of
            booleans has not one row per input map, or another argument is invalid.

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
        dilation_rate=1,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.connection_table, self._rows = _checked_table(connection_table)
        self.kernel_size = arguments.pair(kernel_size, "kernel_size")
        self.strides = arguments.pair(strides, "strides")
        if padding not in ("valid", "same"):
            raise ValueError(
                f"Expected 'valid' or 'same'. Received: padding={padding!r}"
            )
        self.padding = padding
        self.data_format = arguments.image_data_format(data_format)
        self.dilation_rate = arguments.pair(dilation_rate, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Expected strides or a dilation rate of 1. Received: "
                f"strides={self.strides}, dilation_rate={self.dilation_rate}"
            )
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
        self.input_spec = arguments.images_of(self.input_maps, self.data_format)
        if self._rows not in (None, self.input_maps):
            raise ValueError(
                "Expected a connection_table with one row of booleans per input map, "
                f"{self.input_maps}. Received: {self._rows} rows"
            )
        highest = max(max(entry) for entry in self.connection_table)
        if highest >= self.input_maps:
            raise ValueError(
                f"Expected indices below the number of input maps, {self.input_maps}. "
                f"Received: connection_table={self.connection_table}, with {highest}"
            )
        self.compute_output_shape(input_shape)  # raises if the inputs are too small
        links = [(i, k) for k, entry in enumerate(self.connection_table) for i in entry]
        self._links = np.transpose(links)
        self._blocks = self._count_blocks()
        self._block_places = self._places(self._blocks)
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

    def _count_blocks(self):
        """Returns the largest number of equal blocks that hold all links."""
        input_maps, output_maps = self.input_maps, len(self.connection_table)
        for blocks in range(input_maps // _MAPS_PER_BLOCK, 1, -1):
            of_input, of_output = self._links * blocks // [[input_maps], [output_maps]]
            equal = input_maps % blocks == output_maps % blocks == 0
            if equal and (of_input == of_output).all():
                return blocks
        return 1

    def _places(self, blocks):
        """Returns the link between each pair of maps, or the number of links if none.

        The shape is that of a grouped convolution: `blocks` tables, side by side.
        """
        input_maps, output_maps = self._links
        block_maps = self.input_maps // blocks
        shape = (block_maps, len(self.connection_table))
        places = np.full(shape, len(input_maps), "int32")
        places[input_maps % block_maps, output_maps] = np.arange(len(input_maps))
        return places

    def _kernel_at(self, places):
        # Behind the links is a column of zeros. Numbers move faster than columns: for
        # C3 as fast as by a product with zeros and ones, the fastest alternative.
        height, width, links = self.kernel.shape
        kernel = ops.pad(self.kernel, [(0, 0), (0, 0), (0, 1)])
        rows = np.arange(0, height * width * (links + 1), links + 1, "int32")
        places = ops.add(rows.reshape(height, width, 1, 1), places)
        return ops.take(ops.reshape(kernel, (-1,)), places, axis=0)

    @property
    def dense_kernel(self):
        """The kernels, `(height, width, input_maps, output_maps)`, zero if unlinked."""
        return self._kernel_at(self._places(blocks=1))

    def call(self, inputs):
        kernel = self._kernel_at(self._block_places)
        convolve = partial(
            ops.conv,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self._blocks == 1:
            outputs = convolve(inputs, kernel)
        else:
            # This is faster than one Conv2D on all backends. A depthwise or a grouped
            # convolution is not: on a CPU, XLA needs several times as long for it.
            maps_axis = 1 if self.data_format == "channels_first" else 3
            images = ops.split(inputs, self._blocks, maps_axis)
            kernels = ops.split(kernel, self._blocks, axis=3)
            outputs = ops.concatenate(list(map(convolve, images, kernels)), maps_axis)
        if self.use_bias:
            outputs = outputs + arguments.per_map(self.bias, self.data_format)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        size, _ = arguments.split_image_shape(input_shape, self.data_format)
        window = (1, 1)
        if self.padding == "valid":
            sides = zip(self.kernel_size, self.dilation_rate, strict=True)
            window = tuple((side - 1) * rate + 1 for side, rate in sides)
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
            "dilation_rate": self.dilation_rate,
        }


def _checked_table(connection_table):
    """Returns the table as sorted tuples of integers, and its number of boolean rows.

    That number is `None` if the table is one of indices.
    """
    try:
        table = tuple(tuple(entry) for entry in connection_table)
    except TypeError:
        table = ()
    if not table:
        raise ValueError(
            "Expected one entry per output map. "
            f"Received: connection_table={connection_table}"
        )
    rows = None
    kinds = {type(cell) for entry in table for cell in entry}
    if kinds and kinds <= {bool, np.bool_}:
        rows = len(table)
        if len(set(map(len, table))) > 1:
            raise ValueError(
                "Expected rows of equal length in a table of booleans. "
                f"Received: connection_table={connection_table}"
            )
        table = tuple(map(tuple, map(np.flatnonzero, zip(*table, strict=True))))
    for output_map, entry in enumerate(table):
        if not entry or not all(_is_index(i) for i in entry):
            problem = "is empty or contains values other than integers from 0"
        elif len(set(entry)) < len(entry):
            problem = "repeats an index; a table of zeros and ones needs booleans"
        else:
            continue
        raise ValueError(
            "Expected distinct indices of input maps in each entry. Received: "
            f"connection_table={connection_table}, whose entry {output_map} {problem}"
        )
    return tuple(tuple(sorted(map(int, entry))) for entry in table), rows


def _is_index(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 0
