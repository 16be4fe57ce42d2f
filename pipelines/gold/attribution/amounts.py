"""What an order costs and earns. Integer minor units; halves are rounded up (away from zero for refunds).

total = sum of price x quantity, less discount, plus shipping; profit = the goods' part of the total x
commission rate, line by line. Source: SYSTEMS, system 3, there for one line an order.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.contracts.fields import MAX_MONEY_MINOR

WHOLE_BP = 10_000
SENT_LINE = ("line_number", "product_id", "quantity", "unit_price_minor", "category")
"""What an order itself says of a line: columns of silver.orders."""


class Line(NamedTuple):
    """One line of an order; price in minor units, commission in 1/100 of a percent; null: unknown."""

    line_number: int
    product_id: str
    quantity: int
    unit_price_minor: int | None
    category: str | None
    commission_bp: int | None

    @property
    def goods_minor(self) -> int | None:
        """Price x quantity, before discount; null as well beyond what the contract takes for money."""
        return None if self.unit_price_minor is None else _known(self.unit_price_minor * self.quantity)


class Amounts(NamedTuple):
    """Null: a price, or for the profit a commission rate, is unknown, or the goods are beyond belief.

    `agrees` says whether the total that was sent is the computed one; null when either is missing.
    """

    goods_minor: int | None
    total_minor: int | None
    profit_minor: int | None
    agrees: bool | None


def amounts_of(
    lines: Sequence[Line],
    *,
    shipping_minor: int | None,
    discount_bp: int | None,
    sent_total_minor: int | None,
) -> Amounts:
    """What the lines come to. No shipping or discount sent counts as none."""
    kept_bp = WHOLE_BP - (discount_bp or 0)
    goods = [line.goods_minor for line in lines]
    goods_minor = _known(sum(amount for amount in goods if amount is not None))
    if goods_minor is None or None in goods:
        return Amounts(None, None, None, None)
    total = half_up(goods_minor * kept_bp, WHOLE_BP) + (shipping_minor or 0)
    agrees = None if sent_total_minor is None else sent_total_minor == total
    return Amounts(goods_minor, total, _profit(lines, kept_bp), agrees)


def _known(amount: int) -> int | None:
    """The amount, if it is one that a message could name: sums of these fit into tables."""
    return amount if amount <= MAX_MONEY_MINOR else None


def _profit(lines: Sequence[Line], kept_bp: int) -> int | None:
    earned = 0
    for line in lines:
        if line.goods_minor is None or line.commission_bp is None:
            return None
        earned += line.goods_minor * line.commission_bp
    return half_up(earned * kept_bp, WHOLE_BP * WHOLE_BP)


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, halves away from zero. `denominator` is positive."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude
