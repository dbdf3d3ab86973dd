import itertools

import keras
import numpy as np
import pytest

from lenet_keras import load_pretrained, read_digits
from lenet_keras.datasets import load_mnist
from lenet_keras.models import lenet5
from lenet_keras.preprocessing import prepare
from lenet_keras.reading import RUBBISH, best_path, digits_of


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


@pytest.mark.parametrize("shape", [(28, 64), (32, 31), (32, 64, 3), (1, 32, 64, 1)])
def test_other_images_are_refused(shape):
    model = lenet5((32, None, 1))
    message = rf"Expected an image of shape \(32, width\).*Received: shape=\({shape[0]}"
    with pytest.raises(ValueError, match=message):
        read_digits(model, np.zeros(shape))


def test_a_model_that_does_not_slide_is_refused():
    for width in (32, 112):
        with pytest.raises(
            ValueError, match=r"Received: model.output_shape=\(None, 10\)"
        ):
            read_digits(lenet5(), np.zeros((32, width)))


@pytest.mark.parametrize("name", ["j", "start"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_costs_below_zero_are_refused(name, value):
    costs = {"j": 1.0, "start": 1.0} | {name: value}
    message = f"Expected a {name} of 0 or more. Received: {name}={value}"
    with pytest.raises(ValueError, match=message):
        best_path(np.zeros((3, 10)), **costs)


@pytest.mark.parametrize("shape", [(10,), (3, 9), (0, 10)])
def test_distances_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"Expected distances of shape .* Received"):
        best_path(np.zeros(shape))
