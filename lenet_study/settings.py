"""Settings as data: tables of a TOML file, and what differs from the defaults."""

import dataclasses
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).parent
# The folder of the checkout that this package runs from, or `None` if it is installed.
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "data/results").is_dir() else None


def tables(file):
    """Returns the tables of a TOML file of this package, by name.

    A table that is `like` an earlier one starts with the settings of that table. A
    setting that is a table itself is added to the earlier one, unless it is empty. TOML
    has no null, so the word "none" stands for `None`.

    Args:
        file: Path of the file in this package.
    """
    named = _with_none(tomllib.loads(PACKAGE.joinpath(file).read_text("utf-8")))
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
    if isinstance(value, list):
        return [_with_none(element) for element in value]
    return None if value == "none" else value


def without_defaults(instance):
    """Returns the fields of a dataclass that differ from the defaults, as JSON values.

    Args:
        instance: Instance of a dataclass. Fields with `compare=False` are left out.
    """
    return {
        field.name: as_json(value)
        for field in dataclasses.fields(instance)
        if field.compare
        and (value := getattr(instance, field.name)) != field.default
        and (value or field.default_factory is not dict)
    }


def as_json(value):
    """Returns a setting as a JSON value. Equal settings give equal JSON."""
    if isinstance(value, dict):
        return {key: as_json(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [as_json(element) for element in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
