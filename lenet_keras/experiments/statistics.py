"""What several runs say together: means with their intervals, and differences."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A mean and where it lies, at a level of confidence.

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
        """What stands behind the `±`."""
        return (self.high - self.low) / 2

    @property
    def is_difference(self):
        """Whether the interval leaves out 0."""
        return not self.low <= 0 <= self.high


def mean_interval(values):
    """Returns the mean of values and Student's 95 % interval about it.

    `mean ± t * s / sqrt(n)`, where `s` is the standard deviation with `n - 1` and `t`
    the quantile of Student's distribution with `n - 1` degrees of freedom. It says
    what other seeds would give, not what other test images would.

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
    mean, error = values.mean(), stats.sem(values)
    half = error * stats.t.ppf(0.975, len(values) - 1)
    return Interval(float(mean), float(mean - half), float(mean + half))


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


def passes_to_reach(errors, level):
    """Returns after how many passes a falling error first reaches a level.

    Args:
        errors: `pandas.Series` of errors, indexed by the pass from 1.
        level: Number, in the errors' unit.

    Returns:
        Number of passes, by a straight line between the two around it; 1 if the first
        pass reaches it, and NaN if none does.

    Example:

    >>> import pandas as pd
    >>> passes_to_reach(pd.Series([60.0, 40.0, 30.0], index=[1, 2, 3]), 45.0)
    1.75
    """
    reached = np.flatnonzero(errors.to_numpy() <= level)
    if len(reached) == 0:
        return float("nan")
    first = reached[0]
    if first == 0:
        return float(errors.index[0])
    before, after = errors.iloc[first - 1], errors.iloc[first]
    share = (before - level) / (before - after)
    return float(errors.index[first - 1] + share)
