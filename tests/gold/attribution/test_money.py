"""Amounts by source: exact sums, refunds that take back what a sale gave, return on spend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution.money import credits_in_money, roas

shares = st.dictionaries(st.text(max_size=3), st.integers(0, 1_000_000), min_size=1, max_size=8).filter(
    lambda parts: sum(parts.values()) > 0
)


@pytest.mark.parametrize(
    ("amount", "parts"),
    [
        (100, {"a": 34, "b": 33, "c": 33}),
        (-100, {"a": -34, "b": -33, "c": -33}),
        (2, {"a": 1, "b": 1, "c": 0}),
        (0, {"a": 0, "b": 0, "c": 0}),
    ],
)
def test_thirds_by_hand(amount, parts):
    assert credits_in_money({"c": 333_333, "b": 333_333, "a": 333_334}, amount) == parts


@given(shares=shares, amount=st.integers(-(10**15), 10**15))
def test_parts_sum_to_the_amount_and_are_next_to_their_quota(shares, amount):
    parts = credits_in_money(shares, amount)
    assert sum(parts.values()) == amount
    assert parts.keys() == shares.keys()
    whole = sum(shares.values())
    assert all(abs(parts[key] * whole - share * amount) < whole for key, share in shares.items())


@given(shares=shares, amount=st.integers(0, 10**15))
def test_a_refund_takes_back_what_the_sale_gave(shares, amount):
    back = credits_in_money(shares, -amount)
    assert {key: -part for key, part in back.items()} == credits_in_money(shares, amount)


@given(shares=shares, amount=st.integers(-(10**9), 10**9))
def test_the_order_of_the_shares_does_not_matter(shares, amount):
    assert credits_in_money(dict(reversed(shares.items())), amount) == credits_in_money(shares, amount)


@pytest.mark.parametrize("wrong", [{}, {"a": 0}, {"a": -1, "b": 2}])
def test_shares_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="weights"):
        credits_in_money(wrong, 5)


def test_return_on_spend():
    returned = roas({"google": 900, "direct": 50, "tiktok": 7}, {"google": 300, "bing": 20, "tiktok": 0})
    assert returned == {"bing": 0.0, "direct": None, "google": 3.0, "tiktok": None}
