import keras
import numpy as np
import pytest

from lenet_keras.layers import arguments


@pytest.fixture
def channels_first_configured():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("value", "expected"), [(3, (3, 3)), ((2, 5), (2, 5)), ([4, 1], (4, 1))]
)
def test_pair(value, expected):
    assert arguments.pair(value, "pool_size") == expected


@pytest.mark.parametrize(
    "value", [0, -1, 1.5, None, (), (2,), (2, 0), (2, -2), (2, 2.0), (1, 2, 3), "ab"]
)
def test_pair_refuses_all_but_positive_integers(value, message):
    text = message(arguments.pair, value, "pool_size")
    assert text == (
        f"Expected a positive integer or a pair of them. Received: pool_size={value}"
    )


@pytest.mark.parametrize("value", ["channels_last", "channels_first"])
def test_data_format(value):
    assert arguments.image_data_format(value) == value


def test_data_format_defaults_to_the_configuration(channels_first_configured):
    assert arguments.image_data_format(None) == "channels_first"


def test_data_format_of_another_name_is_refused(message):
    text = message(arguments.image_data_format, "NHWC")
    assert "data_format='NHWC'" in text


@pytest.mark.parametrize("value", ["valid", "same"])
def test_padding(value):
    assert arguments.padding(value) == value


@pytest.mark.parametrize("value", ["SAME", "causal", None, 1])
def test_padding_of_another_name_is_refused(value, message):
    text = message(arguments.padding, value)
    assert text == f"Expected 'valid' or 'same'. Received: padding={value!r}"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_zeros_around_make_a_window_at_every_stride(size, window, stride):
    ((before, after),) = arguments.zeros_around((size,), (window,), (stride,))
    starts = range(0, size, stride)
    end = before + size + after
    assert starts[-1] + window <= end  # the last window is complete
    assert before + after == max(starts[-1] + window - size, 0)  # and no zero too many
    assert after - before in (0, 1)


@pytest.mark.parametrize(
    ("data_format", "shape"),
    [("channels_last", (9, 5, 6, 3)), ("channels_first", (9, 3, 5, 6))],
)
def test_image_shapes_come_apart_and_together(data_format, shape):
    size, channels = arguments.split_image_shape(shape, data_format)
    assert size == (5, 6)
    assert channels == 3
    assert arguments.join_image_shape(9, size, channels, data_format) == shape


@pytest.mark.parametrize("shape", [(), (28, 28, 1), (None, 28, 28, 28, 1)])
def test_shape_of_no_batch_of_images_is_refused(shape, message):
    text = message(arguments.split_image_shape, shape, "channels_last")
    assert "4 axes" in text
    assert f"shape={shape}" in text


@pytest.mark.parametrize(
    ("data_format", "shape"),
    [("channels_last", (1, 5, 5, None)), ("channels_first", (1, None, 5, 5))],
)
def test_unknown_number_of_maps_is_refused(data_format, shape, message):
    text = message(arguments.split_image_shape, shape, data_format)
    assert f"known number of input maps. Received: shape={shape}" in text


@pytest.mark.parametrize("size", [2, 3, 7, 8])
@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_are_counted_whole(size, window, stride):
    starts = [n for n in range(0, size, stride) if n + window <= size]
    result = arguments.windows((size, None), (window, 9), (stride, 1))
    assert result == (len(starts), None)


@pytest.mark.parametrize("size", [(2, 9), (9, 2), (None, 1)])
def test_image_smaller_than_a_window_is_refused(size, message):
    text = message(arguments.windows, size, (3, 3), (1, 1))
    assert f"one window of (3, 3). Received: size={size}" in text


@pytest.mark.parametrize(
    ("data_format", "shape"),
    [("channels_last", (1, 4, 5, 3)), ("channels_first", (1, 3, 4, 5))],
)
def test_values_of_the_maps_broadcast_along_the_channels(data_format, shape):
    vector = np.array([1.0, 2.0, 3.0], "float32")
    result = np.zeros(shape) + arguments.per_map(vector, data_format)
    assert (np.moveaxis(result, shape.index(3), -1) == vector).all()
