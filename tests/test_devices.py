import numpy as np
import on_two_devices
import pytest


@pytest.fixture(scope="module")
def results(run_python, tmp_path_factory):
    file = tmp_path_factory.mktemp("devices") / "results.npz"
    run_python(on_two_devices.__file__, file, backend="tensorflow")
    with np.load(file) as stored:
        return dict(stored)


def test_there_are_two_devices(results):
    assert results["devices"] == 2


@pytest.mark.parametrize("case", ["loss (9), Adam", "loss (8), SDLM"])
def test_two_devices_train_as_one_with_the_whole_batch(results, case):
    loss = results[f"{case} loss one"]
    assert loss[-1] < 0.99 * loss[0]  # it learns at all
    np.testing.assert_allclose(results[f"{case} loss two"], loss, rtol=1e-5)
    np.testing.assert_allclose(
        results[f"{case} accuracy two"], results[f"{case} accuracy one"], atol=0.01
    )
    np.testing.assert_allclose(
        results[f"{case} weights two"], results[f"{case} weights one"], atol=1e-4
    )
