"""The convolution of C3: each output map uses only some of the input maps."""

import operator

import keras
import numpy as np
from keras import ops

from lenet_keras.checks import expect
from lenet_keras.layers.maps import add_weight_per_map, maps_axis, per_map


@keras.saving.register_keras_serializable(package="lenet_keras")
class ConnectionTableConv2D(keras.layers.Conv2D):
    """2-D convolution in which a table selects the input maps of each output map.

    Output map `k` is

    `activation(bias[k] + sum(convolve(inputs[i], kernel[i, k]) for i in table[k]))`

    The layer stores and trains only the kernels in the table. Table I of the paper
    with 5x5 kernels on 6 maps has 60 kernels: 1,516 parameters, including 16 biases.
    A full or a masked `Conv2D` has 2,416. With a full table the layer is equivalent
    to `keras.layers.Conv2D`, and it takes about the time of a `Conv2D`.

    The layer computes one convolution with zeros where there is no link. A pixel that
    is NaN or infinite therefore reaches all output maps: `0 * NaN` is NaN.

    Args:
        connection_table: One entry per output map: the indices of its input maps,
            each at most once, in any order. Or a matrix of links as the paper prints
            Table I: one row per input map, one column per output map, with `True`
            where there is a link. A matrix is an array of booleans, a NumPy array of
            zeros and ones, or a list of lists of booleans. The layer keeps the
            indices.
        kernel_size: Positive integer or pair of positive integers, height and width.
        **kwargs: The other arguments of `keras.layers.Conv2D`, except `filters`,
            `groups` and LoRA. The `kernel_initializer` uses the fan-in of each output
            map: the map starts like a map of a `Conv2D` with the same number of input
            maps. The `kernel_regularizer` and the `kernel_constraint` act on
            `dense_kernel`, as on the kernel of a `Conv2D`.

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
    >>> layer = ConnectionTableConv2D(np.array([[1, 1, 0], [0, 1, 1]]), 5)
    >>> layer.connection_table
    ((0,), (0, 1), (1,))

    Raises:
        ValueError: If an entry of the table is empty, an index is repeated, negative,
            or not below the number of input maps, or a matrix has not one row per
            input map.
        NotImplementedError: If LoRA is enabled.

    Reference:
        LeCun et al. (1998), section II-B and Table I.
    """

    def __init__(self, connection_table, kernel_size, **kwargs):
        indices, rows = _indices(connection_table)
        super().__init__(len(indices), kernel_size, groups=1, lora_rank=None, **kwargs)
        self.connection_table, self._rows = indices, rows

    def build(self, input_shape):
        axis = maps_axis(self.data_format)
        input_maps = input_shape[axis]
        highest = max(max(entry) for entry in self.connection_table)
        received = {"connection_table": self.connection_table, "rows": self._rows}
        fits = highest < input_maps and self._rows in (None, input_maps)
        expect(fits, f"a connection_table of {input_maps} input maps", **received)
        self.compute_output_shape(input_shape)  # raises if the images are too small
        self.input_spec = keras.InputSpec(ndim=4, axes={axis: input_maps})
        links = [(i, k) for k, entry in enumerate(self.connection_table) for i in entry]
        self._links = tuple(np.transpose(links))
        # The link between each pair of maps, or the number of links if there is none.
        self._link_of = np.full((input_maps, self.filters), len(links), "int32")
        self._link_of[self._links] = np.arange(len(links))
        self._kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, len(links)),
            initializer=self._initial_kernel,
            regularizer=self.kernel_regularizer
            and _calls(keras.regularizers.Regularizer, self._penalty),
            constraint=self.kernel_constraint
            and _calls(keras.constraints.Constraint, self._constrained),
        )
        self.bias = None
        if self.use_bias:
            self.bias = add_weight_per_map(self, "bias", self.filters)

    def _initial_kernel(self, shape, dtype=None):
        # One draw per fan-in, as large as if all output maps had this fan-in. Each map
        # takes its own column of the draw. So no two kernels share a number, even if
        # the initializer returns the same values in every call.
        draws, columns = {}, []
        for output_map, entry in enumerate(self.connection_table):
            fan = len(entry)
            if fan not in draws:
                draw_shape = (*self.kernel_size, fan, self.filters)
                draws[fan] = self.kernel_initializer(draw_shape, dtype=dtype)
            columns.append(draws[fan][..., output_map])
        return ops.concatenate(columns, axis=-1)

    def to_dense(self, kernel):
        """Returns kernels in the layout of `Conv2D`, with zeros where is no link."""
        # Behind the links is a column of zeros. Numbers move faster than columns: for
        # C3 as fast as by a product with zeros and ones, the fastest alternative.
        height, width, links = kernel.shape
        kernel = ops.pad(kernel, [(0, 0), (0, 0), (0, 1)])
        rows = np.arange(0, height * width * (links + 1), links + 1, "int32")
        indices = ops.add(rows.reshape(height, width, 1, 1), self._link_of)
        return ops.take(ops.reshape(kernel, (-1,)), indices, axis=0)

    def from_dense(self, kernel):
        """The inverse of `to_dense`."""
        input_maps, output_maps = self._links
        kernel = ops.reshape(kernel, (*self.kernel_size, -1))
        return ops.take(kernel, input_maps * self.filters + output_maps, axis=-1)

    def _penalty(self, kernel):
        return self.kernel_regularizer(self.to_dense(kernel))

    def _constrained(self, kernel):
        return self.from_dense(self.kernel_constraint(self.to_dense(kernel)))

    @property
    def dense_kernel(self):
        """The kernels, `(height, width, input_maps, output_maps)`, zero if unlinked."""
        return self.to_dense(self.kernel)

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, self.to_dense(kernel))

    def call(self, inputs):
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            # On a CPU, TensorFlow adds the bias of Conv2D along the columns of images
            # with their channels first. It does not if the bias has this shape.
            outputs = outputs + per_map(self.bias, self.data_format)
        return self.activation(outputs)

    def enable_lora(self, *args, **kwargs):
        raise NotImplementedError(
            "Expected a layer of type Conv2D: LoRA would train kernels without a link. "
            f"Received: layer {self.name!r} of type ConnectionTableConv2D"
        )

    def get_config(self):
        config = super().get_config()
        del config["filters"], config["groups"]
        return {**config, "connection_table": self.connection_table}


def _calls(base, function):
    """Returns an instance of a class, for Keras, that calls a function."""
    return type("Calls", (base,), {"__call__": lambda self, kernel: function(kernel)})()


def _indices(table):
    """Returns the input maps of each output map, and the rows of a matrix or `None`."""
    rows = None
    is_array = isinstance(table, np.ndarray) and table.ndim == 2
    kinds = {type(cell) for entry in table for cell in entry}
    if (is_array and np.isin(table, (0, 1)).all()) or kinds <= {bool, np.bool_}:
        rows = len(table)
        table = map(np.flatnonzero, np.array(table, bool).T)
    table = tuple(tuple(sorted(map(operator.index, entry))) for entry in table)
    what = "distinct indices from 0 in each entry, or a NumPy array of zeros and ones"
    for entry in table or [()]:
        fits = entry and entry[0] >= 0 and len(set(entry)) == len(entry)
        expect(fits, what, connection_table=table, entry=entry)
    return table, rows
