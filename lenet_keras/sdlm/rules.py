"""One rule per layer: the forward pass of one pattern.

Backpropagation and the paper's curvature recursion have the same form. A layer without
its activation is bilinear in its inputs `x` and weights `u`. Its vector-Jacobian
product at `(x, u)` propagates first derivatives (equation 19). The same product at
`(x ** 2, u ** 2)` propagates second derivatives (equations 23 to 27). Therefore a rule
needs only a forward pass. Automatic differentiation does the rest.

A rule processes one pattern at a time, with images as `(maps, height, width)`. In this
layout a convolution is one product of a matrix of kernels and a matrix of patches. This
is the fastest form for one pattern. `pack` converts the weights of a layer to it.
"""

import functools
import math
import operator
from typing import ClassVar

import keras
import numpy as np
from keras import layers, ops

from lenet_keras.checks import expect
from lenet_keras.layers import RBF, ConnectionTableConv2D, Subsampling2D
from lenet_keras.sdlm.compiled import vjp

RULES = {}

# What every layer must have. Other settings would change what it computes.
SETTINGS = {
    "data_format": "channels_last",
    "compute_dtype": "float32",
    "quantization_mode": None,
    "lora_enabled": False,
    "activity_regularizer": None,
}


def expect_settings(layer, **settings):
    """Raises an error if a layer has another one of these settings."""
    for name, value in settings.items():
        found = getattr(layer, name, value)
        what = f"layers with {name}={value!r}"
        expect(found == value, what, layer=layer.name, **{name: found})


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
    ...         rows, columns = self.layer.padding
    ...         return ops.pad(x, [[0, 0], rows, columns])
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
        activation: Activation function of the layer. It acts on each unit alone.
        output_shape: Shape of the layer's output for one pattern.
    """

    settings: ClassVar = {}  # those that the layer must have, for this rule

    def __init__(self, layer):
        self.layer = layer
        self.activation = getattr(layer, "activation", keras.activations.linear)
        expect_settings(layer, **SETTINGS, **self.settings)

    def pack(self, values):
        """Returns the weights, or one value for each, in the layout of the rule."""
        return values

    def unpack(self, weights):
        """The inverse of `pack`."""
        return weights

    def masks(self, rng, patterns):
        """Returns arrays that `forward` gets after the weights, in training only.

        Args:
            rng: `numpy.random.Generator`.
            patterns: Length of the first axis: one entry per pattern.
        """
        return []

    def forward(self, x, weights):
        """Returns the weighted sums `a`, in the output shape of the layer."""
        raise NotImplementedError

    def curvature(self, x, weights, signal):
        """Returns the second derivatives of the loss at the inputs and the weights.

        This is the vector-Jacobian product of `forward` at the squares of the inputs
        and of the weights. A layer that is not bilinear needs its own method.

        Args:
            x: Inputs of the layer.
            weights: Weights of the layer.
            signal: Second derivatives at the weighted sums.

        Reference:
            LeCun et al. (1998), equations 23, 25 and 27.
        """
        _, pull_back = vjp(self.forward, x * x, [weight * weight for weight in weights])
        return pull_back(signal)


class WeightedSums(Rule):
    """`a = kernel.T @ columns(x)`; the last row of the kernel is the bias.

    `columns` returns the inputs of the units, and the shape of the sums. The inputs are
    parts of a matrix: one row per input, one column per position.
    """

    def pack(self, values):
        kernel = ops.reshape(values[0], (-1, values[0].shape[-1]))
        if self.layer.use_bias:
            kernel = ops.concatenate([kernel, values[1][None]], axis=0)
        return [kernel]

    def unpack(self, weights):
        (kernel,), bias = weights, []
        if self.layer.use_bias:
            kernel, bias = kernel[:-1], [kernel[-1]]
        return [ops.reshape(kernel, (*self.layer.kernel.shape[:-1], -1)), *bias]

    def forward(self, x, weights):
        columns, shape = self.columns(x)
        if self.layer.use_bias:
            columns.append(ops.ones((1, columns[0].shape[1])))
        sums = ops.einsum("iu,ip->up", weights[0], ops.concatenate(columns))
        return ops.reshape(sums, shape)


@register_rule(layers.Dense)
class DenseRule(WeightedSums):
    """A single position, where the inputs of each unit are the whole vector."""

    def columns(self, x):
        what = "a Dense layer on one vector per pattern"
        expect(len(x.shape) == 1, what, layer=self.layer.name, shape=x.shape)
        return [x[:, None]], (-1,)


@register_rule(layers.Conv2D)
class Conv2DRule(WeightedSums):
    """One position per window, where the inputs of each unit are a patch."""

    settings: ClassVar = {"dilation_rate": (1, 1), "groups": 1}

    def columns(self, x):
        # First along the width, then along the height: ten slices instead of 25.
        layer, (height, width) = self.layer, self.layer.kernel_size
        x = _padded(x, layer.kernel_size, layer.strides, layer.padding)
        x = ops.concatenate(_slices(x, 2, width, layer.strides[1]))
        rows = _slices(x, 1, height, layer.strides[0])
        shape = (-1, *rows[0].shape[1:])
        return [ops.reshape(row, (x.shape[0], -1)) for row in rows], shape


def _padded(x, window, strides, padding, value=0.0):
    """Returns the inputs with what `"same"` padding adds around them."""
    if padding == "valid":
        return x
    widths = [(0, 0)]
    for size, length, stride in zip(x.shape[1:], window, strides, strict=True):
        added = max((-(-size // stride) - 1) * stride + length - size, 0)
        widths.append((added // 2, added - added // 2))
    return ops.pad(x, widths, constant_values=value)


def _slices(x, axis, length, stride):
    """Returns the first, second, ... inputs of all windows along an axis."""
    reach = (x.shape[axis] - length) // stride * stride + 1
    before = (slice(None),) * axis
    return [x[(*before, slice(at, at + reach, stride))] for at in range(length)]


@register_rule(ConnectionTableConv2D)
class ConnectionTableRule(Conv2DRule):
    """A convolution in which missing kernels and their rates are zero."""

    def pack(self, values):
        kernel, *bias = values
        return super().pack([self.layer.to_dense(kernel), *bias])

    def unpack(self, weights):
        dense, *bias = super().unpack(weights)
        return [self.layer.from_dense(dense), *bias]


class PoolingRule(Rule):
    """Base of the rules of layers that sum windows that do not overlap."""

    def sums(self, x):
        """Returns the sum of each window."""
        expect_settings(self.layer, strides=self.layer.pool_size, padding="valid")
        maps, height, width = x.shape
        pool_height, pool_width = self.layer.pool_size
        rows, columns = height // pool_height, width // pool_width
        x = ops.reshape(x[:, : rows * pool_height], (maps, rows, pool_height, width))
        x = functools.reduce(operator.add, ops.unstack(x, axis=2))
        # Along the width, a product with zeros and ones is faster than sums.
        column_of = np.arange(width)[:, None] // pool_width
        return ops.matmul(x, (column_of == np.arange(columns)).astype("float32"))


@register_rule(Subsampling2D)
class Subsampling2DRule(PoolingRule):
    """The inputs of a unit share the coefficient of the map."""

    def forward(self, x, weights):
        coefficient, bias = (ops.reshape(weight, (-1, 1, 1)) for weight in weights)
        return coefficient * self.sums(x) + bias


@register_rule(layers.AveragePooling2D)
class AveragePooling2DRule(PoolingRule):
    """Like subsampling with a fixed coefficient and no bias."""

    def forward(self, x, weights):
        return self.sums(x) / math.prod(self.layer.pool_size)

    def curvature(self, x, weights, signal):
        # The coefficient is no weight, so it is squared here.
        return super().curvature(x, weights, signal / math.prod(self.layer.pool_size))


@register_rule(layers.GlobalAveragePooling2D)
class GlobalAveragePooling2DRule(Rule):
    """Like average pooling, with one window."""

    def forward(self, x, weights):
        return ops.mean(x, axis=(1, 2), keepdims=self.layer.keepdims)

    def curvature(self, x, weights, signal):
        return super().curvature(x, weights, signal / (x.shape[1] * x.shape[2]))


@register_rule(layers.MaxPooling2D)
class MaxPooling2DRule(Rule):
    """The largest input of each window."""

    def forward(self, x, weights):
        layer = self.layer
        x = _padded(x, layer.pool_size, layer.strides, layer.padding, -np.inf)
        for window in zip((1, 2), layer.pool_size, layer.strides, strict=True):
            x = functools.reduce(ops.maximum, _slices(x, *window))
        return x

    def curvature(self, x, weights, signal):
        # The derivatives are 0 and 1, so they equal their squares.
        _, pull_back = vjp(self.forward, x, weights)
        return pull_back(signal)


@register_rule(layers.Dropout)
class DropoutRule(Rule):
    """A mask in training, and nothing in the estimation of the curvature."""

    settings: ClassVar = {"noise_shape": None}

    def masks(self, rng, patterns):
        shape = (*self.output_shape[-1:], *self.output_shape[:-1])  # the maps first
        kept = rng.random((patterns, *shape), "float32") >= self.layer.rate
        return [kept.astype("float32") / np.float32(1 - self.layer.rate)]

    def forward(self, x, weights):
        return x * weights[0] if weights else x


@register_rule(layers.Activation)
@register_rule(layers.ReLU)
@register_rule(layers.LeakyReLU)
@register_rule(layers.ELU)
class ActivationRule(Rule):
    """Only an activation."""

    def __init__(self, layer):
        super().__init__(layer)
        self.activation = getattr(layer, "activation", layer.call)

    def forward(self, x, weights):
        return x


@register_rule(layers.Flatten)
@register_rule(layers.Reshape)
class ReshapeRule(Rule):
    """Layers order images as `(height, width, maps)`; rules put the maps first."""

    def forward(self, x, weights):
        if len(x.shape) == 3:
            x = ops.transpose(x, (1, 2, 0))
        x = ops.reshape(x, self.output_shape)
        return ops.transpose(x, (2, 0, 1)) if len(x.shape) == 3 else x


@register_rule(RBF)
class RBFRule(Rule):
    """The distances, whose second derivatives at the inputs and the codes are 2."""

    def forward(self, x, weights):
        return ops.sum(ops.square(x - weights[0]), axis=1)

    def curvature(self, x, weights, signal):
        at_codes = 2 * signal[:, None] * ops.ones_like(weights[0])
        return ops.sum(at_codes, axis=0), [at_codes]
