import itertools

import pytest
from keras import layers

from lenet_keras.counts import layer_table
from lenet_study.networks import teacher


def test_it_has_the_parameters_of_its_seven_convolutions():
    model = teacher((32, 32, 3), width=8)
    maps = [3, 8, 16, 16, 32, 32, 64, 64]
    kernels = sum(9 * a * b for a, b in itertools.pairwise(maps))
    normalization = 2 * sum(maps[1:])
    assert layer_table(model)["total"].trainable == kernels + normalization + 10 * (
        64 + 1
    )
    assert model.count_params() - layer_table(model)["total"].trainable == normalization


def test_three_poolings_and_the_mean_leave_one_value_a_map():
    model = teacher((32, 32, 1), width=4)
    assert model.get_layer("stage4_2").output.shape == (None, 4, 4, 32)
    assert sum(isinstance(part, layers.MaxPooling2D) for part in model.layers) == 3
    assert model.get_layer("mean").output.shape == (None, 32)


@pytest.mark.parametrize("classes", [2, 10])
def test_it_answers_with_probabilities(classes):
    model = teacher((32, 32, 1), classes, width=4)
    assert model.output_shape == (None, classes)
