"""Reading raw records: translated where their topic is bound, parsed, fingerprinted, enriched.

Plain Python, for Spark's workers, for re-drives and for the oracle. A fault of the parser itself
becomes the record's reject, so that one record cannot stop a stream.
"""

from collections.abc import Callable, Mapping, Sequence

from pipelines.contracts.fingerprint import fingerprint_of
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, Row, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.contracts.translation import Translated, Translator

Enrich = Callable[[str, Row], None]
"""Adds to a row of the named table, in place."""

Rows = list[tuple[str, Row]]
"""Silver rows of one record: table and row."""

_DETAIL = 300


class RecordReader:
    """Gives the silver rows of raw records. Plain data, so that Spark can ship it to its workers."""

    def __init__(self, translators: Mapping[str, Translator], enrich: Enrich) -> None:
        self._translators = dict(translators)
        self._enrich = enrich

    def outcomes(self, topic: str, records: Sequence[RawRecord]) -> list[Rows | Reject]:
        """One outcome a record, in order: its rows of all tables, or why there are none."""
        translator = self._translators.get(topic)
        if translator is None:
            return [self._read([(topic, record)]) for record in records]
        return [
            self._read_translated(record, translated)
            for record, translated in zip(records, _translate(translator, records), strict=True)
        ]

    def _read_translated(self, record: RawRecord, translated: Translated | Reject) -> Rows | Reject:
        if isinstance(translated, Reject):
            return translated
        return self._read([(topic, _as_given(record, value, at)) for topic, value, at in translated])

    def _read(self, parts: Sequence[tuple[str, RawRecord]]) -> Rows | Reject:
        """The rows of all parts of one record, or the first part's reject alone."""
        try:
            rows: Rows = []
            for topic, raw in parts:
                spec = all_topics()[topic]
                outcome = parse_record(raw, spec)
                if isinstance(outcome, Reject):
                    return outcome
                rows.extend((spec.table, row) for row in outcome)
            self._complete(rows)
        except Exception as error:
            return _failed("validate", error)
        return rows

    def _complete(self, rows: Rows) -> None:
        fingerprint = fingerprint_of(rows)
        for table, row in rows:
            if "is_deleted" not in row:
                row["fingerprint"] = fingerprint
            self._enrich(table, row)


def _translate(translator: Translator, records: Sequence[RawRecord]) -> list[Translated | Reject]:
    values = [record.value for record in records]
    try:
        return list(translator(values))
    except Exception as error:
        if len(values) == 1:
            return [_failed("map", error)]
    return [outcome for record in records for outcome in _translate(translator, [record])]


def _failed(stage: str, error: Exception) -> Reject:
    return Reject(stage, "parser_failed", None, f"{type(error).__name__}: {error}"[:_DETAIL])


def _as_given(record: RawRecord, value: bytes, known_at: str | None) -> RawRecord:
    """The record as the mapping gives it: another value, and its own arrival where it names one."""
    if known_at is None:
        return record._replace(value=value)
    return record._replace(value=value, headers=[*record.headers, (KNOWN_AT_HEADER, known_at.encode())])
