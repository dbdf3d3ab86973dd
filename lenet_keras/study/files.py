"""Files that hold results: each is there whole or not at all."""

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
    """Gives a path beside `path` to write to; the finished file then replaces `path`.

    Args:
        path: Path of the file to write.
    """
    path = Path(path)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def check_writable(path):
    """Makes the folder of a file, and fails now if the file could not be written later.

    Args:
        path: Path of a file that a long computation will write.

    Raises:
        OSError: If the folder or the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"Expected a file. Received: {path}, a folder")
    with tempfile.TemporaryFile(dir=path.parent):
        pass
    if path.exists():
        path.open("ab").close()


@contextlib.contextmanager
def only_writer(path):
    """Keeps other processes from writing the results file; waits for them before.

    Args:
        path: Path of the results file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("Another process writes to %s. Waiting until it ends.", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


START = b'{"id": "'  # of each line


def read_results(path):
    """Returns the results in a file, in order.

    A last line that was cut off while it was written is left out, with a warning.

    Args:
        path: Path of a results file, a run on each line.

    Returns:
        List of dictionaries with at least `id`, `run`, `configuration` and `status`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds anything else.
    """
    path = Path(path)
    *lines, last = path.read_bytes().split(b"\n")
    if last and not (last.startswith(START) or START.startswith(last)):
        lines.append(last)  # and not the beginning of a result
    elif last:
        log.warning("%s: the last line was cut off. Its run counts as not done.", path)
    results = []
    for number, line in enumerate(lines, start=1):
        try:
            result = json.loads(line)
            for key in ("id", "run", "configuration", "status"):
                result[key]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                "Expected a results file, with a run on each line. "
                f"Received: {path}, line {number}: {type(error).__name__}: {error}"
            ) from None
        results.append(result)
    return results


def append_result(path, result):
    """Appends a result and returns when the disk has it; cuts off a torn last line.

    Args:
        path: Path of the results file; the caller holds `only_writer` of it.
        result: Dictionary of JSON values that begins with `id`.
    """
    with Path(path).open("ab+") as file:
        file.seek(0)
        end = file.read().rfind(b"\n") + 1
        try:
            file.truncate(end)
            file.write(json.dumps(result).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise


def replace_result(path, result):
    """Puts a result in the place of the one with the same `id`, in one step.

    Args:
        path: Path of the results file; the caller holds `only_writer` of it.
        result: Dictionary of JSON values that begins with `id`.
    """
    known = [result if r["id"] == result["id"] else r for r in read_results(path)]
    with replacing(path) as beside:
        lines = [json.dumps(result) + "\n" for result in known]
        beside.write_text("".join(lines), encoding="utf-8")
