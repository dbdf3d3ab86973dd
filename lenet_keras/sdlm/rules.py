"""One rule per layer: the forward pass of one pattern, and the backward pass.

Backpropagation and the paper's curvature recursion have the same form. Backwards, a
layer is a product of three factors and bilinear in its inputs and weights. With inputs
`x`, weights `u` and the slope `f'` of the activation, it propagates first derivatives
(equation 19). With `x ** 2`, `u ** 2` and `f' ** 2` it propagates second derivatives
(equations 23 to 27). Therefore each layer needs only one rule for both.

A rule processes one pattern at a time, with images as `(maps, height, width)`. In this
layout a convolution is one product of a matrix of kernels and a matrix of patches. This
is the fastest form for one pattern. `pack` converts the weights of a layer to it.
"""

import keras
import numpy as np
from keras import layers, ops

from lenet_keras.activations import AMPLITUDE, SLOPE, scaled_tanh
from lenet_keras.layers import RBF, ConnectionTableConv2D, Subsampling2D

# The derivative of each supported activation, from its input `a` and output `y`.
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
    """Registers a class as the rule of a layer, for curvature and for training.

    Args:
        layer_class: Subclass of `keras.layers.Layer`. Its subclasses need their own
            rules.

    Returns:
        Decorator for a subclass of `Rule`.

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
        layer: Built `keras.layers.Layer`.

    Attributes:
        activation: Activation function of the layer. It must be in `SLOPES`.
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
        """Returns the weights, or one value for each, in the layout of the rule."""
        return values

    def unpack(self, weights):
        """The inverse of `pack`."""
        return weights

    def forward(self, x, weights):
        """Returns the weighted sums `a`, in the output shape of the layer."""
        raise NotImplementedError

    def backward(self, x, weights, signal):
        """Returns the signal at the inputs, and a list of the signals at the weights.

        It must be linear in the signal, in the inputs and in the weights.
        """
        raise NotImplementedError

    def curvature_backward(self, x, weights, signal):
        """Returns the same for second derivatives: all but the signal is squared.

        Reference:
            LeCun et al. (1998), equations 23, 25 and 27.
        """
        return self.backward(x * x, [weight * weight for weight in weights], signal)


class WeightedSums(Rule):
    """`a = kernel.T @ columns(x)`; the last row of the kernel is the bias."""

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
        """Returns the inputs of the units: one row per input, one column per place."""
        columns = self.places(x)
        if self.layer.use_bias:
            columns.append(ops.ones((1, columns[0].shape[1])))
        return ops.concatenate(columns, axis=0)


@register_rule(layers.Dense)
class DenseRule(WeightedSums):
    """A single place, where the inputs of each unit are the whole vector."""

    def __init__(self, layer):
        super().__init__(layer)
        if len(layer.input.shape) != 2:
            raise ValueError(
                "Expected a Dense layer on one vector per pattern. Received: layer "
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
    """One place per window, where the inputs of each unit are a patch."""

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
        """Yields kernel size, stride, number of windows and padding of each axis."""
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
        # First along the width, then along the height: ten slices instead of 25.
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
    """Returns the inputs of row or column `at` of the kernel in each window."""
    _, stride, count, _ = windows
    taken = [slice(None)] * len(x.shape)
    taken[axis] = slice(at, at + (count - 1) * stride + 1, stride)
    return x[tuple(taken)]


def _spread(x, axis, at, windows, size):
    """The inverse of `_every`: moves the values back to their places, else zeros."""
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
    """A convolution in which missing kernels and their rates are zero."""

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
    """Base of the rules that sum windows of an image that do not overlap."""

    # Along the width, products with a matrix of zeros and ones are faster than strided
    # slices of the rows.

    def sums(self, x):
        """Returns the sum of each window."""
        pool_height, height, across = self.sizes(x)
        rows = _sum(x[:, at:height:pool_height] for at in range(pool_height))
        return ops.matmul(rows, across)

    def spread(self, x, signal):
        """Returns the signal of each window at all places of the window."""
        pool_height, height, across = self.sizes(x)
        rows = ops.matmul(signal, ops.transpose(across))
        rows = ops.stack([rows] * pool_height, axis=2)
        rows = ops.reshape(rows, (-1, height, x.shape[2]))
        rest = x.shape[1] - height
        return ops.pad(rows, [(0, 0), (0, rest), (0, 0)]) if rest else rows

    def sizes(self, x):
        """Returns one window's height, the total height, and each window's columns."""
        pool_height, pool_width = self.layer.pool_size
        _, height, width = x.shape
        windows = width // pool_width
        across = np.zeros((width, windows), "float32")
        for column in range(windows * pool_width):
            across[column, column // pool_width] = 1
        return pool_height, height // pool_height * pool_height, across


@register_rule(Subsampling2D)
class Subsampling2DRule(Windows):
    """The four inputs of a unit share the coefficient of the map."""

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
    """Like subsampling with a fixed coefficient and no bias."""

    def __init__(self, layer):
        super().__init__(layer)
        if layer.strides != layer.pool_size or layer.padding != "valid":
            raise ValueError(
                "Expected pooling with strides=pool_size, without padding. Received: "
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
    """Only an activation."""

    def forward(self, x, weights):
        return x

    def backward(self, x, weights, signal):
        return signal, []


@register_rule(layers.Flatten)
@register_rule(layers.Reshape)
class ReshapeRule(Rule):
    """Layers order images as `(height, width, maps)`; rules put the maps first."""

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
    """The distances; losses (8) and (9) send back one signal per class."""

    def forward(self, x, weights):
        return ops.sum(ops.square(x - weights[0]), axis=1)

    def backward(self, x, weights, signal):
        differences = x - weights[0]
        at_inputs = 2 * ops.matmul(signal, differences)
        return at_inputs, [-2 * signal[:, None] * differences]

    def curvature_backward(self, x, weights, signal):
        at_inputs = ops.full_like(x, 2) * ops.sum(signal)
        return at_inputs, [2 * signal[:, None] * ops.ones_like(weights[0])]
