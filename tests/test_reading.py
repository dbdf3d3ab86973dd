import itertools
import re

import keras
import numpy as np
import pytest

from lenet_keras import load_pretrained, read_digits
from lenet_keras.models import lenet5
from lenet_keras.preprocessing import prepare
from lenet_keras.reading import RUBBISH, best_path, digits_of, distances_along
from lenet_study.datasets import load_mnist


def cost(path, distances, j, start):
    """The cost of a path, or infinity where a digit follows another one directly."""
    total = 0
    for place, state in enumerate(path):
        before = path[place - 1] if place else RUBBISH
        if state == RUBBISH:
            total += j
            continue
        total += distances[place, state]
        if before == RUBBISH:
            total += start
        elif before != state:
            return np.inf
    return total


@pytest.mark.parametrize("places", [1, 2, 3, 4])
@pytest.mark.parametrize("start", [0.0, 3.0])
def test_no_other_path_is_cheaper(places, start, rng):
    for _ in range(3):
        distances = np.full((places, 10), 100.0)
        near = rng.choice(10, 3, replace=False)  # all other digits cost too much
        distances[:, near] = rng.uniform(0, 12, (places, 3))
        ways = itertools.product([*near, RUBBISH], repeat=places)
        best = min(ways, key=lambda path: cost(path, distances, 6.0, start))
        path = best_path(distances, 6.0, start)
        assert path.tolist() == list(best)


def test_many_lines_have_the_paths_of_each_alone(rng):
    distances = rng.uniform(0, 30, (2, 3, 8, 10))
    paths = best_path(distances, 9.0, 4.0)
    assert paths.shape == (2, 3, 8)
    for n, m in itertools.product(range(2), range(3)):
        np.testing.assert_array_equal(paths[n, m], best_path(distances[n, m], 9.0, 4.0))


def test_equal_digits_need_rubbish_between_them():
    distances = np.full((5, 10), 100.0)
    distances[[0, 1, 3, 4], 1] = [4, 2, 3, 4]
    path = best_path(distances, 10.0, 5.0)
    assert path.tolist() == [1, 1, RUBBISH, 1, 1]
    assert digits_of(path, distances) == [(1, 1), (1, 3)]
    # A dear start makes one long digit of both.
    distances[2, 1] = 40
    assert best_path(distances, 20.0, 25.0).tolist() == [1] * 5


def test_an_expensive_start_leaves_weak_digits_out():
    distances = np.full((3, 10), 100.0)
    distances[1, 4] = 7.0
    assert best_path(distances, 10.0, 2.0).tolist() == [RUBBISH, 4, RUBBISH]
    assert best_path(distances, 10.0, 4.0).tolist() == [RUBBISH] * 3


class Table(keras.layers.Layer):
    """Answers with the same distances to each image."""

    def __init__(self, distances):
        super().__init__()
        self.distances = np.asarray(distances, "float32")[None, None]

    def call(self, x):
        return keras.ops.convert_to_tensor(self.distances) + 0 * keras.ops.sum(x)


def test_it_reads_what_the_model_answers(rng):
    distances = np.full((9, 10), 300.0)
    distances[2, 5], distances[6, 0] = 1.0, 2.0
    inputs = keras.Input((32, None, 1))
    model = keras.Model(inputs, Table(distances)(inputs))
    reading = read_digits(model, np.zeros((32, 64)), j=50.0, start=10.0)
    assert (reading.text, reading.places) == ("50", (2, 6))
    line = prepare(np.zeros((32, 64), "uint8"), "paper")
    assert read_digits(model, line, j=50.0, start=10.0).text == "50"
    assert reading.path.tolist() == [10, 10, 5, 10, 10, 10, 0, 10, 10]
    np.testing.assert_array_equal(reading.distances, distances.astype("float32"))


def test_it_reads_one_digit_in_the_middle_of_a_blank_line():
    (x, labels), _ = load_mnist()
    x, labels = prepare(x[:8], "paper"), labels[:8]
    model = load_pretrained("lenet5-mnist", input_shape=(32, None, 1))
    single = load_pretrained("lenet5-mnist")
    for image, label in zip(x, labels, strict=True):
        line = np.full((32, 96, 1), -0.1)
        line[:, 32:64] = image
        reading = read_digits(model, line, j=20.0, start=0.0)
        # At place 8 the field is the digit's own square.
        alone = single.predict(image[None], verbose=0)[0]
        np.testing.assert_allclose(reading.distances[8], alone, rtol=1e-3, atol=1e-2)
        assert str(label) in reading.text
        assert reading.distances.shape == (17, 10)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("width", [32, 33, 35, 37, 52])
