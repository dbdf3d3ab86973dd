import numpy as np
import on_backend
import pytest
from backend_cases import CASES


@pytest.fixture(scope="module")
def results_on(tmp_path_factory, run_python):
    """Runs all cases on a backend, once, in a process of its own."""
    results = {}

    def run(backend):
        if backend not in results:
            file = tmp_path_factory.mktemp(backend) / "results.npz"
            run_python(on_backend.__file__, file, backend=backend)
            results[backend] = np.load(file)
        return results[backend]

    return run


@pytest.mark.parametrize("name", CASES)
def test_same_results(name, backend, results_on):
    computed, expected = results_on(backend)[name], results_on("tensorflow")[name]
    for value in (computed, expected):
        if value.dtype.kind == "U":
            pytest.fail(str(value), pytrace=False)
    # Float16 has 11 binary digits, and its operations are rounded in any order.
    tolerance = 2e-3 if "mixed_float16" in name else 2e-6
    scale = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(computed, expected, rtol=0, atol=tolerance * scale)
