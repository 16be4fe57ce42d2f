"""The interval of a hit rate: steps of one visitor count as one piece of evidence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.related.hit_rate import Rate, clustered

VISITORS = st.lists(
    st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=2, max_size=30
)


def sums(visitors):
    """What the job adds up of (steps, hits) of each visitor."""
    return {
        "visitors": len(visitors),
        "n": sum(n for n, _ in visitors),
        "nn": sum(n * n for n, _ in visitors),
        "hit": sum(hits for _, hits in visitors),
        "hit_squared": sum(hits * hits for _, hits in visitors),
        "hit_n": sum(hits * n for n, hits in visitors),
    }


@given(VISITORS)
def test_it_is_that_of_a_ratio_over_visitors(visitors):
    steps, number = sum(n for n, _ in visitors), len(visitors)
    rate = sum(hits for _, hits in visitors) / steps
    spread = sum((hits - rate * n) ** 2 for n, hits in visitors)
    half = 1.959964 * math.sqrt(number / (number - 1) * spread) / steps
    expected = (rate, max(0.0, rate - half), min(1.0, rate + half))
    found = clustered(sums(visitors), "hit")
    assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-6)


def test_steps_of_one_visitor_are_alike_so_the_interval_is_wider_than_that_of_as_many_visitors():
    many = clustered(sums([(1, 1)] * 50 + [(1, 0)] * 50), "hit")
    few = clustered(sums([(10, 10)] * 5 + [(10, 0)] * 5), "hit")
    assert many.value == few.value == 0.5
    assert few.high - few.low > 3 * (many.high - many.low)


def test_nothing_asked_is_no_rate_and_one_visitor_no_interval():
    assert clustered(sums([]), "hit") == Rate(None, None, None)
    assert clustered(sums([(4, 1)]), "hit") == Rate(0.25, None, None)
