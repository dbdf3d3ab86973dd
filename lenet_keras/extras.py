"""A clear message where an optional dependency is missing."""

import contextlib
import importlib.util

BACKENDS = ("tensorflow", "jax", "torch")


@contextlib.contextmanager
def needs_backend():
    """Says which backend of Keras to install or to choose if its import fails.

    Raises:
        ModuleNotFoundError: If the module of the backend is missing. The message says
            which backends are installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS:
            raise
        found = [name for name in BACKENDS if importlib.util.find_spec(name)]
        raise ModuleNotFoundError(
            "Expected a backend of Keras: tensorflow, or as KERAS_BACKEND says. "
            f"Received: no module {error.name}; installed of {BACKENDS}: {found}",
            name=error.name,
        ) from None
