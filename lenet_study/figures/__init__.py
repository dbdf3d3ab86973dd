"""Every figure of the notebooks and of the results, in one style.

Each function returns a `matplotlib.figure.Figure`. A notebook shows it as the last
expression of a cell, and `savefig` writes it to a file.
"""

# The public names of the rooms are those of the package.
# ruff: noqa: F403
from lenet_study.figures.images import *
from lenet_study.figures.networks import *
from lenet_study.figures.results import *
from lenet_study.figures.style import Animation as Animation
from lenet_study.figures.training import *

# What is defined in one of the rooms; not what a room imports, such as `style`.
__all__ = [
    name
    for name, thing in list(globals().items())
    if getattr(thing, "__module__", "").startswith(f"{__name__}.")
]
