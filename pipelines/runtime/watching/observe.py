"""What the streams did, read back from the schema `ops`: for the live page and `clicklake report`.

Every function takes an open connection and reads in the transaction the caller holds.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from pipelines.connectors.names import LAND_BRONZE
from pipelines.contracts.fields import REASONS
from pipelines.contracts.histogram import Histogram, percentile
from pipelines.runtime.watching.observe_queries import LAYERS, query_states
from pipelines.runtime.watching.reports import DeadLetterExample

_ALL_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_SETTLED = timedelta(seconds=5)


@dataclass(frozen=True)
class RateSeries:
    """Events per second by the broker's time. `start` is the first second's; null: not known yet."""

    start: datetime
    per_second: list[int | None]


@dataclass(frozen=True)
class Freshness:
    """Milliseconds from the broker's time until rows could be read; null where there were none."""

    count: int
    mean_ms: float | None
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None

    @classmethod
    def of(cls, histogram: Histogram) -> "Freshness":
        """The figures of a histogram."""
        p50, p95, p99 = (percentile(histogram, share) for share in (0.5, 0.95, 0.99))
        return cls(histogram.count, histogram.mean, p50, p95, p99)


@dataclass(frozen=True)
class FreshnessPoint:
    """Freshness in a few seconds of the past; null where nothing was committed."""

    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True)
class DeadLetters:
    """The rejects of one reason: how many, what it means, the newest examples first."""

    reason: str
    meaning: str
    count: int
    examples: list[DeadLetterExample]


@dataclass(frozen=True)
class LatestRow:
    """One of a table's newest rows, as JSON data."""

    ingested_at: datetime
    row: dict[str, Any]


def event_rate(connection: Connection, *, now: datetime, seconds: int = 180) -> RateSeries:
    """Events that reached the broker in each of the last `seconds`, from the ages of bronze's rows.

    A second is null until bronze has surely landed it.
    """
    start = (now - timedelta(seconds=seconds)).replace(microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            """select floor(extract(epoch from committed_at) - age::bigint / 1000.0)::bigint, sum(n::bigint)
            from ops.batches, jsonb_each_text(ages) as bucket(age, n)
            where query = %s and committed_at >= %s group by 1""",
            (LAND_BRONZE, start),
        )
        arrived = {int(second): int(count) for second, count in cursor}
    known_until = _known_until(connection, now)
    first = int(start.timestamp())
    per_second = [
        arrived.get(second, 0) if second < known_until else None for second in range(first, first + seconds)
    ]
    return RateSeries(start, per_second)


def _known_until(connection: Connection, now: datetime) -> float:
    """Epoch second below which every event has landed: the newest batch's start, or later when idle."""
    states = [state for state in query_states(connection, now=now) if state.query == LAND_BRONZE]
    if not states:
        return 0.0
    state = states[0]
    idle_until = min(state.alive_at or _ALL_TIME, now) - _SETTLED
    if state.committed_at is None or state.committed_at < idle_until:
        return idle_until.timestamp()
    return (state.committed_at - timedelta(milliseconds=state.duration_ms or 0)).timestamp()


def freshness(
    connection: Connection, *, since: datetime | None = None, until: datetime | None = None
) -> dict[str, Freshness]:
    """Layer -> freshness of the rows committed in `[since, until)`."""
    buckets: dict[str, dict[int, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        window = (list(LAYERS), since or _ALL_TIME, until or datetime.max.replace(tzinfo=UTC))
        cursor.execute(
            """select query, age::bigint, sum(n::bigint) from ops.batches, jsonb_each_text(ages) as b(age, n)
            where query = any(%s) and committed_at >= %s and committed_at < %s group by 1, 2""",
            window,
        )
        for query, age, count in cursor:
            buckets[query][int(age)] = int(count)
        cursor.execute(
            """select query, sum(age_total_ms) from ops.batches
            where query = any(%s) and committed_at >= %s and committed_at < %s group by 1""",
            window,
        )
        sums = {query: int(total) for query, total in cursor}
    return {
        layer: Freshness.of(Histogram(buckets[query], sums.get(query, 0))) for query, layer in LAYERS.items()
    }


def freshness_history(
    connection: Connection, *, now: datetime, seconds: int = 180, step: int = 5
) -> dict[str, list[FreshnessPoint]]:
    """Layer -> freshness in each `step` seconds of the last `seconds`, oldest first."""
    first = int(now.timestamp()) // step * step - seconds + step
    series: dict[str, list[dict[int, int]]] = {q: [{} for _ in range(seconds // step)] for q in LAYERS}
    with connection.cursor() as cursor:
        cursor.execute(
            """select query, floor((extract(epoch from committed_at) - %s) / %s)::int, age::bigint,
                sum(n::bigint)
            from ops.batches, jsonb_each_text(ages) as b(age, n)
            where query = any(%s) and committed_at >= to_timestamp(%s) group by 1, 2, 3""",
            (first, step, list(LAYERS), first),
        )
        for query, place, age, count in cursor:
            if place < seconds // step:
                series[query][place][int(age)] = int(count)
    return {layer: [_point(Histogram(counts)) for counts in series[query]] for query, layer in LAYERS.items()}


def _point(histogram: Histogram) -> FreshnessPoint:
    return FreshnessPoint(percentile(histogram, 0.5), percentile(histogram, 0.95))


def row_totals(connection: Connection, *, since: datetime | None = None) -> dict[str, int]:
    """Table -> rows added, since ever or since a time."""
    return _totals(connection, "rows", since)


def reject_totals(connection: Connection, *, since: datetime | None = None) -> dict[str, int]:
    """Reason -> records sent to the dead letters, since ever or since a time."""
    return _totals(connection, "rejects", since)


def _totals(connection: Connection, kind: str, since: datetime | None) -> dict[str, int]:
    with connection.cursor() as cursor:
        if since is None:
            cursor.execute("select name, amount from ops.totals where kind = %s order by name", (kind,))
        else:
            cursor.execute(
                """select name, sum(n::bigint) from ops.batches, jsonb_each_text(
                    case when %s = 'rows' then rows else rejects end) as given(name, n)
                where committed_at >= %s group by 1 order by 1""",
                (kind, since),
            )
        return {name: int(amount) for name, amount in cursor if amount}


def dead_letters(
    connection: Connection, *, since: datetime | None = None, examples: int = 20
) -> list[DeadLetters]:
    """Rejects by reason, the most frequent first, each with its newest examples."""
    found: Mapping[str, list[DeadLetterExample]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            """select topic, partition, "offset", ingested_at, stage, reason, field, detail,
                value_preview, value_bytes
            from ops.dead_letters_recent where ingested_at >= %s
            order by ingested_at desc, topic, partition, "offset" desc""",
            (since or _ALL_TIME,),
        )
        for values in cursor:
            example = DeadLetterExample(*values)
            if len(found[example.reason]) < examples:
                found[example.reason].append(example)
    totals = reject_totals(connection, since=since)
    return [
        DeadLetters(reason, REASONS.get(reason, ""), count, found[reason])
        for reason, count in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]


def latest_rows(connection: Connection, *, limit: int = 20) -> dict[str, list[LatestRow]]:
    """Table -> its newest rows, newest first."""
    tables: dict[str, list[LatestRow]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            """select table_name, ingested_at, "row" from ops.latest_rows
            order by table_name, ingested_at desc, topic, partition, "offset" desc, line_number desc"""
        )
        for table, ingested_at, row in cursor:
            if len(tables[table]) < limit:
                tables[table].append(LatestRow(ingested_at, row))
    return dict(tables)
