"""What a record says, and which record it is, each as one hash; the same on every machine and run."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import msgspec

from pipelines.contracts.topic import PROPERTIES
from pipelines.contracts.topics import all_topics

NOT_SAID = frozenset({"ip_address", "user_agent"})
"""Wire fields that may differ between two copies of one record: who carried it, not what it says."""

_encoder = msgspec.json.Encoder()
Row = dict[str, Any]


def fingerprint_of(rows: Sequence[tuple[str, Row]]) -> int:
    """Signed 64-bit hash of what a record says: each row's table and its wire fields, but `NOT_SAID`.

    `rows` are the silver rows of one record with their tables, in their order. Positions, times of
    arrival and derived columns are not looked at; JSON and Avro forms of a record hash the same.
    """
    said = [(table, _said(table)(row)) for table, row in rows]
    return int.from_bytes(blake2b(_encoder.encode(said), digest_size=8).digest(), "big", signed=True)


def record_key(place: str, table: str, visitor_id: str, event_id: str) -> bytes:
    """16 bytes that stand for one record of a visitor in a table, seen at `place`."""
    return blake2b(_encoder.encode((place, table, visitor_id, event_id)), digest_size=16).digest()


@cache
def _said(table: str) -> Callable[[Row], tuple[Any, ...]]:
    """The values of a row that the record itself holds, in declared order."""
    topic = next(topic for topic in all_topics().values() if topic.table == table)
    names = [topic.time_column if f.name == "occurred_at" else f.name for f in (*topic.fields, *topic.lines)]
    return itemgetter(*(name for name in names if name not in NOT_SAID), PROPERTIES)
