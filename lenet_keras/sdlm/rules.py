"""How one pattern goes through each layer, and how a signal comes back.

Backpropagation and the curvature recursion of the paper are the same walk back
through the network. Backwards, a layer is a product of three things, bilinear in its
inputs and its weights: with inputs `x`, weights `u` and the squashing slope `f'` it
carries first derivatives (equation 19), with `x ** 2`, `u ** 2` and `f' ** 2` the
second ones (equations 23 to 27). So each layer has one rule, and both follow from it.

A rule sees one pattern at a time, images as `(maps, height, width)`. There a
convolution is one product of a matrix of kernels and a matrix of patches, the fastest
form for one pattern. `pack` brings a layer's weights into that form.
"""

import keras
import numpy as np
from keras import layers, ops

from lenet_keras.activations import AMPLITUDE, SLOPE, scaled_tanh
from lenet_keras.layers import RBF, ConnectionTableConv2D, Subsampling2D

# The slope of each activation that is known, from its input and its output.
SLOPES = {
    scaled_tanh: lambda a, y: SLOPE / AMPLITUDE * (AMPLITUDE**2 - y * y),
    keras.activations.linear: lambda a, y: ops.ones_like(y),
    keras.activations.tanh: lambda a, y: 1 - y * y,
    keras.activations.sigmoid: lambda a, y: y * (1 - y),
    keras.activations.relu: lambda a, y: ops.cast(a > 0, y.dtype),
    keras.activations.silu: lambda a, y: y + ops.sigmoid(a) * (1 - y),
}

RULES = {}


def register_rule(layer_class):
    """Makes a class the rule of a layer, for curvature and for training.

    Args:
        layer_class: Subclass of `keras.layers.Layer`. Its own subclasses need a rule
            of their own.

    Returns:
        Decorator of a subclass of `Rule`.

    Example:

    >>> @register_rule(keras.layers.ZeroPadding2D)
    ... class ZeroPaddingRule(Rule):
    ...     def forward(self, x, weights):
    ...         (top, bottom), (left, right) = self.layer.padding
    ...         return ops.pad(x, [[0, 0], [top, bottom], [left, right]])
    ...
    ...     def backward(self, x, weights, signal):
    ...         (top, _), (left, _) = self.layer.padding
    ...         _, height, width = x.shape
    ...         return signal[:, top : top + height, left : left + width], []
    """

    def register(rule):
        RULES[layer_class] = rule
        return rule

    return register


class Rule:
    """A layer without its activation, for one pattern.

    Args:
        layer: The layer, built.

    Attributes:
        activation: What follows; it has to have its slope in `SLOPES`.
    """

    def __init__(self, layer):
        self.layer = layer
        self.activation = getattr(layer, "activation", keras.activations.linear)
        if getattr(layer, "data_format", None) == "channels_first":
            raise ValueError(
                "Expected layers with data_format='channels_last'. "
                f"Received: layer {layer.name!r} with data_format='channels_first'"
            )

    def pack(self, values):
        """Returns the layer's weights, or one value for each, as the rule has them."""
        return values

    def unpack(self, weights):
        """Undoes `pack`."""
        return weights

    def forward(self, x, weights):
        """Returns the weighted sums `a`, of the layer's shape."""
        raise NotImplementedError

    def backward(self, x, weights, signal):
        """Returns the signal at the inputs, and a list of the signals at the weights.

        It must be linear in the signal, in the inputs and in the weights.
        """
        raise NotImplementedError

    def curvature_backward(self, x, weights, signal):
        """Returns the same for second derivatives: everything squared but the signal.

        Reference:
            LeCun et al. (1998), equations 23, 25 and 27.
        """
        return self.backward(x * x, [weight * weight for weight in weights], signal)


class WeightedSums(Rule):
    """`a = kernel.T @ columns(x)`, where a last row takes the bias."""

    def pack(self, values):
        kernel = ops.reshape(values[0], (-1, values[0].shape[-1]))
        if self.layer.use_bias:
            kernel = ops.concatenate([kernel, values[1][None]], axis=0)
        return [kernel]

    def unpack(self, weights):
        (kernel,) = weights
        if not self.layer.use_bias:
            return [ops.reshape(kernel, self.kernel_shape)]
        return [ops.reshape(kernel[:-1], self.kernel_shape), kernel[-1]]

    @property
    def kernel_shape(self):
        return self.layer.kernel.shape

    def forward(self, x, weights):
        sums = ops.einsum("iu,ip->up", weights[0], self.columns(x))
        return ops.reshape(sums, self.sums_shape(x))

    def backward(self, x, weights, signal):
        columns = self.columns(x)
        signal = ops.reshape(signal, (-1, columns.shape[1]))
        back = ops.einsum("iu,up->ip", weights[0], signal)
        if self.layer.use_bias:
            back = back[:-1]
        return self.fold(x, back), [ops.einsum("ip,up->iu", columns, signal)]

    def columns(self, x):
        """Returns what the units see: a row an input, a column a place."""
        columns = self.places(x)
        if self.layer.use_bias:
            columns.append(ops.ones((1, columns[0].shape[1])))
        return ops.concatenate(columns, axis=0)


