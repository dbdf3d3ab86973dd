"""Files of results, each written completely or not at all, and tables of settings."""

import contextlib
import json
import logging
import os
import tempfile
import tomllib
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("lenet_keras")


@contextlib.contextmanager
def replacing(path):
    """Yields a path beside `path` to write to; that file replaces `path` at the end.

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
    """Creates the folder of a file, and fails now if the file cannot be written later.

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
    """Waits until no other process writes the results file, and then locks them out.

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


START = b'{"id": "'  # how each line begins


def read_results(path):
    """Returns the results in a file, in order.

    If the last line was cut off while it was written, the function warns and skips it.

    Args:
        path: Path of a results file with one run per line.

    Returns:
        List of dictionaries with at least `id`, `run`, `configuration` and `status`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds anything else.
    """
    path = Path(path)
    *lines, last = path.read_bytes().split(b"\n")
    if last and not (last.startswith(START) or START.startswith(last)):
        lines.append(last)  # not the beginning of a result
    elif last:
        log.warning("%s: the last line was cut off. Its run counts as not done.", path)
    results = []
    for number, line in enumerate(lines, start=1):
        try:
            result = json.loads(line)
            [result[key] for key in ("id", "run", "configuration", "status")]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                "Expected a results file with one run per line. "
                f"Received: {path}, line {number}: {type(error).__name__}: {error}"
            ) from None
        results.append(result)
    return results


def append_result(path, result):
    """Appends a result, in place of a last line that was cut off.

    The function returns when the result is on the disk.

    Args:
        path: Path of the results file. The caller holds its `only_writer` lock.
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
    """Replaces the result with the same `id`, in one step.

    Args:
        path: Path of the results file. The caller holds its `only_writer` lock.
        result: Dictionary of JSON values that begins with `id`.
    """
    known = [result if r["id"] == result["id"] else r for r in read_results(path)]
    text = "".join(json.dumps(result) + "\n" for result in known)
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def tables(file):
    """Returns the tables of a TOML file in this folder, by name.

    A table that is `like` an earlier one starts with the settings of that table. A
    setting that is a table itself is added to the earlier one, unless it is empty. TOML
    has no null, so the word "none" stands for `None`.

    Args:
        file: Name of the file.
    """
    named = tomllib.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))
    for name, table in named.items():
        base = named[table.pop("like")] if "like" in table else {}
        named[name] = base | {
            key: base.get(key, {}) | value
            if isinstance(value, dict) and value
            else value
            for key, value in _with_none(table).items()
        }
    return named


def _with_none(value):
    if isinstance(value, dict):
        return {name: _with_none(element) for name, element in value.items()}
    if isinstance(value, list):
        return [_with_none(element) for element in value]
    return None if value == "none" else value
