"""One polled table: its rows compared with what was sent, the changes and the vanished keys sent."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from pipelines.contracts.delivery import RecordSink
from pipelines.contracts.parsing import RawRecord, Reject, parse_record
from pipelines.contracts.topic import TopicSpec
from pipelines.runtime.polling.versions import POLLED_HEADERS, Mark, Version, encode_row

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PolledTable:
    """A query whose rows are the present versions of a topic's keys, asked every so many seconds."""

    topic: TopicSpec
    query: str
    every_seconds: float
    deletes: bool

    @property
    def setting(self) -> str:
        """How messages name it."""
        return f"polls: {self.topic.name}"

    @property
    def statement_seconds(self) -> int:
        """When the server gives up on one statement."""
        return max(60, round(self.every_seconds))


@dataclass
class PollReport:
    """What one poll found. `broken` are among the `sent`: silver will reject them.

    `unsendable` rows are larger than a message may be, or nested too deep to be read.
    """

    rows: int = 0
    sent: int = 0
    unchanged: int = 0
    deleted: int = 0
    without_key: int = 0
    repeated_keys: int = 0
    unsendable: int = 0
    broken: int = 0


@dataclass
class TablePoll:
    """Polls a table into a sink. `memory` holds the mark of each key's last version, and is kept.

    `max_bytes` bounds key and value of a message.
    """

    table: PolledTable
    memory: dict[bytes, Mark]
    sink: RecordSink
    max_bytes: int
    warned: set[str] = field(default_factory=set)

    def run(self, rows: Iterable[str], *, now: int, stop: threading.Event) -> PollReport:
        """Send what has changed since the last version of each key; `now` in UTC microseconds.

        Keys that have vanished are deleted once all rows were read; `stop` ends it before that.
        Raises `ServiceError` when a record was lost: the memory is then no longer true.
        """
        report, seen = PollReport(), set[bytes]()
        for text in rows:
            if stop.is_set():
                break
            report.rows += 1
            self._take(text, seen, report, now)
        else:
            self._delete_vanished(seen, report)
        self._warn_of_rows(report)
        self.sink.flush()
        return report

    def _take(self, text: str, seen: set[bytes], report: PollReport, now: int) -> None:
        version = encode_row(text, key_field=self.table.topic.key, now=now)
        if version is None:
            report.unsendable += 1
        elif not version.key:
            report.without_key += 1
        elif version.key in seen:
            report.repeated_keys += 1
        else:
            seen.add(version.key)
            self._compare(version, report, now)

    def _compare(self, version: Version, report: PollReport, now: int) -> None:
        if version.mark.same_as(self.memory.get(version.key)):
            report.unchanged += 1
            return
        if len(version.key) + len(version.value) > self.max_bytes:
            report.unsendable += 1
            return
        outcome = parse_record(RawRecord(version.key, version.value, (), now), self.table.topic)
        if isinstance(outcome, Reject):
            report.broken += 1
            self._warn(
                "polled_row_breaks_contract",
                once=f"{outcome.reason} {outcome.field}",
                reason=outcome.reason,
                field=outcome.field,
                key=version.key.decode(errors="replace"),
            )
        self.sink.send(self.table.topic.name, key=version.key, value=version.value, headers=POLLED_HEADERS)
        self.memory[version.key] = version.mark
        report.sent += 1

    def _delete_vanished(self, seen: set[bytes], report: PollReport) -> None:
        if not self.table.deletes or report.unsendable:  # which keys those rows have is not known
            return
        vanished = [key for key, mark in self.memory.items() if mark.polled and key not in seen]
        for key in vanished:
            self.sink.send(self.table.topic.name, key=key, value=None, headers=POLLED_HEADERS)
            del self.memory[key]
        report.deleted = len(vanished)

    def _warn_of_rows(self, report: PollReport) -> None:
        for fault in ("without_key", "repeated_keys", "unsendable"):
            rows = getattr(report, fault)
            if rows:
                self._warn("polled_rows_skipped", once=fault, why=fault, rows=rows)

    def _warn(self, event: str, *, once: str, **facts: object) -> None:
        if once not in self.warned:
            self.warned.add(once)
            log.warning(event, topic=self.table.topic.name, **facts)
