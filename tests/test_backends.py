import pathlib

import numpy as np
import pytest
from backend_cases import CASES, computed

from lenet_keras.layers import C3_CONNECTIONS

FUNCTIONS = ["equation 8", "equation 9", "accuracy"]


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory, run_python):
    file = tmp_path_factory.mktemp("jax") / "results.npz"
    run_python(pathlib.Path(__file__).with_name("on_jax.py"), file, backend="jax")
    return np.load(file)


@pytest.fixture(scope="module")
def on_tensorflow():
    return computed()


def test_runs_on_jax_without_importing_tensorflow(on_jax):
    assert on_jax["backend"] == "jax"
    assert not on_jax["imports_tensorflow"]


@pytest.mark.parametrize("name", CASES)
def test_same_results(name, on_jax, on_tensorflow):
    expected = on_tensorflow[name]
    tolerance = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(on_jax[f"computed {name}"], expected, atol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_label_of_no_class_is_nan_in_jit(name, on_jax):
    is_nan = np.isnan(on_jax[f"jit {name}"])
    assert is_nan.tolist() == [False, True, True, True, True, False]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_label_of_no_class_is_refused_in_eager_code(name, on_jax):
    text = str(on_jax[f"eager {name}"])
    assert "Expected integer labels from 0 to 3. Received: y_true=" in text


@pytest.mark.parametrize("name", ["valid", "same", "subsampling"])
def test_channels_first_equals_channels_last(name, on_jax):
    assert on_jax[f"channels_first {name}"] < 1e-5


def test_each_map_fills_the_range_of_its_own_fan_in(on_jax):
    kernels = on_jax["initial kernel"]
    assert len(np.unique(kernels)) > 1490
    link = 0
    for entry in C3_CONNECTIONS:
        bound = 2.4 / (25 * len(entry))
        of_map = np.abs(kernels[..., link : link + len(entry)])
        assert 0.9 * bound < of_map.max() <= bound * (1 + 1e-6)
        link += len(entry)


def test_counts(on_jax):
    assert on_jax["counts"].tolist() == [60_000, 840, 340_908, 328_096]
