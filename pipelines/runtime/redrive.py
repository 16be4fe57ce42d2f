"""Dead letters sent to Kafka again once today's parser reads them. What still fails stays.

A record sent again is the same key, value and headers, and the header `clicklake-origin` with the
position of its dead letter. A dead letter whose position is already the origin of a record is never
sent again; if that record has become a dead letter itself, it is the one to be sent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from pipelines.connectors.kafka import Producer
from pipelines.connectors.lake_reader import LakeReader
from pipelines.contracts.delivery import Headers
from pipelines.contracts.fields import REASONS
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import DEAD_LETTERS
from pipelines.contracts.origin import Position, origin_value, origins_in, read_origin
from pipelines.contracts.parsing import ORIGIN_HEADER, RawRecord, Reject
from pipelines.contracts.positions import Vector
from pipelines.errors import LakeError, ServiceError, SettingsError
from pipelines.silver.reading import RecordReader

BEYOND_MENDING = {
    "conflicting_id": "its id is taken by an earlier record with other content, which no parser can change",
    "empty_value": "it holds nothing that a parser could read",
}
"""Reasons that no fix of the parser or of a mapping can mend, each with why."""

Letter = dict[str, Any]
"""A row of silver.dead_letters."""

_CHUNK_ROWS = 500
_LETTER_COLUMNS = ("topic", "partition", "offset", "reason", "key", "value", "headers")


@dataclass(frozen=True)
class Selection:
    """Which dead letters: those of the reasons (none: of every reason) on the topic (null: on all)."""

    reasons: tuple[str, ...] = ()
    topic: str | None = None

    def check(self, topics: Iterable[str]) -> None:
        """Raise `SettingsError` on an unknown reason or topic, or a reason that cannot be mended."""
        for reason in self.reasons:
            if reason not in REASONS:
                raise SettingsError(f"there is no reason `{reason}`; the reasons are {', '.join(REASONS)}.")
            if reason in BEYOND_MENDING:
                raise SettingsError(
                    f"a dead letter of reason `{reason}` cannot be sent again as it is: "
                    f"{BEYOND_MENDING[reason]}; send a corrected record instead."
                )
        if self.topic is not None and self.topic not in topics:
            known = ", ".join(sorted(topics))
            raise SettingsError(f"no topic `{self.topic}` is read here; the topics are {known}.")

    def of(self, reader: LakeReader) -> duckdb.DuckDBPyRelation:
        """The selected dead letters, not yet read. Raises `LakeError` without their table."""
        if DEAD_LETTERS.name not in reader.tables:
            raise LakeError("the lake has no dead letters: the job clean_silver has not run yet.")
        letters = reader.query("from silver.dead_letters")
        if self.reasons:
            reasons = [duckdb.ConstantExpression(reason) for reason in self.reasons]
            letters = letters.filter(duckdb.ColumnExpression("reason").isin(*reasons))
        if self.topic is not None:
            letters = letters.filter(
                duckdb.ColumnExpression("topic") == duckdb.ConstantExpression(self.topic)
            )
        return letters


@dataclass
class Tally:
    """What became of the dead letters of one reason. `parse_now` are those not sent again before."""

    selected: int = 0
    already_sent: int = 0
    parse_now: int = 0
    sent: int = 0
    still_bad: Counter[str] = field(default_factory=Counter)


@dataclass
class RedriveReport:
    """Tallies by the reason of the dead letter."""

    by_reason: dict[str, Tally] = field(default_factory=dict)

    def tally(self, reason: str) -> Tally:
        """The tally of that reason."""
        return self.by_reason.setdefault(reason, Tally())

    def as_data(self) -> dict[str, Any]:
        """The sums over all reasons; `still_bad` by the reason that today's parser gives."""
        tallies = self.by_reason.values()
        sums = {
            name: sum(getattr(tally, name) for tally in tallies)
            for name in ("selected", "parse_now", "sent", "already_sent")
        }
        return sums | {"still_bad": dict(sum((tally.still_bad for tally in tallies), Counter()))}


def selected_topics(letters: duckdb.DuckDBPyRelation) -> dict[str, date]:
    """Topics of the selected dead letters, each with the day of the first."""
    return dict(letters.aggregate("topic, min(ingested_date)").fetchall())


