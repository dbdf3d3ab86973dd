"""Statistics over several runs: means with their intervals, differences, crossings."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A mean with its confidence interval.

    Attributes:
        mean: Mean of the values.
        low: Lower end of the interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def half_width(self):
        """The number after the `±`."""
        return (self.high - self.low) / 2

    @property
    def is_difference(self):
        """Whether the interval leaves out 0."""
        return not self.low <= 0 <= self.high

    def __str__(self):
        return f"{self.mean:.2f} ± {self.half_width:.2f}"


def mean_interval(values):
    """Returns the mean of values and its 95 % interval by Student's distribution.

    `mean ± t * s / sqrt(n)`, where `s` is the standard deviation with `n - 1` and `t`
    the quantile of Student's distribution with `n - 1` degrees of freedom. It says
    what other seeds would give, not what other test images would give.

    Args:
        values: At least two numbers.

    Returns:
        `Interval`.

    Example:

    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> round(interval.mean, 3), round(interval.half_width, 3)
    (2.0, 2.484)

    Raises:
        ValueError: If there are fewer than two values, or one is not finite.
    """
    values = np.asarray(values, dtype="float64")
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"Expected at least two finite values. Received: values={values}"
        )
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    mean = float(values.mean())
    return Interval(mean, float(mean - half), float(mean + half))


def paired_difference(before, after):
    """Returns the mean of the differences between runs of the same seeds.

    Args:
        before: `pandas.Series` of results, indexed by seed.
        after: The same of the other recipe, with the same seeds.

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
        ValueError: If the seeds are not the same, each once, or fewer than two.
    """
    seeds = [sorted(values.index) for values in (before, after)]
    if seeds[0] != seeds[1] or len(set(seeds[0])) < len(seeds[0]):
        raise ValueError(
            "Expected the same seeds in both, each once. "
            f"Received: seeds {seeds[0]} and {seeds[1]}"
        )
    return mean_interval((after - before).to_numpy())


def crossing(values, level):
    """Returns where values first fall to a level.

    Args:
        values: `pandas.Series` of numbers, indexed by numbers.
        level: Number.

    Returns:
        A number along the index, by a straight line between the two values around the
        level: the first of the index if its value is not above the level, NaN if none
        is that low.

    Example:

    >>> import pandas as pd
    >>> crossing(pd.Series([60.0, 40.0, 30.0], index=[1, 2, 3]), 45.0)
    1.75
    """
    where, values = values.index.to_numpy(), values.to_numpy()
    reached = np.flatnonzero(values <= level)
    if len(reached) == 0:
        return float("nan")
    last = reached[0]
    if last == 0:
        return float(where[0])
    share = (values[last - 1] - level) / (values[last - 1] - values[last])
    return float(where[last - 1] + share * (where[last] - where[last - 1]))