@register_rule(layers.Dense)
class DenseRule(WeightedSums):
    """One place, at which the units see the whole vector."""

    def __init__(self, layer):
        super().__init__(layer)
        if len(layer.input.shape) != 2:
            raise ValueError(
                "Expected a Dense layer on one vector a pattern. Received: layer "
                f"{layer.name!r} with inputs of shape {layer.input.shape}"
            )

    def sums_shape(self, x):
        return (self.layer.units,)

    def places(self, x):
        return [x[:, None]]

    def fold(self, x, back):
        return back[:, 0]


@register_rule(layers.Conv2D)
class Conv2DRule(WeightedSums):
    """As many places as windows, at which the units see a patch."""

    def __init__(self, layer):
        super().__init__(layer)
        plain = {"dilation_rate": (1, 1), "groups": 1}
        for name, value in plain.items():
            if getattr(layer, name, value) != value:
                raise ValueError(
                    f"Expected a convolution with {name}={value}. Received: layer "
                    f"{layer.name!r} with {name}={getattr(layer, name)}"
                )

    def windows(self, x):
        """Returns along each axis the kernel, stride, windows and padding around."""
        for size, kernel, stride in zip(
            x.shape[1:], self.layer.kernel_size, self.layer.strides, strict=True
        ):
            if self.layer.padding == "valid":
                yield kernel, stride, (size - kernel) // stride + 1, (0, 0)
            else:
                count = -(-size // stride)
                padding = max((count - 1) * stride + kernel - size, 0)
                before = padding // 2
                yield kernel, stride, count, (before, padding - before)

    def sums_shape(self, x):
        (_, _, height, _), (_, _, width, _) = self.windows(x)
        return (-1, height, width)

    def places(self, x):
        # First along the width, then along the height: ten slices, not 25.
        rows, columns = self.windows(x)
        x = ops.pad(x, [(0, 0), rows[-1], columns[-1]]) if _pads(rows, columns) else x
        x = ops.concatenate([_every(x, 2, at, columns) for at in range(columns[0])])
        places = [_every(x, 1, at, rows) for at in range(rows[0])]
        return [ops.reshape(place, (x.shape[0], -1)) for place in places]

    def fold(self, x, back):
        rows, columns = self.windows(x)
        maps, height, width = x.shape
        back = ops.reshape(back, (rows[0], -1, rows[2], columns[2]))
        back = _sum(_spread(back[at], 1, at, rows, height) for at in range(rows[0]))
        back = ops.reshape(back, (columns[0], maps, *back.shape[1:]))
        back = _sum(
            _spread(back[at], 2, at, columns, width) for at in range(columns[0])
        )
        top, left = rows[-1][0], columns[-1][0]
        return back[:, top : top + height, left : left + width]


def _pads(*axes):
    return any(padding != (0, 0) for *_, padding in axes)


def _every(x, axis, at, windows):
    """Returns what the kernel's row or column `at` sees in each window."""
    _, stride, count, _ = windows
    taken = [slice(None)] * len(x.shape)
    taken[axis] = slice(at, at + (count - 1) * stride + 1, stride)
    return x[tuple(taken)]


def _spread(x, axis, at, windows, size):
    """Undoes `_every`: puts the values back to where they were seen, zeros between."""
    _, stride, count, (before, after) = windows
    if stride > 1:
        shape = list(x.shape)
        x = ops.expand_dims(x, axis + 1)
        x = ops.pad(x, [(0, stride - 1 if i == axis + 1 else 0) for i in range(4)])
        shape[axis] *= stride
        x = ops.reshape(x, shape)
        cut = [slice(None)] * 3
        cut[axis] = slice(0, (count - 1) * stride + 1)
        x = x[tuple(cut)]
    length = size + before + after
    widths = [(0, 0)] * 3
    widths[axis] = (at, length - at - x.shape[axis])
    return ops.pad(x, widths)


def _sum(terms):
    first, *others = terms
    for other in others:
        first = first + other
    return first


@register_rule(ConnectionTableConv2D)
class ConnectionTableRule(Conv2DRule):
    """A convolution whose missing kernels are zero, and zero their rates."""

    @property
    def kernel_shape(self):
        layer = self.layer
        maps = layer.input_maps, len(layer.connection_table)
        return (*layer.kernel_size, *maps)

    def pack(self, values):
        kernel, *bias = values
        dense = ops.matmul(kernel, ops.cast(self.layer._places, kernel.dtype))
        return super().pack([ops.reshape(dense, self.kernel_shape), *bias])

    def unpack(self, weights):
        dense, *bias = super().unpack(weights)
        dense = ops.reshape(dense, (*self.layer.kernel_size, -1))
        places = ops.cast(ops.transpose(self.layer._places), dense.dtype)
        return [ops.matmul(dense, places), *bias]


class Windows(Rule):
    """What sums windows of an image that do not overlap."""

    # Products with a matrix of zeros and ones go along the width; they are faster
    # than every second value of a row.

    def sums(self, x):
        """Returns the sum of each window."""
        pool_height, height, across = self.sizes(x)
        rows = _sum(x[:, at:height:pool_height] for at in range(pool_height))
        return ops.matmul(rows, across)

    def spread(self, x, signal):
        """Returns each window's signal at all places of the window."""
        pool_height, height, across = self.sizes(x)
        rows = ops.matmul(signal, ops.transpose(across))
        rows = ops.stack([rows] * pool_height, axis=2)
        rows = ops.reshape(rows, (-1, height, x.shape[2]))
        rest = x.shape[1] - height
        return ops.pad(rows, [(0, 0), (0, rest), (0, 0)]) if rest else rows

    def sizes(self, x):
        """Returns the windows' height, that of all, and which columns are in which."""
        pool_height, pool_width = self.layer.pool_size
        _, height, width = x.shape
        windows = width // pool_width
        across = np.zeros((width, windows), "float32")
        for column in range(windows * pool_width):
            across[column, column // pool_width] = 1
        return pool_height, height // pool_height * pool_height, across


@register_rule(Subsampling2D)
class Subsampling2DRule(Windows):
    """The four inputs of a unit share the map's coefficient."""

    def forward(self, x, weights):
        coefficient, bias = (ops.reshape(weight, (-1, 1, 1)) for weight in weights)
        return coefficient * self.sums(x) + bias

    def backward(self, x, weights, signal):
        coefficient = ops.reshape(weights[0], (-1, 1, 1))
        signals = [
            ops.sum(signal * self.sums(x), axis=(1, 2)),
            ops.sum(signal, axis=(1, 2)),
        ]
        return self.spread(x, coefficient * signal), signals


@register_rule(layers.AveragePooling2D)
class AveragePooling2DRule(Windows):
    """As a subsampling with a fixed coefficient and no bias."""

    def __init__(self, layer):
        super().__init__(layer)
        if layer.strides != layer.pool_size or layer.padding != "valid":
            raise ValueError(
                "Expected pooling windows side by side, without padding. Received: "
                f"layer {layer.name!r} with pool_size={layer.pool_size}, "
                f"strides={layer.strides}, padding={layer.padding!r}"
            )
        self.weight = 1 / (layer.pool_size[0] * layer.pool_size[1])

    def forward(self, x, weights):
        return self.weight * self.sums(x)

    def backward(self, x, weights, signal):
        return self.spread(x, self.weight * signal), []

    def curvature_backward(self, x, weights, signal):
        return self.spread(x, self.weight**2 * signal), []


@register_rule(layers.Activation)
class ActivationRule(Rule):
    """Nothing but an activation."""

    def forward(self, x, weights):
        return x

    def backward(self, x, weights, signal):
        return signal, []


@register_rule(layers.Flatten)
@register_rule(layers.Reshape)
class ReshapeRule(Rule):
    """Layers order images as `(height, width, maps)`, rules put the maps first."""

    def forward(self, x, weights):
        if len(x.shape) == 3:
            x = ops.transpose(x, (1, 2, 0))
        x = ops.reshape(x, self.layer.output.shape[1:])
        return ops.transpose(x, (2, 0, 1)) if len(x.shape) == 3 else x

    def backward(self, x, weights, signal):
        if len(signal.shape) == 3:
            signal = ops.transpose(signal, (1, 2, 0))
        signal = ops.reshape(signal, self.layer.input.shape[1:])
        return ops.transpose(signal, (2, 0, 1)) if len(x.shape) == 3 else signal, []


@register_rule(RBF)
class RBFRule(Rule):
    """The distances, on which losses (8) and (9) start with a signal a class."""

    def forward(self, x, weights):
        return ops.sum(ops.square(x - weights[0]), axis=1)

    def backward(self, x, weights, signal):
        differences = x - weights[0]
        at_inputs = 2 * ops.matmul(signal, differences)
        return at_inputs, [-2 * signal[:, None] * differences]

    def curvature_backward(self, x, weights, signal):
        at_inputs = ops.full_like(x, 2) * ops.sum(signal)
        return at_inputs, [2 * signal[:, None] * ops.ones_like(weights[0])]
