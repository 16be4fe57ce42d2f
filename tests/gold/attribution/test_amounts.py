"""What an order comes to, by hand: halves, discounts, what nobody said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.attribution.amounts import Amounts, Line, amounts_of, half_up


def line(price, quantity=1, commission_bp=1000):
    return Line(1, "p1", quantity, price, None, commission_bp)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (5, 10, 1),
        (-5, 10, -1),
        (4, 10, 0),
        (-4, 10, 0),
        (15, 10, 2),
        (25, 10, 3),
        (0, 7, 0),
        (7, 7, 1),
        (1, 3, 0),
    ],
)
def test_halves_are_rounded_away_from_zero(numerator, denominator, rounded):
    assert half_up(numerator, denominator) == rounded


@given(numerator=st.integers(-(10**30), 10**30), denominator=st.integers(1, 10**10))
def test_rounding_is_off_by_a_half_at_most_and_the_same_for_both_signs(numerator, denominator):
    rounded = half_up(numerator, denominator)
    assert abs(rounded * denominator - numerator) * 2 <= denominator
    assert half_up(-numerator, denominator) == -rounded


@pytest.mark.parametrize(
    ("lines", "shipping", "discount", "sent", "amounts"),
    [
        ([line(1000, 2)], None, None, None, Amounts(2000, 2000, 200, None)),
        ([line(1000), line(500, 3)], 490, 1000, 2740, Amounts(2500, 2740, 225, True)),
        ([line(1000)], 490, 0, 1000, Amounts(1000, 1490, 100, False)),
        ([line(1)], 0, 5000, 1, Amounts(1, 1, 0, True)),
        ([line(333)], 0, 1500, 283, Amounts(333, 283, 28, True)),
        ([line(1000)], 490, 10_000, 490, Amounts(1000, 490, 0, True)),
        ([line(5, commission_bp=1000)], None, None, None, Amounts(5, 5, 1, None)),
        (
            [line(5, commission_bp=1000), line(5, commission_bp=1000)],
            None,
            None,
            None,
            Amounts(10, 10, 1, None),
        ),
        ([line(0)], None, None, 0, Amounts(0, 0, 0, True)),
    ],
)
def test_totals_and_profits_by_hand(lines, shipping, discount, sent, amounts):
    assert amounts_of(lines, shipping_minor=shipping, discount_bp=discount, sent_total_minor=sent) == amounts


def test_an_unknown_price_leaves_all_unknown():
    lines = [line(1000), line(None)]
    found = amounts_of(lines, shipping_minor=490, discount_bp=None, sent_total_minor=1490)
    assert found == Amounts(None, None, None, None)


def test_an_unknown_commission_leaves_the_profit_unknown():
    lines = [line(1000), line(1000, commission_bp=None)]
    found = amounts_of(lines, shipping_minor=None, discount_bp=None, sent_total_minor=2000)
    assert found == Amounts(2000, 2000, None, True)


def test_a_line_worth_more_than_the_contract_knows_is_unknown():
    """Else one absurd order could not be stored, and would stop the stream."""
    found = amounts_of([line(10**15, 2)], shipping_minor=None, discount_bp=None, sent_total_minor=5)
    assert found == Amounts(None, None, None, None)
    assert line(10**15, 2).goods_minor is None
    assert line(10**15).goods_minor == 10**15


def test_lines_that_sum_to_more_than_the_contract_knows_are_unknown():
    lines = [line(10**15), line(1)]
    found = amounts_of(lines, shipping_minor=None, discount_bp=None, sent_total_minor=5)
    assert found == Amounts(None, None, None, None)
