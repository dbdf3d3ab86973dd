"""Files of results, each written completely or not at all."""

import contextlib
import json
import logging
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("lenet_keras")


@contextlib.contextmanager
def replacing(path):
    """Yields a path beside `path` to write to; that file replaces `path` at the end.

    Args:
        path: `Path` of the file to write.
    """
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def check_writable(path):
    """Creates the folder of a file, and fails now if the file cannot be written later.

    Args:
        path: `Path` of a file that a long computation will write.

    Raises:
        OSError: If the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()
    if path.exists():
        path.open("ab").close()


@contextlib.contextmanager
def only_writer(path):
    """Waits until no other process writes the results file, and then locks them out.

    Args:
        path: `Path` of the results file.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))  # creates the folder as well
    try:
        acquired = lock.acquire(timeout=0)
    except Timeout:
        log.warning("Another process writes to %s. Waiting until it ends.", path)
        acquired = lock.acquire()
    with acquired:
        yield


def read_results(path):
    """Returns the results in a file, in order.

    Args:
        path: Path of a results file with one run per line.

    Returns:
        List of dictionaries with at least `id`, `run`, `configuration` and `status`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds anything else.
    """
    results = []
    for number, line in enumerate(Path(path).read_bytes().splitlines(), start=1):
        try:
            result = json.loads(line)
            [result[key] for key in ("id", "run", "configuration", "status")]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                "Expected a results file with one run per line. "
                f"Received: {path}, line {number}: {type(error).__name__}: {error}"
            ) from None
        results.append(result)
    return results


def store_result(path, result):
    """Stores a result in place of the one with the same `id`, or as the last one.

    The file is replaced in one step, when the new one is on the disk.

    Args:
        path: `Path` of the results file. The caller holds its `only_writer` lock.
        result: Dictionary of JSON values with at least what `read_results` expects.
    """
    stored = read_results(path) if path.exists() else []
    known = {own["id"]: own for own in [*stored, result]}
    text = "".join(json.dumps(own) + "\n" for own in known.values())
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