def test_at_each_place_the_answer_is_that_of_the_crop(stride, width, rng):
    single = load_pretrained("lenet5-mnist")
    model = load_pretrained("lenet5-mnist", input_shape=(32, None, 1))
    images = rng.uniform(-0.1, 1.175, (2, 32, width, 1)).astype("float32")
    found = distances_along(model, images, stride)
    starts = range(0, width - 32 + 1, stride)
    assert found.shape == (2, len(starts), 10)
    for place, start in enumerate(starts):
        crops = images[:, :, start : start + 32]
        expected = single.predict(crops, verbose=0)
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-4, atol=1e-3)
    reading = read_digits(model, images[0], stride=stride)
    np.testing.assert_allclose(reading.distances, found[0], rtol=1e-4, atol=1e-3)


def test_lines_are_answered_in_parts_and_in_order(rng, monkeypatch):
    model = load_pretrained("lenet5-mnist", input_shape=(32, None, 1))
    images = rng.uniform(-0.1, 1.175, (5, 32, 40, 1))
    whole = distances_along(model, images)
    monkeypatch.setattr("lenet_keras.reading.BATCH", 2)
    parts = distances_along(model, images)
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("stride", [0, 3, 8])
def test_another_stride_is_refused(stride):
    message = f"a stride of 1, 2 or 4. Received: .*stride={stride}"
    with pytest.raises(ValueError, match=message):
        read_digits(lenet5((32, None, 1)), np.zeros((32, 40)), stride=stride)


@pytest.mark.parametrize(
    "image",
    [
        *(np.zeros((32, 40), "uint8"), np.full((32, 40), np.nan)),
        *(np.full((32, 40), np.inf), np.full((32, 40), -0.11), np.full((32, 40), 1.19)),
    ],
)
def test_pixels_that_are_not_prepared_are_refused(image):
    with pytest.raises(
        ValueError, match=r"Expected pixels of -0.1 to 1.*Received: dtype="
    ):
        read_digits(lenet5((32, None, 1)), image)


def test_a_model_that_returns_probabilities_is_refused():
    model = load_pretrained(
        "lenet5-mnist", input_shape=(32, None, 1), output="probabilities"
    )
    with pytest.raises(ValueError, match=r"Expected a model that returns distances"):
        read_digits(model, np.zeros((32, 40)))


def test_distances_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"Expected numbers.*Received: .*NaN=30"):
        best_path(np.full((3, 10), np.nan))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((28, 64), "Received: height=28, width=64"),
        ((36, 64), "Received: height=36, width=64"),
        ((32, 31), "Received: height=32, width=31"),
        ((2, 32, 64, 1), "(1, 32, 64, 2)"),
        ((32, 64, 3), "(1, 32, 64, 3)"),
    ],
)
def test_other_images_are_refused(shape, words):
    model = lenet5((None, None, 1))
    with pytest.raises(ValueError, match=re.escape(words)):
        read_digits(model, np.zeros(shape))


def test_a_model_that_does_not_slide_is_refused():
    for width in (32, 112):
        with pytest.raises(ValueError, match=r"Received: output_shape=\(None, 10\)"):
            read_digits(lenet5(), np.zeros((32, width)))


@pytest.mark.parametrize("name", ["j", "start"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_costs_below_zero_are_refused(name, value):
    costs = {"j": 1.0, "start": 1.0} | {name: value}
    message = f"Expected costs of 0 or more. Received: .*{name}={value}"
    with pytest.raises(ValueError, match=message):
        best_path(np.zeros((3, 10)), **costs)


def test_distances_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(..., places, 10\). Received: shape"):
        best_path(np.zeros((3, 9)))
    with pytest.raises(ValueError, match="out of bounds"):  # as NumPy says
        best_path(np.zeros(10))
    with pytest.raises(IndexError, match="out of bounds"):
        best_path(np.zeros((0, 10)))
