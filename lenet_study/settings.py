"""Settings as data: tables of a TOML file, and what differs from the defaults."""

import dataclasses


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
