"""Random visits in the order of their arrival: late, copied, across midnight, with and without ids."""

import random
from datetime import timedelta
from typing import Any

import pyarrow as pa

from tests.gold.marts.mart_rows import PAGE_TYPES, minute, silver
from tests.records import NOON
from tests.silver.lake_rows import Row

TYPES = ("page_view", "product_view", "add_to_cart", "checkout_start", "heartbeat", "ad_impression")
_STATES = ("placed", "paid", "paid", "payment_failed", "refunded", "cancelled")
_DAY = 1440


def arrivals(rng: random.Random, *, visitors: int) -> list[tuple[str, Row]]:
    """Events, messages of orders and links, each with its table, in the order in which they arrive."""
    found: list[tuple[str, Row]] = []
    for number in range(visitors):
        name = f"v{number}"
        moments = [
            rng.choice((0, 600, 700, 700, 20000)) + 15 * rng.randrange(8) for _ in range(rng.randint(1, 9))
        ]
        found += [("events", _event(rng, name, moment)) for moment in moments]
        found += [("orders", _message(rng, name, rng.choice(moments))) for _ in range(rng.randrange(3))]
        if rng.random() < 0.4:
            link = {"visitor_id": name, "user_id": f"u{rng.randrange(4)}", "occurred_at": minute(moments[0])}
            found.append(("links", link))
    found += [one for one in found if one[0] == "events" and rng.random() < 0.1]  # copies that come late
    rng.shuffle(found)
    return found


def _event(rng: random.Random, visitor: str, moment: int) -> Row:
    return {
        "event_id": f"{visitor}-{rng.randrange(10**9)}",
        "visitor_id": visitor,
        "event_type": rng.choice(TYPES),
        "occurred_at": minute(moment + rng.choice((0, 0, 1))),
        "session_id": rng.choice((None, None, "s", "t")),
        "user_id": rng.choice((None, None, "u1")),
        "page_type": rng.choice((None, *PAGE_TYPES)),
        "page_path": rng.choice((None, "/", "/p")),
        "traffic_source": rng.choice((None, None, "google", "mail")),
        "device_class": rng.choice((None, "mobile", "desktop")),
        "country": rng.choice((None, "DE", "FR")),
        "is_bot": rng.choice((None, False, False, visitor == "v0")),
    }


def _message(rng: random.Random, visitor: str, moment: int) -> Row:
    """A message of one of few orders, so that versions come apart and may name different visitors."""
    return {
        "event_id": f"m{rng.randrange(10**9)}",
        "order_id": f"o-{visitor if rng.random() < 0.8 else rng.randrange(3)}",
        "visitor_id": visitor,
        "status": rng.choice(_STATES),
        "occurred_at": minute(moment + rng.randrange(20)),
        "session_id": rng.choice((None, "s")),
        "currency": rng.choice(("EUR", "EUR", "USD")),
        "total_minor": rng.choice((None, 500, 1000)),
    }


def as_silver(arrived: list[tuple[str, Row]], *, first: int) -> dict[str, pa.Table]:
    """Silver's tables of these arrivals, of which the first is the `first` of the log: its offset."""
    rows: dict[str, list[Row]] = {"events": [], "orders": [], "links": []}
    for offset, (table, row) in enumerate(arrived, start=first):
        at = NOON + timedelta(days=30, seconds=offset)
        place: dict[str, Any] = {"topic": "clicks", "partition": 0, "offset": offset, "ingested_at": at}
        rows[table].append(row | place)
    return silver(**rows)
