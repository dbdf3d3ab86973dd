"""A clear message where an optional dependency is missing."""

import contextlib
import importlib.util
import os

BACKENDS = ("tensorflow", "jax", "torch")


@contextlib.contextmanager
def needs(extra):
    """Says which extra of the package to install if an import inside fails.

    Args:
        extra: Name of an extra in the package's metadata, such as `"study"`.

    Raises:
        ModuleNotFoundError: If a module is missing. The message names the extra.

    Example:

    >>> with needs("study"):
    ...     import no_such_module
    Traceback (most recent call last):
        ...
    ModuleNotFoundError: Expected the extra "study" of lenet_keras. Received: no module
    no_such_module. Install it: pip install 'lenet_keras[study]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'Expected the extra "{extra}" of lenet_keras. Received: no module '
            f"{error.name}. Install it: pip install 'lenet_keras[{extra}]'",
            name=error.name,
        ) from None


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
