"""A clear message where an optional dependency is missing."""

import contextlib
import importlib.util
import os

BACKENDS = ("tensorflow", "jax", "torch")


@contextlib.contextmanager
def needs_backend():
    """Says which backend of Keras to install or to choose if its import fails.

    Raises:
        ModuleNotFoundError: If the module of the backend is missing. The message says
            what to install, or how to choose a backend that is installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS:
            raise
        found = [name for name in BACKENDS if importlib.util.find_spec(name)]
        advice = "Install tensorflow; or another, and set KERAS_BACKEND to its name"
        if found:
            advice = f"Set KERAS_BACKEND={found[0]}, which is installed"
        raise ModuleNotFoundError(
            f"Expected a backend of Keras: {', '.join(BACKENDS)}. Received: no module "
            f"{error.name}, KERAS_BACKEND={os.environ.get('KERAS_BACKEND')}. {advice}",
            name=error.name,
        ) from None
