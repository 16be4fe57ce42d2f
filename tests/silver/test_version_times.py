"""When versions held, for whom: every moment and every knowledge against a search through all of them."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pipelines.silver.version_times import Held, times_held

moments = st.integers(0, 6)


def holding(held, at, known):
    return [
        one.number
        for one in held
        if one.valid_from <= at
        and (one.valid_to is None or at < one.valid_to)
        and one.known_from <= known
        and (one.known_to is None or known < one.known_to)
    ]


@given(st.lists(st.tuples(moments, moments), max_size=9))
def test_the_last_version_that_has_begun_and_is_known_holds_and_no_other(versions):
    versions.sort(key=lambda version: version[0])
    held = times_held(versions)
    for at, known in product(range(-1, 8), repeat=2):
        seen = [n for n, (since, there) in enumerate(versions) if since <= at and there <= known]
        assert holding(held, at, known) == seen[-1:]
    assert len(held) <= 2 * len(versions)


def test_versions_that_come_in_order_hold_twice_but_the_last():
    assert times_held([(10, 11), (20, 21)]) == [
        Held(0, 10, 20, 11, None),
        Held(0, 20, None, 11, 21),
        Held(1, 20, None, 21, None),
    ]


def test_a_long_history_is_split_in_one_pass():
    for known in (range(200_000), range(200_000, 0, -1)):
        assert len(times_held(list(zip(range(200_000), known, strict=True)))) < 400_000
