"""Shared argument checks of the two-dimensional layers."""

import operator
from numbers import Integral

import keras


def pair(value, name):
    """Returns a positive integer, or a pair of positive integers, as a pair."""
    values = (value, value) if isinstance(value, Integral) else value
    try:
        height, width = map(operator.index, values)
    except (TypeError, ValueError):
        height = width = 0
    if height <= 0 or width <= 0:
        raise ValueError(
            f"Expected a positive integer or a pair of them. Received: {name}={value}"
        )
    return height, width


def image_data_format(value):
    """Returns the data format; the default is the value in the Keras configuration."""
    value = keras.config.image_data_format() if value is None else value
    if value not in ("channels_last", "channels_first"):
        raise ValueError(
            "Expected 'channels_last' or 'channels_first'. "
            f"Received: data_format={value!r}"
        )
    return value


def padding(value):
    """Returns `"valid"` or `"same"`; anything else is refused."""
    if value not in ("valid", "same"):
        raise ValueError(f"Expected 'valid' or 'same'. Received: padding={value!r}")
    return value


def split_image_shape(shape, data_format):
    """Returns `(height, width), channels` from the shape of a batch of images."""
    if len(shape) != 4:
        raise ValueError(
            f"Expected a batch of images with 4 axes. Received: shape={shape}"
        )
    if data_format == "channels_first":
        _, channels, *size = shape
    else:
        _, *size, channels = shape
    if channels is None:
        raise ValueError(
            f"Expected a known number of input maps. Received: shape={shape}"
        )
    return tuple(size), channels


def join_image_shape(batch, size, channels, data_format):
    """Returns the shape of a batch of images; the inverse of `split_image_shape`."""
    if data_format == "channels_first":
        return (batch, channels, *size)
    return (batch, *size, channels)


def windows(size, window, strides):
    """Returns the number of complete windows along each axis of an image.

    The result is `None` for an axis of unknown length.
    """
    if any(n is not None and n < k for n, k in zip(size, window, strict=True)):
        raise ValueError(
            f"Expected inputs of at least one window of {window}. Received: size={size}"
        )
    return tuple(
        n if n is None else (n - k) // s + 1
        for n, k, s in zip(size, window, strides, strict=True)
    )


def zeros_around(size, window, strides):
    """Returns `(before, after)` along each axis: the zeros that `"same"` padding adds.

    The numbers are tensors where the length is a tensor, in compiled code.
    """
    zeros = []
    for n, k, s in zip(size, window, strides, strict=True):
        # Of positive numbers: ONNX rounds the quotient of a negative one towards 0.
        missing = ((n + s - 1) // s - 1) * s + k - n
        missing = (missing + abs(missing)) // 2  # 0 if negative, also for a tensor
        zeros.append((missing // 2, missing - missing // 2))
    return tuple(zeros)


def images_of(maps, data_format):
    """Returns the specification of images with so many maps, whatever their sides."""
    axis = 1 if data_format == "channels_first" else -1
    return keras.InputSpec(ndim=4, axes={axis: maps})


def per_map(vector, data_format):
    """Returns one value per map in a shape that broadcasts over the images."""
    if data_format == "channels_first":
        return keras.ops.reshape(vector, (-1, 1, 1))
    return vector
