"""How `clicklake trace order` shows what it found."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipelines.runtime.tracing.lake import Row, position_of
from pipelines.runtime.tracing.order import OrderTrace

_PREVIEW = 600
_WHOLE = 1_000_000


def plain(value: Any) -> Any:
    """The value for JSON: bytes as their text, or `hex:` and digits when they are none; times as ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return shown(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return int(value) if isinstance(value, Decimal) else value


def shown(content: bytes | None) -> str:
    """The bytes as text where they are printable UTF-8, else `hex:` and their digits."""
    if content is None:
        return "null"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"hex:{content.hex()}"
    return text if text.isprintable() else f"hex:{content.hex()}"


def lines_of(trace: OrderTrace) -> Iterator[str]:
    """The trace for people, from the dashboard's figure downwards."""
    yield f"Order {trace.order_id}"
    yield from _credit(trace)
    if trace.standing:
        yield f"\nsilver.orders_current: {_facts(trace.standing, skip=('order_id',))}"
    yield from _section("Messages, silver.orders", trace.messages, trace)
    yield from _section("Touches, silver.events", trace.touches, trace)
    yield from _section("Duplicates, silver.duplicates", trace.duplicates, trace)
    if trace.dead_letters:
        yield "\nDead letters, silver.dead_letters"
    for row in trace.dead_letters:
        yield f"  {_place(row)}: {_facts(row, skip=_POSITION)}"
        yield f"    {_cut(row['value'])}"


def _credit(trace: OrderTrace) -> Iterator[str]:
    if trace.credit is None:
        yield f"\nWithout Postgres: {trace.no_credit}"
        return
    if not trace.credit["orders"]:
        yield "\nPostgres has no row of it: it has not been attributed, or was removed after its time."
    for row in trace.credit["orders"]:
        yield f"\nPostgres, gold.orders: {_facts(row, skip=('order_id', 'lines'))}"
    for row in trace.credit["credits"]:
        share = f"{100 * row['share_micros'] / _WHOLE:.4g} %"
        look_back = f"{row['look_back_seconds']} s"
        money = f"{row['revenue_minor']} {row['currency'] or ''}".strip()
        final = "final" if row["is_final"] else "provisional"
        yield f"  {row['model']}, look-back {look_back}: {row['source']} {share}, {money} minor, {final}"
    for row in trace.credit["touchpoints"]:
        yield f"  touch {_place(row)}: {_facts(row, skip=_POSITION)}"


def _section(title: str, rows: list[Row], trace: OrderTrace) -> Iterator[str]:
    if rows:
        yield f"\n{title}"
    for row in rows:
        yield f"  {_place(row)}: {_facts(row, skip=(*_POSITION, 'order_id'))}"
        record = trace.records.get(position_of(row))
        if record is None:
            yield "    bronze has no such record: it is past its retention"
        else:
            size, moment = len(record["value"] or b""), record["ingested_at"].isoformat()
            yield f"    bronze, {size} bytes, broker's time {moment}: {_cut(record['value'])}"


_POSITION = ("topic", "partition", "offset", "ingested_at", "value")


def _place(row: Row) -> str:
    topic, partition, offset = position_of(row)
    return f"{topic}/{partition}@{offset}"


def _facts(row: Row, *, skip: tuple[str, ...]) -> str:
    said = ((name, plain(value)) for name, value in row.items() if name not in skip and value is not None)
    return ", ".join(f"{name} {value}" for name, value in said)


def _cut(content: bytes | None) -> str:
    text = shown(content)
    return text if len(text) <= _PREVIEW else f"{text[:_PREVIEW]}..."