def tail_of_kafka(covered: Vector, ends: Vector, *, bootstrap: str) -> Vector:
    """Where bronze leaves off, for the partitions of `ends`.

    Raises `ServiceError` when Kafka ends before that: it is not the broker that bronze was landed from.
    """
    topics = {topic for topic, _ in ends}
    for (topic, partition), landed in covered.items():
        end = ends.get((topic, partition), 0)
        if topic in topics and end < landed:
            raise ServiceError(
                f"Kafka at {bootstrap} ends at offset {end} of {topic}/{partition}, but bronze has landed "
                f"{landed} records of it: this is not the broker that the lake was landed from."
            )
    return {place: covered.get(place, 0) for place in ends}


def origins_sent(reader: LakeReader, tail: Iterable[KafkaRecord], *, since: date) -> set[Position]:
    """Positions that a record was already sent again for: in bronze since that day, and in the tail."""
    rows = reader.rows(
        "select header.value as origin from (select unnest(headers) as header from bronze.records "
        "where ingested_date >= ?) where header.key = ?",
        [since, ORIGIN_HEADER],
    )
    landed = (read_origin(row["origin"]) for row in rows)
    found = {position for position in landed if position is not None}
    return found | {position for record in tail for position in origins_in(record.headers)}


def in_chunks(letters: duckdb.DuckDBPyRelation) -> Iterator[list[Letter]]:
    """The selected dead letters in chunks of one topic, in each partition's order."""
    wanted = letters.select(*_LETTER_COLUMNS).order('topic, partition, "offset"')
    for batch in wanted.to_arrow_reader(_CHUNK_ROWS):
        by_topic: dict[str, list[Letter]] = {}
        for row in batch.to_pylist():
            by_topic.setdefault(row["topic"], []).append(row)
        yield from by_topic.values()


@dataclass(frozen=True)
class Redriver:
    """Checks dead letters with today's parser and sends those that it reads.

    `topics` are those that silver reads; `sink` null sends nothing (a dry run); `limit` bounds what is
    sent; `now` in UTC microseconds stands for the broker's time.
    """

    reader: RecordReader
    topics: frozenset[str]
    origins: set[Position]
    sink: Producer | None
    limit: int | None = None

    def run(self, chunks: Iterable[Sequence[Letter]], *, now: int) -> RedriveReport:
        """What became of the chunks. Raises `ServiceError` when a record was not acknowledged."""
        report = RedriveReport()
        for letters in chunks:
            fresh = []
            for letter in letters:
                tally = report.tally(letter["reason"])
                tally.selected += 1
                if _position(letter) in self.origins:
                    tally.already_sent += 1
                else:
                    fresh.append(letter)
            for letter, reject in zip(fresh, self._rejects(fresh, now), strict=True):
                self._settle(letter, reject, report)
        if self.sink is not None:
            self.sink.flush()
        return report

    def _rejects(self, letters: Sequence[Letter], now: int) -> list[Reject | None]:
        if not letters:
            return []
        topic = letters[0]["topic"]
        if topic not in self.topics:
            return [Reject("map", "unmapped", None, "the topic is bound to no mapping")] * len(letters)
        records = [RawRecord(letter["key"], letter["value"], _headers(letter), now) for letter in letters]
        outcomes = self.reader.outcomes(topic, records)
        return [outcome if isinstance(outcome, Reject) else None for outcome in outcomes]

    def _settle(self, letter: Letter, reject: Reject | None, report: RedriveReport) -> None:
        tally, reason = report.tally(letter["reason"]), letter["reason"]
        if reason in BEYOND_MENDING or reject is not None:
            tally.still_bad[reason if reject is None else reject.reason] += 1
            return
        tally.parse_now += 1
        sent = sum(one.sent for one in report.by_reason.values())
        if self.sink is None or (self.limit is not None and sent >= self.limit):
            return
        self.sink.send(
            letter["topic"],
            key=letter["key"],
            value=letter["value"],
            headers=_headers_again(letter),
            partition=letter["partition"],  # where its key's other records are, whoever chose it
        )
        tally.sent += 1


def _position(letter: Letter) -> Position:
    return Position(letter["topic"], letter["partition"], letter["offset"])


def _headers(letter: Letter) -> list[tuple[str, bytes | None]]:
    return [(header["key"], header["value"]) for header in letter["headers"] or ()]


def _headers_again(letter: Letter) -> Headers:
    """The headers as they were, an earlier origin replaced: each copy names the one before it.

    Kafka's client sends no null in a header: it becomes empty.
    """
    kept = tuple((name, value or b"") for name, value in _headers(letter) if name != ORIGIN_HEADER)
    return (*kept, (ORIGIN_HEADER, origin_value(_position(letter))))
