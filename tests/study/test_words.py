"""What a figure shows in words: complete, and different when the figure is."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from PIL import Image
from test_figures import DRAWINGS

from lenet_study import figures
from lenet_study.figures.words import describe


def figure_of(draw):
    figure, ax = plt.subplots()
    draw(ax)
    plt.close(figure)
    return figure


def test_titles_labels_and_series():
    def draw(ax):
        ax.set(title="errors\nof both", xlabel="epoch", ylabel="error, %", yscale="log")
        ax.plot([1, 2, 3], [9.8765, 5, 2], label="ours")
        ax.bar([1, 2], [1516, 2416], color="black", label="parameters")
        ax.axhline(0.5)
        ax.axvline(2.25)
        ax.text(1, 2, "the paper")

    assert describe(figure_of(draw)).splitlines() == [
        "Figure of 1 panel",
        "panel 'errors of both'; x: epoch; y: error, %, logarithmic",
        "  line 'ours': x 1, 2, 3; y 9.88, 5, 2",
        "  line across: x 0, 1; y 0.5",
        "  line across: x 2.25; y 0, 1",
        "  bars 'parameters': x 0.6, 1.6; y 0; width 0.8; height 1516, 2416; shade 0",
        "  text: the paper",
    ]


def test_of_many_values_the_count_the_range_the_mean_and_the_centre_are_told():
    x, y = np.arange(101), np.linspace(0, 1, 101) ** 2
    centre = np.average(x, weights=y)
    words = f"y 101 from 0 to 1, mean {y.mean():.3g}, centre {centre:.3g}"
    assert words in describe(figure_of(lambda ax: ax.plot(x, y)))
    raised = f"y 101 from 1 to 2, mean {y.mean() + 1:.3g}, centre {centre:.3g}"
    assert raised in describe(figure_of(lambda ax: ax.plot(x, y + 1)))


@pytest.mark.parametrize("count", [3, 30])
def test_the_order_of_values_counts(count):
    def words(values):
        return describe(figure_of(lambda ax: ax.plot(values)))

    values = np.linspace(1, 2, count)
    orders = [np.roll(values, shift) for shift in range(3)]
    assert len({words(order) for order in orders}) == 3


def test_names_of_rows_and_of_columns_are_told():
    def draw(ax):
        ax.plot(["C1", "F6"], [3.0, 1.0], "o")
        ax.set_yticks(range(3), ["LeNet-1", "LeNet-4", "LeNet-5"])

    words = describe(figure_of(draw))
    assert "panel; x: C1, F6; y: LeNet-1, LeNet-4, LeNet-5" in words
    assert "line: x 0, 1; y 3, 1" in words


def pictures(values):
    figure, axes = plt.subplots(1, len(values), squeeze=False)
    plt.close(figure)
    for index, (ax, own) in enumerate(zip(axes[0], values, strict=True)):
        ax.imshow(own, vmin=0, vmax=3)
        ax.set_title(f"map {index}")
    return describe(figure)


def test_a_few_pictures_are_told_one_by_one():
    corner = np.zeros((4, 2))
    corner[3, 1] = 2
    assert pictures([corner, np.ones((4, 2))]).splitlines() == [
        "Figure of 2 panels",
        "panel 'map 0'",
        "  picture: 4x2 from 0 to 2, mean 0.25, centre 3, 1; low end 0; high end 3",
        "panel 'map 1'",
        "  picture: 1; low end 0; high end 3",
    ]


def test_many_pictures_of_one_size_are_told_together_and_their_order_counts():
    values = np.zeros((20, 4, 2))
    values[5, 1, 0] = 2
    title, told = pictures(values).splitlines()[1:]
    assert title == f"20 panels: {', '.join(f'map {n}' for n in range(20))}"
    summary = "20x4x2 from 0 to 2, mean 0.0125, centre 5, 1, 0"
    assert told == f"  pictures: {summary}; low end 0; high end 3"
    assert "centre 14, 1, 0" in pictures(values[::-1])


def test_a_picture_that_is_turned_has_other_words():
    values = np.arange(9.0).reshape(3, 3)

    def words(values):
        return describe(figure_of(lambda ax: ax.imshow(values)))

    told = {words(v) for v in (values, values.T, values[::-1], values[:, ::-1])}
    assert len(told) == 4


def test_what_is_missing_from_a_picture_differs_from_its_lowest_value():
    def words(missing):
        values = np.full((2, 3), 3.0)
        values[:, 2] = 6
        values[missing] = np.nan
        return describe(figure_of(lambda ax: ax.imshow(values)))

    assert len({words((0, 0)), words((0, 1)), words((1, 0)), words((1, 1))}) == 4


def test_a_histogram_says_where_its_bars_stand():
    def words(values):
        return describe(figure_of(lambda ax: ax.hist(values, bins=2)))

    assert "bars: x 1, 2; y 0; width 1; height 2, 1" in words([1, 1, 3])
    assert "bars: x 2, 3; y 0; width 1; height 1, 2" in words([2, 4, 4])


def test_a_bar_that_nobody_sees_has_no_height():
    words = describe(figure_of(lambda ax: ax.bar([0, 1, 2], [1, 1e-3, 1e-7])))
    assert "height 1, 0.001, 0;" in words


def test_rectangles_have_a_place_and_a_shade():
    def words(x, **kwargs):
        shape = plt.Rectangle((x, 1), 2, 3, **kwargs)
        return describe(figure_of(lambda ax: ax.add_patch(shape)))

    place = "y 1; width 2; height 3; shade"
    assert f"shapes: x 0; {place} 0" in words(0, color="black")
    assert f"shapes: x 5; {place} 0.9" in words(5, color="0.9")
    assert f"shapes: x 5; {place} 1" in words(5, color="black", fill=False)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_has_the_same_words_each_time(name):
    figure = DRAWINGS[name]()
    assert describe(figure) == describe(figure) == repr(figure)


def changes(ax):
    """Yields how to set a property of what is drawn, its value, and another value."""
    for line in ax.lines:
        x, y = line.get_data(orig=False)
        yield line.set_label, line.get_label(), "another"
        yield line.set_xdata, x, [2 * np.nanmax(x) + 1, *x[1:]]
        yield line.set_ydata, y, [2 * np.nanmax(y) + 1, *y[1:]]
        if len(set(y)) > 1:
            yield line.set_ydata, y, np.roll(y, 1)
    for bars in ax.containers:
        across = bars.orientation == "horizontal"
        sizes = [bar.get_width() if across else bar.get_height() for bar in bars]

        def resize(sizes, bars=bars, across=across):
            for bar, size in zip(bars, sizes, strict=True):
                (bar.set_width if across else bar.set_height)(size)

        yield bars.set_label, bars.get_label(), "another"
        yield resize, sizes, np.roll(sizes, 1)
        for index, size in enumerate(sizes):
            taller = 1.5 * size + np.abs(sizes).sum()
            yield resize, sizes, [*sizes[:index], taller, *sizes[index + 1 :]]
    for patch in ax.patches:
        yield patch.set_x, patch.get_x(), patch.get_x() - 999
        if patch.get_fill():
            yield patch.set_facecolor, patch.get_facecolor(), "0.6"
    for image in ax.images:
        values = image.get_array()
        yield image.set_data, values, values + 0.1
        yield image.set_clim, image.get_clim(), (-9, 9)
    for marks in ax.collections:
        if isinstance(marks, PathCollection):
            yield marks.set_offsets, marks.get_offsets(), 1.1 * marks.get_offsets() + 1
        elif isinstance(marks, LineCollection):
            ends = marks.get_segments()
            yield marks.set_segments, ends, [1.1 * end + 1 for end in ends]
    for text in ax.texts:
        yield text.set_text, text.get_text(), f"{text.get_text()} too"
    yield ax.set_title, ax.get_title(), f"{ax.get_title()} too"
    for axis in (ax.xaxis, ax.yaxis):
        label = axis.get_label_text()
        yield axis.set_label_text, label, f"{label} too"


@pytest.mark.parametrize("name", DRAWINGS)
def test_each_change_of_a_figure_changes_its_words(name):
    figure = DRAWINGS[name]()
    words = describe(figure)
    for ax in figure.axes:
        if not ax.axison and not ax.has_data():
            continue  # an empty place of the grid
        if ax.get_label() == "<colorbar>":
            continue
        for set_, value, other in changes(ax):
            set_(other)
            assert describe(figure) != words, (set_, value, other)
            set_(value)
        (line,) = ax.plot([1], [1])
        assert describe(figure) != words
        line.remove()
    assert describe(figure) == words


@pytest.fixture
def shown(monkeypatch):
    """The pictures, words and metadata that a notebook would show."""
    shown = []

    def display(content, metadata, raw):
        assert raw
        told, words = metadata["image/png"], content["text/plain"]
        shown.append((Image.open(io.BytesIO(content["image/png"])), words, told))

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def test_a_notebook_shows_a_sharp_picture_with_its_words(shown):
    figure = figures.distances(np.arange(10), right=3)
    figure._ipython_display_()
    ((picture, words, told),) = shown
    assert words == told["alt"] == describe(figure)
    assert (told["width"], told["height"]) == tuple(n // 2 for n in picture.size)
    assert picture.size[0] > 1.8 * 6 * figure.dpi  # six inches, less the margin


def test_a_notebook_plays_an_animation(shown):
    frames = [figures.distances(np.arange(10), right) for right in range(4)]
    figures.Animation(frames)._ipython_display_()
    ((picture, words, told),) = shown
    assert picture.n_frames == 4
    assert words.startswith("Animation of 4 figures\nthe first: Figure of 1 panel")
    assert words.endswith(describe(frames[-1]))
    assert told["width"] == 6 * frames[0].dpi
