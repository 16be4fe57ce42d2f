"""One order from the figure on a dashboard down to the bytes that the producers sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.errors import LakeError, ServiceError, SettingsError
from pipelines.runtime.tracing.credit import credit_of
from pipelines.runtime.tracing.lake import OrderInLake, Position, Row, position_of

_LOOK_BACK = timedelta(minutes=10)
_SOME = 'some are: `clicklake sql "select order_id from silver.orders limit 5"`.'
_NOT_MADE = ("refunded", "cancelled")


@dataclass(frozen=True)
class OrderTrace:
    """All that is known of an order, from above.

    `credit` is Postgres' part by table, none when it is away, and `no_credit` why. `records` are bronze
    records by position, of messages, touches and duplicates.
    """

    order_id: str
    credit: Mapping[str, list[Row]] | None
    no_credit: str | None
    standing: Row | None
    messages: list[Row]
    touches: list[Row]
    records: Mapping[Position, Row]
    duplicates: list[Row]
    dead_letters: list[Row]

    def as_data(self) -> dict[str, Any]:
        """The trace as data for JSON; each silver row holds its bronze record as `record`."""
        held = {"messages": self.messages, "touches": self.touches, "duplicates": self.duplicates}
        return {
            "order_id": self.order_id,
            "postgres": self.credit,
            "postgres_away": self.no_credit,
            "standing": self.standing,
            **{
                name: [row | {"record": self.records.get(position_of(row))} for row in rows]
                for name, rows in held.items()
            },
            "dead_letters": self.dead_letters,
        }


def trace_order(order_id: str, names: Names, *, postgres: Callable[[], PostgresAddress]) -> OrderTrace:
    """Follow an order. Raises `SettingsError` when no table knows the id, `LakeError` without a lake."""
    if not order_id.strip():
        raise SettingsError(f"the order's id is empty; {_SOME}")
    reader = LakeReader(names)
    if not reader.tables:
        raise LakeError("the lake has no tables yet: run `clicklake demo`.")
    lake = OrderInLake(reader)
    try:
        credit, away = credit_of(order_id, postgres()), None
    except ServiceError as error:
        credit, away = None, str(error)
    messages = lake.messages(order_id)
    touches = _touches(lake, messages, credit or {})
    visitors = sorted({row["visitor_id"] for row in (*messages, *touches)})
    event_ids = sorted({row["event_id"] for row in (*messages, *touches)})
    duplicates = lake.repeats(event_ids, visitors)
    letters = lake.dead_letters([order_id, *event_ids])
    if not messages and not letters and not any((credit or {}).values()):
        raise SettingsError(_unknown(order_id, away))
    records = lake.records(position_of(row) for row in (*messages, *touches, *duplicates))
    return OrderTrace(
        order_id, credit, away, lake.standing(order_id), messages, touches, records, duplicates, letters
    )


def _touches(lake: OrderInLake, messages: list[Row], credit: Mapping[str, list[Row]]) -> list[Row]:
    """The touches that were credited; where Postgres knows nothing, those of the default look-back."""
    if credit.get("orders"):
        return lake.touches_at(position_of(row) for row in credit["touchpoints"])
    made = [row["occurred_at"] for row in messages if row["status"] not in _NOT_MADE]
    if not made:
        return []
    visitors = sorted({row["visitor_id"] for row in messages})
    return lake.touches(visitors, until=min(made), look_back=_LOOK_BACK)


def _unknown(order_id: str, away: str | None) -> str:
    asked = "the lake (Postgres is away)" if away else "Postgres or the lake"
    return f"there is no order `{order_id}` in {asked}; {_SOME}"
