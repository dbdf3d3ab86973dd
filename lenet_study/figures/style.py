"""The one style of all figures, and the helpers that their drawings share."""

import functools
import io
import math
from pathlib import Path

import matplotlib.figure
import matplotlib.pyplot as plt
from PIL import Image

from lenet_study.figures.words import describe

FILE = Path(__file__).with_name("style.mplstyle")
STYLE = matplotlib.rc_params_from_file(FILE, use_default_template=False)
BLUE, GREEN, PINK, GREY = STYLE["axes.prop_cycle"].by_key()["color"]
ORANGE, RED = "#d9722e", "#c0392b"
SHARPNESS = 2  # pixels of a notebook's picture for one on the page
NETWORK_COLORS = {"lenet5": BLUE, "lenet5_modern": ORANGE}

in_style = plt.rc_context(STYLE)  # a decorator: the function runs in the style


class Figure(matplotlib.figure.Figure):
    """A figure that keeps the style when a notebook shows it or `savefig` writes it.

    Its `repr` says what it shows. A notebook shows a picture of twice the resolution,
    whose alternative text is the `repr`.
    """

    draw = in_style(matplotlib.figure.Figure.draw)
    savefig = in_style(matplotlib.figure.Figure.savefig)

    def __repr__(self):
        return describe(self)

    def display(self, **kwargs):
        """Shows the figure in a notebook.

        Args:
            **kwargs: Additional arguments of `IPython.display.display`.
        """
        return display_picture(self.png(bbox_inches="tight"), repr(self), **kwargs)

    _ipython_display_ = display

    def png(self, **kwargs):
        """Returns the PNG that a notebook shows, as `io.BytesIO`.

        Args:
            **kwargs: Additional arguments of `savefig`.
        """
        png = io.BytesIO()
        self.savefig(png, dpi=SHARPNESS * self.dpi, **kwargs)
        return png


def display_picture(png, words, **kwargs):
    """Shows a picture in a notebook, with its words as the alternative text.

    Args:
        png: `io.BytesIO` of a PNG of twice the resolution.
        words: What it shows.
        **kwargs: Additional arguments of `IPython.display.display`.
    """
    from IPython.display import display

    width, height = (n // SHARPNESS for n in Image.open(png).size)
    metadata = {"width": width, "height": height, "alt": words}
    content = {"image/png": png.getvalue(), "text/plain": words}
    return display(content, metadata={"image/png": metadata}, raw=True, **kwargs)


class Animation:
    """Figures of one size, one after another. A stored notebook plays it.

    Args:
        figures: Sequence of figures. The last one is shown for longer.
    """

    def __init__(self, figures):
        self.figures = list(figures)

    def __repr__(self):
        first, *_, last = map(repr, self.figures)
        count = len(self.figures)
        return f"Animation of {count} figures\nthe first: {first}\nthe last: {last}"

    def display(self, **kwargs):
        """Shows the animation in a notebook; arguments as of `Figure.display`."""
        pictures = [Image.open(figure.png()) for figure in self.figures]
        few_colors = {"palette": Image.Palette.ADAPTIVE}
        first, *others = [picture.convert("P", **few_colors) for picture in pictures]
        times = [400] * len(others) + [2000]  # milliseconds
        png = io.BytesIO()
        more = {"save_all": True, "append_images": others, "duration": times}
        first.save(png, "PNG", loop=0, **more)
        return display_picture(png, repr(self), **kwargs)

    _ipython_display_ = display


def drawing(draw):
    """Makes a function that draws panels in the style return their closed figure."""

    @functools.wraps(draw)
    @in_style
    def styled(*args, **kwargs):
        draw(*args, **kwargs)
        figure = plt.gcf()
        plt.close(figure)
        return figure

    return styled


def panels(count, size, columns=None, margin=(0, 0), **kwargs):
    """Starts a figure and returns the axes of its panels, row by row.

    Args:
        count: Number of panels. The rest of the last row stays empty.
        size: Width and height of a panel.
        columns: Panels a row; by default all.
        margin: Width and height that the figure has in addition.
        **kwargs: Further arguments of `matplotlib.pyplot.subplots`.
    """
    columns = columns or count
    rows = math.ceil(count / columns)
    kwargs["figsize"] = columns * size[0] + margin[0], rows * size[1] + margin[1]
    kwargs |= {"squeeze": False, "FigureClass": Figure}
    _, axes = plt.subplots(rows, columns, **kwargs)
    for ax in axes.flat[count:]:
        ax.axis("off")
    return axes.flat[:count]


def panel(width, height, **settings):
    """Starts a figure of one panel with these settings, and returns its axes."""
    return panels(1, (width, height), subplot_kw=settings)[0]


def each_panel(contents, size, **kwargs):
    """Yields the axes of a panel with each key and value of a dictionary."""
    axes = panels(len(contents), size, **kwargs)
    for ax, (key, value) in zip(axes, contents.items(), strict=True):
        yield ax, key, value


def picture(ax, values, **kwargs):
    """Draws an array as a picture without ticks, frame and grid."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    return ax.imshow(values, **kwargs)


def bars(ax, values, one, color=BLUE, names=None):
    """Draws grey bars at 0, 1, ..., of which one has a color, and returns them."""
    drawn = ax.bar(range(len(values)), values, color="0.75")
    drawn[one].set_color(color)
    ax.set_xticks(range(len(values)), names)
    return drawn


def legend_below(figure, columns):
    """Draws one legend of all panels below them."""
    handles = [one for ax in figure.axes for one in ax.get_legend_handles_labels()[0]]
    handles = list({handle.get_label(): handle for handle in handles}.values())
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def rows(ax, labels):
    """Names the rows 0, 1, ... of a panel from the top down."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x")


def log_ticks(axis, ticks, **kwargs):
    """Makes an axis logarithmic, with ticks at the given numbers only."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_ticks(ticks, labels=ticks, **kwargs)
    axis.set_minor_locator(plt.NullLocator())
