"""The codes of the RBF output: 96 characters as 7x12 bitmaps."""

import json
from pathlib import Path

import numpy as np

from lenet_keras.checks import expect

# Twelve rows per character from top to bottom, one hexadecimal byte per row. Bit 6 is
# the leftmost column. A set bit is ink.
_BITMAPS = json.loads(Path(__file__).with_name("rbf_codes.json").read_text("utf-8"))


def rbf_codes(characters):
    """Returns the paper's codes of the given characters.

    Each code is a bitmap of the character, 7 pixels wide and 12 high, read row by row
    from the top left: `+1` is ink, `-1` is background. The 84 values are the targets
    of F6 and the centres of the RBF units.

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
        ValueError: If `characters` is not a string, is empty, or contains a
            character without a code.

    Reference:
        LeCun et al. (1998), section II-C and Figure 3.
    """
    fits = isinstance(characters, str) and characters and {*characters} <= {*_BITMAPS}
    known = "".join(_BITMAPS)
    expect(fits, f"a string of characters among {known!r}", characters=characters)
    rows = np.array([list(bytes.fromhex(_BITMAPS[c])) for c in characters], np.uint8)
    ink = np.unpackbits(rows[..., np.newaxis], axis=-1)[..., 1:]  # drop bit 7
    return np.where(ink, 1.0, -1.0).astype("float32").reshape(len(characters), 84)
