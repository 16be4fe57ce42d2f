"""Who a decision is about: as the sources call them, and as silver does where ids are pseudonyms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.parsing import RawRecord, Reject
from pipelines.silver.enrichment import Pseudonyms
from pipelines.silver.reading import RecordReader
from serving.scoring.decision import Decision

_WHO = ("visitor_id", "user_id", "session_id")


@dataclass(frozen=True)
class Identity:
    """Features are kept by silver's ids. Records of decisions hold the sources' ids, as clicks do.

    Silver puts pseudonyms in the place of both, as `reader` does; `plain` reads records without doing so.
    Where there are no pseudonyms, nothing is changed at all.
    """

    pseudonyms: Pseudonyms | None
    reader: RecordReader
    plain: RecordReader

    def known_as(self, keys: Mapping[str, str | None]) -> dict[str, str | None]:
        """The keys as silver holds them."""
        found: dict[str, Any] = dict(keys)
        if self.pseudonyms is not None:
            self.pseudonyms.replace_in(found)
        return found

    def named(self, decision: Decision, keys: Mapping[str, str | None]) -> Decision:
        """The decision about whom a caller named."""
        if self.pseudonyms is None:
            return decision
        return msgspec.structs.replace(decision, **{name: keys.get(name) for name in keys})

    def as_told(self, decision: Decision, record: KafkaRecord) -> Decision:
        """The decision about whom a record named."""
        if self.pseudonyms is None:
            return decision
        raw = RawRecord(record.key, record.value, record.headers, record.ingested_at)
        (rows,) = self.plain.outcomes(record.topic, [raw])
        if isinstance(rows, Reject):
            return decision
        _, row = rows[0]
        return msgspec.structs.replace(decision, **{name: row.get(name) for name in _WHO})
