"""What the lake holds of one order: silver rows, and the bronze records they were made from."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from pipelines.connectors.lake_reader import LakeReader
from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, POSITION_KEY
from pipelines.contracts.tables import POSITION_COLUMNS

Row = dict[str, Any]
Position = tuple[str, int, int]

_EVENTS, _ORDERS, _STANDING = "silver.events", "silver.orders", "silver.orders_current"
_LINE = ("line_number", "product_id", "quantity", "unit_price_minor", "currency")
_WANTED = pa.schema([(c.name, arrow_type(c.type)) for c in POSITION_COLUMNS if c.name in POSITION_KEY])
_MESSAGES = f"""
select topic, partition, "offset", ingested_at, order_id, event_id, visitor_id, user_id, session_id,
    occurred_at, status, failure_reason, currency, total_minor, shipping_minor, discount_bp,
    list({{{", ".join(f"'{name}': {name}" for name in _LINE)}}} order by line_number) as lines
from silver.orders
where order_id = ?
group by all
order by occurred_at, event_id, ingested_at, topic, partition, "offset"
"""  # noqa: S608 - declared names
_TOUCH = """
select e.topic, e.partition, e."offset", e.ingested_at, e.event_id, e.visitor_id, e.occurred_at,
    e.event_type, e.traffic_source, e.traffic_medium, e.traffic_campaign, e.traffic_rule, e.page_url
from silver.events as e
"""
_TOUCHES = f"""{_TOUCH}
where e.traffic_source is not null and list_contains(?, e.visitor_id) and e.occurred_at between ? and ?
order by e.occurred_at, e.event_id, e.ingested_at
"""
_TOUCHES_AT = f"""{_TOUCH}
semi join wanted as w on e.topic = w.topic and e.partition = w.partition and e."offset" = w."offset"
order by e.occurred_at, e.event_id, e.ingested_at
"""
_RECORDS = """
select b.topic, b.partition, b."offset", b.ingested_at, b.key, b.value, b.headers
from bronze.records as b
semi join wanted as w on b.topic = w.topic and b.partition = w.partition and b."offset" = w."offset"
"""
_REPEATS = """
select topic, partition, "offset", ingested_at, visitor_id, event_id, record_table, repeats_offset
from silver.duplicates
where list_contains(?, event_id) and list_contains(?, visitor_id)
order by ingested_at, topic, partition, "offset"
"""
# A cast of bytes to text leaves what is ASCII as it is, but for quotes. In JSON an id is a whole word.
_LETTERS = r"""
select topic, partition, "offset", ingested_at, stage, reason, field, detail, value
from silver.dead_letters
where len(list_filter(?, lambda id: case
    when value::varchar like '{%'
    then regexp_matches(value::varchar, '(\\x22|[:, ])' || regexp_escape(id) || '(\\x22|[},\] ])')
    else contains(value::varchar, id)
end)) > 0
order by ingested_at, topic, partition, "offset"
"""


class OrderInLake:
    """Asks the lake about one order. What a lake without the table would tell is empty."""

    def __init__(self, reader: LakeReader) -> None:
        self._reader = reader
        self._there = {*reader.tables, *reader.views}

    def standing(self, order_id: str) -> Row | None:
        """The order as silver.orders_current has it."""
        found = self._ask(_STANDING, "from silver.orders_current where order_id = ?", order_id)
        return found[0] if found else None

    def messages(self, order_id: str) -> list[Row]:
        """Every message of the order, copies too, each with its lines."""
        return self._ask(_ORDERS, _MESSAGES, order_id)

    def touches(self, visitors: Sequence[str], *, until: datetime, look_back: timedelta) -> list[Row]:
        """Events of these visitors that say where the visit came from, in the look-back before `until`."""
        return self._ask(_EVENTS, _TOUCHES, list(visitors), until - look_back, until)

    def touches_at(self, positions: Iterable[Position]) -> list[Row]:
        """The events made from the records at these positions."""
        self._want(positions)
        return self._ask(_EVENTS, _TOUCHES_AT)

    def records(self, positions: Iterable[Position]) -> dict[Position, Row]:
        """The bronze records at these positions, byte for byte."""
        self._want(positions)
        return {position_of(row): row for row in self._ask(BRONZE.name, _RECORDS)}

    def repeats(self, event_ids: Sequence[str], visitors: Sequence[str]) -> list[Row]:
        """Duplicates of these visitors' records of these ids."""
        return self._ask(DUPLICATES.name, _REPEATS, list(event_ids), list(visitors))

    def dead_letters(self, ids: Sequence[str]) -> list[Row]:
        """Dead letters whose bytes hold one of these ids."""
        return self._ask(DEAD_LETTERS.name, _LETTERS, list(ids))

    def _want(self, positions: Iterable[Position]) -> None:
        rows = [dict(zip(_WANTED.names, one, strict=True)) for one in sorted(set(positions))]
        self._reader.lend("wanted", pa.Table.from_pylist(rows, schema=_WANTED))

    def _ask(self, reads: str, statement: str, *parameters: Any) -> list[Row]:
        return self._reader.rows(statement, parameters) if reads in self._there else []


def position_of(row: Row) -> Position:
    """Where the row's record lies."""
    return row["topic"], row["partition"], row["offset"]
