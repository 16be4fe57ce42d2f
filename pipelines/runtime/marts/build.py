"""One run: sessions of the visitors in the arrivals are made anew, and the days these touch in all marts.

Sessions are written last and their commit carries the positions. A run that dies before leaves the old
sessions and positions, so that the next one finds the same days touched and writes them once more.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import coverages, ensure_table
from pipelines.connectors.delta_replace import replace_days, replace_table
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.gold import COHORTS, DAY, SESSIONS
from pipelines.contracts.positions import Coverage, Vector, behind
from pipelines.gold.mart_changes import orders_of, rows_of, sessions_of_days, touched_days, touched_visitors
from pipelines.gold.marts import Frames, Mart, MartRules, all_marts
from pipelines.runtime.marts.positions import BUILD_MARTS, SilverUntil, silver_positions
from pipelines.runtime.marts.publish import publish, stands_at

_EVENTS, _ORDERS, _LINKS = "silver.events", "silver.orders", "silver.visitor_user"


@dataclass(frozen=True)
class MartsRun:
    """What a run did. `days` are those it wrote; `rows` of each mart there are now."""

    is_full: bool
    records: int
    days: list[date]
    rows: dict[str, int]
    seconds: float

    def as_data(self) -> dict[str, object]:
        """The run as JSON data."""
        first, last = (str(self.days[0]), str(self.days[-1])) if self.days else (None, None)
        return {
            "full": self.is_full,
            "records": self.records,
            "days": len(self.days),
            "first_day": first,
            "last_day": last,
            "rows": self.rows,
            "seconds": round(self.seconds, 1),
        }


def build_marts(
    spark: SparkSession, names: Names, *, rules: MartRules, full: bool, postgres: PostgresAddress
) -> MartsRun:
    """Bring all marts up to silver; `full`, or rules other than those before, makes them anew.

    Raises `LakeError` when silver has no batch yet, `ServiceError` when Postgres is away.
    """
    began, until = time.monotonic(), silver_positions(spark, names)
    for name, mart in all_marts().items():
        ensure_table(spark, mart.table, names.table(name))
    before = _last_run(spark, names)
    whole = full or before is None or not _made_by(rules, spark, names)
    since = {} if whole or before is None else before.positions
    number = 0 if before is None else before.batch_id + 1
    run = _Run(spark, names, rules, Coverage(BUILD_MARTS, number, until))
    if whole:
        days = run.whole(postgres)
    elif since == until and stands_at(postgres, until, query=BUILD_MARTS):
        days = []
    else:
        days = run.further(since, postgres)
    rows = {name: spark.read.format("delta").load(names.table(name)).count() for name in all_marts()}
    return MartsRun(whole, behind(since, until), days, rows, time.monotonic() - began)


def _last_run(spark: SparkSession, names: Names) -> Coverage | None:
    """What the newest commit of a run to the sessions says."""
    found = coverages(spark, [names.table(SESSIONS.name)], query=BUILD_MARTS)
    return max(found, key=lambda one: one.batch_id, default=None)


def _made_by(rules: MartRules, spark: SparkSession, names: Names) -> bool:
    """Whether what is there is made by these rules; they stand in every row."""
    wanted = {SESSIONS: ("gap_seconds", "path_steps"), COHORTS: ("period_days",)}
    for table, columns in wanted.items():
        made = spark.read.format("delta").load(names.table(table.name)).select(*columns).first()
        if made is not None and made.asDict() != {name: getattr(rules, name) for name in columns}:
            return False
    return True


class _Run:
    def __init__(self, spark: SparkSession, names: Names, rules: MartRules, coverage: Coverage) -> None:
        self._spark = spark
        self._names = names
        self._rules = rules
        self._coverage = coverage
        self._silver = SilverUntil(spark, names, coverage.positions)
        self._path = names.table(SESSIONS.name)

    def whole(self, postgres: PostgresAddress) -> list[date]:
        """Make everything anew; all days there are now."""
        made = self._sessions(self._silver.table(_EVENTS), self._silver.table(_ORDERS))
        sessions = _computed(made)
        self._derive(sessions, sessions, None)
        self._publish(postgres, None, None)
        replace_table(sessions, self._path, partition=DAY, coverage=self._coverage)
        return _days(sessions.select(DAY).distinct())

    def further(self, since: Vector, postgres: PostgresAddress) -> list[date]:
        """Take in what arrived since; the days written."""
        before = self._spark.read.format("delta").load(self._path)
        events, orders = self._silver.table(_EVENTS), self._silver.table(_ORDERS)
        new_events = self._silver.table(_EVENTS, since=since)
        new_orders = self._silver.table(_ORDERS, since=since)
        visitors = _computed(touched_visitors(new_events, new_orders, orders))
        made = self._sessions(rows_of(visitors, events), orders_of(visitors, orders))
        after = _computed(rows_of(visitors, made))
        days = _days(touched_days(rows_of(visitors, before), after))
        now = _computed(sessions_of_days(days, before=before, after=after, visitors=visitors))
        everything = before.where(~F.col(DAY).isin(*days)).unionByName(now)
        self._derive(now, everything, days)
        self._publish(postgres, days, since)
        replace_days(now, self._path, column=DAY, days=days, coverage=self._coverage)
        return days

    def _sessions(self, events: DataFrame, orders: DataFrame) -> DataFrame:
        given = {_ORDERS: orders}
        frames = {name: self._silver.view(name, given) for name in all_marts()[SESSIONS.name].reads[1:]}
        return all_marts()[SESSIONS.name].build({_EVENTS: events, **frames}, self._rules)

    def _derive(self, of_days: DataFrame, everything: DataFrame, days: Sequence[date] | None) -> None:
        """Write what is made of the sessions; `days` null: all."""
        links = self._silver.view(_LINKS)
        for mart in all_marts().values():
            if mart.table is SESSIONS:
                continue
            sessions = of_days if mart.is_by_day else everything
            self._write(mart, {SESSIONS.name: sessions, _LINKS: links}, days)

    def _publish(self, postgres: PostgresAddress, days: Sequence[date] | None, since: Vector | None) -> None:
        publish(self._spark, self._names, postgres, coverage=self._coverage, days=days, since=since)

    def _write(self, mart: Mart, frames: Frames, days: Sequence[date] | None) -> None:
        rows, path = mart.build(frames, self._rules), self._names.table(mart.table.name)
        if days is None or not mart.is_by_day:
            replace_table(rows, path, partition=DAY if mart.is_by_day else None)
        elif days:
            replace_days(rows, path, column=DAY, days=days)


def _computed(rows: DataFrame) -> DataFrame:
    """The rows computed once and without their plan: planning it again took longer than computing it."""
    return rows.localCheckpoint(storageLevel=StorageLevel.MEMORY_AND_DISK)


def _days(rows: DataFrame) -> list[date]:
    return sorted(row[DAY] for row in rows.collect())
