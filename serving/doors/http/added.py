"""Events that a caller tells of with a question, read as silver would read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines.contracts.parsing import RawRecord, Reject
from pipelines.contracts.topics.clicks import TOPIC
from pipelines.gold.features.event import of_row
from pipelines.gold.features.values import Event
from pipelines.silver.reading import RecordReader
from serving.doors.http.bodies import Ask, RefusedEvent
from serving.incoming import Caller, judge
from serving.incoming import Refused as RefusedHere

_MICROS = 1_000_000


def read_added(ask: Ask, reader: RecordReader, *, now: int) -> tuple[list[Event], list[RefusedEvent]]:
    """The events that count for this decision, and those that do not. `now`: UTC microseconds.

    The shape is that of `POST /v1/events`. The visitor and the visit are the question's where an event names
    none; an event of another visitor is refused.
    """
    caller = Caller(ask.visitor_id, None, None, None)
    moment = datetime.fromtimestamp(now / _MICROS, UTC)
    events: list[Event] = []
    refused: list[RefusedEvent] = []
    for index, given in enumerate(ask.events):
        known = {"session_id": ask.session_id} if ask.session_id is not None else {}
        judged = judge({**known, **given}, index=index, caller=caller, now=moment)
        if isinstance(judged, RefusedHere):
            refused.append(RefusedEvent(index, judged.field, judged.reason, _sendable(judged.detail)))
        elif judged.key != ask.visitor_id.encode():
            refused.append(
                RefusedEvent(index, "visitor_id", "another_visitor", "not whom the question names")
            )
        else:
            events += _events(judged.value, reader, now)
    return events, refused


def _events(value: bytes, reader: RecordReader, now: int) -> Sequence[Event]:
    (outcome,) = reader.outcomes(TOPIC.name, [RawRecord(None, value, (), now)])
    if isinstance(outcome, Reject):
        return ()
    unplaced: dict[str, Any] = {"topic": None, "partition": None, "offset": None, "ingested_at": now}
    found = (of_row(table, row | unplaced) for table, row in outcome)
    return [event for event in found if event is not None]


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
