"""Files of results, each written completely or not at all."""

import contextlib
import logging
import os

from filelock import FileLock, Timeout

log = logging.getLogger("lenet_keras")


@contextlib.contextmanager
def replacing(path):
    """Yields a path beside `path` to write to; that file replaces `path` at the end.

    Args:
        path: `Path` of the file to write. If it is a link, its target is replaced.

    Raises:
        OSError: If the file cannot be written. The message names it.
    """
    beside = _beside(path)
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path.resolve())
    except OSError as error:
        message = f"Expected a file that can be written. Received: {path}: {error}"
        raise OSError(message) from error
    finally:
        beside.unlink(missing_ok=True)


def _beside(path):
    path = path.resolve()
    return path.with_name(f".{os.getpid()}-{path.name}")


def check_writable(path):
    """Creates the folder of a file, and fails now if the file cannot be written later.

    Args:
        path: `Path` of a file that a long computation will write.

    Raises:
        OSError: If the folder or the file cannot be written, or it is a device, a pipe
            or a folder.
        RuntimeError: If the path is a loop of links.
    """
    path = path.resolve()
    if os.path.lexists(path) and not path.is_file():
        raise OSError(f"Expected the path of a file. Received: {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    _beside(path).touch()
    _beside(path).unlink()
    if path.exists():
        path.open("ab").close()


@contextlib.contextmanager
def only_writer(path):
    """Waits until no other process writes the results file, and then locks them out.

    Args:
        path: `Path` of the results file. If it is a link, its target is locked.
    """
    path = path.resolve()
    lock = FileLock(path.with_name(f".{path.name}.lock"))  # creates the folder as well
    try:
        acquired = lock.acquire(timeout=0)
    except Timeout:
        log.warning("Another process writes to %s. Waiting until it ends.", path)
        acquired = lock.acquire()
    with acquired:
        yield
