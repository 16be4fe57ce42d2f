"""A decision as it is written to Kafka: the record of topic `decisions`, quick to encode."""

import hashlib
from datetime import UTC, datetime

import msgspec

from pipelines.contracts.fields import MAX_ID_CHARACTERS
from pipelines.gold.problems.problem import Problem

_MICROS = 1_000_000
_encoder = msgspec.json.Encoder()


class Decision(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What was decided, by what, and how: the fields of `pipelines/contracts/topics/decisions.py`.

    `event_id` is the decision's id. Fields that hold JSON are its text already, so that a list is encoded
    once, for the record and for answers alike.
    """

    event_id: str
    visitor_id: str
    occurred_at: str
    problem: str
    problem_version: int
    door: str
    action: str
    reason: str
    user_id: str | None = None
    session_id: str | None = None
    product_id: str | None = None
    about_event: str | None = None
    about_topic: str | None = None
    about_partition: int | None = None
    about_offset: int | None = None
    model: str | None = None
    model_version: int | None = None
    model_sha256: str | None = None
    probability: float | None = None
    wanted_action: str | None = None
    propensity: float | None = None
    expected_minor: float | None = None
    is_holdout: bool | None = None
    policy: str | None = None
    products: str | None = None
    features: str | None = None
    set_versions: str | None = None
    positions: str | None = None
    batch_id: int | None = None
    in_flight: int | None = None
    added_events: str | None = None
    is_whole: bool | None = None
    state_ahead: bool | None = None
    stale: str | None = None
    shadows: str | None = None
    published_micros: int | None = None
    ingested_micros: int | None = None
    read_micros: int | None = None
    score_micros: int | None = None
    scorer: str | None = None

    def encode(self) -> bytes:
        """The record's value: one JSON object, without the fields that are null."""
        return _encoder.encode(self)


def wire_time(micros: int) -> str:
    """A moment, UTC microseconds, as records hold it: ISO 8601 to the microsecond."""
    seconds, rest = divmod(micros, _MICROS)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:06d}Z"


def decision_id(problem: Problem, *, visitor_id: str, event_id: str) -> str:
    """The id of the decision that an event asks for: the same whenever, and by whomever, it is read.

    `<problem>:<version>:<visitor>:<event>`, and a SHA-256 for the last two where that were too long.
    """
    head = f"{problem.name}:{problem.version}:"
    tail = f"{visitor_id}:{event_id}"
    if len(head) + len(tail) > MAX_ID_CHARACTERS:
        tail = hashlib.sha256(tail.encode()).hexdigest()
    return head + tail
