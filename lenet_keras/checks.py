"""The one form of the errors about wrong values."""


def expect(fits, what, **received):
    """Raises an error unless the values that were received fit.

    Args:
        fits: Whether they fit.
        what: What was expected, in words.
        **received: The values by name.

    Example:

    >>> expect(3 < 2, "a number below 2", number=3)
    Traceback (most recent call last):
    ...
    ValueError: Expected a number below 2. Received: number=3

    Raises:
        ValueError: If they do not fit.
    """
    if not fits:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"Expected {what}. Received: {values}")
