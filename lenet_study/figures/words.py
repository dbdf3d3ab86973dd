"""What a figure shows, in words: for those who cannot see it, and for comparisons."""

import itertools

import numpy as np
from matplotlib.collections import LineCollection, PathCollection

MANY = 16  # more values, pictures or lines without a name are told together


def describe(figure):
    """Returns what a figure shows: titles, labels, series and their ranges.

    Args:
        figure: `matplotlib.figure.Figure`.

    Returns:
        String with a line for the figure, for each panel and for each series. Numbers
        have three digits. Equal lines that follow each other are counted.
    """
    panels = [ax for ax in figure.axes if ax.axison or ax.has_data() or ax.texts]
    lines = [f"Figure of {_count(len(panels), 'panel')}"]
    if figure.get_suptitle():
        lines[0] += f": {_one_line(figure.get_suptitle())}"
    for plain, own in itertools.groupby(panels, key=_is_plain_picture):
        own = list(own)
        lines += _pictures(own) if plain else map(_panel, own)
    return "\n".join(lines)


def _panel(ax):
    """Returns the lines of text about a panel: its heading, and each series."""
    lines = [_heading(ax)]
    for text, equal in itertools.groupby(_series(ax)):
        times = len(list(equal))
        lines.append(f"  {text}" if times == 1 else f"  {text} (x {times})")
    return "\n".join(lines)


def _heading(ax):
    title = _one_line(ax.get_title())
    parts = [f"panel {title!r}" if title else "panel"]
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        words = [_one_line(axis.get_label_text())]
        words += ["logarithmic"] * (axis.get_scale() == "log")
        names = _names(axis)
        words += [f"at {', '.join(names)}"] * bool(names)
        words = ", ".join(filter(None, words))
        parts += [f"{name}: {words}"] * bool(words)
    return "; ".join(parts)


def _names(axis):
    """Returns the labels of an axis whose ticks have names in place of numbers."""
    labels = [_one_line(tick.get_text()) for tick in axis.get_ticklabels()]
    labels = [label for label in labels if label]
    return [] if all(_is_number(label) for label in labels) else labels


def _is_number(text):
    try:
        float(text.replace("\N{MINUS SIGN}", "-").replace(",", "").rstrip("%"))
    except ValueError:
        return text.startswith("$")  # a power, as of a logarithmic axis
    return True


def _series(ax):
    """Yields a line of text for each series of a panel."""
    if hasattr(ax, "_colorbar"):
        bar = ax._colorbar
        yield f"scale of colours: {_digits(bar.vmin)} to {_digits(bar.vmax)}"
        return
    unnamed = [line for line in ax.lines if not _label(line)]
    together = unnamed if len(unnamed) > MANY else []
    for line in ax.lines:
        if line not in together:
            yield _line(ax, line)
    if together:
        places = [
            " at ".join(_mean_and_reach(part) for part in line.get_data(orig=False))
            for line in together
        ]
        yield f"{len(together)} lines, their means, x at y: {', '.join(places)}"
    for bars in ax.containers:
        across = getattr(bars, "orientation", "vertical") == "horizontal"
        sizes = [bar.get_width() if across else bar.get_height() for bar in bars]
        least = 1e-4 * np.abs(sizes).max()  # a shorter bar cannot be seen
        seen = np.where(np.abs(sizes) < least, 0, sizes)
        from_to = "" if across else _bins(bars)
        yield f"bars{_label(bars)}: {len(sizes)}{from_to}, {_values(seen)}"
    held = {id(patch) for bars in ax.containers for patch in bars}
    shapes = [patch for patch in ax.patches if id(patch) not in held]
    if shapes:
        yield _shapes(shapes)
    for collection in ax.collections:
        yield _collection(collection)
    for image in ax.images:
        yield _picture(image)
    texts = [_one_line(text.get_text()) for text in ax.texts if text.get_text().strip()]
    if texts:
        yield f"text: {' | '.join(texts)}"


def _mean_and_reach(values):
    """Returns the mean of a few values, and how far they reach on both sides."""
    values = np.asarray(values, float)
    reach = np.ptp(values) / 2
    return _digits(values.mean()) + (f"±{_digits(reach)}" if reach else "")


def _bins(bars):
    """Returns where the bars of a histogram stand, which touch, and their middle."""
    left = np.array([bar.get_x() for bar in bars])
    right = left + [bar.get_width() for bar in bars]
    touching = len(bars) > 1 and np.allclose(right[:-1], left[1:])
    if not touching:
        return ""
    middle = _digits(_middle([bar.get_height() for bar in bars]))
    return f" from {_digits(left[0])} to {_digits(right[-1])}, middle {middle}"


def _shapes(shapes):
    """Returns where rectangles stand, and how light the filled ones are."""
    boxes = [shape.get_bbox() for shape in shapes]
    x, y = (
        np.ravel([getattr(box, name) for box in boxes])
        for name in ("intervalx", "intervaly")
    )
    words = f"{_count(len(shapes), 'shape')}, x {_range(x)}, y {_range(y)}"
    shades = [np.mean(s.get_facecolor()[:3]) for s in shapes if s.get_fill()]
    if shades:
        words += f", shades {_values(shades)}"
    if len(shades) > MANY:  # in which their order counts
        words += f", middle {_digits(_middle(shades))}"
    return words


