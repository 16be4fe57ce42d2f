"""Small shops in which much meets and contradicts itself: silver rows as they arrive, cut into batches."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from pipelines.gold.attribution.touches import MICROS
from pipelines.runtime.attribution.book import Taken

LOOK_BACK_SECONDS = 60
START = 1_772_359_200 * MICROS
"""10:00 of a Sunday, in UTC microseconds."""
SOURCES = ("google", "facebook", "direct", "newsletter")
Row = dict[str, Any]
_TOPICS = {
    "silver.events": "clicks",
    "silver.orders": "orders",
    "silver.users": "users",
    "silver.products": "products",
}
_LATER = ("refunded", "cancelled")
_WHERE = ("topic", "partition", "offset", "ingested_at")


class Record(NamedTuple):
    """The silver rows of one record, and the batch that it came in."""

    table: str
    rows: tuple[Row, ...]
    batch: int


_seconds = st.integers(0, 7).map(lambda n: 20 * n)
_money = st.sampled_from([None, 0, 99, 1001])


@st.composite
def _touches(draw: st.DrawFn) -> tuple[str, list[Row]]:
    row = {
        "visitor_id": draw(st.sampled_from(["v1", "v2"])),
        "event_id": f"e{draw(st.integers(1, 6))}",
        "occurred_at": START + draw(_seconds) * MICROS,
        "traffic_source": draw(st.sampled_from([*SOURCES, None])),
        "traffic_medium": draw(st.sampled_from([None, "cpc"])),
        "traffic_campaign": None,
    }
    return "silver.events", [row]


@st.composite
def _orders(draw: st.DrawFn) -> tuple[str, list[Row]]:
    number = draw(st.integers(1, 3))
    head = {
        "order_id": f"o{number}",
        "event_id": f"m{draw(st.integers(1, 9))}",
        "visitor_id": "v1" if number < 3 else draw(st.sampled_from(["v1", "v2"])),
        "user_id": draw(st.sampled_from([None, "u1", "u1"])),
        "occurred_at": START + draw(_seconds) * MICROS,
        "status": draw(
            st.sampled_from(["placed", "paid", "paid", "payment_failed", "refunded", "cancelled"])
        ),
        "failure_reason": draw(st.sampled_from([None, "no_money"])),
        "payment_method": draw(st.sampled_from([None, "card"])),
        "currency": draw(st.sampled_from([None, "EUR", "USD"])),
        "shipping_minor": draw(_money),
        "discount_bp": draw(st.sampled_from([None, 0, 1500, 10_000])),
        "total_minor": draw(_money),
    }
    return "silver.orders", [
        {**head, "line_number": n + 1, **line}
        for n, line in enumerate(draw(st.lists(_lines(), min_size=1, max_size=2)))
    ]


@st.composite
def _lines(draw: st.DrawFn) -> Row:
    return {
        "product_id": draw(st.sampled_from(["p1", "p1", "p2"])),
        "quantity": draw(st.integers(1, 3)),
        "unit_price_minor": draw(st.sampled_from([None, 333, 1000])),
        "category": draw(st.sampled_from([None, "shoes"])),
    }


@st.composite
def _versions(draw: st.DrawFn) -> tuple[str, list[Row]]:
    since = {"valid_from": START + draw(_seconds) * MICROS, "is_deleted": draw(st.integers(0, 4)) == 0}
    if draw(st.booleans()):
        said = {"level": draw(st.sampled_from([None, "GOLD"])), "gender": "f", "country": "DE"}
        return "silver.users", [{"user_id": "u1", **since, **said}]
    said = {
        "category": draw(st.sampled_from([None, "hats"])),
        "price_minor": draw(_money),
        "currency": draw(st.sampled_from([None, "EUR"])),
        "commission_bp": draw(st.sampled_from([None, 725, 5000])),
    }
    return "silver.products", [{"product_id": "p1", **since, **said}]


@st.composite
def shops(draw: st.DrawFn) -> list[Record]:
    """Records in the order of their arrival, some of them copies of earlier ones, cut into batches."""
    kinds = st.one_of(_orders(), _orders(), _touches(), _touches(), _versions())
    drawn = draw(
        st.lists(
            st.tuples(kinds, st.integers(-10, 5), st.integers(0, 3), st.booleans()), min_size=1, max_size=24
        )
    )
    found: list[Record] = []
    batch = clock = 0
    for offset, (new, back, cut, pause) in enumerate(drawn):
        table, rows = found[-back][:2] if 0 < back <= len(found) else new
        batch, clock = batch + (cut == 0), clock + pause
        where = (_TOPICS[table], offset % 2, offset, START + clock)
        placed = [{**row, **dict(zip(_WHERE, where, strict=True))} for row in rows]
        found.append(Record(table, tuple(placed), batch))
    return found


def taken_by_batch(records: Sequence[Record]) -> Iterator[Taken]:
    """What each batch brings, each pair in the batch in which the later of the two comes."""
    for number in range(records[-1].batch + 1):
        so_far = [one for one in records if one.batch <= number]
        new = [one for one in so_far if one.batch == number]
        yield Taken(
            messages=[_message(one) for one in new if one.table == "silver.orders"],
            pairs=[
                _pair(order.rows[0], touch.rows[0])
                for order in so_far
                for touch in so_far
                if number in (order.batch, touch.batch) and _fit(order, touch)
            ],
            users=[one.rows[0] for one in new if one.table == "silver.users"],
            products=[one.rows[0] for one in new if one.table == "silver.products"],
        )


def _fit(order: Record, touch: Record) -> bool:
    if (order.table, touch.table) != ("silver.orders", "silver.events"):
        return False
    bought, clicked = order.rows[0], touch.rows[0]
    age = bought["occurred_at"] - clicked["occurred_at"]
    return (
        bought["status"] not in _LATER
        and clicked["traffic_source"] is not None
        and bought["visitor_id"] == clicked["visitor_id"]
        and 0 <= age <= LOOK_BACK_SECONDS * MICROS
    )


def _message(record: Record) -> Row:
    return {**record.rows[0], "lines": list(record.rows)}


def _pair(bought: Row, clicked: Row) -> Row:
    said = {name: clicked[f"traffic_{name}"] for name in ("source", "medium", "campaign")}
    return {**clicked, **said, "order_id": bought["order_id"]}
