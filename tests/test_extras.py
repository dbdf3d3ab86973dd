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
EXPECTED = "Expected a backend of Keras: tensorflow, jax, torch. Received: no module"


@pytest.fixture
def refusal(run_python, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # a keras.json may name a backend

    def get(variable, *missing, backend="tensorflow"):
        return run_python("-c", IMPORT, variable, *missing, backend=backend).strip()

    return get


def test_without_a_backend_it_says_what_to_install(refusal):
    assert refusal("unset", *BACKENDS) == (
        f"tensorflow: {EXPECTED} tensorflow, KERAS_BACKEND=None. "
        "Install tensorflow; or another, and set KERAS_BACKEND to its name"
    )


def test_with_another_backend_it_says_how_to_choose_it(refusal):
    assert refusal("unset", "tensorflow", "torch") == (
        f"tensorflow: {EXPECTED} tensorflow, KERAS_BACKEND=None. "
        "Set KERAS_BACKEND=jax, which is installed"
    )


def test_without_the_backend_that_was_chosen_it_offers_another(refusal):
    assert refusal("set", "jax", backend="jax") == (
        f"jax: {EXPECTED} jax, KERAS_BACKEND=jax. "
        "Set KERAS_BACKEND=tensorflow, which is installed"
    )


def test_another_missing_module_is_named_as_it_is(refusal):
    text = refusal("set", "ml_dtypes")
    assert text.startswith("ml_dtypes: ")
    assert "backend of Keras" not in text
