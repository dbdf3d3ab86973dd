"""What a figure shows in words: complete, and different when the figure is."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection
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
        ax.bar([1, 2], [1516, 2416], label="parameters")
        ax.axhline(0.5)
        ax.axvline(2.25)
        ax.text(1, 2, "the paper")

    assert describe(figure_of(draw)).splitlines() == [
        "Figure of 1 panel",
        "panel 'errors of both'; x: epoch; y: error, %, logarithmic",
        "  line 'ours': 3 points, x 1 to 3, y 9.88, 5, 2",
        "  line from side to side at 0.5",
        "  line from top to bottom at 2.25",
        "  bars 'parameters': 2, 1516, 2416",
        "  text: the paper",
    ]


def test_many_values_have_a_range_an_order_and_a_mean():
    def draw(ax):
        ax.plot(np.arange(101), np.linspace(0, 1, 101) ** 2)

    words = "line: 101 points, x 0 to 100, y 0 to 1: 0 ... 0.335 ... 1"
    assert words in describe(figure_of(draw))


def test_rows_have_their_names_and_their_values():
    def draw(ax):
        ax.plot([3.0, 1.0, 2.0], range(3), "o")
        ax.set_yticks(range(3), ["LeNet-1", "LeNet-4", "LeNet-5"])

    words = describe(figure_of(draw))
    assert "panel; y: at LeNet-1, LeNet-4, LeNet-5" in words
    assert "line: 3 points, y 0 to 2, x 3, 1, 2" in words


def test_pictures_of_one_size_are_told_together():
    figure, axes = plt.subplots(1, 3)
    plt.close(figure)
    for value, ax in enumerate(axes):
        ax.imshow(np.full((4, 2), value), vmin=0, vmax=3)
        ax.set_title(f"map {value}")
    assert describe(figure).splitlines() == [
        "Figure of 3 panels",
        "3 pictures of 4x2, 0 to 3",
        "  titles: map 0, map 1, map 2",
        "  means: 0, 1, 2",
        "  middles: 0, 0; 1.5, 0.5; 1.5, 0.5",
    ]


def test_a_picture_that_is_turned_has_other_words():
    values = np.arange(9.0).reshape(3, 3)

    def words(values):
        return describe(figure_of(lambda ax: ax.imshow(values)))

    told = {words(v) for v in (values, values.T, values[::-1], values[:, ::-1])}
    assert len(told) == 4


def test_a_histogram_says_where_its_bars_stand():
    def words(values):
        return describe(figure_of(lambda ax: ax.hist(values, bins=2)))

    assert "bars: 2 from 1 to 3, middle 0.333, 2, 1" in words([1, 1, 3])
    assert "bars: 2 from 2 to 4, middle 0.667, 1, 2" in words([2, 4, 4])


def test_rectangles_have_a_place_and_a_shade():
    def words(x, color):
        return describe(
            figure_of(lambda ax: ax.add_patch(plt.Rectangle((x, 1), 2, 3, color=color)))
        )

    assert "1 shape, x 0 to 2, y 1 to 4, shades 0" in words(0, "black")
    assert "1 shape, x 5 to 7, y 1 to 4, shades 0.9" in words(5, "0.9")


def test_of_many_lines_the_means_and_the_reach_are_told():
    def draw(ax):
        for height in range(20):
            ax.plot([1.0, 1.0 + height], [height, height])

    words = describe(figure_of(draw))
    assert "20 lines, their means, x at y: 1 at 0, 1.5±0.5 at 1, 2±1 at 2" in words


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_has_the_same_words_each_time(name):
    figure = DRAWINGS[name]()
    assert describe(figure) == describe(figure) == repr(figure)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_broken_series_changes_the_words(name):
    """Turns round what is drawn, one artist at a time."""
    figure = DRAWINGS[name]()
    words = describe(figure)
    turned = 0
    for ax in figure.axes:
        for line in ax.lines:
            y = line.get_ydata()
            if len(set(y)) > 1 and line.get_transform() == ax.transData:
                line.set_ydata(np.roll(y, 1))
                assert describe(figure) != words
                line.set_ydata(y)
                turned += 1
        for image in ax.images:
            values = image.get_array()
            image.set_data(values + 0.1)
            assert describe(figure) != words
            image.set_data(values)
            turned += 1
        for bars in ax.containers:
            for bar in bars:
                get, set_ = (
                    (bar.get_width, bar.set_width)
                    if bars.orientation == "horizontal"
                    else (bar.get_height, bar.set_height)
                )
                size = get()
                set_(1.5 * size + abs(sum(bars.datavalues)))
                assert describe(figure) != words
                set_(size)
                turned += 1
        for points in ax.collections:
            places = points.get_offsets()
            if isinstance(points, PathCollection):
                points.set_offsets(1.1 * places + 1)
                assert describe(figure) != words
                points.set_offsets(places)
                turned += 1
        if ax.get_title():
            title = ax.get_title()
            ax.set_title(f"{title}, too")
            assert describe(figure) != words
            ax.set_title(title)
            turned += 1
    assert describe(figure) == words
    assert turned


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
