"""What would become of files under a mapping: every record through the parser, without Kafka."""

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipelines.connectors.mapping import FileReport, MappedFiles, MappedRecord, TimeSpan
from pipelines.contracts.fields import MICROS_PER_SECOND
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics

_EXAMPLES = 3
_SHOWN_BYTES = 400


@dataclass
class Rejected:
    """Records rejected for one reason in one field: how many, and the first few."""

    topic: str
    stage: str
    reason: str
    field: str | None
    count: int = 0
    examples: list[dict[str, Any]] = dataclasses.field(default_factory=list)


@dataclass
class MappingCheck:
    """Counts of a check. `repeated_ids` are records that would be seen as duplicates or clashes."""

    mapping: str
    files: tuple[FileReport, ...]
    input_rows: int
    rejected_lines: int
    unmapped_rows: int
    unmapped_examples: list[str]
    repeated_ids: int
    records: Counter[str] = dataclasses.field(default_factory=Counter)
    valid: Counter[str] = dataclasses.field(default_factory=Counter)
    rejects: list[Rejected] = dataclasses.field(default_factory=list)
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    first: str | None = None
    last: str | None = None
    seconds: float = 0.0


def check_mapping(
    mapped: MappedFiles, *, name: str, span: TimeSpan | None, shift_micros: int, rows: int
) -> MappingCheck:
    """Parse every record as if the broker took it now; keep the first `rows` valid ones to show.

    Raises `MappingError` when the mapping's SQL fails on a row.
    """
    started = time.monotonic()
    unmapped, examples = mapped.unmapped()
    check = MappingCheck(
        name, mapped.files, mapped.rows, mapped.rejected_lines, unmapped, examples, mapped.repeats()
    )
    if span is not None:
        check.first, check.last = _iso(span.first + shift_micros), _iso(span.last + shift_micros)
    found: dict[tuple[str, str, str, str | None], Rejected] = {}
    for record in mapped.records(shift_micros=shift_micros):
        check.records[record.topic] += 1
        _parse_one(record, check, found, rows)
    check.rejects = sorted(found.values(), key=lambda one: -one.count)
    check.seconds = time.monotonic() - started
    return check


def _parse_one(
    record: MappedRecord,
    check: MappingCheck,
    found: dict[tuple[str, str, str, str | None], Rejected],
    rows: int,
) -> None:
    headers = () if record.known_at is None else ((KNOWN_AT_HEADER, record.known_at.encode()),)
    now = int(time.time() * MICROS_PER_SECOND)
    outcome = parse_record(RawRecord(record.key, record.value, headers, now), all_topics()[record.topic])
    if not isinstance(outcome, Reject):
        check.valid[record.topic] += 1
        if len(check.rows) < rows:
            shown = {"row": record.row, "topic": record.topic, "record": msgspec.json.decode(record.value)}
            check.rows.append(shown if record.known_at is None else {**shown, "known_at": record.known_at})
        return
    place = (record.topic, outcome.stage, outcome.reason, outcome.field)
    rejected = found.setdefault(place, Rejected(*place))
    rejected.count += 1
    if len(rejected.examples) < _EXAMPLES:
        value = record.value[:_SHOWN_BYTES].decode(errors="replace")
        rejected.examples.append({"row": record.row, "detail": outcome.detail, "record": value})


def _iso(micros: int) -> str:
    return datetime.fromtimestamp(micros // MICROS_PER_SECOND, UTC).isoformat().replace("+00:00", "Z")
