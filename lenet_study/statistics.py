"""Statistics over several runs: means with intervals, differences, crossings."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from lenet_keras.checks import expect


class Interval(NamedTuple):
    """A mean with its confidence interval. As text it is `mean ± half its width`.

    Attributes:
        mean: Mean of the values.
        low: Lower end of the interval.
        high: Upper end.

    Example:

    >>> f"{Interval(0.5, 0.25, 0.75):+}"
    '+0.50 ± 0.25'
    """

    mean: float
    low: float
    high: float

    @property
    def is_difference(self):
        """Whether the interval excludes 0."""
        return not self.low <= 0 <= self.high

    def __format__(self, sign=""):
        half_width = (self.high - self.low) / 2
        return f"{self.mean:{sign}.2f} ± {half_width:.2f}"

    __str__ = __format__


def mean_interval(values):
    """Returns the mean of values and its 95 % interval by Student's distribution.

    The interval is `mean ± t * s / sqrt(n)`. `s` is the standard deviation with
    `n - 1`, and `t` is the quantile of Student's distribution with `n - 1` degrees of
    freedom. It covers other seeds, but not other test images.

    Args:
        values: At least two numbers.

    Returns:
        `Interval`.

    Example:

    >>> print(mean_interval([1.0, 2.0, 3.0]))
    2.00 ± 2.48

    Raises:
        ValueError: If there are fewer than two values, or one is not finite.
    """
    values = np.asarray(values, dtype="float64")
    fits = values.ndim == 1 and len(values) > 1 and np.isfinite(values).all()
    expect(fits, "at least two finite values", values=values.tolist())
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    mean = float(values.mean())
    return Interval(mean, float(mean - half), float(mean + half))


def paired_difference(before, after):
    """Returns the mean of the differences between runs of the same seeds.

    Args:
        before: `pandas.Series` of results, indexed by seed.
        after: `pandas.Series` of the other recipe's results, with the same seeds.

    Returns:
        `Interval` of `after - before`, by the paired t-test.

    Example:

    >>> import pandas as pd
    >>> before = pd.Series([1.0, 3.0, 2.0], index=[0, 1, 2])
    >>> after = pd.Series([2.2, 4.1, 2.9], index=[0, 1, 2])
    >>> difference = paired_difference(before, after)
    >>> round(difference.mean, 2), difference.is_difference
    (1.07, True)

    Raises:
        ValueError: If the seeds differ or repeat, or there are fewer than two.
    """
    seeds = [sorted(values.index) for values in (before, after)]
    fits = seeds[0] == seeds[1] and not before.index.has_duplicates
    expect(fits, "the same seeds in both, each once", seeds=seeds)
    return mean_interval((after - before).to_numpy())


def crossing(values, level):
    """Returns the index at which values first fall to a level.

    Args:
        values: `pandas.Series` of numbers, indexed by numbers.
        level: Number.

    Returns:
        The index of the crossing, by linear interpolation between the two values around
        the level. It is the first index if the first value is not above the level, and
        NaN if no value falls to the level.

    Example:

    >>> import pandas as pd
    >>> crossing(pd.Series([60.0, 40.0, 30.0], index=[1, 2, 3]), 45.0)
    1.75
    """
    where, values = values.index.to_numpy(), values.to_numpy()
    reached = np.flatnonzero(values <= level)
    if len(reached) == 0:
        return float("nan")
    around = slice(max(reached[0] - 1, 0), reached[0] + 1)
    return float(np.interp(-level, -values[around], where[around]))
