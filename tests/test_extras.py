import pytest

# The arguments are the modules that the process cannot import.
IMPORT = """
import os, sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: (
    None if name in sys.argv[2:] else find(name, *more)
)
if sys.argv[1] == "unset":
    del os.environ["KERAS_BACKEND"]
try:
    import lenet_keras
except ModuleNotFoundError as error:
    print(error.name, error, sep=": ")
"""
BACKENDS = ["tensorflow", "jax", "torch"]
EXPECTED = (
    "{0}: Expected a backend of Keras: tensorflow, or as KERAS_BACKEND says. "
    "Received: no module {0}; installed of ('tensorflow', 'jax', 'torch'): {1}"
)


@pytest.fixture
def refusal(run_python, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # a keras.json may name a backend

    def get(variable, *missing, backend="tensorflow"):
        return run_python("-c", IMPORT, variable, *missing, backend=backend).strip()

    return get


def test_without_a_backend_it_says_what_to_install(refusal):
    assert refusal("unset", *BACKENDS) == EXPECTED.format("tensorflow", [])


def test_with_another_backend_it_says_which(refusal):
    text = EXPECTED.format("tensorflow", ["jax"])
    assert refusal("unset", "tensorflow", "torch") == text


def test_without_the_backend_that_was_chosen_it_offers_another(refusal):
    text = EXPECTED.format("jax", ["tensorflow"])
    assert refusal("set", "jax", "torch", backend="jax") == text


def test_another_missing_module_is_named_as_it_is(refusal):
    text = refusal("set", "ml_dtypes")
    assert text.startswith("ml_dtypes: ")
    assert "backend of Keras" not in text
