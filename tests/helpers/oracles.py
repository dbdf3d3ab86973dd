"""LeNet-5 in plain loops, from the text and equations of the paper."""

import math

import numpy as np


def squash(a):
    return 1.7159 * np.tanh(2 / 3 * a)


def convolve(images, kernels, biases, strides=(1, 1), padding="valid"):
    """Returns the output maps; `kernels[i, k]` links input map i to output map k."""
    images = np.asarray(images, "float64")
    (height, width) = next(iter(kernels.values())).shape
    if padding == "same":
        images = _pad_for_same(images, (height, width), strides)
    rows = range(0, images.shape[1] - height + 1, strides[0])
    columns = range(0, images.shape[2] - width + 1, strides[1])
    outputs = np.zeros((len(images), len(rows), len(columns), len(biases)))
    for output_map, bias in enumerate(biases):
        outputs[..., output_map] = bias
    for pattern, image in enumerate(images):
        for r, row in enumerate(rows):
            for c, column in enumerate(columns):
                window = image[row : row + height, column : column + width]
                for (input_map, output_map), kernel in kernels.items():
                    products = window[:, :, input_map] * kernel
                    outputs[pattern, r, c, output_map] += products.sum()
    return outputs


def _pad_for_same(images, kernel_size, strides):
    # The zeros that ceil(size / stride) outputs need. An odd one is at the end.
    widths = [(0, 0)]
    for size, kernel, stride in zip(
        images.shape[1:3], kernel_size, strides, strict=True
    ):
        zeros = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        widths.append((zeros // 2, zeros - zeros // 2))
    return np.pad(images, [*widths, (0, 0)])


def full_kernels(kernel):
    """Returns a stock kernel of shape (height, width, in, out) as single links."""
    maps = np.ndindex(kernel.shape[2:])
    return {(i, k): np.float64(kernel[:, :, i, k]) for i, k in maps}


def linked_kernels(kernel, table):
    """Returns kernels stored by output map, then by input map, as single links."""
    links = [(i, k) for k in range(len(table)) for i in sorted(table[k])]
    return {link: np.float64(kernel[:, :, n]) for n, link in enumerate(links)}


def add_windows(images, pool_size, strides=None, padding="valid"):
    """Returns the sum of each window; incomplete windows are ignored or padded."""
    height, width = pool_size
    down, right = strides or pool_size
    if padding == "same":
        images = _pad_for_same(images, pool_size, (down, right))
    batch, rows, columns, maps = images.shape
    windows = (rows - height) // down + 1, (columns - width) // right + 1
    sums = np.zeros((batch, *windows, maps))
    for pattern, row, column, k in np.ndindex(sums.shape):
        for y in range(height):
            for x in range(width):
                pixel = images[pattern, row * down + y, column * right + x, k]
                sums[pattern, row, column, k] += pixel
    return sums


def largest_in_windows(images):
    """Returns the largest value of each 2x2 window."""
    batch, rows, columns, maps = images.shape
    largest = np.zeros((batch, rows // 2, columns // 2, maps))
    for pattern, row, column, k in np.ndindex(largest.shape):
        window = images[pattern, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, k]
        largest[pattern, row, column, k] = window.max()
    return largest


def subsample(
    images, coefficients, biases, pool_size=(2, 2), strides=None, padding="valid"
):
    """Returns coefficient times sum plus bias of each window, without activation."""
    images = np.asarray(images, "float64")
    outputs = add_windows(images, pool_size, strides, padding)
    for k, (coefficient, bias) in enumerate(zip(coefficients, biases, strict=True)):
        outputs[..., k] = coefficient * outputs[..., k] + bias
    return outputs


def rbf(patterns, codes):
    """Returns equation 7: y_i = sum over j of (x_j - w_ij)^2."""
    distances = np.zeros((len(patterns), len(codes)))
    for p, pattern in enumerate(patterns):
        for i, code in enumerate(codes):
            for x, w in zip(pattern, code, strict=True):
                distances[p, i] += (float(x) - float(w)) ** 2
    return distances


def mean_squared_error(labels, distances):
    """Returns the terms of equation 8, one per pattern."""
    return np.array([row[label] for label, row in zip(labels, distances, strict=True)])


def maximum_a_posteriori(labels, distances, j, temperature=1.0):
    """Returns the terms of equation 9, one per pattern, if exp does not underflow."""
    losses = []
    for label, row in zip(labels, distances, strict=True):
        likelihoods = [math.exp(-y / temperature) for y in [*row, j]]
        losses.append(row[label] / temperature + math.log(sum(likelihoods)))
    return np.array(losses)


def posterior(distances, j, temperature=1.0):
    """Returns the probabilities of equation 9; the last is the rubbish class."""
    probabilities = []
    for row in distances:
        parts = [math.exp(-y / temperature) for y in [*row, j]]
        probabilities.append([part / sum(parts) for part in parts])
    return np.array(probabilities)
