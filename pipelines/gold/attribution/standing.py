"""How an order stands after all its messages so far, in whatever order they came.

Messages count by (occurred_at, event_id), as in the view silver.order_versions; the amounts differ from
silver.orders_current in one thing: where an order's lines can be priced, the computed total counts, and
what the shop sent is kept beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from pipelines.gold.attribution.amounts import Amounts, Line, amounts_of, half_up

_Item = TypeVar("_Item")
_LATER_STATES = frozenset({"refunded", "cancelled"})


class Position(NamedTuple):
    """Where a record arrived, and when by the broker's clock (UTC microseconds)."""

    ingested_at: int
    topic: str
    partition: int
    offset: int


class Buyer(NamedTuple):
    """What the user's version of the moment says."""

    level: str | None = None
    gender: str | None = None
    country: str | None = None


NOBODY = Buyer()
"""A buyer of whom nothing is known."""


@dataclass(frozen=True)
class OrderMessage:
    """One message of an order, its lines priced and its buyer known as of `occurred_at` (UTC micros)."""

    order_id: str
    visitor_id: str
    event_id: str
    position: Position
    occurred_at: int
    user_id: str | None
    status: str
    failure_reason: str | None
    payment_method: str | None
    currency: str | None
    shipping_minor: int | None
    discount_bp: int | None
    sent_total_minor: int | None
    lines: tuple[Line, ...]
    buyer: Buyer = NOBODY

    @property
    def amounts(self) -> Amounts:
        """What its lines come to."""
        return amounts_of(
            self.lines,
            shipping_minor=self.shipping_minor,
            discount_bp=self.discount_bp,
            sent_total_minor=self.sent_total_minor,
        )

    @property
    def total_minor(self) -> int | None:
        """The computed total, or the sent one where a price is unknown."""
        computed = self.amounts.total_minor
        return self.sent_total_minor if computed is None else computed


class Earned(NamedTuple):
    """What an order brought in, and when it was made (UTC microseconds); money as in `Standing`."""

    order_id: str
    ordered_at: int
    is_paid: bool
    net_minor: int | None
    profit_minor: int | None
    currency: str | None


@dataclass(frozen=True)
class Standing:
    """One order. Times in UTC microseconds, money in minor units of `currency`, null when nobody said.

    `ordered_at` is the time of its first message that is no refund or cancellation. `is_paid`: it was
    paid, and not cancelled after; only then is anybody credited. `net_minor` is what was paid less what
    was given back, `profit_minor` the commission in the same proportion.
    """

    order_id: str
    visitor_id: str
    user_id: str | None
    ordered_at: int
    status: str
    is_paid: bool
    payment_method: str | None
    currency: str | None
    paid_minor: int | None
    refunded_minor: int | None
    net_minor: int | None
    profit_minor: int | None
    total_agrees: bool | None
    buyer: Buyer
    lines: tuple[Line, ...]
    versions: int
    first_ingested_at: int

    @property
    def earned(self) -> Earned:
        """What is there to be credited."""
        return Earned(
            self.order_id, self.ordered_at, self.is_paid, self.net_minor, self.profit_minor, self.currency
        )


def standing_of(messages: Iterable[OrderMessage]) -> Standing:
    """The order of the messages, of which there is one at least. One given twice counts once."""
    ordered = _versions(messages)
    said = [one for one in ordered if one.status not in _LATER_STATES]
    first = said[0] if said else ordered[0]
    paying = _paying(ordered, said)
    refunds = [one for one in ordered if one.status == "refunded"]
    was_paid = bool(refunds) or any(one.status == "paid" for one in ordered)
    called_off = _is_called_off(ordered)
    paid = (paying.total_minor if paying else None) if was_paid else 0
    refunded = _given_back(refunds, paying, paid)
    net = 0 if called_off else _less(paid, refunded)
    return Standing(
        order_id=first.order_id,
        visitor_id=ordered[0].visitor_id,
        user_id=next((one.user_id for one in ordered if one.user_id is not None), None),
        ordered_at=first.occurred_at,
        status=ordered[-1].status,
        is_paid=was_paid and not called_off,
        payment_method=_last([one.payment_method for one in said if one.payment_method is not None]),
        currency=_last([one.currency for one in said if one.currency is not None]),
        paid_minor=paid,
        refunded_minor=refunded,
        net_minor=net,
        profit_minor=_in_proportion(paying, paid=paid, net=net),
        total_agrees=paying.amounts.agrees if paying else None,
        buyer=first.buyer,
        lines=said[-1].lines if said else (),
        versions=len(ordered),
        first_ingested_at=min(one.position.ingested_at for one in ordered),
    )


def _versions(messages: Iterable[OrderMessage]) -> list[OrderMessage]:
    """The messages by time; of one that came more than once, the first that arrived."""
    firsts: dict[tuple[str, str], OrderMessage] = {}
    for one in sorted(messages, key=lambda one: one.position):
        firsts.setdefault((one.visitor_id, one.event_id), one)
    return sorted(firsts.values(), key=lambda one: (one.occurred_at, one.event_id, one.position))


def _last(some: Sequence[_Item]) -> _Item | None:
    return some[-1] if some else None


def _paying(ordered: Sequence[OrderMessage], said: Sequence[OrderMessage]) -> OrderMessage | None:
    """The message that says what was paid: the last payment with a total, else the last message with one."""
    payments = [one for one in ordered if one.status == "paid"]
    telling = [[one for one in some if one.total_minor is not None] for some in (payments, said)]
    return _last(telling[0]) or _last(telling[1]) or _last(payments) or _last(said)


def _is_called_off(ordered: Sequence[OrderMessage]) -> bool:
    """Whether it was cancelled and not paid again after that."""
    last = _last([one.status for one in ordered if one.status in ("paid", "cancelled")])
    return last == "cancelled"


def _given_back(refunds: Sequence[OrderMessage], paying: OrderMessage | None, paid: int | None) -> int | None:
    """What refunds gave back in all: each its own total; one without, or with the payment's, all."""
    amount = 0
    for one in refunds:
        sent = one.sent_total_minor
        if sent is None or (paying is not None and sent == paying.sent_total_minor):
            return paid
        amount += sent
    return amount


def _less(paid: int | None, refunded: int | None) -> int | None:
    return None if paid is None or refunded is None else paid - refunded


def _in_proportion(paying: OrderMessage | None, *, paid: int | None, net: int | None) -> int | None:
    if net == 0 or paid == 0:
        return 0
    profit = paying.amounts.profit_minor if paying else None
    return None if profit is None or net is None or paid is None else half_up(profit * net, paid)
