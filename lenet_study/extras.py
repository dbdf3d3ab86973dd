"""Imports: a clear message where an extra is missing, and no log lines."""

import contextlib
import os


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
def quietly():
    """Drops what is written to stderr, such as TensorFlow's log lines.

    No environment variable silences all of them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
