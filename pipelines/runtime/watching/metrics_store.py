"""Writes what queries report into the schema `ops`. Each function is done twice with the same result."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeVar

import msgspec
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.contracts.histogram import Histogram
from pipelines.runtime.watching.reports import BatchReport, DeadLetterExample, QueryState

_Item = TypeVar("_Item")
KEPT_PER_GROUP = 20
KEPT_DAYS = 7
_TRIM_EVERY = 500
_LONGEST_TEXT = 400
_DEAD_LETTER_COLUMNS = (
    'topic, partition, "offset", ingested_at, stage, reason, field, detail, value_preview, value_bytes'
)
_STATE_COLUMNS = [column.name for column in fields(QueryState)]
_ROW_COLUMNS = 'table_name, topic, partition, "offset", line_number, ingested_at, "row"'


def write_beat(cursor: Cursor, query: str, beat_at: float) -> None:
    """Note that the query was alive at `beat_at`, epoch seconds."""
    cursor.execute(
        """insert into ops.heartbeats (query, beat_at) values (%s, to_timestamp(%s))
        on conflict (query) do update set beat_at = greatest(heartbeats.beat_at, excluded.beat_at)""",
        (query, beat_at),
    )


def write_state(cursor: Cursor, told: QueryState) -> None:
    """Note how a query stands, unless something newer is known."""
    values = {**asdict(told), "last_error": _first_line(told.last_error)}
    news = ", ".join(f"{column} = excluded.{column}" for column in _STATE_COLUMNS)
    cursor.execute(
        f"""insert into ops.queries ({", ".join(_STATE_COLUMNS)})
        values ({", ".join(f"%({column})s" for column in _STATE_COLUMNS)})
        on conflict (query) do update set {news}
        where excluded.seen_at >= queries.seen_at""",  # noqa: S608 - constants
        values,
    )


def _first_line(text: str | None) -> str | None:
    lines = [line.strip() for line in _storable(text or "").splitlines() if line.strip()]
    return lines[0][:_LONGEST_TEXT] if lines else None


def write_report(cursor: Cursor, report: BatchReport) -> None:
    """Write one batch: its row, the totals, the newest rows and dead letters. One transaction."""
    write_beat(cursor, report.query, report.committed_at.timestamp())
    before = _batch_before(cursor, report)
    _write_batch(cursor, report)
    _add_to_totals(cursor, "rows", report.rows, before[0])
    _add_to_totals(cursor, "rejects", report.rejects, before[1])
    _write_latest_rows(cursor, report.latest)
    _write_dead_letters(cursor, report.dead_letters)
    if report.batch_id % _TRIM_EVERY == 0:
        _forget_old_batches(cursor, report.query)


def _batch_before(cursor: Cursor, report: BatchReport) -> tuple[dict[str, int], dict[str, int]]:
    cursor.execute(
        "select rows, rejects from ops.batches where query = %s and batch_id = %s for update",
        (report.query, report.batch_id),
    )
    found = cursor.fetchone()
    return (found[0], found[1]) if found else ({}, {})


def _write_batch(cursor: Cursor, report: BatchReport) -> None:
    ages = Histogram.of(report.ages_ms)
    cursor.execute(
        """insert into ops.batches
            (query, batch_id, committed_at, duration_ms, rows, rejects, ages, age_total_ms)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (query, batch_id) do update set
            committed_at = excluded.committed_at, duration_ms = excluded.duration_ms,
            rows = excluded.rows, rejects = excluded.rejects,
            ages = excluded.ages, age_total_ms = excluded.age_total_ms""",
        (
            report.query,
            report.batch_id,
            report.committed_at,
            report.duration_ms,
            Json(dict(report.rows)),
            Json(dict(report.rejects)),
            Json(dict(ages.counts)),
            ages.total_ms,
        ),
    )


def _add_to_totals(cursor: Cursor, kind: str, now: Mapping[str, int], before: Mapping[str, int]) -> None:
    # Sorted, so that two writers lock the rows in the same order.
    changes = [(kind, name, now.get(name, 0) - before.get(name, 0)) for name in sorted({*now, *before})]
    if changes:
        execute_values(
            cursor,
            """insert into ops.totals (kind, name, amount) values %s
            on conflict (kind, name) do update set amount = totals.amount + excluded.amount""",
            changes,
        )


def _write_latest_rows(cursor: Cursor, latest: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    newest = _newest(latest, group=lambda item: item[0], moment=lambda item: _moment(item[1]["ingested_at"]))
    if not newest:
        return
    execute_values(
        cursor,
        f"""insert into ops.latest_rows ({_ROW_COLUMNS}) values %s
        on conflict (table_name, topic, partition, "offset", line_number)
        do update set ingested_at = excluded.ingested_at, "row" = excluded."row" """,  # noqa: S608 - constants
        [_row_values(table, row) for table, row in newest],
    )
    cursor.execute(
        """delete from ops.latest_rows where ctid in (select ctid from (
            select ctid, row_number() over (partition by table_name
                order by ingested_at desc, topic, partition, "offset" desc, line_number desc) as place
            from ops.latest_rows where table_name = any(%s)) ranked where place > %s)""",
        (sorted({table for table, _ in newest}), KEPT_PER_GROUP),
    )


def _row_values(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    shown = Json({name: _shortened(value) for name, value in row.items()}, dumps=_json)
    position = (row["topic"], row["partition"], row["offset"], row.get("line_number") or 1)
    return (table, *position, _moment(row["ingested_at"]), shown)


def _write_dead_letters(cursor: Cursor, examples: Sequence[DeadLetterExample]) -> None:
    newest = _newest(examples, group=lambda item: item.reason, moment=lambda item: item.ingested_at)
    if not newest:
        return
    execute_values(
        cursor,
        f"""insert into ops.dead_letters_recent ({_DEAD_LETTER_COLUMNS}) values %s
        on conflict (topic, partition, "offset") do update set
            ingested_at = excluded.ingested_at, stage = excluded.stage, reason = excluded.reason,
            field = excluded.field, detail = excluded.detail,
            value_preview = excluded.value_preview, value_bytes = excluded.value_bytes""",  # noqa: S608 - constants
        [_dead_letter_values(example) for example in newest],
    )
    cursor.execute(
        """delete from ops.dead_letters_recent where ctid in (select ctid from (
            select ctid, row_number() over (partition by reason
                order by ingested_at desc, topic, partition, "offset" desc) as place
            from ops.dead_letters_recent where reason = any(%s)) ranked where place > %s)""",
        (sorted({example.reason for example in newest}), KEPT_PER_GROUP),
    )


def _dead_letter_values(example: DeadLetterExample) -> tuple[Any, ...]:
    texts = (example.stage, example.reason, example.field, example.detail, example.value_preview)
    position = (example.topic, example.partition, example.offset, example.ingested_at)
    return (*position, *(None if text is None else _storable(text) for text in texts), example.value_bytes)


def _forget_old_batches(cursor: Cursor, query: str) -> None:
    # The newest batch stays, however old: a restarted stream may report it once more.
    cursor.execute(
        """delete from ops.batches where query = %s and committed_at < now() - make_interval(days => %s)
        and batch_id < (select max(batch_id) from ops.batches where query = %s)""",
        (query, KEPT_DAYS, query),
    )


def _newest(
    items: Iterable[_Item], *, group: Callable[[_Item], str], moment: Callable[[_Item], datetime]
) -> list[_Item]:
    groups: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        groups[group(item)].append(item)
    kept = (sorted(members, key=moment)[-KEPT_PER_GROUP:] for members in groups.values())
    return list(chain.from_iterable(kept))


def _moment(value: Any) -> datetime:
    """A row's time: aware, naive UTC, or UTC microseconds as the parser gives them."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1_000_000, UTC)
    moment: datetime = value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shortened(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = _storable(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _storable(text: str) -> str:
    """The text without what Postgres cannot hold: NUL and halves of surrogate pairs."""
    return text.replace("\0", "\u2400").encode("utf-8", "replace").decode()


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
