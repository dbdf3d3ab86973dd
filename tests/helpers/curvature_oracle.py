"""Equations 19 and 23 to 27 in plain loops: a network as units and their connections.

Units have the numbers of Keras's layout, `(row * width + column) * maps + map`.
Therefore layers that only reshape have no units here.
"""

import math

import keras
import numpy as np

from lenet_keras.layers import ConnectionTableConv2D, Subsampling2D

ONE = None  # the constant input of a bias
FIXED = None  # the name for connections without a weight

WITHOUT_UNITS = (keras.layers.InputLayer, keras.layers.Flatten, keras.layers.Reshape)


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


ACTIVATIONS = {
    "linear": lambda a: a,
    "scaled_tanh": lambda a: 1.7159 * math.tanh(2 / 3 * a),
    "tanh": math.tanh,
    "sigmoid": sigmoid,
    "relu": lambda a: max(a, 0.0),
    "silu": lambda a: a * sigmoid(a),
}


def slope(f, a, step=1e-6):
    return (f(a + step) - f(a - step)) / (2 * step)


class Network:
    """Layers whose units list their connections `(input unit, weight, its name)`."""

    def __init__(self, model):
        self.trained = model.trainable_weights
        self.layers = []
        for layer in model.layers:
            if isinstance(layer, WITHOUT_UNITS):
                continue
            activation = getattr(layer, "activation", keras.activations.linear)
            f = ACTIVATIONS[activation.__name__]
            self.layers.append((list(connections_of(layer)), f))

    def forward(self, pattern):
        """Returns each layer's inputs, and the weighted sums of its units."""
        inputs = [float(value) for value in np.ravel(pattern)]
        steps = []
        for units, f in self.layers:
            sums = []
            for connections in units:
                a = 0.0
                for j, weight, _ in connections:
                    a += weight * (1.0 if j is ONE else inputs[j])
                sums.append(a)
            steps.append((inputs, sums))
            inputs = [f(a) for a in sums]
        return steps, inputs

    def outputs(self, patterns):
        return np.array([self.forward(pattern)[1] for pattern in patterns])

    def curvature(self, patterns, starts):
        """Returns `h` of each trained weight, given `d2E / dx ** 2` at the outputs."""
        totals = {id(weight): np.zeros(weight.shape) for weight in self.trained}
        for pattern, start in zip(patterns, starts, strict=True):
            steps, _ = self.forward(pattern)
            h_outputs = list(start)
            walk = zip(self.layers, steps, strict=True)
            for (units, f), (inputs, sums) in reversed(list(walk)):
                h_inputs = [0.0] * len(inputs)
                for i, connections in enumerate(units):
                    h = slope(f, sums[i]) ** 2 * h_outputs[i]
                    for j, weight, name in connections:
                        x = 1.0 if j is ONE else inputs[j]
                        if name is not FIXED and name[0] in totals:
                            variable, place = name
                            totals[variable][place] += h * x**2
                        if j is not ONE:
                            h_inputs[j] += weight**2 * h
                h_outputs = h_inputs
        return [totals[id(weight)] / len(patterns) for weight in self.trained]


def connections_of(layer):
    """Yields the connections of each unit of a layer."""
    if isinstance(layer, keras.layers.Dense):
        kernel = np.float64(layer.kernel)
        biases = biases_of(layer)
        for i in range(layer.units):
            connections = biases[i].copy()
            for j in range(kernel.shape[0]):
                connections.append((j, kernel[j, i], (id(layer.kernel), (j, i))))
            yield connections
    elif isinstance(layer, ConnectionTableConv2D):
        links = [(m, k) for k, row in enumerate(layer.connection_table) for m in row]
        named = [(m, k, (n,)) for n, (m, k) in enumerate(links)]
        yield from convolution(layer, named)
    elif isinstance(layer, keras.layers.Conv2D):
        maps = layer.input.shape[-1], layer.filters
        yield from convolution(layer, [(m, k, (m, k)) for m, k in np.ndindex(maps)])
    elif isinstance(layer, Subsampling2D):
        biases, coefficient = biases_of(layer), np.float64(layer.coefficient)
        for row, column, k in np.ndindex(layer.output.shape[1:]):
            name = id(layer.coefficient), (k,)
            window = window_of(layer, row, column, k)
            yield biases[k] + [(j, coefficient[k], name) for j in window]
    elif isinstance(layer, keras.layers.AveragePooling2D):
        for row, column, k in np.ndindex(layer.output.shape[1:]):
            window = window_of(layer, row, column, k)
            yield [(j, 1 / len(window), FIXED) for j in window]
    elif isinstance(layer, keras.layers.Activation):
        for i in range(math.prod(layer.output.shape[1:])):
            yield [(i, 1.0, FIXED)]
    else:
        raise TypeError(layer)


def biases_of(layer):
    """Returns the connection to the bias, if any, for each map or unit."""
    if not getattr(layer, "use_bias", True):
        return [[] for _ in range(layer.output.shape[-1])]
    biases = np.float64(layer.bias)
    return [[(ONE, bias, (id(layer.bias), (k,)))] for k, bias in enumerate(biases)]


def convolution(layer, links):
    biases, kernel = biases_of(layer), np.float64(layer.kernel)
    _, height, width, maps = layer.input.shape
    _, rows, columns, _ = layer.output.shape
    down, right = layer.strides
    top = left = 0
    if layer.padding == "same":
        # If the number of zeros is odd, there is one more below and to the right.
        top = max(0, (rows - 1) * down + kernel.shape[0] - height) // 2
        left = max(0, (columns - 1) * right + kernel.shape[1] - width) // 2
    kernels = [[] for _ in range(layer.output.shape[-1])]
    for input_map, output_map, link in links:
        for y, x in np.ndindex(kernel.shape[:2]):
            place = (y, x, *link)
            named = float(kernel[place]), (id(layer.kernel), place)
            kernels[output_map].append((y - top, x - left, input_map, *named))
    for row, column, output_map in np.ndindex(layer.output.shape[1:]):
        connections = biases[output_map].copy()
        for y, x, input_map, weight, name in kernels[output_map]:
            at_row, at_column = row * down + y, column * right + x
            if 0 <= at_row < height and 0 <= at_column < width:
                j = (at_row * width + at_column) * maps + input_map
                connections.append((j, weight, name))
        yield connections


def window_of(layer, row, column, k):
    height, width = layer.pool_size
    _, _, image_width, maps = layer.input.shape
    return [
        ((row * height + y) * image_width + column * width + x) * maps + k
        for y, x in np.ndindex(height, width)
    ]
