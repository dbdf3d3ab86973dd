"""Files that are there whole or not at all."""

import contextlib
import os


@contextlib.contextmanager
def replacing(path):
    """Gives a file beside `path` to write, which takes its place when it is whole.

    Args:
        path: `pathlib.Path` of the file to write.
    """
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
