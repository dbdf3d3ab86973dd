"""Photos of digits, made by code with a seed. Only tests use them."""

import io

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

KINDS = (
    *("plain", "shadow", "grain", "blurred", "thick", "thin", "jpeg", "specks"),
    *("ruled", "edge", "small", "faint", "light", "tight"),
)


def photo(digit, kind, rng):
    """Writes a digit on paper, or on a board, and takes a photo.

    Args:
        digit: `uint8` array of shape `(28, 28)`.
        kind: Name among `KINDS`: what is special about the photo.
        rng: `numpy.random.Generator`.

    Returns:
        `uint8` array of shape `(height, width, 3)`.
    """
    return line_photo([digit], kind, rng)


def line_photo(digits, kind, rng):
    """Writes digits on paper in a row, with space between them, and takes a photo."""
    side = rng.uniform(12, 20) if kind == "small" else rng.uniform(45, 100)
    weight = {"thick": 0.2, "thin": 0.75}.get(kind, rng.uniform(0.35, 0.6))
    drawn = [_written(digit, side, weight, rng) for digit in digits]
    gap = int(0.15 * side)
    row = np.hstack([np.pad(one, [(0, 0), (gap, gap)]) for one in drawn])
    rows, columns = np.nonzero(row.max(axis=1))[0], np.nonzero(row.max(axis=0))[0]
    row = row[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    room = (1, 4) if kind == "tight" else (0.25 * side, 0.9 * side)
    around = rng.uniform(*room, (2, 2)).astype(int)
    ink = np.pad(row, around)
    height, width = ink.shape
    paper = _paper(height, width, kind, rng)
    if kind == "edge":
        _put_on_table(paper, around, rng)
    if kind == "ruled":
        ink = np.maximum(ink, 0.8 * _ruled(height, width, side, rng))
    if kind == "specks":
        for _ in range(rng.integers(3, 9)):
            y, x = rng.uniform(0, height), rng.uniform(0, width)
            ink = np.maximum(ink, _disc(height, width, y, x, side / 60))
    pen = rng.uniform(0.02, 0.3, 3)  # what it reflects
    if kind == "faint":
        pen = rng.uniform(0.65, 0.75) * np.ones(3)
    view = paper[..., None] * (1 - ink[..., None] * (1 - pen))
    view = view * rng.uniform(0.9, 1, 3)
    if kind == "light":
        view = 1 - rng.uniform(0.8, 0.95) * view
    softness = rng.uniform(0.02, 0.035) if kind == "blurred" else 0.01
    view = ndimage.gaussian_filter(view, (max(0.4, softness * side),) * 2 + (0,))
    grain = rng.uniform(0.05, 0.08) if kind == "grain" else 0.015
    view = view + rng.normal(0, grain, view.shape)
    view = np.round(255 * np.clip(view, 0, 1)).astype("uint8")
    file = io.BytesIO()
    quality = int(rng.integers(15, 30)) if kind == "jpeg" else 85
    Image.fromarray(view).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _written(digit, side, weight, rng):
    """Enlarges a digit to a height of about `side`, with sharp edges, and turns it."""
    scale = side / 20
    size = int(36 * scale)
    angle = np.deg2rad(rng.uniform(-8, 8))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) / scale
    offset = 13.5 - matrix @ np.full(2, (size - 1) / 2)
    large = ndimage.affine_transform(digit / 255, matrix, offset, (size, size), order=3)
    drawn = np.clip((large - weight) * max(scale, 2) + 0.5, 0, 1)
    columns = np.nonzero(drawn.max(axis=0))[0]
    return drawn[:, columns[0] : columns[-1] + 1]


def _paper(height, width, kind, rng):
    """Returns the light that uneven lighting leaves on the paper, from 0 to 1."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    slope = rng.uniform(-0.1, 0.1, 2)
    paper = rng.uniform(0.8, 0.9) + slope[0] * y + slope[1] * x
    angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
    across = x * np.cos(angle) + y * np.sin(angle) - place
    if kind == "shadow":
        paper *= 1 - rng.uniform(0.3, 0.55) / (1 + np.exp(-across * rng.uniform(4, 25)))
    return np.clip(paper, 0.05, 1)


def _put_on_table(paper, around, rng):
    """Shows the table beyond one side of the paper, at a small tilt."""
    turns = rng.integers(4)  # the top after so many quarters of a turn
    margin = [around[0, 0], around[1, 1], around[0, 1], around[1, 0]][turns]
    view = np.rot90(paper, turns)  # a view: what is written there is in `paper`
    y, x = np.mgrid[: view.shape[0], -0.5 : 0.5 : view.shape[1] * 1j]
    tilt = rng.uniform(-0.3, 0.3) * margin
    view[y < rng.uniform(0.3, 0.7) * margin + tilt * x] = rng.uniform(0.1, 0.4)


def _ruled(height, width, side, rng):
    """Draws ruled lines: thin, about horizontal, as far apart as a digit is high."""
    y, x = np.mgrid[:height, :width]
    tilt, apart = np.tan(np.deg2rad(rng.uniform(-2, 2))), side * rng.uniform(0.9, 1.5)
    distance = (y - tilt * x - rng.uniform(0, apart)) % apart
    thickness = rng.uniform(1, 0.035 * side + 1)
    return np.clip(thickness / 2 + 0.5 - np.minimum(distance, apart - distance), 0, 1)


def _disc(height, width, middle, centre, radius):
    y, x = np.mgrid[:height, :width]
    return np.clip(radius + 0.5 - np.hypot(y - middle, x - centre), 0, 1)


# The strokes of digits on a square of 100x100.
STROKES = {
    2: [[(28, 35), (38, 18), (58, 18), (68, 35), (28, 80), (74, 80)]],
    4: [[(55, 15), (25, 60), (75, 60)], [(58, 40), (58, 88)]],
    5: [
        [(40, 20), (34, 48), (62, 50), (66, 72), (48, 84), (30, 78)],
        [(41, 20), (70, 18)],
    ],
}


def drawing(digit, background):
    """Draws a digit as a program for drawing does: with smooth edges, in RGBA.

    Args:
        digit: 2, 4 or 5.
        background: `"transparent"` or `"white"` for dark ink, `"black"` for light ink.

    Returns:
        `uint8` array of shape `(100, 100, 4)`.
    """
    ink = (240, 240, 255, 255) if background == "black" else (20, 20, 60, 255)
    paper = {"transparent": (*ink[:3], 0), "white": (255,) * 4, "black": (0, 0, 0, 255)}
    image = Image.new("RGBA", (400, 400), paper[background])
    for stroke in STROKES[digit]:
        places = [(4 * x, 4 * y) for x, y in stroke]
        ImageDraw.Draw(image).line(places, ink, width=28, joint="curve")
    return np.asarray(image.reduce(4))
