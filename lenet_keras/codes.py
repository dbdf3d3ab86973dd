"""The codes of the RBF output: 96 characters as 7x12 bitmaps."""

import json
from importlib import resources

import numpy as np

# A character's twelve rows from top to bottom, one hexadecimal byte a row,
# bit 6 the leftmost column; a set bit is ink.
_BITMAPS = json.loads(
    resources.files(__package__).joinpath("rbf_codes.json").read_text()
)


def rbf_codes(characters):
    """Returns the paper's codes of the given characters.

    Each code is the character drawn in 7 x 12 pixels, read row by row from the top
    left: `+1` where there is ink, `-1` where there is none. The 84 values are the
    targets of F6 and the centres of the RBF units.

    Args:
        characters: String of printable ASCII characters or DEL (codes 32 to 127).

    Returns:
        `float32` array of shape `(len(characters), 84)` with values `-1` and `+1`.

    Example:

    >>> codes = rbf_codes("0123456789")
    >>> codes.shape
    (10, 84)
    >>> for row in codes[7].reshape(12, 7)[:6]:
    ...     print("".join(".#"[int(value > 0)] for value in row))
    #######
    .....##
    .....##
    ....##.
    ...##..
    ...##..

    Raises:
        ValueError: If `characters` is not a string, is empty, or holds a character
            that has no code.

    Reference:
        LeCun et al. (1998), section II-C and Figure 3.
    """
    if not isinstance(characters, str) or not characters:
        raise ValueError(
            "Expected a string of at least one character. "
            f"Received: characters={characters!r}"
        )
    unknown = [character for character in characters if character not in _BITMAPS]
    if unknown:
        raise ValueError(
            f"Expected characters among {''.join(_BITMAPS)!r}. "
            f"Received: characters={characters!r}, where {unknown} have no code"
        )
    rows = np.array([list(bytes.fromhex(_BITMAPS[c])) for c in characters], np.uint8)
    ink = np.unpackbits(rows[..., np.newaxis], axis=-1)[..., 1:]  # drop bit 7
    return np.where(ink, 1.0, -1.0).astype("float32").reshape(len(characters), 84)
