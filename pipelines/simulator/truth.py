"""What the simulator knows and a lake must find out: rows for a file, and a bounded summary."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

CALIBRATION_BINS = 10


class TruthRow(msgspec.Struct, frozen=True, tag_field="kind"):
    """Base of the rows; `kind` names them in JSON. Times are UTC microseconds."""


class Touch(msgspec.Struct, frozen=True):
    """One landing in the shop: where it came from, when, and the event that says so."""

    source: str
    medium: str
    occurred_at: int
    event_id: str


class CheckoutTruth(TruthRow, frozen=True, tag="checkout"):
    """One row per checkout_start: the exact probability that its order will be paid.

    `purchase_probability` is conditional on everything a lake could have seen by then: the events
    of this visitor, and once signed in those of every browser of the user, and the first level.
    `will_buy` is what the shopper then does, if the shop stays open long enough.
    """

    event_id: str
    occurred_at: int
    visitor_id: str
    user_id: str | None
    session_id: str
    purchase_probability: float
    will_buy: bool


class OrderTruth(TruthRow, frozen=True, tag="order"):
    """One row per order, when placed: its touches within the look-back, oldest first.

    `touches` are those of the visitor, `user_touches` those of every browser known by then to be
    the user's. `first_source` and `user_first_source` are the sources of the oldest of each.
    `total_agrees` is false where the shop sent a wrong total on purpose.
    """

    order_id: str
    occurred_at: int
    visitor_id: str
    user_id: str | None
    session_id: str
    look_back_seconds: float
    touches: tuple[Touch, ...]
    user_touches: tuple[Touch, ...]
    total_minor: int
    total_agrees: bool

    @property
    def first_source(self) -> str:
        """Source of the visitor's first touch within the look-back."""
        return self.touches[0].source if self.touches else "direct"

    @property
    def user_first_source(self) -> str:
        """Source of the user's first touch within the look-back."""
        return self.user_touches[0].source if self.user_touches else "direct"


class ImpressionTruth(TruthRow, frozen=True, tag="impression"):
    """One row per offer shown: the exact probability of its click, and whether it comes."""

    event_id: str
    occurred_at: int
    visitor_id: str
    offer_id: str
    click_probability: float
    propensity: float
    will_click: bool


class RecordTruth(TruthRow, frozen=True, tag="record"):
    """One row per record that is not simply a punctual first copy: what must become of it."""

    topic: str
    visitor_id: str
    event_id: str | None
    fate: str
    reason: str | None
    send_at: int


@dataclass
class TruthSummary:
    """Totals of the truth, in memory of fixed size."""

    orders_by_source: Counter[str] = field(default_factory=Counter)
    orders_by_state: Counter[str] = field(default_factory=Counter)
    revenue_minor_by_state: Counter[str] = field(default_factory=Counter)
    failures_by_reason: Counter[str] = field(default_factory=Counter)
    checkouts: list[int] = field(default_factory=lambda: [0] * CALIBRATION_BINS)
    expected_purchases: list[float] = field(default_factory=lambda: [0.0] * CALIBRATION_BINS)
    purchases: list[int] = field(default_factory=lambda: [0] * CALIBRATION_BINS)
    impressions: int = 0
    expected_clicks: float = 0.0
    clicks: int = 0
    visits: int = 0
    visitors: int = 0

    def add(self, row: TruthRow) -> None:
        """Count one row of truth."""
        match row:
            case CheckoutTruth(purchase_probability=probability, will_buy=buys):
                number = min(int(probability * CALIBRATION_BINS), CALIBRATION_BINS - 1)
                self.checkouts[number] += 1
                self.expected_purchases[number] += probability
                self.purchases[number] += buys
            case OrderTruth():
                self.orders_by_source[row.first_source] += 1
            case ImpressionTruth(click_probability=probability, will_click=clicks):
                self.impressions += 1
                self.expected_clicks += probability
                self.clicks += clicks
            case _:
                pass

    def move_order(self, total_minor: int, *, before: str | None, now: str) -> None:
        """Count an order of that total as being in the state `now` instead of `before`."""
        if before is not None:
            self.orders_by_state[before] -= 1
            self.revenue_minor_by_state[before] -= total_minor
        self.orders_by_state[now] += 1
        self.revenue_minor_by_state[now] += total_minor

    def as_data(self) -> dict[str, Any]:
        """The summary as JSON data; states and sources without orders are left out."""
        return {
            "visitors": self.visitors,
            "visits": self.visits,
            "orders_by_first_source": dict(self.orders_by_source.most_common()),
            "orders_by_state": {state: n for state, n in self.orders_by_state.items() if n},
            "revenue_minor_by_state": {state: n for state, n in self.revenue_minor_by_state.items() if n},
            "failures_by_reason": dict(self.failures_by_reason.most_common()),
            "calibration": [
                {
                    "checkouts": checkouts,
                    "expected_purchases": round(self.expected_purchases[number], 2),
                    "purchases": self.purchases[number],
                }
                for number, checkouts in enumerate(self.checkouts)
            ],
            "impressions": self.impressions,
            "expected_clicks": round(self.expected_clicks, 2),
            "clicks": self.clicks,
        }
