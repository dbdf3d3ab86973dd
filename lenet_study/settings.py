"""Tables of settings, from TOML files."""

import tomllib
from pathlib import Path


def tables(file):
    """Returns the tables of a TOML file in this folder, by name.

    A table that is `like` an earlier one starts with the settings of that table. A
    setting that is a table itself is added to the earlier one, unless it is empty. TOML
    has no null, so the word "none" stands for `None`.

    Args:
        file: Name of the file.
    """
    named = _with_none(tomllib.loads(Path(__file__).with_name(file).read_text("utf-8")))
    for name, table in named.items():
        base = named[table.pop("like")] if "like" in table else {}
        for key, own in table.items():
            if own and isinstance(own, dict):
                table[key] = base.get(key, {}) | own
        named[name] = base | table
    return named


def _with_none(value):
    if isinstance(value, dict):
        return {name: _with_none(element) for name, element in value.items()}
    return None if value == "none" else value
