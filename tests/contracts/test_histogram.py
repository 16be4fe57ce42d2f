"""Laws of the histogram: how far a percentile may be off, and that merging is adding."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.histogram import BOUNDS_MS, LONGEST_MS, Histogram, percentile

durations = st.lists(st.integers(0, LONGEST_MS), min_size=1, max_size=200)
shares = st.floats(0, 1)


def histogram_of(values: list[int]) -> Histogram:
    return Histogram.of((value, 1) for value in values)


def test_bounds_grow_by_at_most_four_percent_or_one_millisecond():
    assert all(low < high <= max(low + 1, low * 1.04) for low, high in pairwise(BOUNDS_MS))


@given(values=durations, share=shares)
def test_a_percentile_is_never_below_the_true_one_and_little_above(values, share):
    rank = max(1, math.ceil(len(values) * share - 1e-9))
    true = sorted(values)[rank - 1]
    found = percentile(histogram_of(values), share)
    assert true <= found <= max(true + 1, true * 1.04)


@given(one=durations, two=durations)
def test_merging_is_the_histogram_of_both(one, two):
    assert histogram_of(one).merge(histogram_of(two)) == histogram_of(one + two)


@given(one=durations, two=durations, three=durations)
def test_merging_takes_any_order(one, two, three):
    a, b, c = histogram_of(one), histogram_of(two), histogram_of(three)
    assert a.merge(b).merge(c) == c.merge(a.merge(b)) == b.merge(c).merge(a)


@given(values=durations)
def test_count_and_mean_are_exact(values):
    histogram = histogram_of(values)
    assert histogram.count == len(values)
    assert histogram.mean == pytest.approx(sum(values) / len(values))


def test_a_pair_counts_as_often_as_it_says():
    assert Histogram.of([(30, 3), (7, 0)]) == Histogram({30: 3}, 90)


def test_nothing_has_no_percentile_and_no_mean():
    empty = Histogram.of([])
    assert percentile(empty, 0.5) is None
    assert empty.mean is None


def test_what_lies_outside_counts_in_the_outermost_buckets():
    assert Histogram.of([(-5, 1), (LONGEST_MS * 2, 1)]).counts == {0: 1, BOUNDS_MS[-1]: 1}


def test_a_share_is_between_nought_and_one():
    with pytest.raises(ValueError, match=r"0\.\.1"):
        percentile(Histogram({1: 1}, 1), 95)
