import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lenet_study.statistics import crossing, mean_interval, paired_difference

# Student's t, 97.5 % quantile, by degrees of freedom, as printed in tables.
TABLE = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 29: 2.045}


@pytest.mark.parametrize("freedom", TABLE)
def test_the_interval_has_the_quantile_of_the_printed_table(freedom, rng):
    values = rng.normal(5, 2, freedom + 1)
    mean = sum(values) / len(values)
    deviation = (sum((v - mean) ** 2 for v in values) / freedom) ** 0.5
    interval = mean_interval(values)
    assert interval.mean == pytest.approx(mean)
    expected = TABLE[freedom] * deviation / len(values) ** 0.5
    assert (interval.high - interval.low) / 2 == pytest.approx(expected, rel=2e-4)
    assert (interval.low + interval.high) / 2 == pytest.approx(mean)


def test_the_interval_of_two_values_is_the_analytic_one():
    # With one degree of freedom Student's distribution is Cauchy's: t = tan(0.475 pi).
    interval = mean_interval([0.0, 2.0])
    assert (interval.high - interval.low) / 2 == pytest.approx(np.tan(0.475 * np.pi))


def test_the_paired_difference_is_scipys_paired_test(rng):
    seeds = [3, 0, 4, 1, 2]
    before = pd.Series(rng.normal(1, 0.3, 5), index=seeds)
    after = before + rng.normal(0.2, 0.05, 5)
    difference = paired_difference(before, after)
    test = stats.ttest_rel(after, before)
    low, high = test.confidence_interval(0.95)
    assert (difference.low, difference.high) == pytest.approx((low, high))
    assert difference.is_difference == (test.pvalue < 0.05)


def test_pairs_are_made_by_seed_not_by_place():
    before = pd.Series([1.0, 2.0, 3.0], index=[0, 1, 2])
    after = pd.Series([3.5, 2.5, 1.5], index=[2, 1, 0])
    difference = paired_difference(before, after)
    assert difference == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("values", "is_difference"),
    [([1.0, 1.1], True), ([-1.0, -1.1], True), ([-1.0, 1.1], False)],
)
def test_a_difference_is_one_whose_interval_leaves_out_zero(values, is_difference):
    assert mean_interval(values).is_difference == is_difference


def test_pairing_narrows_what_all_seeds_share():
    common = pd.Series([0.0, 5.0, -3.0, 2.0])
    small = pd.Series([0.09, 0.11, 0.1, 0.1])
    assert paired_difference(common, common + small).is_difference


@pytest.mark.parametrize("values", [[1.0], [], [1.0, np.nan], [[1.0, 2.0]]])
def test_too_few_values_are_refused(values, message):
    assert "at least two finite values" in message(mean_interval, values)


@pytest.mark.parametrize("seeds", [[0, 1, 3], [0, 1], [0, 1, 1]])
def test_other_seeds_are_refused(seeds, message):
    before = pd.Series([1.0, 2.0, 3.0])
    after = pd.Series(range(len(seeds)), index=seeds, dtype=float)
    assert "the same seeds" in message(paired_difference, before, after)


@pytest.mark.parametrize(
    ("level", "where"),
    [(70, 1), (60, 1), (50, 1.5), (40, 2), (34, 4.4), (28, 5), (27, float("nan"))],
)
def test_a_crossing_lies_on_the_line_between_two_values(level, where):
    errors = pd.Series([60, 40, 45, 38, 28], index=[1, 2, 3, 4, 5])
    assert crossing(errors, level) == pytest.approx(where, nan_ok=True)


def test_equal_values_have_no_interval():
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)
    assert not mean_interval([0.0, 0.0]).is_difference
    assert mean_interval([1.0, 1.0]).is_difference