def _line(ax, line):
    x, y = (np.asarray(part, float) for part in line.get_data(orig=False))
    label = _label(line)
    if line.get_transform() == ax.get_xaxis_transform():
        return f"line{label} from top to bottom at {_digits(x[0])}"
    if line.get_transform() == ax.get_yaxis_transform():
        return f"line{label} from side to side at {_digits(y[0])}"
    return f"line{label}: {_points(x, y)}"


def _points(x, y):
    count = _count(len(x), "point")
    if len(x) > 1 and np.array_equal(y, np.arange(len(y))):  # a row each
        return f"{count}, y {_range(y)}, x {_values(x)}"
    along = _range(x) if (np.diff(x) > 0).all() else _values(x)
    return f"{count}, x {along}, y {_values(y)}"


def _collection(collection):
    label, values = _label(collection), collection.get_array()
    if values is not None:
        return f"colours{label}: {np.size(values)}, {_values(values)}"
    if isinstance(collection, PathCollection):
        x, y = np.asarray(collection.get_offsets(), float).reshape(-1, 2).T
        return f"points{label}: {_points(x, y)}"
    corners = np.concatenate([path.vertices for path in collection.get_paths()])
    x, y = corners.T
    noun = "lines" if isinstance(collection, LineCollection) else "area"
    return f"{noun}{label}: x {_range(x)}, y {_range(y)}, mean {_digits(y.mean())}"


def _is_plain_picture(ax):
    more = ax.get_xlabel() or ax.lines or ax.patches or ax.texts
    return len(ax.images) == 1 and not more


def _pictures(panels):
    """Returns lines for neighbours of one size, with their titles."""

    def size(ax):
        return _size(ax.images[0].get_array())

    lines = []
    for size_, own in itertools.groupby(panels, key=size):
        own = list(own)
        scales = {_scale(ax.images[0]) for ax in own}
        scale = scales.pop() if len(scales) == 1 else "each on its own scale"
        lines.append(f"{_count(len(own), 'picture')} of {size_}, {scale}")
        titles = [_one_line(f"{ax.get_ylabel()} {ax.get_title()}") for ax in own]
        if any(titles):
            lines.append(f"  titles: {', '.join(filter(None, titles))}")
        means = [np.nanmean(ax.images[0].get_array()) for ax in own]
        lines.append(f"  means: {_values(means)}")
        if len(own) > MANY:  # in which their order counts
            lines.append(f"  middle of the means: {_digits(_middle(means))}")
        else:
            middles = [_middle_of_picture(_array(ax.images[0])) for ax in own]
            lines.append(f"  middles: {'; '.join(middles)}")
    return lines


def _picture(image):
    values = _array(image)
    mean, middle = _digits(np.nanmean(values)), _middle_of_picture(values)
    size = _size(values)
    return f"picture of {size}, {_scale(image)}, mean {mean}, middle {middle}"


def _array(image):
    return np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)


def _middle_of_picture(values):
    """Returns the row and the column of the centre of mass."""
    return ", ".join(
        _digits(_middle(np.nansum(np.abs(values), axis=tuple(others))))
        for others in ([1, *range(2, values.ndim)], [0, *range(2, values.ndim)])
    )


def _middle(values):
    """Returns the index of the centre of mass."""
    values = np.abs(values)
    return np.arange(len(values)) @ values / max(values.sum(), 1e-30)


def _scale(image):
    return " to ".join(map(_digits, image.get_clim()))


def _size(values):
    return "x".join(map(str, np.shape(values)))


def _label(artist):
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") or not label else f" {_one_line(label)!r}"


def _range(values):
    """Returns the smallest and the largest value."""
    values = np.asarray(values, float)
    if not np.isfinite(values).any():
        return "nothing"
    ends = _digits(np.nanmin(values)), _digits(np.nanmax(values))
    return " to ".join(dict.fromkeys(ends))


def _values(values):
    """Returns a few values, or of many the range, the first, the mean and the last."""
    values = np.ravel(np.ma.filled(np.ma.asarray(values, float), np.nan))
    if len(set(values)) == 1:
        return _digits(values[0])
    if len(values) <= MANY:
        return ", ".join(map(_digits, values))
    three = values[0], np.nanmean(values), values[-1]
    return f"{_range(values)}: {' ... '.join(map(_digits, three))}"


def _digits(number):
    """Returns a number with three digits, such as 12300 for 12345, or a year."""
    if 1000 <= abs(number) < 10_000 and float(number).is_integer():
        return f"{number:.0f}"
    short = float(f"{float(number):.3g}") + 0.0  # not -0
    if 1000 <= abs(short) < 1e7:
        return f"{short:.0f}"
    return f"{short:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _one_line(text):
    return " ".join(str(text).split())
