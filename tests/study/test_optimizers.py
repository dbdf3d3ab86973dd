"""KernelMuon against NumPy, and against Keras's own Muon and Adam."""

import keras
import numpy as np
import pytest

from lenet_study.optimizers import KernelMuon

RATE, MOMENTUM, RMS_RATE = 0.01, 0.95, 0.2
NO_DECAY = {"weight_decay": 0.0, "adam_weight_decay": 0.0}


def orthogonal(matrix, steps=5, a=3.4445, b=-4.7750, c=2.0315):
    """Newton-Schulz on the singular values, one by one."""
    u, singular, v = np.linalg.svd(matrix, full_matrices=False)
    singular = singular / np.sqrt((singular**2).sum())
    for _ in range(steps):
        singular = a * singular + b * singular**3 + c * singular**5
    return u @ np.diag(singular) @ v


def updated(optimizer, start, gradients):
    variable = keras.Variable(start)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return keras.ops.convert_to_numpy(variable)


def numbers(shape, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, *shape)).astype("float32")


@pytest.mark.parametrize("shape", [(5, 5, 1, 6), (5, 5, 60), (5, 5, 16, 120), (84, 10)])
def test_updates_are_orthogonal_matrices_of_the_momentum(shape):
    start, *gradients = numbers(shape, 4)
    weight, momentum = start.astype("float64"), 0.0
    for gradient in gradients:
        momentum = MOMENTUM * momentum + gradient
        direction = (gradient + MOMENTUM * momentum).reshape(-1, shape[-1])
        size = RATE * RMS_RATE * np.sqrt(max(direction.shape))
        weight = weight - size * orthogonal(direction).reshape(shape)
    found = updated(KernelMuon(RATE, **NO_DECAY), start, gradients)
    assert np.allclose(found, weight, rtol=0, atol=2e-6)
    assert not np.allclose(found, start, rtol=0, atol=1e-3)


def test_a_matrix_is_updated_as_by_keras():
    start, *gradients = numbers((120, 84), 4)
    ours = updated(KernelMuon(RATE), start, gradients)
    assert np.array_equal(ours, updated(keras.optimizers.Muon(RATE), start, gradients))


def test_a_vector_is_updated_by_adam():
    start, *gradients = numbers((84,), 4)
    ours = updated(KernelMuon(RATE, **NO_DECAY), start, gradients)
    adam = keras.optimizers.Adam(RATE, epsilon=1e-7)
    assert np.allclose(ours, updated(adam, start, gradients), rtol=0, atol=1e-6)


def test_the_configuration_makes_the_same_optimizer():
    one = KernelMuon(RATE, momentum=0.9, **NO_DECAY)
    other = keras.optimizers.deserialize(keras.optimizers.serialize(one))
    assert type(other) is KernelMuon
    assert other.get_config() == one.get_config()
