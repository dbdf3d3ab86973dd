"""Tables and numbers in the project's pages, made from the stored results.

A page holds marked blocks, `<!-- begin NAME -->...<!-- end NAME -->`. The text between
the two markers is generated: a table, or a number inside a sentence. The names are
those of `lenet_study.blocks.Blocks`.
"""

import functools
import re
from pathlib import Path

from lenet_study.blocks import Blocks
from lenet_study.files import replacing

MARKER = re.compile(r"<!-- (begin|end) (\S+) -->")


def fill(text, make):
    """Returns a page with each marked block made anew.

    Args:
        text: The page, in Markdown.
        make: Function of a block's name that returns its text. It raises `KeyError`
            if it does not know the name.

    Example:

    >>> fill("2 + 2 = <!-- begin sum -->5<!-- end sum -->.", {"sum": "4"}.__getitem__)
    '2 + 2 = <!-- begin sum -->4<!-- end sum -->.'

    Raises:
        ValueError: If a name is unknown, or a block does not end before the next one
            begins.
    """
    filled, at, opened = [], 0, None
    for marker in MARKER.finditer(text):
        kind, name = marker.groups()
        if (kind == "begin") != (opened is None) or opened not in (None, name):
            raise ValueError(f"Expected {_marker(opened)}. Received: {marker.group()}")
        opened = name if kind == "begin" else None
        if opened:
            filled.append(text[at : marker.end()])
            try:
                made = make(name).strip()
            except KeyError:
                raise ValueError(
                    f"Expected the name of a block. Received: {marker.group()}"
                ) from None
            filled.append(f"\n\n{made}\n\n" if "\n" in made else made)
        at = marker.start() if kind == "end" else marker.end()
    if opened:
        raise ValueError(f"Expected {_marker(opened)}. Received: the end of the page")
    return "".join([*filled, text[at:]])


def _marker(opened):
    return f"<!-- end {opened} -->" if opened else "<!-- begin NAME -->"


def fill_pages(root):
    """Makes the blocks of `docs/*.md` and `README.md` anew, in place.

    Args:
        root: Path of the project.

    Returns:
        List of the paths of the pages that have changed.

    Raises:
        ValueError: If a page has an unknown block, or one that does not end.
        FileNotFoundError: If the results of a block are missing.
    """
    root, changed = Path(root), []
    make = functools.cache(Blocks(root / "data/results").__getitem__)
    filled = {}
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        try:
            filled[path] = text, fill(text, make)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    for path, (before, after) in filled.items():
        if after != before:
            with replacing(path) as beside:
                beside.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed
