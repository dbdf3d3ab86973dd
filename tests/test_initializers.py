import json

import keras
import numpy as np
import pytest

from lenet_keras.initializers import FanInUniform


@pytest.mark.parametrize(
    ("shape", "fan_in"),
    [((400, 84), 400), ((5, 5, 1, 600), 25), ((5, 3, 4, 200), 60), ((2, 900), 2)],
)
@pytest.mark.parametrize("scale", [2.4, 1.0])
def test_fills_the_range_of_the_fan_in(shape, fan_in, scale):
    values = np.asarray(FanInUniform(scale)(shape))
    bound = scale / fan_in
    assert values.shape == shape
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    assert values.max() > 0.97 * bound
    assert values.min() < -0.97 * bound
    assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    assert abs(values.mean()) < 0.1 * bound


def test_scale_defaults_to_the_paper():
    assert FanInUniform().scale == 2.4


def test_one_seed_gives_one_draw():
    shape = (5, 5, 1, 6)
    first, second = (np.asarray(FanInUniform(seed=3)(shape)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("seeds", [(None, None), (1, 2)])
def test_instances_of_other_or_no_seeds_differ(seeds):
    first, second = (np.asarray(FanInUniform(seed=seed)((5, 8))) for seed in seeds)
    assert not np.isclose(first, second, rtol=1e-4).any()


@pytest.mark.parametrize("seed", [None, 3])
def test_one_instance_repeats_itself(seed):
    initializer = FanInUniform(seed=seed)
    np.testing.assert_array_equal(initializer((5, 8)), initializer((5, 8)))


def test_a_seed_generator_gives_new_values_at_every_call():
    initializer = FanInUniform(seed=keras.random.SeedGenerator(3))
    first, second = (np.asarray(initializer((5, 8))) for _ in range(2))
    assert not np.isclose(first, second, rtol=1e-4).any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype(dtype):
    values = FanInUniform()((5, 5, 2, 6), dtype=dtype)
    assert keras.backend.standardize_dtype(values.dtype) == dtype


@pytest.mark.parametrize("seed", [None, 7])
def test_config_round_trip(seed):
    initializer = FanInUniform(scale=1.5, seed=seed)
    config = json.loads(json.dumps(keras.initializers.serialize(initializer)))
    again = keras.initializers.deserialize(config)
    assert isinstance(again, FanInUniform)
    assert (
        again.get_config() == initializer.get_config() == {"scale": 1.5, "seed": seed}
    )
    if seed is not None:
        np.testing.assert_array_equal(again((4, 3)), initializer((4, 3)))


def test_initializes_a_stock_layer():
    layer = keras.layers.Dense(50, kernel_initializer=FanInUniform(seed=1))
    layer.build((None, 30))
    assert 0.9 * 2.4 / 30 < np.abs(layer.kernel).max() <= 2.4 / 30 * (1 + 1e-6)


@pytest.mark.parametrize("scale", [0, -2.4, float("nan")])
def test_scale_that_is_not_positive_is_refused(scale, message):
    assert f"positive scale. Received: scale={scale}" in message(FanInUniform, scale)


@pytest.mark.parametrize("shape", [(), (84,)])
def test_shape_without_a_fan_in_is_refused(shape, message):
    text = message(FanInUniform(), shape)
    assert "at least two axes" in text
    assert f"shape={shape}" in text
