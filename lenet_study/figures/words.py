"""What a figure shows, in words: for those who cannot see it, and for comparisons."""

import itertools

import numpy as np
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PathCollection
from matplotlib.ticker import FuncFormatter

FEW = 16  # so many values, or pictures side by side, are told one by one


def describe(figure):
    """Returns what a figure shows: titles, labels, series and their values.

    Args:
        figure: `matplotlib.figure.Figure`.

    Returns:
        String with a line for the figure, for each panel and for each series. Numbers
        have three digits. Of more than 16 values it tells how many they are, from where
        to where they reach, their mean, and their centre: the mean of their indices,
        each weighted by how far its value is above the lowest one.
    """
    panels = [ax for ax in figure.axes if ax.axison or ax.has_data() or ax.texts]
    count = f"Figure of {len(panels)} panel{'s' if len(panels) > 1 else ''}"
    lines = [": ".join([count, *_texts(figure)])]
    for size, group in itertools.groupby(panels, key=_size_of_plain_picture):
        group = list(group)
        if size and len(group) > FEW:
            lines += _many_pictures(group)
        else:
            lines += itertools.chain.from_iterable(map(_panel, group))
    return "\n".join(lines)


def _size_of_plain_picture(ax):
    """Returns the size of a panel's picture if there is nothing else in the panel."""
    more = ax.get_xlabel() or ax.lines or ax.patches or ax.texts
    return ax.images[0].get_size() if ax.images and not more else None


def _many_pictures(panels):
    """Returns the lines of text about neighbours, each with a picture of one size."""
    titles = [_one_line(f"{ax.get_ylabel()} {ax.get_title()}") for ax in panels]
    pictures = _pictures([ax.images[0] for ax in panels])
    return [f"{len(panels)} panels: {', '.join(titles)}", f"  pictures: {pictures}"]


def _panel(ax):
    """Yields the lines of text about a panel: its heading, and each series."""
    parts = [f"panel{_named(ax.get_title())}"]
    parts += [f"{name}: {told}" for name in "xy" if (told := _axis(ax, name))]
    yield "; ".join(parts)
    if ax.get_label() == "<colorbar>":
        return  # the pictures tell its scale
    for line in ax.lines:
        noun = "line" if line.get_transform() == ax.transData else "line across"
        yield f"  {noun}{_label(line)}: {_points(*line.get_data(orig=False))}"
    for bars in ax.containers:
        yield f"  bars{_label(bars)}: {_rectangles(bars)}"
    in_bars = list(itertools.chain(*ax.containers))
    if shapes := [patch for patch in ax.patches if patch not in in_bars]:
        yield f"  shapes: {_rectangles(shapes)}"
    for marks in ax.collections:
        places = marks.get_offsets()
        if not isinstance(marks, PathCollection):  # lines, from end to end
            places = np.concatenate([path.vertices for path in marks.get_paths()])
        yield f"  marks{_label(marks)}: {_points(*places.T)}"
    for image in ax.images:
        yield f"  picture: {_pictures([image])}"
    if texts := _texts(ax):
        yield f"  text: {' | '.join(texts)}"


def _axis(ax, name):
    """Returns the label of an axis, whether it is logarithmic, and its ticks' names."""
    axis = getattr(ax, f"{name}axis")
    words = [axis.get_label_text()]
    words += ["logarithmic"] * (axis.get_scale() == "log")
    if isinstance(axis.get_major_formatter(), FuncFormatter | StrCategoryFormatter):
        words += [tick.get_text() for tick in axis.get_ticklabels()]
    return ", ".join(filter(None, map(_one_line, words)))


def _points(x, y):
    return f"x {_summary(x)}; y {_summary(y)}"


def _rectangles(patches):
    """Returns where rectangles stand, their sizes, and how light they are."""
    x, y, width, height = np.transpose([patch.get_bbox().bounds for patch in patches])
    height[np.abs(height) < 1e-4 * np.abs(height).max()] = 0  # nobody sees so low a bar
    *rgb, alpha = np.transpose([patch.get_facecolor() for patch in patches])
    shade = 1 + alpha * (np.mean(rgb, axis=0) - 1)
    told = f"{_points(x, y)}; width {_summary(width)}; height {_summary(height)}"
    return f"{told}; shade {_summary(shade)}"


def _pictures(images):
    """Returns the values of a picture, or of many together, and the scale's ends."""
    values = np.ma.stack([image.get_array() for image in images])
    low, high = np.transpose([image.get_clim() for image in images])
    told = _summary(values if len(images) > 1 else values[0])
    return f"{told}; low end {_summary(low)}; high end {_summary(high)}"


def _summary(values):
    """Returns few values, or of many the count, the range, the mean and the centre."""
    values = np.ma.filled(np.ma.asarray(values, float), np.nan)
    told = [_digits(value) for value in values.flat]
    if len(set(told)) < 2:
        return "".join(told[:1])
    if values.ndim == 1 and len(told) <= FEW:
        return ", ".join(told)
    low, high, mean = np.nanmin(values), np.nanmax(values), np.nanmean(values)
    height = np.where(np.isnan(values), 0, values - low + np.isnan(values).any())
    centre = np.tensordot(np.indices(height.shape), height, height.ndim) / height.sum()
    size, place = "x".join(map(str, values.shape)), ", ".join(map(_digits, centre))
    ends = f"from {_digits(low)} to {_digits(high)}"
    return f"{size} {ends}, mean {_digits(mean)}, centre {place}"


def _digits(number):
    """Returns a number with three digits, such as 12300 for 12345, or a year."""
    is_year = 1000 <= abs(number) < 10_000 and float(number).is_integer()
    short = float(number if is_year else f"{number:.3g}")
    return f"{short + 0.0:g}"  # not -0


def _label(artist):
    label = str(artist.get_label())
    return "" if label.startswith("_") else _named(label)


def _named(text):
    return f" {_one_line(text)!r}" if text else ""


def _texts(holder):
    """Returns the texts of a panel or of a figure that are not empty."""
    return list(filter(None, (_one_line(text.get_text()) for text in holder.texts)))


def _one_line(text):
    return " ".join(text.split())
